"""Errors of heat maps and of coordinates read from them, one value per example.

A joint of weight 0 may hold anything, NaN too. Half precision is computed in float32.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_precise, require_equal_points
from keras_pose.losses.keypoint import joint_shares, pixel_error


def _map_pair(predicted, true):
    predicted, true = as_precise(predicted, true)
    require_equal_points("predicted", predicted, "true", true)
    if len(predicted.shape) < 3:
        raise ValueError(
            "predicted must have the shape [..., height, width, joints], but it has the shape "
            f"{list(predicted.shape)}."
        )
    return predicted, true


def heatmap_error(predicted: Tensor, true: Tensor, weights: Tensor | None = None) -> Tensor:
    """Compute the mean squared difference of maps over pixels and joints.

    The mean is over all joints whatever their weights, so that leaving a joint out does not change how
    the others are trained.

    Args:
        predicted: floating `[..., H, W, J]`.
        true: floating `[..., H, W, J]`.
        weights: None, or floating `[..., J]` >= 0, for example 0 where nobody annotated the joint.

    Returns:
        `[...]` >= 0.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.

    Reference: Zhou et al. 2017, equation 1.
    """
    predicted, true = _map_pair(predicted, true)
    difference = predicted - true
    if weights is None:
        return ops.mean(ops.square(difference), axis=(-3, -2, -1))
    weights = ops.cast(weights, predicted.dtype)
    counts = weights[..., None, None, :] > 0
    difference = ops.where(counts, difference, ops.zeros_like(difference))
    return ops.mean(weights * ops.mean(ops.square(difference), axis=(-3, -2)), axis=-1)


def coordinate_error(points_2d: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """Compute the mean absolute error of visible joints' coordinates, for soft arg-max.

    Args:
        points_2d: floating `[..., J, 2]`, any unit.
        target: floating `[..., J, 2]`, same unit.
        visible: floating or bool `[..., J]`, 0 or 1.

    Returns:
        `[...]` >= 0, same unit; 0 where nothing is visible.

    Raises:
        ValueError: if the shapes differ.

    Reference: Nibali et al. 2018 (arXiv 1801.07372); Sun et al. 2018 (arXiv 1711.08229).
    """
    points_2d, target = as_precise(points_2d, target)
    return pixel_error(points_2d, target, joint_shares(visible))


def map_divergence(predicted: Tensor, true: Tensor, visible: Tensor) -> Tensor:
    """Compute the Jensen-Shannon divergence of two maps' shapes, the mean over visible joints.

    It keeps the softmax of a map near a Gaussian, which the place of its mean alone does not.

    Args:
        predicted: floating `[..., H, W, J]` >= 0, each map with sum 1, from `spatial_softmax`.
        true: floating `[..., H, W, J]` >= 0, scaled to sum 1 here, for example `encode_heatmaps`
            with `subpixel`. A joint whose map is zero does not count.
        visible: floating or bool `[..., J]`, 0 or 1.

    Returns:
        `[...]`, 0 to log 2; 0 where nothing counts.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.

    Reference: Nibali et al. 2018 (DSNT), section 3.3.
    """
    predicted, true = _map_pair(predicted, true)
    mass = ops.sum(true, axis=(-3, -2), keepdims=True)
    some = mass > 0
    true = true / ops.where(some, mass, ops.ones_like(mass))
    seen = ops.logical_and(ops.cast(visible, "float32") > 0, some[..., 0, 0, :])
    predicted = ops.where(seen[..., None, None, :], predicted, ops.zeros_like(predicted))
    true = ops.where(seen[..., None, None, :], true, ops.zeros_like(true))
    middle = (predicted + true) / 2
    divergence = (_relative_entropy(predicted, middle) + _relative_entropy(true, middle)) / 2
    share = ops.cast(joint_shares(seen), predicted.dtype)
    return ops.sum(share * divergence, axis=-1)


def _relative_entropy(share, reference):
    """Sum over pixels of p log(p / q), 0 where p is 0, with a gradient there."""
    some = share > 0
    ratio = ops.where(some, share, ops.ones_like(share)) / ops.where(
        some, reference, ops.ones_like(reference)
    )
    terms = ops.where(some, share * ops.log(ratio), ops.zeros_like(share))
    return ops.sum(terms, axis=(-3, -2))
