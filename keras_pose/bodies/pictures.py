"""Pictures for TensorBoard and reports: crops with labels, with predictions, and in 3D from sides."""

import cv2
import numpy as np

from keras_pose.skeletons import MPII_16
from keras_pose.viz.draw import draw_pose_2d
from keras_pose.viz.panels import label, pose_panel, tile

_SIDE_PX = 224


def draw_bodies(
    images: np.ndarray,
    predicted_2d: np.ndarray,
    predicted_3d: np.ndarray,
    true_2d: np.ndarray,
    visible: np.ndarray,
    count: int = 6,
) -> np.ndarray:
    """Draw crops with labels, and beside them what the network says, in the crop and in 3D.

    Args:
        images: uint8 `[B, S, S, 3]` RGB.
        predicted_2d: float `[B, 16, 2]`, pixels of the crop, rows of `MPII_16`.
        predicted_3d: float `[B, 16, 3]`, x right, y down, z forward, any unit.
        true_2d: float `[B, 16, 2]`, pixels of the crop.
        visible: `[B, 16]`, 0 leaves a label out.
        count: number of pictures, taken evenly.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    rows = []
    for index in np.linspace(0, len(images) - 1, min(count, len(images))).astype(int):
        image = cv2.resize(images[index], (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_LINEAR)
        factor = _SIDE_PX / images.shape[1]
        known = np.where(visible[index][:, None] > 0, true_2d[index] * factor, np.nan)
        found = predicted_2d[index] * factor
        rows.append(
            [
                label(draw_pose_2d(image, known, MPII_16), "labels"),
                pose_panel(
                    found,
                    predicted_3d[index],
                    MPII_16,
                    image=image,
                    height=_SIDE_PX,
                    title="predicted",
                ),
            ]
        )
    return tile(rows)
