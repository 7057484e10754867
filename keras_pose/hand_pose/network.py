"""The supervised hand pose: encoder, 2.5D head, root depth, camera-space joints.

image -> encoder -> head -> (u, v, r) -> root depth by the reference bone -> optional refinement ->
camera points. The head may work in PeCLR's own joint order (`head_order="ait"`) and on a palm root;
both are undone after lifting, so that what leaves the model is FreiHAND's order with a real wrist.
"""

from collections.abc import Mapping

import keras
import numpy as np
from keras import layers

from keras_pose import codecs
from keras_pose.geometry.shapes import require_choice
from keras_pose.hands import layers as pose_layers
from keras_pose.layers.encoders import build_encoder
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND

HEADS = ("linear", "mlp")
COORDINATES = ("normalized", "pixels")
HEAD_ORDERS = {"freihand": HAND_21_FREIHAND, "ait": HAND_21_AIT}
_HIDDEN_WIDTH = 512


def build_hand_pose(
    encoder: str | keras.Model = "resnet50",
    image_size: int = 128,
    *,
    head: str = "linear",
    coordinates: str = "normalized",
    root: str = "palm_middle",
    reference_bone: str = "middle",
    refine_root: bool = False,
    detach_refiner: bool = True,
    head_order: str = "freihand",
    weights: str = "random",
    synchronized: bool = False,
    assume_fov_deg: float | None = None,
    name: str = "hand_pose",
) -> keras.Model:
    """Build the model that turns crops of right hands into 2D and camera-space joints.

    Inputs: `image` float `[B, S, S, 3]`, RGB in [0, 1], and `intrinsics` float `[B, 3, 3]` of the
    crop in px (M K for a crop by M). There is no default camera: with `assume_fov_deg` the input
    `intrinsics` does not exist and everything metric rests on that assumption.

    Outputs, joints in FreiHAND's order: `keypoints_2d` `[B, 21, 2]` px of the crop; `depth`
    `[B, 21]`, relative to the root, bone lengths; `root_depth` `[B, 1]`, bone lengths;
    `keypoints_3d` `[B, 21, 3]`, camera frame, bone lengths; `valid` bool `[B]`, false where the
    reference bone leaves the root's depth open; `root_2d` `[B, 2]`, px of the root (of a palm root
    too, while row 0 of all others is the wrist). The layer `points_25d` holds the head's own pose.

    Args:
        encoder: name for `build_encoder`, or a model from `[B, S, S, 3]` to `[B, F]`.
        image_size: side of the crop S, px.
        head: `linear`, or `mlp` with one hidden layer of 512.
        coordinates: what the head predicts, `pixels` (released models) or `normalized`.
        root: root of relative depths, one of `codecs.ROOTS`; `palm_middle` in released models.
        reference_bone: key of `codecs.REFERENCE_BONES`; `middle` in released models.
        refine_root: correct the solved root depth by a small network.
        detach_refiner: keep that network's error from training the head.
        head_order: joint order of the head's outputs, `freihand`, or `ait` for released weights.
        weights: initial weights, for `build_encoder`.
        synchronized: batch statistics over all replicas of a strategy.
        assume_fov_deg: field of view over the crop's side in degrees, or None to require intrinsics.
        name: name of the model.

    Returns:
        The model.

    Raises:
        ValueError: if an option is unknown or the field of view is not between 0 and 180 degrees.

    Reference: the fine-tuned model that Spurr et al. 2021 released.
    """
    require_choice("head", head, HEADS)
    require_choice("coordinates", coordinates, COORDINATES)
    require_choice("root", root, codecs.ROOTS)
    require_choice("reference_bone", reference_bone, tuple(codecs.REFERENCE_BONES))
    require_choice("head_order", head_order, tuple(HEAD_ORDERS))
    if assume_fov_deg is not None and not 0 < assume_fov_deg < 180:
        raise ValueError(
            f"assume_fov_deg is {assume_fov_deg}; give a field of view between 0 and 180 degrees, or "
            "None to require intrinsics."
        )
    skeleton = HEAD_ORDERS[head_order].name
    precise = keras.config.dtype_policy().variable_dtype
    if isinstance(encoder, str):
        encoder = build_encoder(encoder, image_size, synchronized=synchronized, weights=weights)

    image = keras.Input((image_size, image_size, 3), name="image")
    inputs = {"image": image}
    if assume_fov_deg is None:
        intrinsics = keras.Input((3, 3), name="intrinsics", dtype=precise)
        inputs["intrinsics"] = intrinsics
    else:
        intrinsics = pose_layers.AssumedCamera(image_size, assume_fov_deg, name="camera")(image)

    hidden = encoder(image)
    if head == "mlp":
        hidden = layers.Dense(_HIDDEN_WIDTH, activation="relu", name="head_hidden")(hidden)
    # Single precision: bfloat16 knows no half pixels at 224.
    values = layers.Dense(3 * HAND_21_FREIHAND.num_joints, name="head", dtype=precise)(hidden)
    points_25d = pose_layers.PoseCoordinates(image_size, coordinates, skeleton, name="points_25d")(
        values
    )
    depth, valid = pose_layers.RootSolver(reference_bone, skeleton, name="root_solver")(
        points_25d, intrinsics
    )
    if refine_root:
        refiner = pose_layers.RootRefiner(detach_refiner, synchronized, name="root_refiner")
        depth = refiner(points_25d, depth, intrinsics)
    points_2d, relative, points_3d, root_2d = pose_layers.Lifting(root, skeleton, name="lifting")(
        points_25d, depth, intrinsics
    )
    outputs = {
        "keypoints_2d": points_2d,
        "depth": relative,
        "root_depth": depth,
        "keypoints_3d": points_3d,
        "valid": valid,
        "root_2d": root_2d,
    }
    return keras.Model(inputs, outputs, name=name)


