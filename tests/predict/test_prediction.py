"""From commands to files, with small contract models whose answers are known."""

import dataclasses
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.data.motion.bvh import pose_joints, read_bvh
from keras_pose.predict import POSE_FORMATS, network
from keras_pose.predict import command as predict_command
from keras_pose.predict.prediction import predict_files
from keras_pose.predict.settings import PredictConfig
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16
from tests.predict import served_people
from tests.predict.commands import config, loaded, run, write
from tests.predict.served_people import picture, shape
from tests.train.command_server import shared_server

HEIGHT, WIDTH = 120, 160


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    top = tmp_path_factory.mktemp("models")
    return {kind: str(served_people.save(top / kind / "1", kind)) for kind in ("body", "hand")}


@pytest.fixture(autouse=True)
def _load_once(monkeypatch):
    """Loading a model takes seconds, and all tests use two."""
    monkeypatch.setattr(network, "ServedPose", loaded)


def _project(points, camera):
    rays = np.array(points) @ np.array(camera).T
    return rays[:, :2] / rays[:, 2:]


@pytest.mark.parametrize("kind", ["body", "hand"])
def test_points_come_back_to_the_picture(models, tmp_path, kind):
    path = write(tmp_path / "person.png")
    content = run(models[kind], path, tmp_path / "out", boxes="50,20,60,80", focal_px=300.0)
    (pose,) = content["poses"]
    # The square of the longer side, 80, times 1.25 about (80, 60).
    np.testing.assert_allclose(pose["box"], [30, 10, 100, 100], atol=1e-3)
    points = np.array(pose["keypoints_2d_px"])
    root = {"body": MPII_16, "hand": HAND_21_FREIHAND}[kind].root
    np.testing.assert_allclose(points[root], [80.0, 60.0], atol=0.2)
    np.testing.assert_allclose(points - points[root], shape(kind)[0] * 100, atol=2e-3)
    camera = [[300.0, 0, 80.0], [0, 300.0, 60.0], [0, 0, 1.0]]
    np.testing.assert_allclose(_project(pose["keypoints_3d_m"], camera), points, atol=2e-2)
    assert pose["kind"] == kind and pose["side"] == ("right" if kind == "hand" else None)
    assert not pose["is_root_relative"]
    assert content["pictures"]["person.png"]["intrinsics_px"] == camera
    assert content["camera"].startswith("given: a focal length of 300 px")
    assert content["skeletons"][kind]["joints"][root] in ("pelvis", "wrist")


def test_a_left_hand_is_the_mirror_image_of_a_right_one(models, tmp_path):
    write(tmp_path / "right" / "hand.png", picture(x=70.0))
    write(tmp_path / "left" / "hand.png", picture(x=90.0))
    found = {}
    for side, box in (("right", "30,20,90,90"), ("left", "40,20,90,90")):
        settings = {"boxes": box, "side": side, "assume_fov_deg": 60.0}
        content = run(models["hand"], tmp_path / side, tmp_path / f"out_{side}", **settings)
        (found[side],) = content["poses"]
    mirrored = [WIDTH, 0] + np.array(found["right"]["keypoints_2d_px"]) * [-1, 1]
    np.testing.assert_allclose(found["left"]["keypoints_2d_px"], mirrored, atol=5e-3)
    mirrored = np.array(found["right"]["keypoints_3d_m"]) * [-1, 1, 1]
    np.testing.assert_allclose(found["left"]["keypoints_3d_m"], mirrored, atol=1e-4)


def test_without_a_camera_metres_are_about_the_root(models, tmp_path):
    content = run(models["body"], write(tmp_path / "a.png"), tmp_path / "out")
    (pose,) = content["poses"]
    assert pose["is_root_relative"] and "root" in content["frame"]
    np.testing.assert_allclose(pose["keypoints_3d_m"][MPII_16.index("pelvis")], 0.0, atol=1e-9)
    assert "--focal_px" in content["camera"]
    assert content["pictures"]["a.png"]["intrinsics_px"] is None


