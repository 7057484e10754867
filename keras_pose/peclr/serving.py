"""What an exported hand pose network computes, from the bytes of a crop to metric 3D."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor

NUM_JOINTS = 21
# A camera for rows whose own is unusable: their 3D is zeroed, but 0 times infinity would not be 0.
# In sides of the crop: a hand at arm's length before a common lens.
_PLACEHOLDER_FOCAL = 4.0
# A lens of less than a pixel, or of more than a million, is a mistake in units.
_MIN_FOCAL, _MAX_FOCAL = 1.0, 1e6
_MAX_BONE_M = 1.0


def placeholder_camera(image_size: int) -> np.ndarray:
    """Camera matrix for crops without one, float32 `[3, 3]` px: a long lens on the crop's middle.

    Args:
        image_size: side of the crop.
    """
    focal, middle = _PLACEHOLDER_FOCAL * image_size, image_size / 2
    return np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1.0]], np.float32)


def lift_image(model: keras.Model, image_size: int) -> Callable[..., dict[str, Tensor]]:
    """Build the function behind `serving_default` and `serve_image`.

    Args:
        model: `keras_pose.peclr.hand_pose` model.
        image_size: side S of the crop.

    Returns:
        Function of `image` uint8 `[N, S, S, 3]` RGB crops of right hands, `intrinsics` float32
        `[N, 3, 3]` of the crop in px (M K for a crop by M) and `bone_length` float32 `[N]`, the middle
        finger's proximal bone in metres, to a dict, joints in FreiHAND's order: `keypoints_2d` float32
        `[N, 21, 2]` px of the crop; `depth` `[N, 21]` relative to the root, bone lengths;
        `keypoints_3d` `[N, 21, 3]` metres, camera frame; `valid` `[N]`, 1, or 0 with zeros in
        `keypoints_3d` where the camera or the bone is unusable or the pose leaves depth open.
    """

    def serve(image, intrinsics, bone_length):
        usable = _usable_cameras(intrinsics)
        camera = ops.where(usable[:, None, None], intrinsics, placeholder_camera(image_size))
        outputs = model({"image": _unit_range(image), "intrinsics": camera}, training=False)
        has_bone = ops.logical_and(bone_length > 0.0, bone_length < _MAX_BONE_M)
        points = outputs["keypoints_3d"]
        bone = ops.where(has_bone, bone_length, ops.ones_like(bone_length))[:, None, None]
        # Depths of a pose that hardly fixes them may be beyond all measure.
        sane = ops.all(ops.absolute(points) < 1e6, axis=(-2, -1))
        valid = ops.logical_and(ops.logical_and(usable, has_bone), outputs["valid"])
        valid = ops.logical_and(valid, sane)
        points = ops.where(valid[:, None, None], points * bone, ops.zeros_like(points))
        return {
            "keypoints_2d": outputs["keypoints_2d"],
            "depth": outputs["depth"],
            "keypoints_3d": points,
            "valid": ops.cast(valid, "float32"),
        }

    return serve


def signatures(model: keras.Model, encoder: keras.Model) -> dict[str, Signature]:
    """Signatures of a hand pose model.

    Args:
        model: `keras_pose.peclr.hand_pose` model.
        encoder: model from `[N, S, S, 3]` RGB in [0, 1] to features `[N, F]`.

    Returns:
        `serve_image` as in `lift_image`; `keypoints`, which needs no camera, of `image` alone to
        `keypoints_2d` and `depth`; `embed` of `image` to `features` float32 `[N, F]`.
    """
    size = encoder.input_shape[1]
    image = tf.TensorSpec((None, size, size, 3), tf.uint8, name="image")

    def keypoints(image):
        camera = ops.broadcast_to(
            ops.convert_to_tensor(placeholder_camera(size)), (ops.shape(image)[0], 3, 3)
        )
        outputs = model({"image": _unit_range(image), "intrinsics": camera}, training=False)
        return {name: outputs[name] for name in ("keypoints_2d", "depth")}

    def embed(image):
        return {"features": ops.cast(encoder(_unit_range(image), training=False), "float32")}

    return {
        "serve_image": Signature(
            lift_image(model, size),
            {
                "image": image,
                "intrinsics": tf.TensorSpec((None, 3, 3), tf.float32, name="intrinsics"),
                "bone_length": tf.TensorSpec((None,), tf.float32, name="bone_length"),
            },
        ),
        "keypoints": Signature(keypoints, {"image": image}),
        "embed": Signature(embed, {"image": image}),
    }


def hostile_inputs(image_size: int) -> dict[str, np.ndarray]:
    """Inputs that a server may get and must answer with `valid` 0.

    Args:
        image_size: side of the crop.

    Returns:
        `image` uint8 `[5, S, S, 3]`, `intrinsics` float32 `[5, 3, 3]`, `bone_length` float32 `[5]`.
    """
    random = np.random.default_rng(0)
    count = 5
    image = random.integers(0, 256, (count, image_size, image_size, 3), dtype=np.uint8)
    intrinsics = np.repeat(placeholder_camera(image_size)[None], count, axis=0)
    bone_length = np.full(count, 0.03, np.float32)
    intrinsics[0] = 0.0
    intrinsics[1, 0, 2] = np.nan
    intrinsics[2, 1, 1] = np.inf
    bone_length[3], bone_length[4] = 0.0, np.nan
    return {"image": image, "intrinsics": intrinsics, "bone_length": bone_length}


def _usable_cameras(intrinsics):
    """Which cameras are finite and have a lens, bool [N]."""
    finite = ops.all(ops.absolute(intrinsics) < 1e9, axis=(-2, -1))
    block = ops.where(finite[:, None, None], intrinsics, ops.zeros_like(intrinsics))
    area = ops.absolute(block[:, 0, 0] * block[:, 1, 1] - block[:, 0, 1] * block[:, 1, 0])
    return ops.logical_and(area > _MIN_FOCAL**2, area < _MAX_FOCAL**2)


def _unit_range(image):
    return ops.cast(image, "float32") / 255.0
