"""How fast this machine multiplies large square matrices through TensorFlow."""

import tensorflow as tf

from benchmarks.rounds import time_calls

_SIZE = 2048
_FLOP = 2 * _SIZE**3


class MatmulPeak:
    """Product of two square matrices of 2048 rows.

    Args:
        dtype: `"float32"` or `"bfloat16"`.
    """

    def __init__(self, dtype: str) -> None:
        self.name = f"matmul_{dtype}"
        factors = tf.random.stateless_normal((2, _SIZE, _SIZE), (0, 0))
        self.left, self.right = tf.unstack(tf.cast(factors, dtype))
        self.product = tf.function(tf.matmul)

    def time(self, num_steps: int) -> float:
        """Seconds for some products."""
        return time_calls(lambda: self.product(self.left, self.right), num_steps)

    @staticmethod
    def flop_per_second(seconds: float) -> float:
        """Turn seconds per product into floating-point operations per second."""
        return _FLOP / seconds
