"""A folder of BVH files as Human3.6M-17: joint names, axes, units, rates, head and spine."""

import json

import numpy as np
import pytest

from keras_pose.data.motion import load_bvh_folder
from keras_pose.skeletons import H36M_17

# A stiff person in centimetres, y up, facing +z, so that the left side is at positive x.
BODY = (
    "Hips", (0, 0, 0), (
        ("RightUpLeg", (-10, 0, 0), (("RightLeg", (0, -45, 0), (("RightFoot", (0, -45, 0), ()),)),)),
        ("LeftUpLeg", (10, 0, 0), (("LeftLeg", (0, -45, 0), (("LeftFoot", (0, -45, 0), ()),)),)),
        ("Spine", (0, 20, 0), (
            ("Spine1", (0, 20, 0), (
                ("Neck", (0, 10, 0), (("Head", (0, 10, 0), ()),)),
                ("LeftShoulder", (5, 8, 0), (
                    ("LeftArm", (12, 0, 0), (
                        ("LeftForeArm", (28, 0, 0), (("LeftHand", (25, 0, 0), ()),)),
                    )),
                )),
                ("RightShoulder", (-5, 8, 0), (
                    ("RightArm", (-12, 0, 0), (
                        ("RightForeArm", (-28, 0, 0), (("RightHand", (-25, 0, 0), ()),)),
                    )),
                )),
            )),
        )),
    ),
)  # fmt: skip

# What that person is at rest in Human3.6M-17, metres, world frame (x, -y, -z), hips at (1, -0.9, -2).
AT_REST = {
    "pelvis": (0, 0, 0), "right_hip": (-10, 0, 0), "right_knee": (-10, -45, 0),
    "right_ankle": (-10, -90, 0), "left_hip": (10, 0, 0), "left_knee": (10, -45, 0),
    "left_ankle": (10, -90, 0), "spine": (0, 25, 0), "thorax": (0, 50, 0),
    "left_shoulder": (17, 48, 0), "left_elbow": (45, 48, 0), "left_wrist": (70, 48, 0),
    "right_shoulder": (-17, 48, 0), "right_elbow": (-45, 48, 0), "right_wrist": (-70, 48, 0),
    # Head joint at 60; trunk 50 and neck 10, so nose 0.22 * 50 - 10 = 1 up and 7 to the front,
    # top of the head 0.44 * 50 - 10 = 12 up and 2 to the front.
    "nose": (0, 61, 7), "head": (0, 72, 2),
}  # fmt: skip


def _bvh(path, rename=None, axes=lambda v: v, scale=1.0, frames=3, frame_time=1 / 60, turn=""):
    """Write the person; `turn` is put before the last channel values, all else stays at rest."""
    lines, count = ["HIERARCHY"], 0

    def write(joint, depth):
        nonlocal count
        name, offset, children = joint
        name = (rename or {}).get(name, name)
        lines.append(f"{'JOINT' if depth else 'ROOT'} {name}\n{{")
        lines.append("OFFSET " + " ".join(f"{v * scale:g}" for v in axes(offset)))
        if depth:
            lines.append("CHANNELS 3 Zrotation Xrotation Yrotation")
        else:
            lines.append("CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation")
        count += 3 if depth else 6
        for child in children:
            write(child, depth + 1)
        if not children:
            end = " ".join(f"{v:g}" for v in axes((0, 1, 0)))
            lines.append(f"End Site\n{{\nOFFSET {end}\n}}")
        lines.append("}")

    write(BODY, 0)
    lines += ["MOTION", f"Frames: {frames}", f"Frame Time: {frame_time:.8f}"]
    for frame in range(frames):
        hips = [v * scale for v in axes((100, 90, 200 + frame))]
        lines.append(" ".join(f"{v:g}" for v in hips + [0.0] * (count - 3)))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")
    return path


def _expected(frame=0):
    points = np.array([AT_REST[name] for name in H36M_17.joints], float) + (100, 90, 200 + frame)
    return points * (0.01, -0.01, -0.01)


