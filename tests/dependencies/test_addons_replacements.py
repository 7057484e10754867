"""What replaces tensorflow-addons gives its numbers.

Each function below is the recipe that docs/dependencies.md names for one symbol, written with
public TensorFlow and Keras 3 alone. Expected values are outputs of tensorflow-addons 0.23.0.
"""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

GOLDEN = Path(__file__).parents[1] / "golden" / "addons" / "addons.npz"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN) as archive:
        return dict(archive)


def transform(image, transforms, output_shape=None, fill_mode="CONSTANT"):
    """`tfa.image.transform`, bilinear: maps are output -> input, `[B, 8]`."""
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image,
        transforms=transforms,
        output_shape=tf.constant(output_shape or image.shape[1:3]),
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode=fill_mode,
    )


def angles_to_transforms(angle_rad, height, width):
    """`tfa.image.angles_to_projective_transforms`: about the picture's centre, `[B, 8]`."""
    cosine, sine, zero = ops.cos(angle_rad), ops.sin(angle_rad), ops.zeros_like(angle_rad)
    x, y = (width - 1) / 2, (height - 1) / 2  # The centre, with pixel centres at whole numbers.
    rows = [cosine, -sine, x - cosine * x + sine * y, sine, cosine, y - sine * x - cosine * y]
    return ops.stack([*rows, zero, zero], axis=-1)


def translations_to_transforms(shift_px):
    """`tfa.image.translations_to_projective_transforms`: content moves by (x, y), `[B, 8]`."""
    one, zero = ops.ones_like(shift_px[:, 0]), ops.zeros_like(shift_px[:, 0])
    return ops.stack([one, zero, -shift_px[:, 0], zero, one, -shift_px[:, 1], zero, zero], axis=-1)


def gaussian_filter2d(image, size, sigma):
    """`tfa.image.gaussian_filter2d`: Keras blurs with zeros at the border, addons mirrors it."""
    margin = size // 2
    wide = ops.pad(image, ((0, 0), (margin, margin), (margin, margin), (0, 0)), mode="reflect")
    wide = ops.image.gaussian_blur(wide, (size, size), (sigma, sigma), "channels_last")
    return wide[:, margin:-margin, margin:-margin]


def lamb_with_decay_inside(weights, gradients, learning_rate, decay, epsilon=1e-6):
    """`tfa.optimizers.LAMB`: the trust ratio sets the length of step and weight decay together.

    `keras.optimizers.Lamb(weight_decay=...)` shrinks the weights outside that ratio instead.
    """
    first = second = ops.zeros_like(weights)
    for step, gradient in enumerate(gradients, 1):
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * ops.square(gradient)
        root = ops.sqrt(second / (1 - 0.999**step))
        direction = first / (1 - 0.9**step) / (root + epsilon) + decay * weights
        ratio = ops.norm(weights) / ops.norm(direction)
        weights = weights - learning_rate * ratio * direction
        yield ops.convert_to_numpy(weights)


def npairs_loss(labels, similarities):
    """`tfa.losses.NpairsLoss`: cross-entropy over the batch's own classes, mean over anchors."""
    same = ops.cast(ops.expand_dims(labels, 0) == ops.expand_dims(labels, 1), "float32")
    target = same / ops.sum(same, axis=1, keepdims=True)
    return ops.mean(ops.categorical_crossentropy(target, similarities, from_logits=True))


def contrastive_loss(is_same, distances, margin=1.0):
    """`tfa.losses.contrastive_loss`: one value per pair."""
    return is_same * ops.square(distances) + (1 - is_same) * ops.square(
        ops.maximum(margin - distances, 0.0)
    )


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_transform_fills_like_addons(golden, mode):
    ours = transform(golden["image"], golden["transforms_8"], fill_mode=mode.upper())
    np.testing.assert_array_equal(ours, golden[f"transform_bilinear_{mode}"])


def test_transform_resizes_like_addons(golden):
    ours = transform(golden["image"], golden["transforms_8"], output_shape=(32, 32))
    np.testing.assert_array_equal(ours, golden["transform_bilinear_32x32"])


def test_backend_neutral_transform_fills_like_addons(golden):
    ours = ops.image.affine_transform(
        golden["image"],
        golden["transforms_8"],
        interpolation="bilinear",
        fill_mode="constant",
        data_format="channels_last",
    )
    np.testing.assert_allclose(ours, golden["transform_bilinear_constant"], atol=1e-6)


