"""A lifter behind a camera that is known: the camera is turned to the person and the answer turned back.

A 2D pose with its root at the origin no longer says in which direction the person stands, so a lifter
can only answer as if that were the usual one. Someone 20 degrees to the side is then answered turned by
20 degrees. With the camera's matrix the direction is known, and the turn is exact.
"""

import math
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.scored_serving import LiftPresent, hostile_scores, judge_poses
from keras_pose.skeletons import H36M_17

_ROOT = H36M_17.root
# Joints this far to the side of the root's direction (in depths of the root) are no longer in front.
_NEAREST = 0.05


def facing_rotation(root: Tensor, elevation_rad: float) -> Tensor:
    """Return the turn of a camera, without roll, that brings a direction to the middle of its picture.

    Args:
        root: float `[B, 2]`, x/z and y/z of the direction in the camera's frame.
        elevation_rad: angle above the optical axis where the direction shall come to lie.

    Returns:
        float `[B, 3, 3]`, from the camera's frame into that of the turned camera.
    """
    # Written with the direction's own sides in place of its angles: phones have no arc tangent.
    x, y = root[:, 0], root[:, 1]
    level, whole = ops.sqrt(1.0 + ops.square(x)), ops.sqrt(1.0 + ops.square(x) + ops.square(y))
    cosine, sine = 1.0 / level, x / level
    up_cosine, up_sine = level / whole, -y / whole
    wanted_cosine, wanted_sine = math.cos(elevation_rad), math.sin(elevation_rad)
    tilt_cosine = wanted_cosine * up_cosine + wanted_sine * up_sine
    tilt_sine = wanted_sine * up_cosine - wanted_cosine * up_sine
    rows = [
        [cosine, ops.zeros_like(x), -sine],
        [-tilt_sine * sine, tilt_cosine, -tilt_sine * cosine],
        [tilt_cosine * sine, tilt_sine, tilt_cosine * cosine],
    ]
    return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)


