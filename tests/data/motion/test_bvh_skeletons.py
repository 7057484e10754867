"""BVH skeletons of other programs: names beyond ankle and wrist, rest poses, End Sites for joints."""

import numpy as np
import pytest

from keras_pose.data import load_bvh_folder
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.motion.bvh_writer import bvh_text
from keras_pose.skeletons import H36M_17, MPII_16, MPII_16_SPINE, convert

# Name, parent, offset in cm: y up, facing +z, the left side at positive x.
_BODY = (
    ("pelvis", "", (0, 95, 0)),
    *(("left_hip", "pelvis", (9, -2, 0)), ("left_knee", "left_hip", (0, -42, 0))),
    *(("left_ankle", "left_knee", (0, -41, 0)), ("left_foot", "left_ankle", (0, -6, 14))),
    *(("right_hip", "pelvis", (-9, -2, 0)), ("right_knee", "right_hip", (0, -42, 0))),
    *(("right_ankle", "right_knee", (0, -41, 0)), ("right_foot", "right_ankle", (0, -6, 14))),
    *(("spine", "pelvis", (0, 30, 0)), ("neck", "spine", (0, 20, 0)), ("head", "neck", (0, 10, 1))),
    *(("left_collar", "spine", (3, 15, 0)), ("left_shoulder", "left_collar", (14, 0, 0))),
    *(("left_elbow", "left_shoulder", (28, 0, 0)), ("left_wrist", "left_elbow", (25, 0, 0))),
    ("left_hand", "left_wrist", (8, 0, 0)),
    *(("right_collar", "spine", (-3, 15, 0)), ("right_shoulder", "right_collar", (-14, 0, 0))),
    *(("right_elbow", "right_shoulder", (-28, 0, 0)), ("right_wrist", "right_elbow", (-25, 0, 0))),
    ("right_hand", "right_wrist", (-8, 0, 0)),
)


def _angles(matrix):
    """Degrees about z, x and y of a rotation, multiplied in that order."""
    x = np.arcsin(np.clip(matrix[2, 1], -1, 1))
    z = np.arctan2(-matrix[0, 1], matrix[1, 1])
    y = np.arctan2(-matrix[2, 0], matrix[2, 2])
    return np.degrees([z, x, y])


def _write(path, spell=str, rest=None):
    """Two frames of the person standing; `rest` [3, 3] turns the rest pose, and the root undoes it."""
    rest = np.eye(3) if rest is None else rest
    lines, names = ["HIERARCHY"], [name for name, _, _ in _BODY]

    def add(name):
        _, parent, offset = _BODY[names.index(name)]
        offset = (0, 0, 0) if not parent else rest @ np.array(offset, float)
        places = "" if parent else "Xposition Yposition Zposition "
        lines.append(f"{'JOINT' if parent else 'ROOT'} {spell(name)}\n{{")
        lines.append("OFFSET " + " ".join(f"{v:.9f}" for v in offset))
        lines.append(f"CHANNELS {3 if parent else 6} {places}Zrotation Xrotation Yrotation")
        below = [child for child, above, _ in _BODY if above == name]
        for child in below:
            add(child)
        if not below:
            lines.append("End Site\n{\nOFFSET 0 0 3\n}")
        lines.append("}")

    add("pelvis")
    row = [0, 95, 0, *_angles(rest.T), *[0.0] * (3 * len(_BODY) - 3)]
    lines += ["MOTION", "Frames: 2", "Frame Time: 0.0333333"]
    lines += [" ".join(f"{value:.9f}" for value in row)] * 2
    path.write_text("\n".join(lines) + "\n")
    return path


def _length(motion, start, end):
    rows = H36M_17.indices((start, end))
    return float(np.linalg.norm(np.subtract(*motion.poses_m[0, list(rows)])))


@pytest.mark.parametrize(
    "spell",
    [
        str,
        lambda name: "".join(word.title() for word in name.split("_")),
        lambda name: "m_avg_" + name.replace("left_", "L_").replace("right_", "R_").title(),
        lambda name: "mixamorig:" + "".join(word.title() for word in name.split("_")[::-1]),
    ],
)
def test_ankle_and_wrist_go_before_foot_and_hand(tmp_path, spell):
    motion = load_bvh_folder(_write(tmp_path / "a.bvh", spell))
    for side in ("left", "right"):
        assert _length(motion, f"{side}_knee", f"{side}_ankle") == pytest.approx(0.41, abs=1e-6)
        assert _length(motion, f"{side}_elbow", f"{side}_wrist") == pytest.approx(0.25, abs=1e-6)


def test_a_foot_where_there_is_no_ankle(tmp_path):
    names = {"ankle": "foot", "foot": "toe", "wrist": "hand", "hand": "finger"}

    def spell(name):
        side, _, part = name.partition("_")
        return f"{side}_{names.get(part, part)}" if part else name

    motion = load_bvh_folder(_write(tmp_path / "a.bvh", spell))
    assert _length(motion, "left_knee", "left_ankle") == pytest.approx(0.41, abs=1e-6)
    assert _length(motion, "right_elbow", "right_wrist") == pytest.approx(0.25, abs=1e-6)


def _turn(axis, degrees):
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.eye(3)
    matrix[first, first] = matrix[second, second] = np.cos(np.radians(degrees))
    matrix[second, first] = np.sin(np.radians(degrees))
    matrix[first, second] = -matrix[second, first]
    return matrix


@pytest.mark.parametrize(
    "rest",
    [
        *(_turn(0, 10), _turn(0, 35), _turn(0, -35), _turn(0, 90), _turn(0, -90), _turn(0, 180)),
        *(_turn(2, 20), _turn(2, 90), _turn(2, -90), _turn(1, 120), _turn(1, 33) @ _turn(0, 77)),
    ],
)
def test_the_rest_pose_may_lie_or_lean(tmp_path, rest):
    standing = load_bvh_folder(_write(tmp_path / "standing.bvh")).poses_m
    turned = load_bvh_folder(_write(tmp_path / "turned.bvh", rest=rest)).poses_m
    np.testing.assert_allclose(turned, standing, atol=1e-5)
    # Trunk 52 cm: nose 0.14 of it in front, top of the head 0.44 of it above the neck.
    pose = standing[0] - standing[0, H36M_17.index("thorax")]
    np.testing.assert_allclose(pose[H36M_17.index("nose"), 2], -(1 + 0.14 * 52) / 100, atol=1e-5)


@pytest.mark.parametrize("with_positions", [False, True])
@pytest.mark.parametrize("order", [MPII_16, MPII_16_SPINE])
def test_files_of_the_predictor_are_read(tmp_path, order, with_positions):
    found = []
    for number in range(40):
        body = generate_body(number, 1, size=32).keypoints_3d
        pelvis, neck = body[[6, 8]]
        if pelvis[1] - neck[1] > 0.4:
            found.append(body)
    body = found[0]
    points, _ = convert(body, MPII_16_SPINE, order)
    text, _ = bvh_text([points, points], order, 30.0, with_positions)
    (tmp_path / "a.person0.bvh").write_text(text)
    motion = load_bvh_folder(tmp_path / "a.person0.bvh", unit="cm")
    for name in ("left_ankle", "right_wrist", "left_hip", "pelvis"):
        mine, theirs = motion.poses_m[0, H36M_17.index(name)], points[order.index(name)]
        np.testing.assert_allclose(mine, theirs, atol=2e-4)
    for name, other in (("thorax", "upper_neck"), ("head", "head_top")):
        mine, theirs = motion.poses_m[0, H36M_17.index(name)], points[order.index(other)]
        np.testing.assert_allclose(mine, theirs, atol=2e-4)
