"""Hands in a user's own pictures: exact way back from the crop, left hands, cameras, bad input.

The served networks here are functions whose answers are known: marks that are found in the crop, and
points of the crop pushed into space along the crop's own rays.
"""

import dataclasses
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import Signature, save_signatures
from keras_pose.peclr.exported import ExportedHandPose, trained_settings
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.peclr.overlay import draw_picture_hands
from keras_pose.peclr.predict import PredictConfig, camera_matrix, predict_pictures
from keras_pose.train import config as configs
from tests.train.command_server import CommandServer

SIZE = 64
HEIGHT, WIDTH = 120, 160
IMAGE = tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8)
CAMERA = {
    "intrinsics": tf.TensorSpec((None, 3, 3), tf.float32),
    "bone_length": tf.TensorSpec((None,), tf.float32),
}
# Joint 0 is the red mark, joint 1 the green one; the others are fixed points of the crop.
FIXED = np.stack([np.linspace(3.0, 60.0, 19), np.linspace(50.0, 9.0, 19)], axis=-1)
# Depth of every joint in bones.
DEPTHS = np.linspace(8.0, 12.0, 21)
# Where the marks are: centres of blurred spots, pixels of the picture.
MARKS = np.array([[61.5, 40.5], [90.5, 72.5]])


def _points(image):
    pixels = tf.cast(image, tf.float32)
    grid = tf.range(SIZE, dtype=tf.float32) + 0.5
    marks = []
    for channel in (0, 1):
        weight = tf.maximum(pixels[..., channel] - 16.0, 0.0)
        total = tf.reduce_sum(weight, axis=(1, 2)) + 1e-6
        x = tf.reduce_sum(weight * grid[None, None, :], axis=(1, 2)) / total
        y = tf.reduce_sum(weight * grid[None, :, None], axis=(1, 2)) / total
        marks.append(tf.stack([x, y], axis=-1))
    fixed = tf.constant(FIXED, tf.float32)[None] + tf.zeros_like(pixels[:, :1, :1, :2])[:, 0]
    return tf.concat([tf.stack(marks, axis=1), fixed], axis=1)


def _find(image):
    points = _points(image)
    return {
        "keypoints_2d": points,
        "depth": tf.constant(DEPTHS, tf.float32) + 0.0 * points[..., 0],
    }


def _lift(image, intrinsics, bone_length):
    points = _points(image)
    rays = tf.linalg.matrix_transpose(
        tf.linalg.solve(
            intrinsics,
            tf.linalg.matrix_transpose(tf.concat([points, tf.ones_like(points[..., :1])], -1)),
        )
    )
    depth = tf.constant(DEPTHS, tf.float32)[None, :, None] * bone_length[:, None, None]
    # A long bone stands for whatever makes a row invalid.
    valid = tf.cast(bone_length < 0.5, tf.float32)
    return _find(image) | {"keypoints_3d": rays * depth * valid[:, None, None], "valid": valid}


def _card(folder, **settings):
    recipe = configs.to_dict(FinetuneConfig(image_size=SIZE, **settings)) | {"pretraining": "none"}
    (folder / "card.md").write_text(f"# Toy\n\n```json\n{json.dumps(recipe)}\n```\n")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "1"
    save_signatures(
        folder,
        {
            "serve_image": Signature(_lift, {"image": IMAGE, **CAMERA}),
            "keypoints": Signature(_find, {"image": IMAGE}),
        },
    )
    _card(folder, crop_scale=1.25)
    return folder


def _picture(mirrored=False):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    for channel, (x, y) in enumerate(MARKS):
        picture[int(y), int(x), channel] = 255
        picture[..., channel] = np.minimum(
            cv2.GaussianBlur(picture[..., channel].astype(np.float32), (0, 0), 2.5) * 30, 255
        )
    return picture[:, ::-1].copy() if mirrored else picture


def _write(path, mirrored=False):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), _picture(mirrored)[..., ::-1])
    return path


def _run(model, pictures, output, **settings):
    config = PredictConfig(
        saved_model=str(model), pictures=str(pictures), output=str(output), **settings
    )
    assert predict_pictures(config) == {}
    content = json.loads((output / "hand.png.json").read_text())
    return content, content["hands"][0]


@pytest.mark.parametrize("side", ["right", "left"])
def test_points_come_back_to_the_picture(model, tmp_path, side):
    path = _write(tmp_path / "hand.png")
    # Half side 50 (the longer side of the box times 1.25, halved) about (75, 60).
    settings = {"boxes": "35,40,80,40", "side": side}
    content, hand = _run(model, path, tmp_path / "out", **settings)
    points = np.array(hand["keypoints_2d_px"])
    # Found marks: up to interpolation and grey levels.
    np.testing.assert_allclose(points[:2], MARKS, atol=0.06)
    # Fixed points of the crop: crop 64 px wide over 100 px; a left hand's crop is mirrored.
    fixed = FIXED * [-1, 1] + [SIZE, 0] if side == "left" else FIXED
    np.testing.assert_allclose(points[2:], fixed * 100 / 64 + [25.0, 10.0], atol=1e-3)
    assert content["crop"] == {"source": "box", "trained_on": "box", "scale": 1.25, "size": SIZE}
    assert content["joints"][0] == "wrist" and len(content["joints"]) == 21
    assert hand["side"] == side and hand["box"] == [35, 40, 80, 40]


