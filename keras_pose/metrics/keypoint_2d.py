"""Errors of 2D keypoints as shares of the hand's box, which compare pictures of any size."""

from collections.abc import Sequence

from keras import ops

from keras_pose.geometry.length import length
from keras_pose.geometry.shapes import Tensor, as_floating, require_equal_points, require_points


def _relative_distances(predicted, true, visible, box_side):
    """Distances over the box's side `[..., J]`, and visibility `[..., J]` in the same dtype."""
    predicted, true, box_side = as_floating(predicted, true, box_side)
    require_points("predicted", predicted, 2)
    require_equal_points("predicted", predicted, "true", true)
    # A flag, not a weight: COCO writes 1 for hidden and 2 for visible joints. What is not labelled may
    # hold anything, NaN too.
    seen = ops.convert_to_tensor(visible) > 0
    step = ops.where(seen[..., None], predicted - true, ops.zeros_like(predicted))
    return length(step) / box_side[..., None], ops.cast(seen, predicted.dtype)


def _visible_mean(values, visible):
    return ops.sum(values * visible, axis=-1) / ops.maximum(ops.sum(visible, axis=-1), 1.0)


def box_relative_error(
    predicted: Tensor, true: Tensor, visible: Tensor, box_side: Tensor
) -> Tensor:
    """Compute the mean distance of visible keypoints over the side of the hand's box.

    Args:
        predicted: floating `[..., J, 2]`, pixels.
        true: floating `[..., J, 2]`, same pixels.
        visible: `[..., J]`, above 0 where a joint counts.
        box_side: floating `[...]` > 0, longer side of the true box, same pixels.

    Returns:
        Shares `[...]` >= 0; 0 where nothing is visible.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.
    """
    return _visible_mean(*_relative_distances(predicted, true, visible, box_side))


def box_relative_pck(
    predicted: Tensor,
    true: Tensor,
    visible: Tensor,
    box_side: Tensor,
    fractions: Sequence[float] = (0.05, 0.1, 0.2),
) -> Tensor:
    """Compute the share of visible keypoints that lie within fractions of the box's side.

    Args:
        predicted: floating `[..., J, 2]`, pixels.
        true: floating `[..., J, 2]`, same pixels.
        visible: `[..., J]`, above 0 where a joint counts.
        box_side: floating `[...]` > 0, longer side of the true box, same pixels.
        fractions: F limits, inclusive.

    Returns:
        Shares `[..., F]`, 0 to 1; 0 where nothing is visible.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or there is no fraction.
    """
    if not len(fractions):
        raise ValueError("fractions is empty; give at least one share of the box's side.")
    distances, visible = _relative_distances(predicted, true, visible, box_side)
    shares = [
        _visible_mean(ops.cast(distances <= fraction, distances.dtype), visible)
        for fraction in fractions
    ]
    return ops.stack(shares, axis=-1)
