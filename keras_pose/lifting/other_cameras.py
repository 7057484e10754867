"""Lifted poses as cameras of other pitch, roll and distance would see them.

A lifter trained at one pitch knows 3D well enough to show its poses to other cameras; a student that
learns from these pictures needs no data of such cameras.
"""

import math

from keras import ops

from keras_pose.geometry import rotation_z
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.geometry import view_rotation

# Distances in sizes of a pose, half a person: 2.2 times a person's height to 5 times.
NEAREST, FARTHEST = 4.5, 10.0
# People stand up to this tangent off the optical axis, each way.
_OFF_AXIS = 0.15


def draw_cameras(
    uniform: Tensor, pitch_range_deg: tuple[float, float], roll_deg: float, azimuth_deg: float
) -> dict[str, Tensor]:
    """Draw a camera per pose.

    Args:
        uniform: float `[6, B]` in [0, 1).
        pitch_range_deg: lowest and highest pitch, positive looks down.
        roll_deg: largest roll either way.
        azimuth_deg: largest turn about the vertical either way.

    Returns:
        dict of float tensors: `pitch_rad`, `roll_rad`, `azimuth_rad` `[B]`; `distance` `[B]`, in sizes
        of the pose, its inverse uniform; `off_axis` `[B, 2]`, tangents of the root's direction.
    """
    low, high = (math.radians(angle) for angle in pitch_range_deg)
    signed = 2.0 * uniform - 1.0
    near = 1.0 / FARTHEST + uniform[3] * (1.0 / NEAREST - 1.0 / FARTHEST)
    return {
        "pitch_rad": low + uniform[0] * (high - low),
        "roll_rad": signed[1] * math.radians(roll_deg),
        "azimuth_rad": signed[2] * math.radians(azimuth_deg),
        "distance": 1.0 / near,
        "off_axis": _OFF_AXIS * ops.transpose(signed[4:6]),
    }


def down_direction(pitch_rad: Tensor, roll_rad: Tensor) -> Tensor:
    """Return the direction of gravity in the camera's frame.

    Args:
        pitch_rad: float `[B]`, positive looks down.
        roll_rad: float `[B]`, turn of the picture about the optical axis, positive from x to y.

    Returns:
        float `[B, 3]`, unit length; (0, 1, 0) for a level camera.
    """
    zero = ops.zeros_like(pitch_rad)
    down = ops.stack([zero, ops.cos(pitch_rad), ops.sin(pitch_rad)], axis=-1)
    return ops.matmul(rotation_z(roll_rad), down[..., None])[..., 0]


def show_to_cameras(
    points_3d: Tensor, pitch_rad: float, cameras: dict[str, Tensor]
) -> tuple[Tensor, Tensor]:
    """Turn poses into other cameras' frames and project them.

    Args:
        points_3d: float `[B, J, 3]`, root at 0, in the frame of a camera without roll.
        pitch_rad: pitch of that camera.
        cameras: of `draw_cameras`.

    Returns:
        `(points_2d, points_3d)`: `[B, J, 2]`, root at 0, of the pose's own size at the root's depth;
        `[B, J, 3]` in the new camera's frame.
    """
    change = cameras["pitch_rad"] - pitch_rad
    turn = view_rotation(cameras["azimuth_rad"], change, ops.cast(pitch_rad, change.dtype))
    rotation = ops.matmul(rotation_z(cameras["roll_rad"]), turn)
    seen = ops.matmul(points_3d, ops.swapaxes(rotation, -1, -2))
    distance = cameras["distance"][:, None, None]
    depth = seen[..., 2:]
    # The root's own picture is subtracted, which leaves a shear: a joint behind it moves to the axis.
    plane = seen[..., :2] - cameras["off_axis"][:, None] * depth
    return plane * distance / ops.maximum(distance + depth, 1.0), seen
