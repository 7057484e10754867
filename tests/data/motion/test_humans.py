"""Generated people: kinematics by hand, limits, bones, floor, sides, smoothness, seeds."""

import time

import numpy as np
import pytest

from keras_pose.data.motion import generate_motion
from keras_pose.data.motion.angle_courses import move_between
from keras_pose.data.motion.arm_activities import gesture, look_around, wave
from keras_pose.data.motion.human_body import LIMITS_DEG, clip_to_limits, pose_body, random_bones
from keras_pose.data.motion.leg_activities import LEG_ACTIVITIES
from keras_pose.skeletons import H36M_17

# One body with round numbers: thighs and shanks 4, trunk 3 + 3, arms 3 + 2, in decimetres.
BONES = {
    name: np.array([vector], float)
    for name, vector in {
        "hip": (1, 0, 0), "knee": (0, 4, 0), "ankle": (0, 4, 0), "spine": (0, -3, 0),
        "thorax": (0, -3, 0), "nose": (0, -1, 1), "head": (0, -1, -1), "shoulder": (2, 0, 0),
        "elbow": (0, 3, 0), "wrist": (0, 2, 0),
    }.items()
}  # fmt: skip


def _pose(heading=0.0, **angles_deg):
    angles = {name: np.array([[value]], float) for name, value in angles_deg.items()}
    return pose_body(BONES, angles, np.array([[heading]], float))[0, 0]


def _joint(joints, name):
    return joints[H36M_17.index(name)]


@pytest.mark.parametrize(
    ("angles", "joint", "position"),
    [
        ({}, "right_ankle", (1, 8, 0)),  # right is +x for a body that faces +z
        ({}, "left_wrist", (-2, -1, 0)),
        ({}, "nose", (0, -7, 1)),
        ({}, "head", (0, -8, 0)),
        ({"heading": 90.0}, "nose", (1, -7, 0)),  # heading 90 faces +x
        ({"heading": 90.0}, "right_hip", (0, 0, -1)),
        ({"right_hip_flexion": 90.0}, "right_knee", (1, 0, 4)),  # the thigh points forward
        ({"right_hip_flexion": 90.0, "right_knee_flexion": 90.0}, "right_ankle", (1, 4, 4)),
        ({"left_knee_flexion": 90.0}, "left_ankle", (-1, 4, -4)),  # the heel goes back
        ({"right_hip_abduction": 30.0}, "right_knee", (1 + 2, 2 * 3**0.5, 0)),
        ({"left_hip_abduction": 30.0}, "left_knee", (-1 - 2, 2 * 3**0.5, 0)),
        ({"right_shoulder_flexion": 90.0}, "right_wrist", (2, -6, 5)),
        ({"left_shoulder_abduction": 90.0}, "left_wrist", (-7, -6, 0)),
        ({"right_elbow_flexion": 90.0}, "right_wrist", (2, -3, 2)),  # the hand comes forward
        # Arm to the side, turned outward, elbow bent: the forearm points up.
        (
            {"right_shoulder_abduction": 90.0, "right_shoulder_rotation": 90.0, "right_elbow_flexion": 90.0},  # noqa: E501
            "right_wrist",
            (5, -8, 0),
        ),
        (
            {"left_shoulder_abduction": 90.0, "left_shoulder_rotation": 90.0, "left_elbow_flexion": 90.0},  # noqa: E501
            "left_wrist",
            (-5, -8, 0),
        ),
        ({"spine_flexion": 30.0}, "thorax", (0, -3 * 3**0.5, 3)),  # bows at the pelvis
        ({"chest_flexion": 30.0}, "thorax", (0, -3 - 1.5 * 3**0.5, 1.5)),  # and at the spine
        ({"neck_twist": 60.0}, "nose", (3**0.5 / 2, -7, 0.5)),
        ({"right_clavicle_lift": 30.0}, "right_shoulder", (3**0.5, -7, 0)),
    ],
)  # fmt: skip
def test_joint_angles_by_hand(angles, joint, position):
    np.testing.assert_allclose(_joint(_pose(**angles), joint), position, atol=1e-12)


