"""Plain folders of pictures, with and without boxes."""

import json

import cv2
import numpy as np
import pytest

from keras_pose.data.datasets.picture_folder import (
    list_pictures,
    read_picture_folder,
    read_sided_boxes,
)


def _boxes(path):
    return {name: [box for box, _ in entries] for name, entries in read_sided_boxes(path).items()}


@pytest.fixture
def folder(tmp_path):
    for name in ("b.png", "a.jpg", "deep/er/c.PNG", ".hidden.png", ".git/d.png"):
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        data = cv2.imencode(path.suffix.lower(), np.full((6, 8, 3), 9, np.uint8))[1]
        path.write_bytes(data.tobytes())
    (tmp_path / "pictures" / "notes.txt").write_text("no picture")
    return tmp_path / "pictures"


def test_pictures_are_found_in_order_with_all_folders_below(folder):
    assert list_pictures(folder) == ["a.jpg", "b.png", "deep/er/c.PNG"]
    source = read_picture_folder(folder, side="right", licence="own")
    records = list(source)
    assert [(record.id, record.name, record.group) for record in records] == [
        (0, "a.jpg", "."),
        (1, "b.png", "."),
        (2, "deep/er/c.PNG", "deep/er"),
    ]
    assert all((r.height, r.width, r.side) == (6, 8, "right") for r in records)
    assert all(r.box is None and r.keypoints_2d is None and not r.visible.any() for r in records)
    assert (source.name, source.licence) == ("pictures", "own")


_ROWS = "b.png,1,2,3,4\nb.png,2,2,3,4\ndeep/er/c.PNG,0,0,8,6.5\n"
_TABLE = {"b.png": [(1, 2, 3, 4), (2, 2, 3, 4)], "deep/er/c.PNG": [(0, 0, 8, 6.5)]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("boxes.csv", _ROWS),
        ("boxes.csv", "\ufeffname,x,y,width,height\r\n" + _ROWS.replace("\n", "\r\n")),
        (
            "boxes.json",
            json.dumps({key: [list(b) for b in boxes] for key, boxes in _TABLE.items()}),
        ),
        (
            "boxes.json",
            json.dumps([{"name": key, "box": b} for key, boxes in _TABLE.items() for b in boxes]),
        ),
    ],
)
def test_boxes_in_either_layout(folder, tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    assert _boxes(tmp_path / name) == _TABLE
    source = read_picture_folder(folder, tmp_path / name)
    records = list(source)
    assert [(r.id, r.name, r.box.tolist()) for r in records] == [
        (0, "b.png", [1, 2, 3, 4]),
        (1, "b.png", [2, 2, 3, 4]),
        (2, "deep/er/c.PNG", [0, 0, 8, 6.5]),
    ]
    assert source.notes == ("1 of 3 pictures have no box and were left out.",)


def test_a_single_box_per_picture_in_json(tmp_path):
    (tmp_path / "boxes.json").write_text('{"a.png": [1, 2, 3, 4]}')
    assert _boxes(tmp_path / "boxes.json") == {"a.png": [(1, 2, 3, 4)]}


@pytest.mark.parametrize(
    ("name", "text", "word"),
    [
        ("b.csv", "a.jpg,1,2,3\n", "line 1"),
        ("b.csv", "a.jpg,1,2,3,4\nb.png,1,2,x,4\n", "line 2"),
        ("b.csv", "a.jpg,1,2,nan,4\n", "line 1"),
        ("b.csv", "name,x,y,width,height\n", "holds no box"),
        ("b.csv", "", "0 bytes"),
        ("b.csv", "ghost.jpg,1,2,3,4\n", "'ghost.jpg' and 0 more pictures that are not in"),
        ("b.json", "[1, 2]", "entry 0 lacks"),
        ("b.json", '{"a.jpg": [1, 2]}', "entry 'a.jpg'"),
        ("b.json", "{", "not valid JSON"),
    ],
)
def test_wrong_boxes_are_named(folder, tmp_path, name, text, word):
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=word) as caught:
        read_picture_folder(folder, tmp_path / name)
    assert name in str(caught.value)


def test_a_box_with_a_side_has_it_in_its_record(folder, tmp_path):
    (tmp_path / "b.csv").write_text("a.jpg,1,2,3,4,left\nb.png,1,2,3,4\n")
    records = list(read_picture_folder(folder, tmp_path / "b.csv", side="right"))
    assert [record.side for record in records] == ["left", "right"]


def test_what_is_not_read_is_counted(folder, tmp_path):
    (folder / "deep" / "x.gif").write_bytes(b"GIF89a")
    (folder / "y.HEIC").write_bytes(b"ftyp")
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    kinds, links = read_picture_folder(folder).notes
    assert kinds.startswith("2 files in ")
    assert "are of unsupported kinds (.gif, .heic) and were left out" in kinds
    assert links.startswith("1 links to folders in ")


def test_no_folder_and_no_picture(folder, tmp_path):
    with pytest.raises(ValueError, match="is not a folder"):
        read_picture_folder(tmp_path / "absent")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no picture"):
        read_picture_folder(tmp_path / "empty")
    (folder / "b.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"b.png: the file is empty"):
        list(read_picture_folder(folder))


def test_boxes_may_say_their_side(tmp_path):
    (tmp_path / "boxes.csv").write_text(
        "name,x,y,width,height,side\na.png,1,2,3,4,left\na.png,5,6,7,8,\nb.png,1,2,3,4\n"
    )
    entries = [{"name": "a.png", "box": [1, 2, 3, 4], "side": "Left"}]
    entries += [{"name": name, "box": box} for name, box in [("a.png", [5, 6, 7, 8])]]
    entries += [{"name": "b.png", "box": [1, 2, 3, 4]}]
    (tmp_path / "boxes.json").write_text(json.dumps(entries))
    for name in ("boxes.csv", "boxes.json"):
        assert read_sided_boxes(tmp_path / name) == {
            "a.png": [((1, 2, 3, 4), "left"), ((5, 6, 7, 8), "")],
            "b.png": [((1, 2, 3, 4), "")],
        }
    (tmp_path / "boxes.csv").write_text("a.png,1,2,3,4,up\n")
    with pytest.raises(ValueError, match=r"line 1: 'up' is not a side"):
        read_sided_boxes(tmp_path / "boxes.csv")
