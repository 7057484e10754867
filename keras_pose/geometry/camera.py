"""Perspective and weak-perspective cameras.

Camera frame: x right, y down, z forward. Pixels are continuous: the centre of the top-left pixel
is (0.5, 0.5), so the middle of a W by H picture is (W / 2, H / 2). Someone whose intrinsics put
the first pixel's centre at (0, 0), as OpenCV does, adds 0.5 to both principal coordinates.
Lens distortion is not modelled here.
"""

import numpy as np
from keras import ops

from keras_pose.geometry.rotation import rotate
from keras_pose.geometry.shapes import Tensor, as_floating, require_last_axes, require_points


def intrinsics_matrix(focal_px: Tensor, centre_px: Tensor) -> Tensor:
    """Build `[[fx, 0, cx], [0, fy, cy], [0, 0, 1]]`.

    Args:
        focal_px: floating `[..., 2]`, focal lengths (fx, fy) in pixels.
        centre_px: floating `[..., 2]`, principal point (cx, cy) in continuous pixels.

    Returns:
        Matrices `[..., 3, 3]`.

    Raises:
        ValueError: an argument does not end in 2.
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
        ValueError: neither is given, or one is out of range.
    """
    if not focal_px:
        if not 0.0 < fov_deg < 180.0:
            raise ValueError(
                f"focal_px={focal_px} and fov_deg={fov_deg} make no lens; give a focal length in "
                "pixels, or an angle between 0 and 180 degrees."
            )
        focal_px = max(height, width) / (2.0 * np.tan(np.radians(fov_deg) / 2.0))
    if not (np.isfinite(focal_px) and focal_px > 0.0):
        raise ValueError(f"focal_px={focal_px} is no focal length; give pixels, above 0.")
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
        ValueError: an argument has the wrong shape.
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
        ValueError: an argument has the wrong shape.
    """
    points, rotation, centre = as_floating(points, rotation, centre)
    require_last_axes("rotation", rotation, (3, 3))
    require_last_axes("centre", centre, (3,))
    return rotate(points, ops.swapaxes(rotation, -1, -2)) + centre[..., None, :]


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
        ValueError: an argument has the wrong shape.
    """
    points_cam, intrinsics = as_floating(points_cam, intrinsics)
    require_points("points_cam", points_cam)
    require_last_axes("intrinsics", intrinsics, (3, 3))
    rays = points_cam / points_cam[..., 2:]
    return ops.matmul(rays, ops.swapaxes(intrinsics[..., :2, :], -1, -2))


def backproject(points_px: Tensor, depth: Tensor, intrinsics: Tensor) -> Tensor:
    """Find the camera-frame points of pixels at known depths; undoes `project`.

    Args:
        points_px: floating `[..., J, 2]`, continuous pixels.
        depth: `[..., J]`, distance along z, any length unit.
        intrinsics: `[..., 3, 3]` with rows (fx, skew, cx), (0, fy, cy), (0, 0, 1), pixels.

    Returns:
        Points `[..., J, 3]`, camera frame, in the depth's unit.

    Raises:
        ValueError: an argument has the wrong shape.
    """
    points_px, depth, intrinsics = as_floating(points_px, depth, intrinsics)
    require_points("points_px", points_px, 2)
    require_last_axes("depth", depth, (points_px.shape[-2],))
    require_last_axes("intrinsics", intrinsics, (3, 3))
    intrinsics = intrinsics[..., None, :, :]
    y = (points_px[..., 1] - intrinsics[..., 1, 2]) / intrinsics[..., 1, 1]
    x = points_px[..., 0] - intrinsics[..., 0, 2] - intrinsics[..., 0, 1] * y
    x = x / intrinsics[..., 0, 0]
    return ops.stack([x * depth, y * depth, ops.broadcast_to(depth, ops.shape(x * depth))], axis=-1)


def project_weak(points: Tensor, scale: Tensor, translation: Tensor) -> Tensor:
    """Project with a weak-perspective camera, `s (x, y) + t`; scale 1 is orthographic.

    Args:
        points: floating `[..., J, 3]`, camera frame.
        scale: `[...]`, pixels per length unit, one per pose; for a person at depth Z it is f / Z.
        translation: `[..., 2]`, pixels, place of the camera frame's x = y = 0.

    Returns:
        Pixels `[..., J, 2]`.

    Raises:
        ValueError: an argument has the wrong shape.
    """
    points, scale, translation = as_floating(points, scale, translation)
    require_points("points", points)
    require_last_axes("translation", translation, (2,))
    return scale[..., None, None] * points[..., :2] + translation[..., None, :]
