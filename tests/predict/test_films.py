"""Films: everybody is followed, from a video or a camera, smoothed where asked for."""

import dataclasses
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.data.motion.bvh import read_bvh
from keras_pose.data.pictures.videos import VideoReader, VideoWriter
from keras_pose.predict import network
from keras_pose.predict.prediction import predict_files
from keras_pose.skeletons import MPII_16
from tests.data.pictures.mp4_films import set_times, trim, write_film
from tests.predict import served_people
from tests.predict.commands import config, loaded, run, write
from tests.predict.served_people import picture

HEIGHT, WIDTH = 120, 160

SHIPPED = Path(__file__).parents[2] / "savedmodels" / "hand_student"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    top = tmp_path_factory.mktemp("models")
    return {kind: str(served_people.save(top / kind / "1", kind)) for kind in ("body", "hand")}


@pytest.fixture(autouse=True)
def _load_once(monkeypatch):
    """Loading a model takes seconds, and all tests use two."""
    monkeypatch.setattr(network, "ServedPose", loaded)


class _Frames:
    """A capture of made-up frames, as cv2.VideoCapture is used."""

    def __init__(self, frames, rate=10.0):
        self.frames, self.rate, self.released = list(frames), rate, False

    def isOpened(self):  # noqa: N802 - OpenCV's word
        return bool(self.frames)

    def get(self, which):
        return {cv2.CAP_PROP_FPS: self.rate, cv2.CAP_PROP_FRAME_COUNT: -1.0}.get(which, 0.0)

    def read(self):
        if not self.frames:
            return False, None
        return True, self.frames.pop(0)[..., ::-1].copy()

    def release(self):
        self.released = True


def _walk(count=10, step=5.0):
    return [picture(x=50.0 + step * number) for number in range(count)]


