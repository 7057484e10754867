"""Persons in a user's own pictures and videos: exact way back from the crop, files, bad input.

The served network here is a function whose answers are known: two coloured marks that are found in the
crop, and fixed points of the crop that it is not sure of.
"""

import dataclasses
import io
import json

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import Signature, save_signatures
from keras_pose.skeletons import MPII_16
from keras_pose.train import config as configs
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.exported import Body, ExportedPose, read_trained
from keras_pose.wild3d.overlay import draw_picture_bodies
from keras_pose.wild3d.predict import PredictConfig, camera_matrix, predict_files
from keras_pose.wild3d.progress import ProgressBar, progress_line
from keras_pose.wild3d.tracking import BoxTracker

SIZE = 64
HEIGHT, WIDTH = 120, 160
# Rows 0 to 7 are the red and the green mark in turn, the others fixed points of the crop.
FIXED = np.stack([np.linspace(3.0, 60.0, 8), np.linspace(50.0, 9.0, 8)], axis=-1)
DEPTHS = np.linspace(-0.4, 0.4, 16)
SCORES = np.repeat([0.9, 0.05], 8)
# Where the marks are: centres of blurred spots, pixels of the picture.
MARKS = np.array([[61.5, 40.5], [90.5, 72.5]])


def _serve(image, intrinsics, bone_sum, body_height):
    pixels = tf.cast(image, tf.float32)
    grid = tf.range(SIZE, dtype=tf.float32) + 0.5
    marks = []
    for channel in (0, 1):
        weight = tf.maximum(pixels[..., channel] - 24.0, 0.0)
        total = tf.reduce_sum(weight, axis=(1, 2)) + 1e-6
        x = tf.reduce_sum(weight * grid[None, None, :], axis=(1, 2)) / total
        y = tf.reduce_sum(weight * grid[None, :, None], axis=(1, 2)) / total
        marks.append(tf.stack([x, y], axis=-1))
    zero = 0.0 * bone_sum
    found = tf.tile(tf.stack(marks, axis=1), [1, 4, 1])
    fixed = tf.constant(FIXED, tf.float32)[None] + zero[:, None, None]
    points_2d = tf.concat([found, fixed], axis=1)
    depth = tf.constant(DEPTHS, tf.float32)[None] + zero[:, None]
    size = tf.where(bone_sum > 0.0, bone_sum, 2.0 * body_height)
    seen = tf.cast(intrinsics[:, 0, 0] > 0.0, tf.float32)
    plane = points_2d * (2.0 / SIZE) - 1.0
    return {
        "keypoints_2d": points_2d,
        "score": tf.constant(SCORES, tf.float32)[None] + zero[:, None],
        "depth": depth,
        "points": tf.concat([plane, depth[..., None]], axis=-1),
        # Numbers that say what came in.
        "keypoints_3d": size[:, None, None] * tf.ones((1, 16, 3)),
        "position": tf.stack(
            [intrinsics[:, 0, 0], intrinsics[:, 0, 2], intrinsics[:, 1, 2]], axis=-1
        ),
        "valid": zero + 1.0,
        "valid_3d": tf.cast(size > 0.0, tf.float32),
        "valid_position": seen,
    }


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served") / "1"
    inputs = {
        "image": tf.TensorSpec((None, SIZE, SIZE, 3), tf.uint8),
        "intrinsics": tf.TensorSpec((None, 3, 3), tf.float32),
        "bone_sum": tf.TensorSpec((None,), tf.float32),
        "body_height": tf.TensorSpec((None,), tf.float32),
    }
    save_signatures(folder, {"serve_crop": Signature(_serve, inputs)})
    recipe = configs.to_dict(Config(image_size=SIZE, crop_scale=1.25))
    recipe["training_bone_sum_mm"] = 4100.0
    (folder / "card.md").write_text(f"# Toy\n\n```json\n{json.dumps(recipe)}\n```\n")
    return folder


def _picture(shift=(0.0, 0.0)):
    picture = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    rows, columns = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    for channel, (x, y) in enumerate(MARKS + shift):
        spot = np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / (2 * 2.5**2))
        picture[..., channel] = 220 * spot
    return picture.round().astype(np.uint8)


def _write(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), _picture()[..., ::-1])
    return path


def _config(model, pictures, output, **settings):
    return PredictConfig(
        saved_model=str(model), pictures=str(pictures), output=str(output), **settings
    )


