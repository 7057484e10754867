"""How far bodies are from where they stand: `python -m benchmarks.wild3d_placing [--model_dir=<run>]`.

Rendered people of the test style, with true labels in place of a network's answers and, with
--model_dir, with a network's. Ways to metres: the authors' evaluation (one bone sum for all, pelvis at
0), the same with every person's own bone sum, and the camera frame by weak perspective or as served.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from keras_pose.codecs import to_length, total_bone_length, weak_perspective
from keras_pose.codecs.camera_pose import camera_pose
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.views.host_pixels import warp
from keras_pose.geometry import affine2d
from keras_pose.skeletons import MPII_16
from keras_pose.train import config as configs
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d.training import load_pose

_PELVIS, _THORAX, _NECK = MPII_16.indices(("pelvis", "thorax", "upper_neck"))
# Row 7 is the spine in 3D and the thorax in 2D.
_JOINTS = [row for row in range(MPII_16.num_joints) if row != _THORAX]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model_dir: str = option("", "Run folder of a network; empty measures only labels.")
    num_bodies: int = option(400, "Rendered people.", low=1)
    seed: int = option(5, "Of the people.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def measure(
    points: dict[str, np.ndarray], true: np.ndarray, cameras: np.ndarray
) -> dict[str, float]:
    """Mean distances of 15 joints in mm.

    Args:
        points: `keypoints_2d` [N, 16, 2] and `depth` [N, 16], px of the pictures.
        true: [N, 16, 3] m, camera frame.
        cameras: [N, 3, 3].

    Returns:
        Name of the measure to mm.
    """
    pose = np.concatenate([points["keypoints_2d"], points["depth"][..., None]], axis=-1)
    sums = np.asarray(total_bone_length(true))
    centred = true - true[:, [_PELVIS]]
    placed, _ = (np.asarray(v) for v in camera_pose(*points.values(), cameras, sums))
    own = np.asarray(to_length(pose, sums))
    # What weak perspective alone says: all joints as far away as the spine.
    rate = sums / np.asarray(total_bone_length(pose))
    away = np.sqrt(cameras[:, 0, 0] * cameras[:, 1, 1]) * rate
    spine_px = points["keypoints_2d"][:, [_PELVIS, _NECK]].mean(axis=1)
    ray = np.linalg.inv(cameras) @ np.concatenate([spine_px, np.ones((len(rate), 1))], 1)[..., None]
    weak = own + (away[:, None] * ray[..., 0] - 0.5 * own[:, _NECK])[:, None]
    return {
        "one bone sum for all, pelvis at 0": _mm(to_length(pose, sums.mean()), centred),
        "own bone sum, pelvis at 0": _mm(own, centred),
        "own bone sum, camera frame, weak perspective": _mm(weak, true),
        "own bone sum, camera frame, as served": _mm(placed, true),
    }


def _mm(found, true):
    distance = np.linalg.norm(np.asarray(found) - true, axis=-1)[:, _JOINTS]
    return round(1000.0 * float(distance.mean()), 2)


def run(settings: Settings) -> tuple[dict, str]:
    """Measures labels and, if there is one, a network.

    Args:
        settings: of the benchmark.

    Returns:
        Result and table.
    """
    config, model = load_pose(settings.model_dir) if settings.model_dir else (None, None)
    size = config.image_size if config else 64
    true, cameras = [], []
    answers: dict[str, list] = {"labels": [], "network": []}
    for number in range(settings.num_bodies):
        body = generate_body(number, settings.seed, size=2 * size, style="test")
        points = np.asarray(body.keypoints_3d, np.float64)
        camera = np.asarray(body.intrinsics, np.float64)
        seen = points @ camera.T
        places, depth, _ = weak_perspective(seen[:, :2] / seen[:, 2:], points)
        answers["labels"].append((np.asarray(places), np.asarray(depth)))
        true.append(points)
        cameras.append(camera)
        if model is not None:
            answers["network"].append(_ask(model, body, config))
    rows = {}
    for name, given in answers.items():
        if given:
            arrays = (np.stack([entry[part] for entry in given]) for part in (0, 1))
            stacked = dict(zip(("keypoints_2d", "depth"), arrays, strict=True))
            rows[name] = measure(stacked, np.stack(true), np.stack(cameras))
    lines = [
        f"{value:8.1f} mm  {name}: {what}"
        for name, row in rows.items()
        for what, value in row.items()
    ]
    command = "python -m benchmarks.wild3d_placing" + (" --model_dir=..." if config else "")
    result = {
        "command": command,
        "machine": machine.describe(1),
        "settings": dataclasses.asdict(settings) | {"model_dir": "", "output": ""},
        "network": configs.to_dict(config) if config else None,
        "results": rows,
    }
    return result, "\n".join(lines)


def _ask(model, body, config):
    """2D joints and depths in px of the picture."""
    side = config.crop_scale * max(body.box[2:])
    centre = np.asarray(body.box[:2]) + np.asarray(body.box[2:]) / 2.0
    matrix = np.asarray(affine2d.crop_matrix(centre, side, 0.0, config.image_size))
    crop = warp(body.image, matrix, config.image_size)
    outputs = model(tf.constant(crop[None], tf.float32) / 255.0, training=False)
    points = affine2d.apply(
        np.asarray(outputs["keypoints_2d"], np.float64)[0], affine2d.invert(matrix)
    )
    return np.asarray(points), np.asarray(outputs["depth"], np.float64)[0] * side / 2.0


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result, text = run(settings)
    print(text)
    if settings.output:
        if result["network"]:
            result["network"]["init_from"] = ""
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