def test_angles_are_cut_at_the_limits_and_unknown_ones_refused():
    np.testing.assert_allclose(_pose(right_knee_flexion=-30.0), _pose(), atol=1e-12)
    np.testing.assert_allclose(
        _pose(left_elbow_flexion=500.0), _pose(left_elbow_flexion=145.0), atol=1e-12
    )
    with pytest.raises(ValueError, match="'tail_wag' is not a joint angle"):
        clip_to_limits({"tail_wag": np.zeros(1)})
    assert LIMITS_DEG["right_knee_flexion"][0] == 0.0
    assert LIMITS_DEG["left_elbow_flexion"][0] == 0.0


def test_movement_between_keys_starts_and_ends_at_rest():
    keys = np.array([[[0.0], [10.0], [4.0]]])
    times = np.linspace(0.0, 3.0, 301)
    curve = move_between(np.random.default_rng(0), keys, times)[0, :, 0]
    assert curve[0] == 0.0 and abs(curve[-1] - 4.0) < 1e-9
    assert abs(curve.max() - 10.0) < 1e-9 and curve.min() >= 0.0
    speed = np.abs(np.diff(curve))
    assert speed[0] < 1e-3 and speed[-1] < 1e-3
    assert (speed < 1e-9).mean() > 0.2  # still moments


@pytest.mark.parametrize(
    "generator", [gesture, wave, look_around, *(g for g, *_ in LEG_ACTIVITIES)]
)
def test_activities_mostly_respect_limits_before_they_are_cut(generator):
    angles = generator(np.random.default_rng(2), 40, np.arange(60) / 30.0)
    assert set(angles) <= set(LIMITS_DEG)
    outside = []
    for name, curve in angles.items():
        assert np.broadcast_shapes(curve.shape, (40, 60)) == (40, 60), name
        low, high = LIMITS_DEG[name]
        outside.append(np.mean((curve < low - 1e-9) | (curve > high + 1e-9)))
        assert np.isfinite(curve).all()
    assert max(outside) < 0.25 and np.mean(outside) < 0.04


@pytest.fixture(scope="module")
def motion():
    return generate_motion(120 * 160, seed=4)


@pytest.fixture(scope="module")
def clips(motion):
    return motion.poses_m.reshape(-1, 120, 17, 3).astype(float)


def test_shapes_and_names(motion):
    assert motion.poses_m.dtype == np.float32 and motion.frames_per_second == 30.0
    np.testing.assert_array_equal(np.bincount(motion.clip), 120)
    assert "seed 4" in motion.source


def test_bones_keep_their_lengths_within_a_clip_and_differ_between_clips(clips):
    for parent, child in H36M_17.bones:
        length = np.linalg.norm(clips[:, :, parent] - clips[:, :, child], axis=-1)
        np.testing.assert_allclose(length, length[:, :1].repeat(120, 1), atol=2e-6)
        assert 0.02 < length[:, 0].std() / length[:, 0].mean() < 0.12
    for right, left in H36M_17.flip_pairs:
        bones = [
            np.linalg.norm(clips[:, 0, side] - clips[:, 0, H36M_17.parents[side]], axis=-1)
            for side in (right, left)
        ]
        np.testing.assert_allclose(bones[0], bones[1], atol=2e-6)
    thigh = np.linalg.norm(clips[:, 0, 2] - clips[:, 0, 1], axis=-1)
    assert 0.37 < thigh.mean() < 0.47


