"""Checkpoints to the byte: what tests of interrupted runs compare."""

import numpy as np
import tensorflow as tf


def latest_tensors(folder):
    """Type and bytes of every tensor of the latest checkpoint of a run folder, by name."""
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    tensors = {}
    for name in reader.get_variable_to_shape_map():
        value = reader.get_tensor(name)
        if isinstance(value, np.ndarray | np.generic):
            tensors[name] = (str(value.dtype), value.tobytes())
    return tensors
