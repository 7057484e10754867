"""The words of an exported lifter's card, filled from its run."""

from keras_pose.export import DataFact, MetricFact
from keras_pose.serving.model_card import CardWords
from keras_pose.tips.config import Config

_DATA = {
    "cmu": DataFact(
        name="CMU Graphics Lab Motion Capture Database as Human3.6M-17 joints, 2D by four virtual "
        "cameras",
        role="training and validation, split by subject",
        licence="free for research and commercial projects worldwide",
        citation="The data used in this project was obtained from mocap.cs.cmu.edu. The database was "
        "created with funding from NSF EIA-0196217.",
    ),
    "generated": DataFact(
        name="generated human motion of this package, 2D by four virtual cameras",
        role="training and validation, different seeds",
        licence="Apache-2.0",
        citation="none needed",
    ),
}

_FILMED = (
    "Trained on exact 2D of motion seen by upright cameras that look down about 13 degrees, from 4 "
    "to 6 m, of which the mean pitch was known; "
    "rolled cameras, extreme pitch and noise of detectors were not measured."
)
_AS_GIVEN = "Trained on the cameras of its data set alone; other cameras were not measured."
TENSORS = {
    "keypoints_2d": (
        "pixels, any scale",
        "x right, y down; any origin",
        "Human3.6M-17 joints of one person",
    ),
    "keypoints_3d": (
        "the input's pixels at the pelvis's depth",
        "x right, y down, z forward; pelvis at 0",
        "lifted joints; x, y agree with the input up to perspective",
    ),
    "scale": ("pixels", "none", "size of the 2D pose"),
    "valid": (
        "none",
        "none",
        "1, or 0 for non-finite or pointlike input, whose other outputs are 0",
    ),
}


def card_words(config: Config, run: dict) -> CardWords:
    """Word the card of a lifter.

    Args:
        config: of the run.
        run: content of `run.json`.

    Returns:
        What the card says besides facts of the folder.
    """
    supervision = "with 3D labels" if config.model == "supervised" else "without 3D labels"
    return CardWords(
        summary=(
            f"Lifts 17 body joints from 2D pixels to root-relative 3D. TIPS (arXiv 2205.05980), "
            f"trained {supervision}; model: {config.model}, geometry: {config.geometry}."
        ),
        data=(data_fact(config.dataset, run),),
        limits=(
            "One person, all 17 joints present: missing joints must be filled in before.",
            _FILMED if config.dataset in ("cmu", "generated", "bvh") else _AS_GIVEN,
            "Scale and place in the room are not estimated: output is relative to the pelvis, in the "
            "input's pixels.",
            "Accuracy was measured on the validation split named above, with the depth sign chosen "
            f"without labels (sign {run['depth_sign']:+.0f}, nose in front in "
            f"{100 * run['chirality']:.1f} % of poses).",
        ),
        metrics=metric_facts(run),
        tensors={name: TENSORS for name in ("lift", "serving_default")},
        licence="Apache-2.0; cite the training data as below.",
    )


def data_fact(dataset: str, run: dict) -> DataFact:
    """Say what a run learned from.

    Args:
        dataset: the setting.
        run: content of `run.json`.
    """
    return _DATA.get(dataset) or DataFact(
        name=f"{dataset}: {run.get('source', 'unknown')}",
        role="training and validation",
        licence="the user's own or as the data set's owner states; not checked",
        citation="as the data set's owner asks",
    )


def metric_facts(run: dict) -> tuple[MetricFact, ...]:
    """Say what a run measured on its validation split.

    Args:
        run: content of `run.json`.
    """
    source = f"{run['source']}, {run.get('results_poses', 0)} views of the validation split"
    results = {name: f"{value:.2f}" for name, value in run.get("results", {}).items()}
    results = results or {"none": "no 3D labels to measure against"}
    return tuple(MetricFact(name, source, value) for name, value in results.items())
