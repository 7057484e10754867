"""Training of a small network that imitates a large one beside the labels.

Both see the same crop, the teacher at its own size. Pictures without depth labels have the teacher's
depth to learn from, which is what a small network gains most from.
"""

from collections.abc import Callable
from typing import Any

import keras
from keras import layers, ops

from keras_pose import codecs, losses
from keras_pose.bodies.pose import decode_pose, read_depth
from keras_pose.layers.precision import in_precision
from keras_pose.layers.unit_range import unit_range
from keras_pose.train.teacher import frozen_answer, shrink_crops
from keras_pose.wild3d.config import STRIDE, Config
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.runs import load_model, load_pose

SHARED_FIELDS = ("crop_source", "crop_scale", "labels_2d")
"""What must agree for a student and its teacher to mean the same by a pose."""


def pooled_features(network: keras.Model) -> Any:
    """Find the features of a network that its heat maps are read from, averaged over pixels.

    Args:
        network: from `build_network`.

    Returns:
        Symbolic float `[B, F]`: of the last hourglass, or of the encoder below the transposed
        convolutions.
    """
    names = [layer.name for layer in network.layers]
    tops = [name for name in names if name.endswith("_features_relu")]
    maps = network.get_layer(tops[-1]).output if tops else network.get_layer("deconvolution0").input
    full = keras.config.dtype_policy().variable_dtype
    return layers.GlobalAveragePooling2D(name="pooled_features", dtype=full)(maps)


def load_teacher(model_dir: str, image_size: int) -> tuple[Callable[[Any], dict[str, Any]], int]:
    """Load what a trained network says about crops of another size.

    Args:
        model_dir: folder of a finished run.
        image_size: side S of the crops, a multiple of the teacher's.

    Returns:
        `(answer, width)`: a function of pictures float32 `[B, S, S, 3]` in [0, 1] to a dict of
        `heatmaps` `[B, h, h, 16]`, `keypoints_2d` `[B, 16, 2]` px of the crop of side S, `depth`
        `[B, 16]` half sides and `features` `[B, F]`, in float32; and F.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config, model = load_model(model_dir)
    with in_precision("float32"):
        features = pooled_features(model.network)
        outputs = {"features": features, **model.network.output}
        whole = frozen_answer(keras.Model(model.network.input, outputs))
    ratio = image_size // config.image_size

    def answer(pictures: Any) -> dict[str, Any]:
        outputs = whole(shrink_crops(pictures, ratio))
        pose = decode_pose(outputs, config.image_size, config.coordinates, config.sharpness)
        return {
            "heatmaps": outputs["heatmaps"][-1],
            "keypoints_2d": ratio * pose["keypoints_2d"],
            "depth": pose["depth"],
            "features": outputs["features"],
        }

    return answer, features.shape[-1]


def load_teacher_pose(model_dir: str, image_size: int) -> Callable[..., dict[str, Any]]:
    """Load a trained network as a function of crops of another size, for evaluation.

    Args:
        model_dir: folder of a finished run.
        image_size: side S of the crops, a multiple of the teacher's.

    Returns:
        Function of pictures float32 `[B, S, S, 3]` in [0, 1] to the outputs of `decode_pose`, pixels
        being those of the crops given.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config, pose = load_pose(model_dir)
    ratio = image_size // config.image_size

    def answer(pictures: Any, training: bool = False) -> dict[str, Any]:
        said = pose(shrink_crops(pictures, ratio), training=training)
        # The unit of points is half a side of the crop, whatever its pixels.
        return said | {"keypoints_2d": ratio * said["keypoints_2d"]}

    return answer