def test_a_camera_is_followed_until_enough_frames(models, tmp_path):
    capture, asked = _Frames(_walk(30)), []

    def opened(source):
        asked.append(source)
        return capture

    command = config(models["body"], "", tmp_path / "out", webcam=2, max_frames=10)
    command = dataclasses.replace(
        command,
        boxes="15,25,70,70",
        overlay=True,
        page=True,
        format="json,bvh",
        hands=models["hand"],
    )
    outcome = predict_files(command, opened)
    assert (asked, capture.released, outcome.failures) == ([2], True, {})
    content = json.loads((tmp_path / "out" / "poses.json").read_text())
    assert (content["frames"], content["frames_per_second"]) == (10, 10.0)
    bodies = [pose for pose in content["poses"] if pose["kind"] == "body"]
    assert [pose["picture"] for pose in bodies] == [str(number) for number in range(10)]
    pelvis = MPII_16.index("pelvis")
    for number, pose in enumerate(bodies):
        np.testing.assert_allclose(
            pose["keypoints_2d_px"][pelvis], [50 + 5.0 * number, 60], atol=1.0
        )
    # The square went along.
    first, last = (np.array(bodies[n]["box"]) for n in (0, 9))
    assert 30.0 < (last[:2] + last[2:] / 2 - first[:2] - first[2:] / 2)[0] < 60.0
    assert sorted(entry.name for entry in (tmp_path / "out").iterdir()) == [
        *("camera.overlay.mp4", "camera.person0.bvh", "poses.html", "poses.json")
    ]
    motion = read_bvh(tmp_path / "out" / "camera.person0.bvh")
    assert len(motion.values) == 10 and motion.frame_time_s == pytest.approx(0.1)
    film = cv2.VideoCapture(str(tmp_path / "out" / "camera.overlay.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 10


def test_no_camera_is_named(models, tmp_path):
    command = config(models["body"], "", tmp_path / "out", webcam=7)
    with pytest.raises(ValueError, match="--webcam=7 gives no picture"):
        predict_files(command, lambda source: _Frames([]))


class _Stopped(_Frames):
    """Frames, and then the user who has seen enough."""

    def get(self, which):
        return 12.0 if which == cv2.CAP_PROP_FRAME_COUNT else super().get(which)

    def read(self):
        if not self.frames:
            raise KeyboardInterrupt
        return super().read()


def test_ctrl_c_keeps_the_frames_so_far(models, tmp_path):
    command = config(models["body"], _video(tmp_path / "a.mp4", []), tmp_path / "out", overlay=True)
    outcome = predict_files(command, lambda source: _Stopped(_walk(4)))
    words = "Ended by Ctrl-C after 4 of 12 frames; the files contain these."
    assert outcome.failures == {"a.mp4": words}
    assert json.loads((tmp_path / "out" / "poses.json").read_text())["frames"] == 4
    film = cv2.VideoCapture(str(tmp_path / "out" / "a.overlay.mp4"))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 4
    # A camera has no other end.
    command = dataclasses.replace(command, pictures="", webcam=0)
    assert predict_files(command, lambda source: _Stopped(_walk(4))).failures == {}


def test_ctrl_c_before_the_first_frame(models, tmp_path):
    command = config(models["body"], _video(tmp_path / "a.mp4", []), tmp_path / "out", overlay=True)
    for one in (command, dataclasses.replace(command, pictures="", webcam=0)):
        with pytest.raises(KeyboardInterrupt):
            predict_files(one, lambda source: _Stopped([]))
    assert not (tmp_path / "out").exists()


def _video(path, frames):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 10.0, (WIDTH, HEIGHT))
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def test_a_video_smoothed_and_not(models, tmp_path):
    rng = np.random.default_rng(5)
    path = _video(tmp_path / "rest.mp4", [picture(80 + dx, 60) for dx in rng.normal(0, 1.5, 24)])
    pelvis = MPII_16.index("pelvis")
    tremble = {}
    for smooth in (False, True):
        settings = {"smooth": smooth, "boxes": "40,20,80,80", "smooth_beta": 0.0}
        content = run(models["body"], path, tmp_path / str(smooth), **settings)
        assert len(content["poses"]) == 24
        tremble[smooth] = np.std(
            [pose["keypoints_2d_px"][pelvis][0] for pose in content["poses"][4:]]
        )
        assert ("One-Euro" in content["smoothing"]) == smooth
    assert tremble[False] > 0.9 and tremble[True] < 0.7 * tremble[False]
    with pytest.raises(ValueError, match="--smooth is for videos"):
        predict_files(
            config(models["body"], write(tmp_path / "a.png"), tmp_path / "out", smooth=True)
        )


def test_a_trimmed_film_is_whole_and_a_cut_off_one_is_not(models, tmp_path):
    path = write_film(tmp_path / "a.mp4", _walk(12), 10.0)
    trim(path, 0.4, 1.2)
    outcome = predict_files(config(models["body"], path, tmp_path / "out"))
    assert (outcome.failures, outcome.num_predicted) == ({}, 8)
    # The pictures' last bytes are overwritten, as of a download that stopped.
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    data[start + 500 : data.index(b"moov") - 4] = bytes(data.index(b"moov") - 4 - start - 500)
    (tmp_path / "b.mp4").write_bytes(bytes(data))
    outcome = predict_files(config(models["body"], tmp_path / "b.mp4", tmp_path / "cut"))
    assert "of 8 frames; it may be cut off" in outcome.failures["b.mp4"]


def test_frames_at_varying_times_keep_them(models, tmp_path):
    path = write_film(tmp_path / "a.mp4", _walk(8), 30.0)
    times = [0, 1 / 30, 2 / 30, 3 / 30, 4 / 30, 9 / 30, 14 / 30, 19 / 30]
    set_times(path, times)
    settings = {"format": "json,bvh", "smooth": True, "page": True}
    command = config(models["body"], path, tmp_path / "out", **settings)
    outcome = predict_files(command)
    content = json.loads((tmp_path / "out" / "poses.json").read_text())
    np.testing.assert_allclose(content["times_s"], times, atol=1e-3)
    assert content["frames_per_second"] == pytest.approx(7 * 30 / 19, rel=1e-3)
    motion = read_bvh(tmp_path / "out" / "a.person0.bvh")
    assert len(motion.values) == 20 and motion.frame_time_s == pytest.approx(1 / 30, rel=1e-3)
    (note,) = [note for note in outcome.notes if "rate varies" in note]
    assert note.startswith(
        "a: the frame rate varies, with frames 33 to 167 ms apart: the files have"
    )
    assert "BVH files are resampled to 30 frames per second" in note


def test_names_with_a_colon_are_no_addresses(tmp_path, monkeypatch):
    _video(tmp_path / "film.mp4", _walk(2)).rename(tmp_path / "12:30.mp4")
    monkeypatch.chdir(tmp_path)
    with VideoReader("12:30.mp4") as video, VideoWriter("a:b/12:31.mp4", (64, 64), 10.0) as drawn:
        assert len([drawn.write(frame) for frame in video]) == 2
    assert [path.name for path in (tmp_path / "a:b").iterdir()] == ["12:31.mp4"]


def test_a_broken_video_is_named(models, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    with pytest.raises(ValueError, match=r"broken.mp4 is not a video that OpenCV can read"):
        predict_files(config(models["body"], tmp_path / "broken.mp4", tmp_path / "out"))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("output", ["out", "out/below/it"])
def test_an_output_that_is_a_file_is_named_before_any_work(tmp_path, output):
    (tmp_path / "out").write_bytes(b"a file")
    command = config(SHIPPED, tmp_path / "film.mp4", tmp_path / output)
    with pytest.raises(OSError, match=r"^--output=\S+: \S+/out is a file; name a folder"):
        predict_files(command)


def test_an_output_where_nothing_may_be_written_is_named(tmp_path, monkeypatch):
    # A test may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda place, mode: Path(place) != tmp_path)
    command = config(SHIPPED, tmp_path / "film.mp4", tmp_path / "out")
    with pytest.raises(OSError, match=".* is not writable; name another folder"):
        predict_files(command)
    assert not (tmp_path / "out").exists()
