"""The hand's body: joint limits, constant bones, planes by hand, and poses without crossings."""

import numpy as np
import pytest

from keras_pose.data.generated.hand_body import (
    ANGLES,
    FINGERS,
    LIMITS_DEG,
    angle_columns,
    clip_angles,
    pose_hands,
    random_shape,
)
from keras_pose.data.generated.hand_poses import POSES, finger_overlaps, random_pose
from keras_pose.skeletons import HAND_21_FREIHAND


def _shape(seed=0):
    return random_shape(np.random.default_rng(seed))


def _flat(**angles):
    row = np.zeros((1, len(ANGLES)))
    for name, value in angles.items():
        row[0, ANGLES.index(name)] = value
    return row


def _between_deg(first, second):
    cosine = (first * second).sum(-1)
    cosine /= np.linalg.norm(first, axis=-1) * np.linalg.norm(second, axis=-1)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def _bones(joints):
    return np.stack([joints[..., b, :] - joints[..., a, :] for a, b in HAND_21_FREIHAND.bones], -2)


def test_flat_right_hand_has_thumb_on_the_other_side_of_the_little_finger():
    joints = pose_hands(_shape(), _flat()).joints[0]
    place = {name: joints[HAND_21_FREIHAND.index(name)] for name in HAND_21_FREIHAND.joints}
    np.testing.assert_array_equal(place["wrist"], 0)
    # x to the little finger, y to the fingertips, z out of the back: a right hand seen from behind.
    tips = [place[f"{finger}_tip"] for finger in FINGERS]
    assert all(a[0] < b[0] for a, b in zip(tips, tips[1:], strict=False))
    assert tips[2][1] > 0.13 and abs(tips[2][2]) < 0.02
    # A hand of an adult, wrist to tip of the middle finger.
    assert 0.14 < np.linalg.norm(tips[2]) < 0.23
    assert place["thumb_tip"][2] < -0.01


@pytest.mark.parametrize("finger", FINGERS[1:])
def test_flexion_bends_each_joint_by_its_angle_towards_the_palm(finger):
    turns = {f"{finger}_mcp_flexion": 30.0, f"{finger}_pip_flexion": 50.0}
    turns[f"{finger}_dip_flexion"] = 20.0
    shape = _shape(3)
    names = [f"{finger}_{segment}" for segment in ("mcp", "pip", "dip", "tip")]
    rows = list(HAND_21_FREIHAND.indices(names))
    straight = np.diff(pose_hands(shape, _flat()).joints[0, rows], axis=0)
    bent = np.diff(pose_hands(shape, _flat(**turns)).joints[0, rows], axis=0)
    np.testing.assert_allclose(_between_deg(straight, bent), [30, 80, 100], atol=1e-9)
    np.testing.assert_allclose(_between_deg(bent[:-1], bent[1:]), [50, 20], atol=1e-9)
    assert np.all(bent[:, 2] < straight[:, 2] - 0.01)


def test_abduction_spreads_fingers_away_from_the_middle_one():
    shape = _shape(1)
    middle = pose_hands(shape, _flat()).joints[0]
    index_tip = HAND_21_FREIHAND.index("index_tip")
    spread = pose_hands(shape, _flat(index_mcp_abduction=15.0)).joints[0]
    assert spread[index_tip, 0] < middle[index_tip, 0] - 0.01
    bones = np.stack([_bones(middle), _bones(spread)])
    row = index_tip - 1
    np.testing.assert_allclose(_between_deg(*bones[:, row]), 15.0, atol=1e-9)


def test_bones_keep_their_length_in_every_pose_of_a_person():
    rng = np.random.default_rng(5)
    shape = _shape(2)
    angles = np.stack([random_pose(rng, shape)[0] for _ in range(30)])
    lengths = np.linalg.norm(_bones(pose_hands(shape, angles).joints), axis=-1)
    np.testing.assert_allclose(lengths, np.broadcast_to(lengths[:1], lengths.shape), atol=1e-12)


def test_persons_differ_within_human_proportions():
    shapes = [_shape(seed) for seed in range(200)]
    middle = np.array([shape.lengths[2, 0] for shape in shapes])
    assert 0.03 < middle.min() and middle.max() < 0.062
    assert 0.06 < middle.std() / middle.mean() < 0.12
    ratio = np.array([shape.lengths[1].sum() / shape.lengths[2].sum() for shape in shapes])
    assert 0.02 < ratio.std() and 0.75 < ratio.min() and ratio.max() < 1.08