class DistilledPoseModel(PoseModel):
    """Learns from labels and from a teacher: heat maps, coordinates, depth and pooled features.

    Each joint of the teacher's counts as much as the teacher is right about it, see
    `losses.teacher_trust`; where a picture has no label it counts in full.

    Args:
        config: `keras_pose.wild3d.config.Config`.
        teacher: function as `load_teacher` returns it.
        teacher_width: number F of its features.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        inputs: dict with `image` as `PoseModel` takes it.
        training: whether batch statistics are live.

    Returns:
        The outputs of `keras_pose.wild3d.network.build_network`, and `features` `[B, F]`, the pooled
        features through a linear map.
    """

    def __init__(
        self,
        config: Config,
        teacher: Callable[[Any], dict[str, Any]],
        teacher_width: int,
        **kwargs: Any,
    ):
        super().__init__(config, **kwargs)
        self.teacher = teacher
        with_features = {"features": pooled_features(self.network), **self.network.output}
        self.whole = keras.Model(self.network.input, with_features, name="whole")
        self.imitation = layers.Dense(teacher_width, name="imitation", dtype=self.compute_dtype)
        self.imitation.build(with_features["features"].shape)

    @property
    def term_weights(self) -> dict[str, float]:
        """Weight of each term of the loss, by its name."""
        config = self.config
        return super().term_weights | {
            "loss_teacher_maps": config.teacher_map_weight,
            "loss_teacher_points": config.teacher_point_weight,
            "loss_teacher_depth": config.teacher_depth_weight,
            "loss_teacher_features": config.teacher_feature_weight,
        }

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """What the optimizer moves."""
        return [*self.network.trainable_variables, *self.imitation.trainable_variables]

    def call(self, inputs, training=False):
        outputs = self.whole(unit_range(inputs["image"]), training=training)
        return outputs | {"features": self.imitation(outputs["features"])}

    def terms(self, outputs: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Compute every term of the loss for every picture, unweighted.

        Args:
            outputs: of the model.
            data: batch of training, see `PoseModel`.

        Returns:
            Dict of the names of `term_weights` to `[B]`, 0 where a term does not apply to a picture.
        """
        config = self.config
        terms = super().terms(outputs, data)
        image = ops.cast(unit_range(data["image"]), "float32")
        said = {k: ops.cast(value, self.compute_dtype) for k, value in self.teacher(image).items()}
        maps = ops.cast(outputs["heatmaps"][-1], self.compute_dtype)
        trust = losses.teacher_trust(
            said["keypoints_2d"],
            ops.cast(data["keypoints_2d"], self.compute_dtype),
            data["visible"],
            config.teacher_tolerance * config.image_size,
        )
        if config.absent_outside:
            # The teacher has a place for every joint, for those outside the crop too.
            is_absent = (data["annotated"] > 0) & (data["visible"] <= 0)
            trust = ops.where(is_absent, ops.zeros_like(trust), trust)
        on_map = said["keypoints_2d"] / STRIDE
        terms["loss_teacher_maps"] = losses.map_imitation(maps, said["heatmaps"], trust)
        terms["loss_teacher_points"] = ops.zeros_like(terms["loss_depth"])
        if config.teacher_point_weight:
            soft, _ = codecs.soft_argmax(maps, config.sharpness)
            terms["loss_teacher_points"] = losses.point_imitation(soft, on_map, trust)
        depth = ops.cast(read_depth(outputs, on_map), self.compute_dtype)
        terms["loss_teacher_depth"] = losses.number_imitation(depth, said["depth"], trust)
        features = ops.cast(outputs["features"], self.compute_dtype)
        terms["loss_teacher_features"] = losses.feature_imitation(features, said["features"])
        return terms


def build_distilled(config: Config) -> DistilledPoseModel:
    """Build the uncompiled student and load its teacher.

    Args:
        config: config with `teacher` naming a run folder that `check_teacher` accepts.

    Returns:
        The model.

    Raises:
        ValueError: if the teacher's weights are missing or damaged.
    """
    teacher, width = load_teacher(config.teacher, config.image_size)
    with in_precision(config.precision):
        return DistilledPoseModel(config, teacher, width)
