"""The step that this package trains Wild3D with, as `fit` runs it, its inference, and their food."""

import keras
import numpy as np
import tensorflow as tf

from keras_pose.layers.hourglass_weights import official_variables
from keras_pose.wild3d.config import STRIDE, Config
from keras_pose.wild3d.model import PoseModel

LEARNING_RATE, DEPTH_WEIGHT = 2.5e-4, 0.1
# RMSprop's share of the newest squared gradient in its mean square.
_NEW_SHARE = 0.01


class HourglassStep:
    """`PoseModel.train_step` with the published network, losses of its second stage and optimizer.

    Args:
        image_size: side of a crop in px.
        batch_size: pictures of a step.
        precision: Keras dtype policy.
    """

    def __init__(self, image_size: int, batch_size: int, precision: str) -> None:
        self.name = f"keras_pose_{precision}"
        config = Config(
            image_size=image_size,
            batch_size=batch_size,
            precision=precision,
            learning_rate=LEARNING_RATE,
            depth_weight=DEPTH_WEIGHT,
            geometric_weight=0.0,
        )
        self.model = PoseModel(config)
        self.model.compile()
        self.train_graph = tf.function(self.model.train_step, autograph=False)
        self.infer_graph = tf.function(
            lambda batch: self.model(batch, training=False), autograph=False
        )

    def __call__(self, batch: dict[str, tf.Tensor]) -> float:
        """Train on one batch.

        Args:
            batch: from `random_bodies`, as tensors.

        Returns:
            Mean loss of all steps so far.
        """
        return float(self.train_graph(batch)["loss"])

    def infer(self, batch: dict[str, tf.Tensor]) -> float:
        """Heat maps and depth of one batch.

        Args:
            batch: from `random_bodies`, as tensors.

        Returns:
            Sum of the depths.
        """
        return float(tf.reduce_sum(self.infer_graph(batch)["depth"]))

    def weights(self, seed: int) -> dict[str, np.ndarray]:
        """Move every weight off its initial value, so that none hides behind 0 or 1, and list them all.

        Args:
            seed: of the moves, normal with standard deviation 0.05 (0.002 for kernels).

        Returns:
            Official name to float32 array in torch's order.
        """
        random = np.random.default_rng(seed)
        arrays = {}
        for name, variable in official_variables(self.model.network):
            if variable.trainable:
                scale = 0.05 if len(variable.shape) == 1 else 0.002
                variable.assign(variable + scale * random.standard_normal(variable.shape))
            arrays[name] = _torch_order(np.array(variable), self.model.network)
        return arrays

    def check(self, batch: dict[str, tf.Tensor]) -> dict:
        """Train the first step and tell what it did.

        Args:
            batch: from `random_bodies`, as tensors.

        Returns:
            dict: `loss`; `gradient` and `update`, dicts from official names of parameters to the norm
            of their gradient and of their change.
        """
        variables = {
            name: variable
            for name, variable in official_variables(self.model.network)
            if variable.trainable
        }
        before = {name: np.array(variable) for name, variable in variables.items()}
        told: dict = {"loss": self(batch), "gradient": {}, "update": {}}
        paths = [variable.path for variable in self.model.network.trainable_variables]
        mean_squares = dict(zip(paths, self.model.pose_optimizer.velocities, strict=True))
        for name, variable in variables.items():
            # After one step from 0 the mean square is a share of the squared gradient.
            squares = np.array(mean_squares[variable.path], np.float64) / _NEW_SHARE
            told["gradient"][name] = float(np.sqrt(squares.sum()))
            told["update"][name] = float(np.linalg.norm(np.array(variable) - before[name]))
        return told

    def multiply_adds(self) -> int:
        """Count the products of convolutions and the dense layer of one forward pass and picture.

        Returns:
            Multiply-adds.
        """
        return sum(places * products for places, products, _ in self._kernels())

    def training_multiply_adds(self) -> int:
        """Count those of a training step: forwards, gradients of kernels and of all inputs but pictures.

        Returns:
            Multiply-adds.
        """
        return sum(
            places * products * (2 if inputs == 3 else 3)
            for places, products, inputs in self._kernels()
        )

    def _kernels(self):
        """Places where a kernel is applied, its size, its input channels."""
        for layer in self.model.network.layers:
            for weight in layer.trainable_weights:
                if weight.name == "kernel":
                    places = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
                    yield places, int(np.prod(weight.shape)), weight.shape[-2]


def random_bodies(num_pictures: int, image_size: int, seed: int) -> dict[str, np.ndarray]:
    """Draw noise in place of pictures and labels, as speed does not depend on them.

    Args:
        num_pictures: B.
        image_size: side S of a crop in px.
        seed: of the draw.

    Returns:
        dict of float32: `image` `[B, S, S, 3]` in [0, 1], `keypoints_2d` `[B, 16, 2]` px of the crop,
        `visible` `[B, 16]`, `depth` `[B, 16]`, `has_depth` `[B]`, every second one.
    """
    random = np.random.default_rng(seed)
    coarse = random.uniform(0.0, 1.0, (num_pictures, 16, 16, 3))
    batch = {
        "image": np.kron(coarse, np.ones((1, image_size // 16, image_size // 16, 1))),
        "keypoints_2d": random.uniform(0.0, image_size, (num_pictures, 16, 2)),
        "visible": (random.uniform(size=(num_pictures, 16)) > 0.1),
        "depth": random.normal(0.0, 0.5, (num_pictures, 16)),
        "has_depth": np.arange(num_pictures) % 2 == 0,
    }
    return {name: value.astype(np.float32) for name, value in batch.items()}


def torch_batch(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Say the same in the words of `torch_hourglass_step.py`.

    Args:
        batch: from `random_bodies`.

    Returns:
        The batch with `points` in px of the maps in place of `keypoints_2d`.
    """
    rest = {name: value for name, value in batch.items() if name != "keypoints_2d"}
    return rest | {"points": batch["keypoints_2d"] / STRIDE}


def _torch_order(value: np.ndarray, network: keras.Model) -> np.ndarray:
    """Convolutions HWIO to OIHW; the dense layer, flattened HWC here and CHW there."""
    if value.ndim == 4:
        return np.ascontiguousarray(value.transpose(3, 2, 0, 1))
    if value.ndim == 2:
        maps = value.reshape(*network.get_layer("depth_flatten").input.shape[1:], -1)
        return np.ascontiguousarray(maps.transpose(3, 2, 0, 1).reshape(value.shape[1], -1))
    return value
