"""Which recipes to train so that whatever a recipe chooses is trained by one of them.

Training each of them took a quarter of the whole suite, and most differ in numbers alone. With
`KERAS_POSE_ALL_RECIPES=1` every recipe is trained.
"""

import contextlib
import dataclasses
import os
import warnings

import tensorflow as tf


def choices(config, together=()):
    """The code that a config chooses: pairs of field and value.

    Of numbers only 0 and 1 choose; the fields of `together` count as one.
    """
    values = {
        name: value if isinstance(value, bool | str) or value in (0, 1) else "some"
        for name, value in dataclasses.asdict(config).items()
    }
    return set(values.items()) | {(together, tuple(values[name] for name in together))}


def covering(configs, together=()):
    """Names of few configs whose choices are those of all, in the order given.

    Args:
        configs: dict of name to config, of one class.
        together: fields of which every combination that occurs is to be there.
    """
    if os.environ.get("KERAS_POSE_ALL_RECIPES"):
        return list(configs)
    made = {name: choices(config, together) for name, config in configs.items()}
    missing, taken = set().union(*made.values()), []
    while missing:
        best = max(made, key=lambda name: len(made[name] & missing))
        taken.append(best)
        missing -= made[best]
    return [name for name in configs if name in taken]


@contextlib.contextmanager
def untraced():
    """Run TensorFlow's functions operation by operation: most of two steps is the tracing of them.

    Enough for a recipe whose trainer another one traces. With `KERAS_POSE_ALL_RECIPES=1` all are traced.
    """
    if os.environ.get("KERAS_POSE_ALL_RECIPES"):
        yield
        return
    tf.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            # tf.data traces its functions all the same, and says so.
            warnings.filterwarnings("ignore", "Even though the", UserWarning)
            yield
    finally:
        tf.config.run_functions_eagerly(False)
