"""The benchmark of Wild3D's step: its arithmetic by hand, and our side of it at the smallest size."""

import numpy as np
import pytest
import tensorflow as tf

from benchmarks.hourglass_step import HourglassStep, random_bodies, torch_batch
from benchmarks.wild3d_step import OURS, compare, summarise, table


def test_bodies_have_the_shapes_and_ranges_that_the_step_takes():
    batch = random_bodies(3, 64, seed=1)
    assert batch["image"].shape == (3, 64, 64, 3)
    assert 0.0 <= batch["image"].min() and batch["image"].max() <= 1.0
    assert batch["has_depth"].tolist() == [1.0, 0.0, 1.0]
    told = torch_batch(batch)
    np.testing.assert_array_equal(told["points"], batch["keypoints_2d"] / 4)
    assert "keypoints_2d" not in told and set(batch) - set(told) == {"keypoints_2d"}


@pytest.mark.slow
def test_our_step_counts_and_tells_what_it_does():
    step = HourglassStep(64, 2, "float32")
    arrays = step.weights(seed=0)
    assert arrays["conv1_.weight"].shape == (64, 3, 7, 7) and arrays["reg.weight"].shape == (
        16,
        256,
    )

    def residual(pixels, inputs, outputs):
        half = outputs // 2
        shortcut = inputs * outputs if inputs != outputs else 0
        return pixels * (inputs * half + 9 * half * half + half * outputs + shortcut)

    stem = 32 * 32 * 7 * 7 * 3 * 64
    rest = residual(32 * 32, 64, 128) + residual(16 * 16, 128, 128) + residual(16 * 16, 128, 256)
    block = residual(1, 256, 256)
    # Rows of two: kept at 16, 8, 4, 2 px, before and after at half of each, one more at the bottom;
    # then the features of a stack at 16 px.
    glass = 2 * block * sum(side**2 + 2 * (side // 2) ** 2 for side in (16, 8, 4, 2)) + 2 * block
    stack = glass + 256 * (2 * block + 256 * 256 + 256 * 16 + 256 * 256 + 16 * 256)
    depth = 2 * block * (16**2 + 8**2 + 4**2 + 2**2) + 256 * 16
    assert step.multiply_adds() == stem + rest + 2 * stack + depth
    assert step.training_multiply_adds() == 2 * stem + 3 * (rest + 2 * stack + depth)

    batch = {name: tf.constant(value) for name, value in random_bodies(2, 64, 0).items()}
    told = step.check(batch)
    assert set(told["gradient"]) == set(told["update"]) and len(told["gradient"]) > 400
    assert told["gradient"]["tmpOut.1.weight"] > 0 and told["update"]["reg.bias"] > 0


def test_steps_that_differ_are_refused():
    ours = {"loss": 1.0, "gradient": {"a": 1.0, "b": 1e-6}, "update": {"a": 2.0, "b": 1.0}}
    # What has no gradient but rounding is moved by rounding alone.
    theirs = {"loss": 1.0, "gradient": {"a": 1.01, "b": 5e-6}, "update": {"a": 2.0, "b": 9.0}}
    assert compare(ours, theirs) == pytest.approx(
        {"loss": 0.0, "gradient": 0.01, "largest gradient": 0.01, "update": 0.0}
    )
    with pytest.raises(ValueError, match="gradient differs by 5e-01"):
        compare(ours, {**theirs, "gradient": {"a": 1.5, "b": 1e-6}})
    with pytest.raises(ValueError, match="other parameters"):
        compare(ours, {**theirs, "gradient": {"a": 1.0}})


def test_rates_and_ratios_by_hand():
    seconds = {
        "matmul_float32": [2 * 2048**3 / 1e9] * 2,  # 1 GFLOP/s
        "matmul_bfloat16": [2 * 2048**3 / 4e9] * 2,
        "keras_pose_float32 training": [0.5, 1.0],
        "keras_pose_mixed_bfloat16 training": [0.25, 0.5],
        "pytorch training": [1.0, 3.0],
        "keras_pose_float32 inference": [0.1, 0.1],
    }
    result = summarise(6, {"training": 3_000_000, "inference": 1_000_000}, seconds)
    ours = result["contestants"]["training"]["keras_pose_float32"]
    assert ours["pictures_per_s"] == pytest.approx(6 / 0.75)
    assert ours["gflop_per_s"] == pytest.approx(1e-9 * 6e6 * 6 / 0.75)
    assert ours["times_pytorch"] == pytest.approx(2.5)
    inference = result["contestants"]["inference"]
    assert list(inference) == ["keras_pose_float32"]
    assert inference["keras_pose_float32"]["gflop_per_s"] == pytest.approx(1e-9 * 2e6 * 6 / 0.1)
    lines = table(result["contestants"]["training"], "training").splitlines()
    assert [line.split()[0] for line in lines[2:]] == [*OURS, "pytorch"]
