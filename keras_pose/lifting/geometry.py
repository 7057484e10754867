"""The two camera models of the lifting cycle, and the rotations between views.

Both lift a root-centred 2D pose and depths to root-relative 3D points and project them back:
`project(lift(x, depth)) == x` for every depth. Poses have no root joint (it is the origin).
"""

import math

from keras import ops

from keras_pose.geometry import rotation_x, rotation_y
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.options import LiftingOptions

# The pose never comes nearer to the camera than this (ElePose's max(1, c + o)).
_NEAREST = 1.0


class Orthographic:
    """Parallel projection: x and y are kept, depth is free.

    Reference: TIPS-GAN, lifting cycle.
    """

    def lift(self, points_2d: Tensor, depth: Tensor) -> Tensor:
        """Return `[..., J, 3]` from `[..., J, 2]` and depth `[..., J]`, one common unit."""
        return ops.concatenate([points_2d, depth[..., None]], axis=-1)

    def project(self, points_3d: Tensor) -> Tensor:
        """Return the `[..., J, 2]` image of root-relative points `[..., J, 3]`."""
        return points_3d[..., :2]


class Perspective:
    """Pinhole camera at a fixed distance from the root; the unit is the pose's scale.

    A 2D pose is centred on its root by a shift of the picture, not by a turn of the camera. So where
    people stand off the optical axis, depth moves a joint in the picture; `root_elevation_rad` corrects
    for the mean of that.

    Args:
        distance: distance of the root from the camera, in the same unit.
        root_elevation_rad: mean angle by which the root stands above the optical axis.

    Reference: Chen et al. 2019 and ElePose, X = uv (c + o), c = 10 in theirs.
    """

    def __init__(self, distance, root_elevation_rad=0.0):
        self.distance = distance
        # Where the root is on the picture plane at distance 1; y points down.
        self.root_on_plane = (0.0, -math.tan(root_elevation_rad))

    def lift(self, points_2d: Tensor, depth: Tensor) -> Tensor:
        """Return root-relative `[..., J, 3]` from `[..., J, 2]` and depth offsets `[..., J]`.

        A 2D pose of size 1 has size 1 at the root's depth, so image coordinates are `uv / c`.
        """
        distance = ops.maximum(depth + self.distance, _NEAREST)[..., None]
        offset = distance - self.distance
        shear = ops.convert_to_tensor(self.root_on_plane, dtype=points_2d.dtype) * offset
        return ops.concatenate([points_2d * (distance / self.distance) + shear, offset], axis=-1)

    def project(self, points_3d: Tensor) -> Tensor:
        """Return the `[..., J, 2]` image of root-relative points `[..., J, 3]`."""
        distance = ops.maximum(points_3d[..., 2:] + self.distance, _NEAREST)
        root = ops.convert_to_tensor(self.root_on_plane, dtype=points_3d.dtype)
        shear = root * (distance - self.distance)
        return (points_3d[..., :2] - shear) * (self.distance / distance)


def make_geometry(config: LiftingOptions) -> Orthographic | Perspective:
    """Return the camera model that `config.geometry` names."""
    if config.geometry == "orthographic":
        return Orthographic()
    return Perspective(config.camera_distance, math.radians(config.root_elevation_deg))


def view_rotation(azimuth_rad: Tensor, elevation_rad: Tensor, pitch_rad: Tensor) -> Tensor:
    """Return the rotation that shows a pose to another camera of the same rig.

    Undo the camera's pitch, turn about the world's vertical, look down by pitch plus elevation:
    `R = R_x(p + e) R_y(a) R_x(-p)`. With pitch 0 it is the rotation of the paper.

    Args:
        azimuth_rad: float `[...]`, turn about the vertical.
        elevation_rad: float `[...]`, change of pitch.
        pitch_rad: float scalar, downward pitch of the cameras.

    Returns:
        float `[..., 3, 3]`, acting on column vectors.

    Reference: TIPS-GAN for pitch 0 (there written for row vectors with opposite angles); Wandt et al.
    2022 for the axis.
    """
    # Looking down turns a world point by +pitch about x in the (x right, y down, z forward) camera.
    tilt_back = rotation_x(-pitch_rad * ops.ones_like(elevation_rad))
    turn = rotation_y(azimuth_rad)
    tilt = rotation_x(pitch_rad + elevation_rad)
    return ops.matmul(tilt, ops.matmul(turn, tilt_back))


def quarter_turns(pitch_rad: Tensor, dtype: str = "float32") -> Tensor:
    """Return the rotations of the 90-degree consistency: +90, -90 and 180 degrees about the vertical.

    Args:
        pitch_rad: float scalar, downward pitch of the cameras.
        dtype: float dtype of the result.

    Returns:
        float `[3, 3, 3]`.

    Reference: TIPS-GAN, 90-degree consistency; about y with pitch 0 it gives (z, y, -x),
    (-z, y, x) and (-x, y, -z).
    """
    angles = ops.convert_to_tensor([0.5 * math.pi, -0.5 * math.pi, math.pi], dtype=dtype)
    return view_rotation(angles, ops.zeros_like(angles), ops.cast(pitch_rad, dtype))
