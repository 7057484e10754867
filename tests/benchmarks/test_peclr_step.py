"""The contrastive step benchmark: its arithmetic by hand, and our side of it at the smallest size."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.contrastive_step import ContrastiveStep, multiply_adds, random_views, weights
from benchmarks.peclr_step import OURS, summarise, table


@pytest.fixture(scope="module")
def step():
    return ContrastiveStep("resnet18", 32, "float32")


def test_views_have_the_shapes_and_ranges_that_the_step_takes():
    views = random_views(3, 32, seed=1)
    assert views["views"].shape == (3, 2, 32, 32, 3)
    assert 0.0 <= views["views"].min() and views["views"].max() <= 1.0
    assert (views["angle_deg"].shape, views["jitter"].shape) == ((3, 2), (3, 2, 2))


def test_multiply_adds_of_eighteen_layers_by_hand(step):
    # Stem at 16 px; stages of 8, 4, 2, 1 px; the first block of stages 2 to 4 begins at half width.
    stem = 7 * 7 * 3 * 64 * 16 * 16
    stages = 4 * 9 * 64 * 64 * 64
    for width, pixels in ((128, 16), (256, 4), (512, 1)):
        stages += pixels * (9 * width * width // 2 + 3 * 9 * width * width + width * width // 2)
    head = 512 * 512 + 512 * 128
    assert multiply_adds(step) == 2 * stem + 3 * (stages + head)


def test_first_step_tells_its_loss_momenta_and_updates(step):
    before = weights(step, seed=0)
    assert {"conv1.kernel", "bn1.moving_variance", "projection_head_0.bias"} <= set(before)
    batch = {name: tf.constant(value) for name, value in random_views(4, 32, 0).items()}
    told = step.check(batch, before)
    # Eight views: the loss of rows that are all alike is log 7.
    assert told["loss"] == pytest.approx(np.log(7.0), abs=0.5)
    assert set(told["momentum"]) == set(told["update"])
    assert {"conv1", "layer4_1_conv2", "projection_head_3"} <= set(told["update"])
    assert all(norm > 0 for kind in ("momentum", "update") for norm in told[kind].values())


def test_rates_and_ratios_by_hand():
    seconds = {
        "matmul_float32": [2 * 2048**3 / 1e9] * 2,  # 1 GFLOP/s
        "matmul_bfloat16": [2 * 2048**3 / 4e9] * 2,
        "keras_pose_float32": [0.5, 1.0],
        "keras_pose_mixed_bfloat16": [0.25, 0.5],
        "pytorch": [1.0, 3.0],
    }
    result = summarise(8, 1_000_000, seconds)
    ours = result["contestants"]["keras_pose_float32"]
    assert ours["pictures_per_s"] == pytest.approx(8 / 0.75)
    assert ours["gflop_per_s"] == pytest.approx(1e-9 * 2e6 * 16 / 0.75)
    assert ours["times_pytorch"] == pytest.approx(2.5)
    assert result["contestants"]["keras_pose_mixed_bfloat16"]["times_pytorch"] == pytest.approx(5.0)
    lines = table(result).splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*OURS, "pytorch"]
