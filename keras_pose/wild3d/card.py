"""The model card of an exported body pose network, filled from its run."""

import os

from keras_pose.export import DataFact, MetricFact, ModelCard, SignatureFact, TensorFact
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.wild3d import runs
from keras_pose.wild3d.config import STRIDE, Config

_GENERATED = DataFact(
    name="rendered bodies of this package with exact joints and cameras",
    role="training and validation, split by person",
    licence="Apache-2.0",
    citation="none needed",
)
_AXES = "x right, y down, z forward"
_TOP_LEFT = "x right, y down, from the top-left corner"
_CROP_UNITS = "half sides of the crop"


def signature_facts(config: Config) -> tuple[SignatureFact, ...]:
    """What goes in and out of the signatures of a body pose network.

    Args:
        config: of the run.
    """
    size, cells = config.image_size, config.image_size // STRIDE
    picture = (
        TensorFact(
            "image", "uint8", "[N, H, W, 3]", "grey levels 0 to 255", _TOP_LEFT,
            "RGB pictures of any size, or crops",
        ),
        TensorFact(
            "box", "float32", "[N, 4]", "pixels of the picture", _TOP_LEFT,
            "x, y, width, height; the square of the longer side is seen; 0, 0, W, H for a crop",
        ),
    )  # fmt: skip
    crop = TensorFact(
        "image", "uint8", f"[N, {size}, {size}, 3]", "grey levels 0 to 255", _TOP_LEFT,
        "RGB crop of one person",
    )  # fmt: skip
    unit = TensorFact(
        "image", "float32", f"[N, {size}, {size}, 3]", "0 to 1", _TOP_LEFT,
        "RGB crop of one person, grey levels over 255",
    )  # fmt: skip
    pose = (
        TensorFact(
            "score", "float32", "[N, 16]", "none", "none", "the maps' peaks; about 1 when sure"
        ),
        TensorFact(
            "depth", "float32", "[N, 16]", _CROP_UNITS, "z forward",
            "relative to a root that the network alone knows; subtract the pelvis",
        ),
        TensorFact(
            "points", "float32", "[N, 16, 3]", _CROP_UNITS, f"{_AXES}; middle of the crop at 0",
            "2D joints and depth in one unit",
        ),
    )  # fmt: skip
    metric = (
        TensorFact(
            "keypoints_3d", "float32", "[N, 16, 3]", "metres", f"{_AXES}; pelvis at 0",
            "row 7 is the spine; zeros unless bone_sum or body_height is given",
        ),
        TensorFact(
            "position", "float32", "[N, 3]", "metres", f"camera: {_AXES}",
            "the pelvis, by weak perspective; zeros unless size and camera are given",
        ),
        TensorFact("valid", "float32", "[N]", "none", "none", "1, or 0 and zeros: unusable box"),
        TensorFact("valid_3d", "float32", "[N]", "none", "none", "1 where metres are given"),
        TensorFact("valid_position", "float32", "[N]", "none", "none", "1 where position is given"),
    )  # fmt: skip
    depth = (
        TensorFact(
            "depth_maps", "float32", f"[N, {cells}, {cells}, 16]", _CROP_UNITS, "z forward",
            "each joint's depth, to be read at the joint",
        )
        if config.depth_head == "map"
        else pose[1]
    )  # fmt: skip
    decoded = [
        TensorFact(axis, "float32", "[N, 16]", "pixels of the crop", frame, "joints, one axis each")
        for axis, frame in (("x", "right"), ("y", "down"), ("z", "forward, network's own root"))
    ]
    return (
        SignatureFact(
            "serve_image", (*picture, *_known("picture")), (_joints("picture"), *pose, *metric)
        ),
        SignatureFact("serve_crop", (crop, *_known("crop")), (_joints("crop"), *pose, *metric)),
        SignatureFact("keypoints", (crop,), (_joints("crop"), *pose)),
        SignatureFact("decoded", (unit,), (*decoded, pose[0])),
        SignatureFact(
            "heatmaps",
            (unit,),
            (
                TensorFact(
                    "heatmaps", "float32", f"[N, {cells}, {cells}, 16]", "none",
                    f"a map pixel is {STRIDE} x {STRIDE} of the crop",
                    "one map per joint, peak about 1",
                ),
                depth,
            ),
        ),
    )  # fmt: skip


def _joints(of):
    return TensorFact(
        "keypoints_2d", "float32", "[N, 16, 2]", f"pixels of the {of}", _TOP_LEFT,
        "joints in MPII's order; row 7 is the thorax",
    )  # fmt: skip


def _known(of):
    return (
        TensorFact(
            "intrinsics", "float32", "[N, 3, 3]", f"pixels of the {of}", "x right, y down",
            "camera matrix; zeros if unknown",
        ),
        TensorFact(
            "bone_sum", "float32", "[N]", "metres", "none",
            "length of the person's 14 bones together; 0 if unknown",
        ),
        TensorFact(
            "body_height", "float32", "[N]", "metres", "none",
            "counts where bone_sum is 0; 0 if unknown",
        ),
    )  # fmt: skip


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
        config = configs.to_dict(runs.read_config(init_from))
        init_from = config["init_from"]
        config["init_from"] = os.path.basename(os.path.normpath(init_from)) if init_from else ""
        stages.append({"config": config, "commit": run["environment"]["git_commit"]})
    return stages


def model_card(
    name: str,
    version: int,
    config: Config,
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
    recipe = configs.to_dict(config)
    if config.init_from:
        # A path of somebody's machine says nothing; what it was trained with does.
        recipe["init_from"] = os.path.basename(os.path.normpath(config.init_from))
        recipe["earlier_stages"] = earlier_stages(config.init_from)
    recipe["training_bone_sum_mm"] = run["bone_sum_mm"]
    return ModelCard(
        name=name,
        version=str(version),
        summary=(
            "16 joints of one person from one picture: 2D, depth in the unit of the crop, and metric 3D "
            "where the person's bone sum or height is given. Wild3D (Zhou et al. 2017, arXiv "
            f"1704.02447); backbone: {config.backbone}, depth: {config.depth_head}. The training "
            f"records' bones sum to {run['bone_sum_mm'] / 1000:.3f} m on average."
        ),
        signatures=signature_facts(config),
        data=data,
        licence="Apache-2.0 for the code; the weights as the training data's licences allow.",
        configuration=recipe,
        commit=run["environment"]["git_commit"],
        seeds=(config.seed,),
        metrics=metrics or (MetricFact("none", "none", "nothing was held out"),),
        limits=(
            "One person in the middle of a square crop; it does not say whether there is one, and "
            "joints that are not in the picture get a place all the same, with a low score.",
            "Metric 3D has the size that it is given; the position is that of weak perspective, whose "
            "error grows as the person comes near.",
            "Row 7 is the thorax in 2D and in points, the spine in metres.",
            "Accuracy was measured on the held-out records named above; other cameras, clothes, poses "
            "and half bodies were not.",
        ),
    )