@pytest.mark.parametrize("pose", POSES)
def test_poses_stay_within_the_limits(pose):
    low, high = np.array(list(LIMITS_DEG.values())).T
    for seed in range(12):
        rng = np.random.default_rng(seed)
        shape = random_shape(rng)
        angles, kind = random_pose(rng, shape, pose)
        assert kind == pose
        assert np.all(angles >= low - 1e-9) and np.all(angles <= high + 1e-9)
        # Measured on the joints: no bone of a finger bends backwards or sideways past its limit.
        joints = pose_hands(shape, angles[None]).joints[0]
        fingers = joints[1:].reshape(5, 4, 3)
        bends = _between_deg(*np.diff(fingers, axis=1)[:, [0, 1]].swapaxes(0, 1))
        assert bends[1:].max() <= LIMITS_DEG["index_pip_flexion"][1] + 1e-6
        bends = _between_deg(*np.diff(fingers, axis=1)[:, [1, 2]].swapaxes(0, 1))
        assert bends[1:].max() <= LIMITS_DEG["index_dip_flexion"][1] + 1e-6
        assert bends[0] <= LIMITS_DEG["thumb_ip_flexion"][1] + 1e-6


def test_bent_fingers_can_hardly_be_spread():
    bend, spread = angle_columns("ring_mcp_flexion", "ring_mcp_abduction")
    wild = np.zeros((2, len(ANGLES)))
    wild[:, spread], wild[1, bend] = 99.0, 90.0
    kept = clip_angles(wild)[:, spread]
    assert kept[0] == 20.0 and kept[1] == pytest.approx(3.0)


def test_last_joint_follows_the_middle_one():
    rng, shape = np.random.default_rng(0), _shape()
    angles = np.stack([random_pose(rng, shape, "random")[0] for _ in range(150)])
    pip, dip = (angles[:, angle_columns(name)].ravel() for name in ("_pip_flexion", "_dip_flexion"))
    assert np.corrcoef(pip, dip)[0, 1] > 0.9


def test_fist_open_hand_and_pinch_are_what_they_say():
    names = [f"{finger}_tip" for finger in FINGERS]
    tips = list(HAND_21_FREIHAND.indices(names))
    for seed in range(8):
        rng = np.random.default_rng(seed)
        shape = random_shape(rng)
        joints = {
            pose: pose_hands(shape, random_pose(rng, shape, pose)[0][None]).joints[0] / shape.scale
            for pose in ("fist", "open", "pinch", "pointing")
        }
        reach = {pose: np.linalg.norm(points[tips], axis=-1) for pose, points in joints.items()}
        assert reach["fist"][1:].max() < 0.11 and reach["open"][1:].min() > 0.12
        assert reach["pointing"][1] > 0.14 and reach["pointing"][2:].max() < 0.11
        pinch = joints["pinch"][tips]
        assert np.linalg.norm(pinch[0] - pinch[1]) < 0.035


def test_fingers_do_not_run_through_each_other():
    deepest = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        shape = random_shape(rng)
        angles, _ = random_pose(rng, shape)
        deepest.append(finger_overlaps(pose_hands(shape, angles[None]), shape).max() / shape.scale)
    # A finger is 12 to 20 mm thick; in a fist neighbours press into each other a little.
    assert np.mean(deepest) < 0.0015 and np.max(deepest) < 0.006


def test_crossing_fingers_are_noticed():
    shape = _shape()
    clear = finger_overlaps(pose_hands(shape, _flat()), shape).max()
    # Index and middle finger swap places.
    crossed = _flat(index_mcp_abduction=-30.0, middle_mcp_abduction=-30.0)
    assert clear == 0 and finger_overlaps(pose_hands(shape, crossed), shape).max() > 0.005
    through_palm = _flat(ring_mcp_flexion=90.0, ring_pip_flexion=150.0, ring_dip_flexion=80.0)
    assert finger_overlaps(pose_hands(shape, through_palm), shape).max() > 0.0015


def test_unknown_names_end_in_a_sentence():
    with pytest.raises(ValueError, match="'wave' is not a pose; use one of fist"):
        random_pose(np.random.default_rng(0), _shape(), "wave")
    with pytest.raises(ValueError, match="'toe_flexion' is not a joint angle"):
        angle_columns("toe_flexion")