@pytest.mark.parametrize(
    ("settings", "length", "words"),
    [
        ({}, 4.0, "assumed: the typical 4 m"),
        ({"bone_length_m": 3.5}, 3.5, "given: 3.5 m"),
        ({"height_m": 1.5}, 3.6, "given: a height of 1.5 m, bones of 3.600 m"),
    ],
)
def test_the_size_that_is_known_goes_in(models, tmp_path, settings, length, words):
    path = write(tmp_path / "person.png")
    content = run(models["body"], path, tmp_path / "out", focal_px=200.0, **settings)
    pelvis = content["poses"][0]["keypoints_3d_m"][MPII_16.index("pelvis")]
    assert pelvis[2] == pytest.approx(length, rel=1e-4)
    assert content["size"].startswith(words) and "the body's bone" in content["size"]


@pytest.mark.parametrize("name", ["k.json", "k.txt"])
def test_a_camera_from_a_file(models, tmp_path, name):
    matrix = [[250.0, 0.0, 70.0], [0.0, 260.0, 66.0], [0.0, 0.0, 1.0]]
    text = json.dumps({"K": matrix}) if name == "k.json" else "250 0 70\n0,260,66\n0 0 1\n"
    (tmp_path / name).write_text(text)
    path = write(tmp_path / "person.png")
    settings = {"intrinsics": str(tmp_path / name)}
    content = run(models["body"], path, tmp_path / "out", **settings)
    (pose,) = content["poses"]
    projected = _project(pose["keypoints_3d_m"], matrix)
    np.testing.assert_allclose(projected, pose["keypoints_2d_px"], atol=2e-2)
    (tmp_path / name).write_text("[[1, 2], [3, 4]]" if name == "k.json" else "1 2\n3\n")
    with pytest.raises(ValueError, match=f"{name} holds no camera matrix"):
        predict_files(config(models["body"], path, tmp_path / "out", **settings))


def _hands(content):
    return [pose for pose in content["poses"] if pose["kind"] == "hand"]


@pytest.mark.parametrize("camera", [{"focal_px": 300.0}, {}])
def test_hands_are_set_on_the_wrists(models, tmp_path, camera):
    path = write(tmp_path / "person.png")
    settings = {"hands": models["hand"], "height_m": 1.8} | camera
    content = run(models["body"], path, tmp_path / "out", **settings)
    body, *hands = content["poses"]
    assert body["kind"] == "body" and [hand["side"] for hand in hands] == ["left", "right"]
    chain = HAND_21_FREIHAND.indices(
        ["wrist", "middle_mcp", "middle_pip", "middle_dip", "middle_tip"]
    )
    for hand in hands:
        wrist = body["keypoints_3d_m"][MPII_16.index(f"{hand['side']}_wrist")]
        assert hand["keypoints_3d_m"][0] == wrist and hand["is_attached"] and hand["person"] == 0
        length = np.linalg.norm(
            np.diff(np.array(hand["keypoints_3d_m"])[[*chain]], axis=0), axis=-1
        )
        assert length.sum() == pytest.approx(0.108 * 1.8, abs=2e-5)
        assert (hand["wrist_gap_m"] is None) == (not camera)
        assert hand["is_root_relative"] == (not camera)
        # It was looked for beyond the wrist, in the direction of the forearm.
        wrist_px, elbow_px = (
            np.array(body["keypoints_2d_px"][MPII_16.index(f"{hand['side']}_{joint}")])
            for joint in ("wrist", "elbow")
        )
        x, y, side, _ = hand["box"]
        beyond = np.array([x + side / 2, y + side / 2]) - wrist_px
        np.testing.assert_allclose(beyond, 0.33 * (wrist_px - elbow_px), atol=0.01)
    assert "Drillis" in content["size"]


def test_a_given_bone_sizes_the_hands(models, tmp_path):
    path = write(tmp_path / "person.png")
    settings = {"hands": models["hand"], "hand_bone_length_m": 0.05, "side": "left"}
    content = run(models["body"], path, tmp_path / "out", focal_px=300.0, **settings)
    (hand,) = _hands(content)
    bone = HAND_21_FREIHAND.indices(["middle_mcp", "middle_pip"])
    start, end = np.array(hand["keypoints_3d_m"])[[*bone]]
    assert np.linalg.norm(end - start) == pytest.approx(0.05, abs=3e-6)
    assert "given: 0.05 m" in content["size"]


