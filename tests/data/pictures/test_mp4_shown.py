"""Films whose edit list shows fewer frames than are stored: counted as they are shown."""

import numpy as np
import pytest

from keras_pose.data.pictures.frames import FrameReader, FrameStore
from keras_pose.data.pictures.mp4_shown import shown_frames
from tests.data.pictures.mp4_films import set_times, trim, write_film


@pytest.fixture
def film(tmp_path):
    frames = [np.full((48, 64, 3), 10 + 8 * number, np.uint8) for number in range(12)]
    return write_film(tmp_path / "film.mp4", frames)


def test_all_frames_of_a_film_are_shown(film, tmp_path):
    assert shown_frames(film) == 12
    (tmp_path / "film.avi").write_bytes(b"RIFF....AVI ")
    assert shown_frames(tmp_path / "film.avi") is None
    assert shown_frames(tmp_path / "none.mp4") is None


@pytest.mark.parametrize(("first", "last", "shown"), [(4, 12, 8), (0, 5, 5), (3, 9, 6)])
def test_a_trimmed_film_has_the_frames_that_it_shows(film, first, last, shown):
    trim(film, first / 30, last / 30)
    assert shown_frames(film) == shown
    reader = FrameReader(film)
    assert reader.numbers.tolist() == list(range(shown))
    assert FrameStore([]).read(reader, shown - 1).shape == (48, 64, 3)


def test_a_film_whose_end_is_missing_is_not_whole(film):
    data = film.read_bytes()
    film.write_bytes(data[:-20])
    assert shown_frames(film) is None


def test_frames_at_varying_times_count_alike(film):
    set_times(film, np.cumsum([0, 1, 1, 5, 1, 1, 1, 2, 1, 1, 9, 1]) / 30)
    assert shown_frames(film) == 12


@pytest.mark.parametrize("place", range(0, 800, 37))
def test_damage_gives_a_number_or_none(film, place):
    data = bytearray(film.read_bytes())
    data[-place - 4 : -place] = b"\xff\xff\xff\xff"
    film.write_bytes(bytes(data))
    count = shown_frames(film)
    assert count is None or count >= 0
