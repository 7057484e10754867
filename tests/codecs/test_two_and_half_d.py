"""The 2.5D pose: the official numbers, values by hand, round trips, and poses without a depth."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.codecs import (
    MIDDLE_PHALANX,
    REFERENCE_BONES,
    ROOTS,
    WRIST_TO_INDEX,
    ReferenceBone,
    bone_length,
    camera_rays,
    decode,
    encode,
    move_root,
    restore_wrist,
    root_depth,
)
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, Skeleton, convert

K = np.array([[480.0, 0.0, 112.0], [0.0, 470.0, 110.0], [0.0, 0.0, 1.0]])


@pytest.fixture(scope="module")
def lifting():
    path = Path(__file__).parents[1] / "golden" / "peclr" / "b_lift25d.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float64) for name in arrays.files}


def _hands(rng, num=4):
    """Random hands [num, 21, 3] in metres, about 0.6 m from the camera, FreiHAND's order."""
    offsets = rng.uniform(-0.09, 0.09, (num, 21, 3))
    return offsets + [0.02, -0.03, 0.0] + [0.0, 0.0, 0.6]


def test_encoding_equals_the_official_code(lifting):
    encoded = encode(lifting["joints3d_ait_m"], lifting["K"], "wrist", WRIST_TO_INDEX, HAND_21_AIT)
    np.testing.assert_allclose(encoded[..., :2], lifting["joints25d"][..., :2], atol=1e-4)
    np.testing.assert_allclose(encoded[..., 2], lifting["joints25d"][..., 2], atol=1e-5)
    scale = bone_length(lifting["joints3d_ait_m"], "wrist", WRIST_TO_INDEX, HAND_21_AIT)
    np.testing.assert_allclose(scale, lifting["scale"], atol=1e-8)


def test_encoding_permutes_with_the_joints(lifting):
    hands = lifting["joints3d_freihand_m"]
    ours = encode(hands, lifting["K"], "wrist", WRIST_TO_INDEX, HAND_21_FREIHAND)
    theirs, _ = convert(lifting["joints25d"], HAND_21_AIT, HAND_21_FREIHAND)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lifting_equals_the_official_code(lifting, dtype):
    points, matrix = lifting["joints25d"].astype(dtype), lifting["K"].astype(dtype)
    depth, valid = root_depth(points, matrix, WRIST_TO_INDEX, HAND_21_AIT)
    tolerance = 1e-4 if dtype == np.float32 else 1e-5
    np.testing.assert_allclose(depth, lifting["zroot_norm_f64"], rtol=tolerance)
    np.testing.assert_allclose(depth, lifting["zroot_norm"], rtol=1e-4)
    assert np.all(valid)
    for wanted in ("joints3d_rec", "joints3d_rec_single"):
        metres = decode(points, depth, matrix, lifting["scale"])
        np.testing.assert_allclose(metres, lifting[wanted], atol=3e-5)
    metres = decode(points, depth + 0.25, matrix, lifting["scale"])
    np.testing.assert_allclose(metres, lifting["joints3d_rec_zroot_plus_quarter"], atol=3e-5)
    inverse = lifting["K_inv"]
    homogeneous = np.concatenate([points[..., :2], np.ones_like(points[..., :1])], -1)
    rays = np.einsum("bij,bkj->bki", inverse, homogeneous)[..., :2]
    np.testing.assert_allclose(camera_rays(points[..., :2], matrix), rays, atol=2e-6)


