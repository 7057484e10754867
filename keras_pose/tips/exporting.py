"""Exports a trained lifter: `python -m keras_pose.tips.export --model_dir=<run> --name=<name> ...`."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pose.data.motion import generate_motion, render_views
from keras_pose.export import Bound
from keras_pose.lifting import serving
from keras_pose.serving import publish
from keras_pose.tips import runs
from keras_pose.tips.card import card_words
from keras_pose.tips.config import ExportConfig
from keras_pose.train import run_folder

SIGNATURE = "lift"
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion.
_BOUNDS = {"saved_model": 1e-5, "float32": 1e-5, "float16": 5e-3, "int8": 8e-2}


def export_run(settings: ExportConfig) -> str:
    """Export the lifter of a finished run, see `keras_pose.serving.publish.publish`."""
    return publish.publish(settings, _describe)


def _describe(settings: ExportConfig) -> publish.Exported:
    config, model = runs.load_lifter(settings.model_dir, settings.weights)
    run = run_folder.read_run(settings.model_dir)
    if "depth_sign" not in run:
        raise ValueError(
            f"{settings.model_dir}/run.json: the depth sign is missing because the run is "
            "unfinished; run the training command again."
        )
    inputs = np.concatenate([golden_inputs(), serving.hostile_inputs()])
    golden = golden_inputs(8)
    return publish.Exported(
        metadata=serving.describe(settings.name, settings.version),
        signatures={SIGNATURE: serving.lift_signature(model, run["depth_sign"])},
        requests={SIGNATURE: {"keypoints_2d": inputs}},
        words=card_words(config, run),
        default=SIGNATURE,
        file_signature=SIGNATURE,
        settings={"exported_weights": settings.weights},
        warmup={SIGNATURE: [{"keypoints_2d": golden[:count]} for count in (1, 8)]},
        bound=_bound,
        settle=_per_scale,
    )


def golden_inputs(count: int = 64) -> np.ndarray:
    """Return generated people as virtual cameras see them, at four sizes, float32 `[C, 17, 2]` px."""
    views = render_views(generate_motion(max(count, 100), seed=7), seed=7)
    chosen = views.points_px[np.linspace(0, len(views) - 1, count).astype(int)]
    return (chosen * np.resize([0.01, 0.3, 1.0, 40.0], count)[:, None, None]).astype(np.float32)


def _bound(kind: str, output: str) -> Bound:
    if output == "valid":
        return Bound(max_abs=0.0)
    return Bound(relative_rms=1e-6 if output == "scale" else _BOUNDS[kind])


def _per_scale(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Divide the poses by their size, or large people alone would decide the comparison."""
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    scale = np.where(outputs["scale"] > 0, outputs["scale"], 1.0)
    return outputs | {"keypoints_3d": outputs["keypoints_3d"] / scale[:, None, None]}


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    publish.print_end(
        export_run(settings), "python -m keras_pose.export.benchmark --models={folder}"
    )
