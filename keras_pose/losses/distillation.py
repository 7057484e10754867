"""How far a student network is from its teacher, one value per example, and how far to trust the teacher.

Four terms: heat maps, coordinates read from them, depths or other single numbers, pooled features. A
joint of weight 0 may hold anything, NaN too. Half precision is computed in float32. Gradients never reach
what the teacher says.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_precise, require_equal_points
from keras_pose.losses.heatmap import heatmap_error
from keras_pose.losses.keypoint import pixel_error, relative_depth_error

# Below it a row of features has no direction.
_SHORTEST = 1e-12


def teacher_trust(
    teacher_points: Tensor, label_points: Tensor, labelled: Tensor, tolerance: float
) -> Tensor:
    """Weigh each joint by how well the teacher did on it: `exp(-(d / tolerance)^2)`.

    A student should not copy a mistake that a label shows to be one. Where there is no label the teacher
    is all there is, and counts in full.

    Args:
        teacher_points: floating `[..., J, D]`, any unit.
        label_points: floating `[..., J, D]`, same unit.
        labelled: floating or bool `[..., J]`, above 0 where the label is there; elsewhere
            `label_points` may hold anything, NaN too.
        tolerance: distance at which the weight is 1 / e, same unit, above 0.

    Returns:
        `[..., J]`, 0 to 1, without gradient; 0 where the teacher's answer is not finite.

    Raises:
        ValueError: if the shapes differ or the tolerance is not positive.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance={tolerance} must be above 0; give a distance.")
    teacher_points, label_points = as_precise(teacher_points, label_points)
    require_equal_points("teacher_points", teacher_points, "label_points", label_points)
    known = ops.cast(labelled, "float32") > 0
    difference = ops.where(
        known[..., None], teacher_points - label_points, ops.zeros_like(teacher_points)
    )
    squares = ops.sum(ops.square(difference), axis=-1) / tolerance**2
    usable = ops.all(ops.isfinite(teacher_points), axis=-1)
    trust = ops.exp(-ops.where(usable, squares, ops.zeros_like(squares)))
    return ops.stop_gradient(ops.where(usable, trust, ops.zeros_like(trust)))


def map_imitation(heatmaps: Tensor, teacher_maps: Tensor, weights: Tensor) -> Tensor:
    """Compute the mean squared difference from the teacher's maps, brought to the student's side.

    Args:
        heatmaps: floating `[B, H, W, J]`, the student's.
        teacher_maps: floating `[B, h, w, J]`; resized bilinearly where the sides differ, which widens
            blobs in proportion.
        weights: floating `[B, J]` >= 0; the mean is over all joints whatever their weights.

    Returns:
        `[B]` >= 0.

    Raises:
        ValueError: if a shape is wrong.
    """
    heatmaps, teacher_maps = as_precise(heatmaps, teacher_maps)
    if len(heatmaps.shape) != 4 or len(teacher_maps.shape) != 4:
        raise ValueError(
            "heatmaps and teacher_maps must have the shape [batch, height, width, joints], but they "
            f"have the shapes {list(heatmaps.shape)} and {list(teacher_maps.shape)}."
        )
    size = tuple(heatmaps.shape[1:3])
    if tuple(teacher_maps.shape[1:3]) != size:
        dtype = teacher_maps.dtype
        # The backend's resizing answers in float32 whatever it is given.
        teacher_maps = ops.cast(ops.image.resize(teacher_maps, size, "bilinear"), dtype)
    return heatmap_error(heatmaps, ops.stop_gradient(teacher_maps), weights)


def point_imitation(points: Tensor, teacher_points: Tensor, weights: Tensor) -> Tensor:
    """Compute the weighted absolute difference of coordinates, its mean over coordinates and joints.

    Args:
        points: floating `[..., J, D]`, the student's, any unit.
        teacher_points: floating `[..., J, D]`, same unit.
        weights: floating `[..., J]` >= 0; the mean is over all joints whatever their weights.

    Returns:
        `[...]` >= 0, same unit.

    Raises:
        ValueError: if the shapes differ.
    """
    points, teacher_points = as_precise(points, teacher_points)
    error = pixel_error(points, ops.stop_gradient(teacher_points), weights)
    return error / points.shape[-2]


def number_imitation(numbers: Tensor, teacher_numbers: Tensor, weights: Tensor) -> Tensor:
    """Compute the weighted absolute difference of one number per joint, as depth is, and its mean.

    Args:
        numbers: floating `[..., J]`, the student's, any unit.
        teacher_numbers: floating `[..., J]`, same unit.
        weights: floating `[..., J]` >= 0; the mean is over all joints whatever their weights.

    Returns:
        `[...]` >= 0, same unit.

    Raises:
        ValueError: if the shapes differ.
    """
    numbers, teacher_numbers = as_precise(numbers, teacher_numbers)
    error = relative_depth_error(numbers, ops.stop_gradient(teacher_numbers), weights)
    return error / numbers.shape[-1]


def feature_imitation(features: Tensor, teacher_features: Tensor) -> Tensor:
    """Compute 1 minus the cosine between rows of features, so that their lengths are free.

    Args:
        features: floating `[..., F]`, the student's, through a linear map to the teacher's width.
        teacher_features: floating `[..., F]`.

    Returns:
        `[...]`, 0 to 2; 1 where a row is zero.

    Raises:
        ValueError: if the widths differ.
    """
    features, teacher_features = as_precise(features, teacher_features)
    if features.shape[-1] != teacher_features.shape[-1]:
        raise ValueError(
            f"features have {features.shape[-1]} numbers and teacher_features "
            f"{teacher_features.shape[-1]}; map the student's to the teacher's width first."
        )
    teacher_features = ops.stop_gradient(teacher_features)
    product = ops.sum(features * teacher_features, axis=-1)
    # Under one root each, so that squares of small rows do not underflow together.
    return 1.0 - product * _inverse_length(features) * _inverse_length(teacher_features)


def _inverse_length(rows):
    return ops.rsqrt(ops.maximum(ops.sum(ops.square(rows), axis=-1), _SHORTEST))