def test_noisy_and_hopeless_poses_equal_the_official_code(lifting):
    points, matrix = lifting["noisy25d"], lifting["K"]
    depth, valid = (
        np.array(part) for part in root_depth(points, matrix, WRIST_TO_INDEX, HAND_21_AIT)
    )
    np.testing.assert_allclose(depth[:7], lifting["noisy_zroot_norm"][:7], rtol=1e-4)
    # Row 7 has both ends on one pixel: the official value is float32 noise over 1e-6.
    np.testing.assert_allclose(depth[7], lifting["noisy_zroot_norm"][7], rtol=0.05)
    # Row 6 has a negative discriminant and lands behind the camera.
    assert depth[6] < 0
    np.testing.assert_array_equal(valid, [True] * 6 + [False] * 2)
    metres = decode(points, depth, matrix, lifting["scale"])
    np.testing.assert_allclose(metres[:7], lifting["noisy_joints3d_rec"][:7], atol=1e-4)
    np.testing.assert_allclose(metres[7], lifting["noisy_joints3d_rec"][7], rtol=0.05, atol=1e-3)


def test_depth_by_hand():
    # The unit bone stands across the view at depth 5, its root level with it: rays (0, 0), (0.2, 0).
    skeleton = Skeleton("two", ("middle_mcp", "middle_pip"), (-1, 0))
    points = np.array([[[0.0, 0.0, 0.0], [20.0, 0.0, 0.0]]])
    matrix = np.diag([100.0, 100.0, 1.0])[None]
    depth, valid = root_depth(points, matrix, MIDDLE_PHALANX, skeleton)
    np.testing.assert_allclose(depth, [5.0])
    np.testing.assert_array_equal(valid, [True])
    np.testing.assert_allclose(
        decode(points, depth, matrix, np.array([0.03])), [[[0, 0, 0.15], [0.03, 0, 0.15]]]
    )


def test_depth_is_clipped_to_the_range_of_the_bone():
    skeleton = Skeleton("two", ("middle_mcp", "middle_pip"), (-1, 0))
    points = np.array([[[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]], [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]])
    depth, _ = root_depth(points, np.diag([100.0, 100.0, 1.0])[None], MIDDLE_PHALANX, skeleton)
    np.testing.assert_allclose(depth, [4.0, 50.0])
    free = ReferenceBone("middle_mcp", "middle_pip", 1e-8)
    depth, _ = root_depth(points, np.diag([100.0, 100.0, 1.0])[None], free, skeleton)
    np.testing.assert_allclose(depth, [2.0, 100.0])


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("bone", REFERENCE_BONES)
@given(st.integers(0, 10_000), st.floats(-180, 180), st.floats(0.3, 3.0))
@settings(max_examples=15, deadline=None)
def test_round_trip_through_any_rotated_crop(root, bone, seed, angle_deg, zoom):
    rng = np.random.default_rng(seed)
    hands = _hands(rng, 8)
    cosine, sine = zoom * np.cos(np.radians(angle_deg)), zoom * np.sin(np.radians(angle_deg))
    crop = np.array([[cosine, -sine, 30.0], [sine, cosine, -70.0], [0.0, 0.0, 1.0]]) @ K
    official = REFERENCE_BONES[bone]
    free = ReferenceBone(official.parent, official.child, 1e-12)
    points = encode(hands, crop, root, free)
    depth, valid = root_depth(points, np.broadcast_to(crop, (8, 3, 3)), free)
    metres = restore_wrist(decode(points, depth, crop, bone_length(hands, root, free)), root)
    # The bone's length grows with the root's depth where this is positive: then, and only then, is
    # the true depth the larger of the two that fit.
    ends = np.array(move_root(hands, root))[:, free.indices(HAND_21_FREIHAND)]
    rays = ends / ends[..., 2:]
    growth = np.sum((ends[:, 0] - ends[:, 1]) * (rays[:, 0] - rays[:, 1]), axis=-1)
    recovered = np.abs(np.array(metres) - hands).max(axis=(1, 2)) < 1e-5
    clear = np.abs(growth) > 1e-4
    np.testing.assert_array_equal(recovered[clear], growth[clear] > 0)
    assert np.all(np.array(valid)[recovered & clear])


