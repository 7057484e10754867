"""The hourglass: down to a few pixels and up again, with a branch kept at every size."""

from collections.abc import Callable

import keras
from keras import ops

DEPTH = 4
"""Halvings of an hourglass: its pixels must be divisible by 2 to this power."""


@keras.saving.register_keras_serializable("keras_pose")
class UpsampledSum(keras.layers.Layer):
    """Adds a map of half the size to a map, each of its pixels to four.

    Args:
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        fine: float `[B, 2 H, 2 W, C]`.
        coarse: float `[B, H, W, C]`.

    Returns:
        float `[B, 2 H, 2 W, C]`.
    """

    def call(self, fine, coarse):
        _, height, width, channels = coarse.shape
        if height is not None and width is not None:
            # One operation on phones; `UpSampling2D` becomes six there.
            size = (2 * height, 2 * width)
            doubled = ops.image.resize(
                coarse, size, interpolation="nearest", data_format="channels_last"
            )
            return fine + doubled
        doubled = ops.repeat(ops.repeat(coarse, 2, axis=1), 2, axis=2)
        return fine + doubled

    def compute_output_shape(self, fine_shape, coarse_shape):
        return fine_shape


def build_hourglass(
    hidden: keras.KerasTensor,
    num_modules: int,
    residual: Callable[[keras.KerasTensor, str], keras.KerasTensor],
    name: str,
    depth: int = DEPTH,
) -> keras.KerasTensor:
    """Put an hourglass on top of a map.

    At each of `depth` sizes: a branch of residuals that stays, a branch that is halved by max pooling,
    goes through residuals, the smaller hourglass (at the bottom: more residuals) and residuals again,
    and is added to the first, doubled. Sizes are named from the outermost, 1, to the innermost.

    Args:
        hidden: `[B, H, W, C]`, H and W divisible by `2**depth`.
        num_modules: residuals in a row wherever there are residuals.
        residual: makes one residual of a map `[B, H', W', C]`, given the layer's name.
        name: prefix of all layer names.
        depth: number of sizes.

    Returns:
        `[B, H, W, C]`.

    Reference: Newell et al. 2016 (arXiv 1603.06937), section 3.
    """

    def row(hidden, part):
        for module in range(num_modules):
            hidden = residual(hidden, f"{part}{module}")
        return hidden

    def level(hidden, size):
        part = f"{name}_size{size}"
        kept = row(hidden, f"{part}_kept")
        small = keras.layers.MaxPooling2D(2, name=f"{part}_pool")(hidden)
        small = row(small, f"{part}_before")
        small = level(small, size + 1) if size < depth else row(small, f"{part}_inner")
        small = row(small, f"{part}_after")
        return UpsampledSum(name=f"{part}_sum")(kept, small)

    return level(hidden, 1)
