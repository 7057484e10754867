"""Third-party weights: files of other programs as Keras models, and as networks under our contract.

Belongs here: readers of third-party files, what a published network expects around it, and the commands
that download one. Not here: networks trained by this package, or the weights themselves, which are not
in the repository.
"""

import typing

import keras_pose

if typing.TYPE_CHECKING:
    from keras_pose.weights.tflite_parity import Difference, compare_layers
    from keras_pose.weights.tflite_reader import read_tflite

__all__ = ["Difference", "compare_layers", "read_tflite"]

_HOMES = ("tflite_parity", "tflite_reader")

__getattr__ = keras_pose.lazy_names(__name__, _HOMES, __all__)
