"""Training of the phone-sized hand network on labels and on what a teacher says of the same crops."""

import math
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras import layers, ops

from keras_pose import codecs, losses
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.network import FEATURES, STRIDE, build_student_network
from keras_pose.hand_student.pose import build_student_pose
from keras_pose.layers.precision import in_precision
from keras_pose.layers.unit_range import unit_range
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train import strategy as replicas
from keras_pose.train.optimizers import WarmupCosine, build_optimizer

Teacher = Callable[[dict[str, Any]], dict[str, Any]]
"""Function of `image` float32 `[B, S, S, 3]` in [0, 1] and `intrinsics` `[B, 3, 3]` of a student's crops
to `keypoints_2d` `[B, 21, 2]` px of those crops, `depth` `[B, 21]` bone lengths relative to the wrist,
`features` `[B, F]` and `valid` `[B]`, 0 where the depth means nothing."""

_LABEL_TERMS = ("maps", "points", "depth")
# A blob ends where it is a hundredth of its peak.
_RADIUS_SIGMAS = 3.0


class StudentModel(keras.Model):
    """Learns heat maps, points and depth from labels and from a teacher, features from the teacher.

    Each joint of the teacher's counts as much as the teacher is right about it, see
    `losses.teacher_trust`; where a picture has no label it counts in full. Every term is a mean over the
    global batch.

    A batch of training is what `keras_pose.hands.data` makes.

    Args:
        config: `keras_pose.hand_student.config.StudentConfig`.
        teacher: see `Teacher`; None learns from labels alone.
        teacher_width: number F of the teacher's features.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        inputs: dict of `image`, uint8 or float in [0, 1] `[B, S, S, 3]`.
        training: whether batch statistics are live.

    Returns:
        The outputs of `build_student_network`, and `features` `[B, F]`, the pooled features through a
        linear map.
    """

    def __init__(
        self,
        config: StudentConfig,
        teacher: Teacher | None = None,
        teacher_width: int = 1,
        **kwargs: Any,
    ):
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        self.teacher = teacher
        with in_precision(config.precision):
            self.network = build_student_network(
                config.backbone,
                config.image_size,
                config.width,
                config.depth_width,
                config.synchronized_batch_norm,
                config.bn_momentum,
            )
            self.inference_pose = build_student_pose(
                self.network, config.reference_bone, config.coordinates, config.sharpness
            )
            pooled = self.network.get_layer(FEATURES).output
            self.whole = keras.Model(
                self.network.input, {**self.network.output, "features": pooled}, name="whole"
            )
        self.imitation = layers.Dense(teacher_width, name="imitation", dtype=precise)
        self.imitation.build(pooled.shape)
        self.trackers = {
            name: keras.metrics.Mean(name=name, dtype=precise)
            for name in ("loss", *self.term_weights)
        }
        self.built = True

    @property
    def term_weights(self) -> dict[str, float]:
        """Weight of each term of the loss, by its name; the teacher's are 0 without a teacher."""
        config = self.config
        labels = dict(
            zip(
                _LABEL_TERMS,
                (config.heatmap_weight, config.coordinate_weight, config.depth_weight),
                strict=True,
            )
        )
        share = 0.0 if self.teacher is None else config.imitation
        feature = 0.0 if self.teacher is None else config.feature_weight
        return {
            **{f"loss_{name}": weight for name, weight in labels.items()},
            **{f"loss_teacher_{name}": share * weight for name, weight in labels.items()},
            "loss_teacher_features": feature,
        }

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """What the optimizer moves."""
        own = list(self.network.trainable_variables)
        return own if self.teacher is None else [*own, *self.imitation.trainable_variables]

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.pose_optimizer]

    def take_mean_weights(self) -> None:
        """Replace the weights by their mean over updates, where one is kept."""
        if self.config.ema_momentum:
            self.pose_optimizer.finalize_variable_values(self.trained_variables)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def compile(self, **kwargs):
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        config = self.config
        rate = WarmupCosine(config.learning_rate, config.warmup_steps, config.num_steps)
        optimizer = build_optimizer(
            "adamw", rate, config.weight_decay, ema_momentum=config.ema_momentum
        )
        if config.precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.trained_variables)
        self.pose_optimizer = optimizer

    def call(self, inputs, training=False):
        outputs = self.whole(unit_range(inputs["image"]), training=training)
        return outputs | {"features": self.imitation(outputs["features"])}

    def train_step(self, data):
        steps = self.config.accumulation_steps
        gradients, _ = replicas.accumulated(self._gradients, data, steps)
        self.pose_optimizer.apply(gradients, self.trained_variables)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def _gradients(self, data):
        with tf.GradientTape() as tape:
            loss = self._loss(self(data, training=True), data)
            scaled = self.pose_optimizer.scale_loss(loss)
        values = [variable.value for variable in self.trained_variables]
        unconnected = tf.UnconnectedGradients.ZERO
        return tape.gradient(scaled, values, unconnected_gradients=unconnected), []

    def test_step(self, data):
        self._loss(self(data, training=False), data)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def terms(self, outputs: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Compute every term of the loss for every picture, unweighted.

        Args:
            outputs: of the model.
            data: batch of training, see the class.

        Returns:
            Dict of the names of `term_weights` to `[B]`, 0 where a term does not apply to a picture.
        """
        config = self.config
        maps, depth = (self._precise(outputs[name]) for name in ("heatmaps", "depth"))
        points, _ = codecs.soft_argmax(maps, config.sharpness)
        label_2d = self._precise(data["keypoints_2d"])
        seen = self._precise(data["visible"]) * self._precise(data["has_2d"])[:, None]
        label_depth, has_depth = self._depth_labels(data)
        absent = ops.zeros_like(seen)
        if config.absent_outside:
            absent = self._precise(data["known"]) * (1.0 - seen)
            # Nothing can be said of the depth of a hand that is not there.
            has_depth = has_depth * ops.max(1.0 - absent, axis=1, keepdims=True)
        terms = {
            "loss_maps": self._map_unit()
            * losses.heatmap_error(maps, self._blobs(label_2d, seen), seen + absent),
            "loss_points": losses.point_imitation(points, label_2d / STRIDE, seen),
            "loss_depth": losses.number_imitation(depth, label_depth, has_depth),
        }
        nothing = ops.zeros_like(terms["loss_maps"])
        if self.teacher is None:
            return {name: terms.get(name, nothing) for name in self.term_weights}
        said = self.teacher(
            {
                "image": ops.cast(unit_range(data["image"]), "float32"),
                "intrinsics": data["intrinsics"],
            }
        )
        said = {name: self._precise(value) for name, value in said.items()}
        trust = losses.teacher_trust(
            said["keypoints_2d"], label_2d, seen, config.teacher_tolerance * config.image_size
        )
        trust = trust * (1.0 - absent)
        blobs = self._blobs(said["keypoints_2d"], trust)
        on_map = said["keypoints_2d"] / STRIDE
        features = self._precise(outputs["features"])
        return terms | {
            "loss_teacher_maps": self._map_unit() * losses.map_imitation(maps, blobs, trust),
            "loss_teacher_points": losses.point_imitation(points, on_map, trust),
            "loss_teacher_depth": losses.number_imitation(
                depth, said["depth"], trust * said["valid"][:, None]
            ),
            "loss_teacher_features": losses.feature_imitation(features, said["features"]),
        }

    def _precise(self, value):
        return ops.cast(value, self.compute_dtype)

    def _map_unit(self):
        """Return what turns a mean over a map's pixels into the config's unit."""
        if self.config.heatmap_unit == "pixel":
            return 1.0
        # Sum over all pixels of the square of a Gaussian: the mean is in its units then.
        return (self.config.image_size // STRIDE) ** 2 / (math.pi * self.config.sigma**2)

    def _blobs(self, points, weights):
        config = self.config
        size = config.image_size // STRIDE
        radius = max(1, round(_RADIUS_SIGMAS * config.sigma))
        return codecs.encode_heatmaps(
            points / STRIDE, weights, size, config.sigma, radius, subpixel=True
        )

    def _depth_labels(self, data):
        """Depths `[B, 21]` relative to the wrist in bone lengths, and their weights `[B, 21]`."""
        bone = codecs.REFERENCE_BONES[self.config.reference_bone]
        points = self._precise(data["keypoints_3d"])
        length = codecs.bone_length(points, "wrist", bone)
        known = ops.cast(length > 0, length.dtype) * self._precise(data["has_depth"])
        wrist = HAND_21_FREIHAND.index("wrist")
        depth = points[..., 2] - points[:, wrist : wrist + 1, 2]
        depth = depth / ops.where(length > 0, length, ops.ones_like(length))[:, None]
        return depth, ops.ones_like(depth) * known[:, None]

    def _loss(self, outputs, data):
        """Return this replica's share of the loss of the global batch; also feeds the trackers."""
        weights = self.term_weights
        terms = self.terms(outputs, data)
        for name, values in terms.items():
            self.trackers[name].update_state(values)
        total = ops.mean(sum(weights[name] * values for name, values in terms.items()))
        self.trackers["loss"].update_state(total)
        return replicas.over_global_batch(total)
