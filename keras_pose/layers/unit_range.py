"""What every network does to its pictures first."""

from typing import Any

import keras
from keras import ops


def unit_range(pictures: Any) -> Any:
    """Return pictures in [0, 1]: bytes as float32 divided by 255, floats as they are.

    Args:
        pictures: uint8 or float `[B, S, S, 3]`.
    """
    if keras.backend.standardize_dtype(pictures.dtype) == "uint8":
        return ops.cast(pictures, "float32") / 255.0
    return pictures