def test_hand_boxes_from_a_file_find_their_person(models, tmp_path):
    path = write(tmp_path / "two.png")
    (tmp_path / "boxes.csv").write_text(
        "two.png,0,20,70,80\ntwo.png,90,20,70,80\ntwo.png,100,50,20,20,left\ntwo.png,20,50,16,20,right\n"
    )
    settings = {"hands": models["hand"], "boxes": str(tmp_path / "boxes.csv"), "focal_px": 300.0}
    content = run(models["body"], path, tmp_path / "out", **settings)
    assert [(p["kind"], p["person"], p["side"]) for p in content["poses"]] == [
        *(("body", 0, None), ("hand", 0, "right"), ("body", 1, None), ("hand", 1, "left"))
    ]
    np.testing.assert_allclose(_hands(content)[1]["box"], [97.5, 47.5, 25, 25], atol=1e-3)


def test_sides_of_hands_alone_come_from_the_boxes(models, tmp_path):
    path = write(tmp_path / "two.png")
    (tmp_path / "boxes.csv").write_text("two.png,10,20,60,60,left\ntwo.png,90,20,60,60\n")
    settings = {"boxes": str(tmp_path / "boxes.csv")}
    content = run(models["hand"], path, tmp_path / "out", **settings)
    assert [pose["side"] for pose in content["poses"]] == ["left", "right"]
    command = config(models["hand"], path, tmp_path / "out", side="both", **settings)
    assert "say left or right" in predict_files(command).failures["two.png"]


def test_every_format_says_the_same(models, tmp_path):
    path = write(tmp_path / "person.png")
    settings = {"hands": models["hand"], "focal_px": 300.0, "page": True, "overlay": True}
    content = run(models["body"], path, tmp_path / "out", format=",".join(POSE_FORMATS), **settings)
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        *("person.png.overlay.jpg", "person.png.person0.bvh", "poses.coco.json"),
        *("poses.csv", "poses.html", "poses.json", "poses.npz"),
    ]
    body = content["poses"][0]
    motion = read_bvh(tmp_path / "out" / "person.png.person0.bvh")
    places, _ = pose_joints(motion)
    knee = places[0, motion.names.index("left_knee")] / [100, -100, -100]
    np.testing.assert_allclose(knee, body["keypoints_3d_m"][MPII_16.index("left_knee")], atol=1e-5)
    assert "left_thumb_pip" in motion.names and len(motion.values) == 1
    coco = json.loads((tmp_path / "out" / "poses.coco.json").read_text())
    assert coco["images"][0]["intrinsics"][0][0] == 300.0 and len(coco["annotations"]) == 3
    table = np.array(coco["annotations"][0]["keypoints"]).reshape(16, 3)
    np.testing.assert_allclose(table[:, :2], body["keypoints_2d_px"], atol=1e-3)
    with np.load(tmp_path / "out" / "poses.npz") as arrays:
        np.testing.assert_allclose(
            arrays["body_keypoints_3d_m"][0], body["keypoints_3d_m"], atol=1e-6
        )
    lines = (tmp_path / "out" / "poses.csv").read_text().splitlines()
    assert lines[0].startswith("# source: ") and lines[-1].split(",")[5] == "pinky_tip"
    page = (tmp_path / "out" / "poses.html").read_text()
    assert "data:image/jpeg" in page and "300 px" in page and "https" not in page


