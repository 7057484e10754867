"""ReLU6 that is fast in bfloat16 on processors."""

import functools

import keras


@keras.saving.register_keras_serializable("keras_pose")
class ClippedRelu(keras.layers.Layer):
    """ReLU6: `min(max(x, 0), 6)`, with gradient 1 strictly between the two.

    TensorFlow's operation in bfloat16 takes three times as long as in float32 on a processor, and its
    gradient likewise; compiled by XLA, both take a third of that. It is compiled in training alone,
    where there is no GPU, so that exported graphs hold the plain operation.

    Args:
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        inputs: float `[...]`.
        training: whether gradients will be asked for.

    Returns:
        float `[...]`, 0 to 6.
    """

    def call(self, inputs, training=None):
        is_narrow = keras.backend.standardize_dtype(inputs.dtype) == "bfloat16"
        if training and is_narrow and keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            if not tf.config.list_physical_devices("GPU"):
                return _compiled()(inputs)
        return keras.ops.relu6(inputs)


@functools.cache
def _compiled():
    import tensorflow as tf

    @tf.function(jit_compile=True)
    def forwards(inputs):
        return tf.nn.relu6(inputs)

    @tf.function(jit_compile=True)
    def backwards(upstream, outputs):
        return tf.raw_ops.Relu6Grad(gradients=upstream, features=outputs)

    @tf.custom_gradient
    def clip(inputs):
        outputs = forwards(inputs)
        return outputs, lambda upstream: backwards(upstream, outputs)

    return clip
