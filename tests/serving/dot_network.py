"""A network whose answer is known: joint 0 is the brightest dot, joint 1 lies 4 px below.

Its 3D joints lie on the rays of its 2D joints, ten lengths away, so that every camera, box and mirror can
be checked by projecting them.
"""

import tensorflow as tf

from keras_pose.codecs import camera_rays
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import (
    Metadata,
    PoseNetwork,
    contract_signatures,
    describe_signatures,
    write_metadata,
)

SIZE = 64
FAR = 10.0


def dot_network(is_sided=True, depth_is_in_px=True, crop_scale=1.25):
    """The network as the contract wants it described."""

    def pose(image, camera, length):
        level = tf.reshape(tf.reduce_sum(image, axis=-1), (-1, SIZE * SIZE))
        cell = tf.argmax(level, axis=-1)
        dot = tf.cast(tf.stack([cell % SIZE, cell // SIZE], axis=-1), tf.float32) + 0.5
        points = tf.stack([dot, dot + [0.0, 4.0]], axis=1)
        depth = tf.tile(tf.constant([[0.0, 8.0]]), (tf.shape(image)[0], 1))
        points_3d, valid = lift(points, depth, camera, length)
        return {
            "keypoints_2d": points,
            "depth": depth,
            "score": tf.ones_like(depth) * tf.reduce_max(level, axis=-1)[:, None] / 3.0,
            "keypoints_3d": points_3d,
            "valid": valid,
        }

    def lift(points, depth, camera, length):
        rays = tf.concat([camera_rays(points, camera), tf.ones_like(points[..., :1])], axis=-1)
        return rays * (FAR * length[:, None, None]), tf.ones_like(length) > 0

    return PoseNetwork(
        image_size=SIZE,
        crop_scale=crop_scale,
        num_joints=2,
        root=0,
        typical_bone_length_m=0.05,
        bone_length_range_m=(0.01, 1.0),
        depth_is_in_px=depth_is_in_px,
        is_sided=is_sided,
        pose=pose,
        lift=lift,
        embed=lambda image: tf.reduce_mean(image, axis=(1, 2)),
    )


def save_dots(folder, network):
    """Write a version folder of the network; returns its `metadata.json`."""
    save_signatures(folder, contract_signatures(network))
    metadata = Metadata(
        name="dots",
        version=1,
        method="peclr",
        kind="hand",
        skeleton="two_dots",
        joints=("dot", "below"),
        bones=((0, 1),),
        root="dot",
        image_size=network.image_size,
        crop_scale=network.crop_scale,
        side="right",
        bone_length=None,
        depth_unit="pixels of the picture",
        score="heatmap_peak",
        found_threshold=network.found_threshold,
        uncertainty=network.uncertainty,
        signatures=describe_signatures(LoadedModel(folder)),
    )
    return write_metadata(folder, metadata)
