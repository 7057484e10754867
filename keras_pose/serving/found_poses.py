"""Signature `serve_found`: everybody in a picture, found and posed by one call, in one graph."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from keras_pose.export import Signature
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving.cameras import usable_cameras
from keras_pose.serving.contract import (
    PoseNetwork,
    answer_pictures,
    same_rows,
    usable_lengths,
)
from keras_pose.serving.picture_bytes import crop_boxes_in_bytes

_PICTURE = "x right, y down, from the top-left corner"
FOUND_WORDS = {
    "boxes": ("pixels", _PICTURE, "x, y, width, height; rows from count on are zero"),
    "box_scores": ("none", "none", "probability of the box, falling from row to row"),
    "rotations": ("radians", "clockwise on screen", "turn of the hand or person; 0 is upright"),
    "count": ("none", "none", "number of rows that are filled"),
    "more": ("none", "none", "1 where there are more than there are rows"),
    "pose_valid": ("none", "none", "per row 1, or 0 where its keypoints_3d are not known"),
    "valid": ("none", "none", "1, or 0 where picture, camera or length cannot be used"),
}
"""Output of `serve_found` to its unit, frame and meaning, where `serving_default` has it not."""


def found_signature(
    network: PoseNetwork, find: Callable[[Tensor], Mapping[str, Tensor]]
) -> Signature:
    """Build the signature that needs no boxes.

    Pictures are decoded once for the finder and, where somebody is found, once more for the poses; the
    pose network sees found ones alone, those of all pictures together.

    Args:
        network: what answers crops.
        find: function of `image_bytes` string `[N]` to `boxes` `[N, R, 4]` px, `scores` and `rotations`
            `[N, R]`, `count` and `more` int32 `[N]`, and `valid` `[N]`, 0 where a picture cannot be
            decoded; R is fixed.

    Returns:
        The signature, of `image_bytes`, `K` and `bone_length_m` to `boxes`, `box_scores` and `rotations`;
        `keypoints_2d`, `keypoints_3d`, `depth` and `score`, `[N, R, J, ...]` as of `serving_default` with
        these boxes; `pose_valid` `[N, R]`; `count`, `more` and `valid` `[N]`.
    """

    def serve_found(image_bytes, K, bone_length_m):
        total = tf.shape(image_bytes)[0]
        K = same_rows(total, K, bone_length_m)
        found = find(image_bytes)
        crops, matrices, places = crop_boxes_in_bytes(
            image_bytes, network.image_size, network.crop_scale, found["boxes"], found["count"]
        )
        pictures = places[:, 0]
        everywhere = tf.ones_like(pictures, tf.bool)
        seen = (crops, matrices, matrices[:, 0, :2], everywhere)
        cameras, lengths = tf.gather(K, pictures), tf.gather(bone_length_m, pictures)
        poses = answer_pictures(network, seen, cameras, lengths, None)
        most = found["boxes"].shape[1]

        def by_picture(values):
            shape = tf.concat([[total, most], tf.shape(values)[1:]], axis=0)
            return tf.ensure_shape(
                tf.scatter_nd(places, values, shape), (None, most, *values.shape[1:])
            )

        usable = (found["valid"] > 0) & usable_cameras(K) & usable_lengths(network, bone_length_m)
        return {
            "boxes": found["boxes"],
            "box_scores": found["scores"],
            "rotations": found["rotations"],
            "count": found["count"],
            "more": found["more"],
            **{name: by_picture(poses[name]) for name in sorted(poses.keys() - {"valid"})},
            "pose_valid": by_picture(poses["valid"]),
            "valid": tf.cast(usable, tf.float32),
        }

    return Signature(
        serve_found,
        {
            "image_bytes": tf.TensorSpec((None,), tf.string),
            "K": tf.TensorSpec((None, 3, 3), tf.float32),
            "bone_length_m": tf.TensorSpec((None, 1), tf.float32),
        },
    )
