"""Normalising flow of affine couplings: an invertible network whose density is known."""

import math

import keras
import numpy as np
from keras import ops

from keras_pose.geometry.shapes import Tensor

# A log-scale stays within +- this, smoothly: one coupling stretches by at most e^2.
_LARGEST_LOG_SCALE = 2.0


@keras.saving.register_keras_serializable("keras_pose")
class AffineCoupling(keras.layers.Layer):
    """Keeps the first half of a vector and scales and shifts the second by functions of the first.

    It starts as the identity, as the head of its network starts at zero.

    Args:
        width: width of the two hidden layers.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[..., D]`.

    Returns:
        float `[..., D]` and the logarithm of the Jacobian's determinant, float `[...]`.

    Reference: Dinh et al. 2017 (arXiv 1605.08803), section 3.2.
    """

    def __init__(self, width=128, **kwargs):
        super().__init__(**kwargs)
        self.width = width
        # Smooth, so that the slope of the density is too.
        hidden = {"activation": "silu", "dtype": self.dtype_policy}
        self.hidden = [keras.layers.Dense(width, name=f"hidden{i}", **hidden) for i in range(2)]

    def build(self, input_shape):
        self.kept = input_shape[-1] // 2
        self.moved = input_shape[-1] - self.kept
        self.head = keras.layers.Dense(
            2 * self.moved, kernel_initializer="zeros", name="head", dtype=self.dtype_policy
        )
        sizes = (self.kept, self.width, self.width)
        for layer, size in zip((*self.hidden, self.head), sizes, strict=True):
            layer.build((*input_shape[:-1], size))

    def call(self, inputs):
        kept, moved = inputs[..., : self.kept], inputs[..., self.kept :]
        log_scale, shift = self._scale_and_shift(kept)
        outputs = ops.concatenate([kept, moved * ops.exp(log_scale) + shift], axis=-1)
        return outputs, ops.sum(log_scale, axis=-1)

    def inverse(self, outputs: Tensor) -> Tensor:
        """Return the inputs `[..., D]` of outputs `[..., D]`."""
        kept, moved = outputs[..., : self.kept], outputs[..., self.kept :]
        log_scale, shift = self._scale_and_shift(kept)
        return ops.concatenate([kept, (moved - shift) * ops.exp(-log_scale)], axis=-1)

    def _scale_and_shift(self, kept):
        for layer in self.hidden:
            kept = layer(kept)
        raw = self.head(kept)
        limit = _LARGEST_LOG_SCALE
        return limit * ops.tanh(raw[..., : self.moved] / limit), raw[..., self.moved :]

    def compute_output_shape(self, input_shape):
        return tuple(input_shape), tuple(input_shape[:-1])

    def get_config(self):
        return {**super().get_config(), "width": self.width}


@keras.saving.register_keras_serializable("keras_pose")
class CouplingFlow(keras.layers.Layer):
    """Permutations and affine couplings in turn, from data to a standard normal latent.

    Args:
        num_couplings: number of couplings, each behind a permutation of its own.
        width: see `AffineCoupling`.
        seed: seed of the permutations, which are fixed.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[..., D]`, best with mean 0 and variance 1.

    Returns:
        Latent float `[..., D]` and the logarithm of the Jacobian's determinant, float `[...]`.

    Reference: Dinh et al. 2017 (arXiv 1605.08803).
    """

    def __init__(self, num_couplings=8, width=128, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.num_couplings = num_couplings
        self.width = width
        self.seed = seed
        self.couplings = [
            AffineCoupling(width, name=f"coupling{number}", dtype=self.dtype_policy)
            for number in range(num_couplings)
        ]

    def build(self, input_shape):
        random, size = np.random.default_rng(self.seed), input_shape[-1]
        # A product with zeros and ones, not a gather: the gradient of a gather is a scatter.
        self.permutations = [np.eye(size)[random.permutation(size)] for _ in self.couplings]
        for coupling in self.couplings:
            coupling.build(input_shape)

    def call(self, inputs):
        values, log_determinant = inputs, ops.zeros_like(inputs[..., 0])
        for permutation, coupling in zip(self.permutations, self.couplings, strict=True):
            values, change = coupling(ops.matmul(values, _constant(permutation, values)))
            log_determinant = log_determinant + change
        return values, log_determinant

    def inverse(self, latent: Tensor) -> Tensor:
        """Return the data `[..., D]` of a latent `[..., D]`."""
        values = latent
        pairs = zip(self.permutations, self.couplings, strict=True)
        for permutation, coupling in reversed(list(pairs)):
            values = ops.matmul(coupling.inverse(values), _constant(permutation.T, values))
        return values

    def log_density(self, inputs: Tensor) -> Tensor:
        """Return the logarithm of the density at `[..., D]`, float `[...]`, in nats."""
        latent, log_determinant = self(inputs)
        size = math.log(2.0 * math.pi) * inputs.shape[-1]
        return log_determinant - 0.5 * (ops.sum(ops.square(latent), axis=-1) + size)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape), tuple(input_shape[:-1])

    def get_config(self):
        return {
            **super().get_config(),
            "num_couplings": self.num_couplings,
            "width": self.width,
            "seed": self.seed,
        }


def _constant(matrix, like):
    return ops.convert_to_tensor(matrix, dtype=like.dtype)
