"""Likelihood of the parts of a 2D pose: the frame it is taken in, and what each part answers to."""

import math
import types

import numpy as np
import pytest

from keras_pose.lifting.pose_flow import PoseFlow, PrincipalFrame


def _flow(split="legs_torso", **settings):
    config = {"flow_split": split, "flow_couplings": 2, "flow_width": 8, "flow_noise": 0.1}
    return PoseFlow(types.SimpleNamespace(**{**config, **settings}), dtype="float64")


def _poses(count=400):
    random = np.random.default_rng(2)
    mixed = random.normal(size=(count, 32)) @ random.normal(size=(32, 32)) + 3.0
    return mixed.reshape(count, 16, 2)


def test_in_its_frame_data_with_noise_have_variance_one_and_no_correlation():
    random, count = np.random.default_rng(1), 200_000
    # One direction is empty: the second number is minus the first.
    first = random.normal(2.0, 0.5, count)
    values = np.stack([first, -first, random.normal(size=count)], axis=-1)
    frame = PrincipalFrame(dtype="float64")
    frame.build((None, 3))
    frame.adapt(values, 0.1)
    seen, log_determinant = frame(values + random.normal(0.0, 0.1, values.shape))
    np.testing.assert_allclose(np.cov(np.array(seen), rowvar=False), np.eye(3), atol=0.02)
    np.testing.assert_allclose(np.mean(seen, axis=0), np.zeros(3), atol=0.02)
    # Variances along the axes: 2 * 0.25 of the pair, 0 of its sum, 1 of the third, 0.01 of noise each.
    volume = 0.5 * math.log(0.51 * 0.01 * 1.01)
    assert float(log_determinant) == pytest.approx(-volume, abs=0.02)


def test_a_flow_that_has_learnt_nothing_is_a_gaussian_by_hand():
    poses, flow = _poses(), _flow()
    flow.adapt(poses)
    legs = poses[:, :6].reshape(len(poses), 12)
    covariance = np.cov(legs, rowvar=False) + 0.01 * np.eye(12)
    away = legs - legs.mean(axis=0)
    squared = np.sum(away @ np.linalg.inv(covariance) * away, axis=1)
    expected = -0.5 * (squared + 12 * math.log(2 * math.pi) + np.linalg.slogdet(covariance)[1])
    np.testing.assert_allclose(np.array(flow(poses))[:, 0], expected, rtol=1e-9)


@pytest.mark.parametrize(("split", "parts"), [("whole", 1), ("legs_torso", 2), ("five", 5)])
def test_a_part_answers_to_its_own_joints(split, parts):
    flow, poses = _flow(split), _poses(3)
    before = np.array(flow(poses))
    assert before.shape == (3, parts)
    poses[:, :3] += 1.0  # the right leg, first part of each split
    changed = np.array(flow(poses)) != before
    assert np.all(changed[:, 0])
    assert not np.any(changed[:, 1:])
