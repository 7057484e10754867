"""The adversarial lifting cycle: two generators, one discriminator, one optimizer per network.

lift -> turn to another camera -> project -> discriminator; re-lift -> turn back -> project -> compare.
Every random number is a pure function of (seed, step, position in the global batch), so a resumed run
and a run on more replicas draw the same views.
"""

import math
from typing import Any

import keras
import tensorflow as tf
from keras import ops

from keras_pose import losses
from keras_pose.geometry import rotate
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.bone_ratios import BoneRatioPrior
from keras_pose.lifting.geometry import make_geometry, view_rotation
from keras_pose.lifting.pose_flow import PoseFlow
from keras_pose.lifting.splits import part_slices
from keras_pose.tips.config import PITCH_LEARNT
from keras_pose.tips.cycle import LiftingCycle
from keras_pose.tips.draws import draw_noise, draw_views, mirror_poses
from keras_pose.tips.networks import NUM_JOINTS, PartLifter, PoseDiscriminator
from keras_pose.tips.schedules import make_adam
from keras_pose.train import strategy as replicas

# Cameras look down more often than up, which breaks the tie of the two mirror solutions.
_PITCH_START_RAD = math.radians(5.0)

_TERMS = ("reprojection", "ninety_degree", "three_d", "deformation", "bone_ratio")
_STEP_LOGS = ("gradient_norm", "pitch_deg")
_DISCRIMINATOR_LOGS = [
    "adversarial", "discriminator_loss", "discriminator_real", "discriminator_fake",
    "discriminator_gap", "discriminator_gradient_norm",
]  # fmt: skip


