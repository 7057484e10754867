"""Pictures for TensorBoard and reports: pairs of views undone, and hands with predicted joints."""

import cv2
import numpy as np

from keras_pose.geometry import affine2d
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.viz.draw import draw_pose_2d
from keras_pose.viz.panels import label, pose_panel, tile


def draw_view_pairs(views: np.ndarray, canonical: np.ndarray, count: int = 4) -> np.ndarray:
    """Draw both views of some pictures, and each one mapped back by its own matrix.

    Where the loss undoes views exactly, the two pictures on the right show the same hand in the same
    place, whatever their colours.

    Args:
        views: uint8 or float in [0, 1] `[B, 2, S, S, 3]` RGB.
        canonical: float `[B, 2, 2, 3]`, matrices from the box's frame to each view's.
        count: number of pictures, taken from the front.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    views = _as_uint8(views)
    size = views.shape[2]
    # From a frame whose half side is 1 to pixels whose centres are whole numbers, as OpenCV counts.
    to_pixels = np.array([[size / 2, 0, size / 2 - 0.5], [0, size / 2, size / 2 - 0.5]])
    rows = []
    for pair, matrices in zip(views[:count], np.asarray(canonical)[:count], strict=False):
        row = [label(_enlarged(view), f"view {number + 1}") for number, view in enumerate(pair)]
        for number, (view, matrix) in enumerate(zip(pair, matrices, strict=True)):
            back = affine2d.invert(np.asarray(matrix, np.float64))
            warp = affine2d.compose(to_pixels, affine2d.compose(back, affine2d.invert(to_pixels)))
            undone = cv2.warpAffine(view, warp, (size, size), flags=cv2.INTER_LINEAR)
            row.append(label(_enlarged(undone), f"view {number + 1} undone"))
        rows.append(row)
    return tile(rows)


def draw_hands(
    images: np.ndarray,
    predicted_2d: np.ndarray,
    predicted_3d: np.ndarray | None = None,
    true_2d: np.ndarray | None = None,
    count: int = 6,
) -> np.ndarray:
    """Draw crops with predicted joints, beside them the true ones or the hand in 3D from two sides.

    Args:
        images: uint8 or float in [0, 1] `[B, S, S, 3]` RGB.
        predicted_2d: float `[B, 21, 2]`, pixels of the crop.
        predicted_3d: float `[B, 21, 3]`, camera frame, any unit; None leaves the sides out.
        true_2d: float `[B, 21, 2]`, pixels of the crop; None leaves it out.
        count: number of pictures, taken evenly.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    images = _as_uint8(images)
    rows = []
    for index in np.linspace(0, len(images) - 1, min(count, len(images))).astype(int):
        image, points = _enlarged(images[index]), predicted_2d[index]
        factor = image.shape[0] / images.shape[1]
        row = []
        if true_2d is not None:
            truth = draw_pose_2d(image, true_2d[index] * factor, HAND_21_FREIHAND)
            row.append(label(truth, "labels"))
        if predicted_3d is None or not np.isfinite(predicted_3d[index]).all():
            row.append(label(draw_pose_2d(image, points * factor, HAND_21_FREIHAND), "predicted"))
        else:
            row.append(
                pose_panel(
                    points * factor,
                    predicted_3d[index],
                    HAND_21_FREIHAND,
                    image=image,
                    height=image.shape[0],
                    title="predicted",
                )
            )
        rows.append(row)
    return tile(rows)


def _as_uint8(images):
    images = np.asarray(images)
    if images.dtype == np.uint8:
        return images
    return np.clip(np.round(images * 255.0), 0, 255).astype(np.uint8)


def _enlarged(image, side=192):
    """Small crops drawn large enough to read."""
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_LINEAR)
