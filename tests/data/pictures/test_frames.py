"""Frames of videos and of folders: the right one in any order and from many threads."""

import concurrent.futures

import cv2
import numpy as np
import pytest

from keras_pose.data.pictures.frames import FrameReader, FrameStore


def _frame(number):
    return np.full((48, 64, 3), 10 + 8 * number, np.uint8)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48))
    assert writer.isOpened()
    for number in range(24):
        writer.write(_frame(number))
    writer.release()
    return path


def test_a_video_read_in_any_order_and_from_threads(video):
    reader = FrameReader(video)
    assert reader.numbers.tolist() == list(range(24)) and reader.file(0) is None
    store = FrameStore([(reader, np.arange(0, 24, 5))])
    for number in (5, 0, 20, 15, 3):
        assert abs(int(store.read(reader, number)[0, 0, 0]) - (10 + 8 * number)) <= 2
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(0, 24, 5), 6))
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        means = list(pool.map(lambda n: float(store.read(reader, int(n)).mean()), order))
    np.testing.assert_allclose(means, 10 + 8 * order, atol=2)


def test_a_video_that_ends_too_early_is_named(video):
    reader = FrameReader(video)
    with pytest.raises(ValueError, match="a.avi: frame 24 cannot be read"):
        FrameStore([]).read(reader, 30)
    # And reading goes on all the same.
    assert FrameStore([]).read(reader, 2).shape == (48, 64, 3)


def test_a_video_with_a_colon_in_its_name_is_a_file(video, tmp_path, monkeypatch):
    video.rename(tmp_path / f"12:30{video.suffix}")
    monkeypatch.chdir(tmp_path)
    reader = FrameReader(f"12:30{video.suffix}")
    assert FrameStore([]).read(reader, 3).shape == (48, 64, 3)


def test_folders_count_from_the_number_given(tmp_path):
    for number in (1, 2, 7):
        cv2.imwrite(str(tmp_path / f"img_{number:06d}.png"), _frame(number))
    (tmp_path / "notes.txt").write_text("")
    reader = FrameReader(tmp_path)
    assert reader.numbers.tolist() == [0, 1, 6]
    assert FrameStore([]).read(reader, 6)[0, 0, 0] == 66
    assert FrameReader(tmp_path, 0).numbers.tolist() == [1, 2, 7]
    reader.file(6).unlink()
    with pytest.raises(ValueError, match="img_000007.png cannot be read"):
        FrameStore([]).read(reader, 6)


def test_what_is_no_recording_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"junk")
    for path in (tmp_path / "a.mp4", tmp_path):
        with pytest.raises(ValueError, match="not a video that OpenCV can read"):
            FrameReader(path)


def test_many_recordings_do_not_stay_open(tmp_path):
    readers = []
    for name in "abcde":
        writer = cv2.VideoWriter(
            str(tmp_path / f"{name}.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 25, (64, 48)
        )
        writer.write(_frame(ord(name) - 97))
        writer.release()
        readers.append(FrameReader(tmp_path / f"{name}.avi"))
    store = FrameStore((reader, reader.numbers) for reader in readers)
    for number in (0, 1, 2, 3, 4, 0):
        assert abs(int(store.read(readers[number], 0)[0, 0, 0]) - (10 + 8 * number)) <= 2
    assert len(store._open) == 3
