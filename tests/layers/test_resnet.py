"""Residual networks: published parameter counts, torch's padding by hand, names, precision, refusals."""

import keras
import numpy as np
import pytest

from keras_pose.layers import build_resnet

# torchvision's published counts less the classifier of 1000 classes (F * 1000 + 1000).
NUM_PARAMETERS = {
    18: 11_689_512 - 513_000,
    34: 21_797_672 - 513_000,
    50: 25_557_032 - 2_049_000,
    101: 44_549_160 - 2_049_000,
    152: 60_192_808 - 2_049_000,
}


@pytest.mark.parametrize("depth", [18, 34, 50])
def test_number_of_parameters_is_the_published_one(depth):
    network = build_resnet(depth)
    count = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert count == NUM_PARAMETERS[depth]


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("depth", [101, 152])
def test_number_of_parameters_of_deep_networks_is_the_published_one(depth):
    network = build_resnet(depth)
    count = sum(int(np.prod(weight.shape)) for weight in network.trainable_weights)
    assert count == NUM_PARAMETERS[depth]


def test_first_convolution_is_padded_alike_on_all_sides():
    network = build_resnet(18, 32)
    conv = network.get_layer("conv1")
    kernel = np.zeros((7, 7, 3, 64), np.float32)
    kernel[3, 3, 0, 0] = 1.0  # the centre tap picks every second pixel, beginning with the first
    kernel[0, 0, 0, 1] = 1.0  # the corner tap lies three pixels up and left of it
    conv.kernel.assign(kernel)
    picture = np.arange(32.0 * 32).reshape(1, 32, 32, 1) * np.ones(3)
    outputs = np.array(keras.Model(network.input, conv.output)(picture.astype(np.float32)))
    assert outputs.shape == (1, 16, 16, 64)
    np.testing.assert_array_equal(outputs[0, :, :, 0], picture[0, ::2, ::2, 0])
    np.testing.assert_array_equal(outputs[0, 2:, 2:, 1], picture[0, 1:-3:2, 1:-3:2, 0][:14, :14])
    np.testing.assert_array_equal(outputs[0, :2, :, 1], 0.0)


def test_strides_lie_in_the_middle_convolution_of_a_bottleneck():
    network = build_resnet(50, 64)
    strides = {layer.name: layer.strides for layer in network.layers if "conv" in layer.name[-6:]
               and hasattr(layer, "strides")}  # fmt: skip
    assert {name for name, stride in strides.items() if stride == (2, 2)} == {
        "conv1",
        "layer2_0_conv2",
        "layer3_0_conv2",
        "layer4_0_conv2",
    }


@pytest.mark.parametrize("size", [32, 45, 64])
def test_any_picture_size_is_taken(size):
    network = build_resnet(18)
    features = network(np.ones((2, size, size, 3), np.float32))
    assert features.shape == (2, 512)


def test_features_stay_in_full_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    network = build_resnet(18, 32)
    assert network.get_layer("layer4_1_out").compute_dtype == "bfloat16"
    assert network(np.ones((1, 32, 32, 3), np.float32)).dtype == "float32"


def test_saved_model_file_gives_the_same_features(tmp_path):
    network = build_resnet(18, 32)
    picture = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(again(picture), network(picture))


def test_unknown_depth_is_refused():
    with pytest.raises(ValueError, match="depth must be one of .* got 51"):
        build_resnet(51)
