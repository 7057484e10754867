"""Joint position errors: MPJPE, PA-MPJPE and both definitions of N-MPJPE.

Plain functions return one value per pose, the mean over joints, in the unit of the
input.
"""

from keras import ops

from keras_pose.geometry.length import length
from keras_pose.geometry.length import root as square_root
from keras_pose.geometry.procrustes import similarity_align
from keras_pose.geometry.shapes import (
    Tensor,
    as_floating,
    require_choice,
    require_equal_points,
    require_joint,
    require_points,
)

SCALE_RULES = ("least_squares", "norm_ratio")


def pose_pair(predicted: Tensor, true: Tensor) -> tuple[Tensor, Tensor]:
    """Check a prediction and its truth at the door.

    Args:
        predicted: `[..., J, 3]`.
        true: `[..., J, 3]`.

    Returns:
        Both, as tensors of one floating dtype.

    Raises:
        ValueError: if a shape is wrong or the shapes differ.
    """
    predicted, true = as_floating(predicted, true)
    require_points("predicted", predicted)
    require_points("true", true)
    require_equal_points("predicted", predicted, "true", true)
    return predicted, true


def root_relative(points: Tensor, root: int | None) -> Tensor:
    """Move each pose so that its root joint lies at the origin.

    Args:
        points: floating `[..., J, 3]`.
        root: index of the root joint; None leaves the points as they are.

    Returns:
        Points `[..., J, 3]`.

    Raises:
        ValueError: if the shape is wrong or the root is not among the joints.
    """
    points = as_floating(points)
    require_points("points", points)
    if root is None:
        return points
    require_joint("root", root, points)
    return points - points[..., root : root + 1, :]


def joint_errors(predicted: Tensor, true: Tensor, root: int | None = None) -> Tensor:
    """Measure the distance of each predicted joint from its true place.

    The gradient is 0, not NaN, where both places agree.

    Args:
        predicted: floating `[..., J, 3]`.
        true: floating `[..., J, 3]`, same unit and frame.
        root: joint that is moved to the origin in both poses first; None compares as they are.

    Returns:
        Distances `[..., J]` >= 0 in the unit of the input.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or the root is not among the joints.
    """
    predicted, true = pose_pair(predicted, true)
    difference = root_relative(predicted, root) - root_relative(true, root)
    return length(difference)


def mpjpe(predicted: Tensor, true: Tensor, root: int | None = None) -> Tensor:
    """Compute the mean per joint position error.

    Args:
        predicted: floating `[..., J, 3]`.
        true: floating `[..., J, 3]`, same unit and frame.
        root: joint that is moved to the origin in both poses first; None compares as they are.

    Returns:
        Mean distance over joints `[...]`, in the unit of the input.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or the root is not among the joints.

    Example:
        >>> import numpy as np
        >>> from keras_pose.metrics import mpjpe
        >>> true = np.zeros((2, 3))
        >>> predicted = np.array([[3.0, 4.0, 0.0], [0.0, 0.0, 1.0]])
        >>> float(mpjpe(predicted, true))
        3.0
    """
    return ops.mean(joint_errors(predicted, true, root), axis=-1)


def pa_mpjpe(predicted: Tensor, true: Tensor, reflection: str = "forbid") -> Tensor:
    """Compute the mean per joint position error after similarity alignment (protocol 2).

    Args:
        predicted: floating `[..., J, 3]`, any unit.
        true: floating `[..., J, 3]`.
        reflection: `forbid` (VideoPose3D) or `best` (ElePose, LInKs and the TIPS authors). The
            squared error under `best` is never larger, so the mean distance hardly ever is.

    Returns:
        Mean distance over joints `[...]`, in the unit of `true`.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or `reflection` is another word.

    Example:
        >>> import numpy as np
        >>> from keras_pose.metrics import pa_mpjpe
        >>> true = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, 3]])
        >>> round(float(pa_mpjpe(2.0 * true + 5.0, true)), 6)
        0.0
    """
    predicted, true = pose_pair(predicted, true)
    return mpjpe(similarity_align(predicted, true, reflection), true)


def scale_align(
    predicted: Tensor, true: Tensor, scale: str = "least_squares", root: int | None = 0
) -> tuple[Tensor, Tensor]:
    """Move both roots to the origin and scale the prediction, one factor per pose.

    `least_squares` is `<p, g> / <p, p>` (VideoPose3D; it may be negative), `norm_ratio` is
    `|g| / |p|` (ElePose, LInKs). A prediction without extent gets factor 0.

    Args:
        predicted: floating `[..., J, 3]`, any unit.
        true: floating `[..., J, 3]`.
        scale: the rule.
        root: index of the root joint; None if both are root-relative already.

    Returns:
        Scaled root-relative prediction and root-relative truth, both `[..., J, 3]` in the unit of
        `true`.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or `scale` is another word.
    """
    require_choice("scale", scale, SCALE_RULES)
    predicted, true = pose_pair(predicted, true)
    predicted, true = root_relative(predicted, root), root_relative(true, root)
    own = ops.sum(ops.square(predicted), axis=(-2, -1), keepdims=True)
    some = ops.not_equal(own, 0)
    safe = ops.where(some, own, ops.ones_like(own))
    if scale == "least_squares":
        factor = ops.sum(predicted * true, axis=(-2, -1), keepdims=True) / safe
    else:
        other = ops.sum(ops.square(true), axis=(-2, -1), keepdims=True)
        factor = square_root(other / safe)
    return ops.where(some, factor, ops.zeros_like(factor)) * predicted, true


def n_mpjpe(
    predicted: Tensor, true: Tensor, scale: str = "least_squares", root: int | None = 0
) -> Tensor:
    """Compute the mean per joint position error after root alignment and one scale per pose.

    Args:
        predicted: floating `[..., J, 3]`, any unit.
        true: floating `[..., J, 3]`, camera frame.
        scale: `least_squares` or `norm_ratio`, see `scale_align`; two numbers, never compare them.
        root: index of the root joint; None if both are root-relative already.

    Returns:
        Mean distance over joints `[...]`, in the unit of `true`.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or `scale` is another word.
    """
    return mpjpe(*scale_align(predicted, true, scale, root))
