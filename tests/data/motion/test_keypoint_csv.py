"""CSV files of 2D poses as programs write them: headers are obeyed, or refused by name."""

import numpy as np
import pytest

from keras_pose.data.motion import load_keypoints_2d
from keras_pose.skeletons import COCO_17, H36M_17, MPII_16, convert


def _poses(joints=17, num=6):
    return np.random.default_rng(0).uniform(20, 400, (num, joints, 2)).round(2)


def _write(folder, header, rows, separator=","):
    lines = [separator.join(map(str, row)) for row in [*header, *rows]]
    path = folder / "poses.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def _flat(poses):
    return poses.reshape(len(poses), -1).tolist()


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("index", ["", "Unnamed: 0", None])
def test_counted_columns_are_a_header(tmp_path, first, index):
    poses = _poses()
    header, rows = list(range(first, first + 34)), _flat(poses)
    if index is not None:
        header, rows = [index, *header], [[n, *row] for n, row in enumerate(rows)]
    keypoints = load_keypoints_2d(_write(tmp_path, [header], rows))
    np.testing.assert_allclose(keypoints.points_px, poses, rtol=1e-6)


@pytest.mark.parametrize(
    "extra", [["frame", "id"], ["image_name", "person_id"], ["Time", "bbox_x"], ["", "score"]]
)
@pytest.mark.parametrize("joints", [16, 17])
def test_columns_of_something_else_are_no_joints(tmp_path, extra, joints):
    poses = _poses(joints)
    header = [*extra, *(f"{axis}{j}" for j in range(joints) for axis in "xy")]
    rows = [[n, 0, *row] for n, row in enumerate(_flat(poses))]
    keypoints = load_keypoints_2d(_write(tmp_path, [header], rows))
    order = H36M_17 if joints == 17 else MPII_16
    np.testing.assert_allclose(keypoints.points_px, convert(poses, order, H36M_17)[0], rtol=1e-5)


@pytest.mark.parametrize(
    "spell",
    [
        lambda joint, axis: f"{joint}_{axis}",
        lambda joint, axis: f"{axis}_{joint}",
        lambda joint, axis: f"{joint}.{axis.upper()}",
        lambda joint, axis: "".join(w.title() for w in joint.split("_")) + axis.upper(),
        lambda joint, axis: f"{joint.replace('left_', 'L ').replace('right_', 'R ')} {axis}",
    ],
)
@pytest.mark.parametrize("order", [COCO_17, MPII_16, H36M_17])
def test_joints_are_found_by_their_names(tmp_path, spell, order):
    poses = _poses(order.num_joints)
    shuffled = np.random.default_rng(1).permutation(order.num_joints)
    header = [spell(order.joints[j], axis) for j in shuffled for axis in "xy"]
    keypoints = load_keypoints_2d(_write(tmp_path, [header], _flat(poses[:, shuffled])))
    np.testing.assert_allclose(keypoints.points_px, convert(poses, order, H36M_17)[0], rtol=1e-5)


def test_all_x_before_all_y_and_confidences_anywhere(tmp_path):
    poses = _poses()
    header = [f"{axis}{j + 1}" for axis in ("conf", "x", "y") for j in range(17)]
    table = np.concatenate([np.full((6, 17), 0.5), poses[..., 0], poses[..., 1]], axis=1)
    keypoints = load_keypoints_2d(_write(tmp_path, [header], table.tolist()))
    np.testing.assert_allclose(keypoints.points_px, poses, rtol=1e-6)
    np.testing.assert_array_equal(keypoints.confidence, np.full((6, 17), 0.5))
    flags = [name for j in range(17) for name in (f"x{j}", f"y{j}", f"v{j}")]
    table = np.concatenate([poses, np.full((6, 17, 1), 2)], axis=-1)
    keypoints = load_keypoints_2d(_write(tmp_path, [flags], _flat(table)))
    np.testing.assert_array_equal(keypoints.confidence, np.full((6, 17), 2))


def test_the_three_lines_of_deeplabcut(tmp_path):
    poses = _poses()
    table = np.concatenate([poses, np.full((6, 17, 1), 0.9)], axis=-1)
    header = [
        ["scorer", *["DLC_resnet50"] * 51],
        ["bodyparts", *(joint for joint in COCO_17.joints for _ in range(3))],
        ["coords", *["x", "y", "likelihood"] * 17],
    ]
    rows = [[n, *row] for n, row in enumerate(_flat(table))]
    keypoints = load_keypoints_2d(_write(tmp_path, header, rows))
    np.testing.assert_allclose(keypoints.points_px, convert(poses, COCO_17, H36M_17)[0], rtol=1e-5)
    assert keypoints.confidence is not None


@pytest.mark.parametrize("separator", [";", "\t", " ", ", "])
@pytest.mark.parametrize("has_header", [True, False])
def test_other_separators(tmp_path, separator, has_header):
    poses = _poses()
    header = [[f"{axis}{j}" for j in range(17) for axis in "xy"]] if has_header else []
    rows = [[str(v) for v in row] for row in _flat(poses)]
    if separator == ";":
        rows = [[cell.replace(".", ",") for cell in row] for row in rows]
    keypoints = load_keypoints_2d(_write(tmp_path, header, rows, separator))
    np.testing.assert_allclose(keypoints.points_px, poses, rtol=1e-6)


_NAMED = [f"{joint}_{axis}" for joint in COCO_17.joints for axis in "xy"]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (["tail_x", "tail_y", *_NAMED[2:]], "joint 0 is called 'tail' where h36m_17 has 'pelvis'"),
        (["nose_x", "nose_x", *_NAMED[2:]], "two columns of its header are the x of 'nose'"),
        (["nose_x", "ear", *_NAMED[2:]], "its header has no x or no y of 'nose'"),
        ([f"speed {n}a" for n in range(34)], r"no column of its header \('speed 0a' to"),
        ([f"{axis}{j}" for j in (*range(16), 17) for axis in "xy"], "leave none out"),
    ],
)
def test_a_header_that_cannot_be_obeyed_is_refused(tmp_path, header, sentence):
    with pytest.raises(ValueError, match=sentence):
        load_keypoints_2d(_write(tmp_path, [header], _flat(_poses())))


def test_a_header_against_a_named_order_is_refused(tmp_path):
    path = _write(tmp_path, [_NAMED], _flat(_poses()))
    with pytest.raises(ValueError, match="joint 0 is called 'nose' where h36m_17 has 'pelvis'"):
        load_keypoints_2d(path, skeleton="h36m_17")
    load_keypoints_2d(path, skeleton="coco_17")


def test_a_first_column_that_counts_rows_is_no_joint(tmp_path):
    rows = [[n, 0, *row] for n, row in enumerate(_flat(_poses(16)))]
    with pytest.raises(ValueError, match=r"the first column counts the rows \(0, 1, ...\)"):
        load_keypoints_2d(_write(tmp_path, [], rows))
