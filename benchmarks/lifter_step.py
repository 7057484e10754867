"""The step that this package trains with, as `fit` runs it: one graph, no label, all losses."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config
from keras_pose.tips.draws import draw_views

NUM_JOINTS = 16


class LifterStep:
    """`AdversarialLifter.train_step` of one size and precision.

    Averaged weights are left out: the author has none, and the comparison is of the same step.

    Args:
        recipe: the author's recipe; its width, batch size and precision are replaced.
        width: of every hidden layer.
        precision: Keras dtype policy.
    """

    def __init__(self, recipe: Config, width: int, precision: str) -> None:
        self.name = f"keras_pose_{precision}"
        self.config = dataclasses.replace(
            recipe, width=width, precision=precision, ema_momentum=0.0
        )
        self.model = AdversarialLifter(self.config)
        self.model.compile()
        # A free batch axis lets a small batch do the tracing and the first touch of memory.
        self.graph = tf.function(
            self.model.train_step,
            input_signature=[tf.TensorSpec([None, NUM_JOINTS, 2], tf.float32)],
        )

    def __call__(self, points_2d: tf.Tensor) -> dict[str, tf.Tensor]:
        """Train on one batch.

        Args:
            points_2d: float32 `[B, J, 2]`, J = 16.

        Returns:
            Means of all losses and norms since `losses` was last called, float scalars.
        """
        return self.graph(points_2d)

    def losses(self, points_2d: tf.Tensor) -> dict[str, float]:
        """Train on one batch and give this step's losses alone.

        Args:
            points_2d: float32 `[B, J, 2]`, J = 16.

        Returns:
            Loss name to value.
        """
        for tracker in self.model.metrics:
            tracker.reset_state()
        return {name: float(value) for name, value in self(points_2d).items()}

    def draw(self, batch_size: int, step: int) -> dict[str, np.ndarray]:
        """Repeat the draw that the model makes in one step, in the author's terms.

        Args:
            batch_size: number of poses B.
            step: number of finished steps.

        Returns:
            dict: `mirror`, `exchange` float `[B]`; `azimuth_rad`, `elevation_rad` float `[2, B]` of
            rotations that act on row vectors.
        """
        draw = {
            name: np.array(keras.ops.convert_to_numpy(value))
            for name, value in draw_views(self.config, batch_size, step).items()
        }
        # P R for row vectors is the transpose, that is the opposite angle, of R p for columns.
        return draw | {name: -draw[name] for name in ("azimuth_rad", "elevation_rad")}


def weights(model: AdversarialLifter) -> dict[str, np.ndarray]:
    """Name all weights in a way that other frameworks understand.

    Args:
        model: the lifter with its discriminator.

    Returns:
        `<network>/<layer>/<kernel|bias|scale|shift>` to float array; networks are `legs`, `torso` and
        `discriminator`, layers are numbered from the input, kernels are (in, out).
    """
    networks = {generator.name: generator for generator in model.lifter.generators}
    networks["discriminator"] = model.discriminator.network
    arrays = {}
    for name, network in networks.items():
        units = [network.stem, *(unit for block in network.blocks for unit in block), network.head]
        for number, unit in enumerate(units):
            for part in ("kernel", "bias", "scale", "shift"):
                if hasattr(unit, part):
                    value = keras.ops.convert_to_numpy(getattr(unit, part))
                    arrays[f"{name}/{number}/{part}"] = np.array(value)
    return arrays


def shake_weights(model: AdversarialLifter, seed: int) -> None:
    """Move every weight off its initial value, so that no bias, scale or shift is 0 or 1.

    Args:
        model: the lifter with its discriminator.
        seed: seed of the moves, which are normal with standard deviation 0.05.
    """
    random = np.random.default_rng(seed)
    for variable in model.lifter.trainable_variables + model.discriminator.trainable_variables:
        move = 0.05 * random.standard_normal(variable.shape)
        variable.assign(variable + move.astype(np.float32))


def random_poses(batch_size: int, seed: int) -> np.ndarray:
    """Draw points in place of poses, as speed does not depend on them.

    Args:
        batch_size: number of poses B.
        seed: seed of the draw.

    Returns:
        float32 `[B, J, 2]` in [-1, 1], J = 16.
    """
    random = np.random.default_rng(seed)
    return random.uniform(-1.0, 1.0, (batch_size, NUM_JOINTS, 2)).astype(np.float32)
