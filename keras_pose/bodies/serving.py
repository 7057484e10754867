"""What an exported body pose network computes: the contract of `keras_pose.serving`, joints `MPII_16`."""

import keras

from keras_pose.bodies.pose import decode_pose
from keras_pose.codecs import SUMMED_BONES
from keras_pose.codecs.camera_pose import BONE_SUM_RANGE_M, camera_pose
from keras_pose.export import ConstantWeights, Signature
from keras_pose.serving import (
    BoneLength,
    Metadata,
    PoseNetwork,
    contract_signatures,
    describe_skeleton,
)
from keras_pose.serving.phone import phone_signatures
from keras_pose.skeletons import MPII_16

DEPTH_UNIT = "pixels of the picture, relative to the pelvis (weak perspective)"
# Of adults, where the training records have no 3D: the bone sum of Zhou et al. 2017's evaluation code.
_ADULT_BONE_SUM_M = 4.07
_PELVIS = MPII_16.index("pelvis")


def network_of(pose: keras.Model) -> keras.Model:
    """Find the network inside a pose model.

    Args:
        pose: of `keras_pose.bodies.pose.build_pose`.

    Returns:
        The model of `build_network`, its weights shared.
    """
    return next(layer for layer in pose.layers if isinstance(layer, keras.Model))


def pose_network(
    pose: keras.Model, crop_scale: float = 1.0, bone_sum_m: float = 0.0
) -> PoseNetwork:
    """Describe a pose model to the contract.

    Args:
        pose: of `keras_pose.bodies.pose.build_pose`, for crops of side S.
        crop_scale: side of the square that is seen over the longer side of the box.
        bone_sum_m: mean bone sum of the training records, m; 0 if unknown.

    Returns:
        The network; it has no features to offer.
    """
    size = pose.input_shape[1]

    def run(image, camera, bone_sum):
        outputs = pose(image, training=False)
        depth = outputs["depth"] - outputs["depth"][:, _PELVIS : _PELVIS + 1]
        depth = depth * (size / 2.0)
        points_3d, valid = camera_pose(outputs["keypoints_2d"], depth, camera, bone_sum)
        return {
            "keypoints_2d": outputs["keypoints_2d"],
            "depth": depth,
            "score": outputs["score"],
            "keypoints_3d": points_3d,
            "valid": valid,
        }

    return PoseNetwork(
        image_size=size,
        crop_scale=crop_scale,
        num_joints=MPII_16.num_joints,
        root=_PELVIS,
        typical_bone_length_m=bone_sum_m or _ADULT_BONE_SUM_M,
        bone_length_range_m=BONE_SUM_RANGE_M,
        depth_is_in_px=True,
        is_sided=False,
        pose=run,
        lift=camera_pose,
        weights=ConstantWeights(pose.variables),
    )


def signatures(
    network: PoseNetwork, pose: keras.Model, coordinates: str, sharpness: float
) -> dict[str, Signature]:
    """Return the signatures of a body pose network.

    Args:
        network: of `pose_network`.
        pose: the pose model that it describes.
        coordinates: how the run's maps become points, see `decode_pose`.
        sharpness: see `decode_pose`.

    Returns:
        Those of the contract. For phones, of `image` float32 `[N, S, S, 3]` in [0, 1]: `decoded` to `x`,
        `y`, `z` `[N, 16]` px of the crop and `score`; `heatmaps` to `heatmaps` float32
        `[N, H, W, 16]` and `depth` or `depth_maps`, as the network makes them.
    """
    size = network.image_size
    inner = network_of(pose)
    # The same as arg-max to rounding, in operations that phone GPUs have.
    how = "argmax_by_products" if coordinates == "argmax" else coordinates

    def maps(image):
        outputs = dict(inner(image, training=False))
        return outputs | {"heatmaps": outputs["heatmaps"][-1]}

    def decode(outputs):
        return decode_pose({**outputs, "heatmaps": [outputs["heatmaps"]]}, size, how, sharpness)

    return contract_signatures(network) | phone_signatures(
        maps, size, size / 2.0, decode, network.weights, network.uncertainty
    )


def describe(name: str, version: int, network: PoseNetwork) -> Metadata:
    """Return what a served body network says of itself.

    Args:
        name: model name.
        version: version number.
        network: of `pose_network`.

    Returns:
        The content of `metadata.json`, but for the signatures.
    """
    names = MPII_16.joints
    return Metadata(
        name=name,
        version=version,
        method="wild3d",
        kind="body",
        **describe_skeleton(MPII_16),
        image_size=network.image_size,
        crop_scale=network.crop_scale,
        side=None,
        bone_length=BoneLength(
            tuple((names[a], names[b]) for a, b in SUMMED_BONES),
            network.typical_bone_length_m,
            "the sum of 14 bones: legs, hips, arms, shoulders to the neck, trunk and head; about 2.4 "
            "times the height",
        ),
        depth_unit=DEPTH_UNIT,
        score="heatmap_peak",
        found_threshold=network.found_threshold,
        uncertainty=network.uncertainty,
    )
