"""Weights of a network alone, in one `.weights.h5` file: written aside, renamed last."""

import math
import os

import keras

from keras_pose.files import staged_file


def write_weights(model: keras.Model, path: str) -> None:
    """Write a model's weights; what was at `path` stays until they are complete.

    Args:
        model: built model or layer with `save_weights`.
        path: file ending in `.weights.h5`; its folder is made if need be.

    Raises:
        CannotWrite: if they cannot be written; earlier weights stay.
    """
    with staged_file(path) as partial:
        _reserve(partial, model)
        try:
            model.save_weights(partial)
        except RuntimeError as error:  # h5py's, where a write fails late
            raise OSError(str(error)) from error


def _reserve(path, model):
    """Fail here if the disk is full: HDF5 crashes the process when one of its own writes fails."""
    values = sum(math.prod(variable.shape) for variable in model.weights)
    # Four or eight bytes a value; what HDF5 adds for each array was seen to stay below 3 kB.
    size = 8 * values + 4096 * (len(model.weights) + 4)
    with open(path, "wb") as file:
        for start in range(0, size, 1 << 20):
            file.write(bytes(min(1 << 20, size - start)))


def read_weights(model: keras.Model, path: str) -> None:
    """Load weights written by `write_weights` into a model of the same shape.

    Args:
        model: built model.
        path: file ending in `.weights.h5`.

    Raises:
        ValueError: if there are none or they are damaged or of another model.
    """
    if not os.path.exists(path):
        raise ValueError(f"{path}: there are no weights here yet; let the run finish first.")
    try:
        model.load_weights(path)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:120]
        raise ValueError(
            f"{path}: these weights are damaged or belong to another model ({reason}); run the "
            "training command again to write new ones."
        ) from error
