"""Pictures of bytes as numbers in [0, 1]."""

import keras
from keras import ops

from keras_pose.geometry.shapes import Tensor


def unit_range(pictures: Tensor) -> Tensor:
    """Return pictures in [0, 1]: bytes are divided by 255, floats are taken as they are.

    Args:
        pictures: uint8 or floating `[..., H, W, C]`.

    Returns:
        float32 where bytes were given, else as given, of the same shape.
    """
    if keras.backend.standardize_dtype(pictures.dtype) == "uint8":
        return ops.cast(pictures, "float32") / 255.0
    return pictures