@pytest.mark.parametrize("side", ["right", "left"])
def test_3d_projects_onto_2d_with_the_picture_s_own_camera(model, tmp_path, side):
    path = _write(tmp_path / "hand.png")
    settings = {"boxes": "35,40,80,40", "side": side, "focal_px": 200.0, "bone_length_m": 0.05}
    content, hand = _run(model, path, tmp_path / "out", **settings)
    camera = [[200.0, 0, 80.0], [0, 200.0, 60.0], [0, 0, 1.0]]
    assert content["camera"]["intrinsics"] == camera
    points = np.array(hand["keypoints_3d_m"])
    assert hand["valid"] is True and content["bone_length_m"] == 0.05
    np.testing.assert_allclose(points[:, 2], 0.05 * DEPTHS, atol=1e-5)
    projected = points @ np.transpose(camera)
    np.testing.assert_allclose(
        projected[:, :2] / projected[:, 2:], hand["keypoints_2d_px"], atol=0.01
    )


def test_a_left_hand_is_the_mirror_image_of_a_right_one(model, tmp_path):
    _write(tmp_path / "right" / "hand.png")
    _write(tmp_path / "left" / "hand.png", mirrored=True)
    both = {}
    for side, box in (("right", "30,20,90,90"), ("left", "40,20,90,90")):
        settings = {"boxes": box, "side": side, "assume_fov_deg": 60.0}
        both[side] = _run(model, tmp_path / side, tmp_path / f"out_{side}", **settings)[1]
    right, left = both["right"], both["left"]
    mirrored = [WIDTH, 0] + np.array(right["keypoints_2d_px"]) * [-1, 1]
    np.testing.assert_allclose(left["keypoints_2d_px"], mirrored, atol=2e-3)
    mirrored = np.array(right["keypoints_3d_m"]) * [-1, 1, 1]
    np.testing.assert_allclose(left["keypoints_3d_m"], mirrored, atol=1e-5)
    assert left["depth_bones"] == right["depth_bones"]


def test_a_network_that_was_trained_on_both_sides_sees_no_mirror(model, tmp_path):
    folder = tmp_path / "served"
    folder.mkdir()
    for entry in model.iterdir():
        (folder / entry.name).symlink_to(entry)
    (folder / "card.md").unlink()
    _card(folder, mirror_left=False)
    exported = ExportedHandPose(folder)
    assert exported.crop_scale == 1.0
    same = exported.crop_matrix(np.array([0, 0, 10, 10]), "left")
    np.testing.assert_allclose(same, [[6.4, 0, 0], [0, 6.4, 0]], atol=1e-12)


def test_without_a_camera_there_is_no_3d_and_the_file_says_so(model, tmp_path):
    content, hand = _run(model, _write(tmp_path / "hand.png"), tmp_path / "out")
    assert hand["keypoints_3d_m"] is None and hand["valid"] is None
    assert content["camera"]["intrinsics"] is None and "--focal_px" in content["camera"]["note"]
    assert "bone_length_m" not in content
    np.testing.assert_allclose(hand["depth_bones"], DEPTHS, atol=1e-4)
    # The whole picture: its square is 160 px wide, times 1.25.
    assert hand["box"] == [0, 0, WIDTH, HEIGHT] and content["crop"]["source"] == "picture"
    np.testing.assert_allclose(hand["picture_to_crop"][0], [0.32, 0, 32 - 0.32 * 80], atol=1e-12)


def test_an_open_depth_gives_no_3d(model, tmp_path):
    settings = {"focal_px": 200.0, "bone_length_m": 0.6}
    _, hand = _run(model, _write(tmp_path / "hand.png"), tmp_path / "out", **settings)
    assert hand["valid"] is False and hand["keypoints_3d_m"] is None


def test_an_assumed_lens_sees_its_angle(tmp_path):
    config = PredictConfig(assume_fov_deg=90.0)
    # Half the longer side at 45 degrees: the focal length is as long.
    np.testing.assert_allclose(
        camera_matrix(config, 120, 160), [[80, 0, 80], [0, 80, 60], [0, 0, 1]], atol=1e-9
    )
    assert camera_matrix(PredictConfig(), 120, 160) is None


