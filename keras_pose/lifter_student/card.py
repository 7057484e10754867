"""The words of an exported lifter for detected poses, filled from its run."""

from keras_pose.lifter_student.config import Config, ExportConfig
from keras_pose.lifting.presence import MIN_JOINTS
from keras_pose.serving.model_card import CardWords
from keras_pose.tips.card import TENSORS, data_fact, metric_facts

_SCORED = {
    "keypoints_2d": (
        "pixels, any scale",
        "x right, y down; any origin",
        "Human3.6M-17 joints of one person, anything where missing",
    ),
    "filled_2d": (
        "pixels of the input",
        "as the input",
        "the input's joints, and missing ones filled in",
    ),
    "gravity": ("none", "x right, y down, z forward", "direction down, unit length, estimated"),
    "valid": (
        "none",
        "none",
        f"1, or 0 for fewer than {MIN_JOINTS} joints, coinciding joints, a present joint that is not "
        "finite or a score outside [0, 1]; other outputs are then 0",
    ),
}


def card_words(config: Config, run: dict, settings: ExportConfig) -> CardWords:
    """Word the card of a lifter.

    Args:
        config: of the run.
        run: content of `run.json`.
        settings: of the export.

    Returns:
        What the card says besides facts of the folder.
    """
    score = ("none", "none", f"0 to 1; a joint below {settings.min_score:g} is missing")
    scored = TENSORS | _SCORED | {"score": score}
    many = scored | {
        "keypoints_3d": (
            "the input's pixels at the pelvis's depth",
            "x right, y down, z forward; pelvis at 0",
            "several poses, likeliest first, which differ in whether limbs are in front or behind",
        ),
        "weight": ("none", "none", "how likely a pose is among these; sum 1"),
    }
    camera = scored | {
        "K": ("pixels", "of the keypoints", "camera matrix: rows fx, skew, cx; 0, fy, cy; 0, 0, 1"),
        "keypoints_3d": (
            "distances of the pelvis from the camera",
            "x right, y down, z forward; pelvis at 0",
            "lifted joints in the camera's axes, wherever in the picture the person stands",
        ),
        "direction": (
            "none",
            "x right, y down, z forward",
            "from the camera to the pelvis, unit length; distance * (direction + keypoints_3d) are "
            "places in the camera's frame",
        ),
    }
    low, high = config.pitch_range_deg
    return CardWords(
        summary=(
            "Lifts 17 body joints from 2D pixels to root-relative 3D, and fills in joints that are "
            "missing. Taught by TIPS lifters (arXiv 2205.05980), without 3D labels."
        ),
        data=(data_fact(config.dataset, run),),
        limits=(
            f"One person, at least {MIN_JOINTS} of 17 joints. Filled joints are a guess from the others.",
            "x and y of the output are the network's, with noise reduced; they differ from the input "
            "by some per cent of the pose.",
            f"Trained on motion capture with made-up noise of up to {100 * config.noise_level:g} % of "
            "the body's height, Student's t of "
            f"{config.noise_degrees_of_freedom:g} degrees of freedom, not on a detector's own errors.",
            f"Cameras from {low:g} to {high:g} degrees of pitch (positive looks down) and up to "
            f"{config.roll_range_deg:g} degrees of roll were made from the teachers' 3D.",
            "lift, lift_scored and lift_many do not know where in the picture somebody stands: who is 20 "
            "degrees to the side is answered turned by 20 degrees. lift_camera knows, and wants K.",
            "Distance is not estimated: output is relative to the pelvis, in the input's pixels, of "
            "lift_camera in distances of the pelvis.",
            "Accuracy was measured on the validation split named above, whole exact poses (nose in "
            f"front in {100 * run['chirality']:.1f} % of them); docs/tips.md has missing joints, noise "
            "and other cameras."
            + settings.flip_test
            * " What is served is the mean over a pose and its mirror image; measured was one of both.",
        ),
        metrics=metric_facts(run),
        tensors={
            "lift": TENSORS,
            "serving_default": TENSORS,
            "lift_scored": scored,
            "lift_many": many,
            "lift_camera": camera,
        },
        licence="Apache-2.0; cite the training data as below.",
    )