def test_a_person_at_rest_by_hand(tmp_path):
    motion = load_bvh_folder(_bvh(tmp_path / "07_12.bvh").parent)
    for frame in range(3):
        np.testing.assert_allclose(motion.poses_m[frame], _expected(frame), atol=1e-6)
    assert abs(motion.frames_per_second - 60.0) < 1e-3
    np.testing.assert_array_equal(motion.subject, 7)
    assert motion.clip_names == ("07_12.bvh",)


def test_left_is_left_and_the_person_faces_the_front(tmp_path):
    """Facing +z in a y-up file is facing -z in the world, where the left hand is at positive x."""
    pose = load_bvh_folder(_bvh(tmp_path / "a.bvh").parent).poses_m[0]
    hips = pose[H36M_17.index("left_hip")] - pose[H36M_17.index("right_hip")]
    up = pose[H36M_17.index("thorax")] - pose[H36M_17.index("pelvis")]
    nose = pose[H36M_17.index("nose")] - pose[H36M_17.index("thorax")]
    assert np.cross(hips, up) @ nose > 0


def test_a_file_with_z_up_is_read_alike_and_noticed_when_forgotten(tmp_path):
    _bvh(tmp_path / "z.bvh", axes=lambda v: (v[0], -v[2], v[1]))
    motion = load_bvh_folder(tmp_path, up_axis="z")
    np.testing.assert_allclose(motion.poses_m[1], _expected(1), atol=1e-6)
    with pytest.raises(ValueError, match="z.bvh: people stand along the z axis; give up_axis='z'"):
        load_bvh_folder(tmp_path)
    other = _bvh(tmp_path / "y" / "y.bvh")
    with pytest.raises(ValueError, match="people stand along the y axis; give up_axis='y'"):
        load_bvh_folder(other.parent, up_axis="z")


@pytest.mark.parametrize(
    ("scale", "unit"),
    [(1.0, "auto"), (0.01, "auto"), (10.0, "auto"), (1 / 2.54, "auto"), (1.0, "cm"), (0.01, "m"), (10.0, "mm"), (1 / 2.54, "inch"), (0.4, 0.025)],  # noqa: E501
)  # fmt: skip
def test_units_are_found_or_given(tmp_path, scale, unit):
    motion = load_bvh_folder(_bvh(tmp_path / "a.bvh", scale=scale).parent, unit=unit)
    np.testing.assert_allclose(motion.poses_m[0], _expected(0), atol=2e-5)


def test_a_unit_of_no_name_makes_the_body_of_usual_height(tmp_path):
    motion = load_bvh_folder(_bvh(tmp_path / "a.bvh", scale=0.17).parent)
    pose = motion.poses_m[0]
    # Legs and trunk are 1.40 of 1.708 m of stature in centimetres, so 1.7 m scales by 0.9953.
    np.testing.assert_allclose(pose, _expected(0) * 1.7 / (1.22 * 1.40), atol=1e-4)


