"""Shares of joints that lie near enough: 3DPCK and the area under its curve.

All are in percent. A joint counts when its error is strictly below the threshold, so threshold 0
counts nothing and a perfect prediction reaches 96.77 over 31 thresholds, 99.33 over 150. Only
`share_within` counts an error that equals it.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from keras_pose.geometry.shapes import Tensor, as_floating
from keras_pose.metrics.position import joint_errors, scale_align
from keras_pose.metrics.units import convert_length

# MPI-INF-3DHP's own tool and ElePose: 0, 5, ..., 150 mm.
AUC_THRESHOLDS_MM: tuple[float, ...] = tuple(5.0 * step for step in range(31))
# LInKs: 150 evenly spaced thresholds with both ends included, so not whole millimetres.
AUC_THRESHOLDS_150_MM: tuple[float, ...] = tuple(float(t) for t in np.linspace(0.0, 150.0, 150))


def share_below(errors: Tensor, thresholds: Sequence[float]) -> Tensor:
    """Compute the percentage of errors strictly below a threshold, averaged over thresholds.

    Args:
        errors: floating `[..., J]` >= 0, any unit; NaN counts as too far.
        thresholds: numbers in the unit of the errors.

    Returns:
        Percentages `[...]`, 0 to 100.

    Raises:
        ValueError: if there is no threshold.
    """
    if not len(thresholds):
        raise ValueError("thresholds is empty; give at least one threshold.")
    errors = as_floating(errors)
    limits = ops.convert_to_tensor(list(thresholds), dtype=errors.dtype)
    near = ops.cast(errors[..., None] < limits, errors.dtype)
    return 100.0 * ops.mean(near, axis=(-2, -1))


def share_within(errors: Tensor, limit: float) -> Tensor:
    """Compute the percentage of errors that are not above a limit.

    Args:
        errors: floating `[..., J]` >= 0, any unit; NaN counts as too far.
        limit: number in the unit of the errors, inclusive, as Zhou et al. 2017 count.

    Returns:
        Percentages `[...]`, 0 to 100.
    """
    errors = as_floating(errors)
    return 100.0 * ops.mean(ops.cast(errors <= limit, errors.dtype), axis=-1)


def pck_3d(
    predicted: Tensor,
    true: Tensor,
    threshold_mm: float = 150.0,
    input_unit: str = "m",
    root: int | None = 0,
    scale: str | None = None,
) -> Tensor:
    """Compute the percentage of correct 3D keypoints (MPI-INF-3DHP's 3DPCK).

    Reference: Mehta et al. 2017, section 6. ElePose and LInKs report it after `norm_ratio` scaling
    and call it N-PCK.

    Args:
        predicted: floating `[..., J, 3]`, in `input_unit`, camera frame.
        true: floating `[..., J, 3]`, in `input_unit`, camera frame.
        threshold_mm: limit in millimetres, strict.
        input_unit: `m`, `cm` or `mm`.
        root: joint that is moved to the origin in both; None compares as they are.
        scale: None, or a rule of `scale_align`.

    Returns:
        Percentages over joints `[...]`, 0 to 100.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or an option is unknown.

    Example:
        >>> import numpy as np
        >>> from keras_pose.metrics import pck_3d
        >>> true = np.zeros((2, 3))
        >>> predicted = np.array([[0.0, 0.0, 0.0], [0.2, 0.0, 0.0]])
        >>> float(pck_3d(predicted, true))
        50.0
    """
    return auc_3d(predicted, true, (threshold_mm,), input_unit, root, scale)


def auc_3d(
    predicted: Tensor,
    true: Tensor,
    thresholds_mm: Sequence[float] = AUC_THRESHOLDS_MM,
    input_unit: str = "m",
    root: int | None = 0,
    scale: str | None = None,
) -> Tensor:
    """Compute the area under the 3DPCK curve, as the mean of 3DPCK over thresholds.

    Args:
        predicted: floating `[..., J, 3]`, in `input_unit`, camera frame.
        true: floating `[..., J, 3]`, in `input_unit`, camera frame.
        thresholds_mm: limits in millimetres: `AUC_THRESHOLDS_MM` or `AUC_THRESHOLDS_150_MM`.
        input_unit: `m`, `cm` or `mm`.
        root: joint that is moved to the origin in both; None compares as they are.
        scale: None, or a rule of `scale_align`.

    Returns:
        Percentages `[...]`, 0 to 100.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or an option is unknown.
    """
    to_mm = convert_length("input_unit", input_unit, "unit", "mm")
    if scale is not None:
        predicted, true = scale_align(predicted, true, scale, root)
        root = None
    return share_below(to_mm * joint_errors(predicted, true, root), thresholds_mm)