def _run(model, pictures, output, **settings):
    assert predict_files(_config(model, pictures, output, **settings)) == {}
    return json.loads((output / "poses.json").read_text())


def test_points_come_back_to_the_picture(model, tmp_path):
    path = _write(tmp_path / "person.png")
    content = _run(model, path, tmp_path / "out", boxes="35,40,64,40")
    pose = content["poses"][0]
    # Side 64 * 1.25 (room) * 1.25 (the network's) = 100 about (67, 60).
    np.testing.assert_allclose(pose["box"], [17.0, 10.0, 100.0, 100.0], atol=1e-6)
    points = np.array(pose["keypoints_2d_px"])
    # Found marks: up to interpolation and grey levels.
    np.testing.assert_allclose(points[:2], MARKS, atol=0.08)
    np.testing.assert_allclose(points[8:], FIXED * 100 / 64 + [17.0, 10.0], atol=1e-3)
    pelvis = MPII_16.index("pelvis")
    np.testing.assert_allclose(pose["depth_half_sides"], DEPTHS - DEPTHS[pelvis], atol=1e-4)
    np.testing.assert_allclose(pose["score"], SCORES, atol=1e-4)


def test_the_whole_picture_is_looked_at_without_a_box(model, tmp_path):
    content = _run(model, _write(tmp_path / "person.png"), tmp_path / "out", box_margin=3.0)
    pose = content["poses"][0]
    # The square of the longer side times the network's own 1.25; room is for boxes.
    np.testing.assert_allclose(pose["box"], [-20.0, -40.0, 200.0, 200.0], atol=1e-6)
    np.testing.assert_allclose(pose["keypoints_2d_px"][:2], MARKS, atol=0.12)


@pytest.mark.parametrize(
    ("settings", "size", "words"),
    [
        ({}, 4.1, "assumed: the training records' mean bone sum of 4.100 m"),
        ({"bone_sum_m": 3.5}, 3.5, "given: a bone sum of 3.5 m"),
        ({"height_m": 1.6}, 3.2, "given: a height of 1.6 m"),
    ],
)
def test_the_size_that_is_known_goes_in(model, tmp_path, settings, size, words):
    content = _run(model, _write(tmp_path / "person.png"), tmp_path / "out", **settings)
    np.testing.assert_allclose(content["poses"][0]["keypoints_3d_m"], size, rtol=1e-5)
    assert content["size"].startswith(words)


def test_the_camera_goes_along_with_the_crop(model, tmp_path):
    path = _write(tmp_path / "person.png")
    settings = {"boxes": "35,40,64,40", "focal_px": 300.0}
    pose = _run(model, path, tmp_path / "out", **settings)["poses"][0]
    # Crop of 64 px over 100 px from (17, 10): f = 192, c = ((80 - 17), (60 - 10)) * 0.64.
    np.testing.assert_allclose(pose["position_m"], [192.0, 40.32, 32.0], atol=1e-3)
    content = _run(model, path, tmp_path / "other")
    assert content["poses"][0]["position_m"] is None and "--focal_px" in content["camera"]


def test_an_assumed_lens_sees_its_angle():
    config = PredictConfig(assume_fov_deg=90.0)
    # Half the longer side at 45 degrees: the focal length is as long.
    np.testing.assert_allclose(
        camera_matrix(config, 120, 160), [[80, 0, 80], [0, 80, 60], [0, 0, 1]], atol=1e-9
    )
    assert camera_matrix(PredictConfig(), 120, 160) is None


def test_bad_boxes_harm_no_neighbour(model):
    exported = ExportedPose(model)
    good = [[17.0, 10.0, 100.0, 100.0]]
    bad = [[np.nan, 0, 10, 10], [5.0, 5, 0, 0], [500.0, 0, 10, 10], [0.0, 0, np.inf, 9]]
    alone = exported.predict(_picture(), np.array(good))[0]
    bodies = exported.predict(_picture(), np.array(bad[:2] + good + bad[2:]))
    assert [body.valid for body in bodies] == [False, False, True, False, False]
    np.testing.assert_allclose(bodies[2].keypoints_2d, alone.keypoints_2d, atol=1e-9)
    for body in (bodies[0], bodies[3]):
        assert body.keypoints_3d is None and body.position is None
        np.testing.assert_array_equal(body.keypoints_2d, 0.0)
        np.testing.assert_array_equal(body.points, 0.0)
    # More than go through the network together.
    many = exported.predict(_picture(), np.repeat(good, 19, axis=0))
    np.testing.assert_allclose([body.keypoints_2d for body in many], [alone.keypoints_2d] * 19)


