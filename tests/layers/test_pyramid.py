"""The pyramid: what levels each encoder has, sums by hand, refusals."""

import keras
import numpy as np
import pytest

from keras_pose.layers import (
    build_efficientnet_lite,
    build_mobilenet,
    build_pyramid,
    build_resnet,
    feature_levels,
)

STRIDES = (4, 8, 16, 32)


@pytest.mark.parametrize(
    ("trunk", "channels"),
    [
        (lambda: build_efficientnet_lite(64, pooled=False), [24, 40, 112, 320]),
        (lambda: build_mobilenet("mobilenet_v3_small", 64, pooled=False), [16, 24, 48, 576]),
        (lambda: build_resnet(18, 64, pooled=False), [64, 128, 256, 512]),
    ],
)
def test_levels_are_the_last_block_of_each_size(trunk, channels):
    levels = feature_levels(trunk(), STRIDES)
    assert [tuple(level.shape[1:]) for level in levels] == [
        (64 // stride, 64 // stride, count) for stride, count in zip(STRIDES, channels, strict=True)
    ]


def test_coarse_features_reach_the_finest_pixels_that_they_cover():
    fine, coarse = keras.Input((4, 4, 1)), keras.Input((2, 2, 1))
    hidden = build_pyramid([fine, coarse], 1, keras.layers.Identity)
    model = keras.Model([fine, coarse], hidden)
    for layer in model.layers:
        for weight in layer.weights:
            value = np.zeros(weight.shape)
            # Depthwise kernels keep the middle alone, 1x1 convolutions everything.
            value[value.shape[0] // 2, value.shape[1] // 2] = 1.0
            weight.assign(value)
    a, b = np.zeros((1, 4, 4, 1), np.float32), np.zeros((1, 2, 2, 1), np.float32)
    a[0, 3, 0, 0], b[0, 0, 1, 0] = 5.0, 2.0
    wanted = np.zeros((4, 4))
    wanted[3, 0] = 5.0
    wanted[0:2, 2:4] = 2.0
    np.testing.assert_array_equal(np.array(model([a, b]))[0, :, :, 0], wanted)


def test_unknown_sizes_are_refused():
    with pytest.raises(ValueError, match="any size"):
        feature_levels(build_efficientnet_lite(pooled=False), STRIDES)
    with pytest.raises(ValueError, match="64th"):
        feature_levels(build_efficientnet_lite(64, pooled=False), (64,))
