"""Timing of one `.tflite` file in LiteRT."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def open_interpreter(path: Path, num_threads: int) -> Interpreter:
    """Open a file.

    Args:
        path: `.tflite` file.
        num_threads: threads of the interpreter.

    Returns:
        The interpreter, tensors not yet allocated.
    """
    return Interpreter(model_path=os.fspath(path), num_threads=num_threads)


def call_seconds(call: Callable[[], object], num_calls: int) -> np.ndarray:
    """Time calls one by one, after a tenth as many that are not timed.

    Args:
        call: what is timed.
        num_calls: timed calls N.

    Returns:
        float64 [N], seconds.
    """
    for _ in range(max(1, num_calls // 10)):
        call()
    marks = [time.perf_counter()]
    for _ in range(num_calls):
        call()
        marks.append(time.perf_counter())
    return np.diff(marks)
