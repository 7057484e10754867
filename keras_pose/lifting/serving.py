"""What an exported lifter computes, from pixels to 3D, normalisation included."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.codecs import decode_root_relative, encode_root_relative, valid_poses
from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving import Metadata, describe_skeleton
from keras_pose.skeletons import H36M_17


def lift_pixels(
    model: keras.Model, depth_sign: float = 1.0
) -> Callable[[Tensor], dict[str, Tensor]]:
    """Build the function behind the signatures `serving_default` and `lift`.

    Args:
        model: from poses `[N, 17, 2]` to depths, as `keras_pose.tips.networks.PoseLifter`.
        depth_sign: 1.0, or -1.0 for a lifter that settled on the mirrored depth.

    Returns:
        Function of `keypoints_2d` float32 `[N, 17, 2]`, Human3.6M-17, pixels of any scale, y down, to a
        dict: `keypoints_3d` float32 `[N, 17, 3]`, pelvis at 0, x right, y down, z forward, in the input's
        pixels at the pelvis's depth; `scale` float32 `[N]`, size of the 2D pose in pixels; `valid`
        float32 `[N]`, 1, or 0 with zeros for non-finite or pointlike input.
    """

    def lift(keypoints_2d):
        # A finite coordinate beyond 1e15 would overflow when squared; no picture has such pixels.
        sane = ops.all(ops.absolute(keypoints_2d) < 1e15, axis=(-2, -1))
        valid = ops.logical_and(valid_poses(keypoints_2d), sane)
        keypoints_2d = ops.where(valid[:, None, None], keypoints_2d, ops.zeros_like(keypoints_2d))
        normalized, scale = encode_root_relative(keypoints_2d, model.config.scale_rule)
        lifted = decode_root_relative(model(normalized), scale)
        if depth_sign < 0:
            lifted = lifted * ops.convert_to_tensor([1.0, 1.0, -1.0])
        valid = ops.cast(valid, "float32")
        return {
            "keypoints_3d": lifted * valid[:, None, None],
            "scale": scale * valid,
            "valid": valid,
        }

    return lift


def describe(name: str, version: int) -> Metadata:
    """Return what a served lifter says of itself.

    Args:
        name: model name.
        version: version number.

    Returns:
        The content of `metadata.json`, but for the signatures; a lifter sees no pictures, so crop and
        camera are empty.
    """
    return Metadata(
        name=name,
        version=version,
        method="tips",
        kind="body",
        **describe_skeleton(H36M_17),
        image_size=0,
        crop_scale=1.0,
        side=None,
        bone_length=None,
        depth_unit="none",
        score="none",
        keypoints_3d_unit="pixels of the input, at the pelvis's depth; pelvis at 0",
    )


def lift_signature(model: keras.Model, depth_sign: float = 1.0) -> Signature:
    """Return the signature of `lift_pixels` with a free batch axis.

    Args:
        model: see `lift_pixels`.
        depth_sign: see `lift_pixels`.

    Returns:
        `keras_pose.export.Signature` with the input `keypoints_2d` float32 `[None, 17, 2]`.
    """
    spec = tf.TensorSpec((None, H36M_17.num_joints, 2), tf.float32, name="keypoints_2d")
    return Signature(lift_pixels(model, depth_sign), {"keypoints_2d": spec})


def hostile_inputs() -> np.ndarray:
    """Return the inputs that a server may get and must answer with `valid` 0, float32 `[4, 17, 2]`."""
    inputs = np.zeros((4, H36M_17.num_joints, 2), np.float32)
    inputs[0, 3, 1] = np.nan
    inputs[1, 0, 0] = np.inf
    inputs[2] = 250.0  # every joint on one pixel
    inputs[3, 5] = 3e38
    return inputs