def test_several_boxes_and_folders(model, tmp_path):
    _write(tmp_path / "in" / "hand.png")
    _write(tmp_path / "in" / "more" / "other.png")
    (tmp_path / "boxes.csv").write_text(
        "hand.png,30,20,90,90\nhand.png,50,30,60,60\nmore/other.png,30,20,90,90\n"
    )
    settings = {"boxes": str(tmp_path / "boxes.csv"), "focal_px": 300.0}
    content, _ = _run(model, tmp_path / "in", tmp_path / "out", **settings)
    assert [hand["box"] for hand in content["hands"]] == [[30, 20, 90, 90], [50, 30, 60, 60]]
    for hand in content["hands"]:
        np.testing.assert_allclose(hand["keypoints_2d_px"][:2], MARKS, atol=0.06)
    assert (tmp_path / "out" / "more" / "other.png.json").is_file()
    overlay = cv2.imread(str(tmp_path / "out" / "hand.png.overlay.jpg"))
    # The picture three times as large; below it both hands from two sides.
    assert overlay.shape[0] > 360 + 2 * 320 and overlay.shape[1] >= 480


def test_the_overlay_draws_joints_where_they_are():
    points = np.full((1, 21, 2), 30.0)
    points[0, :, 0] = np.linspace(20, 80, 21)
    corners = np.array([[[5.0, 5], [95, 5], [95, 55], [5, 55]]])
    drawing = draw_picture_hands(np.full((60, 100, 3), 128, np.uint8), points, [None], corners)
    assert drawing.shape == (288, 480, 3)
    changed = (drawing != 128).any(axis=-1)
    rows, columns = np.nonzero(changed[40:248, 40:440])
    # Everything within the crop's frame lies on the line of joints, at 4.8 times its pixels.
    assert abs(rows.mean() + 40 - 144) < 3
    assert columns.min() + 40 < 20 * 4.8 < columns.min() + 56
    assert changed[24, 240] and not changed[60, 240]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"focal_px": 500.0, "assume_fov_deg": 60.0}, "contradict"),
        ({"require_3d": True}, "--require_3d needs a camera"),
        ({"bone_length_m": 30.0}, "--bone_length_m=30.0 is too large"),
        ({"focal_px": float("nan")}, "--focal_px"),
    ],
)
def test_contradictions_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PredictConfig(**settings)


def test_bad_commands_are_refused(model, tmp_path):
    path = _write(tmp_path / "hand.png")
    good = PredictConfig(saved_model=str(model), pictures=str(path), output=str(tmp_path / "out"))
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "card.md").write_text("no settings")
    for change, words in (
        ({"saved_model": ""}, "--saved_model is empty"),
        ({"saved_model": str(tmp_path)}, "holds no saved_model.pb"),
        ({"pictures": str(tmp_path / "none.jpg")}, "none.jpg does not exist"),
        ({"pictures": str(tmp_path / "empty")}, "holds no picture"),
        ({"boxes": "1,2,3"}, "has 3 numbers"),
        ({"boxes": str(tmp_path / "none.csv")}, "none.csv does not exist"),
    ):
        with pytest.raises(ValueError, match=words):
            predict_pictures(dataclasses.replace(good, **change))
    with pytest.raises(ValueError, match=r"card.md holds no settings"):
        trained_settings(tmp_path / "bad")
    assert trained_settings(tmp_path / "empty") is None


def test_one_bad_picture_does_not_stop_the_others(model, tmp_path):
    folder = tmp_path / "in"
    _write(folder / "hand.png")
    _write(folder / "outside.png")
    _write(folder / "bare.png")
    (folder / "cut.png").write_bytes((folder / "hand.png").read_bytes()[:200])
    boxes = {"hand.png": [10, 10, 50, 50], "cut.png": [0, 0, 9, 9], "outside.png": [160, 0, 9, 9]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    config = PredictConfig(
        saved_model=str(model),
        pictures=str(folder),
        output=str(tmp_path / "out"),
        boxes=str(tmp_path / "boxes.json"),
    )
    failures = predict_pictures(config)
    assert sorted(failures) == ["bare.png", "cut.png", "outside.png"]
    assert "cut off or damaged" in failures["cut.png"]
    assert "lies outside the picture of 160 x 120 px" in failures["outside.png"]
    assert "no box for this picture" in failures["bare.png"]
    assert [path.name for path in sorted((tmp_path / "out").iterdir())] == [
        *("hand.png.json", "hand.png.overlay.jpg")
    ]


def test_the_command_ends_with_one_sentence(model, tmp_path):
    path = _write(tmp_path / "hand.png")
    arguments = (f"--saved_model={model}", f"--pictures={path}", f"--output={tmp_path / 'out'}")
    (tmp_path / "server").mkdir()
    with CommandServer(tmp_path / "server") as server:
        code, command = server.run("keras_pose.peclr.predict", *arguments)
        assert code == 0, command.stderr
        assert "no metric 3D" in command.stdout
        code, command = server.run("keras_pose.peclr.predict", *arguments, "--boxes=500,0,10,10")
    assert code == 1
    errors = [line for line in command.stderr.splitlines() if line.startswith("ERROR")]
    assert len(errors) == 1 and "hand.png: the box 500,0,10,10 lies outside" in errors[0]
