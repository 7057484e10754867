"""A tiny model that keeps the serving contract: bytes, boxes, cameras, lengths and `valid`.

Its "network" is arithmetic that a test can follow: the mean colour of the picture moves the joints.
Bytes that do not begin like a PNG count as a picture that cannot be decoded.
"""

import tensorflow as tf

from keras_pose.export import Signature, save_signatures

JOINTS = 4
_BYTES = tf.TensorSpec([None], tf.string)
_BOX = tf.TensorSpec([None, 4], tf.float32)
_CAMERA = tf.TensorSpec([None, 3, 3], tf.float32)
_LENGTH = tf.TensorSpec([None, 1], tf.float32)
_LEFT = tf.TensorSpec([None, 1], tf.int32)
_POINTS = tf.TensorSpec([None, JOINTS, 2], tf.float32)


def _colour(bytes_of_one):
    """Mean grey value, height, width and validity [4] of one encoded picture."""

    def decoded():
        picture = tf.io.decode_png(bytes_of_one, channels=3)
        size = tf.cast(tf.shape(picture)[:2], tf.float32)
        return tf.stack([tf.reduce_mean(tf.cast(picture, tf.float32)), size[0], size[1], 1.0])

    is_png = tf.equal(tf.strings.substr(bytes_of_one, 0, 4), b"\x89PNG")
    return tf.cond(is_png, decoded, lambda: tf.zeros([4]))


def _pose(colour, valid, bbox, camera, length, sign):
    """The outputs of the contract from mean colours [N], boxes, cameras and lengths."""
    step = tf.range(1.0, JOINTS + 1.0) / JOINTS
    usable = valid * tf.cast(tf.reduce_all(bbox[:, 2:] > 0, axis=1), tf.float32)
    points = bbox[:, None, :2] + bbox[:, None, 2:] * step[None, :, None]
    depth = sign * colour[:, None] / 255.0 * step[None]
    focal = camera[:, 0, 0]
    usable_3d = usable * tf.cast((focal > 0) & (length[:, 0] > 0), tf.float32)
    z = tf.math.divide_no_nan(focal * length[:, 0], bbox[:, 3])[:, None] + depth
    xy = (points - camera[:, None, :2, 2]) * tf.math.divide_no_nan(z, focal[:, None])[..., None]
    return {
        "keypoints_2d": points * usable[:, None, None],
        "keypoints_3d": tf.concat([xy, z[..., None]], -1) * usable_3d[:, None, None],
        "depth": depth * usable[:, None],
        "score": tf.ones_like(depth) * usable[:, None],
        "valid": usable_3d,
    }


def _of_bytes(image_bytes):
    return tf.unstack(
        tf.map_fn(_colour, image_bytes, fn_output_signature=tf.float32), num=4, axis=1
    )


def _assumed_camera(height, width):
    zero, one = tf.zeros_like(height), tf.ones_like(height)
    focal = tf.maximum(tf.maximum(height, width), 1.0)
    rows = [focal, zero, width / 2, zero, focal, height / 2, zero, zero, one]
    return tf.reshape(tf.stack(rows, axis=1), [-1, 3, 3])


def serve(image_bytes, bbox, K, bone_length_m):  # noqa: N803 - the contract's own word
    colour, _, _, valid = _of_bytes(image_bytes)
    return _pose(colour, valid, bbox, K, bone_length_m, 1.0)


def serve_sided(image_bytes, bbox, K, bone_length_m, is_left):  # noqa: N803
    colour, _, _, valid = _of_bytes(image_bytes)
    return _pose(colour, valid, bbox, K, bone_length_m, 1.0 - 2.0 * tf.cast(is_left, tf.float32))


def serve_box(image_bytes, bbox):
    colour, height, width, valid = _of_bytes(image_bytes)
    length = tf.fill([tf.shape(bbox)[0], 1], 0.03)
    return _pose(colour, valid, bbox, _assumed_camera(height, width), length, 1.0)


def serve_found(image_bytes, K, bone_length_m):  # noqa: N803
    colour, height, width, valid = _of_bytes(image_bytes)
    bbox = tf.stack([tf.zeros_like(width), tf.zeros_like(width), width, height], axis=1)
    poses = _pose(colour, valid, bbox, K, bone_length_m, 1.0)
    rows = {name: value[:, None] for name, value in poses.items() if name != "valid"}
    return rows | {"count": tf.cast(valid, tf.int32), "valid": poses["valid"]}


def serve_bytes(image_bytes):
    colour, height, width, valid = _of_bytes(image_bytes)
    bbox = tf.stack([tf.zeros_like(width), tf.zeros_like(width), width, height], axis=1)
    length = tf.fill([tf.shape(bbox)[0], 1], 0.03)
    return _pose(colour, valid, bbox, _assumed_camera(height, width), length, 1.0)


def lift(keypoints_2d):
    return {
        "keypoints_3d": tf.pad(keypoints_2d, [[0, 0], [0, 0], [0, 1]]),
        "valid": tf.ones(tf.shape(keypoints_2d)[:1]),
    }


def save_toy(folder):
    """Writes the toy's SavedModel into a version folder."""
    camera = {"image_bytes": _BYTES, "bbox": _BOX, "K": _CAMERA, "bone_length_m": _LENGTH}
    save_signatures(
        folder,
        {
            "serve": Signature(serve, camera),
            "serve_sided": Signature(serve_sided, {**camera, "is_left": _LEFT}),
            "serve_box": Signature(serve_box, {"image_bytes": _BYTES, "bbox": _BOX}),
            "serve_found": Signature(
                serve_found,
                {"image_bytes": _BYTES, "K": _CAMERA, "bone_length_m": _LENGTH},
            ),
            "serve_bytes": Signature(serve_bytes, {"image_bytes": _BYTES}),
            "lift": Signature(lift, {"keypoints_2d": _POINTS}),
        },
        serving_default="serve",
    )
