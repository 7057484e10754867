"""Batch normalisation with torch's running variance and TensorFlow's fused kernel.

Keras composes batch normalisation of some ten elementwise operations and averages the *biased* batch
variance; torch averages the unbiased one, variance * N / (N - 1). A network that shall continue from
torch weights, or be compared with torch after training steps, needs the latter.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("keras_pose")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation over the last axis as torch does it.

    Differs from the Keras layer in two things only: the running variance takes in the unbiased batch
    variance, and `[B, H, W, C]` inputs go through one fused operation where the backend is TensorFlow
    and the statistics are those of one replica. Weights and their names are those of the Keras layer.

    Args:
        momentum: share of the old running statistics that stays (torch's 0.1 is 0.9 here).
        epsilon: added to the variance.
        synchronized: take statistics over all replicas of a `tf.distribute` strategy.
        **kwargs: passed to `keras.layers.BatchNormalization`.

    Call arguments:
        inputs: float `[..., C]`.
        training: whether batch statistics are used and taken in.

    Returns:
        float `[..., C]`, in the layer's compute dtype. Statistics are at least float32.

    Raises:
        ValueError: if asked for another axis or for renormalisation.

    Reference: Ioffe and Szegedy 2015 (arXiv 1502.03167).
    """

    def __init__(
        self,
        momentum: float = 0.9,
        epsilon: float = 1e-5,
        synchronized: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(momentum=momentum, epsilon=epsilon, synchronized=synchronized, **kwargs)
        if self.axis != -1 or self.renorm:
            raise ValueError(
                "BatchNorm supports only the last axis and no renormalisation; use "
                "keras.layers.BatchNormalization."
            )

    def call(self, inputs, training=None, mask=None):
        if mask is not None:
            raise ValueError("BatchNorm does not support masks; remove masked rows before it.")
        learns = bool(training) and self.trainable
        num_replicas = _num_replicas() if learns and self.synchronized else 1
        if len(inputs.shape) == 4 and num_replicas == 1 and _has_fused_kernel(inputs):
            outputs, mean, unbiased = self._fused(inputs, learns)
        else:
            outputs, mean, unbiased = self._composed(inputs, learns, num_replicas)
        if learns:
            kept = self.momentum
            self.moving_mean.assign(self.moving_mean * kept + mean * (1.0 - kept))
            self.moving_variance.assign(self.moving_variance * kept + unbiased * (1.0 - kept))
        return outputs

    def _fused(self, inputs, learns):
        """Return the outputs, batch mean and unbiased batch variance by one TensorFlow operation."""
        import tensorflow as tf

        # In training mode the operation ignores the running statistics, and returns the variance
        # multiplied by N / (N - 1) for exactly this use.
        outputs, mean, unbiased, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=self.gamma if self.scale else tf.ones_like(self.moving_mean),
            offset=self.beta if self.center else tf.zeros_like(self.moving_mean),
            mean=self.moving_mean,
            variance=self.moving_variance,
            epsilon=self.epsilon,
            is_training=learns,
        )
        return outputs, mean, unbiased

    def _composed(self, inputs, learns, num_replicas):
        """Return the same by elementary operations, on any backend, for any rank and any dtype."""
        wide = ops.cast(inputs, keras.backend.result_type(inputs.dtype, "float32"))
        mean, variance = self.moving_mean, self.moving_variance
        unbiased = None
        if learns:
            axes = tuple(range(len(inputs.shape) - 1))
            mean = _over_replicas(ops.mean(wide, axes), num_replicas)
            # Deviations first: Keras' synchronised E[x^2] - E[x]^2 cancels on nearly equal features.
            variance = _over_replicas(ops.mean(ops.square(wide - mean), axes), num_replicas)
            count = num_replicas * ops.cast(ops.prod(ops.shape(wide)[:-1]), wide.dtype)
            # One row has no unbiased variance; torch refuses it, the fused operation divides by 1.
            unbiased = variance * (count / ops.maximum(count - 1.0, 1.0))
        scale = ops.rsqrt(ops.cast(variance, wide.dtype) + self.epsilon)
        if self.scale:
            scale = scale * ops.cast(self.gamma, wide.dtype)
        # Keras' `x * scale + (beta - mean * scale)` cancels where rows differ little from each other, as
        # features of a fresh encoder do: gradients were seen to be wrong in their second digit.
        outputs = (wide - ops.cast(mean, wide.dtype)) * scale
        if self.center:
            outputs = outputs + ops.cast(self.beta, wide.dtype)
        return ops.cast(outputs, self.compute_dtype), mean, unbiased


def _has_fused_kernel(inputs):
    # The kernel exists for these only; float64 matters to gradient checks.
    narrow = ("float16", "bfloat16", "float32")
    return (
        keras.backend.backend() == "tensorflow"
        and keras.backend.standardize_dtype(inputs.dtype) in narrow
    )


def _num_replicas():
    if keras.backend.backend() != "tensorflow":
        return 1
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def _over_replicas(value, num_replicas):
    """Mean over replicas that hold equal shares of the batch, with gradient."""
    if num_replicas == 1:
        return value
    import tensorflow as tf

    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, value) / num_replicas
