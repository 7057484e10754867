"""Left-right differences of limbs: by hand, and what they do not depend on."""

import numpy as np
import pytest

from keras_pose.metrics import LIMBS, limb_differences
from keras_pose.skeletons import H36M_17, MPII_16


def test_differences_by_hand():
    points = np.zeros((16, 3))
    for name, place in {
        "left_elbow": [3.0, 4.0, 0.0],  # upper arm 5, lower arm 5 back to the wrist at 0
        "right_elbow": [0.0, 2.0, 0.0],
        "left_ankle": [0.0, 0.0, 7.0],
        "right_ankle": [6.0, 0.0, 8.0],
    }.items():
        points[MPII_16.index(name)] = place
    assert list(LIMBS) == ["upper_arm", "lower_arm", "upper_leg", "lower_leg"]
    np.testing.assert_allclose(limb_differences(points), [3.0, 3.0, 0.0, 3.0])


@pytest.mark.parametrize("skeleton", [MPII_16, H36M_17])
def test_mirrored_bodies_differ_alike_and_symmetric_ones_not(skeleton):
    rng = np.random.default_rng(0)
    body = rng.standard_normal((4, skeleton.num_joints, 3))
    mirrored = body[:, list(skeleton.flip_permutation)] * [-1, 1, 1]
    differences = np.array(limb_differences(body, skeleton))
    assert differences.shape == (4, 4) and (differences > 0).all()
    np.testing.assert_allclose(limb_differences(mirrored, skeleton), differences)
    np.testing.assert_allclose(limb_differences(3 * body + 1, skeleton), 3 * differences)
    symmetric = (body + mirrored) / 2
    np.testing.assert_allclose(limb_differences(symmetric, skeleton), 0.0, atol=1e-12)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="points must"):
        limb_differences(np.zeros((17, 3)))
