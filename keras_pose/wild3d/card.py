"""The model card of an exported body pose network, filled from its run."""

import os

from keras_pose.export import DataFact, MetricFact, ModelCard
from keras_pose.serving import Metadata
from keras_pose.serving.accuracy import losses, metric_facts
from keras_pose.serving.facts import phone_words, signature_facts
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.runs import read_config
from keras_pose.wild3d.config import STRIDE, Config

_GENERATED = DataFact(
    name="rendered bodies of this package with exact joints and cameras",
    role="training and validation, split by person",
    licence="Apache-2.0",
    citation="none needed",
)
_CROP_UNITS = "half sides of the crop"
_PHONE = phone_words("pixels of the crop", _CROP_UNITS, STRIDE)


def earlier_stages(init_from: str) -> list[dict]:
    """What the runs before this one were trained with, the nearest first.

    Args:
        init_from: run folder that a run started from, or empty.

    Returns:
        Per run its config and commit; it ends where a folder is gone.
    """
    stages: list[dict] = []
    seen: set[str] = set()
    while init_from and os.path.exists(os.path.join(init_from, run_folder.RUN_FILE)):
        if os.path.realpath(init_from) in seen:
            break
        seen.add(os.path.realpath(init_from))
        run = run_folder.read_run(init_from)
        config = configs.to_dict(read_config(init_from, Config))
        init_from = config["init_from"]
        stages.append(
            {"config": _without_places(config), "commit": run["environment"]["git_commit"]}
        )
    return stages


def model_card(
    metadata: Metadata,
    config: Config,
    run: dict,
    accuracy: dict | None = None,
    data: tuple[DataFact, ...] = (),
) -> ModelCard:
    """Gather the facts of a run for its card.

    Args:
        metadata: what the served network says of itself.
        config: the run's config.
        run: content of `run.json`.
        accuracy: content of `accuracy.json`.
        data: facts of the record folders; where empty, their names with a reminder.

    Returns:
        The card.

    Raises:
        ValueError: if a required fact is missing.
    """
    if not data and config.dataset == "generated":
        data = (_GENERATED,)
    if not data:
        data = tuple(
            DataFact(
                name=folder,
                role=f"{counts['train_3d']} records with 3D and {counts['train_2d']} with 2D labels to "
                f"train, {counts['heldout']} held out",
                licence="as the data set's owner states; not checked",
                citation="as the data set's owner asks",
            )
            for folder, counts in run.get("bodies", {}).items()
        )
    metrics = tuple(
        MetricFact(protocol, f"held-out records, {part}", f"{value:.4f}")
        for part, values in run.get("results", {}).items()
        for protocol, value in values.items()
    )
    told: tuple[str, ...] = ()
    if accuracy:
        metrics += metric_facts(accuracy)
        told = losses(accuracy)
    recipe = _without_places(configs.to_dict(config))
    if config.init_from:
        recipe["earlier_stages"] = earlier_stages(config.init_from)
    recipe["training_bone_sum_mm"] = run["bone_sum_mm"]
    return ModelCard(
        name=metadata.name,
        version=str(metadata.version),
        summary=(
            "16 joints of one person from one picture and a box: 2D, depth in the unit of a pixel, and "
            "metric 3D where the camera and the person's bone sum are given. Wild3D (Zhou et al. 2017, "
            f"arXiv 1704.02447); backbone: {config.backbone}, depth: {config.depth_head}. The training "
            f"records' bones sum to {run['bone_sum_mm'] / 1000:.3f} m on average."
        ),
        signatures=signature_facts(metadata, _PHONE),
        data=data,
        licence="Apache-2.0 for the code; the weights as the training data's licences allow.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=(
            "One person in the middle of its box; it does not say whether there is one, and "
            "joints that are not in the picture get a place all the same, with a low score.",
            "Metric 3D has the size that it is given, and the distance at which bones of that size look "
            "as long as they do: an error of the size is one of the distance too.",
            "Accuracy was measured on the held-out records named above; other cameras, clothes, poses "
            "and half bodies were not.",
            *told,
        ),
    )


def _without_places(recipe):
    """The recipe with the names of run folders alone: a path of somebody's machine says nothing."""
    names = {
        field: os.path.basename(os.path.normpath(recipe[field]))
        for field in ("init_from", "teacher")
        if recipe.get(field)
    }
    return recipe | names