class AdversarialLifter(LiftingCycle):
    """Lifts normalised 2D poses to 3D and trains itself on 2D poses alone.

    x -> generators -> depth -> 3D -> rotate -> project -> (discriminator | generators -> back -> x).

    Args:
        config: `keras_pose.tips.config.Config`.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised by `codecs.encode_root_relative`, J = 16.
        training: whether dropout and batch statistics are live.

    Returns:
        float `[B, J, 3]`, root-relative, x right, y down, z forward, in units of the pose's scale;
        computed with the averaged weights when `config.ema_momentum` is not 0.

    Reference: TIPS-GAN (arXiv 2205.05980); section numbers of `docs/tips.md`.
    """

    def __init__(self, config, **kwargs):
        # Geometry and losses compute in the variables' dtype; only hidden layers may be coarser.
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        self.lifter = PartLifter(config, name="lifter", dtype=config.precision)
        self.discriminator: Any = None
        if config.prior != "flow":
            self.discriminator = PoseDiscriminator(
                config, name="discriminator", dtype=config.precision
            )
        self.averaged_lifter = None
        if config.ema_momentum:
            self.averaged_lifter = PartLifter(
                config, name="averaged_lifter", dtype=config.precision
            )
            # As an argument of the constructor it would not reach the layers built there.
            self.averaged_lifter.trainable = False
            self.averaged_lifter.set_weights(self.lifter.get_weights())
        self.camera_pitch = None
        if config.pitch == PITCH_LEARNT:
            self.camera_pitch = self.add_weight(
                name="camera_pitch", shape=(), initializer=lambda shape, dtype: _PITCH_START_RAD
            )
        self.bone_ratios = None
        if config.bone_ratio_weight:
            self.bone_ratios = BoneRatioPrior(config.bone_ratios, name="bone_ratios", dtype=precise)
        self.pose_flow = None
        if config.prior != "discriminator":
            self.pose_flow = PoseFlow(config, name="pose_flow", dtype=precise)
        self.geometry = make_geometry(config)
        self.adversary = {
            "least_squares": losses.least_squares_adversary,
            "cross_entropy": losses.cross_entropy_adversary,
        }[config.adversary]
        slices = part_slices(config.split).values()
        sizes = [part.stop - part.start for part in slices]
        # A part's losses average over its own joints; the adversarial term is shared out by joints.
        self.part_mean = [1.0 / size for size in sizes for _ in range(size)]
        self.adversarial_share = [
            config.adversarial_weight * size / NUM_JOINTS for size in sizes for _ in range(size)
        ]
        names = [*_STEP_LOGS, *(name for name in _TERMS if getattr(config, f"{name}_weight"))]
        names += _DISCRIMINATOR_LOGS if self.discriminator is not None else []
        names += ["flow", "flow_loss"] if self.pose_flow is not None else []
        self.trackers = {name: keras.metrics.Mean(name=name, dtype=precise) for name in names}
        self.built = True

    def compile(self, **kwargs):
        """Build one Adam per generator, discriminator, flow, learnt pitch and learnt proportions.

        Args:
            **kwargs: passed to `keras.Model.compile` (steps_per_execution, jit_compile, run_eagerly).
        """
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        config = self.config
        # All optimizers own their variables before fit: required under MirroredStrategy, and what
        # makes a restored checkpoint complete.
        self.generator_optimizers = []
        for generator in self.lifter.generators:
            optimizer = make_adam(config, config.learning_rate, f"adam_{generator.name}")
            optimizer.build(generator.trainable_variables)
            self.generator_optimizers.append(optimizer)
        self.discriminator_optimizer: Any = None
        self.flow_optimizer: Any = None
        if self.discriminator is not None:
            rate = config.discriminator_learning_rate or config.learning_rate
            self.discriminator_optimizer = make_adam(config, rate, "adam_discriminator")
            self.discriminator_optimizer.build(self.discriminator.trainable_variables)
        if self.pose_flow is not None:
            self.flow_optimizer = make_adam(config, config.flow_learning_rate, "adam_flow")
            self.flow_optimizer.build(self.pose_flow.trainable_variables)
        self.scene_optimizers = []
        for variable, rate in self._scene_variables():
            optimizer = make_adam(config, rate, f"adam_{variable.name}")
            optimizer.build([variable])
            self.scene_optimizers.append(optimizer)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        judges = [self.discriminator_optimizer, self.flow_optimizer]
        judges = [optimizer for optimizer in judges if optimizer is not None]
        return [*self.generator_optimizers, *judges, *self.scene_optimizers]

    @property
    def metrics(self):
        return list(self.trackers.values())

    @property
    def inference_lifter(self) -> PartLifter:
        """The `PartLifter` that is evaluated and exported."""
        return self.lifter if self.averaged_lifter is None else self.averaged_lifter

    def call(self, points_2d, training=False):
        lifter = self.lifter if training else self.inference_lifter
        return self.geometry.lift(points_2d, lifter(points_2d, training=training))

    def discriminator_loss(
        self, real: Tensor, fake: Tensor, exchange: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the loss of the discriminator on real and generated poses, and both mean scores.

        Args:
            real: float `[B, J, 2]`.
            fake: float `[B, J, 2]`, without gradient.
            exchange: float `[B]` in {0, 1}: 1 exchanges the labels.

        Returns:
            `(loss [B], real scores [B], fake scores [B])`.

        Reference: TIPS-GAN's author: targets 0 and `real_label`, mean over both halves.
        """
        scores = self.discriminator(ops.concatenate([fake, real], axis=0), training=True)[:, 0]
        fake_scores, real_scores = ops.split(scores, 2)
        label = self.config.real_label
        loss = 0.5 * (
            self.adversary(fake_scores, label * exchange)
            + self.adversary(real_scores, label * (1.0 - exchange))
        )
        return loss, real_scores, fake_scores

    def train_step(self, points_2d):
        step, logs = self.generator_optimizers[0].iterations, dict[str, Tensor]()
        points_2d, batch_size, draw = self._draw(points_2d, step)
        points_2d = mirror_poses(points_2d, draw["mirror"], self.config.mirror)
        batch, steps = draw | {"points_2d": points_2d}, self.config.accumulation_steps
        if self.flow_optimizer is not None:
            batch |= {"noise": draw_noise(self.config, batch_size, step)}
            (gradients, logs), _ = replicas.accumulated(self._flow_gradients, batch, steps)
            self.flow_optimizer.apply(gradients, self.pose_flow.trainable_variables)
        if steps > 1 and self.discriminator is not None:
            # The generators answer to a discriminator that has seen all micro-batches.
            (gradients, more), _ = replicas.accumulated(self._discriminator_gradients, batch, steps)
            logs |= self._apply_discriminator_gradients(gradients, more)
        (gradients, more), _ = replicas.accumulated(self._generator_gradients, batch, steps)
        if self.config.prior != "discriminator" and self.config.flow_steps_ahead:
            # Adam does not move what has only ever had gradients of 0.
            starts = ops.cast(step >= self.config.flow_steps_ahead, self.compute_dtype)
            gradients = [starts * gradient for gradient in gradients]
        self._apply_generator_gradients(gradients)
        logs = logs | more | {"gradient_norm": _norm_of_replica(gradients)}
        return self._track(logs, batch_size)

    def _generator_gradients(self, batch):
        points_2d, logs = batch["points_2d"], {}
        scene = [variable for variable, _ in self._scene_variables()]
        variables = [variable.value for variable in self.lifter.trainable_variables + scene]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            pitch = self.pitch_rad()
            lifted = self.geometry.lift(points_2d, self.lifter(points_2d, training=True))
            if self.config.accumulation_steps == 1 and self.discriminator is not None:
                # Both halves of the step lift the same poses with the same weights: once is enough.
                with tape.stop_recording():
                    (judged, logs), _ = self._discriminator_gradients(batch, lifted)
                    logs = self._apply_discriminator_gradients(judged, logs)
            rotation = _rotation(batch, 1, pitch)
            terms = self.cycle(self.lifter, points_2d, lifted, rotation, pitch, training=True)
            loss, generator_logs = self.generator_loss(terms)
            shared_loss = replicas.over_global_batch(loss)
        logs = logs | generator_logs | {"pitch_deg": pitch * (180.0 / math.pi)}
        return (tape.gradient(shared_loss, variables), logs), []

    def generator_loss(self, terms: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the weighted sum of the cycle's terms and the adversarial term.

        Args:
            terms: what `cycle` returns.

        Returns:
            `(loss scalar, dict of unweighted means)`.

        Reference: TIPS-GAN: 1.0 adversarial, 10 reprojection, 3 ninety_degree.
        """
        means, loss = {}, 0.0
        if self.discriminator is not None:
            scores = self.discriminator(terms["view"], training=True)[:, 0]
            # The adversarial weight and the share of each part are in the gradient of `view`.
            means["adversarial"] = ops.mean(self.adversary(scores, self.config.real_label))
            loss = means["adversarial"]
        for name, values in terms.items():
            if name != "view":
                means[name] = ops.mean(values)
                loss = loss + getattr(self.config, f"{name}_weight") * means[name]
        return loss, means

    def _discriminator_gradients(self, batch, lifted=None):
        points_2d, pitch = batch["points_2d"], self.pitch_rad()
        if lifted is None:
            lifted = self.geometry.lift(points_2d, self.lifter(points_2d, training=True))
        rotation = _rotation(batch, 0, pitch)
        fake, _ = self.normalized_views(self.geometry.project(rotate(lifted, rotation)))
        with tf.GradientTape() as tape:
            values, real_scores, fake_scores = self.discriminator_loss(
                points_2d, ops.stop_gradient(fake), batch["exchange"]
            )
            loss = ops.mean(values)
            shared_loss = replicas.over_global_batch(loss)
        variables = [variable.value for variable in self.discriminator.trainable_variables]
        real, fake_mean = ops.mean(real_scores), ops.mean(fake_scores)
        logs = {"discriminator_loss": loss, "discriminator_real": real}
        logs |= {"discriminator_fake": fake_mean, "discriminator_gap": real - fake_mean}
        return (tape.gradient(shared_loss, variables), logs), []

    def _flow_gradients(self, batch):
        noisy = batch["points_2d"] + ops.cast(batch["noise"], self.compute_dtype)
        with tf.GradientTape() as tape:
            loss = ops.mean(self.unlikeliness(noisy))
            shared_loss = replicas.over_global_batch(loss)
        variables = [variable.value for variable in self.pose_flow.trainable_variables]
        return (tape.gradient(shared_loss, variables), {"flow_loss": loss}), []

    def _apply_discriminator_gradients(self, gradients, logs):
        self.discriminator_optimizer.apply(gradients, self.discriminator.trainable_variables)
        return logs | {"discriminator_gradient_norm": _norm_of_replica(gradients)}

    def _scene_variables(self):
        """Return what is learnt about cameras and bodies besides the lifter, with its learning rate."""
        pairs = []
        if self.camera_pitch is not None:
            pairs.append((self.camera_pitch, self.config.pitch_learning_rate))
        if self.bone_ratios is not None and self.bone_ratios.trainable_variables:
            pairs.append((self.bone_ratios.log_ratios, self.config.bone_ratio_learning_rate))
        return pairs

    def _apply_generator_gradients(self, gradients):
        start = 0
        for generator, optimizer in zip(
            self.lifter.generators, self.generator_optimizers, strict=True
        ):
            variables = generator.trainable_variables
            optimizer.apply(gradients[start : start + len(variables)], variables)
            start += len(variables)
        scene = zip(self._scene_variables(), self.scene_optimizers, strict=True)
        for (variable, _), optimizer in scene:
            optimizer.apply([gradients[start]], [variable])
            start += 1
        if self.averaged_lifter is not None:
            step = self.generator_optimizers[0].iterations
            replicas.update_moving_average(
                [variable.value for variable in self.averaged_lifter.weights],
                [variable.value for variable in self.lifter.weights],
                replicas.starting_momentum(self.config.ema_momentum, step),
            )

    def test_step(self, points_2d):
        """Return the label-free quantities on held-out 2D poses; the views are those of step 0."""
        points_2d, batch_size, draw = self._draw(points_2d, 0)
        pitch = self.pitch_rad()
        lifted = self(points_2d)
        rotation = _rotation(draw, 1, pitch)
        terms = self.cycle(
            self.inference_lifter, points_2d, lifted, rotation, pitch, training=False
        )
        _, means = self.generator_loss(terms)
        if self.pose_flow is not None:
            means["flow_loss"] = ops.mean(self.unlikeliness(points_2d))
        if self.discriminator is not None:
            _, real, fake = self.discriminator_loss(
                points_2d, terms["view"][:batch_size], draw["exchange"] * 0.0
            )
            means |= {"discriminator_real": ops.mean(real), "discriminator_fake": ops.mean(fake)}
            means["discriminator_gap"] = means["discriminator_real"] - means["discriminator_fake"]
        return self._track(means, batch_size)

    def _draw(self, points_2d, step):
        """Poses and the draws of a step, a row per pose, in this model's precision; number of poses."""
        batch_size = tf.shape(points_2d)[0]
        draw = draw_views(self.config, batch_size, step)
        draw = {name: ops.cast(tf.transpose(v), self.compute_dtype) for name, v in draw.items()}
        return ops.cast(points_2d, self.compute_dtype), batch_size, draw

    def _track(self, logs, batch_size):
        for name, value in logs.items():
            self.trackers[name].update_state(value, tf.cast(batch_size, tf.float32))
        return {name: self.trackers[name].result() for name in logs}


def _rotation(draw, half, pitch):
    return view_rotation(draw["azimuth_rad"][:, half], draw["elevation_rad"][:, half], pitch)


def _norm_of_replica(gradients):
    """Norm of a replica's own gradient, undoing its share of the global batch."""
    return tf.linalg.global_norm(gradients) * replicas.num_replicas()
