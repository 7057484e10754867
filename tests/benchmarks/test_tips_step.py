"""The training-step benchmark at the smallest sizes, without PyTorch."""

import pytest

from benchmarks.recipes import read_recipe
from benchmarks.same_step import check_same_step, largest_differences
from benchmarks.step_timing import Case, measure, summarise
from benchmarks.tips_step import CASES, QUICK_CASES, table

RECIPE = "flags/tips/parity_two_generators.flags"


@pytest.fixture(scope="module")
def recipe():
    return read_recipe(RECIPE, num_blocks=1, discriminator_blocks=1)


def test_eager_step_is_the_same_step(recipe):
    # Two implementations in float32 on the same weights, poses and draws, over three updates.
    assert check_same_step(recipe, torch=None)["eager_keras"] < 2e-5


def test_another_step_is_refused():
    expected = [{"adversarial": 2.0, "gradient_norm": 1.0}]
    logs = {"other": [{"adversarial": 2.0001}]}
    assert largest_differences(logs, expected) == {"other": pytest.approx(5e-5)}
    with pytest.raises(ValueError, match="other does not compute the same step"):
        largest_differences({"other": [{"adversarial": 2.01}]}, expected)
    with pytest.raises(ValueError, match="other does not compute the same step"):
        largest_differences({"other": [{"adversarial": float("nan")}]}, expected)


def test_smallest_case_is_timed(recipe):
    result = measure(recipe, Case(width=8, batch_size=4, num_rounds=1, seconds_per_turn=1e-3), None)
    names = {"keras_pose_float32", "keras_pose_mixed_bfloat16", "eager_keras"}
    assert set(result["contestants"]) == names
    assert all(row["samples_per_s"] > 0 for row in result["contestants"].values())
    lines = table([result]).splitlines()
    assert len(lines) == 2 + len(names)
    assert lines[2].split()[:3] == ["keras_pose_float32", "8", "4"]
    assert lines[2].split()[-2] == "-"  # no PyTorch


def test_rates_ratios_and_shares_by_hand(recipe):
    seconds = {
        "matmul_float32": [2 * 2048**3 / 1e9, 2 * 2048**3 / 1e9],  # 1 GFLOP/s
        "matmul_bfloat16": [2 * 2048**3 / 4e9, 2 * 2048**3 / 4e9],
        "keras_pose_float32": [0.5, 1.0],
        "pytorch": [1.0, 3.0],
    }
    result = summarise(recipe, Case(8, 100, 2, 1.0), seconds)
    ours = result["contestants"]["keras_pose_float32"]
    assert result["peak_gflop_per_s"]["float32"] == pytest.approx(1.0)
    assert ours["samples_per_s"] == pytest.approx(100 / 0.75)
    assert ours["times_pytorch"] == pytest.approx(2.5)
    flop = 2e6 * result["mega_multiply_adds_per_sample"]["shared"] * 100
    assert ours["gflop_per_s"] == pytest.approx(1e-9 * flop / 0.75)
    assert ours["share_of_peak"] == pytest.approx(1e-9 * flop * (2.0 + 1.0) / 2)
    assert "times_pytorch" not in result["contestants"]["pytorch"]


def test_sizes_are_those_that_were_promised():
    assert [(case.width, case.batch_size) for case in CASES] == [
        (256, 256),
        (1024, 1024),
        (1024, 8192),
    ]
    assert max(case.batch_size for case in QUICK_CASES) <= 1024


def test_wrong_recipe_is_named(tmp_path):
    path = tmp_path / "wrong.flags"
    path.write_text("--widht=3\n")
    with pytest.raises(ValueError, match="wrong.flags is no readable recipe"):
        read_recipe(str(path))
