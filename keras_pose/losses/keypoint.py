"""Errors of a 2.5D hand pose that are trained against: pixels, relative depths, root depth.

Each takes weights per joint and returns their weighted sum per example. With `valid / sum(valid)` over
a whole batch the sum over examples is the published loss; with `joint_shares` each example has its own
mean. A joint of weight 0 may hold anything, NaN too.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_floating, require_equal_points


def joint_shares(valid: Tensor) -> Tensor:
    """Turn validity into weights that sum to 1 in each example.

    Args:
        valid: floating or bool `[..., J]`, 0 or 1.

    Returns:
        float `[..., J]`; all 0 where no joint is valid.
    """
    valid = as_floating(ops.cast(valid, "float32"))
    return valid / ops.maximum(ops.sum(valid, axis=-1, keepdims=True), 1.0)


def _weighted_sum(points: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Sum over joints of the weight times the mean absolute difference over coordinates."""
    points, target = as_floating(points, target)
    require_equal_points("points", points, "target", target)
    weights = ops.cast(weights, points.dtype)
    counts = weights > 0
    # Both sides of the product are cleaned: 0 * NaN is NaN, in the gradient too.
    difference = ops.where(counts[..., None], points - target, ops.zeros_like(points))
    return ops.sum(weights * ops.mean(ops.absolute(difference), axis=-1), axis=-1)


def pixel_error(points_2d: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Compute L2D, half the sum of |du| + |dv|.

    Args:
        points_2d: floating `[..., J, 2]`, pixels.
        target: floating `[..., J, 2]`, pixels.
        weights: floating `[..., J]` >= 0.

    Returns:
        `[...]`, pixels times weight.

    Raises:
        ValueError: if the shapes differ.

    Reference: Spurr et al. 2021, section 4 (PeCLR's supervised stage).
    """
    return _weighted_sum(points_2d, target, weights)


def relative_depth_error(depth: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Compute Lz, the sum of |dr|.

    Args:
        depth: floating `[..., J]`, root-relative depth in bone lengths.
        target: floating `[..., J]`, same unit.
        weights: floating `[..., J]` >= 0.

    Returns:
        `[...]`, bone lengths times weight.

    Raises:
        ValueError: if the shapes differ.

    Reference: Spurr et al. 2021, section 4 (PeCLR's supervised stage).
    """
    depth, target = as_floating(depth, target)
    return _weighted_sum(depth[..., None], target[..., None], weights)


def root_depth_error(depth: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Compute Lroot, the absolute error of the refined root depth.

    Args:
        depth: floating `[...]`, bone lengths.
        target: floating `[...]`, bone lengths.
        weight: floating `[...]` >= 0.

    Returns:
        `[...]`, bone lengths times weight.

    Raises:
        ValueError: if the shapes differ.

    Reference: Spurr et al. 2021, section 4 (PeCLR's supervised stage).
    """
    depth, target, weight = as_floating(depth, target, weight)
    return _weighted_sum(depth[..., None, None], target[..., None, None], weight[..., None])


def lifted_error(points_3d: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Compute the mean absolute error per coordinate after lifting, which PeCLR logs.

    Args:
        points_3d: floating `[..., J, 3]`, camera frame, any length unit.
        target: floating `[..., J, 3]`, same unit.
        weights: floating `[..., J]` >= 0.

    Returns:
        `[...]`, that unit times weight.

    Raises:
        ValueError: if the shapes differ.

    Reference: PeCLR's supervised stage, monitored and not optimised (section 7.2).
    """
    return _weighted_sum(points_3d, target, weights)
