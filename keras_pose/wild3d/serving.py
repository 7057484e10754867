"""What an exported body pose network computes, from the bytes of a picture to a pose in metres.

Numbers that are not known are given as 0: bone sum, body height, camera matrix. A row that cannot be
answered gets zeros and a flag of 0; its neighbours do not notice.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor
from keras_pose.wild3d.metric_pose import camera_position, chosen_bone_sum, metric_pose
from keras_pose.wild3d.picture_crops import crop_matrices, cut_crops, usable_boxes
from keras_pose.wild3d.pose import decode_pose

POSE = ("keypoints_2d", "score", "depth", "points")
# Half sides of the crop beyond which a network's answer is none.
_LARGEST = 1e3


def network_of(pose: keras.Model) -> keras.Model:
    """Finds the network inside a pose model.

    Args:
        pose: of `keras_pose.wild3d.pose.build_pose`.

    Returns:
        The model of `build_network`, its weights shared.
    """
    return next(layer for layer in pose.layers if isinstance(layer, keras.Model))


def serve_crop(pose: keras.Model) -> Callable[..., dict[str, Tensor]]:
    """Builds the function behind the signature `serve_crop`.

    Args:
        pose: of `keras_pose.wild3d.pose.build_pose`, for crops of side S.

    Returns:
        Function of `image` uint8 `[N, S, S, 3]` RGB crops, `intrinsics` float32 `[N, 3, 3]` of the crop
        in px (M K for a crop by M), `bone_sum` and `body_height` float32 `[N]` m, to a dict of float32:
        `keypoints_2d` `[N, 16, 2]` px of the crop, `score` and `depth` `[N, 16]`, `points`
        `[N, 16, 3]` half sides of the crop, rows of `MPII_16`; `keypoints_3d` `[N, 16, 3]` m, pelvis at
        the origin, rows of `MPII_16_SPINE`; `position` `[N, 3]` m, the pelvis in the camera frame;
        `valid`, `valid_3d` and `valid_position` `[N]`, 1, or 0 with zeros in what they speak of.
    """
    size = pose.input_shape[1]

    def serve(image, intrinsics, bone_sum, body_height):
        outputs = pose(unit_range(image), training=False)
        # Grey levels cannot be wrong, so a crop is as valid as the network's answer.
        everywhere = ops.ones_like(bone_sum) > 0
        half = ops.full_like(bone_sum, size / 2.0)
        return _in_metres(outputs, everywhere, half, intrinsics, bone_sum, body_height)

    return serve


def serve_image(pose: keras.Model) -> Callable[..., dict[str, Tensor]]:
    """Builds the function behind `serving_default` and `serve_image`.

    Args:
        pose: of `keras_pose.wild3d.pose.build_pose`, for crops of side S.

    Returns:
        Function as in `serve_crop`, of whole pictures: `image` uint8 `[N, H, W, 3]` of any size, `box`
        float32 `[N, 4]` (x, y, width, height) px, whose square of the longer side is what the network
        sees, `intrinsics` of the picture. What is a crop already has the box (0, 0, W, H). It
        gives `keypoints_2d` in px of the picture; `valid` is 0 too, with zeros in everything, where the
        box is not finite, has no area or lies outside the picture.
    """
    size = pose.input_shape[1]

    def serve(image, box, intrinsics, bone_sum, body_height):
        height, width = tf.shape(image)[1], tf.shape(image)[2]
        usable = usable_boxes(box, height, width)
        whole = tf.cast(tf.stack([0, 0, width, height]), tf.float32)
        box = tf.where(usable[:, None], box, tf.broadcast_to(whole, tf.shape(box)))
        matrices = crop_matrices(box, size)
        outputs = dict(pose(unit_range(cut_crops(image, matrices, size)), training=False))
        outputs["keypoints_2d"] = affine2d.apply(outputs["keypoints_2d"], affine2d.invert(matrices))
        half = ops.max(box[:, 2:], axis=-1) / 2.0
        return _in_metres(outputs, usable, half, intrinsics, bone_sum, body_height)

    return serve


def signatures(pose: keras.Model, coordinates: str, sharpness: float) -> dict[str, Signature]:
    """Signatures of a pose model.

    Args:
        pose: of `keras_pose.wild3d.pose.build_pose`, for crops of side S.
        coordinates: how the run's maps become points, see `decode_pose`.
        sharpness: see `decode_pose`.

    Returns:
        `serve_image` and `serve_crop`; `keypoints`, which needs no camera and no size, of `image` uint8
        `[N, S, S, 3]` to `keypoints_2d`, `score`, `depth`, `points`. For phones, of `image` float32
        `[N, S, S, 3]` in [0, 1]: `decoded` to `x`, `y`, `z` `[N, 16]` px of the crop and `score`;
        `heatmaps` to `heatmaps` float32 `[N, H, W, 16]` and `depth` or `depth_maps`, as the
        network makes them.
    """
    size = pose.input_shape[1]
    network = network_of(pose)
    crop = tf.TensorSpec((None, size, size, 3), tf.uint8, name="image")
    unit = tf.TensorSpec((None, size, size, 3), tf.float32, name="image")
    known = {
        "intrinsics": tf.TensorSpec((None, 3, 3), tf.float32, name="intrinsics"),
        "bone_sum": tf.TensorSpec((None,), tf.float32, name="bone_sum"),
        "body_height": tf.TensorSpec((None,), tf.float32, name="body_height"),
    }
    picture = {
        "image": tf.TensorSpec((None, None, None, 3), tf.uint8, name="image"),
        "box": tf.TensorSpec((None, 4), tf.float32, name="box"),
    }

    def keypoints(image):
        outputs = pose(unit_range(image), training=False)
        return {name: outputs[name] for name in POSE}

    def heatmaps(image):
        outputs = dict(network(image, training=False))
        return outputs | {"heatmaps": outputs["heatmaps"][-1]}

    def decoded(image):
        # The same as arg-max to rounding, in operations that phone GPUs have.
        how = "argmax_by_products" if coordinates == "argmax" else coordinates
        outputs = decode_pose(network(image, training=False), size, how, sharpness)
        return {
            "x": outputs["keypoints_2d"][..., 0],
            "y": outputs["keypoints_2d"][..., 1],
            "z": outputs["depth"] * (size / 2.0),
            "score": outputs["score"],
        }

    return {
        "serve_image": Signature(serve_image(pose), picture | known),
        "serve_crop": Signature(serve_crop(pose), {"image": crop, **known}),
        "keypoints": Signature(keypoints, {"image": crop}),
        "decoded": Signature(decoded, {"image": unit}),
        "heatmaps": Signature(heatmaps, {"image": unit}),
    }


def hostile_inputs(height: int, width: int) -> dict[str, np.ndarray]:
    """Inputs that a server may get and must answer with a flag of 0.

    Args:
        height: of the pictures in px.
        width: of the pictures in px.

    Returns:
        `image` uint8 `[8, H, W, 3]`, `box` float32 `[8, 4]`, `intrinsics` float32 `[8, 3, 3]`, `bone_sum`
        and `body_height` float32 `[8]`. The first four rows have unusable boxes, the next two unusable
        sizes, the last two unusable cameras.
    """
    count = 8
    rows = np.random.default_rng(0)
    focal = 2.0 * max(height, width)
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]], np.float32)
    given: dict[str, np.ndarray] = {
        "image": rows.integers(0, 256, (count, height, width, 3), dtype=np.uint8),
        "box": np.tile(np.array([0.0, 0.0, width, height], np.float32), (count, 1)),
        "intrinsics": np.repeat(camera[None], count, axis=0),
        "bone_sum": np.full(count, 4.0, np.float32),
        "body_height": np.zeros(count, np.float32),
    }
    given["box"][:4] = [
        [np.nan, 0, 50, 50],
        [10, 10, 0, 0],
        [width + 1, 0, 20, 20],
        [0, 0, np.inf, 9],
    ]
    given["bone_sum"][4], given["bone_sum"][5] = np.nan, 4000.0
    given["intrinsics"][6, 0, 0], given["intrinsics"][7] = np.inf, 0.0
    return given


def unit_range(image: Tensor) -> Tensor:
    """Turns grey levels uint8 of any shape into float32 in [0, 1]."""
    return ops.cast(image, "float32") / 255.0


def _in_metres(outputs, usable, half_side, intrinsics, bone_sum, body_height):
    """The outputs of a server; `half_side` `[N]` is that of the crop in the pixels of the 2D joints."""
    sane = ops.all(ops.absolute(outputs["points"]) < _LARGEST, axis=(-2, -1))
    valid = ops.logical_and(usable, sane)
    answer = {name: _or_zero(outputs[name], valid) for name in POSE}
    length = chosen_bone_sum(bone_sum, body_height)
    points_3d, scale = metric_pose(answer["points"], length)
    rate = half_side / ops.where(scale > 0, scale, ops.ones_like(scale))
    rate = ops.where(scale > 0, rate, ops.zeros_like(rate))
    position, is_placed = camera_position(answer["keypoints_2d"], points_3d, rate, intrinsics)
    flags = {"valid": valid, "valid_3d": scale > 0, "valid_position": is_placed}
    return answer | {
        "keypoints_3d": points_3d,
        "position": position,
        **{name: ops.cast(flag, "float32") for name, flag in flags.items()},
    }


def _or_zero(values, valid):
    flags = ops.reshape(valid, (-1,) + (1,) * (len(values.shape) - 1))
    return ops.where(flags, values, ops.zeros_like(values))
