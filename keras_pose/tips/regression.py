"""Depth regression: the student distilled from a frozen teacher, and the supervised upper bound."""

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import ops

from keras_pose import losses
from keras_pose.lifting.geometry import make_geometry
from keras_pose.tips.draws import draw_views, mirror_depths, mirror_poses
from keras_pose.tips.networks import PartLifter
from keras_pose.tips.schedules import make_adam
from keras_pose.train import strategy as replicas


class DepthRegressor(keras.Model):
    """Learns depths of normalised 2D poses from a teacher network or from labels.

    x -> mirror -> lifter -> depth -> squared error to the teacher's (or the labelled) depth.

    Args:
        config: `keras_pose.tips.config.Config`.
        teacher: function from float `[B, J, 2]` to depths `[B, J]`, or None to train on labels.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised, J = 16.
        training: whether dropout and batch statistics are live.

    Returns:
        float `[B, J, 3]`, as `AdversarialLifter` returns it.

    Reference: TIPS-GAN, knowledge distillation: plain squared error between depths, no adversary.
    """

    def __init__(self, config, teacher=None, **kwargs):
        precise = keras.DTypePolicy(config.precision).variable_dtype
        super().__init__(**{"dtype": precise, **kwargs})
        self.config = config
        self.teacher = teacher
        self.lifter = PartLifter(config, name="lifter", dtype=config.precision)
        self.averaged_lifter = None
        if config.ema_momentum:
            self.averaged_lifter = PartLifter(
                config, name="averaged_lifter", dtype=config.precision
            )
            self.averaged_lifter.trainable = False
            self.averaged_lifter.set_weights(self.lifter.get_weights())
        self.geometry = make_geometry(config)
        self.tracker = keras.metrics.Mean(name="depth_error", dtype=precise)
        self.built = True

    def compile(self, **kwargs):
        """Build the Adam optimizer of the lifter.

        Args:
            **kwargs: passed to `keras.Model.compile`.
        """
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        self.lifter_optimizer = make_adam(self.config, self.config.learning_rate, "adam_lifter")
        self.lifter_optimizer.build(self.lifter.trainable_variables)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.lifter_optimizer]

    @property
    def metrics(self):
        return [self.tracker]

    @property
    def inference_lifter(self) -> PartLifter:
        """The `PartLifter` that is evaluated and exported."""
        return self.lifter if self.averaged_lifter is None else self.averaged_lifter

    def call(self, points_2d, training=False):
        lifter = self.lifter if training else self.inference_lifter
        return self.geometry.lift(points_2d, lifter(points_2d, training=training))

    def train_step(self, data):
        points_2d, depth = data if self.teacher is None else (data, None)
        points_2d = ops.cast(points_2d, self.compute_dtype)
        batch_size = tf.shape(points_2d)[0]
        draw = draw_views(self.config, batch_size, self.lifter_optimizer.iterations)
        points_2d = mirror_poses(points_2d, draw["mirror"], self.config.mirror)
        if self.teacher is None:
            depth = ops.cast(depth, self.compute_dtype)
            depth = mirror_depths(depth, draw["mirror"], self.config.mirror)
        else:
            depth = ops.cast(ops.stop_gradient(self.teacher(points_2d)), self.compute_dtype)
        (gradients, error), _ = replicas.accumulated(
            self._gradients, (points_2d, depth), self.config.accumulation_steps
        )
        self.lifter_optimizer.apply(gradients, self.lifter.trainable_variables)
        if self.averaged_lifter is not None:
            replicas.update_moving_average(
                [variable.value for variable in self.averaged_lifter.weights],
                [variable.value for variable in self.lifter.weights],
                replicas.starting_momentum(
                    self.config.ema_momentum, self.lifter_optimizer.iterations
                ),
            )
        self.tracker.update_state(error, tf.cast(batch_size, tf.float32))
        return {"depth_error": self.tracker.result()}

    def _gradients(self, batch):
        points_2d, depth = batch
        with tf.GradientTape() as tape:
            predicted = self.lifter(points_2d, training=True)
            error = ops.mean(losses.squared_error(predicted[..., None], depth[..., None]))
            loss = replicas.over_global_batch(error)
        values = [variable.value for variable in self.lifter.trainable_variables]
        return (tape.gradient(loss, values), error), []


def mirrored_mean(lifter: Callable) -> Callable:
    """Average a lifter over a pose and its mirror image.

    Args:
        lifter: function from float `[B, J, 2]` to depths `[B, J]`.

    Returns:
        A function of the same shapes: depth does not change under mirroring, joints change sides.
    """

    def depth(points_2d):
        every = ops.ones_like(points_2d[:, 0, 0])
        mirrored = lifter(mirror_poses(points_2d, every, "swap"))
        return 0.5 * (lifter(points_2d) + mirror_depths(mirrored, every, "swap"))

    return depth
