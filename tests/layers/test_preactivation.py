"""Random weights of the hourglass's layers: their spread by hand, and refusals."""

import numpy as np
import pytest

from keras_pose.layers import INITS, convolution_initializers

# Variance of a 3x3 kernel over 32 channels: a third of one over fan-in, and two over fan-in.
VARIANCES = {"torch": 1 / (3 * 9 * 32), "he": 2 / (9 * 32)}


@pytest.mark.parametrize("init", INITS)
def test_kernels_spread_as_named(init):
    initializers = convolution_initializers(init, 9 * 32)
    kernel = np.asarray(initializers["kernel_initializer"]((3, 3, 32, 64)))
    assert np.var(kernel) == pytest.approx(VARIANCES[init], rel=0.05)
    if init == "torch":
        assert np.abs(kernel).max() <= 1 / np.sqrt(9 * 32) + 1e-7


def test_unknown_init_is_refused():
    with pytest.raises(ValueError, match="torch"):
        convolution_initializers("xavier", 8)