def test_arrays_of_other_shapes_are_refused(model):
    exported = ExportedPose(model)
    with pytest.raises(ValueError, match=r"image is float64 of shape \[4, 4\]"):
        exported.predict(np.zeros((4, 4)))
    with pytest.raises(ValueError, match=r"boxes have the shape \[4\]"):
        exported.predict(_picture(), np.zeros(4))


def test_three_files_say_the_same(model, tmp_path):
    path = _write(tmp_path / "person.png")
    content = _run(model, path, tmp_path / "out", overlay=False)
    pose = content["poses"][0]
    assert content["joints_2d"][7] == "thorax" and content["joints_3d"][7] == "spine"
    assert "metres" in content["units"]["keypoints_3d_m"]
    for kind in ("csv", "npz"):
        config = _config(model, path, tmp_path / "out", overlay=False, format=kind)
        assert predict_files(config) == {}
    lines = (tmp_path / "out" / "poses.csv").read_text().splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert any("pixels of the picture" in line for line in comments)
    table = [line.split(",") for line in lines[len(comments) :]]
    assert table[0][:6] == ["picture", "person", "valid", "joint_2d", "x_px", "y_px"]
    assert len(table) == 17 and table[8][3] == "thorax" and table[8][8] == "spine"
    numbers = np.array([[float(cell) for cell in row[4:6]] for row in table[1:]])
    np.testing.assert_allclose(numbers, pose["keypoints_2d_px"])
    assert table[1][12:] == ["", "", ""]
    with np.load(tmp_path / "out" / "poses.npz") as arrays:
        np.testing.assert_allclose(arrays["keypoints_2d_px"], [pose["keypoints_2d_px"]], atol=1e-3)
        assert np.isnan(arrays["position_m"]).all() and arrays["picture"][0] == "person.png"
        assert json.loads(str(arrays["header"]))["joints_3d"][7] == "spine"
    assert not (tmp_path / "out" / "person.png.overlay.jpg").exists()


def _video(path, count, step):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (WIDTH, HEIGHT))
    for number in range(count):
        writer.write(_picture((-30 + step * number, 0.0))[..., ::-1])
    writer.release()


def test_a_person_is_followed_through_a_video(model, tmp_path):
    _video(tmp_path / "walk.mp4", 12, 5.0)
    settings = {"boxes": "25,35,40,40", "box_margin": 1.0}
    content = _run(model, tmp_path / "walk.mp4", tmp_path / "out", **settings)
    assert [pose["picture"] for pose in content["poses"]] == [str(n) for n in range(12)]
    for number, pose in enumerate(content["poses"]):
        true = MARKS + [-30 + 5.0 * number, 0.0]
        # Grey levels of a compressed video.
        np.testing.assert_allclose(pose["keypoints_2d_px"][:2], true, atol=1.0)
    # The square went along.
    first, last = (np.array(content["poses"][n]["box"]) for n in (0, 11))
    moved = (last[:2] + last[2:] / 2) - (first[:2] + first[2:] / 2)
    assert 40.0 < moved[0] < 60.0 and abs(moved[1]) < 3.0
    capture = cv2.VideoCapture(str(tmp_path / "out" / "walk.overlay.mp4"))
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 12
    good, frame = capture.read()
    # The picture, three times as large, and two views of its height.
    assert good and frame.shape[0] >= 360 and frame.shape[1] >= 480 + 2 * 300
    assert [entry.name for entry in sorted((tmp_path / "out").iterdir())] == [
        *("poses.json", "walk.overlay.mp4")
    ]


def test_a_broken_video_is_named(model, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"broken.mp4 is no video that OpenCV reads"):
        predict_files(_config(model, tmp_path / "broken.mp4", tmp_path / "out"))


def _body(points, score):
    nothing = np.zeros(16)
    return Body(np.zeros(4), points, score, nothing, np.zeros((16, 3)), None, None, True)


