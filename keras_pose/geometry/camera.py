"""Perspective cameras.

Camera frame: x right, y down, z forward. Pixels are continuous: the centre of the top-left pixel
is (0.5, 0.5), so the middle of a W by H picture is (W / 2, H / 2). Someone whose intrinsics put
the first pixel's centre at (0, 0), as OpenCV does, adds 0.5 to both principal coordinates.
Lens distortion is not modelled here.
"""

import math
from typing import Any

import numpy as np
from keras import ops

from keras_pose.geometry.rotation import invert_rotation, rotate
from keras_pose.geometry.shapes import Tensor, as_floating, require_last_axes, require_points


def intrinsics_matrix(focal_px: Tensor, centre_px: Tensor) -> Tensor:
    """Build `[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`.

    Args:
        focal_px: floating `[..., 2]`, focal lengths (fx, fy) in pixels.
        centre_px: floating `[..., 2]`, principal point (cx, cy) in continuous pixels.

    Returns:
        Matrices `[..., 3, 3]`.

    Raises:
        ValueError: if an argument does not end in 2.
    """
    focal_px, centre_px = as_floating(focal_px, centre_px)
    require_last_axes("focal_px", focal_px, (2,))
    require_last_axes("centre_px", centre_px, (2,))
    zero, one = ops.zeros_like(focal_px[..., 0]), ops.ones_like(focal_px[..., 0])
    rows = (
        (focal_px[..., 0], zero, centre_px[..., 0]),
        (zero, focal_px[..., 1], centre_px[..., 1]),
        (zero, zero, one),
    )
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def focal_of_view(longer_side_px: Any, fov_deg: float) -> Any:
    """Return the focal length that shows the longer side of a picture under an angle.

    Args:
        longer_side_px: number, array or tensor, pixels.
        fov_deg: the angle in degrees, above 0 and below 180.

    Returns:
        Pixels, of the type given.
    """
    return longer_side_px / (2.0 * math.tan(math.radians(fov_deg) / 2.0))


def centred_intrinsics(
    height: int, width: int, focal_px: float = 0.0, fov_deg: float = 0.0
) -> np.ndarray:
    """Build the camera matrix of a picture whose middle is the principal point.

    Args:
        height: of the picture in pixels.
        width: of the picture in pixels.
        focal_px: focal length in pixels; 0 takes the field of view.
        fov_deg: angle that the longer side of the picture is seen under, degrees, above 0 and below
            180; counts where there is no focal length.

    Returns:
        float64 `[3, 3]`, pixels.

    Raises:
        ValueError: if neither is given, or one is out of range.
    """
    if not focal_px:
        if not 0.0 < fov_deg < 180.0:
            raise ValueError(
                f"focal_px={focal_px} and fov_deg={fov_deg} do not describe a lens; give a focal "
                "length in pixels, or an angle between 0 and 180 degrees."
            )
        focal_px = focal_of_view(max(height, width), fov_deg)
    if not (np.isfinite(focal_px) and focal_px > 0.0):
        raise ValueError(f"focal_px={focal_px} is not a focal length; give pixels, above 0.")
    return np.array([[focal_px, 0.0, width / 2.0], [0.0, focal_px, height / 2.0], [0.0, 0.0, 1.0]])


def world_to_camera(points: Tensor, rotation: Tensor, centre: Tensor) -> Tensor:
    """Move points from the world frame into a camera's, `R (X - c)`.

    Args:
        points: floating `[..., J, 3]`, world frame.
        rotation: `[..., 3, 3]`, turns world directions into camera directions.
        centre: `[..., 3]`, place of the camera in the world, same unit as the points.

    Returns:
        Points `[..., J, 3]`, camera frame.

    Raises:
        ValueError: if an argument has the wrong shape.
    """
    points, rotation, centre = as_floating(points, rotation, centre)
    require_points("points", points)
    require_last_axes("centre", centre, (3,))
    return rotate(points - centre[..., None, :], rotation)


def camera_to_world(points: Tensor, rotation: Tensor, centre: Tensor) -> Tensor:
    """Move points from a camera's frame into the world's, `R^T X + c`.

    Args:
        points: floating `[..., J, 3]`, camera frame.
        rotation: `[..., 3, 3]`, turns world directions into camera directions.
        centre: `[..., 3]`, place of the camera in the world, same unit as the points.

    Returns:
        Points `[..., J, 3]`, world frame.

    Raises:
        ValueError: if an argument has the wrong shape.
    """
    points, rotation, centre = as_floating(points, rotation, centre)
    require_last_axes("rotation", rotation, (3, 3))
    require_last_axes("centre", centre, (3,))
    return rotate(points, invert_rotation(rotation)) + centre[..., None, :]


def project_arrays(points_cam: np.ndarray, intrinsics: np.ndarray) -> np.ndarray:
    """Project as `project` does, in NumPy alone, for readers and renderers in worker threads.

    Args:
        points_cam: `[..., J, 3]`, camera frame, any length unit.
        intrinsics: `[3, 3]` or `[..., 3, 3]`, pixels.

    Returns:
        float64 `[..., J, 2]`, continuous pixels.
    """
    matrix = np.swapaxes(np.asarray(intrinsics, np.float64), -1, -2)
    homogeneous = np.asarray(points_cam, np.float64) @ matrix
    return homogeneous[..., :2] / homogeneous[..., 2:]


def project(points_cam: Tensor, intrinsics: Tensor) -> Tensor:
    """Project camera-frame points to pixels.

    A point on the camera's plane (z = 0) has no pixel and gives an infinity or NaN; a point behind
    it (z < 0) lands mirrored. Callers keep people in front of the camera.

    Args:
        points_cam: floating `[..., J, 3]`, camera frame, any length unit.
        intrinsics: `[..., 3, 3]` with rows (fx, skew, cx), (0, fy, cy), (0, 0, 1), pixels.

    Returns:
        Pixels `[..., J, 2]`, continuous.

    Raises:
        ValueError: if an argument has the wrong shape.

    Example:
        >>> import numpy as np
        >>> from keras_pose.geometry import project
        >>> camera = np.array([[500.0, 0, 320], [0, 500.0, 240], [0, 0, 1]])
        >>> np.asarray(project(np.array([[0.2, -0.1, 2.0]]), camera)).tolist()
        [[370.0, 215.0]]
    """
    points_cam, intrinsics = as_floating(points_cam, intrinsics)
    require_points("points_cam", points_cam)
    require_last_axes("intrinsics", intrinsics, (3, 3))
    rays = points_cam / points_cam[..., 2:]
    return ops.matmul(rays, ops.swapaxes(intrinsics[..., :2, :], -1, -2))
