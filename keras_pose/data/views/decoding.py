"""Decoding no more of a picture than its views show.

A JPEG can be decoded to a half or a quarter of its size, or a part of it alone; both cost less than
the whole, and the maps to the views are corrected exactly. All other pictures are decoded whole.
"""

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.views.host_pixels import in_view, shrink_factor
from keras_pose.geometry import affine2d

_REDUCED = {2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4}
# A part is decoded alone if it is less than this share of the picture; else there is little to win.
_WORTH_A_PART = 0.5


def decode_for_views(
    data: bytes,
    name: str,
    matrices: np.ndarray,
    size: int | None = None,
    shape: tuple[int, int] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Decode a picture as far as its views need it.

    Args:
        data: encoded picture.
        name: for messages.
        matrices: float64 `[V, 2, 3]`, pixels of the whole picture to pixels of the views.
        size: side of the views; None always decodes all of the picture.
        shape: height and width of the picture, where they are known beforehand.

    Returns:
        uint8 `[H, W, 3]`, RGB, perhaps a part or decoded to a half or a quarter; and the maps from its
        pixels, float64 `[V, 2, 3]`.

    Raises:
        ValueError: if the bytes are no picture.
    """
    if _is_plain_jpeg(data):
        found = _reduced(data, matrices)
        if found is None and size is not None and shape is not None:
            found = _part(data, matrices, size, shape)
        if found is not None:
            return found
    return decode_picture(data, name), matrices


def _is_plain_jpeg(data: bytes) -> bool:
    """Whether this is a complete JPEG without EXIF, which may turn it, or inks instead of colours."""
    head = data[:4096]
    is_jpeg = head[:2] == b"\xff\xd8" and b"\xff\xd9" in data[-32:]
    return is_jpeg and b"Exif" not in head and b"Adobe" not in head


def _reduced(data: bytes, matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    smallest = min(shrink_factor(matrix) for matrix in matrices)
    if smallest < 2:
        return None
    reduction = 4 if smallest >= 4 else 2
    image = cv2.imdecode(np.frombuffer(data, np.uint8), _REDUCED[reduction])
    if image is None:
        return None
    enlarge = np.array([[reduction, 0.0, 0.0], [0.0, reduction, 0.0]])
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), affine2d.compose(matrices, enlarge)


def _part(
    data: bytes, matrices: np.ndarray, size: int, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray] | None:
    seen = np.array([in_view(matrix, size, shape) for matrix in matrices])
    low, high = seen[:, :2].min(axis=0), seen[:, 2:].max(axis=0)
    width, height = high - low
    if min(width, height) <= 0 or width * height > _WORTH_A_PART * shape[0] * shape[1]:
        return None
    window = [int(low[1]), int(low[0]), int(height), int(width)]
    try:
        # The accurate transform is OpenCV's, so a part has the very pixels of the whole.
        image = tf.io.decode_and_crop_jpeg(data, window, 3, dct_method="INTEGER_ACCURATE").numpy()
    except tf.errors.InvalidArgumentError:
        return None  # `decode_picture` says what is wrong
    return image, affine2d.compose(matrices, np.array([[1.0, 0.0, low[0]], [0.0, 1.0, low[1]]]))
