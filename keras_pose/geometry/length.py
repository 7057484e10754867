"""Euclidean length with a gradient that exists everywhere."""

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_floating


def length(vectors: Tensor, keepdims: bool = False) -> Tensor:
    """Measure vectors along the last axis.

    The gradient of a zero vector is 0, where the plain formula would give NaN; a NaN stays NaN.

    Args:
        vectors: floating `[..., D]`, any unit.
        keepdims: keep the last axis with size 1.

    Returns:
        Lengths `[...]` (or `[..., 1]`) >= 0, same unit.
    """
    return root(ops.sum(ops.square(as_floating(vectors)), axis=-1, keepdims=keepdims))


def root(square: Tensor) -> Tensor:
    """Take the square root, with gradient 0 at 0.

    Args:
        square: floating `[...]` >= 0.

    Returns:
        Roots `[...]`.
    """
    zero = ops.equal(square, 0)
    # sqrt has an infinite gradient at 0, and 0 * inf is NaN: take the root of 1 there instead.
    safe = ops.sqrt(ops.where(zero, ops.ones_like(square), square))
    return ops.where(zero, ops.zeros_like(square), safe)
