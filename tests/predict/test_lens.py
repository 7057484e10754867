"""What is said of a camera matrix that is not of the pictures."""

import pytest

from keras_pose.predict.lens import Lens
from keras_pose.predict.settings import PredictConfig


@pytest.fixture
def lens(tmp_path):
    (tmp_path / "k.json").write_text("[[1500, 0, 960], [0, 1500, 540], [0, 0, 1]]")
    return Lens(PredictConfig(intrinsics=str(tmp_path / "k.json")))


def test_pictures_of_the_matrix_need_no_word(lens):
    assert lens.of(1080, 1920)[0, 2] == 960 and lens.notes == []
    assert Lens(PredictConfig(focal_px=500.0)).notes == []


def test_pictures_of_another_size_are_said_once(lens, tmp_path):
    for _ in range(3):
        assert lens.of(120, 160)[0, 2] == 960
    (note,) = lens.notes
    assert note.startswith(f"--intrinsics={tmp_path / 'k.json'} seems to belong to other pictures")
    assert "of 1920 x 1080 px, not of 160 x 120 px; positions would be wrong" in note
    lens.of(200, 160)
    assert "(likewise for 1 other picture sizes)" in lens.notes[0]
