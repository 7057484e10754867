"""One training step against the author's own losses and gradients (float64)."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from keras_pose.geometry import rotate
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config

GOLDEN = np.load(pathlib.Path(__file__).parents[1] / "golden" / "tips" / "golden_tips.npz")
TOLERANCE = 1e-9  # both sides compute in float64


@pytest.fixture
def float64():
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def _author_weights(network, prefix):
    """Assign the golden weights; PyTorch keeps kernels as (out, in)."""
    units = [(network.stem, "inp", "n0")]
    for number, (first, second) in enumerate(network.blocks):
        units += [(first, f"blocks.{number}.a", f"blocks.{number}.na")]
        units += [(second, f"blocks.{number}.b", f"blocks.{number}.nb")]
    for unit, dense, norm in [*units, (network.head, "out", None)]:
        unit.kernel.assign(GOLDEN[f"w/{prefix}/{dense}.weight"].T)
        unit.bias.assign(GOLDEN[f"w/{prefix}/{dense}.bias"])
        if norm and getattr(unit, "norm", "none") == "affine":
            # The golden scale multiplies after the division by sqrt(1.001).
            unit.scale.assign(GOLDEN[f"w/{prefix}/{norm}.g"])
            unit.shift.assign(GOLDEN[f"w/{prefix}/{norm}.b"])


@pytest.fixture
def model(float64):
    config = Config(
        width=16,
        num_blocks=1,
        discriminator_blocks=1,
        geometry="orthographic",
        input_2d="orthographic",
        depth_activation="tanh",
        renormalize_views=False,
        pitch="none",
        bone_ratio_weight=0.0,
        ema_momentum=0.0,
        precision="float64",
    )
    model = AdversarialLifter(config)
    for generator in model.lifter.generators:
        _author_weights(generator, generator.name)
    _author_weights(model.discriminator.network, "disc")
    return model


def _rotation():
    # The author writes P R for row vectors; for column vectors that is the transpose.
    return ops.convert_to_tensor(np.repeat(GOLDEN["R"].T[None], 8, axis=0))


def test_depths_and_views_equal_the_author(model):
    depth = model.lifter(GOLDEN["x"])
    np.testing.assert_allclose(depth, GOLDEN["z"], atol=TOLERANCE)
    turned = rotate(model.geometry.lift(GOLDEN["x"], depth), _rotation())
    np.testing.assert_allclose(model.geometry.project(turned), GOLDEN["fake"], atol=TOLERANCE)


def test_discriminator_loss_and_gradient_equal_the_author(model):
    with tf.GradientTape() as tape:
        values, real, fake = model.discriminator_loss(GOLDEN["x"], GOLDEN["fake"], np.zeros(8))
        loss = ops.mean(values)
    np.testing.assert_allclose(np.concatenate([fake, real]), GOLDEN["dpred"], atol=TOLERANCE)
    np.testing.assert_allclose(loss, GOLDEN["d_loss"], atol=TOLERANCE)
    gradients = tape.gradient(loss, [v.value for v in model.discriminator.trainable_variables])
    np.testing.assert_allclose(
        tf.linalg.global_norm(gradients), GOLDEN["d_gradnorm"], rtol=TOLERANCE
    )


def test_generator_losses_and_gradients_equal_the_author(model):
    variables = [[v.value for v in g.trainable_variables] for g in model.lifter.generators]
    with tf.GradientTape() as tape:
        lifted = model.geometry.lift(
            ops.convert_to_tensor(GOLDEN["x"]), model.lifter(GOLDEN["x"], training=True)
        )
        pitch = ops.convert_to_tensor(0.0, dtype="float64")
        terms = model.cycle(model.lifter, GOLDEN["x"], lifted, _rotation(), pitch, training=True)
        loss, means = model.generator_loss(terms)
    np.testing.assert_allclose(means["adversarial"], GOLDEN["adv"], atol=TOLERANCE)
    for term, key in (("reprojection", "l2d"), ("ninety_degree", "l90")):
        total = GOLDEN[f"legs_{key}"] + GOLDEN[f"torso_{key}"]
        np.testing.assert_allclose(means[term], total, atol=TOLERANCE)
    # One backward pass with a gradient share per part equals the author's two separate losses.
    legs, torso = tape.gradient(loss, variables)
    for name, gradients in (("legs", legs), ("torso", torso)):
        norm = tf.linalg.global_norm(gradients)
        np.testing.assert_allclose(norm, GOLDEN[f"{name}_gradnorm"], rtol=TOLERANCE)
        np.testing.assert_allclose(gradients[-1], GOLDEN[f"{name}_grad_out_bias"], atol=TOLERANCE)