def test_rotation_about_the_centre(golden):
    maps = angles_to_transforms(golden["angles_rad"], 48, 40)
    np.testing.assert_allclose(maps, golden["angles_to_transforms"], atol=1e-5)
    # The maps agree up to rounding, so the pixels do.
    np.testing.assert_allclose(
        transform(golden["image"], maps), golden["rotate_bilinear"], atol=2e-5
    )


def test_translation(golden):
    ours = transform(golden["image"], translations_to_transforms(golden["translations_xy_px"]))
    np.testing.assert_array_equal(ours, golden["translate_bilinear"])


def test_gaussian_filter(golden):
    ours = gaussian_filter2d(golden["image"], 5, 1.2)
    np.testing.assert_allclose(ours, golden["gaussian_filter2d_5_1p2"], atol=1e-6)


def test_lamb_with_weight_decay(golden):
    ours = [*lamb_with_decay_inside(golden["lamb_w0"], golden["lamb_grads"], 0.01, decay=0.02)]
    np.testing.assert_allclose(ours, golden["lamb_w"], atol=1e-6)


def test_keras_lamb_is_addons_lamb_only_without_weight_decay(golden):
    def five_steps(weight_decay):
        weights = keras.Variable(golden["lamb_w0"])
        optimizer = keras.optimizers.Lamb(0.01, epsilon=1e-6, weight_decay=weight_decay)
        for gradient in golden["lamb_grads"]:
            optimizer.apply([ops.convert_to_tensor(gradient)], [weights])
            yield weights.numpy().copy()

    ours = [*lamb_with_decay_inside(golden["lamb_w0"], golden["lamb_grads"], 0.01, decay=0.0)]
    np.testing.assert_allclose([*five_steps(None)], ours, atol=1e-6)
    assert np.abs(np.subtract([*five_steps(0.02)], golden["lamb_w"])).max() > 1e-4


@pytest.mark.parametrize(("groups", "name"), [(4, "group_norm_4"), (-1, "instance_norm")])
def test_group_and_instance_normalisation(golden, groups, name):
    layer = keras.layers.GroupNormalization(groups=groups, epsilon=1e-3)
    np.testing.assert_allclose(layer(golden["norm_x"]), golden[name], atol=1e-6)


def test_npairs_loss(golden):
    ours = npairs_loss(golden["labels"], golden["emb"] @ golden["emb"].T)
    np.testing.assert_allclose(ours, golden["npairs_loss"], rtol=1e-6)


# From here on there is no stored output; the expected values are worked out by hand.


def test_contrastive_loss_by_hand():
    ours = contrastive_loss(np.array([1.0, 0.0, 0.0]), np.array([0.5, 0.25, 2.0]))
    np.testing.assert_allclose(ours, [0.25, 0.5625, 0.0])


def test_adamw_decay_of_addons_is_keras_decay_over_the_learning_rate():
    # addons: w -= decay * w, then the Adam step. Zero gradients leave the decay alone.
    weights = keras.Variable(np.array([2.0, -4.0], "float32"))
    addons_decay, learning_rate = 0.001, 0.01
    optimizer = keras.optimizers.AdamW(learning_rate, weight_decay=addons_decay / learning_rate)
    optimizer.apply([ops.zeros(2)], [weights])
    np.testing.assert_allclose(weights, [1.998, -3.996], rtol=1e-6)


def test_moving_average_starts_from_the_first_update():
    # addons starts from the value before step 1: that is the one difference.
    weights = keras.Variable(np.array([1.0], "float32"))
    optimizer = keras.optimizers.SGD(1.0, use_ema=True, ema_momentum=0.5)
    averages = []
    for _ in range(3):
        optimizer.apply([ops.ones(1)], [weights])
        held = weights.numpy().copy()
        optimizer.finalize_variable_values([weights])
        averages.append(float(weights.numpy()[0]))
        weights.assign(held)
    # Weights 0, -1, -2; averages 0, (0 - 1) / 2, (-0.5 - 2) / 2.
    np.testing.assert_allclose(averages, [0.0, -0.5, -1.25])


def test_spectral_normalisation_divides_by_the_largest_singular_value():
    layer = keras.layers.SpectralNormalization(
        keras.layers.Dense(4, use_bias=False), power_iterations=60
    )
    x = np.eye(6, dtype="float32")
    layer.build((None, 6))
    kernel = layer.layer.kernel.numpy().copy()
    largest = np.linalg.svd(kernel, compute_uv=False)[0]
    np.testing.assert_allclose(layer(x, training=True), kernel / largest, rtol=1e-4, atol=1e-6)
