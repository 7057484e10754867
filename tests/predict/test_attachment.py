"""Hands on bodies: hand values, coincident wrists, sizes that people have, and the way back to pixels."""

import numpy as np
import pytest

from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.predict.attachment import HAND_CHAIN, attach_hand, hand_box, hand_length
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16

BONE = HAND_21_FREIHAND.indices(["middle_mcp", "middle_pip"])
_ROWS = HAND_21_FREIHAND.indices(HAND_CHAIN)
CHAIN = list(zip(_ROWS[:-1], _ROWS[1:], strict=True))
# Shins, thighs, pelvis to hips, arms, neck to shoulders, pelvis to neck, neck to head top.
FOURTEEN = [
    *(("right_ankle", "right_knee"), ("right_knee", "right_hip"), ("right_hip", "pelvis")),
    *(("left_ankle", "left_knee"), ("left_knee", "left_hip"), ("left_hip", "pelvis")),
    *(("right_wrist", "right_elbow"), ("right_elbow", "right_shoulder")),
    *(("left_wrist", "left_elbow"), ("left_elbow", "left_shoulder")),
    *(("right_shoulder", "upper_neck"), ("left_shoulder", "upper_neck")),
    *(("pelvis", "upper_neck"), ("upper_neck", "head_top")),
]


def _lengths(points, skeleton, bones):
    pairs = [skeleton.indices(bone) for bone in bones]
    return np.array([np.linalg.norm(points[end] - points[start]) for start, end in pairs])


def test_a_hand_is_moved_and_scaled_by_hand_values():
    body = np.array([[9.0, 9.0, 9.0], [1.0, 2.0, 3.0]])
    hand = np.array([[0.0, 0.0, 5.0], [0.5, 0.0, 5.0], [0.5, 0.0, 5.25]])
    found = attach_hand(body, hand, 1, 0, [(1, 2)], 0.5)
    assert found.scale == 2.0
    np.testing.assert_allclose(found.points, [[1, 2, 3], [2, 2, 3], [2, 2, 3.5]], atol=1e-15)
    # Its own wrist, twice as large: (0, 0, 10), from (1, 2, 3).
    np.testing.assert_allclose(found.wrist_gap_m, np.sqrt(54.0), atol=1e-12)


def test_a_hand_without_size_is_refused():
    with pytest.raises(ValueError, match="no size"):
        attach_hand(np.zeros((2, 3)), np.zeros((3, 3)), 0, 0, [(1, 2)], 0.03)


def test_hands_grow_with_bodies():
    # 1.75 m, bones of 4.2 m together: 0.108 of the height.
    assert hand_length(4.2) == pytest.approx(0.189)


def test_a_hand_is_looked_for_beyond_the_wrist():
    elbow, wrist, shoulder, hip = ([0.0, 0.0], [100.0, 0.0], [0.0, -50.0], [0.0, 100.0])
    box = hand_box(*map(np.array, (wrist, elbow, shoulder, hip)))
    np.testing.assert_allclose(box, [133 - 47.5, -47.5, 95, 95])
    # A forearm towards the camera: the upper arm says how large, the place stays at the wrist.
    box = hand_box(*map(np.array, ([0.0, 0.0], elbow, [0.0, -127.0], hip)))
    assert box is not None and box[2] > 90
    np.testing.assert_allclose(box[:2] + box[2:] / 2, 0.0, atol=1e-9)
    nothing = np.zeros(2)
    assert hand_box(nothing, nothing, nothing, nothing) is None


@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("side", ["left", "right"])
def test_attached_hands_are_hands_of_people(index, side):
    body = generate_body(index, 3, size=64, style="test")
    hand = generate_hand(index, 5, size=64, side=side, pose="open")
    bone_sum = _lengths(body.keypoints_3d, MPII_16, FOURTEEN).sum()
    wrist = MPII_16.index(f"{side}_wrist")
    found = attach_hand(
        body.keypoints_3d, hand.keypoints_3d, wrist, 0, CHAIN, hand_length(bone_sum)
    )
    np.testing.assert_array_equal(found.points[0], body.keypoints_3d[wrist])
    # Every shape stays: one scale for all bones.
    bones = HAND_21_FREIHAND.bones
    before = np.array([np.linalg.norm(np.diff(hand.keypoints_3d[[*b]], axis=0)) for b in bones])
    after = np.array([np.linalg.norm(np.diff(found.points[[*b]], axis=0)) for b in bones])
    np.testing.assert_allclose(after, found.scale * before, rtol=1e-9)
    chain = zip(HAND_CHAIN[:-1], HAND_CHAIN[1:], strict=True)
    length = _lengths(found.points, HAND_21_FREIHAND, chain).sum()
    # Drillis and Contini's mean: the hand 0.74 of the forearm, 0.108 of the height. Bodies differ.
    forearm = _lengths(body.keypoints_3d, MPII_16, [(f"{side}_wrist", f"{side}_elbow")])[0]
    assert 0.55 < length / forearm < 0.95
    np.testing.assert_allclose(length / (bone_sum / 2.4), 0.108, rtol=1e-6)
    # Middle knuckle to the next joint: 45 mm in an adult's skeleton (Buryanov and Kotiuk 2010).
    assert 0.03 < np.linalg.norm(found.points[BONE[1]] - found.points[BONE[0]]) < 0.06


def test_an_attached_hand_is_seen_where_the_true_one_is():
    """Synthetic camera, known body and hand; the hand's network misjudges size and distance."""
    rng = np.random.default_rng(0)
    camera = np.array([[900.0, 0, 320], [0, 900.0, 240], [0, 0, 1]])
    body = generate_body(1, 3, size=64, style="test").keypoints_3d
    body = body - body[MPII_16.index("pelvis")] + [0.1, 0.0, 3.0]
    wrist = body[MPII_16.index("left_wrist")]
    true = generate_hand(2, 5, size=64, side="left").keypoints_3d
    length = np.linalg.norm(np.diff(true[[*_ROWS]], axis=0), axis=-1).sum()
    true = true - true[0] + wrist
    # The same picture is seen of a hand 8 % too large and too far, plus 2 mm of error.
    seen = 1.08 * true + rng.normal(0, 0.002, true.shape)
    found = attach_hand(body, seen, MPII_16.index("left_wrist"), 0, CHAIN, length)

    def pixels(points):
        rays = points @ camera.T
        return rays[:, :2] / rays[:, 2:]

    # Told the true length, it is as far away as it is, but for the 2 mm over 190 mm of hand.
    assert found.wrist_gap_m < 0.12
    assert abs(found.scale - 1 / 1.08) < 0.03
    error = np.linalg.norm(pixels(found.points) - pixels(true), axis=-1)
    # 2 mm (1 sigma an axis) at 3 m through 900 px are 0.6 px; four bones know the size to 3 %, 2 px
    # at the end of the hand; the wrist's own error moves all of it.
    assert error.max() < 4.0 and error[0] < 1e-9
