"""BVH files: forward kinematics by the package's own reader gives the joints back."""

import numpy as np
import pytest

from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.data.motion.bvh import pose_joints, read_bvh
from keras_pose.data.motion.bvh_writer import bvh_text
from keras_pose.predict.pose import with_hands
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16, Skeleton

TO_BVH = [100.0, -100.0, -100.0]


def _turned(points, skeleton: Skeleton, rng):
    """A film of constant bone lengths: every bone turned at random about its parent joint."""
    out = np.empty_like(points)
    order = [skeleton.root]
    for joint in order:
        order += [child for child, parent in enumerate(skeleton.parents) if parent == joint]
    out[skeleton.root] = points[skeleton.root] + rng.normal(0, 0.1, 3)
    for child in order[1:]:
        parent = skeleton.parents[child]
        bone = points[child] - points[parent]
        moved = bone + np.linalg.norm(bone) * rng.normal(0, 0.5, 3)
        scale = np.linalg.norm(bone) / max(np.linalg.norm(moved), 1e-9)
        out[child] = out[parent] + scale * moved
    return out


def _back(text, skeleton, folder):
    path = folder / "person.bvh"
    path.write_text(text)
    motion = read_bvh(path)
    places, _ = pose_joints(motion)
    names = list(motion.names)
    ends = {name for name in skeleton.joints if name not in names}
    # An End Site has no name: the reader calls it after the joint above it.
    rows = []
    for joint, name in enumerate(skeleton.joints):
        parent = skeleton.joints[skeleton.parents[joint]]
        bridge = f"{parent}_to_{name}"
        above = bridge if bridge in names else parent
        rows.append(names.index(f"{above} end" if name in ends else name))
    return places[:, rows] / TO_BVH, motion


def _both():
    return with_hands(MPII_16, {"left": HAND_21_FREIHAND, "right": HAND_21_FREIHAND})


@pytest.mark.parametrize("kind", ["hand", "body", "both"])
@pytest.mark.parametrize("with_positions", [False, True])
def test_joints_come_back(kind, with_positions, tmp_path):
    rng = np.random.default_rng(7)
    body = generate_body(0, 1, size=32).keypoints_3d
    hand = generate_hand(0, 1, size=32).keypoints_3d
    skeleton = {"hand": HAND_21_FREIHAND, "body": MPII_16, "both": _both()}[kind]
    first = {"hand": hand, "body": body}.get(kind)
    if first is None:
        wrists = body[list(MPII_16.indices(["left_wrist", "right_wrist"]))]
        fingers = (hand - hand[0])[1:]
        first = np.concatenate([body, wrists[0] + fingers * [-1, 1, 1], wrists[1] + fingers])
    film = np.array([first, *(_turned(first, skeleton, rng) for _ in range(9))])
    text, error = bvh_text(film, skeleton, 25.0, with_positions)
    found, motion = _back(text, skeleton, tmp_path)
    # 0.00001 degrees and centimetres in the file.
    np.testing.assert_allclose(found, film, atol=1e-5)
    assert error < 1e-6 and motion.frame_time_s == pytest.approx(0.04)
    if not with_positions:
        # At rest it stands as in the first frame, so nothing is turned there.
        np.testing.assert_allclose(motion.values[0, 3:], 0.0, atol=1e-4)


def test_lengths_that_change_need_positions(tmp_path):
    rng = np.random.default_rng(2)
    film = generate_body(0, 1, size=32).keypoints_3d + rng.normal(0, 0.02, (6, 16, 3))
    text, error = bvh_text(film, MPII_16, 30.0)
    found, _ = _back(text, MPII_16, tmp_path)
    distance = np.linalg.norm(found - film, axis=-1).max()
    # What is said of the file is true of it.
    assert distance > 0.005
    assert error == pytest.approx(distance, abs=1e-6)
    text, error = bvh_text(film, MPII_16, 30.0, with_positions=True)
    found, _ = _back(text, MPII_16, tmp_path)
    np.testing.assert_allclose(found, film, atol=1e-5)
    assert error == 0.0


def test_up_is_up_and_gaps_are_held(tmp_path):
    skeleton = Skeleton("stick", ("foot", "head"), (-1, 0))
    pose = np.array([[0.1, 0.9, 4.0], [0.1, -0.8, 4.0]])
    text, _ = bvh_text([None, pose, None], skeleton, 10.0)
    found, motion = _back(text, skeleton, tmp_path)
    np.testing.assert_allclose(found, [pose] * 3, atol=1e-6)
    # Head above foot in centimetres, and the person before a viewer who looks along -z.
    np.testing.assert_allclose(motion.offsets[1], [0, 170, 0], atol=1e-4)
    np.testing.assert_allclose(motion.values[0, :3], [10, -90, -400], atol=1e-4)


@pytest.mark.parametrize("end", [[0, -1, 0], [1, 0, 0], [0, 0, 1], [0, 0, -1]])
def test_right_angles_and_half_turns(end, tmp_path):
    skeleton = Skeleton("stick", ("a", "b", "c"), (-1, 0, 1))
    start = np.array([[0, 0, 0], [0, 1, 0], [0, 2, 0]], float)
    film = np.array([start, [[0, 0, 0], end, np.add(end, [0, 1, 0])]], float)
    text, error = bvh_text(film, skeleton, 10.0)
    found, _ = _back(text, skeleton, tmp_path)
    np.testing.assert_allclose(found, film, atol=1e-6)
    assert error < 1e-7


def test_nothing_is_refused():
    with pytest.raises(ValueError, match="no 3D pose"):
        bvh_text([None], MPII_16, 25.0)
    with pytest.raises(ValueError, match=r"needs \[16, 3\]"):
        bvh_text([np.zeros((3, 3))], MPII_16, 25.0)
