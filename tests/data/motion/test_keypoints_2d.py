"""A user's own 2D poses: every layout by hand, every wrong one with its sentence."""

import json
import pathlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keras_pose.data.motion import Keypoints2D, load_keypoints_2d
from keras_pose.skeletons import COCO_17, H36M_17

REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "poses2d_real"


def _poses(num=3, joints=17, parts=2):
    # From 7, since a joint at (0, 0) is one that was not seen, and a row from 0 or 1 on a header.
    return 7.0 + np.arange(num * joints * parts).reshape(num, joints, parts)


def _coco(num=2):
    people = np.zeros((num, 17, 3))
    people[..., 0] = 100 + np.arange(17)
    people[..., 1] = 200 + 2 * np.arange(17)
    people[..., 2] = 0.9
    return people


def _results(people):
    return [
        {"image_id": i, "category_id": 1, "keypoints": p.reshape(-1).tolist(), "score": 0.9}
        for i, p in enumerate(people)
    ]


def test_npy_with_and_without_confidence(tmp_path):
    np.save(tmp_path / "a.npy", _poses())
    plain = load_keypoints_2d(tmp_path / "a.npy")
    np.testing.assert_array_equal(plain.points_px, _poses())
    assert plain.points_px.dtype == np.float32
    assert plain.confidence is None and plain.known.all() and plain.source == "a.npy"
    with_confidence = np.concatenate([_poses(), np.full((3, 17, 1), 0.5)], axis=-1)
    with_confidence[1, 4, 2] = 0.0  # a joint that was not seen
    np.save(tmp_path / "b.npy", with_confidence)
    scored = load_keypoints_2d(tmp_path / "b.npy")
    np.testing.assert_array_equal(scored.points_px, _poses()[[0, 2]])
    np.testing.assert_array_equal(scored.confidence, np.full((2, 17), 0.5))
    assert scored.num_dropped == 1 and len(scored) == 2


def test_npz_with_separate_confidence(tmp_path):
    confidence = np.full((3, 17), 0.8)
    confidence[0, 0] = 0.3
    np.savez(tmp_path / "a.npz", keypoints_2d=_poses(), confidence=confidence)
    assert len(load_keypoints_2d(tmp_path / "a.npz")) == 3
    assert load_keypoints_2d(tmp_path / "a.npz", min_confidence=0.5).num_dropped == 1
    np.savez(tmp_path / "b.npz", keypoints_2d=_poses(), confidence=confidence[:, :5])
    with pytest.raises(ValueError, match=r"b.npz: 'confidence' has shape \(3, 5\)"):
        load_keypoints_2d(tmp_path / "b.npz")
    with pytest.raises(ValueError, match="none of its 3 people has all needed joints"):
        load_keypoints_2d(tmp_path / "a.npz", min_confidence=0.95)


@pytest.mark.parametrize("as_annotations", [False, True])
def test_coco_people_become_human36m_joints(tmp_path, as_annotations):
    people = _coco()
    content = _results(people)
    if as_annotations:
        content = {"images": [], "annotations": content}
    (tmp_path / "people.json").write_text(json.dumps(content))
    keypoints = load_keypoints_2d(tmp_path / "people.json")
    points = keypoints.points_px[0]
    coco = {name: people[0, i, :2] for i, name in enumerate(COCO_17.joints)}
    for name in ("left_knee", "right_wrist", "left_shoulder", "nose"):
        np.testing.assert_allclose(points[H36M_17.index(name)], coco[name])
    hips = 0.5 * (coco["left_hip"] + coco["right_hip"])
    np.testing.assert_allclose(points[H36M_17.index("pelvis")], hips)
    assert not keypoints.known[H36M_17.index("head")] and keypoints.known.sum() == 16
    np.testing.assert_allclose(keypoints.confidence, 0.9, rtol=1e-6)


def test_only_joints_that_are_needed_must_be_seen(tmp_path):
    people = _coco(3)
    people[0, COCO_17.index("left_eye"), 2] = 0.0  # Human3.6M-17 needs no eyes
    people[1, COCO_17.index("left_ankle"), 2] = 0.0
    (tmp_path / "people.json").write_text(json.dumps(_results(people)))
    keypoints = load_keypoints_2d(tmp_path / "people.json")
    assert len(keypoints) == 2 and keypoints.num_dropped == 1


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("names", [True, False])
def test_csv_with_header_and_picture_names(tmp_path, header, names):
    rows = [
        ([f"picture {i}.jpg"] if names else []) + [f"{v:g}" for v in pose.reshape(-1)]
        for i, pose in enumerate(_poses())
    ]
    head = (["image"] if names else []) + [f"{axis}{j}" for j in range(17) for axis in "xy"]
    lines = [",".join(row) for row in ([head] if header else []) + rows]
    (tmp_path / "a.csv").write_text("\r\n".join(lines) + "\n\n", encoding="utf-8-sig")
    np.testing.assert_array_equal(load_keypoints_2d(tmp_path / "a.csv").points_px, _poses())


