"""The phone-sized encoders: sizes, our batch normalisation, refusals."""

import keras
import numpy as np
import pytest

from keras_pose.layers import BatchNorm, build_mobilenet


@pytest.mark.parametrize(("pooled", "shape"), [(True, (2, 576)), (False, (2, 2, 2, 576))])
def test_small_network_has_its_documented_features(pooled, shape):
    model = build_mobilenet("mobilenet_v3_small", 64, pooled=pooled, momentum=0.9)
    features = model(np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 3)).astype(np.float32))
    assert features.shape == shape
    assert np.all(np.isfinite(features)) and np.std(features) > 0
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(norms) == 34
    assert all(isinstance(norm, BatchNorm) and norm.momentum == 0.9 for norm in norms)


def test_unknown_network_is_refused():
    with pytest.raises(ValueError, match="mobilenet_v3_small"):
        build_mobilenet("mobilenet_v2", 64)
