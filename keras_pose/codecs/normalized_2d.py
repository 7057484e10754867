"""Root-centred, scaled 2D poses, and the way back to the input's pixels.

encode: pixels `[..., J, 2]` -> (pose without its root `[..., J-1, 2]`, scale `[...]`).
decode: lifted pose `[..., J-1, 3]` and scale -> pixels at the root's depth `[..., J, 3]`, root at 0.
The root is joint 0, as in every body skeleton of this package.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor

SCALE_RULES = ("max_abs", "root_mean_square")


def pose_scale(points: Tensor, rule: str = "max_abs") -> Tensor:
    """Return the size of each root-centred pose.

    Args:
        points: float `[..., J, 2]`, root at the origin (the root itself may be left out).
        rule: `"max_abs"`, the largest absolute coordinate; `"root_mean_square"`, the root of the
            mean squared coordinate, smooth in every joint.

    Returns:
        float `[...]`, same unit, 0 only for a pose whose joints all coincide with the root.

    Raises:
        ValueError: if `rule` is unknown.

    Reference: `max_abs` is the normalisation of TIPS-GAN's author.
    """
    if rule not in SCALE_RULES:
        raise ValueError(f"scale rule must be one of {SCALE_RULES}, got {rule!r}.")
    points = ops.convert_to_tensor(points)
    largest = _largest(points)
    if rule == "max_abs":
        return largest
    # Squares of very large or small numbers leave float32, so they are taken of numbers near 1. The
    # result does not depend on that unit, hence no gradient through it.
    unit = ops.stop_gradient(ops.where(largest > 0, largest, ops.ones_like(largest)))
    near_one = ops.square(points / unit[..., None, None])
    count = max(1, points.shape[-2] * points.shape[-1])
    return unit * ops.sqrt(ops.sum(near_one, axis=(-2, -1)) / count)


def valid_poses(points: Tensor) -> Tensor:
    """Return which poses can be normalised: finite coordinates and distances, not all joints on the root.

    Args:
        points: float `[..., J, D]`.

    Returns:
        bool `[...]`.
    """
    points = ops.convert_to_tensor(points)
    # The difference of two finite numbers may be infinite; of a broken one it is never finite.
    offset = points - points[..., :1, :]
    finite = ops.all(ops.isfinite(offset), axis=(-2, -1))
    return ops.logical_and(finite, _largest(offset) > 0)


def encode_root_relative(points: Tensor, rule: str = "max_abs") -> tuple[Tensor, Tensor]:
    """Centre on the root, divide by the pose's own scale, drop the root.

    Poses for which `valid_poses` is false come out as zeros with scale 1, never as NaN.

    Args:
        points: float `[..., J, 2]`, any unit, y down; joint 0 is the root.
        rule: see `pose_scale`.

    Returns:
        `(normalized, scale)`: float `[..., J-1, 2]`, in [-1, 1] under `max_abs`; float `[...]` in the
        input's unit, positive.

    Reference: TIPS-GAN's author divides by the largest absolute coordinate of the pose.

    Example:
        >>> import numpy as np
        >>> from keras_pose.codecs import encode_root_relative
        >>> points = np.array([[10.0, 10.0], [14.0, 10.0], [10.0, 2.0]])
        >>> unit, scale = encode_root_relative(points)
        >>> np.asarray(unit).tolist(), float(np.asarray(scale).squeeze())
        ([[0.5, 0.0], [0.0, -1.0]], 8.0)
    """
    points = ops.convert_to_tensor(points)
    valid = valid_poses(points)[..., None, None]
    centred = ops.where(valid, points - points[..., :1, :], ops.zeros_like(points))[..., 1:, :]
    scale = pose_scale(centred, rule)
    scale = ops.where(scale > 0, scale, ops.ones_like(scale))
    return centred / scale[..., None, None], scale


def decode_root_relative(points: Tensor, scale: Tensor) -> Tensor:
    """Back to the input's unit with the root restored at the origin.

    Args:
        points: float `[..., J-1, D]`, normalised and root-relative.
        scale: float `[...]`, as `encode_root_relative` returned it.

    Returns:
        float `[..., J, D]`, in the unit of `scale`; joint 0 is 0.
    """
    scaled = ops.convert_to_tensor(points) * scale[..., None, None]
    return ops.pad(scaled, [(0, 0)] * (len(scaled.shape) - 2) + [(1, 0), (0, 0)])


def _largest(points):
    """Largest absolute coordinate; the initial value spares a check that fails on no poses at all."""
    return ops.max(ops.absolute(points), axis=(-2, -1), initial=0.0)