def test_knees_and_elbows_bend_one_way_only(clips):
    """Knees keep the shank behind the thigh's line, seen from the side of the body."""
    names = H36M_17.indices
    right, left = (clips[:, :, i] for i in names(("right_hip", "left_hip")))
    spine, pelvis = (clips[:, :, i] for i in names(("spine", "pelvis")))
    for side in ("right", "left"):
        hip, knee, ankle = (clips[:, :, i] for i in names([f"{side}_{j}" for j in ("hip", "knee", "ankle")]))  # fmt: skip  # noqa: E501
        thigh, shank = knee - hip, ankle - knee
        # Turning the thigh into the shank goes about the axis that points to the body's left.
        hinge = np.cross(thigh, shank)
        bend = np.linalg.norm(hinge, axis=-1) / (
            np.linalg.norm(thigh, axis=-1) * np.linalg.norm(shank, axis=-1)
        )
        front = np.cross(left - right, spine - pelvis)
        # Only where the thigh hangs roughly down, else hip rotation turns the hinge away.
        hangs = (thigh * (pelvis - spine)).sum(-1) > 0.9 * np.linalg.norm(thigh, axis=-1) * np.linalg.norm(pelvis - spine, axis=-1)  # fmt: skip  # noqa: E501
        bent = hangs & (bend > 0.3)
        assert bent.sum() > 500
        behind = (shank * front).sum(-1) < (thigh * front).sum(-1)
        assert behind[bent].mean() > 0.995


def test_people_stand_on_the_floor_upright_and_the_right_way_round(clips):
    np.testing.assert_allclose(clips[..., 1].max(axis=-1), 0.0, atol=1e-6)
    head, thorax, nose, pelvis, left, right = (
        clips[:, :, H36M_17.index(name)]
        for name in ("head", "thorax", "nose", "pelvis", "left_hip", "right_hip")
    )
    assert (head[..., 1] < pelvis[..., 1]).mean() > 0.97
    front = np.cross(left - right, thorax - pelvis)
    assert (((nose - 0.5 * (thorax + head)) * front).sum(-1) > 0).mean() > 0.995


def test_motion_is_smooth_and_feet_that_stand_do_not_slide(clips):
    step = np.linalg.norm(np.diff(clips, axis=1), axis=-1)
    assert step.max() * 30 < 15.0  # metres per second, a fast hand
    assert np.quantile(step, 0.99) * 30 < 5.0
    ankles = clips[:, :, [3, 6]]
    stands = (ankles[:, 1:, :, 1] > -0.005) & (ankles[:, :-1, :, 1] > -0.005)
    slide = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=1), axis=-1)[stands] * 30
    assert stands.mean() > 0.3
    assert np.median(slide) < 0.1
    travelled = np.linalg.norm(clips[:, -1, 0, ::2] - clips[:, 0, 0, ::2], axis=-1)
    assert (travelled > 1.5).mean() > 0.1  # some walk
    assert (travelled < 0.5).mean() > 0.3  # others stay


def test_poses_are_varied(clips):
    rooted = (clips - clips[:, :, :1])[:, ::30].reshape(-1, 17, 3)
    height = -clips[..., 0, 1]
    assert (height < 0.65).mean() > 0.08 and (height > 0.8).mean() > 0.3  # sit and stand
    raised = clips[:, :, H36M_17.index("right_wrist"), 1] < clips[:, :, H36M_17.index("head"), 1]
    assert 0.03 < raised.mean() < 0.5
    assert rooted[:, H36M_17.index("left_wrist")].std(axis=0).min() > 0.15


def test_a_motion_is_a_function_of_its_seed_and_a_beginning_of_longer_ones(motion):
    short = generate_motion(9_001, seed=4)
    np.testing.assert_array_equal(short.poses_m, motion.poses_m[:9_001])
    np.testing.assert_array_equal(short.clip, motion.clip[:9_001])
    other = generate_motion(200, seed=5)
    assert np.abs(other.poses_m - motion.poses_m[:200]).max() > 0.1
    with pytest.raises(ValueError, match="num_frames is 0"):
        generate_motion(0)


def test_a_hundred_thousand_frames_take_seconds():
    start = time.process_time()
    assert len(generate_motion(100_000, seed=1)) == 100_000
    assert time.process_time() - start < 10.0  # about 1 s on one quiet core


def test_random_bodies_are_adults():
    bones = random_bones(np.random.default_rng(0), 2000)
    leg = np.linalg.norm(bones["knee"], axis=1) + np.linalg.norm(bones["ankle"], axis=1)
    assert 0.80 < leg.mean() < 0.87 and 0.6 < leg.min() and leg.max() < 1.1
