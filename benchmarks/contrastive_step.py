"""The contrastive step that this package pretrains with, as `fit` runs it, and what it is fed with."""

import keras
import numpy as np
import tensorflow as tf

from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.model import ContrastiveModel

LEARNING_RATE, TEMPERATURE, WEIGHT_DECAY = 1e-3, 0.5, 1e-6


class ContrastiveStep:
    """`ContrastiveModel.train_step` with the published inverse, loss and optimizer.

    Args:
        encoder: name of the encoder.
        image_size: side of a view in px.
        precision: Keras dtype policy.
    """

    def __init__(self, encoder: str, image_size: int, precision: str) -> None:
        self.name = f"keras_pose_{precision}"
        config = PretrainConfig(
            encoder=encoder,
            image_size=image_size,
            precision=precision,
            inverse="official",
            negatives="micro",
            optimizer="lars_adam",
            decay_filter="rank",
            temperature=TEMPERATURE,
            weight_decay=WEIGHT_DECAY,
            learning_rate=LEARNING_RATE,
            # So long a cosine that the rate stays where it begins.
            warmup_steps=0,
            num_steps=10**9,
        )
        self.model = ContrastiveModel(config)
        self.model.compile()
        self.graph = tf.function(self.model.train_step, autograph=False)

    def __call__(self, batch: dict[str, tf.Tensor]) -> float:
        """Train on one batch.

        Args:
            batch: from `random_views`, as tensors.

        Returns:
            Mean loss of all steps so far, in nats.
        """
        return float(self.graph(batch)["loss"])

    def check(self, batch: dict[str, tf.Tensor], before: dict[str, np.ndarray]) -> dict:
        """Train the first step and tell what it did.

        Args:
            batch: from `random_views`, as tensors.
            before: from `weights`.

        Returns:
            dict: `loss` in nats; `momentum` and `update`, dicts from layer to the norm of Adam's
            momentum of its kernel and of the kernel's change.
        """
        told: dict = {"loss": self(batch), "momentum": {}, "update": {}}
        momenta = dict(
            zip(
                [variable.path for variable in self.model.learnt_variables],
                self.model.encoder_optimizer.slots[0],
                strict=True,
            )
        )
        for network in (self.model.encoder, self.model.projection_head):
            for layer in _layers(network):
                kernel = getattr(layer, "kernel", None)
                if kernel is not None:
                    change = np.array(kernel) - before[f"{layer.name}.kernel"]
                    told["momentum"][layer.name] = float(np.linalg.norm(momenta[kernel.path]))
                    told["update"][layer.name] = float(np.linalg.norm(change))
        return told


def random_views(num_pictures: int, image_size: int, seed: int) -> dict[str, np.ndarray]:
    """Draw noise in place of views, as speed does not depend on them.

    Args:
        num_pictures: B.
        image_size: side S of a view in px.
        seed: seed of the draw.

    Returns:
        dict: `views` float32 `[B, 2, S, S, 3]` in [0, 1], `angle_deg` float32 `[B, 2]`, `jitter`
        float32 `[B, 2, 2]`.
    """
    random = np.random.default_rng(seed)
    # Pictures of different colour and contrast: to a network with random weights all noise is alike,
    # and gradients through batch normalisation of equal features are rounding errors.
    color = random.uniform(0.0, 1.0, (num_pictures, 1, 1, 1, 3))
    contrast = random.uniform(0.0, 0.5, (num_pictures, 1, 1, 1, 1))
    coarse = color + contrast * random.uniform(-1.0, 1.0, (num_pictures, 2, 4, 4, 3))
    side = image_size // 4
    views = np.kron(np.clip(coarse, 0.0, 1.0), np.ones((1, 1, side, side, 1)))
    return {
        "views": views.astype(np.float32),
        "angle_deg": random.uniform(-45, 45, (num_pictures, 2)).astype(np.float32),
        "jitter": random.uniform(-0.1, 0.0, (num_pictures, 2, 2)).astype(np.float32),
    }


def _layers(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer


def weights(step: ContrastiveStep, seed: int) -> dict[str, np.ndarray]:
    """Move every weight off its initial value, so that none hides behind 0 or 1, and list them all.

    Args:
        step: whose weights are moved.
        seed: of the moves, normal with standard deviation 0.05 (0.005 for kernels).

    Returns:
        `<layer>.<weight>` in Keras' names to float32 array in Keras' order.
    """
    random = np.random.default_rng(seed)
    arrays = {}
    for network in (step.model.encoder, step.model.projection_head):
        for layer in _layers(network):
            for variable in layer.weights:
                if variable.trainable:
                    scale = 0.05 if len(variable.shape) == 1 else 0.005
                    variable.assign(variable + scale * random.standard_normal(variable.shape))
                value = np.array(keras.ops.convert_to_numpy(variable))
                arrays[f"{layer.name}.{variable.name}"] = value
    return arrays


def multiply_adds(step: ContrastiveStep) -> int:
    """Count the products of one training step and view in convolutions and dense layers.

    Args:
        step: any.

    Returns:
        Multiply-adds of the forward pass, of the gradient of every kernel and of the gradient of every
        input but the picture's.
    """
    total = 0
    for network in (step.model.encoder, step.model.projection_head):
        for layer in _layers(network):
            kernel = getattr(layer, "kernel", None)
            if kernel is not None:
                places = int(np.prod(layer.output.shape[1:-1], dtype=np.int64))
                products = int(np.prod(kernel.shape)) * places
                total += products * (2 if kernel.shape[-2] == 3 else 3)
    return total
