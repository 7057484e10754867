"""The dtype policy under which a network is built."""

import contextlib
from collections.abc import Iterator

import keras


@contextlib.contextmanager
def in_precision(policy: str) -> Iterator[None]:
    """Build layers under a dtype policy, for instance `"float32"`; the policy before comes back."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