def lift_camera(
    lift: LiftPresent, min_score: float, root_elevation_deg: float
) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind the signature `lift_camera`.

    Args:
        lift: see `LiftPresent`.
        min_score: joints with a lower score are missing.
        root_elevation_deg: how far above the optical axis the lifter is used to see people.

    Returns:
        Function of `keypoints_2d` and `score` as in `lift_scored` and `K` float32 `[N, 3, 3]`, the
        camera's matrix in the same pixels, to a dict: `keypoints_3d` float32 `[N, 17, 3]`, pelvis at 0,
        axes of the camera (x right, y down, z forward), in units of the pelvis's distance; `direction`
        float32 `[N, 3]`, unit length, from the camera to the pelvis: `distance * (direction +
        keypoints_3d)` are places in the camera's frame; `filled_2d` float32 `[N, 17, 2]`, px;
        `gravity` float32 `[N, 3]`; `valid` float32 `[N]`, 1, or 0 with zeros for what `judge_poses`
        refuses, a `K` that is no camera's, and a joint that is not in front of the turned camera.
    """
    elevation_rad = math.radians(root_elevation_deg)

    def answer(keypoints_2d, score, K):  # noqa: N803 - the name of the contract
        points, present, valid = judge_poses(keypoints_2d, score, min_score)
        camera, is_camera = _checked(K)
        valid = ops.logical_and(valid, is_camera)
        points = ops.where(valid[:, None, None], points, ops.zeros_like(points))
        present = ops.where(valid[:, None], present, ops.ones_like(present))
        # Where the pelvis is missing, the lifter's guess of its pixel says where the person stands.
        first = lift(points, present)["points_2d"]
        rays = _rays(ops.where(present[..., None] > 0, points, first), camera)
        root = rays[:, _ROOT, :2]
        rotation = facing_rotation(root, elevation_rad)
        turned = ops.matmul(rays, ops.swapaxes(rotation, -1, -2))
        in_front = ops.all(ops.logical_or(turned[..., 2] > _NEAREST, present < 0.5), axis=-1)
        depth = ops.maximum(turned[..., 2:], _NEAREST)
        lifted = lift(turned[..., :2] / depth, present)
        # The lifter's unit is the pelvis's depth in the turned camera.
        space = math.cos(elevation_rad) * ops.matmul(lifted["points_3d"], rotation)
        gravity = ops.matmul(lifted["gravity"][:, None], rotation)[:, 0]
        plane = ops.pad(lifted["points_2d"], [(0, 0), (0, 0), (0, 1)], constant_values=1.0)
        back = ops.matmul(plane, rotation)
        filled = back[..., :2] / ops.maximum(back[..., 2:], _NEAREST)
        filled = ops.matmul(
            ops.pad(filled, [(0, 0), (0, 0), (0, 1)], constant_values=1.0),
            ops.swapaxes(camera[:, :2], -1, -2),
        )
        direction = ops.pad(root, [(0, 0), (0, 1)], constant_values=1.0)
        direction = direction / length(direction, keepdims=True)
        valid = ops.cast(ops.logical_and(valid, in_front), "float32")
        return {
            "keypoints_3d": space * valid[:, None, None],
            "direction": direction * valid[:, None],
            "filled_2d": ops.where(present[..., None] > 0, points, filled) * valid[:, None, None],
            "gravity": gravity * valid[:, None],
            "valid": valid,
        }

    return answer


def camera_signature(lift: LiftPresent, min_score: float, root_elevation_deg: float) -> Signature:
    """Return the signature of `lift_camera`, with its arguments, with a free batch axis."""
    joints = H36M_17.num_joints
    return Signature(
        lift_camera(lift, min_score, root_elevation_deg),
        {
            "keypoints_2d": tf.TensorSpec((None, joints, 2), tf.float32, name="keypoints_2d"),
            "score": tf.TensorSpec((None, joints), tf.float32, name="score"),
            "K": tf.TensorSpec((None, 3, 3), tf.float32, name="K"),
        },
    )


def hostile_cameras() -> dict[str, np.ndarray]:
    """Return what a server may get and must answer with `valid` 0.

    Returns:
        What `hostile_scores` gives, before a camera; and people before a `K` of zeros, with a NaN, an
        infinite and a negative focal length: `[12, ...]`.
    """
    hostile = hostile_scores()
    camera = np.array([[500.0, 0.0, 150.0], [0.0, 500.0, 150.0], [0.0, 0.0, 1.0]], np.float32)
    cameras = np.repeat(camera[None], 4, axis=0)
    cameras[0] = 0.0
    cameras[1, 0, 0] = np.nan
    cameras[2, 1, 1] = np.inf
    cameras[3, 0, 0] = -500.0
    random = np.random.default_rng(1)
    people = random.uniform(50.0, 250.0, (4, H36M_17.num_joints, 2)).astype(np.float32)
    before = np.repeat(camera[None], len(hostile["score"]), axis=0)
    return {
        "keypoints_2d": np.concatenate([hostile["keypoints_2d"], people]),
        "score": np.concatenate([hostile["score"], np.ones(people.shape[:2], np.float32)]),
        "K": np.concatenate([before, cameras]),
    }


def _checked(camera):
    """Return cameras, a plain one where it is no camera's matrix, and which are, bool `[B]`."""
    plain = ops.eye(3, dtype=camera.dtype)[None]
    is_finite = ops.all(ops.isfinite(camera), axis=(-2, -1))
    positive = ops.logical_and(camera[:, 0, 0] > 0, camera[:, 1, 1] > 0)
    is_camera = ops.logical_and(is_finite, positive)
    return ops.where(is_camera[:, None, None], camera, plain), is_camera


def _rays(points, camera):
    """Return directions `[B, J, 3]` with z 1 of pixels `[B, J, 2]`."""
    y = (points[..., 1] - camera[:, 1, 2, None]) / camera[:, 1, 1, None]
    x = points[..., 0] - camera[:, 0, 2, None] - camera[:, 0, 1, None] * y
    return ops.stack([x / camera[:, 0, 0, None], y, ops.ones_like(y)], axis=-1)
