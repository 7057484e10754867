"""Fine-tuning of the hand pose on labels, some of which may be missing in any example."""

from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_pose import codecs, losses
from keras_pose.hand_pose.features import build_pose_encoder
from keras_pose.hand_pose.network import build_hand_pose
from keras_pose.layers.precision import in_precision
from keras_pose.layers.unit_range import unit_range
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train import strategy as replicas
from keras_pose.train.optimizers import WarmupCosine, build_optimizer, is_decayed

_WRIST = HAND_21_FREIHAND.index("wrist")


class PoseRegressor(keras.Model):
    """Learns 2.5D hand poses: L2D + 5 Lz (+ Lroot where the root depth is refined).

    crop -> hand pose -> pixels, relative depth, refined root depth -> absolute errors over the labels
    that are there. Every error is a sum over replicas divided by the number of labels in the *global*
    batch, as published: no replica, and no example, needs to have any.

    A batch of training is a dict: `image` uint8 or float in [0, 1] `[B, S, S, 3]`; `keypoints_2d`
    `[B, 21, 2]` px of the crop, `visible` `[B, 21]`, `has_2d` `[B]`; `keypoints_3d` `[B, 21, 3]`
    metres, camera frame, `has_depth` `[B]` (depth relative to the root known), `has_3d` `[B]`
    (absolute depth known too); `intrinsics` `[B, 3, 3]` of the crop. Joints in FreiHAND's order.

    Args:
        config: `keras_pose.hand_pose.config.FinetuneConfig`.
        encoder: model `[B, S, S, 3] -> [B, F]` to start from; None builds the config's.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        inputs: dict of `image` (as above) and `intrinsics`.
        training: whether batch statistics are live.

    Returns:
        The outputs of `build_hand_pose`; of the averaged weights where there are any.

    Reference: Spurr et al. 2021, section 4 (PeCLR's supervised stage).
    """

    def __init__(self, config: Any, encoder: keras.Model | None = None, **kwargs: Any):
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        with in_precision(config.precision):
            self.backbone, self.projection_head = encoder, None
            if encoder is None:
                encoder, self.backbone, self.projection_head = build_pose_encoder(config)
            self.encoder = encoder
            self.pose = self._build_pose(self.encoder, "pose")
            self.averaged_pose = None
            if config.averaging_momentum:
                self.averaged_pose = self._build_pose(
                    keras.models.clone_model(self.encoder), "averaged_pose"
                )
        if self.averaged_pose is not None:
            self.averaged_pose.trainable = False
        if config.freeze_batch_norm:
            for layer in _batch_norms(self.encoder):
                layer.trainable = False
        names = ("loss", "loss_2d", "loss_depth", "loss_root", "error_3d_mm")
        self.trackers = {name: keras.metrics.Mean(name=name, dtype=precise) for name in names}
        self.built = True

    def _build_pose(self, encoder, name):
        config = self.config
        return build_hand_pose(
            encoder,
            config.image_size,
            head=config.head,
            coordinates=config.coordinates,
            root=config.root,
            reference_bone=config.reference_bone,
            refine_root=config.refine_root,
            synchronized=config.synchronized_batch_norm,
            name=name,
        )

    def reset_average(self) -> None:
        """Set the averaged weights to the present ones; `compile` does, after an encoder is loaded."""
        if self.averaged_pose is not None:
            self.averaged_pose.set_weights(self.pose.get_weights())

    def compile(self, **kwargs):
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        self.reset_average()
        config = self.config
        rate = WarmupCosine(config.learning_rate, config.warmup_steps, config.num_steps)
        # Adam's decay is coupled, that is part of the loss.
        decay = config.weight_decay if config.optimizer == "adamw" else 0.0
        optimizer = build_optimizer("adamw", rate, decay)
        if config.precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        optimizer.build(self.trained_variables)
        self.pose_optimizer = optimizer

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.pose_optimizer]

    @property
    def metrics(self):
        return list(self.trackers.values())

    @property
    def inference_pose(self) -> keras.Model:
        """The hand pose model that is evaluated and exported."""
        return self.pose if self.averaged_pose is None else self.averaged_pose

    @property
    def trained_variables(self) -> list[keras.Variable]:
        """What the optimizer moves.

        A frozen encoder is left out here rather than switched off: its batch normalisation goes on
        with batch statistics unless `freeze_batch_norm`, as in the published recipe.
        """
        frozen = set() if self.config.encoder_trainable else {id(v) for v in self.encoder.weights}
        return [v for v in self.pose.trainable_variables if id(v) not in frozen]

    def call(self, inputs, training=False):
        model = self.pose if training else self.inference_pose
        return model(
            {"image": unit_range(inputs["image"]), "intrinsics": inputs["intrinsics"]},
            training=training,
        )

    def train_step(self, data):
        targets = self.targets(data)
        steps = self.config.accumulation_steps
        optimizer = self.pose_optimizer
        # Labels of a micro-batch in the mean, so that those of the whole batch weigh alike.
        labels = {name: ops.sum(targets[name]) / steps for name in ("weight_2d", "weight_depth")}

        def gradients_of(part):
            variables = self.trained_variables
            with tf.GradientTape() as tape:
                outputs = self(part["data"], training=True)
                loss = self._loss(outputs, part["targets"], labels)
                scaled = optimizer.scale_loss(loss + self._coupled_decay(variables))
            return tape.gradient(scaled, [variable.value for variable in variables]), []

        seen = {name: data[name] for name in ("image", "intrinsics")}
        gradients, _ = replicas.accumulated(gradients_of, {"data": seen, "targets": targets}, steps)
        optimizer.apply(gradients, self.trained_variables)
        if self.averaged_pose is not None:
            replicas.update_moving_average(
                [variable.value for variable in self.averaged_pose.weights],
                [variable.value for variable in self.pose.weights],
                replicas.starting_momentum(self.config.averaging_momentum, optimizer.iterations),
            )
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def test_step(self, data):
        self._loss(self(data, training=False), self.targets(data))
        return {name: tracker.result() for name, tracker in self.trackers.items()}

    def targets(self, data: dict[str, Any]) -> dict[str, Any]:
        """Turn labels into what the head should say, with a weight for each.

        Args:
            data: batch of training, see the class.

        Returns:
            Dict of float tensors: `points_2d` `[B, 21, 2]` px with the root in the wrist's row,
            `depth` `[B, 21]` and `root_depth` `[B]` in bone lengths, `points_3d` `[B, 21, 3]` metres,
            `scale` `[B]` metres, and the weights 0 or 1 `weight_2d`, `weight_depth` `[B, 21]`,
            `weight_3d` `[B]`.
        """
        config = self.config
        bone = codecs.REFERENCE_BONES[config.reference_bone]
        points_3d = ops.cast(data["keypoints_3d"], self.compute_dtype)
        label_2d = ops.cast(data["keypoints_2d"], self.compute_dtype)
        encoded = codecs.encode(points_3d, data["intrinsics"], config.root, bone)
        scale = codecs.bone_length(points_3d, config.root, bone)
        has_scale = ops.cast(scale > 0, self.compute_dtype)
        has_3d = ops.cast(data["has_3d"], self.compute_dtype) * has_scale
        has_depth = ops.cast(data["has_depth"], self.compute_dtype) * has_scale
        has_2d = ops.cast(data["has_2d"], self.compute_dtype)
        visible = ops.cast(data["visible"], self.compute_dtype)

        # Half-way in the picture is not the picture of half-way; where 3D is known, that is used.
        points_2d = codecs.move_root(label_2d, config.root)
        if config.root != "wrist":
            exact = ops.concatenate(
                [encoded[:, : _WRIST + 1, :2], points_2d[:, _WRIST + 1 :]], axis=1
            )
            points_2d = ops.where(has_3d[:, None, None] > 0, exact, points_2d)
        # Half-way between two labels wants both: one that is not there lies at (0, 0).
        half_way = codecs.move_root(visible[..., None], config.root)[:, _WRIST, 0] >= 1.0
        root_seen = ops.where(
            has_3d > 0, visible[:, _WRIST], ops.cast(half_way, self.compute_dtype)
        )
        visible_2d = ops.concatenate([root_seen[:, None], visible[:, _WRIST + 1 :]], axis=1)
        safe_scale = ops.where(scale > 0, scale, ops.ones_like(scale))
        root = codecs.move_root(points_3d, config.root)[:, _WRIST, 2]
        return {
            "points_2d": points_2d,
            "depth": encoded[..., 2],
            "root_depth": root / safe_scale,
            "points_3d": points_3d,
            "scale": scale,
            "weight_2d": visible_2d * has_2d[:, None],
            "weight_depth": ops.ones_like(visible) * has_depth[:, None],
            "weight_3d": has_3d,
        }

    def _loss(self, outputs, targets, labels=None):
        """Return this replica's share of the global loss; also feeds the trackers.

        `labels` are the numbers of labels to divide by; those of these targets if None. How many hands
        have a root that can be refined is known of the micro-batch alone.
        """
        labels = labels or {}
        config = self.config
        # The head's own rows: a palm root stands apart in the outputs.
        points_2d = ops.concatenate(
            [outputs["root_2d"][:, None], outputs["keypoints_2d"][:, 1:]], axis=1
        )
        depth = ops.concatenate(
            [ops.zeros_like(outputs["depth"][:, :1]), outputs["depth"][:, 1:]], axis=1
        )
        valid = ops.cast(outputs["valid"], depth.dtype) * targets["weight_3d"]
        weight_2d, weight_depth = targets["weight_2d"], targets["weight_depth"]
        terms = {
            "loss_2d": self._term(
                "loss_2d",
                losses.pixel_error(points_2d, targets["points_2d"], weight_2d),
                weight_2d,
                labels.get("weight_2d"),
            ),
            "loss_depth": self._term(
                "loss_depth",
                losses.relative_depth_error(depth, targets["depth"], weight_depth),
                weight_depth,
                labels.get("weight_depth"),
            ),
        }
        loss = config.loss_2d_weight * terms["loss_2d"]
        loss += config.loss_depth_weight * terms["loss_depth"]
        if config.refine_root:
            error = losses.root_depth_error(
                outputs["root_depth"][:, 0], targets["root_depth"], valid
            )
            loss += config.loss_root_weight * self._term("loss_root", error, valid)
        metres = outputs["keypoints_3d"] * targets["scale"][:, None, None]
        weight_3d = ops.ones_like(depth) * valid[:, None]
        self._term(
            "error_3d_mm",
            1000.0 * losses.lifted_error(metres, targets["points_3d"], weight_3d),
            weight_3d,
        )
        self.trackers["loss"].update_state(loss * replicas.num_replicas())
        return loss

    def _term(self, name, sums, weights, everywhere=None):
        """Return the sum of `sums` over this replica, divided by the weights of all replicas."""
        count = ops.sum(weights)
        total = ops.sum(sums)
        self.trackers[name].update_state(total / ops.maximum(count, 1.0), count)
        labels = count if everywhere is None else everywhere
        return total / ops.maximum(_sum_over_replicas(labels), 1.0)

    def _coupled_decay(self, variables):
        if self.config.optimizer != "adam" or not self.config.weight_decay:
            return 0.0
        squares = [
            ops.sum(ops.square(ops.cast(variable.value, self.compute_dtype)))
            for variable in variables
            if is_decayed(variable.path, len(variable.shape), "rank")
        ]
        return replicas.over_global_batch(0.5 * self.config.weight_decay * sum(squares))


def _batch_norms(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _batch_norms(layer)
        elif isinstance(layer, keras.layers.BatchNormalization):
            yield layer


def _sum_over_replicas(value):
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return value
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value)
