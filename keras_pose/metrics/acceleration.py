"""Error of motion: how far the accelerations of a lifted film are from the true ones."""

from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.metrics.position import joint_errors, pose_pair


def acceleration_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Compute the mean distance of accelerations, x(t + 1) - 2 x(t) + x(t - 1).

    Args:
        predicted: floating `[..., T, J, 3]`, root-relative, frames in the order of time, T at least 3.
        true: floating `[..., T, J, 3]`, same unit and frame.

    Returns:
        Mean over joints `[..., T - 2]`, of the frames with two neighbours, in the unit of the input per
        squared frame.

    Raises:
        ValueError: if a shape is wrong, the shapes differ or there are fewer than three frames.

    Reference: Kanazawa et al. 2019 (arXiv 1812.01601), acceleration error.

    Example:
        >>> import numpy as np
        >>> from keras_pose.metrics import acceleration_error
        >>> still, jerk = np.zeros((3, 1, 3)), np.zeros((3, 1, 3))
        >>> jerk[1] = 1.0, 0.0, 0.0
        >>> float(acceleration_error(jerk, still)[0])
        2.0
    """
    predicted, true = pose_pair(predicted, true)
    if len(predicted.shape) < 3 or predicted.shape[-3] < 3:
        raise ValueError(
            f"predicted has the shape {list(predicted.shape)}; an acceleration needs [..., T, J, 3] of "
            "at least three frames."
        )
    ends = [points[..., 2:, :, :] + points[..., :-2, :, :] for points in (predicted, true)]
    middle = [2.0 * points[..., 1:-1, :, :] for points in (predicted, true)]
    errors = joint_errors(ends[0] - middle[0], ends[1] - middle[1])
    return ops.mean(errors, axis=-1)
