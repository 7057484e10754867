"""The model card of an exported lifter, filled from its run."""

import os

from keras_pose.export import DataFact, MetricFact, ModelCard, SignatureFact, TensorFact
from keras_pose.tips.config import Config
from keras_pose.train import config as configs
from keras_pose.train import run_folder

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
_FRAME = "x right, y down, z forward; pelvis at 0"


def lift_facts(name: str = "lift") -> SignatureFact:
    """What goes in and out of the lifter's signature."""
    return SignatureFact(
        name=name,
        inputs=(
            TensorFact(
                "keypoints_2d", "float32", "[N, 17, 2]", "pixels, any scale",
                "x right, y down; any origin", "Human3.6M-17 joints of one person",
            ),
        ),
        outputs=(
            TensorFact(
                "keypoints_3d", "float32", "[N, 17, 3]", "the input's pixels at the pelvis's depth",
                _FRAME, "lifted joints; x, y agree with the input up to perspective",
            ),
            TensorFact("scale", "float32", "[N]", "pixels", "none", "size of the 2D pose"),
            TensorFact(
                "valid", "float32", "[N]", "none", "none",
                "1, or 0 for non-finite or pointlike input, whose other outputs are 0",
            ),
        ),
    )  # fmt: skip


def teacher_recipe(teacher_dir: str) -> dict:
    """What a student was distilled from.

    Args:
        teacher_dir: run folder of the teacher.

    Returns:
        The teacher's config, commit and results; empty if the folder is gone.
    """
    if not os.path.exists(os.path.join(teacher_dir, run_folder.RUN_FILE)):
        return {}
    run = run_folder.read_run(teacher_dir)
    facts = {"config": run["config"], "commit": run["environment"]["git_commit"]}
    return facts | {"results": run.get("results", {})}


def model_card(name: str, version: int, config: Config, run: dict, weights: str) -> ModelCard:
    """Gather the facts of a run for its card.

    Args:
        name: model name.
        version: version number.
        config: the run's `keras_pose.tips.config.Config`.
        run: content of `run.json`.
        weights: which weights were exported.

    Returns:
        The card.

    Raises:
        ValueError: if a required fact is missing.
    """
    data = _DATA.get(config.dataset) or DataFact(
        name=f"{config.dataset}: {run.get('source', 'unknown')}",
        role="training and validation",
        licence="the user's own or as the data set's owner states; not checked",
        citation="as the data set's owner asks",
    )
    source = f"{run['source']}, {run.get('results_poses', 0)} views of the validation split"
    metrics = (
        tuple(
            MetricFact(protocol, source, f"{value:.2f}")
            for protocol, value in run["results"].items()
        )
        if "results" in run
        else (MetricFact("none", source, "no 3D labels to measure against"),)
    )
    supervision = "with 3D labels" if config.model == "supervised" else "without 3D labels"
    recipe = configs.to_dict(config) | {"exported_weights": weights}
    if config.teacher:
        # A path of somebody's machine says nothing; what the teacher was does.
        recipe["teacher"] = os.path.basename(os.path.normpath(config.teacher))
        recipe["teacher_recipe"] = teacher_recipe(config.teacher)
    return ModelCard(
        name=name,
        version=str(version),
        summary=(
            f"Lifts 17 body joints from 2D pixels to root-relative 3D. TIPS (arXiv 2205.05980), "
            f"trained {supervision}; model: {config.model}, geometry: {config.geometry}."
        ),
        signatures=(lift_facts(),),
        data=(data,),
        licence="Apache-2.0; cite the training data as below.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics,
        limits=(
            "One person, all 17 joints present: missing joints must be filled in before.",
            _FILMED if config.dataset in ("cmu", "generated", "bvh") else _AS_GIVEN,
            "Scale and place in the room are not estimated: output is relative to the pelvis, in the "
            "input's pixels.",
            "Accuracy was measured on the validation split named above, with the depth sign chosen "
            f"without labels (sign {run['depth_sign']:+.0f}, nose in front in "
            f"{100 * run['chirality']:.1f} % of poses).",
        ),
    )
