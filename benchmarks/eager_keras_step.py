"""The step of TIPS as its author runs it: Keras layers, eagerly, nothing shared between passes.

Written from the description of his code: batch normalisation and dropout are there and inert, draws
come from NumPy, one tape gives both generators' gradients.
"""

import math
from collections.abc import Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from keras_pose.lifting.splits import mirror_permutation, part_slices

_PARTS = part_slices("legs_torso")
_NUM_JOINTS = 16
_LABEL_EXCHANGE = 10 / 99


def _dense_unit(inputs, width, norm):
    outputs = layers.Dense(width)(inputs)
    if norm:
        outputs = layers.BatchNormalization(momentum=0.9)(outputs)
    outputs = layers.ReLU()(outputs)
    return layers.Dropout(0.5)(outputs)


def _network(num_joints, num_outputs, width, num_blocks, norm, activation):
    inputs = keras.Input((num_joints, 2))
    hidden = layers.Dense(width)(layers.Flatten()(inputs))
    if norm:
        hidden = layers.BatchNormalization(momentum=0.9)(hidden)
    hidden = layers.ReLU()(hidden)
    for _ in range(num_blocks):
        branch = _dense_unit(hidden, width, norm)
        hidden = layers.Add()([hidden, _dense_unit(branch, width, norm)])
    return keras.Model(inputs, layers.Dense(num_outputs, activation=activation)(hidden))