def _named_people(names, people):
    category = {"id": 1, "name": "person", "keypoints": list(names)}
    return {"categories": [category], "annotations": _results(people)}


@pytest.mark.parametrize("order", [COCO_17, H36M_17])
def test_joints_stand_where_the_category_names_them(tmp_path, order):
    people = _coco(2)
    people[..., 1] += 3 * np.arange(17) ** 2
    shuffled = np.random.default_rng(0).permutation(17)
    names = [order.joints[j] for j in shuffled]
    content = _named_people(names, people[:, shuffled])
    (tmp_path / "people.json").write_text(json.dumps(content))
    keypoints = load_keypoints_2d(tmp_path / "people.json")
    wrist = people[:, order.index("left_wrist"), :2]
    np.testing.assert_allclose(keypoints.points_px[:, H36M_17.index("left_wrist")], wrist)
    assert load_keypoints_2d(tmp_path / "people.json", skeleton=order.name).known.sum() >= 16


def test_other_joints_than_a_persons_are_refused_by_the_first(tmp_path):
    names = ["left_eye", "right_eye", "nose", "neck", "tail", *COCO_17.joints[5:]]
    (tmp_path / "dogs.json").write_text(json.dumps(_named_people(names, _coco())))
    with pytest.raises(ValueError, match="joint 0 is called 'left_eye' where coco_17 has 'nose'"):
        load_keypoints_2d(tmp_path / "dogs.json")
    content = _named_people(COCO_17.joints, _coco())
    content["categories"].append({"id": 2.0, "keypoints": names})
    content["annotations"][1]["category_id"] = 2
    (tmp_path / "both.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="its categories name different joints"):
        load_keypoints_2d(tmp_path / "both.json")


def test_objects_without_joints_are_counted(tmp_path):
    results = _results(_coco(3))
    results[0]["keypoints"] = []
    del results[2]["keypoints"]
    (tmp_path / "people.json").write_text(json.dumps(results))
    keypoints = load_keypoints_2d(tmp_path / "people.json")
    assert len(keypoints) == 1 and keypoints.num_dropped == 2


def test_sixteen_joints_are_mpii_and_another_order_can_be_named(tmp_path):
    np.save(tmp_path / "mpii.npy", _poses(joints=16))
    keypoints = load_keypoints_2d(tmp_path / "mpii.npy")
    np.testing.assert_array_equal(keypoints.points_px[:, H36M_17.index("pelvis")], _poses(joints=16)[:, 6])  # fmt: skip  # noqa: E501
    np.testing.assert_array_equal(keypoints.points_px[:, H36M_17.index("left_wrist")], _poses(joints=16)[:, 15])  # fmt: skip  # noqa: E501
    assert not keypoints.known[H36M_17.index("nose")]
    np.save(tmp_path / "dhp.npy", _poses())
    named = load_keypoints_2d(tmp_path / "dhp.npy", skeleton="mpi_inf_3dhp_17")
    np.testing.assert_array_equal(named.points_px[:, 0], _poses()[:, 14])
    with pytest.raises(ValueError, match="There is no skeleton 'h37m_17'"):
        load_keypoints_2d(tmp_path / "dhp.npy", skeleton="h37m_17")
    with pytest.raises(ValueError, match="dhp.npy: poses have 17 joints, but mpii_16 has 16"):
        load_keypoints_2d(tmp_path / "dhp.npy", skeleton="mpii_16")


def _with_missing(people, *places, value=0.0):
    """People with single joints where programs write those they did not see."""
    people = np.array(people, np.float64)
    for person, joint in places:
        people[person, joint, :2] = value
    return people


@pytest.mark.parametrize("value", [0.0, -0.0, -1.0])
@pytest.mark.parametrize("ending", [".npy", ".npz", ".csv"])
def test_a_joint_in_the_corner_is_missing(tmp_path, ending, value):
    poses = _with_missing(_poses(5), (1, 3), (3, 16), (3, 0), value=value)
    path = tmp_path / f"poses{ending}"
    if ending == ".csv":
        np.savetxt(path, poses.reshape(5, -1), delimiter=",")
    else:
        np.savez(path, keypoints_2d=poses) if ending == ".npz" else np.save(path, poses)
    with pytest.warns(UserWarning, match=r"2 of 5 people have joints at exactly \(0, 0\)"):
        keypoints = load_keypoints_2d(path)
    np.testing.assert_array_equal(keypoints.points_px, _poses(5)[[0, 2, 4]])
    assert keypoints.num_dropped == 2


@pytest.mark.parametrize("flag", [0.11, 2])
def test_a_joint_in_the_corner_is_missing_whatever_its_confidence(tmp_path, flag):
    people = _with_missing(_coco(3), (1, COCO_17.index("left_wrist")))
    people[..., 2] = flag
    people[0, COCO_17.index("left_eye"), :2] = 0  # Human3.6M-17 needs no eyes
    (tmp_path / "people.json").write_text(json.dumps(_results(people)))
    with pytest.warns(
        UserWarning, match="1 of 3 people .* most often 'left_wrist'; they were left"
    ):
        keypoints = load_keypoints_2d(tmp_path / "people.json")
    assert len(keypoints) == 2 and keypoints.num_dropped == 1


def test_where_everybody_lacks_a_joint_nobody_is_left(tmp_path):
    np.save(tmp_path / "bust.npy", _with_missing(_poses(2), (0, 3), (1, 3)))
    with pytest.raises(ValueError, match="2 of 2 people .* 'right_ankle'; nobody is left"):
        load_keypoints_2d(tmp_path / "bust.npy")


def test_poses_about_their_pelvis_lack_no_pelvis(tmp_path):
    poses = _poses(3) - _poses(3)[:, 5:6]
    poses = poses[:, [5, 0, 1, 2, 3, 4, *range(6, 17)]]
    np.save(tmp_path / "centred.npy", poses)
    np.testing.assert_array_equal(load_keypoints_2d(tmp_path / "centred.npy").points_px, poses)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (
            np.zeros((5, 2, 17)),
            r"shape \(5, 2, 17\) \(coordinates before joints: use numpy.swapaxes",
        ),
        (np.zeros((5, 34)), r"shape \(5, 34\) \(if a row is x0,y0,x1,y1,...: use array.reshape"),
        (np.zeros((17, 2)), r"shape \(17, 2\) \(for a single pose: use array\[None\]\)"),
        (np.zeros((5, 18, 2)), "poses have 18 joints, but h36m_17 has 17"),
        (np.zeros((0, 17, 2)), "holds no pose"),
        (np.zeros((5, 17, 2)), "5 poses, the first in row 0, have all joints in one point"),
        (np.full((2, 17, 2), "a"), "are of type"),
        (np.zeros((5, 17, 2), complex), "are of type complex128"),
        (np.array([{}]), "damaged or not an array of numbers"),
        (np.float64(3), r"shape \(\)"),
    ],
)
def test_a_wrong_array_is_explained(tmp_path, array, sentence):
    np.save(tmp_path / "bad.npy", array)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_keypoints_2d(tmp_path / "bad.npy")
    assert str(caught.value).startswith(str(tmp_path / "bad.npy"))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_poses_that_are_not_finite_are_named_by_row(tmp_path, value):
    poses = _poses(4)
    poses[2, 5, 1] = value
    np.save(tmp_path / "bad.npy", poses)
    with pytest.raises(ValueError, match="bad.npy: 1 poses, the first in row 2, have coordinates"):
        load_keypoints_2d(tmp_path / "bad.npy")


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.txt", b"1,2", "ends in '.txt', which is not .npy, .npz, .json or .csv"),
        ("a.npy", b"", "is empty"),
        ("a.npy", b"\x93NUMPY\x01\x00v\x00", "is damaged"),
        ("a.npy", b"hello world, no array", "is damaged"),
        ("a.npz", b"PK\x03\x04 broken", "a.npz"),
        ("a.json", b"{", "is not valid JSON"),
        ("a.json", b"\xff\xfe\x00", "is not valid JSON"),
        ("a.json", b"[" * 100_000, "is not valid JSON"),
        ("a.json", b"{}", "has no list of people"),
        ("a.json", b"[]", "has no list of people"),
        ("a.json", b'[{"image_id": 3}]', "person 0 has .* numbers in 'keypoints' where 51"),
        ("a.json", b'[{"keypoints": [1, 2, 3]}]', "person 0 has 3 numbers"),
        ("a.json", b'[{"keypoints": "none"}]', "person 0 has 0 numbers"),
        ("a.csv", b"x0,y0\n", "has no row of numbers"),
        ("a.csv", b"1,2,3\n", "has 3 numbers per row where 34 or 51"),
        ("a.csv", b"1,2\n1,2,3\n", "line 2: 3 numbers, but the first row has 2"),
        ("a.csv", b"1,2\n1,oops\n", "line 2: a cell is not a number"),
        ("a.csv", b"\xff\xfe\x31", "is not a CSV file"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=sentence) as caught:
        load_keypoints_2d(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="nothing.npy does not exist"):
        load_keypoints_2d(tmp_path / "nothing.npy")


