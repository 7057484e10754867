"""A script that keeps an iterator over records in a global variable ends all the same."""

import subprocess
import sys

SCRIPT = """
import numpy as np
import tensorflow as tf
from keras_pose.data.records.graph_calls import numpy_call

def squares(numbers):
    total = 0
    for number in range(20_000):  # Python, so that its lock changes hands
        total += number
    return numbers * numbers

def call(numbers):
    (column,) = numpy_call(squares, [numbers], [tf.int64])
    return column

numbers = tf.data.Dataset.range(1 << 40).batch(4)
iterator = iter(numbers.map(call, num_parallel_calls=4).unbatch().prefetch(8))
print([int(next(iterator)) for _ in range(5)])
"""


def test_an_iterator_that_is_never_freed_does_not_keep_the_interpreter():
    # Left alone it hangs or aborts, most times; twice makes it sure enough.
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "[0, 1, 4, 9, 16]"
        assert "Traceback" not in done.stderr
