"""Several answers: signs of limbs by hand."""

import numpy as np

from keras_pose.lifting.hypotheses import (
    LIMB_BONES,
    NUM_COPIES,
    limb_hypotheses,
    noise_table,
    sign_patterns,
)
from keras_pose.skeletons import H36M_17


def _copies():
    """Limbs straight behind, far from undecided, and a left forearm in front in 2 of 8 copies."""
    pose = np.zeros((17, 3), np.float32)
    pose[:, :2] = np.random.default_rng(0).normal(0, 1, (17, 2))
    for start, end in LIMB_BONES:
        pose[H36M_17.index(end), 2] = pose[H36M_17.index(start), 2] + 10.0
    copies = np.repeat(pose[None, None], 8, axis=1)
    elbow, wrist = H36M_17.indices(("left_elbow", "left_wrist"))
    copies[0, :2, wrist, 2] = copies[0, :2, elbow, 2] - 10.0
    return copies


def test_the_limb_that_turns_gives_the_second_answer():
    copies = _copies()
    poses, weights = (np.array(value) for value in limb_hypotheses(copies[:, 7], copies, 3))
    assert poses.shape == (1, 3, 17, 3) and weights.shape == (1, 3)
    np.testing.assert_allclose(poses[0, 0], copies[0, 7], atol=1e-4)
    np.testing.assert_allclose(poses[0, 1], copies[0, 0], atol=1e-4)
    # 6 of 8 behind: odds 3 to 1; any other bone turns once in 10,000 times.
    np.testing.assert_allclose(weights[0, 0] / weights[0, 1], 3.0, rtol=0.01)
    assert weights[0, 2] < 1e-3
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-5)


def test_a_turned_knee_takes_the_ankle_along():
    copies = _copies()
    hip, knee, ankle = H36M_17.indices(("right_hip", "right_knee", "right_ankle"))
    copies[0, :3, knee, 2] -= 20.0
    copies[0, :3, ankle, 2] -= 20.0
    second = np.array(limb_hypotheses(copies[:, 7], copies, 2)[0])[0, 1]
    np.testing.assert_allclose(second[[hip, knee, ankle], 2], [0.0, -10.0, 0.0], atol=1e-4)


def test_tables():
    patterns = sign_patterns()
    assert patterns.shape == (256, 8) and len(np.unique(patterns, axis=0)) == 256
    noise = noise_table()
    assert noise.shape == (NUM_COPIES, 17, 2)
    np.testing.assert_allclose(noise.sum(axis=0), 0.0, atol=1e-5)
    assert 0.9 < noise.std() < 1.1
