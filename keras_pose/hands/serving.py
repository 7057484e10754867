"""An exported hand pose network: the contract of `keras_pose.serving`, joints in FreiHAND's order."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose import codecs
from keras_pose.export import ConstantWeights, Signature
from keras_pose.serving import (
    BoneLength,
    Metadata,
    PoseNetwork,
    contract_signatures,
    describe_skeleton,
)
from keras_pose.skeletons import HAND_21_FREIHAND

DEPTH_UNIT = "lengths of the reference bone, relative to the root that the network was trained with"
BONE_LENGTHS = {
    # An average adult; the ratio is that of this package's rendered hands (0.091 to 0.044 m).
    "middle": BoneLength(
        (("middle_mcp", "middle_pip"),), 0.03, "from the middle knuckle to the finger's next joint"
    ),
    "index": BoneLength((("wrist", "index_mcp"),), 0.062, "from the wrist to the index knuckle"),
}
"""What `bone_length_m` measures, by `reference_bone`."""

BONE_LENGTH_RANGE_M = (1e-3, 1.0)


def crop_camera(image_size: int) -> np.ndarray:
    """Return a camera for crops of which none is known, float32 `[3, 3]` px: a long lens on their middle.

    2D joints hardly depend on it: those of a network whose root is the palm have a wrist that does.

    Args:
        image_size: side of the crop in px.
    """
    focal, middle = 4.0 * image_size, image_size / 2.0
    return np.array([[focal, 0, middle], [0, focal, middle], [0, 0, 1.0]], np.float32)


def pose_network(
    model: keras.Model,
    encoder: keras.Model,
    reference_bone: str = "middle",
    crop_scale: float = 1.0,
    mirror_left: bool = True,
) -> PoseNetwork:
    """Describe a hand pose model to the contract.

    Args:
        model: `keras_pose.hand_pose.network` model.
        encoder: model from `[N, S, S, 3]` RGB in [0, 1] to features `[N, F]`.
        reference_bone: key of `BONE_LENGTHS`.
        crop_scale: side of the square that is seen over the longer side of the box.
        mirror_left: whether left hands are shown mirrored, as right ones.

    Returns:
        The network; one that knows no scores answers 1.
    """
    bone = codecs.REFERENCE_BONES[reference_bone]

    def pose(image, camera, bone_length):
        outputs = model({"image": image, "intrinsics": camera}, training=False)
        return {
            "keypoints_2d": outputs["keypoints_2d"],
            "depth": outputs["depth"],
            "score": outputs["score"] if "score" in outputs else ops.ones_like(outputs["depth"]),
            "keypoints_3d": outputs["keypoints_3d"] * bone_length[:, None, None],
            "valid": outputs["valid"],
        }

    def lift(keypoints_2d, depth, camera, bone_length):
        points = ops.concatenate([keypoints_2d, depth[..., None]], axis=-1)
        root, valid = codecs.root_depth(points, camera, bone)
        return codecs.decode(points, root, camera, bone_length), valid

    return PoseNetwork(
        image_size=encoder.input_shape[1],
        crop_scale=crop_scale,
        num_joints=HAND_21_FREIHAND.num_joints,
        root=HAND_21_FREIHAND.root,
        typical_bone_length_m=BONE_LENGTHS[reference_bone].typical_m,
        bone_length_range_m=BONE_LENGTH_RANGE_M,
        depth_is_in_px=False,
        is_sided=mirror_left,
        pose=pose,
        lift=lift,
        embed=lambda image: encoder(image, training=False),
        weights=ConstantWeights([*model.variables, *encoder.variables]),
    )


def signatures(network: PoseNetwork) -> dict[str, Signature]:
    """Return the signatures of a hand pose network.

    Args:
        network: of `pose_network`.

    Returns:
        Those of the contract; and `keypoints`, which needs no camera, of `image` uint8 `[N, S, S, 3]`,
        crops of right hands, to `keypoints_2d` `[N, 21, 2]` px of the crop and `depth` `[N, 21]`.
    """
    size = network.image_size

    def keypoints(image):
        camera = tf.tile(tf.constant(crop_camera(size))[None], (tf.shape(image)[0], 1, 1))
        length = tf.fill(tf.shape(image)[:1], network.typical_bone_length_m)
        outputs = network.pose(tf.cast(image, tf.float32) / 255.0, camera, length)
        return {name: outputs[name] for name in ("keypoints_2d", "depth")}

    crop = tf.TensorSpec((None, size, size, 3), tf.uint8)
    return {**contract_signatures(network), "keypoints": Signature(keypoints, {"image": crop})}


def describe(
    name: str,
    version: int,
    network: PoseNetwork,
    reference_bone: str = "middle",
    score: str = "none",
) -> Metadata:
    """Return what a served hand network says of itself.

    Args:
        name: model name.
        version: version number.
        network: of `pose_network`.
        reference_bone: key of `BONE_LENGTHS`.
        score: what `score` is, one of `keras_pose.serving.metadata.SCORES`.

    Returns:
        The content of `metadata.json`, but for the signatures.
    """
    return Metadata(
        name=name,
        version=version,
        method="peclr",
        kind="hand",
        **describe_skeleton(HAND_21_FREIHAND),
        image_size=network.image_size,
        crop_scale=network.crop_scale,
        side="right" if network.is_sided else None,
        bone_length=dataclasses.replace(
            BONE_LENGTHS[reference_bone], typical_m=round(network.typical_bone_length_m, 4)
        ),
        depth_unit=DEPTH_UNIT,
        score=score,
        found_threshold=network.found_threshold,
        uncertainty=network.uncertainty,
    )
