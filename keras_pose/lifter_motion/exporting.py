"""Exports a lifter of films: `python -m keras_pose.lifter_motion.export --model_dir=<run> ...`."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from keras_pose.data.motion import generate_motion, h36m_rig, render_views
from keras_pose.export import Bound
from keras_pose.lifter_motion.card import card_words
from keras_pose.lifter_motion.config import ExportConfig
from keras_pose.lifter_motion.serving import motion_signatures, state_of
from keras_pose.lifter_motion.training import load_student
from keras_pose.lifting.scored_serving import hostile_scores
from keras_pose.lifting.serving import describe
from keras_pose.serving import publish
from keras_pose.train import run_folder

# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion.
_BOUNDS = {"saved_model": 1e-5, "float32": 1e-5, "float16": 5e-3, "int8": 8e-2}
_PER_SCALE = ("keypoints_3d", "filled_2d")
_PEOPLE = 16


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
    if config.num_frames == 1:
        raise ValueError(
            f"{settings.model_dir} was trained with --num_frames=1 and sees no film; export a lifter of "
            "keras_pose.lifter_student, or train with more frames."
        )
    metadata = dataclasses.replace(
        describe(settings.name, settings.version), method="lifter_motion", score="presence"
    )
    films = golden_films(config.num_frames, settings.min_score)
    good = golden_films(config.num_frames, settings.min_score, is_hostile=False)
    return publish.Exported(
        metadata=metadata,
        signatures=motion_signatures(network, settings.min_score),
        requests=films,
        words=card_words(config, run, settings.min_score),
        default="lift_frames",
        file_signature="lift_next",
        more_files={"lift_frames": "frames"},
        settings={"min_score": settings.min_score, "answered": config.answered},
        warmup={
            signature: [{name: value[:count] for name, value in given.items()} for count in (1, 8)]
            for signature, given in good.items()
        },
        bound=_bound,
        settle=_per_scale,
    )


def golden_films(
    num_frames: int, min_score: float, is_hostile: bool = True
) -> dict[str, dict[str, np.ndarray]]:
    """Return generated people in motion, with joints and frames missing.

    Args:
        num_frames: frames T of a window.
        min_score: of the export.
        is_hostile: whether frames that must be refused follow.

    Returns:
        Signature to inputs: `lift_frames`, `keypoints_2d` float32 `[N, T, 17, 2]` px and `score`; and
        `lift_next`, the same windows as newest frame and state.
    """
    moved = generate_motion(_PEOPLE * num_frames, seed=7)
    views = render_views(moved, h36m_rig(), seed=7, per="clip")
    points = views.points_px[:: h36m_rig().num_cameras].reshape(_PEOPLE, num_frames, 17, 2)
    points = points * np.resize([0.01, 0.3, 1.0, 40.0], _PEOPLE)[:, None, None, None]
    score = np.full(points.shape[:3], 0.9, np.float32)
    score[1::4, :, 4:7] = 0.0
    score[2::4, : num_frames // 2] = 0.0
    points = points.astype(np.float32)
    if is_hostile:
        bad = hostile_scores()
        count = len(bad["score"])
        points = np.concatenate([points, np.resize(points, (2 * count, *points.shape[1:]))])
        score = np.concatenate([score, np.ones((2 * count, *score.shape[1:]), np.float32)])
        # The same broken frames as all of a window, and as one of its earlier ones.
        points[-2 * count : -count] = bad["keypoints_2d"][:, None]
        score[-2 * count : -count] = bad["score"][:, None]
        points[-count:, 0], score[-count:, 0] = bad["keypoints_2d"], bad["score"]
    return {
        "lift_frames": {"keypoints_2d": points, "score": score},
        "lift_next": {
            "keypoints_2d": points[:, -1],
            "score": score[:, -1],
            "state": state_of(points[:, :-1], score[:, :-1], min_score),
        },
    }


def _bound(kind: str, output: str) -> Bound:
    if output in ("valid", "state"):
        return Bound(max_abs=0.0)
    if output == "scale":
        # Filled joints count, which a network gives.
        return Bound(relative_rms=max(1e-6, _BOUNDS[kind]))
    return Bound(relative_rms=_BOUNDS[kind])


def _per_scale(outputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Divide the poses by their size, or large people alone would decide the comparison."""
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    scale = np.where(outputs["scale"] > 0, outputs["scale"], 1.0)[:, None, None]
    return outputs | {name: outputs[name] / scale for name in _PER_SCALE if name in outputs}


def main(settings: ExportConfig) -> None:
    """Do what the settings ask for."""
    publish.print_end(
        export_run(settings), "python -m keras_pose.export.benchmark --models={folder}"
    )
