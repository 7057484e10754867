"""The student's maps and depth read as a hand: what is evaluated and exported."""

import keras
from keras import layers, ops

from keras_pose.codecs import decode_heatmaps, decode_heatmaps_by_products, soft_argmax
from keras_pose.geometry.shapes import require_choice
from keras_pose.hands import layers as pose_layers
from keras_pose.skeletons import HAND_21_FREIHAND

COORDINATES = ("soft_argmax", "argmax", "argmax_by_products")
"""How maps become points; the last is the second, to rounding, in operations that phone GPUs have."""


def decode_student(
    outputs: dict, image_size: int, coordinates: str = "soft_argmax", sharpness: float = 10.0
) -> dict:
    """Read a student's outputs as a 2.5D hand.

    Args:
        outputs: of `build_student_network`.
        image_size: side S of the crop in px.
        coordinates: one of `COORDINATES`.
        sharpness: of the soft arg-max.

    Returns:
        dict of float: `keypoints_2d` `[B, 21, 2]` px of the crop; `score` `[B, 21]`, the maps' peaks;
        `depth` `[B, 21]`, lengths of the reference bone, relative to the wrist.

    Raises:
        ValueError: if `coordinates` is unknown.
    """
    require_choice("coordinates", coordinates, COORDINATES)
    heatmaps = outputs["heatmaps"]
    if coordinates == "soft_argmax":
        points, score = soft_argmax(heatmaps, sharpness)
    elif coordinates == "argmax":
        points, score = decode_heatmaps(heatmaps)
    else:
        points, score = decode_heatmaps_by_products(heatmaps)
    return {
        "keypoints_2d": points * (image_size / heatmaps.shape[2]),
        "score": score,
        "depth": outputs["depth"],
    }


@keras.saving.register_keras_serializable("keras_pose")
class StudentDecoder(layers.Layer):
    """`decode_student` as a layer.

    Args:
        image_size: see `decode_student`.
        coordinates: see `decode_student`.
        sharpness: see `decode_student`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        outputs: of `build_student_network`.

    Returns:
        Pixels and depth `[B, 21, 3]`, and scores `[B, 21]`.
    """

    def __init__(
        self,
        image_size: int,
        coordinates: str = "soft_argmax",
        sharpness: float = 10.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        require_choice("coordinates", coordinates, COORDINATES)
        self.image_size = image_size
        self.coordinates = coordinates
        self.sharpness = sharpness

    def call(self, outputs):
        said = decode_student(outputs, self.image_size, self.coordinates, self.sharpness)
        points_25d = ops.concatenate([said["keypoints_2d"], said["depth"][..., None]], axis=-1)
        return points_25d, said["score"]

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "coordinates": self.coordinates,
            "sharpness": self.sharpness,
        }


def build_student_pose(
    network: keras.Model,
    reference_bone: str = "middle",
    coordinates: str = "soft_argmax",
    sharpness: float = 10.0,
    name: str = "student_pose",
) -> keras.Model:
    """Put decoding and lifting behind a network, whose weights are shared.

    Args:
        network: from `build_student_network`.
        reference_bone: key of `codecs.REFERENCE_BONES`, the unit of depth.
        coordinates: see `decode_student`.
        sharpness: see `decode_student`.
        name: of the model.

    Returns:
        Model with the inputs and outputs of `keras_pose.hand_pose.network.build_hand_pose` for a root in
        the wrist, and `score` `[B, 21]`, the maps' peaks.

    Raises:
        ValueError: if `coordinates` is unknown.
    """
    size = network.input_shape[1]
    precise = keras.config.dtype_policy().variable_dtype
    image = keras.Input((size, size, 3), name="image", dtype="float32")
    intrinsics = keras.Input((3, 3), name="intrinsics", dtype=precise)
    skeleton = HAND_21_FREIHAND.name
    points_25d, score = StudentDecoder(size, coordinates, sharpness, name="decode", dtype=precise)(
        network(image)
    )
    root, valid = pose_layers.RootSolver(reference_bone, skeleton, name="root_solver")(
        points_25d, intrinsics
    )
    points_2d, relative, points_3d, root_2d = pose_layers.Lifting(
        "wrist", skeleton, name="lifting"
    )(points_25d, root, intrinsics)
    outputs = {
        "keypoints_2d": points_2d,
        "score": score,
        "depth": relative,
        "root_depth": root,
        "keypoints_3d": points_3d,
        "valid": valid,
        "root_2d": root_2d,
    }
    return keras.Model({"image": image, "intrinsics": intrinsics}, outputs, name=name)
