"""Third-party weights: files of other programs as Keras models, and as networks under our contract.

Belongs here: readers of third-party files, what a published network expects around it, and the commands
that download one. Not here: networks trained by this package, or the weights themselves, which are not
in the repository.
"""

import importlib
import typing

if typing.TYPE_CHECKING:
    from keras_pose.weights.tflite_parity import Difference, compare_layers
    from keras_pose.weights.tflite_reader import read_tflite

__all__ = ["Difference", "compare_layers", "read_tflite"]

_HOMES = ("tflite_parity", "tflite_reader")


def __getattr__(name: str) -> object:
    """Return a public name from its module, imported only when asked: commands read flags before."""
    if name in __all__:
        for home in _HOMES:
            module = importlib.import_module(f"{__name__}.{home}")
            if hasattr(module, name):
                return globals().setdefault(name, getattr(module, name))
    raise AttributeError(f"{__name__} has no name {name!r}.")