def test_people_on_their_heads_are_warned_about(tmp_path):
    poses = np.full((30, 17, 2), 5.0)
    poses[:, H36M_17.index("head"), 1] = 100.0  # larger y is lower
    np.save(tmp_path / "up.npy", poses)
    with pytest.warns(UserWarning, match="up.npy: nearly all people stand on their heads"):
        load_keypoints_2d(tmp_path / "up.npy")
    np.save(tmp_path / "down.npy", -poses)
    assert len(load_keypoints_2d(tmp_path / "down.npy")) == 30


def test_the_class_itself_refuses_what_is_not_poses():
    with pytest.raises(ValueError, match="mine: 2D poses have shape"):
        Keypoints2D(np.zeros((3, 16, 2)), "mine")
    with pytest.raises(ValueError, match="mine: pose 1 is not finite"):
        Keypoints2D(np.stack([np.zeros((17, 2)), np.full((17, 2), np.nan)]), "mine")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip  # noqa: E501
@given(st.sampled_from([".npy", ".npz", ".json", ".csv"]), st.binary(min_size=1, max_size=120))
def test_any_bytes_give_poses_or_one_sentence(tmp_path, ending, content):
    path = tmp_path / f"fuzz{ending}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="fuzz"):
        load_keypoints_2d(path)


