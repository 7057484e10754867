"""NumPy functions in the graphs of `tf.data` that let the interpreter end.

Threads of `tf.data` read ahead for as long as there is an iterator. One that enters Python after the
interpreter has begun to end never comes back, and the iterator, freed last of all, waits for it: a script
that keeps an iterator in a global variable would hang or abort once it is done. So before the end every
call is refused, which fills what is read ahead with errors, and the threads come to rest.
"""

import atexit
import functools
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

# Threads at rest make no call for this long; they are waited for this long at the most.
_REST_S, _MOST_S = 0.1, 10.0


class _Calls:
    """Counts calls into Python, and refuses them once the interpreter ends."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running, self._last, self._ends = 0, 0.0, False

    def run(self, function, columns):
        with self._lock:
            self._last = time.monotonic()
            if self._ends:
                raise RuntimeError("The interpreter ends; no more records are read.")
            self._running += 1
        try:
            return function(*columns)
        finally:
            with self._lock:
                self._running -= 1
                self._last = time.monotonic()

    def end(self):
        with self._lock:
            self._ends = True
            # Who took an element a moment ago has set off another call.
            self._last = time.monotonic() if self._last else 0.0
        latest = time.monotonic() + _MOST_S
        while time.monotonic() < latest:
            with self._lock:
                if not self._running and time.monotonic() - self._last > _REST_S:
                    return
            time.sleep(0.01)


_CALLS = _Calls()
atexit.register(_CALLS.end)


def numpy_call(
    function: Callable[..., Any], inputs: Sequence[tf.Tensor], dtypes: Sequence[tf.DType]
) -> list[tf.Tensor]:
    """Call a NumPy function from a graph, as a stateless `tf.numpy_function`.

    Args:
        function: from one array per input to one array per dtype.
        inputs: tensors of any shape.
        dtypes: of the results.

    Returns:
        The results, of unknown shape.
    """

    @functools.wraps(function)
    def guarded(*columns: np.ndarray) -> Any:
        return _CALLS.run(function, columns)

    return tf.numpy_function(guarded, inputs, dtypes, stateful=False)
