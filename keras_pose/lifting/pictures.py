"""Pictures of lifted poses for TensorBoard and reports."""

import keras
import numpy as np

from keras_pose.lifting.data import Poses
from keras_pose.lifting.evaluation import depth_sign, lift_poses
from keras_pose.skeletons import H36M_17
from keras_pose.viz.panels import pose_panel, tile


def draw_lifted(model: keras.Model, poses: Poses, count: int = 4) -> np.ndarray:
    """Draw held-out poses: 2D input, and the lifted pose from two sides.

    Args:
        model: any lifter of this room.
        poses: what is lifted; where labelled, the truth is drawn thin and grey, scaled to the
            prediction.
        count: number of poses, taken evenly.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    chosen = np.linspace(0, len(poses) - 1, count).astype(int)
    lifted = lift_poses(model, poses.points_2d[chosen])
    # One sign for all, from the same poses, as evaluation does.
    lifted[..., 2] *= depth_sign(lifted)[0]
    panels = []
    for row, points_3d in zip(chosen, lifted, strict=True):
        truth = None if poses.points_3d is None else scaled_to(poses.points_3d[row], points_3d)
        points_2d = np.concatenate([np.zeros((1, 2)), poses.points_2d[row]])
        panels.append([pose_panel(points_2d, points_3d, H36M_17, truth=truth, height=220)])
    return tile(panels)


def scaled_to(points_3d: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Scale a root-relative pose to another by least squares.

    Args:
        points_3d: float `[J, 3]`.
        target: float `[J, 3]`.

    Returns:
        float `[J, 3]` in the unit of `target`.
    """
    return points_3d * np.sum(points_3d * target) / max(np.sum(points_3d**2), 1e-12)
