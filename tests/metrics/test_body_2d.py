"""PCKh and the accuracy of maps: the official numbers, hand values, what does not count."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import decode_heatmaps, encode_heatmaps
from keras_pose.metrics import (
    ACCURACY_JOINTS,
    JOINT_GROUPS,
    head_relative_hits,
    heatmap_accuracy,
    heatmap_hits,
    joint_table,
    pckh,
)
from keras_pose.skeletons import MPII_16

GOLDEN = Path(__file__).parents[1] / "golden" / "wild3d"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "evaluation.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def test_pckh_equals_the_official_script(golden):
    predicted, true = (np.moveaxis(golden[f"pckh_{name}"], -1, 0) for name in ("pred", "gt"))
    visible = 1 - golden["pckh_missing"].T
    box = golden["pckh_headbox"]
    head_size = 0.6 * np.linalg.norm(box[1] - box[0], axis=0)
    near, counts = head_relative_hits(predicted, true, visible, head_size)
    per_joint = 100.0 * np.sum(near, axis=0) / np.sum(counts, axis=0)
    np.testing.assert_allclose(per_joint, golden["pckh_per_joint"], atol=1e-9)
    table = pckh(predicted, true, visible, head_size)
    np.testing.assert_allclose(table["mean"], golden["pckh_mean"], atol=1e-9)
    knees = golden["pckh_per_joint"][list(MPII_16.indices(("right_knee", "left_knee")))]
    np.testing.assert_allclose(table["knee"], knees.mean(), atol=1e-9)
    assert list(table) == [*JOINT_GROUPS, "mean"]


def test_hits_by_hand():
    true = np.zeros((2, 4, 2))
    predicted = true + [3.0, 4.0]  # 5 away
    predicted[0, 1] = np.nan
    # Strictly below one half: 5 of 10 is too far. Hidden joints and unknown heads do not count.
    near, counts = head_relative_hits(predicted, true, [[1, 0, 1, 1]] * 2, np.array([10.1, 0.0]))
    np.testing.assert_array_equal(counts, [[True, False, True, True], [False] * 4])
    np.testing.assert_array_equal(near, counts)
    near, _ = head_relative_hits(predicted, true, np.ones((2, 4)), np.array([10.0, 11.0]))
    np.testing.assert_array_equal(near, [[False] * 4, [True] * 4])


def test_rows_without_a_joint_are_left_out():
    counts = np.zeros((3, 16), bool)
    ankle, wrist = MPII_16.indices(("left_ankle", "right_wrist"))
    counts[:, ankle] = counts[:2, wrist] = True
    near = counts.copy()
    near[0, wrist] = False
    # The mean over joints, not over labels: (100 + 50) / 2.
    assert joint_table(near, counts) == {"wrist": 50.0, "ankle": 100.0, "mean": 75.0}
    assert joint_table(near, np.zeros_like(counts)) == {}


def test_accuracy_equals_the_official_one(golden):
    maps = np.moveaxis(golden["hm"].astype(np.float64), 1, -1)
    points = np.array(decode_heatmaps(maps)[0])
    # The targets are drawn at the weak-perspective joints, of which the vectors store the 3D pose alone:
    # scale and shift are those that fit the maps best.
    people = golden["gt_mm"][..., :2]
    others = [joint for joint in range(16) if joint != 7]
    targets = []
    for person, place in zip(people, points, strict=True):
        centred = person[others] - person[others].mean(axis=0)
        around = place[others] - place[others].mean(axis=0)
        scale = (centred * around).sum() / (centred**2).sum()
        targets.append(scale * (person - person[others].mean(axis=0)) + place[others].mean(axis=0))
    targets = np.array(targets)
    targets[:, 7] = (targets[:, 12] + targets[:, 13]) / 2
    true = encode_heatmaps(targets, np.ones((5, 16)), 64)
    # Shares of 50 joints: they agree to the last joint or not at all.
    assert heatmap_accuracy(maps, true) == float(golden["acc_pred_vs_target"])
    rolled = maps[:, np.roll(np.arange(64), 3)]
    assert heatmap_accuracy(rolled, true) == pytest.approx(float(golden["acc_rolled3"]), abs=1e-12)


def test_accuracy_joints_are_those_of_the_specification():
    assert sorted(ACCURACY_JOINTS) == [0, 1, 2, 3, 4, 5, 10, 11, 14, 15]


def test_accuracy_by_hand():
    points = np.full((4, 16, 2), 20.0)
    maps = np.array(encode_heatmaps(points, np.ones((4, 16)), 40))
    assert heatmap_accuracy(maps, maps) == 1.0
    # 40 px high: the limit is 2 px, strict.
    near, counts = heatmap_hits(np.roll(maps, 1, axis=2), maps)
    assert np.all(near) and np.all(counts)
    near, _ = heatmap_hits(np.roll(maps, 2, axis=2), maps)
    assert not np.any(near)
    # A joint with an empty map, or in the first row or column, does not count.
    edge = points.copy()
    edge[0, 0], edge[1, 0], edge[2, 0] = [0.5, 9.0], [9.0, 0.5], [1.5, 1.5]
    true = np.array(encode_heatmaps(edge, np.arange(16) != 5, 40))
    _, counts = heatmap_hits(maps, true)
    np.testing.assert_array_equal(np.array(counts)[:, 0], [False, False, True, True])
    assert not np.array(counts)[:, 5].any()
    # Joint 0 is near in one of two; the other eight of the ten that count everywhere.
    assert heatmap_accuracy(maps, true) == pytest.approx((0.5 + 8) / 9)
    assert heatmap_accuracy(maps, np.zeros_like(maps)) == 0.0


def test_in_a_graph_as_outside():
    rng = np.random.default_rng(0)
    predicted, true = rng.random((2, 3, 16, 16, 16)).astype(np.float32)
    for one, other in zip(
        tf.function(heatmap_hits)(predicted, true), heatmap_hits(predicted, true), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: pckh(np.zeros((3, 16, 3)), np.zeros((3, 16, 3)), np.ones((3, 16)), 1.0), "shape"),
        (lambda: joint_table(np.ones((2, 15)), np.ones((2, 15))), "near must"),
        (lambda: heatmap_hits(np.zeros((4, 4)), np.zeros((4, 4))), "predicted must"),
        (lambda: heatmap_accuracy(np.zeros((4, 4, 16)), np.zeros((4, 4, 16))), "predicted must"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