def test_root_row_and_wrist_by_hand():
    points = np.arange(42.0).reshape(21, 2)
    moved = np.array(move_root(points, "palm_middle"))
    mcp = HAND_21_FREIHAND.index("middle_mcp")
    np.testing.assert_allclose(moved[0], (points[0] + points[mcp]) / 2)
    np.testing.assert_array_equal(moved[1:], points[1:])
    for root in ROOTS:
        back = restore_wrist(move_root(points, root), root)
        np.testing.assert_allclose(back, points)


def test_pixels_of_the_encoding_are_the_projection():
    hands = _hands(np.random.default_rng(3))
    expected = hands[..., :2] / hands[..., 2:] * [480.0, 470.0] + [112.0, 110.0]
    np.testing.assert_allclose(encode(hands, K)[..., :2], expected, rtol=1e-12)


def test_gradients_equal_finite_differences():
    rng = np.random.default_rng(5)
    hands = _hands(rng, 2)
    parent, child = MIDDLE_PHALANX.indices(HAND_21_FREIHAND)
    hands[:, child] = hands[:, parent] + [0.04, 0.01, 0.01]
    points = np.array(encode(hands, K))
    matrix = np.broadcast_to(K, (2, 3, 3)).copy()
    direction = rng.standard_normal(points.shape)

    def value(moved):
        depth, _ = root_depth(moved, matrix)
        return tf.reduce_sum(tf.sin(decode(moved, depth, matrix)))

    variable = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        result = value(variable)
    slope = np.sum(tape.gradient(result, variable).numpy() * direction)
    step = 1e-6
    numeric = (value(points + step * direction) - value(points - step * direction)) / (2 * step)
    np.testing.assert_allclose(slope, numeric, rtol=1e-5)


@pytest.mark.parametrize("bone", [MIDDLE_PHALANX, WRIST_TO_INDEX])
@pytest.mark.parametrize("case", ["one pixel", "no intrinsics", "no labels", "behind"])
def test_hopeless_poses_stay_finite_and_are_not_valid(bone, case):
    hands = _hands(np.random.default_rng(7), 2)
    matrix = np.broadcast_to(K, (2, 3, 3)).astype(np.float32).copy()
    if case == "no labels":
        hands = np.zeros_like(hands)
    points = np.array(encode(hands, K, bone=bone), np.float32)
    parent, child = bone.indices(HAND_21_FREIHAND)
    if case == "one pixel":
        points[:, child, :2] = points[:, parent, :2]
    if case == "no intrinsics":
        matrix[:] = 0
    if case == "behind":
        points[:, parent], points[:, child] = [0, 0, 5000.0], [200.0, 0, 5000.0]
    assert np.all(np.isfinite(points))
    variable = tf.constant(points)
    with tf.GradientTape() as tape:
        tape.watch(variable)
        depth, valid = root_depth(variable, matrix, bone)
        total = tf.reduce_sum(decode(variable, depth, matrix))
    assert not np.any(valid)
    assert np.all(np.isfinite(depth)) and np.isfinite(total)
    assert np.all(np.isfinite(tape.gradient(total, variable)))


def test_half_precision_is_computed_in_single():
    hands = _hands(np.random.default_rng(9)).astype(np.float16)
    points = encode(hands, K.astype(np.float16))
    assert points.dtype == tf.float32
    depth, _ = root_depth(tf.cast(points, tf.bfloat16), tf.cast(K[None], tf.bfloat16))
    assert depth.dtype == tf.float32


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: encode(np.zeros((21, 3)), K, "palm"), "root must be one of 'wrist'"),
        (lambda: encode(np.zeros((21, 2)), K), "points must have|points_3d must have"),
        (lambda: encode(np.zeros((21, 3)), np.zeros((2, 3))), "intrinsics must have the shape"),
        (lambda: camera_rays(np.zeros((21, 3)), K), "points_px must have the shape"),
        (lambda: ReferenceBone("wrist", "elbow", 1.0).indices(HAND_21_AIT), "no joint 'elbow'"),
    ],
)
def test_wrong_arguments_are_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
