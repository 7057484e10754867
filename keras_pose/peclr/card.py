"""The model card of an exported hand pose network, filled from its run."""

import os

from keras_pose.export import DataFact, MetricFact, ModelCard, SignatureFact, TensorFact
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.train import config as configs
from keras_pose.train import run_folder

_GENERATED = DataFact(
    name="rendered hands of this package with exact joints and cameras",
    role="training and validation, split by person",
    licence="Apache-2.0",
    citation="none needed",
)


def signature_facts(image_size: int) -> tuple[SignatureFact, ...]:
    """What goes in and out of the signatures of a hand pose network.

    Args:
        image_size: side S of the crop in px.
    """
    crop = TensorFact(
        "image", "uint8", f"[N, {image_size}, {image_size}, 3]", "grey levels 0 to 255",
        "x right, y down", "RGB crop of one right hand; mirror left ones",
    )  # fmt: skip
    points_2d = TensorFact(
        "keypoints_2d", "float32", "[N, 21, 2]", "pixels of the crop", "x right, y down",
        "joints in FreiHAND's order",
    )  # fmt: skip
    depth = TensorFact(
        "depth", "float32", "[N, 21]", "lengths of the reference bone", "z forward, root at 0",
        "depth relative to the root",
    )  # fmt: skip
    return (
        SignatureFact(
            name="serve_image",
            inputs=(
                crop,
                TensorFact(
                    "intrinsics", "float32", "[N, 3, 3]", "pixels of the crop", "x right, y down",
                    "camera matrix of the crop: M K for a crop made by M",
                ),
                TensorFact(
                    "bone_length", "float32", "[N]", "metres", "none",
                    "from middle knuckle to the next joint; 0.03 for an average adult",
                ),
            ),
            outputs=(
                points_2d,
                depth,
                TensorFact(
                    "keypoints_3d", "float32", "[N, 21, 3]", "metres",
                    "camera: x right, y down, z forward", "joints in FreiHAND's order",
                ),
                TensorFact(
                    "valid", "float32", "[N]", "none", "none",
                    "1, or 0 with zeros in keypoints_3d for an unusable camera or bone",
                ),
            ),
        ),
        SignatureFact(name="keypoints", inputs=(crop,), outputs=(points_2d, depth)),
        SignatureFact(
            name="embed",
            inputs=(crop,),
            outputs=(
                TensorFact(
                    "features", "float32", "[N, F]", "none", "none", "what the pose head reads"
                ),
            ),
        ),
    )  # fmt: skip


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
    name: str,
    version: int,
    config: FinetuneConfig,
    run: dict,
    data: tuple[DataFact, ...] = (),
) -> ModelCard:
    """Gather the facts of a run for its card.

    Args:
        name: model name.
        version: version number.
        config: the run's config.
        run: content of `run.json`.
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
    recipe = configs.to_dict(config)
    if config.init_from:
        # A path of somebody's machine says nothing; what was pretrained does.
        recipe["init_from"] = os.path.basename(os.path.normpath(config.init_from))
        recipe["pretraining"] = pretraining_recipe(config.init_from)
    return ModelCard(
        name=name,
        version=str(version),
        summary=(
            "21 joints of a right hand from one crop: 2D, depth relative to the root, and metric 3D "
            "where the camera and one bone's length are given. 2.5D fine-tuning of PeCLR (arXiv "
            f"2106.05953); encoder: {config.encoder}, start: "
            f"{'pretrained' if config.init_from else config.init}."
        ),
        signatures=signature_facts(config.image_size),
        data=data,
        licence="Apache-2.0 for the code; the weights as the training data's licences allow.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=(
            "One right hand in the middle of a square crop; it does not say whether there is a hand.",
            "Metric 3D is as right as the camera matrix and the bone length that are given.",
            "Accuracy was measured on the held-out records named above; other cameras, gloves, objects "
            "in the hand and two interacting hands were not.",
        ),
    )
