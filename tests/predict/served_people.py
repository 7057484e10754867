"""Small version folders that keep the contract: a body and a hand that stand where a red spot is.

The joints have a fixed shape about the spot, their depths are known, and the metres lie on the rays of
the pixels, so that every camera, box and mirror can be checked by projecting them.
"""

import numpy as np
import tensorflow as tf

from keras_pose.codecs import PowerLaw, Uncertainty, camera_rays
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import (
    BoneLength,
    Metadata,
    PoseNetwork,
    contract_signatures,
    describe_signatures,
    write_metadata,
)
from keras_pose.serving.metadata import describe_skeleton
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16

SIZE = 64
CROP_SCALE = 1.25
TYPICAL = {"body": 4.0, "hand": 0.045}
# Typical ones stand about 4 m away.
# A pixel in a hundred of the crop's side, and a tenth of the distance, whatever the scores.
UNCERTAINTY = {
    kind: Uncertainty(
        *(PowerLaw((size,) * skeleton.num_joints, (0.0, 0.0, 0.0)) for size in (0.01, 0.1))
    )
    for kind, skeleton in (("body", MPII_16), ("hand", HAND_21_FREIHAND))
}
FAR = {"body": 1.0, "hand": 4.0 / 0.045}
BONES = {"body": (("pelvis", "upper_neck"),), "hand": (("middle_mcp", "middle_pip"),)}
SKELETONS = {"body": MPII_16, "hand": HAND_21_FREIHAND}


def shape(kind):
    """Places about the root [J, 2], in sides of the crop, and relative depths [J]."""
    made = (
        generate_body(0, 1, size=32)
        if kind == "body"
        else generate_hand(0, 1, size=32, pose="open")
    )
    root = SKELETONS[kind].root
    points = made.keypoints_3d - made.keypoints_3d[root]
    extent = np.ptp(points[:, :2], axis=0).max()
    depth = 0.4 * points[:, 2] / 4.0 if kind == "body" else points[:, 2] / 4.0
    # The box around them is then as large as the box that they were found in.
    margin = {"body": 1.12, "hand": 1.1}[kind]
    return points[:, :2] / (extent * margin * CROP_SCALE), depth


def _network(kind):
    places, depths = shape(kind)
    grid = np.arange(SIZE) + 0.5

    def pose(image, camera, length):
        weight = tf.maximum(image[..., 0] - 0.15, 0.0)
        total = tf.reduce_sum(weight, axis=(1, 2)) + 1e-9
        x = tf.reduce_sum(weight * grid[None, None, :].astype(np.float32), axis=(1, 2)) / total
        y = tf.reduce_sum(weight * grid[None, :, None].astype(np.float32), axis=(1, 2)) / total
        # Without a spot they stand in the middle.
        spot = tf.where(total[:, None] > 1.0, tf.stack([x, y], axis=-1), SIZE / 2.0)
        points = spot[:, None] + tf.constant(places * SIZE, tf.float32)[None]
        depth = tf.tile(tf.constant(depths, tf.float32)[None], (tf.shape(image)[0], 1))
        points_3d, valid = lift(points, depth, camera, length)
        score = tf.where(total > 1.0, 0.9, 0.3)[:, None] * tf.ones_like(depth)
        return {
            "keypoints_2d": points,
            "depth": depth,
            "score": score,
            "keypoints_3d": points_3d,
            "valid": valid,
        }

    def lift(points, depth, camera, length):
        rays = tf.concat([camera_rays(points, camera), tf.ones_like(points[..., :1])], axis=-1)
        away = FAR[kind] * length[:, None] * (1.0 + depth)
        return rays * away[..., None], length < 9.0

    return PoseNetwork(
        image_size=SIZE,
        crop_scale=CROP_SCALE,
        num_joints=SKELETONS[kind].num_joints,
        root=SKELETONS[kind].root,
        typical_bone_length_m=TYPICAL[kind],
        bone_length_range_m=(0.001, 20.0),
        depth_is_in_px=False,
        is_sided=kind == "hand",
        pose=pose,
        lift=lift,
        uncertainty=UNCERTAINTY[kind],
    )


def save(folder, kind):
    """Writes a version folder.

    Args:
        folder: where to.
        kind: "hand" or "body".

    Returns:
        The folder.
    """
    # The one signature that the predictor calls: to save all takes long.
    signatures = {"serve_crop": contract_signatures(_network(kind))["serve_crop"]}
    save_signatures(folder, signatures, serving_default="serve_crop")
    metadata = Metadata(
        name=f"toy_{kind}",
        version=1,
        method="wild3d" if kind == "body" else "peclr",
        kind=kind,
        **describe_skeleton(SKELETONS[kind]),
        image_size=SIZE,
        crop_scale=CROP_SCALE,
        side="right" if kind == "hand" else None,
        bone_length=BoneLength(BONES[kind], TYPICAL[kind], f"the {kind}'s bone"),
        depth_unit="parts of the distance",
        score="heatmap_peak",
        uncertainty=UNCERTAINTY[kind],
        signatures=describe_signatures(LoadedModel(folder)),
    )
    write_metadata(folder, metadata)
    return folder


def picture(x=80.0, y=60.0, height=120, width=160):
    """A dark picture with a red spot, uint8 [H, W, 3]."""
    rows, columns = np.mgrid[:height, :width] + 0.5
    image = np.zeros((height, width, 3), np.float32)
    image[..., 0] = 235 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 4.0**2))
    return image.round().astype(np.uint8)
