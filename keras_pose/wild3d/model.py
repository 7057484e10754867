"""Training of the pose network on pictures with depth labels and without, mixed in any way."""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_pose import codecs, losses
from keras_pose.bodies.pose import build_pose, read_depth
from keras_pose.data.views.device_datasets import render_labelled
from keras_pose.layers.precision import in_precision
from keras_pose.layers.unit_range import unit_range
from keras_pose.losses.body_groups import BODY_GROUPS
from keras_pose.train import strategy as replicas
from keras_pose.train.optimizers import StepDecay, WarmupCosine, build_optimizer
from keras_pose.wild3d.config import STRIDE, Config
from keras_pose.wild3d.network import build_network


class PoseModel(keras.Model):
    """Learns 2D poses and their depth: heat maps + 0.1 depth + 0.01 geometry.

    crop -> heat maps of every stack, depth -> squared error of the maps on all pictures, of the depth on
    those with depth labels, variance of bone lengths on the others. Every term is a mean over the
    *global* batch, so that no replica needs to have pictures of either kind.

    A batch of training is what `keras_pose.bodies.data` makes: `image` uint8 or float in [0, 1]
    `[B, S, S, 3]`; `keypoints_2d` `[B, 16, 2]` px of the crop, `visible` `[B, 16]`; `depth` `[B, 16]`
    half sides of the crop, `has_depth` `[B]`. Where it holds squares in place of the picture, views are
    made of them first, on the device.

    Args:
        config: `keras_pose.wild3d.config.Config`.
        trunk: of `build_network`, for a backbone of others.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        inputs: dict with `image` as above.
        training: whether batch statistics are live.

    Returns:
        The outputs of `keras_pose.wild3d.network.build_network`.

    Reference: Zhou et al. 2017, sections 3 and 4, equations 1 to 4.
    """

    def __init__(self, config: Config, trunk: keras.Model | None = None, **kwargs: Any):
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        with in_precision(config.precision):
            self.network = build_network(
                backbone=config.backbone,
                image_size=config.image_size,
                num_stacks=config.num_stacks,
                num_modules=config.num_modules,
                width=config.width,
                stem_width=config.stem_width,
                depth_head=config.depth_head,
                num_depth_modules=config.num_depth_modules,
                init=config.init,
                synchronized_batch_norm=config.synchronized_batch_norm,
                bn_momentum=config.bn_momentum,
                head=config.head,
                trunk=trunk,
            )
            self.pose = build_pose(
                self.network,
                config.image_size,
                coordinates=config.coordinates,
                sharpness=config.sharpness,
            )
        self.trackers = {
            name: keras.metrics.Mean(name=name, dtype=precise)
            for name in ("loss", *self.term_weights)
        }
        self.built = True

    def compile(self, **kwargs):
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        config = self.config
        rate = _learning_rate(config)
        optimizer = build_optimizer(
            config.optimizer, rate, config.weight_decay, ema_momentum=config.ema_momentum
        )
        if config.precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.trained_variables)
        self.pose_optimizer = optimizer

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.pose_optimizer]

    @property
    def term_weights(self) -> dict[str, float]:
        """Weight of each term of the loss, by its name."""
        config = self.config
        return {
            "loss_heatmap": config.heatmap_weight,
            "loss_depth": config.depth_weight,
            "loss_geometric": config.geometric_weight,
            "loss_coordinates": config.coordinate_weight,
            "loss_divergence": config.divergence_weight,
        }

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """What the optimizer moves."""
        return self.network.trainable_variables

    def take_mean_weights(self) -> None:
        """Replace the weights by their mean over updates, where one is kept."""
        if self.config.ema_momentum:
            self.pose_optimizer.finalize_variable_values(self.trained_variables)

    @property
    def metrics(self):
        return list(self.trackers.values())

    def call(self, inputs, training=False):
        return self.network(unit_range(inputs["image"]), training=training)

    def train_step(self, data):
        steps = self.config.accumulation_steps
        gradients, _ = replicas.accumulated(self._gradients, data, steps)
        self.pose_optimizer.apply(gradients, self.trained_variables)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def _gradients(self, data):
        data = self.with_image(data)
        with tf.GradientTape() as tape:
            loss = self._loss(self(data, training=True), data)
            scaled = self.pose_optimizer.scale_loss(loss)
        values = [variable.value for variable in self.trained_variables]
        # A head that no term of this stage looks at has no gradient; it waits as it is.
        unconnected = tf.UnconnectedGradients.ZERO
        return tape.gradient(scaled, values, unconnected_gradients=unconnected), []

    def test_step(self, data):
        data = self.with_image(data)
        self._loss(self(data, training=False), data)
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def terms(self, outputs: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
        """Compute every term of the loss for every picture, unweighted.

        Args:
            outputs: of the network.
            data: batch of training, see the class.

        Returns:
            Dict of the names of `term_weights` to `[B]`, 0 where a term does not apply to a picture.
        """
        config = self.config
        maps = [ops.cast(stack, self.compute_dtype) for stack in outputs["heatmaps"]]
        visible = ops.cast(data["visible"], self.compute_dtype)
        points = ops.cast(data["keypoints_2d"], self.compute_dtype)
        on_map = points / STRIDE
        targets = codecs.encode_heatmaps(
            on_map, visible, config.heatmap_size, config.sigma, config.radius, config.subpixel
        )
        weights = visible if config.mask_missing else None
        if config.absent_outside:
            weights = ops.cast(data["annotated"], self.compute_dtype)
        unit = 1.0
        if config.heatmap_unit == "blob":
            # Sum over all pixels of the square of a Gaussian: the mean is in its units then.
            unit = config.heatmap_size**2 / (math.pi * config.sigma**2)
        terms = {
            "loss_heatmap": unit
            * sum(losses.heatmap_error(stack, targets, weights) for stack in maps)
        }
        depth = ops.cast(read_depth(outputs, on_map), self.compute_dtype)
        has_depth = ops.cast(data["has_depth"], self.compute_dtype)
        squares = ops.square(depth - ops.cast(data["depth"], self.compute_dtype))
        terms["loss_depth"] = has_depth * ops.mean(squares, axis=-1)
        terms["loss_geometric"] = ops.zeros_like(has_depth)
        if config.geometric_weight:
            # Labelled 2D points, as published: the depths are all that is free.
            unit = 2.0 * points / config.image_size - 1.0
            bodies = ops.concatenate([unit, depth[..., None]], axis=-1)
            variance = losses.bone_variance(bodies, visible, BODY_GROUPS, config.geometric_form)
            applies = ops.ones_like(has_depth)
            if config.geometric_on == "unlabelled":
                applies = 1.0 - has_depth
            terms["loss_geometric"] = applies * ops.cast(variance, self.compute_dtype)
        terms["loss_coordinates"] = ops.zeros_like(has_depth)
        if config.coordinate_weight:
            soft, _ = codecs.soft_argmax(maps[-1], config.sharpness)
            terms["loss_coordinates"] = losses.coordinate_error(soft, on_map, visible)
        terms["loss_divergence"] = ops.zeros_like(has_depth)
        if config.divergence_weight:
            shares = codecs.spatial_softmax(maps[-1], config.sharpness)
            terms["loss_divergence"] = losses.map_divergence(shares, targets, visible)
        return terms

    def with_image(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return a batch of training with `image`, made on the device where it holds squares."""
        return render_labelled(data, self.config.image_size) if "square" in data else data

    def _loss(self, outputs, data):
        """Return this replica's share of the loss of the global batch; also feeds the trackers."""
        config = self.config
        weights = self.term_weights
        terms = self.terms(outputs, data)
        has_depth = ops.cast(data["has_depth"], self.compute_dtype)
        applies = {"loss_depth": has_depth}
        if config.geometric_on == "unlabelled":
            applies["loss_geometric"] = 1.0 - has_depth
        for name, values in terms.items():
            count = applies.get(name, ops.ones_like(values))
            # The mean over the pictures that a term applies to, which is what a reader compares.
            self.trackers[name].update_state(
                ops.sum(values) / ops.maximum(ops.sum(count), 1.0), ops.sum(count)
            )
        total = ops.mean(sum(weights[name] * values for name, values in terms.items()))
        self.trackers["loss"].update_state(total)
        return replicas.over_global_batch(total)


def _learning_rate(config):
    if config.schedule == "one_cycle":
        return WarmupCosine(config.learning_rate, config.warmup_steps, config.num_steps)
    steps = (config.decay_steps,) if config.decay_steps else ()
    return StepDecay(config.learning_rate, steps, config.decay_factor)
