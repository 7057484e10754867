"""Small `.tflite` files made by TensorFlow's converter, one per family of operations."""

import numpy as np
import tensorflow as tf


def convert(function, shape, half=False):
    """Content of a file of `function`, of one float32 row of `shape`; float16 weights if `half`."""
    traced = tf.function(function, input_signature=[tf.TensorSpec((1, *shape), tf.float32)])
    concrete = traced.get_concrete_function()
    converter = tf.lite.TFLiteConverter.from_concrete_functions([concrete], traced)
    if half:
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_types = [tf.float16]
    return converter.convert()


class _Weights:
    """The same random numbers each time, in the order in which they are asked for."""

    def __init__(self):
        self._random = np.random.default_rng(5)

    def __call__(self, *shape):
        return tf.constant(self._random.normal(0.0, 0.4, shape).astype(np.float32))


def convolutions(x):
    """Odd sides, even and odd kernels, strides, both paddings, dilation, several activations."""
    w = _Weights()
    x = tf.nn.relu6(tf.nn.conv2d(x, w(3, 3, 3, 8), 2, "SAME") + w(8))
    x = tf.nn.relu(tf.nn.depthwise_conv2d(x, w(5, 5, 8, 2), [1, 2, 2, 1], "SAME") + w(16))
    x = tf.nn.conv2d(x, w(2, 4, 16, 6), [1, 1, 2, 1], "SAME")
    x = tf.nn.conv2d(x, w(2, 2, 6, 6), 1, "SAME", dilations=2) + w(6)
    x = tf.nn.tanh(tf.nn.depthwise_conv2d(x, w(2, 2, 6, 1), [1, 1, 1, 1], "VALID") + w(6))
    return tf.clip_by_value(tf.nn.conv2d(x, w(1, 1, 6, 4), 1, "VALID") + w(4), -1.0, 1.0)


def grouped(x):
    """A convolution of two groups of channels."""
    w = _Weights()
    return tf.nn.conv2d(x, w(3, 3, 2, 6), 1, "SAME") + w(6)


def transposed(x):
    """Transposed convolutions to an odd and to an even side, both paddings."""
    w = _Weights()
    x = tf.nn.conv2d_transpose(x, w(3, 3, 4, 3), (1, 9, 13, 4), 2, "SAME") + w(4)
    return tf.nn.conv2d_transpose(x, w(2, 3, 2, 4), (1, 18, 27, 2), 2, "VALID")


def pools(x):
    """Pools over odd sides, padding by zeros, by another number and by mirrors, both ways of resizing."""
    x = tf.nn.max_pool2d(tf.nn.relu(x), 3, 2, "SAME")
    x = tf.nn.avg_pool2d(x, (2, 3), 2, "SAME")
    x = tf.pad(x, [[0, 0], [1, 2], [0, 3], [0, 1]])
    x = tf.pad(x, [[0, 0], [1, 0], [2, 0], [0, 0]], constant_values=-1.5)
    x = tf.pad(x, [[0, 0], [2, 1], [1, 1], [0, 0]], mode="REFLECT")
    size = (17, 11)
    y = tf.raw_ops.ResizeBilinear(images=x, size=size, half_pixel_centers=True)
    y += tf.raw_ops.ResizeBilinear(images=x, size=size, align_corners=True)
    y += tf.raw_ops.ResizeBilinear(images=x, size=size)
    y += tf.raw_ops.ResizeNearestNeighbor(images=x, size=size, half_pixel_centers=True)
    return tf.nn.max_pool2d(y, 2, 2, "VALID")


def arithmetic(x):
    """Sums and products of tensors and of stored arrays, on both sides."""
    w = _Weights()
    y = x * w(4) - w(1, 5, 1, 4)
    y = tf.nn.relu(y + x) / (2.5 + tf.square(x))
    y = (w(4) - y) * tf.maximum(x, y) + tf.minimum(x, w(5, 7, 4))
    return tf.math.squared_difference(y, x) + tf.exp(-tf.abs(y)) + tf.sqrt(tf.abs(x))


