"""The BVH parser and its kinematics: positions by hand, tolerance, and any damage in one sentence."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_pose.data.motion.bvh import pose_joints, read_bvh

# A root, a hinge one unit above it, a hand two units to the side of that.
ARM = """HIERARCHY
ROOT Hips
{
  OFFSET 0 0 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT Elbow
  {
    OFFSET 0 1 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    End Site
    {
      OFFSET 2 0 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.05
0 0 0 0 0 0 0 0 0
10 20 30 90 0 0 0 0 90
"""


def _write(path, text):
    path.write_text(text)
    return path


def _read(tmp_path, text):
    return read_bvh(_write(tmp_path / "file.bvh", text))


def test_hierarchy_and_motion_are_read(tmp_path):
    motion = _read(tmp_path, ARM)
    assert motion.names == ("Hips", "Elbow", "Elbow end")
    assert motion.parents == (-1, 0, 1)
    np.testing.assert_array_equal(motion.offsets, [[0, 0, 0], [0, 1, 0], [2, 0, 0]])
    assert motion.channels[0][:4] == ("xposition", "yposition", "zposition", "zrotation")
    assert motion.channels[2] == ()
    assert motion.values.shape == (2, 9) and motion.frame_time_s == 0.05


def test_positions_by_hand(tmp_path):
    positions, rotations = pose_joints(_read(tmp_path, ARM))
    np.testing.assert_allclose(positions[0], [[0, 0, 0], [0, 1, 0], [2, 1, 0]], atol=1e-12)
    # The root turns by 90 degrees about z (y becomes -x), the elbow by 90 about its y (x becomes -z).
    np.testing.assert_allclose(positions[1], [[10, 20, 30], [9, 20, 30], [9, 20, 28]], atol=1e-12)
    np.testing.assert_allclose(rotations[1, 0], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-12)
    rows, _ = pose_joints(_read(tmp_path, ARM), slice(1, None))
    np.testing.assert_array_equal(rows, positions[1:])


@pytest.mark.parametrize(
    ("order", "angles", "hand"),
    [
        # R = R_z(90) R_x(90): the vector (0, 0, 1) goes to R_z(0, -1, 0) = (1, 0, 0).
        ("Zrotation Xrotation Yrotation", "90 90 0", (1, 0, 0)),
        # R = R_x(90) R_z(90): (0, 0, 1) goes to R_x(0, 0, 1) = (0, -1, 0).
        ("Xrotation Zrotation Yrotation", "90 90 0", (0, -1, 0)),
        # R = R_y(90) R_x(90): (0, 0, 1) goes to R_y(0, -1, 0) = (0, -1, 0).
        ("Yrotation Xrotation Zrotation", "90 90 0", (0, -1, 0)),
        # R = R_x(90) R_y(90): (0, 0, 1) goes to R_x(1, 0, 0) = (1, 0, 0).
        ("Xrotation Yrotation Zrotation", "90 90 0", (1, 0, 0)),
    ],
)
def test_rotations_apply_in_the_order_of_the_channels(tmp_path, order, angles, hand):
    text = f"""HIERARCHY
ROOT Hips
{{
OFFSET 0 0 0
CHANNELS 3 {order}
End Site
{{
OFFSET 0 0 1
}}
}}
MOTION
Frames: 1
Frame Time: 0.1
{angles}
"""
    positions, _ = pose_joints(_read(tmp_path, text))
    np.testing.assert_allclose(positions[0, 1], hand, atol=1e-12)


def test_position_channels_replace_the_offset_along_their_axis(tmp_path):
    text = ARM.replace("CHANNELS 3 Zrotation Xrotation Yrotation", "CHANNELS 2 Yposition Zrotation")
    text = text.replace("0 0 0 0 0 0 0 0 0\n", "0 0 0 0 0 0 5 0\n")
    text = text.replace("10 20 30 90 0 0 0 0 90\n", "0 0 0 0 0 0 6 90\n")
    positions, _ = pose_joints(_read(tmp_path, text))
    np.testing.assert_allclose(positions[0, 1], [0, 5, 0], atol=1e-12)
    np.testing.assert_allclose(positions[1], [[0, 0, 0], [0, 6, 0], [0, 8, 0]], atol=1e-12)


def test_spelling_spaces_and_braces_may_vary(tmp_path):
    squeezed = ARM.replace("\n{", " {").replace("JOINT Elbow", "joint\tLeft Elbow: 1")
    squeezed = squeezed.replace("HIERARCHY", "Hierarchy").replace("ROOT Hips", "root   Hips")
    squeezed = squeezed.replace("OFFSET 2 0 0\n    }\n  }\n}", "OFFSET\t2 0 0 }}  }")
    squeezed = squeezed.replace("Frames: 2", "Frames:\t2").replace("Zrotation", "ZROTATION")
    motion = _read(tmp_path, squeezed.replace("\n", "\r\n\r\n"))
    assert motion.names == ("Hips", "Left Elbow: 1", "Left Elbow: 1 end")
    plain = _read(tmp_path, ARM)
    np.testing.assert_array_equal(pose_joints(motion)[0], pose_joints(plain)[0])


def test_two_roots_are_read(tmp_path):
    second = "ROOT Prop\n{\nOFFSET 7 0 0\nCHANNELS 1 Yrotation\n}\nMOTION"
    text = (
        ARM.replace("MOTION", second)
        .replace("0 0 0\n10", "0 0 0 0\n10")
        .replace("0 90\n", "0 90 0\n")
    )
    motion = _read(tmp_path, text)
    assert motion.parents == (-1, 0, 1, -1)
    np.testing.assert_array_equal(pose_joints(motion)[0][:, 3], [[7, 0, 0], [7, 0, 0]])


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("HIERARCHY", "HIRARCHY", "line 1: 'HIRARCHY' stands where HIERARCHY belongs"),
        ("ROOT Hips", "ROOT", "line 2: 'ROOT' stands where a joint with a name"),
        ("OFFSET 0 1 0", "OFFSET 0 1", r"line 8: '0 1' stands where OFFSET \(3 numbers\)"),
        ("OFFSET 0 1 0", "OFFSET 0 one 0", "line 8: '0 one 0' stands where OFFSET"),
        ("OFFSET 0 1 0", "OFFSET 0 nan 0", "line 8: '0 nan 0' stands where OFFSET"),
        ("OFFSET 0 1 0", "", "line 9: 'CHANNELS 3 Zrotation .* stands where OFFSET"),
        ("CHANNELS 3 Z", "CHANNELS 4 Z", "line 9: 'CHANNELS 4 .* stands where CHANNELS with"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", "line 9: .* stands where CHANNELS with"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Xrotation", "line 9: .* stands where CHANNELS with"),
        ("JOINT Elbow", "LIMB Elbow", "line 6: 'LIMB Elbow' stands where JOINT, End Site or '}'"),
        ("}\nMOTION", "MOTION", "line 15: 'MOTION' stands where JOINT"),
        ("}\nMOTION", "}\n}\nMOTION", "line 16: '}' stands where ROOT or MOTION"),
        ("MOTION", "MOVE", "line 16: 'MOVE' stands where ROOT or MOTION"),
        ("Frames: 2", "Frames: two", "line 17: 'Frames: two' stands where 'Frames: <number>'"),
        ("Frames: 2", "Frames: 3", "line 20: the file announces 3 frames and has 2"),
        ("Frames: 2", "Frames: 4", "the file announces 4 frames and has 2"),
        ("Frame Time: 0.05", "Frame Time: 16", "'Frame Time: 16' means 0.0625 frames per second"),
        ("Frame Time: 0.05", "Frame Time: 33333", "'Frame Time: 33333' means 3e-05 frames per second"),
        ("Frame Time: 0.05", "Frame Time: 0.00003", "means 3.33e.04 frames per second"),
        ("Frame Time: 0.05", "Frame Time: 0", "line 18: .* stands where a frame time above 0"),
        ("Frame Time: 0.05", "Frame Time:", "line 18: .* stands where the seconds of a frame"),
        ("10 20 30", "20 30", r"line 20: '20 30 90 .* stands where a frame \(9 numbers\)"),
        ("10 20 30", "10 x 30", "line 20: '10 x 30"),
        ("10 20 30", "10 inf 30", "line 20: '10 inf 30"),
        ("\n10 20 30 90 0 0 0 0 90", "", "the file announces 2 frames and has 1"),
    ],
)  # fmt: skip
def test_a_broken_line_is_named(tmp_path, old, new, sentence):
    assert old in ARM
    with pytest.raises(
        ValueError, match=f"file.bvh, {sentence}" if "line" in sentence else sentence
    ):
        _read(tmp_path, ARM.replace(old, new, 1))


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: text.encode("utf-16"),
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        lambda text: text.encode("utf-16-le"),
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: text.replace("\n", "\r").encode(),
        lambda text: (
            text.replace("0.05", "0,05").replace("10 20 30 90", "10,0 20,0 30 90").encode()
        ),
        lambda text: text.replace("Frames: 2", "Frames:\t2.0").replace("Time:", "Time").encode(),
    ],
)
def test_text_as_other_programs_write_it(tmp_path, encode):
    assert "Frames: 2" in ARM and "0.05" in ARM and "10 20 30 90" in ARM
    (tmp_path / "file.bvh").write_bytes(encode(ARM))
    motion, plain = read_bvh(tmp_path / "file.bvh"), _read(tmp_path, ARM)
    assert motion.names == plain.names and motion.frame_time_s == 0.05
    np.testing.assert_array_equal(motion.values, plain.values)


@pytest.mark.parametrize("announced", [0, 1])
def test_full_rows_beyond_the_announced_number_are_read_with_a_note(tmp_path, announced):
    with pytest.warns(UserWarning, match=f"announces {announced} frames and has 2; all were read"):
        motion = _read(tmp_path, ARM.replace("Frames: 2", f"Frames: {announced}"))
    assert len(motion.values) == 2


def test_a_row_beyond_the_announced_number_must_be_full(tmp_path):
    text = ARM.replace("Frames: 2", "Frames: 1").replace("10 20 30 90 0 0 0 0 90", "10 20 30")
    with pytest.raises(ValueError, match=r"line 20: '10 20 30' stands where a frame"):
        _read(tmp_path, text)


@pytest.mark.parametrize(
    ("said", "unit", "rate"),
    [
        *(("30", "frames per second", 30), ("120", "frames per second", 120)),
        *(("25", "frames per second", 25), ("59.94", "frames per second", 59.94)),
        *(("33.3333", "milliseconds", 30), ("8.33", "milliseconds", 120.05)),
        *(("16.667", "milliseconds", 60), ("33", "milliseconds", 30.3), ("20", "milliseconds", 50)),
        *(("40", "milliseconds", 25), ("10", "milliseconds", 100)),
    ],
)
def test_a_frame_time_with_one_plausible_reading_is_read_so(tmp_path, said, unit, rate):
    with pytest.warns(UserWarning, match=f"'Frame Time: {said}' was read as {unit}"):
        motion = _read(tmp_path, ARM.replace("Frame Time: 0.05", f"Frame Time: {said}"))
    assert 1 / motion.frame_time_s == pytest.approx(rate, rel=1e-3)


def test_a_slow_rate_is_named(tmp_path):
    with pytest.warns(UserWarning, match="'Frame Time: 1' means 1 frames per second; correct it"):
        assert _read(tmp_path, ARM.replace("0.05", "1")).frame_time_s == 1


@pytest.mark.parametrize("lines", range(1, 19))
def test_a_file_that_is_cut_off_is_named(tmp_path, lines):
    text = "\n".join(ARM.split("\n")[:lines])
    with pytest.raises(ValueError, match=r"file.bvh, line \d+: .*(ends where|announces)"):
        _read(tmp_path, text)


def test_missing_and_empty_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="none.bvh does not exist"):
        read_bvh(tmp_path / "none.bvh")
    with pytest.raises(ValueError, match="file.bvh is empty"):
        _read(tmp_path, "")
    with pytest.raises(ValueError, match="file.bvh, line 2: the file ends where HIERARCHY"):
        _read(tmp_path, "\n\n")


def test_a_very_deep_hierarchy_needs_no_recursion(tmp_path):
    depth = 3000
    joint = "JOINT a {{ OFFSET 0 1 0 CHANNELS 1 Zrotation"
    text = "HIERARCHY\n" + "ROOT a {\nOFFSET 0 0 0\nCHANNELS 1 Zrotation\n"
    text += (joint.replace("{{", "{\n").replace("CH", "\nCH") + "\n") * depth + "}\n" * (depth + 1)
    text += "MOTION\nFrames: 1\nFrame Time: 1\n" + "0 " * (depth + 1)
    positions, _ = pose_joints(_read(tmp_path, text))
    np.testing.assert_allclose(positions[0, -1], [0, depth, 0])


_TMP = {"suppress_health_check": [HealthCheck.function_scoped_fixture], "deadline": None}


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=150, **_TMP)
@given(st.data())
def test_any_damage_gives_a_motion_or_one_sentence(tmp_path, data):
    at = data.draw(st.integers(0, len(ARM) - 1))
    cut = data.draw(st.integers(0, 12))
    put = data.draw(st.text(alphabet="{}0123456789.-eE \n\tXZrotation:JOINTEndSe\0é", max_size=8))
    path = tmp_path / "fuzz.bvh"
    path.write_text(ARM[:at] + put + ARM[at + cut :], encoding="utf-8")
    try:
        with np.errstate(all="ignore"):
            pose_joints(read_bvh(path))
    except ValueError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


@pytest.mark.filterwarnings("ignore::UserWarning")
@settings(max_examples=80, **_TMP)
@given(st.binary(min_size=1, max_size=100))
def test_any_bytes_give_one_sentence(tmp_path, content):
    path = tmp_path / "fuzz.bvh"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fuzz.bvh"):
        read_bvh(path)