def test_one_bad_picture_does_not_stop_the_others(models, tmp_path):
    folder = tmp_path / "in"
    for name in ("person", "outside", "bare", "more/other"):
        write(folder / f"{name}.png")
    (folder / "cut.png").write_bytes((folder / "person.png").read_bytes()[:200])
    boxes = {"person.png": [10, 10, 50, 50], "cut.png": [0, 0, 9, 9]}
    boxes |= {"outside.png": [160, 0, 9, 9], "more/other.png": [[0, 0, 90, 90], [5, 5, 80, 80]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    settings = {"boxes": str(tmp_path / "boxes.json"), "overlay": True}
    outcome = predict_files(config(models["body"], folder, tmp_path / "out", **settings))
    assert sorted(outcome.failures) == ["bare.png", "cut.png", "outside.png"]
    assert "cut off or damaged" in outcome.failures["cut.png"]
    assert outcome.num_predicted == 2
    assert "or lies outside the picture of 160 x 120 px" in outcome.failures["outside.png"]
    assert "no box for this picture" in outcome.failures["bare.png"]
    poses = json.loads((tmp_path / "out" / "poses.json").read_text())["poses"]
    assert [(pose["picture"], pose["person"]) for pose in poses] == [
        *(("more/other.png", 0), ("more/other.png", 1), ("person.png", 0))
    ]
    assert (tmp_path / "out" / "more" / "other.png.overlay.jpg").is_file()


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1)])
def test_a_strip_is_drawn_too(models, tmp_path, size):
    write(tmp_path / "in" / "a.png", np.zeros((*size, 3), np.uint8))
    command = config(models["body"], tmp_path / "in", tmp_path / "out", overlay=True, page=True)
    assert predict_files(command).num_predicted == 1
    drawn = cv2.imread(str(tmp_path / "out" / "a.png.overlay.jpg"))
    assert max(drawn.shape) < 10_000


def test_drawings_of_an_earlier_run_are_no_pictures(models, tmp_path):
    write(tmp_path / "a.png")
    again = config(models["body"], tmp_path, tmp_path, overlay=True)
    assert predict_files(again).notes == []
    outcome = predict_files(again)
    assert outcome.num_predicted == 1 and "left out: 1 of 2 pictures" in outcome.notes[0]
    assert [path.name for path in tmp_path.glob("*.jpg")] == ["a.png.overlay.jpg"]


def test_ctrl_c_keeps_the_pictures_so_far(models, tmp_path, monkeypatch):
    for name in "abcd":
        write(tmp_path / "in" / f"{name}.png")
    (tmp_path / "in" / "aa.png").write_bytes(b"no picture")
    read = Path.read_bytes

    def until_the_third(path):
        if path.name == "c.png":
            raise KeyboardInterrupt
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", until_the_third)
    command = config(models["body"], tmp_path / "in", tmp_path / "out", overlay=True)
    outcome = predict_files(command)
    words = list(outcome.failures.values())
    assert words[0] == "Ended by Ctrl-C after 2 of 5 pictures; the files contain these."
    assert len(words) == 2 and words[1].startswith("aa.png")
    poses = json.loads((tmp_path / "out" / "poses.json").read_text())["poses"]
    assert [pose["picture"] for pose in poses] == ["a.png", "b.png"]
    assert len(list((tmp_path / "out").glob("*.overlay.jpg"))) == 2


def test_ctrl_c_is_one_sentence(monkeypatch):
    def stopped(config):
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_command, "predict_files", stopped)
    with pytest.raises(KeyboardInterrupt, match="^Ended by Ctrl-C before any poses were written.$"):
        predict_command.main(PredictConfig())


def test_files_of_an_earlier_run_are_named(models, tmp_path):
    path = write(tmp_path / "a.png")
    first = config(models["body"], path, tmp_path / "out", format="json,csv,npz", page=True)
    assert predict_files(first).notes == []
    again = config(models["body"], path, tmp_path / "out", format="json,csv")
    (note,) = predict_files(again).notes
    assert note.startswith(f"poses.npz, poses.html in {tmp_path / 'out'}: from an earlier run")


