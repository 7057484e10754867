"""From pixels and depths of 33 joints to metres before a camera, in closed form."""

from keras import ops

from keras_pose.codecs import camera_rays
from keras_pose.geometry.length import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import BODY_33_MEDIAPIPE

BONE_NAMES = tuple(
    (f"{side}_{start}", f"{side}_{end}")
    for side in ("left", "right")
    for start, end in (
        ("hip", "knee"),
        ("knee", "ankle"),
        ("shoulder", "elbow"),
        ("elbow", "wrist"),
        ("shoulder", "hip"),
    )
) + (("left_hip", "right_hip"), ("left_shoulder", "right_shoulder"))
"""The bones whose lengths together give a person its size."""

_STARTS, _ENDS = (BODY_33_MEDIAPIPE.indices(names) for names in zip(*BONE_NAMES, strict=True))
# The face says little about the distance: its points are many and lie close together.
_PLACED = tuple(range(BODY_33_MEDIAPIPE.index("left_shoulder"), BODY_33_MEDIAPIPE.num_joints))
_SMALLEST_PX = 1e-2
_SMALLEST = 1e-9
# No nearer than this share of the distance may a joint come, or its pixels would go through infinity.
_NEAREST = 0.1


def sum_of_bones(points: Tensor) -> Tensor:
    """Sum the lengths of `BONE_NAMES`.

    Args:
        points: floating `[..., 33, D]`, any unit.

    Returns:
        `[...]`, same unit.
    """
    starts, ends = (ops.take(points, rows, axis=-2) for rows in (_STARTS, _ENDS))
    return ops.sum(length(starts - ends), axis=-1)


def lift_body(
    keypoints_2d: Tensor, depth: Tensor, intrinsics: Tensor, bone_sum: Tensor
) -> tuple[Tensor, Tensor]:
    """Place a weak-perspective pose of known size before a camera.

    The pose, scaled to its bones, is moved to where it meets the rays of its pixels best: a joint at
    `(X + a, Y + b, Z + c)` is on the ray (u, v) where `X + a = u (Z + c)` and `Y + b = v (Z + c)`,
    which is linear in (a, b, c) and solved by least squares. Then every joint goes to its own ray at
    its own depth, and all of it is scaled about the camera until the bones have their length once
    more, so that the pixels stay exact.

    Args:
        keypoints_2d: floating `[N, 33, 2]`, px.
        depth: floating `[N, 33]`, px, away from the camera, relative to anything.
        intrinsics: floating `[N, 3, 3]`, usable camera matrices in the pixels of `keypoints_2d`.
        bone_sum: floating `[N]`, m, positive.

    Returns:
        `(keypoints_3d, valid)`: `[N, 33, 3]` m, camera frame, zeros where not valid; bool `[N]`, false
        for a pose without extent, or behind the camera.
    """
    points = ops.concatenate([keypoints_2d, depth[..., None]], axis=-1)
    extent = sum_of_bones(points)
    some = extent > _SMALLEST_PX
    rate = bone_sum / ops.where(some, extent, ops.ones_like(extent))
    shape = (points - ops.mean(points, axis=1, keepdims=True)) * rate[:, None, None]
    rays = camera_rays(keypoints_2d, intrinsics)
    distance = _distance(ops.take(shape, _PLACED, axis=1), ops.take(rays, _PLACED, axis=1))
    depths = shape[..., 2] + distance[:, None]
    valid = some & (distance > 0) & (ops.min(depths, axis=1) > _NEAREST * distance)
    rays = ops.concatenate([rays, ops.ones_like(rays[..., :1])], axis=-1)
    placed = rays * depths[..., None]
    size = sum_of_bones(placed)
    valid = valid & (size > _SMALLEST)
    placed = (
        placed * (bone_sum / ops.where(size > _SMALLEST, size, ops.ones_like(size)))[:, None, None]
    )
    return ops.where(valid[:, None, None], placed, ops.zeros_like(placed)), valid


def _distance(shape, rays):
    """Return the c of the least squares `[N]`: a and b are means of what is left for them."""
    wanted = rays * shape[..., 2:] - shape[..., :2]
    wanted = wanted - ops.mean(wanted, axis=1, keepdims=True)
    spread = rays - ops.mean(rays, axis=1, keepdims=True)
    square = ops.sum(ops.square(spread), axis=(1, 2))
    product = ops.sum(spread * wanted, axis=(1, 2))
    return -product / ops.maximum(square, _SMALLEST)