def load_released_head(model: keras.Model, state: Mapping[str, np.ndarray]) -> None:
    """Assign head and refinement of the released pose model; the encoder has its own loader.

    The model must have been built as the released one: `head="linear"`, `coordinates="pixels"`,
    `root="palm_middle"`, `reference_bone="middle"`, `refine_root=True`, `head_order="ait"`.

    Args:
        model: what `build_hand_pose` returned.
        state: torch's names without `backend_model.` to arrays: `fc.weight` `[64, F]`, of which the
            last row was never used, `fc.bias` `[64]`, `zroot_ref.zroot_ref.{0,1,3,4,6}.*`.

    Raises:
        ValueError: if the model has no refinement, or a name is missing or of another shape.
    """
    names = {layer.name for layer in model.layers}
    if not {"head", "root_refiner"} <= names or "head_hidden" in names:
        raise ValueError(
            "The released pose weights need a linear head and a refined root; build the model with "
            "head='linear' and refine_root=True."
        )
    head, refiner = model.get_layer("head"), model.get_layer("root_refiner")
    kept = 3 * HAND_21_FREIHAND.num_joints
    # torch names of a Sequential's members, in the order of Keras' weights.
    dense, norm = ("weight", "bias"), ("weight", "bias", "running_mean", "running_var")
    members = [
        ("fc", head, dense),
        ("zroot_ref.zroot_ref.0", refiner.hidden[0], dense),
        ("zroot_ref.zroot_ref.1", refiner.norms[0], norm),
        ("zroot_ref.zroot_ref.3", refiner.hidden[1], dense),
        ("zroot_ref.zroot_ref.4", refiner.norms[1], norm),
        ("zroot_ref.zroot_ref.6", refiner.correction, dense),
    ]
    pairs = []
    for torch_name, layer, parts in members:
        for part, variable in zip(parts, layer.weights, strict=True):
            name = f"{torch_name}.{part}"
            if name not in state:
                raise ValueError(f"The pose weights lack '{name}'; give the released pose model's.")
            value = np.asarray(state[name]).T
            value = value[..., :kept] if torch_name == "fc" else value
            if value.shape != tuple(variable.shape):
                raise ValueError(
                    f"'{name}' has the shape {list(value.T.shape)} where the model needs "
                    f"{list(variable.shape)[::-1]}; build the model with the encoder it was trained "
                    "with."
                )
            pairs.append((variable, value))
    for variable, value in pairs:
        variable.assign(value)
