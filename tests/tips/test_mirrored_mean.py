"""Averaging a teacher over mirror images: what cancels, what stays."""

import numpy as np

from keras_pose.tips.draws import mirror_depths, mirror_poses
from keras_pose.tips.regression import mirrored_mean

POSES = np.random.default_rng(5).uniform(-1, 1, (6, 16, 2)).astype(np.float32)
EVERY = np.ones(6, np.float32)


def test_what_depends_on_the_side_alone_cancels():
    # Depth equal to x changes its sign in the mirror; the mean of both is nothing.
    depth = mirrored_mean(lambda points_2d: points_2d[..., 0])(POSES)
    np.testing.assert_allclose(depth, np.zeros((6, 16)), atol=1e-7)


def test_what_does_not_depend_on_the_side_stays():
    depth = mirrored_mean(lambda points_2d: points_2d[..., 1] ** 2)(POSES)
    np.testing.assert_allclose(depth, POSES[..., 1] ** 2, rtol=1e-6)


def test_the_mean_of_any_lifter_is_mirror_equivariant():
    weights = np.random.default_rng(6).normal(size=(32, 16)).astype(np.float32)
    lifter = mirrored_mean(lambda points_2d: np.tanh(np.reshape(points_2d, (-1, 32)) @ weights))
    mirrored = lifter(mirror_poses(POSES, EVERY, "swap"))
    np.testing.assert_allclose(mirrored, mirror_depths(lifter(POSES), EVERY, "swap"), atol=1e-6)
