"""Scores a hand pose network on FreiHAND's test: `python -m keras_pose.hand_pose.evaluate ...`.

    --model_dir=<fine-tuning run> or --released_weights=<rn50_peclr_..._.pth>, --data_dir=<FreiHAND>

Writes `pred.zip` for the competition and, where the labels are there, `scores.txt` in the competition's
words and `scores.json` with the protocol of every number. `evaluate_freihand` is the library form.
"""

import json
import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_pose.data.datasets.freihand import read_freihand
from keras_pose.data.pictures.boxes import JOINT_MARGIN
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.files import write_file
from keras_pose.files.torch_file import read_torch_file
from keras_pose.hand_pose import freihand_test as freihand_evaluation
from keras_pose.hand_pose import training as finetune
from keras_pose.hand_pose.evaluate_settings import EvaluateConfig
from keras_pose.hand_pose.network import build_hand_pose, load_released_head
from keras_pose.layers.torch_weights import load_torch_weights, split_state
from keras_pose.metrics import freihand_scores, scores_text

_RELEASED_SIZE = 224


def build_released_pose(path: str | os.PathLike, encoder: str = "resnet50") -> keras.Model:
    """Build the official fine-tuned model from its torch file.

    Args:
        path: the `.pth` file.
        encoder: `resnet50` or `resnet152`, as the file's name says.

    Returns:
        Model of `build_hand_pose` for 224 px crops; its root is the palm, its output the wrist.

    Raises:
        ValueError: if the file is none of these weights.
        OSError: if it cannot be read.
    """
    parts = split_state(read_torch_file(path))
    if not {"fc", "zroot_ref"} <= parts.keys():
        raise ValueError(
            f"{os.fspath(path)} holds no pose head; give fine-tuned weights, not pretrained ones."
        )
    model = build_hand_pose(
        encoder,
        _RELEASED_SIZE,
        coordinates="pixels",
        root="palm_middle",
        reference_bone="middle",
        refine_root=True,
        head_order="ait",
    )
    try:
        backbone = next(layer for layer in model.layers if isinstance(layer, keras.Model))
        load_torch_weights(backbone, parts["encoder"])
        load_released_head(model, parts["fc"] | parts["zroot_ref"])
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: {error}") from None
    return model


def evaluate_freihand(
    model: keras.Model,
    data_dir: str | os.PathLike,
    output_dir: str | os.PathLike,
    **crops: Any,
) -> dict[str, dict[str, Any]]:
    """Predict FreiHAND's test pictures, write the competition's file and score where it can.

    Args:
        model: hand pose model whose reference bone is the middle finger's, as FreiHAND's `scale` is.
        data_dir: FreiHAND's folder.
        output_dir: folder for `pred.zip`, `scores.txt` and `scores.json`.
        **crops: passed to `freihand_evaluation.predict_hands`.

    Returns:
        Content of `scores.json`: key to `value` and `protocol`, and the competition's four numbers of
        the all-zero prediction (70.79 and 4.73 cm on FreiHAND) as `zero_...`; empty without labels.

    Raises:
        ValueError: if the folder is not FreiHAND's or a picture cannot be read.
        OSError: if something cannot be written.
    """
    source = read_freihand(data_dir, "evaluation")
    scales: list[float] = []
    labels: list[np.ndarray] = []

    def pictures():
        for record in source:
            scales.append(record.scale)
            if record.keypoints_3d is not None:
                labels.append(record.keypoints_3d)
            yield decode_picture(record.image, record.name), np.array(record.intrinsics, np.float64)

    size = model.input["image"].shape[1]
    predict = tf.function(lambda inputs: model(inputs, training=False), autograph=False)
    hands = list(freihand_evaluation.predict_hands(predict, pictures(), size, **crops))
    true = np.stack(labels).astype(np.float64) if labels else None
    joints, scores, protocols = freihand_evaluation.evaluate_predictions(
        hands, np.array(scales), true
    )
    folder = Path(output_dir)
    freihand_evaluation.competition_file(joints, None, folder / "pred.zip")
    if true is None:
        return {}
    report: dict[str, dict[str, Any]] = {
        key: {"value": value, "protocol": protocols[key]} for key, value in scores.items()
    }
    for key, value in freihand_scores(np.zeros_like(true), true).items():
        report[f"zero_{key}"] = {"value": value, "protocol": protocols[key]}
    write_file(folder / "scores.txt", scores_text(scores))
    write_file(folder / "scores.json", json.dumps(report, indent=1) + "\n")
    return report


def main(config: EvaluateConfig) -> None:
    """Turn settings into files and a table."""
    crops: dict[str, Any] = {"num_passes": config.num_passes, "batch_size": config.batch_size}
    if config.released_weights:
        model = build_released_pose(config.released_weights, config.encoder)
        crops["pixels"] = "integer"
    else:
        run_config, model = finetune.load_hand_pose(config.model_dir)
        if run_config.reference_bone != "middle":
            raise ValueError(
                f"{config.model_dir}: --reference_bone={run_config.reference_bone} was used in "
                "training, but FreiHAND publishes the length of the middle one; fine-tune with "
                "that."
            )
        if run_config.crop_source == "picture":
            raise ValueError(
                f"{config.model_dir}: the run was trained with --crop_source=picture, so the right "
                "size of FreiHAND's hands is unknown; fine-tune with --crop_source=box or joints."
            )
        crops["box_share"] = 1 / (JOINT_MARGIN * run_config.crop_scale)
    output = config.output_dir or os.path.join(config.model_dir, "freihand")
    report = evaluate_freihand(model, config.data_dir, output, **crops)
    for key, entry in report.items():
        print(f"{entry['value']:10.4f}  {key}  {entry['protocol']}")
    print(f"Written to {output}.")