def activations(x):
    """Activations by themselves; PReLU per channel."""
    slope = _Weights()(1, 1, 4)
    y = tf.nn.relu(x) + -slope * tf.nn.relu(-x)
    y = tf.nn.leaky_relu(y, 0.3) + tf.nn.elu(x) + tf.sigmoid(x) + tf.tanh(x)
    return tf.nn.softmax(y + x * tf.nn.relu6(x + 3.0) * (1.0 / 6.0))


def rearranged(x):
    """Cuts, joins, other orders of axes and of blocks; activations that nothing has built in."""
    first, second = tf.split(x, 2, axis=3)
    third, fourth = tf.split(x, [1, 3], axis=3)
    y = tf.concat([second, first, third, tf.slice(fourth, [0, 0, 0, 1], [1, 5, 7, 2]), third], 3)
    y = tf.clip_by_value(tf.nn.depth_to_space(3.0 * y, 2), -1.0, 1.0)
    y = tf.nn.relu6(tf.nn.space_to_depth(10.0 * y[:, :8, 2:10, :], 2))
    y = tf.transpose(y, [0, 2, 3, 1])
    y = tf.strided_slice(y, [0, 0, 1, 0], [1, 4, 8, 4], [1, 2, 3, 1])
    return tf.reshape(y, (1, -1, 2))


def heads(x):
    """Means, sums and extremes over places, then fully connected layers."""
    w = _Weights()
    y = tf.concat([tf.reduce_mean(x, (1, 2)), tf.reduce_sum(x, (1, 2)) * 0.1], axis=1)
    y = tf.concat([y, tf.reduce_max(x, (1, 2)), tf.reduce_min(x, (1, 2))], axis=1)
    y = tf.nn.relu(y @ w(16, 8) + w(8))
    z = tf.reshape(x, (1, -1)) @ w(5 * 7 * 4, 8)
    places = tf.reduce_mean(x, 3, keepdims=True) * 0.5
    return tf.sigmoid((y + z) @ w(8, 3) + w(3)) + tf.reduce_sum(places, (1, 2))


FILES = {
    "convolutions": (convolutions, (15, 22, 3)),
    "grouped": (grouped, (6, 5, 4)),
    "transposed": (transposed, (5, 7, 3)),
    "pools": (pools, (11, 14, 3)),
    "arithmetic": (arithmetic, (5, 7, 4)),
    "activations": (activations, (5, 7, 4)),
    "rearranged": (rearranged, (5, 7, 4)),
    "heads": (heads, (5, 7, 4)),
}
"""Name to function and the shape of its row."""


def hand_landmarks(x):
    """Answer as a hand's landmark network: 63 px, two probabilities, 63 m, all of the same features."""
    w = _Weights()
    features = tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(x, w(3, 3, 3, 6), 2, "SAME") + w(6)), (1, 2))
    screen, world = 20.0 + 9.0 * (features @ w(6, 63)), 0.1 * (features @ w(6, 63)) + 0.02 * w(63)
    return screen, tf.sigmoid(features @ w(6, 1)), tf.sigmoid(features @ w(6, 1)), world


def body_landmarks(x):
    """Answer as a body's landmark network; the fourth are maps of a quarter of the picture's side."""
    w = _Weights()
    maps = tf.nn.relu(tf.nn.conv2d(x, w(3, 3, 3, 6), 4, "SAME") + w(6))
    features = tf.reduce_mean(maps, (1, 2))
    heads = [features @ w(6, width) for width in (195, 1, 5, 117)]
    return (
        heads[0],
        tf.sigmoid(heads[1]),
        heads[2],
        tf.nn.conv2d(maps, w(1, 1, 6, 39), 1, "SAME"),
        heads[3],
    )