def test_what_is_left_out_of_a_folder_is_told(models, tmp_path):
    path = write(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.heic").write_bytes(b"")
    (tmp_path / "boxes.csv").write_text("a.png,50,20,60,80\nb.png,1,2,30,40\n")
    boxes = str(tmp_path / "boxes.csv")
    outcome = predict_files(config(models["body"], path.parent, tmp_path / "out", boxes=boxes))
    unread, unused = outcome.notes
    assert "(.heic) and were left out" in unread and unused.endswith("the first: b.png.")
    # Who names one picture may well have a file of all boxes.
    assert predict_files(config(models["body"], path, tmp_path / "out", boxes=boxes)).notes == []


def test_depth_has_its_unit_in_front(models, tmp_path):
    path = write(tmp_path / "a.png")
    content = run(models["body"], path, tmp_path / "out", hands=models["hand"], focal_px=300.0)
    units = {
        kind: json.loads(Path(folder, "metadata.json").read_text())["units"]["depth"]
        for kind, folder in models.items()
    }
    assert content["depth_unit"] == units and "depth_unit" in content["units"]["depth"]


def test_a_turned_photograph_is_turned_upright(models, tmp_path):
    jpeg = cv2.imencode(".jpg", np.rot90(picture(), 1)[..., ::-1])[1].tobytes()
    # EXIF with one entry, the orientation: 6, to be turned clockwise.
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    exif = b"Exif\x00\x00" + tiff + bytes(4)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    (tmp_path / "phone.jpg").write_bytes(jpeg[:2] + segment + jpeg[2:])
    content = run(models["body"], tmp_path / "phone.jpg", tmp_path / "out")
    size = content["pictures"]["phone.jpg"]
    assert (size["height"], size["width"]) == (HEIGHT, WIDTH)
    pelvis = content["poses"][0]["keypoints_2d_px"][MPII_16.index("pelvis")]
    np.testing.assert_allclose(pelvis, [80, 60], atol=0.5)


def test_an_open_depth_leaves_pixels(models, tmp_path):
    path = write(tmp_path / "a.png")
    settings = {"focal_px": 99.0, "bone_length_m": 9.5, "page": True}
    outcome = predict_files(config(models["body"], path, tmp_path / "out", **settings))
    assert len(outcome.notes) == 1
    assert outcome.notes[0].startswith(
        "1 of 1 poses have no metres, so there is no page and no BVH"
    )
    (pose,) = json.loads((tmp_path / "out" / "poses.json").read_text())["poses"]
    assert pose["is_valid"] and pose["keypoints_3d_m"] is None
    assert pose["keypoints_2d_px"][6] != [0.0, 0.0]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"focal_px": 500.0, "assume_fov_deg": 60.0}, "contradict"),
        ({"focal_px": 500.0, "intrinsics": "k.txt"}, "contradict"),
        ({"bone_length_m": 4.0, "height_m": 1.7}, "contradict"),
        ({"pictures": "a.png", "webcam": 0}, "contradict"),
        ({"height_m": 170.0}, "--height_m=170.0 is too large"),
        ({"format": "json,xml"}, "--format=json,xml"),
        ({"format": ""}, "--format= names no format"),
        ({"hand_bone_length_m": 0.03}, "needs --hands"),
    ],
)
def test_contradictions_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PredictConfig(**settings)


def test_bad_commands_are_refused(models, tmp_path):
    path = write(tmp_path / "person.png")
    good = config(models["body"], path, tmp_path / "out")
    (tmp_path / "empty").mkdir()
    for change, words in (
        ({"saved_model": ""}, "--saved_model is empty"),
        ({"saved_model": str(tmp_path)}, "holds no exported model"),
        ({"saved_model": models["hand"], "height_m": 1.7}, "give --bone_length_m"),
        ({"hands": models["body"]}, "give a body and a hand network"),
        ({"pictures": str(tmp_path / "none.jpg")}, "none.jpg does not exist"),
        ({"pictures": str(tmp_path / "empty")}, "holds no picture"),
        ({"boxes": "1,2,3"}, "has 3 numbers"),
        ({"boxes": str(tmp_path / "none.csv")}, "none.csv: there is no such file"),
        ({"intrinsics": str(tmp_path / "none.txt")}, "none.txt does not exist"),
    ):
        with pytest.raises(ValueError, match=words):
            predict_files(dataclasses.replace(good, **change))


def test_the_command_ends_with_one_sentence(models, tmp_path):
    path = write(tmp_path / "hand.png")
    arguments = (
        f"--saved_model={models['hand']}",
        f"--pictures={path}",
        f"--output={tmp_path / 'out'}",
    )
    code, command = shared_server().run("keras_pose.predict", *arguments)
    assert code == 0, command.stderr
    assert "written to" in command.stdout
    code, command = shared_server().run("keras_pose.predict", *arguments, "--boxes=500,0,10,10")
    assert code == 1
    errors = [line for line in command.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1 and "hand.png: the box 500,0,10,10 is less than a pixel" in errors[0]
    # Nothing was written, and the sentence stands once.
    assert "written to" not in command.stdout and "hand.png" not in command.stdout