MIXAMO = {name: f"mixamorig:{name}" for name in ("Hips", "Spine", "Spine1", "Neck", "Head")} | {
    f"{side}{part}": f"mixamorig:{side}{part}"
    for side in ("Left", "Right")
    for part in ("UpLeg", "Leg", "Foot", "Shoulder", "Arm", "ForeArm", "Hand")
}
_XSENS_PARTS = {"UpLeg": "Hip", "Leg": "Knee", "Foot": "Ankle", "Shoulder": "Collar", "Arm": "Shoulder", "ForeArm": "Elbow", "Hand": "Wrist"}  # fmt: skip  # noqa: E501
_DAZ_PARTS = {"UpLeg": "Thigh", "Leg": "Shin", "Foot": "Foot", "Shoulder": "Collar", "Arm": "Shldr", "ForeArm": "ForeArm", "Hand": "Hand"}  # fmt: skip  # noqa: E501
_UNREAL_PARTS = {"UpLeg": "thigh", "Leg": "calf", "Foot": "foot", "Shoulder": "clavicle", "Arm": "upperarm", "ForeArm": "lowerarm", "Hand": "hand"}  # fmt: skip  # noqa: E501
_BIPED_PARTS = {"UpLeg": "Thigh", "Leg": "Calf", "Foot": "Foot", "Shoulder": "Clavicle", "Arm": "UpperArm", "ForeArm": "Forearm", "Hand": "Hand"}  # fmt: skip  # noqa: E501
SIDES = (("Left", "l"), ("Right", "r"))
NAMES = {
    "mixamo": MIXAMO,
    "xsens": {s + p: s + q for s, _ in SIDES for p, q in _XSENS_PARTS.items()},
    "daz": {s + p: i + q for s, i in SIDES for p, q in _DAZ_PARTS.items()}
    | {"Hips": "hip", "Neck": "neck", "Head": "head", "Spine": "abdomen", "Spine1": "chest"},
    "unreal": {s + p: f"{q}_{i}" for s, i in SIDES for p, q in _UNREAL_PARTS.items()}
    | {"Hips": "pelvis", "Neck": "neck_01", "Head": "head", "Spine": "spine_01"},
    "biped": {s + p: f"Bip01 {i.upper()} {q}" for s, i in SIDES for p, q in _BIPED_PARTS.items()}
    | {"Hips": "Bip01", "Neck": "Bip01 Neck", "Head": "Bip01 Head", "Spine": "Bip01 Spine"},
    "blender": {s + p: f"{p}.{i.upper()}" for s, i in SIDES for p in _XSENS_PARTS},
}


@pytest.mark.parametrize("family", sorted(NAMES))
def test_joint_names_of_common_skeletons_are_known(tmp_path, family):
    motion = load_bvh_folder(_bvh(tmp_path / "a.bvh", rename=NAMES[family]).parent)
    np.testing.assert_allclose(motion.poses_m[0], _expected(0), atol=1e-6)


def test_a_joint_map_names_unusual_joints(tmp_path):
    folder = _bvh(tmp_path / "a.bvh", rename={"RightLeg": "Knie rechts"}).parent
    with pytest.raises(
        ValueError, match="a.bvh has no joint that looks like 'right_knee'; name it"
    ):
        load_bvh_folder(folder)
    table = tmp_path / "map.json"
    table.write_text(json.dumps({"right_knee": "Knie rechts"}))
    motion = load_bvh_folder(folder, joint_map=table)
    np.testing.assert_allclose(motion.poses_m[0], _expected(0), atol=1e-6)
    for content, sentence in (
        ({"right_knee": "Knie"}, "has no joint 'Knie', which the joint map gives"),
        ({"knee": "Knie rechts"}, "'knee' is not a joint that can be mapped"),
        ({"right_knee": "RightFoot"}, "'right_knee' and 'right_ankle' are the same joint"),
        (["right_knee"], "map.json holds a list, not an object"),
        ({"right_knee": 3}, "which is not a table of joint names"),
    ):
        table.write_text(json.dumps(content))
        with pytest.raises(ValueError, match=sentence):
            load_bvh_folder(folder, joint_map=table)
    table.write_text("{")
    with pytest.raises(ValueError, match="map.json is not valid JSON"):
        load_bvh_folder(folder, joint_map=table)


