"""Counted multiply-adds: by hand, against real weights and against the published count."""

import pytest

from benchmarks.arithmetic import Products, residual_mlp, separate_step, shared_step
from benchmarks.recipes import read_recipe
from keras_pose.tips.networks import PartLifter, PoseDiscriminator

RECIPE = "flags/tips/parity_two_generators.flags"


def test_network_by_hand():
    # 4 -> 2, one block of 2 -> 2 -> 2, head 2 -> 3.
    assert residual_mlp(4, width=2, num_blocks=1, num_outputs=3) == Products(8, 4 + 4 + 6)


def test_network_has_one_product_per_kernel_element():
    config = read_recipe(RECIPE, width=8)
    counted = [residual_mlp(2 * size, 8, config.num_blocks, size) for size in (6, 10)]
    real = [
        sum(w.shape[0] * w.shape[1] for w in generator.trainable_variables if len(w.shape) == 2)
        for generator in PartLifter(config).generators
    ]
    assert [network.forward for network in counted] == real
    judge = PoseDiscriminator(config).trainable_variables
    real = sum(w.shape[0] * w.shape[1] for w in judge if len(w.shape) == 2)
    assert residual_mlp(32, 8, config.discriminator_blocks, 1).forward == real


def test_steps_by_hand():
    generators, discriminator = [Products(1, 10)], Products(2, 20)
    # Forward 11, weights 11, inner gradients 10; with the input's gradient 11.
    # Discriminator: two poses of 22 + 22 + 20, and one judged view of 22 + 22.
    assert shared_step(generators, discriminator) == 32 + 4 * 33 + 128 + 44
    # One more forward for the discriminator's half; the half turn needs no gradient of its input.
    assert separate_step(generators, discriminator) == 11 + 32 + 3 * 33 + 32 + 128 + 44


def test_published_size_needs_the_published_arithmetic():
    # Spec of the method: about 259 million multiply-adds per sample at width 1024.
    generators = [residual_mlp(2 * size, 1024, 3, size) for size in (6, 10)]
    discriminator = residual_mlp(32, 1024, 3, 1)
    separate = separate_step(generators, discriminator)
    assert separate == pytest.approx(259e6, rel=0.01)
    assert shared_step(generators, discriminator) == pytest.approx(0.927 * separate, rel=0.01)
