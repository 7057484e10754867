"""Weights of others: files of other programs as Keras models, and as networks under our contract.

Belongs here: readers of foreign files, what a published network expects around it, and the commands that
fetch one. Not here: anything that is trained here, or weights themselves, which no repository holds.
"""

import typing

import keras_pose

if typing.TYPE_CHECKING:
    from keras_pose.weights.tflite_parity import Difference, compare_layers
    from keras_pose.weights.tflite_reader import read_tflite

__all__ = ["Difference", "compare_layers", "read_tflite"]

_HOMES = ("tflite_parity", "tflite_reader")

__getattr__ = keras_pose.lazy_names(__name__, _HOMES, __all__)