def test_settings_may_lie_beside_the_files(tmp_path):
    """A trainer passes only the folder: `bvh.json` in it says the rest, and arguments win."""
    rename = {"RightLeg": "Knie rechts"}
    _bvh(tmp_path / "a.bvh", rename=rename, axes=lambda v: (v[0], -v[2], v[1]), scale=0.4, frames=5)
    settings = tmp_path / "bvh.json"
    values = {
        "joint_map": {"right_knee": "Knie rechts"},
        "unit": 0.025,
        "up_axis": "z",
        "skip_frames": 2,
        "licence": "CC0",
    }
    settings.write_text(json.dumps(values))
    motion = load_bvh_folder(tmp_path)
    assert len(motion) == 3 and motion.licence == "CC0"
    np.testing.assert_allclose(motion.poses_m[0], _expected(2), atol=2e-5)
    assert len(load_bvh_folder(tmp_path, skip_frames=0)) == 5
    for change, sentence in (
        ({"units": "cm"}, "bvh.json: 'units' is not a setting; use joint_map, unit"),
        ({"up_axis": "x"}, "bvh.json: up_axis is 'x'"),
        ({"joint_map": ["a"]}, "bvh.json: joint_map is .* not a table of joint names"),
        ({"skip_frames": "1"}, "bvh.json: skip_frames is 1"),
        ({"frames_per_second": "fast"}, "bvh.json: frames_per_second is fast"),
        ({"unit": "ell"}, "a.bvh: unit is 'ell'"),
        ({"unit": ["cm"]}, "a.bvh: unit is"),
    ):
        settings.write_text(json.dumps(values | change))
        with pytest.raises(ValueError, match=sentence):
            load_bvh_folder(tmp_path)
    settings.write_text("[1]")
    with pytest.raises(ValueError, match="bvh.json holds a list, not an object"):
        load_bvh_folder(tmp_path)


def test_exchanged_sides_are_noticed(tmp_path):
    def swapped(parts):
        return {
            side + part: other + part
            for side, other in (("Left", "Right"), ("Right", "Left"))
            for part in parts
        }

    legs, arms = ("UpLeg", "Leg", "Foot"), ("Shoulder", "Arm", "ForeArm", "Hand")
    _bvh(tmp_path / "a.bvh", rename=swapped(legs))
    with pytest.raises(ValueError, match="a.bvh: the shoulders do not fit the hips at rest"):
        load_bvh_folder(tmp_path)
    # With everything exchanged only the toes can tell: here the End Sites of the feet, put in front.
    text = _bvh(tmp_path / "a.bvh").read_text()
    toes = text.replace("End Site\n{\nOFFSET 0 1 0", "End Site\n{\nOFFSET 0 -5 15")
    (tmp_path / "a.bvh").write_text(toes)
    assert len(load_bvh_folder(tmp_path)) == 3
    text = _bvh(tmp_path / "a.bvh", rename=swapped(legs + arms)).read_text()
    toes = text.replace("End Site\n{\nOFFSET 0 1 0", "End Site\n{\nOFFSET 0 -5 15")
    (tmp_path / "a.bvh").write_text(toes)
    with pytest.raises(ValueError, match="a.bvh: the toes do not fit the hips at rest"):
        load_bvh_folder(tmp_path)


def test_a_head_that_looks_backwards_is_noticed(tmp_path):
    path = _bvh(tmp_path / "a.bvh", frames=1)
    lines = path.read_text().splitlines()
    order = [line.split()[1] for line in lines if line.startswith(("ROOT", "JOINT"))]
    values = lines[-1].split()
    values[3 + 3 * order.index("Head") + 2] = "180"
    path.write_text("\n".join([*lines[:-1], " ".join(values)]))
    with pytest.raises(ValueError, match="a.bvh: the nose is behind the body in 100 % of the"):
        load_bvh_folder(tmp_path)


def test_files_are_thinned_to_the_wanted_rate_and_skipped_at_the_start(tmp_path):
    _bvh(tmp_path / "a.bvh", frames=13, frame_time=1 / 120)
    motion = load_bvh_folder(tmp_path, frames_per_second=30, skip_frames=1)
    assert len(motion) == 3 and abs(motion.frames_per_second - 30) < 1e-3
    for row, frame in enumerate((1, 5, 9)):
        np.testing.assert_allclose(motion.poses_m[row], _expected(frame), atol=1e-6)
    with pytest.raises(ValueError, match="a.bvh has 13 frames, and skip_frames=13"):
        load_bvh_folder(tmp_path, skip_frames=13)


