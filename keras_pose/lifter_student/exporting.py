"""Exports a lifter of detections: `python -m keras_pose.lifter_student.export --model_dir=<run> ...`."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pose.export import Bound
from keras_pose.lifter_student.card import card_words
from keras_pose.lifter_student.config import ExportConfig
from keras_pose.lifter_student.network import lift_present
from keras_pose.lifter_student.training import load_student
from keras_pose.lifting.facing import camera_signature, hostile_cameras
from keras_pose.lifting.many_serving import many_signature
from keras_pose.lifting.mirror import with_mirror_image
from keras_pose.lifting.presence import missing_groups
from keras_pose.lifting.scored_serving import LiftPresent, hostile_scores, scored_signatures
from keras_pose.lifting.serving import describe, hostile_inputs
from keras_pose.serving import publish
from keras_pose.tips.exporting import golden_inputs
from keras_pose.train import run_folder

# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion.
_BOUNDS = {"saved_model": 1e-5, "float32": 1e-5, "float16": 5e-3, "int8": 8e-2}
_PER_SCALE = ("keypoints_3d", "filled_2d")


def export_run(settings: ExportConfig) -> str:
    """Export the lifter of a finished run, see `keras_pose.serving.publish.publish`."""
    return publish.publish(settings, _describe)


def _describe(settings: ExportConfig) -> publish.Exported:
    config, network = load_student(settings.model_dir)
    run = run_folder.read_run(settings.model_dir)
    if "chirality" not in run:
        raise ValueError(
            f"{settings.model_dir}/run.json: the measures are missing because the run is unfinished; "
            "run the training command again."
        )
    metadata = dataclasses.replace(
        describe(settings.name, settings.version), method="lifter_student", score="presence"
    )
    whole, scored = golden_inputs(), golden_scored()
    lift = [{"keypoints_2d": golden_inputs(8)[:count]} for count in (1, 8)]
    few = [{name: value[:count] for name, value in scored.items()} for count in (1, 8)]
    before = golden_cameras()
    seen = [{name: value[:count] for name, value in before.items()} for count in (1, 8)]
    given = {
        name: np.concatenate([value, hostile_scores()[name]]) for name, value in scored.items()
    }
    answer: LiftPresent = functools.partial(lift_present, network)
    if settings.flip_test:
        answer = with_mirror_image(answer)
    signatures = scored_signatures(answer, settings.min_score)
    signatures["lift_many"] = many_signature(
        answer, settings.min_score, settings.num_hypotheses, settings.hypothesis_noise
    )
    signatures["lift_camera"] = camera_signature(
        answer, settings.min_score, settings.root_elevation_deg
    )
    return publish.Exported(
        metadata=metadata,
        signatures=signatures,
        requests={
            "lift": {"keypoints_2d": np.concatenate([whole, hostile_inputs()])},
            "lift_scored": given,
            "lift_many": given,
            "lift_camera": {
                name: np.concatenate([value, hostile_cameras()[name]])
                for name, value in before.items()
            },
        },
        words=card_words(config, run, settings),
        default="lift",
        file_signature="lift",
        more_files={"lift_scored": "scored", "lift_camera": "camera"},
        settings={
            "min_score": settings.min_score,
            "flip_test": settings.flip_test,
            "root_elevation_deg": settings.root_elevation_deg,
            "num_hypotheses": settings.num_hypotheses,
            "hypothesis_noise": settings.hypothesis_noise,
        },
        warmup={"lift": lift, "lift_scored": few, "lift_many": few, "lift_camera": seen},
        bound=_bound,
        settle=_per_scale,
    )


def golden_scored() -> dict[str, np.ndarray]:
    """Return generated people with joints missing.

    Returns:
        `keypoints_2d` float32 `[64, 17, 2]`, px, NaN or 0 where missing, and `score` float32 `[64, 17]`.
    """
    points = golden_inputs().copy()
    groups = missing_groups()
    score = np.full(points.shape[:2], 0.9, np.float32)
    for row, pose in enumerate(points[:-8]):  # the last are whole
        missing = groups[row % len(groups)]
        score[row, missing] = 0.0
        pose[missing] = np.nan if row % 2 else 0.0
    return {"keypoints_2d": points, "score": score}


def golden_cameras() -> dict[str, np.ndarray]:
    """Return the people of `golden_scored` before cameras of several lenses and middles.

    Returns:
        `keypoints_2d` and `score` as there, and `K` float32 `[64, 3, 3]`, px.
    """
    scored = golden_scored()
    random = np.random.default_rng(0)
    count = len(scored["score"])
    focal = random.uniform(800.0, 2000.0, count)
    cameras = np.zeros((count, 3, 3), np.float32)
    cameras[:, 0, 0] = cameras[:, 1, 1] = focal
    cameras[:, :2, 2] = random.uniform(300.0, 700.0, (count, 2))
    cameras[:, 2, 2] = 1.0
    return scored | {"K": cameras}


def _bound(kind: str, output: str) -> Bound:
    if output == "valid":
        return Bound(max_abs=0.0)
    if output == "scale":
        # Filled joints count, which a network gives.
        return Bound(relative_rms=max(1e-6, _BOUNDS[kind]))
    if output == "gravity":
        # Its length is set to 1 last, so rounding counts for more where guesses nearly cancel.
        return Bound(relative_rms=max(5e-5, _BOUNDS[kind]))  # 0.003 degrees
    return Bound(relative_rms=_BOUNDS[kind])


def _per_scale(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Divide the poses by their size, or large people alone would decide the comparison."""
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    if "scale" not in outputs:
        return outputs  # `lift_camera` gives shares of the distance
    scale = np.where(outputs["scale"] > 0, outputs["scale"], 1.0)
    return outputs | {
        name: outputs[name] / scale.reshape(-1, *[1] * (outputs[name].ndim - 1))
        for name in _PER_SCALE
        if name in outputs
    }


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    publish.print_end(
        export_run(settings), "python -m keras_pose.export.benchmark --models={folder}"
    )