class EagerKerasStep:
    """Networks, optimizers and one eager training step, orthographic, least squares.

    Args:
        width: of every hidden layer.
        num_blocks: residual blocks of each network.
        learning_rate: of every Adam.
    """

    name = "eager_keras"

    def __init__(self, width: int, num_blocks: int, learning_rate: float) -> None:
        self.generators = {
            name: _network(size, size, width, num_blocks, norm=True, activation="tanh")
            for name, part in _PARTS.items()
            for size in [part.stop - part.start]
        }
        self.discriminator = _network(_NUM_JOINTS, 1, width, num_blocks, False, "linear")
        self.optimizers = {
            name: keras.optimizers.Adam(learning_rate) for name in (*_PARTS, "discriminator")
        }
        self.random = np.random.default_rng(0)

    def load(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over weights.

        Args:
            arrays: `<network>/<layer>/<kernel|bias|scale|shift>` to array, as
                `benchmarks.lifter_step.weights` gives them.
        """
        for name, network in {**self.generators, "discriminator": self.discriminator}.items():
            number = -1
            for layer in network.layers:
                if isinstance(layer, layers.Dense):
                    number += 1
                    layer.kernel.assign(arrays[f"{name}/{number}/kernel"])
                    layer.bias.assign(arrays[f"{name}/{number}/bias"])
                elif isinstance(layer, layers.BatchNormalization):
                    layer.gamma.assign(arrays[f"{name}/{number}/scale"])
                    layer.beta.assign(arrays[f"{name}/{number}/shift"])

    def lift(self, points_2d: tf.Tensor) -> tf.Tensor:
        """Depths float `[B, J]` of 2D poses `[B, J, 2]`, J = 16."""
        depths = [network(points_2d[:, _PARTS[name]]) for name, network in self.generators.items()]
        return tf.concat(depths, axis=1)

    def __call__(
        self, points_2d: tf.Tensor, draw: Mapping[str, np.ndarray] | None = None
    ) -> dict[str, tf.Tensor]:
        """Train on one batch.

        Args:
            points_2d: float32 `[B, J, 2]`, J = 16.
            draw: as `random_draw` makes it, which it does when there is none.

        Returns:
            Losses by name, float scalars.
        """
        draw = draw or self.random_draw(len(points_2d))
        flipped = tf.gather(points_2d, mirror_permutation(), axis=1) * [-1.0, 1.0]
        points_2d = tf.where(draw["mirror"][:, None, None] > 0, flipped, points_2d)
        return self._train_discriminator(points_2d, draw) | self._train_generators(points_2d, draw)

    def _train_discriminator(self, points_2d, draw):
        turned = _to_3d(points_2d, self.lift(points_2d)) @ _rotations(draw, 0)
        batch = tf.concat([turned[..., :2], points_2d], axis=0)
        labels = np.concatenate([draw["exchange"], 1 - draw["exchange"]]).astype(np.float32)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(self.discriminator(batch)[:, 0] - labels))
        variables = self.discriminator.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizers["discriminator"].apply_gradients(zip(gradients, variables, strict=True))
        return {"discriminator_loss": loss}

    def _train_generators(self, points_2d, draw):
        rotation = _rotations(draw, 1)
        x, y = points_2d[..., 0], points_2d[..., 1]
        logs = {"reprojection": 0.0, "ninety_degree": 0.0}
        with tf.GradientTape(persistent=True) as tape:
            depth = self.lift(points_2d)
            from_right = self.lift(tf.stack([depth, y], axis=-1))
            from_left = self.lift(tf.stack([-depth, y], axis=-1))
            from_behind = self.lift(tf.stack([-x, y], axis=-1))
            view = (_to_3d(points_2d, depth) @ rotation)[..., :2]
            back = _to_3d(view, self.lift(view)) @ tf.transpose(rotation, (0, 2, 1))
            logs["adversarial"] = _mean_square(self.discriminator(view) - 1.0)
            losses = {}
            for name, part in _PARTS.items():
                reprojection = _mean_square(back[:, part, :2] - points_2d[:, part])
                ninety_degree = (
                    _mean_square(x[:, part] + from_right[:, part])
                    + _mean_square(x[:, part] - from_left[:, part])
                    + _mean_square(depth[:, part] + from_behind[:, part])
                )
                share = (part.stop - part.start) / _NUM_JOINTS
                losses[name] = share * logs["adversarial"] + 10 * reprojection + 3 * ninety_degree
                logs["reprojection"] += reprojection
                logs["ninety_degree"] += ninety_degree
        for name, network in self.generators.items():
            variables = network.trainable_variables
            gradients = tape.gradient(losses[name], variables)
            self.optimizers[name].apply_gradients(zip(gradients, variables, strict=True))
        return logs

    def random_draw(self, batch_size: int) -> dict[str, np.ndarray]:
        """Draw mirroring, label exchange and two views per pose.

        Args:
            batch_size: number of poses B.

        Returns:
            dict: `mirror`, `exchange` float `[B]`; `azimuth_rad`, `elevation_rad` float `[2, B]`.
        """
        signed = self.random.uniform(-1.0, 1.0, (4, batch_size)).astype(np.float32)
        return {
            "mirror": self.random.uniform(size=batch_size) < 0.5,
            "exchange": np.full(batch_size, self.random.uniform() < _LABEL_EXCHANGE, np.float32),
            "azimuth_rad": signed[:2] * (8 / 9 * math.pi),
            "elevation_rad": signed[2:] * (math.pi / 18),
        }


def _mean_square(values):
    return tf.reduce_mean(tf.square(values))


def _to_3d(points_2d, depth):
    return tf.concat([points_2d, depth[..., None]], axis=-1)


def _rotations(draw, half):
    """`R_y(azimuth) R_x(elevation)` for row vectors, float32 `[B, 3, 3]`."""
    azimuth, elevation = draw["azimuth_rad"][half], draw["elevation_rad"][half]
    one, zero = np.ones_like(azimuth), np.zeros_like(azimuth)
    cos, sin = np.cos(azimuth), np.sin(azimuth)
    turn = np.stack([cos, zero, sin, zero, one, zero, -sin, zero, cos], axis=1)
    cos, sin = np.cos(elevation), np.sin(elevation)
    tilt = np.stack([one, zero, zero, zero, cos, -sin, zero, sin, cos], axis=1)
    return tf.constant(turn.reshape(-1, 3, 3) @ tilt.reshape(-1, 3, 3))