def test_subfolders_are_searched_in_order_and_rates_may_differ(tmp_path):
    _bvh(tmp_path / "b" / "x.BVH", frames=2)
    _bvh(tmp_path / "a" / "12_01.bvh", frames=4, frame_time=1 / 30)
    (tmp_path / "a" / "notes.txt").write_text("not motion")
    motion = load_bvh_folder(tmp_path, licence="CC0")
    assert [name.replace("\\", "/") for name in motion.clip_names] == ["a/12_01.bvh", "b/x.BVH"]
    np.testing.assert_array_equal(motion.clip, [0] * 4 + [1] * 2)
    np.testing.assert_array_equal(motion.subject, [12] * 4 + [-1] * 2)
    assert motion.frames_per_second is None and motion.licence == "CC0"
    alone = load_bvh_folder(tmp_path / "b" / "x.BVH")
    assert len(alone) == 2 and alone.clip_names == ("x.BVH",)


def test_bad_arguments_and_folders_are_named(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist"):
        load_bvh_folder(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="has no file that ends in .bvh"):
        load_bvh_folder(tmp_path)
    _bvh(tmp_path / "a.bvh")
    for arguments, sentence in (
        ({"up_axis": "x"}, "up_axis is 'x'; use 'y' or 'z'"),
        ({"unit": "ell"}, "a.bvh: unit is 'ell'"),
        ({"unit": -1.0}, "a.bvh: unit is -1.0"),
        ({"skip_frames": -1}, "skip_frames is -1"),
        ({"frames_per_second": 0}, "frames_per_second is 0"),
        ({"frames_per_second": float("nan")}, "frames_per_second is nan"),
    ):
        with pytest.raises(ValueError, match=sentence):
            load_bvh_folder(tmp_path, **arguments)
    _bvh(tmp_path / "a.bvh", scale=0.0)
    with pytest.raises(ValueError, match="a.bvh: the skeleton has no size at rest"):
        load_bvh_folder(tmp_path)
    text = _bvh(tmp_path / "a.bvh").read_text().replace("100 90 200 ", "1e300 90 200 ")
    (tmp_path / "a.bvh").write_text(text)
    with pytest.raises(ValueError, match="a.bvh has positions that are far too large"):
        load_bvh_folder(tmp_path)


def test_head_and_spine_follow_their_joints(tmp_path):
    """Turn the head 90 degrees to the left and bend Spine1 90 degrees to the front, by hand."""
    path = _bvh(tmp_path / "a.bvh", frames=2)
    lines = path.read_text().splitlines()
    order = [line.split()[1] for line in lines if line.startswith(("ROOT", "JOINT"))]
    values = lines[-1].split()
    # Channels are Z, X, Y; the root's three rotations stand behind its three positions.
    values[3 + 3 * order.index("Head") + 2] = "90"
    lines[-2] = " ".join(values)
    values[3 + 3 * order.index("Head") + 2] = "0"
    values[3 + 3 * order.index("Spine1") + 1] = "90"
    lines[-1] = " ".join(values)
    path.write_text("\n".join(lines))
    motion = load_bvh_folder(tmp_path)
    hips = np.array([[100, 90, 201]] * 2, float)

    def expected(point):
        return (np.array(point) + hips[0]) * (0.01, -0.01, -0.01)

    names = H36M_17.index
    # About y by 90: z becomes x, so the nose 7 to the front goes 7 to the left.
    np.testing.assert_allclose(motion.poses_m[0, names("nose")], expected((7, 61, 0)), atol=1e-6)
    np.testing.assert_allclose(motion.poses_m[0, names("head")], expected((2, 72, 0)), atol=1e-6)
    # Spine1 stands at 40; about x by 90 what was above it lies in front: neck 10, head joint 20.
    np.testing.assert_allclose(motion.poses_m[1, names("thorax")], expected((0, 40, 10)), atol=1e-6)
    np.testing.assert_allclose(motion.poses_m[1, names("spine")], expected((0, 25, 0)), atol=1e-6)
    # In the head's frame the nose is 1 up and 7 to the front: front is now down.
    np.testing.assert_allclose(motion.poses_m[1, names("nose")], expected((0, 33, 21)), atol=1e-6)
