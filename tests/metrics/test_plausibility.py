"""Chirality and bone symmetry: a hand-made person, mirrors, the golden share, gradients."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.geometry import rotate, rotation_x, rotation_y, rotation_z
from keras_pose.metrics import bone_symmetry_error, chirality, frontal_offset, mirrored_bones
from keras_pose.skeletons import COCO_17, H36M_17, HAND_21_AIT, MPII_16

# A person of 1.7 m who stands 4 m ahead and looks at the camera: x right, y down, z forward, so the
# person's left is at positive x and the nose nearer to the camera.
PERSON = {
    "pelvis": (0.0, 0.0, 4.0),
    "right_hip": (-0.13, 0.0, 4.0),
    "right_knee": (-0.13, 0.45, 4.0),
    "right_ankle": (-0.13, 0.88, 4.0),
    "left_hip": (0.13, 0.0, 4.0),
    "left_knee": (0.13, 0.45, 4.0),
    "left_ankle": (0.13, 0.88, 4.0),
    "spine": (0.0, -0.24, 4.0),
    "thorax": (0.0, -0.5, 4.0),
    "nose": (0.0, -0.6, 3.9),
    "head": (0.0, -0.72, 4.0),
    "left_shoulder": (0.16, -0.46, 4.0),
    "left_elbow": (0.16, -0.18, 4.0),
    "left_wrist": (0.16, 0.07, 4.0),
    "right_shoulder": (-0.16, -0.46, 4.0),
    "right_elbow": (-0.16, -0.18, 4.0),
    "right_wrist": (-0.16, 0.07, 4.0),
}
STANDING = np.array([PERSON[name] for name in H36M_17.joints])


def test_golden_chirality_share(golden):
    # The official value is of the true poses. The predicted ones have the same share by chance, with six
    # poses judged otherwise, so the share of neither alone would show an exchange.
    true, predicted = (np.asarray(chirality(golden[key])) for key in ("m_gt", "m_pred"))
    assert true.mean() == golden["m_chir"]
    assert (true != predicted).sum() == 6


def test_nose_is_in_front_by_hand():
    # hips (0.26, 0, 0) x trunk (0, -0.5, 0) = (0, 0, -0.13): the front is towards the camera.
    np.testing.assert_allclose(frontal_offset(STANDING), 0.1, atol=1e-12)
    assert bool(chirality(STANDING))


def test_wrong_depth_sign_fails():
    reversed_depth = STANDING * [1, 1, -1]
    np.testing.assert_allclose(frontal_offset(reversed_depth), -0.1, atol=1e-12)
    assert not bool(chirality(reversed_depth))


def test_exchanged_left_and_right_fails_and_a_proper_mirror_passes():
    swapped = STANDING[list(H36M_17.flip_permutation)]
    assert not bool(chirality(swapped))
    assert bool(chirality(swapped * [-1, 1, 1]))


def test_chirality_ignores_rotation_shift_and_scale():
    rng = np.random.default_rng(0)
    angles = rng.uniform(-np.pi, np.pi, (3, 50))
    turn = rotation_x(angles[0]) @ rotation_y(angles[1]) @ rotation_z(angles[2])
    turned = 2.5 * np.asarray(rotate(np.broadcast_to(STANDING, (50, 17, 3)), turn)) + [1, 2, 3]
    assert np.asarray(chirality(turned)).all()
    np.testing.assert_allclose(frontal_offset(turned), 0.25, atol=1e-12)


def test_pose_that_says_nothing_fails():
    broken = STANDING.copy()
    broken[H36M_17.index("nose")] = np.nan
    assert not np.asarray(chirality(np.stack([np.zeros((17, 3)), broken]))).any()


def test_symmetric_person_has_no_symmetry_error():
    np.testing.assert_allclose(bone_symmetry_error(STANDING), 0, atol=1e-14)


def test_symmetry_error_by_hand():
    pose = STANDING.copy()
    # Left shin 0.43 m becomes 0.86 m: |0.86 - 0.43| / 0.645 = 2/3, in one of six pairs.
    pose[H36M_17.index("left_ankle"), 1] += 0.43
    np.testing.assert_allclose(bone_symmetry_error(pose), 2 / 3 / 6, atol=1e-14)


def test_symmetry_error_ignores_similarity_and_side():
    pose = np.random.default_rng(1).normal(size=(4, 17, 3))
    error = np.asarray(bone_symmetry_error(pose))
    assert ((error > 0) & (error < 2)).all()
    moved = 7 * np.asarray(rotate(pose, rotation_x(np.float64(0.8)))) + 3
    np.testing.assert_allclose(bone_symmetry_error(moved), error, atol=1e-13)
    mirrored = pose[:, list(H36M_17.flip_permutation)] * [-1, 1, 1]
    np.testing.assert_allclose(bone_symmetry_error(mirrored), error, atol=1e-14)


def test_pose_without_extent_counts_as_symmetric():
    assert float(bone_symmetry_error(np.zeros((17, 3)))) == 0


def test_pairs_are_arms_and_legs():
    pairs = {
        (H36M_17.joints[first[1]], H36M_17.joints[second[1]])
        for first, second in mirrored_bones(H36M_17)
    }
    limbs = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
    assert {frozenset(pair) for pair in pairs} == {
        frozenset((f"left_{limb}", f"right_{limb}")) for limb in limbs
    }
    for first, second in mirrored_bones(H36M_17):
        assert H36M_17.parents[first[1]] == first[0]
        assert H36M_17.parents[second[1]] == second[0]
    assert len(mirrored_bones(MPII_16)) == 6
    # COCO's tree has sides from the eyes down.
    assert len(mirrored_bones(COCO_17)) == 8


@pytest.mark.parametrize("function", [frontal_offset, bone_symmetry_error])
def test_gradient_equals_the_finite_difference(function):
    pose = STANDING + np.random.default_rng(2).normal(0, 0.1, (2, 17, 3))
    exact, numeric = tf.test.compute_gradient(function, [tf.constant(pose)], delta=1e-6)
    np.testing.assert_allclose(exact[0], numeric[0], atol=1e-7)


@pytest.mark.parametrize("function", [frontal_offset, bone_symmetry_error])
def test_gradient_is_finite_without_extent(function):
    points = tf.Variable(np.zeros((2, 17, 3)))
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(function(points))
    assert np.isfinite(tape.gradient(total, points)).all()


@pytest.mark.parametrize("function", [frontal_offset, chirality, bone_symmetry_error])
def test_graph_gives_the_eager_numbers(function):
    pose = np.random.default_rng(3).normal(size=(5, 17, 3))
    graph = tf.function(function, input_signature=[tf.TensorSpec([None, 17, 3], tf.float64)])
    got, expected = np.asarray(graph(pose), float), np.asarray(function(pose), float)
    np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_wrong_arguments_are_refused():
    with pytest.raises(ValueError, match=r"points must have the shape \[\.\.\., 17, 3\]"):
        chirality(np.zeros((16, 3)))
    with pytest.raises(ValueError, match=r"points must have the shape \[\.\.\., 17, \?\]"):
        bone_symmetry_error(np.zeros((16, 3)))
    with pytest.raises(ValueError, match="'coco_17' has no joint 'pelvis'"):
        chirality(np.zeros((17, 3)), COCO_17)
    with pytest.raises(ValueError, match="'hand_21_ait' has no left/right bones"):
        bone_symmetry_error(np.zeros((21, 3)), HAND_21_AIT)
