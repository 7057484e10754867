"""Root-centred, scaled 2D poses, and the way back to the input's pixels.

encode: pixels [..., J, 2] -> (pose without its root [..., J-1, 2], scale [...]).
decode: lifted pose [..., J-1, 3] and scale -> pixels at the root's depth [..., J, 3], root at 0.
The root is joint 0, as in every body skeleton of this package.
"""

from keras import ops

SCALE_RULES = ("max_abs", "root_mean_square")


def pose_scale(points, rule="max_abs"):
    """Size of each root-centred pose.

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
    if rule == "max_abs":
        return ops.max(ops.absolute(points), axis=(-2, -1))
    if rule == "root_mean_square":
        return ops.sqrt(ops.mean(ops.square(points), axis=(-2, -1)))
    raise ValueError(f"scale rule must be one of {SCALE_RULES}, got {rule!r}.")


def valid_poses(points):
    """Which poses can be normalised: all coordinates finite and not all joints on the root.

    Args:
        points: float `[..., J, D]`.

    Returns:
        bool `[...]`.
    """
    finite = ops.all(ops.isfinite(points), axis=(-2, -1))
    offset = ops.absolute(points - points[..., :1, :])
    return ops.logical_and(finite, ops.max(offset, axis=(-2, -1)) > 0)


def encode_root_relative(points, rule="max_abs"):
    """Centre on the root, divide by the pose's own scale, drop the root.

    Poses for which `valid_poses` is false come out as zeros with scale 1, never as NaN.

    Args:
        points: float `[..., J, 2]`, any unit, y down; joint 0 is the root.
        rule: see `pose_scale`.

    Returns:
        `(normalized, scale)`: float `[..., J-1, 2]`, in [-1, 1] under `max_abs`; float `[...]` in the
        input's unit, positive.

    Reference: TIPS-GAN's author divides by the largest absolute coordinate of the pose.
    """
    valid = valid_poses(points)[..., None, None]
    centred = ops.where(valid, points - points[..., :1, :], ops.zeros_like(points))[..., 1:, :]
    scale = pose_scale(centred, rule)
    scale = ops.where(scale > 0, scale, ops.ones_like(scale))
    return centred / scale[..., None, None], scale


def decode_root_relative(points, scale):
    """Back to the input's unit with the root restored at the origin.

    Args:
        points: float `[..., J-1, D]`, normalised and root-relative.
        scale: float `[...]`, as `encode_root_relative` returned it.

    Returns:
        float `[..., J, D]`, in the unit of `scale`; joint 0 is 0.
    """
    scaled = points * scale[..., None, None]
    return ops.concatenate([ops.zeros_like(scaled[..., :1, :]), scaled], axis=-2)
