"""Similarity Procrustes: the scale, rotation and shift that bring one pose nearest to another.

"PA-MPJPE" is two numbers, so whether the rotation may contain a reflection is always said:
`forbid` (VideoPose3D) or `best` (MATLAB's procrustes; ElePose, LInKs, the TIPS authors).
"""

from keras import ops

from keras_pose.geometry.length import root
from keras_pose.geometry.shapes import (
    Tensor,
    as_precise,
    require_choice,
    require_equal_points,
    require_points,
)

REFLECTION = ("forbid", "best")


def _unit_size(points: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Split points into mean `[..., 1, 3]`, Frobenius norm `[..., 1, 1]` and normalised points."""
    mean = ops.mean(points, axis=-2, keepdims=True)
    centred = points - mean
    square = ops.sum(ops.square(centred), axis=(-2, -1), keepdims=True)
    norm = root(square)
    return mean, norm, centred / ops.where(norm > 0, norm, ops.ones_like(norm))


def similarity_parameters(
    source: Tensor, target: Tensor, reflection: str = "forbid"
) -> tuple[Tensor, Tensor, Tensor]:
    """Find `scale * R p + t` that brings source points nearest to target points.

    Least squares over joints, one solution per pose. A source whose joints all coincide gets
    scale 0, so it lands on the target's mean. Where the best rotation is not unique (collinear
    joints) one of the best is returned. A pose that is not finite spoils only itself.

    Reference: Umeyama 1991; formula as in VideoPose3D's protocol 2.

    Args:
        source: floating `[..., J, 3]`, any unit.
        target: floating `[..., J, 3]`, same frame handedness.
        reflection: `forbid` keeps det R = +1; `best` takes a reflection where it fits better.

    Returns:
        `scale [...]` >= 0, `rotation [..., 3, 3]` for column vectors, `translation [..., 3]` in
        the target's unit. Half precision is computed and returned in float32, since no singular
        value decomposition exists below it.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or `reflection` is another word.
    """
    require_choice("reflection", reflection, REFLECTION)
    source, target = as_precise(source, target)
    require_points("source", source)
    require_points("target", target)
    require_equal_points("source", source, "target", target)

    source_mean, source_norm, source_unit = _unit_size(source)
    target_mean, target_norm, target_unit = _unit_size(target)
    correlation = ops.matmul(ops.swapaxes(target_unit, -1, -2), source_unit)
    # LAPACK may refuse a whole batch for one NaN.
    correlation = ops.where(ops.isfinite(correlation), correlation, ops.zeros_like(correlation))
    left, singular, right = ops.svd(correlation, full_matrices=False)
    if reflection == "forbid":
        first = ops.stop_gradient(ops.matmul(left, right))
        # The triple product of the rows: XLA has no determinant.
        cross = ops.cross(first[..., 1, :], first[..., 2, :])
        sign = ops.where(ops.sum(first[..., 0, :] * cross, axis=-1) < 0, -1, 1)
        signs = ops.stack([ops.ones_like(sign), ops.ones_like(sign), sign], axis=-1)
        signs = ops.cast(signs, singular.dtype)
        singular = singular * signs
        left = left * signs[..., None, :]
    rotation = ops.matmul(left, right)
    some = source_norm > 0
    ratio = target_norm / ops.where(some, source_norm, ops.ones_like(source_norm))
    ratio = ops.where(some, ratio, ops.zeros_like(ratio))[..., 0, 0]
    scale = ops.sum(singular, axis=-1) * ratio
    moved_mean = ops.matmul(source_mean, ops.swapaxes(rotation, -1, -2))
    translation = target_mean - scale[..., None, None] * moved_mean
    return scale, rotation, translation[..., 0, :]


def similarity_align(source: Tensor, target: Tensor, reflection: str = "forbid") -> Tensor:
    """Move source points as near to target points as a similarity can.

    See `similarity_parameters` for the degenerate cases.

    Args:
        source: floating `[..., J, 3]`, any unit.
        target: floating `[..., J, 3]`.
        reflection: `forbid` or `best`.

    Returns:
        Aligned source points `[..., J, 3]` in the target's unit and frame.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or `reflection` is another word.

    Example:
        >>> import numpy as np
        >>> from keras_pose.geometry import similarity_align
        >>> target = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
        >>> source = 5.0 * target[:, [1, 2, 0]] + 7.0
        >>> bool(np.allclose(similarity_align(source, target), target))
        True
    """
    scale, rotation, translation = similarity_parameters(source, target, reflection)
    source = ops.cast(as_precise(source), scale.dtype)
    turned = ops.matmul(source, ops.swapaxes(rotation, -1, -2))
    return scale[..., None, None] * turned + translation[..., None, :]
