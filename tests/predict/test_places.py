"""Which pictures of a folder are predicted, and what is said of the rest."""

import pytest

from keras_pose.predict.places import find_pictures, unused_boxes_notes


def _make(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


def test_what_is_left_out_is_counted(tmp_path):
    place = tmp_path / "in"
    _make(place, "a.png", "b.HEIC", "more/c.heic", "more/e.jpg", "film.mp4")
    _make(place, "a.png.overlay.jpg", "film.overlay.mp4", "notes.txt", ".d.heic")
    (tmp_path / "elsewhere").mkdir()
    (place / "link").symlink_to(tmp_path / "elsewhere")
    folder, names, (drawings, kinds, links) = find_pictures(place)
    assert (folder, names) == (place, ["a.png", "more/e.jpg"])
    assert drawings.endswith("were left out: 1 of 3 pictures.")
    assert kinds.startswith(f"3 files in {place}") and "(.heic, .mp4) and were left out" in kinds
    assert links.startswith("1 links to folders")


def test_one_picture_of_any_name(tmp_path):
    _make(tmp_path, "picture", "b.heic")
    assert find_pictures(tmp_path / "picture") == (tmp_path, ["picture"], [])


def test_where_there_is_no_picture(tmp_path):
    with pytest.raises(ValueError, match="none does not exist"):
        find_pictures(tmp_path / "none")
    with pytest.raises(ValueError, match=r"holds no picture \(\.jpg, .*\)\.$"):
        find_pictures(tmp_path)
    _make(tmp_path, "a.mp4")
    with pytest.raises(ValueError, match=r"holds no picture .* give each video separately\.$"):
        find_pictures(tmp_path)


def test_a_video_that_is_not_read_is_no_damaged_picture(tmp_path):
    _make(tmp_path, "film.WebM")
    with pytest.raises(ValueError, match=r"film\.WebM is a video .* convert it to one of \.mp4"):
        find_pictures(tmp_path / "film.WebM")


def test_boxes_without_a_picture(tmp_path):
    assert unused_boxes_notes(["a.png"], ["a.png", "b.png"], tmp_path) == []
    (sentence,) = unused_boxes_notes(["d.png", "a.png", "c.png"], ["a.png"], tmp_path)
    words = f"--boxes names 2 pictures that are not in {tmp_path}, the first: c.png."
    assert sentence == words
