"""Weak-perspective labels: the official ones, by hand, and the way back to millimetres."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import (
    SUMMED_BONES,
    ZHOU2017_BONE_SUM_MM,
    encode_heatmaps,
    to_length,
    total_bone_length,
    weak_perspective,
)
from keras_pose.skeletons import MPII_16, MPII_16_SPINE

GOLDEN = Path(__file__).parents[1] / "golden" / "wild3d"


@pytest.fixture(scope="module")
def golden():
    with np.load(GOLDEN / "data_targets.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def _people(rng, num=5):
    return rng.normal(0, 0.4, (num, 16, 3)) + [0.1, -0.2, 4.0]


def test_the_summed_bones_are_those_of_the_specification():
    # Section 1, as indices of MPII's order.
    edges = "01 12 26 63 34 45 ab bc c8 8d de ef 68 89"
    assert {frozenset(int(c, 16) for c in edge) for edge in edges.split()} == {
        frozenset(bone) for bone in SUMMED_BONES
    }
    assert MPII_16_SPINE.index("spine") == MPII_16.index("thorax") == 7


def test_labels_equal_the_official_ones(golden):
    points, depth, scale = weak_perspective(golden["h36m_joint_2d"], golden["h36m_joint_3d_mono"])
    np.testing.assert_allclose(points * (64 / 224), golden["h36m_xy_out"], atol=1e-9)
    np.testing.assert_allclose(2 * depth / 224, golden["h36m_depth"], atol=1e-9)
    np.testing.assert_allclose(scale, golden["h36m_scale"], atol=1e-12)
    assert depth.dtype == tf.float64


def test_maps_of_the_labels_equal_the_official_ones(golden):
    points = golden["h36m_xy_out"][0]
    # The official code draws nothing for x <= 1 and only 6 by 6 pixels of a kernel of four digits.
    maps = np.array(encode_heatmaps(points, points[:, 0] > 1, 64))
    for joint, (x, y) in enumerate(np.floor(points).astype(int)):
        maps[y + 3 : y + 4, :, joint] = 0
        maps[:, x + 3 : x + 4, joint] = 0
    official = np.moveaxis(golden["h36m_heatmap_official_sample0"], 0, -1)
    np.testing.assert_allclose(maps, official, atol=6e-5)


def test_labels_by_hand():
    # Legs of 1, everything else on the spine: only the right shin (along x) and thigh (along depth).
    spine = np.array([0.0, 0.0, 10.0])
    points_3d = np.tile(spine, (16, 1))
    ankle, knee, row, right = MPII_16.indices(
        ("right_ankle", "right_knee", "thorax", "right_shoulder")
    )
    points_3d[knee] = spine + [0.0, 0.0, 2.0]
    points_3d[ankle] = spine + [1.0, 0.0, 2.0]
    points_3d[right] = spine + [0.0, 3.0, -4.0]
    # Across the view: shin 1; upper arm 3; shoulder to neck 3.
    points_2d = np.full((16, 2), 100.0)
    points_2d[ankle] = [170.0, 100.0]
    places, depth, scale = weak_perspective(points_2d, points_3d)
    np.testing.assert_allclose(scale, 70.0 / 7.0)
    np.testing.assert_allclose(places[ankle], [110.0, 100.0])
    np.testing.assert_allclose(depth[knee], 20.0)
    np.testing.assert_allclose(places[right], [100.0, 130.0])
    np.testing.assert_allclose(depth[right], -40.0)
    # Half-way between the shoulders, one of which is on the spine.
    np.testing.assert_allclose(places[row], [100.0, 115.0])
    np.testing.assert_allclose(depth[row], -20.0)


def test_labels_of_an_orthographic_picture_are_the_picture():
    people = _people(np.random.default_rng(0))
    pixels = 50.0 * people[..., :2] + [112.0, 90.0]
    places, depth, scale = weak_perspective(pixels, people)
    np.testing.assert_allclose(scale, 50.0)
    others = [joint for joint in range(16) if joint != 7]
    np.testing.assert_allclose(np.array(places)[:, others], pixels[:, others], atol=1e-9)
    relative = 50.0 * (people[..., 2] - people[:, 7:8, 2])
    np.testing.assert_allclose(np.array(depth)[:, others], relative[:, others], atol=1e-9)


def test_labels_follow_a_turn_and_a_mirror_of_the_picture():
    # Neither changes depth; both move the pixels as they move the picture.
    rng = np.random.default_rng(1)
    people = _people(rng)
    pixels = 100.0 * people[..., :2] / people[..., 2:] + 112.0
    places, depth, scale = (np.array(v) for v in weak_perspective(pixels, people))
    for turn in (np.array([[0.6, -0.8], [0.8, 0.6]]), np.diag([-1.0, 1.0])):
        turned = people.copy()
        turned[..., :2] = people[..., :2] @ turn.T
        moved = weak_perspective(pixels @ turn.T, turned)
        np.testing.assert_allclose(moved[0], places @ turn.T, atol=1e-9)
        np.testing.assert_allclose(moved[1], depth, atol=1e-9)
        np.testing.assert_allclose(moved[2], scale, rtol=1e-12)


def test_labels_go_back_to_millimetres_but_for_row_seven(golden):
    """With the person's own bone sum the way back is exact: weak perspective is a similarity."""
    people = golden["h36m_joint_3d_mono"]
    places, depth, _ = weak_perspective(golden["h36m_joint_2d"], people)
    poses = np.concatenate([places, np.array(depth)[..., None]], axis=-1)
    sized = np.array(to_length(poses, total_bone_length(people)))
    expected = people - people[:, 6:7]
    others = [joint for joint in range(16) if joint != 7]
    np.testing.assert_allclose(sized[:, others], expected[:, others], atol=1e-9)
    np.testing.assert_allclose(sized[:, 7], (expected[:, 6] + expected[:, 8]) / 2, atol=1e-9)


