"""A small network with its normalisation inside: what the export tests export."""

import keras
import numpy as np
import tensorflow as tf

from keras_pose.export import Signature

SPEC = {"keypoints_2d": tf.TensorSpec([None, 5, 2], tf.float32)}


class ToyLifter(tf.Module):
    """Root-centres and scales 2D points, asks a Keras network for depths, scales them back."""

    def __init__(self):
        super().__init__()
        inputs = keras.Input((10,))
        features = keras.layers.Dense(128)(inputs)
        change = keras.layers.LeakyReLU(negative_slope=0.01)(keras.layers.Dense(128)(features))
        self.network = keras.Model(inputs, keras.layers.Dense(5)(features + change))

    def lift(self, keypoints_2d):
        centred = keypoints_2d - keypoints_2d[:, :1]
        scale = tf.reduce_max(tf.abs(centred), axis=[1, 2])
        depth = self.network(tf.reshape(centred / scale[:, None, None], [-1, 10]))
        return {"depth": depth * scale[:, None], "scale": scale}

    def signatures(self):
        return {"lift": Signature(self.lift, SPEC)}


def sample_points(count, seed):
    """Points [N, 5, 2] of people between 20 and 2,000 pixels tall, anywhere."""
    random = np.random.default_rng(seed)
    size = np.exp(random.uniform(np.log(20), np.log(2000), [count, 1, 1]))
    return (size * (random.normal(size=[count, 5, 2]) + 2)).astype(np.float32)
