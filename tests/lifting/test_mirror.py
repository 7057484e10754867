"""Lifters that answer the mean over a pose and its mirror image."""

import numpy as np
from keras import ops

from keras_pose.lifting.mirror import mirror_image, with_mirror_image
from keras_pose.skeletons import H36M_17

SWAPPED = list(H36M_17.flip_permutation)
RIGHT_WRIST, LEFT_WRIST = H36M_17.indices(("right_wrist", "left_wrist"))


def _lopsided(points, present):
    """A lifter that thinks the right hand nearer than the left, and the world tilted."""
    lean = np.zeros((1, H36M_17.num_joints, 1), np.float32)
    lean[0, RIGHT_WRIST], lean[0, LEFT_WRIST] = 2.0, -1.0
    depth = 0.1 * points[..., :1] + ops.convert_to_tensor(lean) * present[..., None]
    return {
        "points_2d": points + ops.convert_to_tensor([1.0, 3.0]),
        "points_3d": ops.concatenate([points, depth], axis=-1),
        "scale": ops.max(ops.absolute(points), axis=(-2, -1)) + points[:, 0, 0],
        "gravity": ops.tile(ops.convert_to_tensor([[0.6, 0.8, 0.0]]), (points.shape[0], 1)),
    }


def _people(count=3):
    random = np.random.default_rng(2)
    points = random.normal(size=(count, H36M_17.num_joints, 2)).astype(np.float32)
    present = (random.uniform(size=points.shape[:2]) < 0.7).astype(np.float32)
    return points, present


def _mirrored(points):
    return (points * np.array([-1.0, 1.0, 1.0], np.float32)[: points.shape[-1]])[..., SWAPPED, :]


def test_a_mirror_exchanges_left_and_right_and_twice_is_no_change():
    points = _people()[0]
    mirrored = np.array(mirror_image(ops.convert_to_tensor(points)))
    np.testing.assert_array_equal(mirrored[:, RIGHT_WRIST], points[:, LEFT_WRIST] * [-1.0, 1.0])
    np.testing.assert_array_equal(np.array(mirror_image(ops.convert_to_tensor(mirrored))), points)


def test_the_mean_of_both_by_hand():
    points, present = _people()
    answer = with_mirror_image(_lopsided)(*map(ops.convert_to_tensor, (points, present)))
    # Right says 2, its mirror image, which stands on the left, -1; each where the joint is there.
    depth = np.array(answer["points_3d"])[..., 2]
    np.testing.assert_allclose(depth[:, RIGHT_WRIST], 0.5 * present[:, RIGHT_WRIST], atol=1e-6)
    np.testing.assert_allclose(depth[:, LEFT_WRIST], 0.5 * present[:, LEFT_WRIST], atol=1e-6)
    np.testing.assert_allclose(answer["points_3d"][..., :2], points, atol=1e-6)
    # The shift to the right is one to the left in the mirror; the shift down stays.
    np.testing.assert_allclose(answer["points_2d"], points + [0.0, 3.0], atol=1e-6)
    np.testing.assert_allclose(answer["gravity"], [[0.0, 1.0, 0.0]] * 3, atol=1e-6)
    np.testing.assert_allclose(answer["scale"], np.abs(points).max((1, 2)), atol=1e-6)


def test_the_mirror_image_of_a_pose_is_answered_by_that_of_its_answer():
    points, present = _people()
    lift = with_mirror_image(_lopsided)
    plain = lift(*map(ops.convert_to_tensor, (points, present)))
    turned = lift(*map(ops.convert_to_tensor, (_mirrored(points), present[:, SWAPPED])))
    for name in ("points_2d", "points_3d"):
        np.testing.assert_array_equal(np.array(turned[name]), _mirrored(np.array(plain[name])))
    np.testing.assert_array_equal(
        np.array(turned["gravity"]), np.array(plain["gravity"]) * [-1.0, 1.0, 1.0]
    )