def test_sizes_by_hand():
    pose = np.zeros((16, 3))
    pose[MPII_16.index("right_ankle")] = [3.0, 4.0, 0.0]  # shin 5 long
    pose[MPII_16.index("head_top")] = [0.0, 0.0, 5.0]  # head 5 long
    assert float(total_bone_length(pose)) == 10.0
    sized = np.array(to_length(pose + 7.0, 100.0))
    np.testing.assert_allclose(sized[0], [30.0, 40.0, 0.0])
    np.testing.assert_allclose(sized[6], 0.0, atol=1e-12)
    assert ZHOU2017_BONE_SUM_MM == pytest.approx(4296.99233013, abs=0)


def test_sizes_equal_the_official_millimetres():
    with np.load(GOLDEN / "evaluation.npz", allow_pickle=False) as arrays:
        fixed = arrays["pose_mm_fixed"]
    pelvis = fixed[:, 6:7]
    # Whatever the scale before; the row between pelvis and neck follows.
    again = to_length((fixed - pelvis) * 0.01 + [3.0, 4.0, 5.0], ZHOU2017_BONE_SUM_MM)
    np.testing.assert_allclose(again, fixed - pelvis, atol=1e-8)


def test_people_without_extent_stay_finite():
    flat = np.zeros((2, 16, 3))
    flat[1, :, 2] = np.arange(16.0)  # all bones along the view
    places, depth, scale = weak_perspective(np.full((2, 16, 2), 9.0), flat)
    np.testing.assert_array_equal(scale, 0.0)
    np.testing.assert_array_equal(places, 9.0)
    np.testing.assert_array_equal(depth, 0.0)
    np.testing.assert_array_equal(to_length(flat[:1], 4000.0), 0.0)


def test_inside_a_dataset_as_outside(golden):
    arrays = (golden["h36m_joint_2d"], golden["h36m_joint_3d_mono"])
    dataset = tf.data.Dataset.from_tensor_slices(arrays).map(weak_perspective).batch(6)
    for one, other in zip(next(iter(dataset)), weak_perspective(*arrays), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_half_precision_is_computed_in_single():
    people = _people(np.random.default_rng(4)).astype(np.float16)
    for value in (*weak_perspective(people[..., :2], people), to_length(people, 4.0)):
        assert value.dtype == tf.float32


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: weak_perspective(np.zeros((17, 2)), np.zeros((16, 3))), "points_2d must"),
        (lambda: weak_perspective(np.zeros((16, 2)), np.zeros((16, 2))), "points_3d must"),
        (lambda: to_length(np.zeros((17, 3)), 4000.0), "points must"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
