"""The words of an exported lifter of films, filled from its run."""

from keras_pose.lifter_motion.config import Config
from keras_pose.lifting.presence import MIN_JOINTS
from keras_pose.serving.model_card import CardWords
from keras_pose.tips.card import TENSORS, data_fact, metric_facts


def card_words(config: Config, run: dict, min_score: float) -> CardWords:
    """Word the card of a lifter of films.

    Args:
        config: of the run.
        run: content of `run.json`.
        min_score: joints with a lower score are missing.

    Returns:
        What the card says besides facts of the folder.
    """
    frames = f"{config.num_frames} frames at {config.frames_per_second:g} frames per second"
    which = "the last of them" if config.answer == "last" else "the middle one"
    tensors = TENSORS | {
        "keypoints_2d": (
            "pixels, any scale",
            "x right, y down; any origin, the same for all frames",
            "Human3.6M-17 joints of one person, anything where missing",
        ),
        "score": ("none", "none", f"0 to 1; a joint below {min_score:g} is missing"),
        "filled_2d": (
            "pixels of the input",
            "as the input",
            "the answered frame's joints, and missing ones filled in",
        ),
        "valid": (
            "none",
            "none",
            f"1, or 0 where the answered frame has fewer than {MIN_JOINTS} joints, coinciding joints, a "
            "present joint that is not finite or a score outside [0, 1]; other outputs are then 0",
        ),
        "state": (
            "pixels of the input, and presence",
            "as the input",
            "the frames before, as the last answer gave them; zeros at the beginning and after a cut",
        ),
    }
    return CardWords(
        summary=(
            f"Lifts 17 body joints from 2D pixels to root-relative 3D, looking at {frames}; it answers "
            f"{which}. Taught by TIPS lifters (arXiv 2205.05980) of single frames and their consistency "
            "in time, without 3D labels."
        ),
        data=(data_fact(config.dataset, run),),
        limits=(
            f"One person before a camera that stands still, at least {MIN_JOINTS} of 17 joints in the "
            "answered frame. Frames before the beginning and after the end of a film are given score "
            "0; a cut begins a new film.",
            f"Learnt from {config.frames_per_second:g} frames per second; at another rate people seem to "
            "move faster or slower than it knows.",
            "x and y of the output are the network's, with noise reduced; they differ from the input "
            "by some per cent of the pose.",
            f"Trained on motion capture with made-up noise of up to {100 * config.noise_level:g} % of "
            "the body's height, Student's t of "
            f"{config.noise_degrees_of_freedom:g} degrees of freedom, correlated from frame to frame by "
            f"up to {config.noise_memory:g}, not on a detector's own errors.",
            "Trained on upright cameras that look down 11 to 16 degrees; others were not measured.",
            "Scale and place in the room are not estimated: output is relative to the pelvis, in the "
            "input's pixels.",
            "Accuracy was measured on the validation split named above, exact films (nose in "
            f"front in {100 * run['chirality']:.1f} % of frames); docs/tips.md has noise.",
        ),
        metrics=metric_facts(run),
        tensors={name: tensors for name in ("lift_frames", "lift_next", "serving_default")},
        licence="Apache-2.0; cite the training data as below.",
    )
