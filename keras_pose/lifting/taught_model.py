"""What lifters share that learn from a teacher's 3D: a network, its average, an optimizer, trackers."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from keras_pose.geometry.shapes import Tensor
from keras_pose.train import strategy as replicas


class TaughtLifter(keras.Model):
    """Keeps a network and the moving average of its weights, and moves both by a weighted sum of errors.

    Args:
        config: with `ema_momentum`, `learning_rate` and `num_steps`.
        build_network: function of the config and a name to the network.
        errors: names of the terms of the loss, in their order.
        **kwargs: passed to `keras.Model`.
    """

    def __init__(
        self, config: Any, build_network: Callable, errors: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.network = build_network(config, name="lifter")
        self.averaged_network = None
        if config.ema_momentum:
            self.averaged_network = build_network(config, name="averaged_lifter")
            self.averaged_network.trainable = False
            self.averaged_network.set_weights(self.network.get_weights())
        self.trackers = [keras.metrics.Mean(name=name) for name in errors]
        self.built = True

    def compile(self, **kwargs):
        """Build the Adam optimizer.

        Args:
            **kwargs: passed to `keras.Model.compile`.
        """
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        rate = keras.optimizers.schedules.CosineDecay(
            self.config.learning_rate, self.config.num_steps
        )
        self.lifter_optimizer = keras.optimizers.Adam(rate, name="adam_lifter")
        self.lifter_optimizer.build(self.network.trainable_variables)

    @property
    def optimizers(self) -> list[keras.optimizers.Optimizer]:
        """Every optimizer, for checkpoints."""
        return [self.lifter_optimizer]

    @property
    def metrics(self):
        return self.trackers

    @property
    def inference_network(self) -> keras.Model:
        """The network that is evaluated and exported."""
        return self.network if self.averaged_network is None else self.averaged_network

    def apply_errors(
        self,
        tape: tf.GradientTape,
        errors: Sequence[Tensor],
        weights: Sequence[float],
        batch_size: Tensor,
    ) -> dict[str, Tensor]:
        """Move the network and its average by the errors' weighted sum.

        Args:
            tape: that watched the errors.
            errors: scalars, one per tracker.
            weights: of the errors.
            batch_size: int scalar, poses on this replica.

        Returns:
            The trackers' means by name.
        """
        with tape:
            loss = replicas.over_global_batch(
                sum(weight * error for weight, error in zip(weights, errors, strict=True))
            )
        variables = self.network.trainable_variables
        self.lifter_optimizer.apply(
            tape.gradient(loss, [variable.value for variable in variables]), variables
        )
        if self.averaged_network is not None:
            replicas.update_moving_average(
                [variable.value for variable in self.averaged_network.weights],
                [variable.value for variable in self.network.weights],
                replicas.starting_momentum(
                    self.config.ema_momentum, self.lifter_optimizer.iterations
                ),
            )
        for tracker, error in zip(self.trackers, errors, strict=True):
            tracker.update_state(error, tf.cast(batch_size, tf.float32))
        return {tracker.name: tracker.result() for tracker in self.trackers}