@pytest.mark.skipif(not REAL.is_dir(), reason="reference data beside the checkout is absent")
def test_real_mpii_annotations_are_read(tmp_path):
    keypoints = load_keypoints_2d(REAL / "mpii_train_joints.csv")
    assert len(keypoints) == 17_928
    head, pelvis = keypoints.points_px[:, H36M_17.index("head")], keypoints.points_px[:, 0]
    assert (head[:, 1] < pelvis[:, 1]).mean() > 0.9


def _shares(num=3):
    """Poses within a picture of 640 x 480 px, in shares of its sides."""
    pixels = np.random.default_rng(0).uniform((200, 40), (440, 470), (num, 17, 2))
    return pixels, pixels / (640, 480)


@pytest.mark.parametrize("ending", [".npy", ".json"])
def test_shares_of_the_picture_are_refused_or_multiplied(tmp_path, ending):
    pixels, shares = _shares()
    path = tmp_path / f"poses{ending}"
    if ending == ".npy":
        np.save(path, shares)
    else:
        path.write_text(json.dumps(_results(np.concatenate([shares, np.ones((3, 17, 1))], -1))))
    with pytest.raises(ValueError, match=r"lie between 0 and 1, .*: --picture_size=640x480"):
        load_keypoints_2d(path)
    scaled = load_keypoints_2d(path, picture_size=(640, 480))
    knee = COCO_17.index("left_knee") if ending == ".json" else H36M_17.index("left_knee")
    np.testing.assert_allclose(
        scaled.points_px[:, H36M_17.index("left_knee")], pixels[:, knee], rtol=1e-5
    )


def test_joints_a_little_outside_and_unseen_ones_change_nothing(tmp_path):
    _, shares = _shares()
    shares[0, 3] = [0.5, 1.07]
    shares[1, 4] = [-0.03, 0.4]
    table = np.concatenate([shares, np.ones((3, 17, 1))], -1)
    table[2, 5] = [400, 300, 0]
    np.save(tmp_path / "poses.npy", table)
    with pytest.raises(ValueError, match="lie between 0 and 1"):
        load_keypoints_2d(tmp_path / "poses.npy")


def test_pixels_are_not_multiplied_and_tiny_poses_are_said(tmp_path):
    pixels, shares = _shares()
    np.save(tmp_path / "pixels.npy", pixels)
    with pytest.raises(ValueError, match="so they are already pixels; omit --picture_size"):
        load_keypoints_2d(tmp_path / "pixels.npy", picture_size=(640, 480))
    np.save(tmp_path / "centred.npy", shares - shares.mean(1, keepdims=True))
    with pytest.warns(UserWarning, match="so they are not pixels; x and y must have the same unit"):
        load_keypoints_2d(tmp_path / "centred.npy")