def test_a_box_follows_the_sure_joints():
    points = np.full((16, 2), 9999.0)
    points[:8] = [[40.0, 50.0], [60.0, 90.0]] * 4
    tracker = BoxTracker(np.array([0.0, 0.0, 100.0, 100.0]), 1.5, 0.2)
    assert tracker.update(_body(points, SCORES), (200, 200))
    # Longer side 40, times 1.4 (room around joints) and 1.5, about (50, 70).
    np.testing.assert_allclose(tracker.box, [8.0, 28.0, 84.0, 84.0])
    points[:8] += 20.0
    assert tracker.update(_body(points, SCORES), (200, 200))
    # Half of the way.
    np.testing.assert_allclose(tracker.box, [18.0, 38.0, 84.0, 84.0])
    assert not tracker.update(_body(points, np.full(16, 0.1)), (200, 200))
    np.testing.assert_allclose(tracker.box, [0.0, 0.0, 100.0, 100.0])
    assert tracker.is_lost


def test_one_bad_picture_does_not_stop_the_others(model, tmp_path):
    folder = tmp_path / "in"
    for name in ("person", "outside", "bare", "more/other"):
        _write(folder / f"{name}.png")
    (folder / "cut.png").write_bytes((folder / "person.png").read_bytes()[:200])
    boxes = {"person.png": [10, 10, 50, 50], "cut.png": [0, 0, 9, 9]}
    boxes |= {"outside.png": [160, 0, 9, 9], "more/other.png": [[0, 0, 90, 90], [5, 5, 80, 80]]}
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    config = _config(model, folder, tmp_path / "out", boxes=str(tmp_path / "boxes.json"))
    failures = predict_files(config)
    assert sorted(failures) == ["bare.png", "cut.png", "outside.png"]
    assert "cut off or damaged" in failures["cut.png"]
    assert "lies outside the picture of 160 x 120 px" in failures["outside.png"]
    assert "no box for this picture" in failures["bare.png"]
    poses = json.loads((tmp_path / "out" / "poses.json").read_text())["poses"]
    assert [(pose["picture"], pose["person"]) for pose in poses] == [
        *(("more/other.png", 0), ("more/other.png", 1), ("person.png", 0))
    ]
    assert (tmp_path / "out" / "more" / "other.png.overlay.jpg").is_file()


def test_the_overlay_draws_joints_where_they_are():
    points = np.stack([np.linspace(20, 80, 16), np.full(16, 30.0)], axis=-1)
    body = _body(points, np.ones(16))
    body = dataclasses.replace(body, box=np.array([5.0, 5.0, 90.0, 50.0]))
    drawing = draw_picture_bodies(np.full((60, 100, 3), 128, np.uint8), [body])
    assert drawing.shape[0] >= 360 and drawing.shape[1] >= 600
    changed = (drawing[:, :600] != 128).any(axis=-1)
    rows, columns = np.nonzero(changed[40:320, 40:560])
    # Within the square's frame everything lies on the line of joints, at 6 times its pixels.
    assert abs(rows.mean() + 40 - 180) < 4
    assert columns.min() + 40 < 20 * 6 < columns.min() + 62
    assert changed[30, 300] and not changed[80, 300]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"focal_px": 500.0, "assume_fov_deg": 60.0}, "contradict"),
        ({"bone_sum_m": 4.0, "height_m": 1.7}, "contradict"),
        ({"bone_sum_m": 4000.0}, "give metres"),
        ({"height_m": 170.0}, "--height_m=170.0 is too large"),
        ({"format": "xml"}, "--format"),
    ],
)
def test_contradictions_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        PredictConfig(**settings)


def test_bad_commands_are_refused(model, tmp_path):
    path = _write(tmp_path / "person.png")
    good = _config(model, path, tmp_path / "out")
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
            predict_files(dataclasses.replace(good, **change))
    with pytest.raises(ValueError, match=r"card.md holds no settings"):
        read_trained(tmp_path / "bad")
    with pytest.raises(ValueError, match=r"card.md is missing"):
        read_trained(tmp_path / "empty")


def test_progress_is_told():
    half = progress_line("frames", 120, 240, 12.0)
    assert half == f"[{'#' * 15}{'-' * 15}] 120 of 240 frames, 12 s, 12 s to go"
    assert progress_line("frames", 7, 0, 3.0) == "7 frames, 3 s"
    stream = io.StringIO()
    bar = ProgressBar("frames", 10, stream)
    bar.show(1)
    bar.close()
    assert stream.getvalue() == ""
