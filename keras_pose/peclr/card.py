"""The model card of an exported hand pose network, filled from its run."""

import os

from keras_pose.export import DataFact, MetricFact, ModelCard
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.peclr.student_config import StudentConfig
from keras_pose.peclr.student_network import STRIDE
from keras_pose.serving import Metadata
from keras_pose.serving.accuracy import losses, metric_facts
from keras_pose.serving.facts import phone_words, signature_facts
from keras_pose.train import config as configs
from keras_pose.train import run_folder

_BONES = "lengths of the reference bone"
_GENERATED = DataFact(
    name="rendered hands of this package with exact joints and cameras",
    role="training and validation, split by person",
    licence="Apache-2.0",
    citation="none needed",
)


def pretraining_recipe(init_from: str) -> dict:
    """What the encoder was pretrained with.

    Args:
        init_from: folder of the pretraining run, or a file.

    Returns:
        The pretraining's config, commit and records; the file's name; empty if the folder is gone.
    """
    if not init_from:
        return {}
    if not os.path.exists(os.path.join(init_from, run_folder.RUN_FILE)):
        return {"file": os.path.basename(init_from)}
    run = run_folder.read_run(init_from)
    return {
        "config": run["config"],
        "commit": run["environment"]["git_commit"],
        "pictures": run.get("pictures", {}),
    }


def model_card(
    metadata: Metadata,
    config: FinetuneConfig | StudentConfig,
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
                role=f"{counts['train']} labelled records to train, {counts['heldout']} held out",
                licence="as the data set's owner states; not checked",
                citation="as the data set's owner asks",
            )
            for folder, counts in run.get("hands", {}).items()
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
    what, recipe = _student_words(config) if isinstance(config, StudentConfig) else _words(config)
    return ModelCard(
        name=metadata.name,
        version=str(metadata.version),
        summary=(
            "21 joints of a hand from a picture and its box: 2D, depth relative to the root, and metric "
            f"3D where the camera and one bone's length are given. {what}"
        ),
        signatures=signature_facts(metadata, phone_words(_BONES, _BONES, STRIDE)),
        data=data,
        licence="Apache-2.0 for the code; the weights as the training data's licences allow.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=(
            "One hand in the middle of its box; it does not say whether there is a hand, and knows left "
            "hands by their mirror image (serve_sided).",
            "Metric 3D is as right as the camera matrix and the bone length that are given.",
            "Accuracy was measured on the held-out records named above; other cameras, gloves, objects "
            "in the hand and two interacting hands were not.",
            *told,
        ),
    )


def _words(config):
    recipe = configs.to_dict(config)
    if config.init_from:
        # A path of somebody's machine says nothing; what was pretrained does.
        recipe["init_from"] = os.path.basename(os.path.normpath(config.init_from))
        recipe["pretraining"] = pretraining_recipe(config.init_from)
    start = "pretrained" if config.init_from else config.init
    what = (
        f"2.5D fine-tuning of PeCLR (arXiv 2106.05953); encoder: {config.encoder}, start: {start}."
    )
    return what, recipe


def _student_words(config):
    recipe = configs.to_dict(config)
    what = f"Heat maps and depth for phones; backbone: {config.backbone}, taught by labels"
    if not config.teacher:
        return f"{what}.", recipe
    recipe["teacher"] = os.path.basename(os.path.normpath(config.teacher))
    if os.path.exists(os.path.join(config.teacher, run_folder.RUN_FILE)):
        run = run_folder.read_run(config.teacher)
        recipe["teacher_run"] = {
            "config": run["config"],
            "commit": run["environment"]["git_commit"],
        }
    return f"{what} and by a larger network of this package (teacher_run below).", recipe
