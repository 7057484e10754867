"""What a hand pose run may start from: another one, or a pretraining run of the same encoder."""

import os
import types

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hands.pretrained import encoder_path
from keras_pose.train import run_folder
from keras_pose.train.runs import method_of, read_config, require_run, require_same, require_weights

# Named, not imported: a method knows no other.
_PRETRAINING = "peclr"
_POSE_FIELDS = (
    *("encoder", "image_size", "projection", "head", "coordinates", "root", "reference_bone"),
    *("refine_root", "projection_width", "num_points"),
)


def hand_pose_path(model_dir: str) -> str:
    """Return the path of a hand pose run's weights, averaged ones where the run averages."""
    return os.path.join(model_dir, "weights", "hand_pose.weights.h5")


def is_hand_pose_run(model_dir: str) -> bool:
    """Return whether the run in `model_dir` is of this method.

    Raises:
        ValueError: if there is no run.
    """
    return method_of(model_dir) == FinetuneConfig.method


def check_pretrained(config: FinetuneConfig) -> None:
    """Refuse a run whose encoder is another than the one to be fine-tuned.

    Args:
        config: fine-tuning config; `init_from` may name a run folder of either stage.

    Raises:
        ValueError: if there is no run, the encoders differ or the run has no weights yet.
    """
    folder = config.init_from
    if not folder or os.path.isfile(folder):
        return
    require_run("init_from", folder)
    if is_hand_pose_run(folder):
        require_same(config, read_config(folder, FinetuneConfig), _POSE_FIELDS, folder)
        return
    if method_of(folder) != _PRETRAINING:
        raise ValueError(
            f"--init_from={folder} is a run of keras_pose.{method_of(folder)}; give a pretraining run or "
            "one of keras_pose.hand_pose."
        )
    pretrained = types.SimpleNamespace(**run_folder.read_run(folder)["config"])
    if pretrained.encoder != config.encoder:
        raise ValueError(
            f"--encoder={config.encoder} contradicts {folder}, which pretrained "
            f"{pretrained.encoder}; use that."
        )
    if config.projection != "drop":
        require_same(config, pretrained, ("projection_width", "num_points"), folder)
    require_weights(encoder_path(folder))
