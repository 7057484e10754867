"""Rotation matrices about the coordinate axes, for column vectors.

Right-handed: a positive angle turns y towards z about x, z towards x about y, x towards y about z.
With the house frame (x right, y down, z forward) that holds unchanged. Angles are radians.
"""

from typing import Any

from keras import ops

from keras_pose.geometry.shapes import (
    Tensor,
    as_floating,
    require_last_axes,
    require_points,
)


def _matrix(rows: list[list[Tensor]]) -> Tensor:
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def _parts(angle_rad: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    angle_rad = as_floating(angle_rad)
    zero = ops.zeros_like(angle_rad)
    return ops.cos(angle_rad), ops.sin(angle_rad), zero, zero + 1


def rotation_x(angle_rad: Any) -> Tensor:
    """Build the rotation about the x axis, `[[1, 0, 0], [0, c, -s], [0, s, c]]`.

    Args:
        angle_rad: angle, floating, shape `[...]`, radians, any range.

    Returns:
        Matrices `[..., 3, 3]` of the angle's dtype.
    """
    cosine, sine, zero, one = _parts(angle_rad)
    return _matrix([[one, zero, zero], [zero, cosine, -sine], [zero, sine, cosine]])


def rotation_y(angle_rad: Any) -> Tensor:
    """Build the rotation about the y axis, `[[c, 0, s], [0, 1, 0], [-s, 0, c]]`.

    The y axis is the vertical of a level camera, so this is the azimuth of TIPS (section 5 of the
    authors' training step) applied to column vectors.

    Args:
        angle_rad: angle, floating, shape `[...]`, radians, any range.

    Returns:
        Matrices `[..., 3, 3]` of the angle's dtype.
    """
    cosine, sine, zero, one = _parts(angle_rad)
    return _matrix([[cosine, zero, sine], [zero, one, zero], [-sine, zero, cosine]])


def rotation_z(angle_rad: Any) -> Tensor:
    """Build the rotation about the z axis, `[[c, -s, 0], [s, c, 0], [0, 0, 1]]`.

    Args:
        angle_rad: angle, floating, shape `[...]`, radians, any range.

    Returns:
        Matrices `[..., 3, 3]` of the angle's dtype.
    """
    cosine, sine, zero, one = _parts(angle_rad)
    return _matrix([[cosine, -sine, zero], [sine, cosine, zero], [zero, zero, one]])


def invert_rotation(rotation: Tensor) -> Tensor:
    """Transpose rotation matrices, which inverts them.

    Args:
        rotation: orthonormal matrices `[..., 3, 3]`.

    Returns:
        Matrices `[..., 3, 3]`.

    Raises:
        ValueError: if the last two axes are not 3 by 3.
    """
    rotation = as_floating(rotation)
    require_last_axes("rotation", rotation, (3, 3))
    return ops.swapaxes(rotation, -1, -2)


def rotate(points: Tensor, rotation: Tensor) -> Tensor:
    """Turn every point, `p -> R p`.

    Code that multiplies row vectors, `P' = P M`, calls this with `invert_rotation(M)`.

    Args:
        points: floating `[..., J, 3]`, any unit, any frame.
        rotation: matrices `[..., 3, 3]`; leading axes broadcast against those of `points`.

    Returns:
        Points `[..., J, 3]` in the same unit.

    Raises:
        ValueError: if an argument has the wrong shape.

    Example:
        >>> import numpy as np
        >>> from keras_pose.geometry import rotate, rotation_z
        >>> turned = rotate(np.array([[2.0, 0.0, 1.0]]), rotation_z(np.pi / 2))
        >>> bool(np.allclose(turned, [[0.0, 2.0, 1.0]], atol=1e-6))
        True
    """
    points, rotation = as_floating(points, rotation)
    require_points("points", points)
    require_last_axes("rotation", rotation, (3, 3))
    return ops.matmul(points, ops.swapaxes(rotation, -1, -2))
