"""Bad input, from the folder to the tensor: handled, or refused with a sentence naming the file."""

import base64
import json
import struct
import threading

import cv2
import numpy as np
import pytest

from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.preparation import PrepareConfig, prepare
from keras_pose.data.records import BadRecords, records_dataset

# 16 x 8 px, CMYK, written by Pillow: red on the left.
_CMYK = base64.b64decode(
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwADAgIDAgIDAwMDBAMDBAUIBQUEBAUKBwcGCAwKDAwLCgsLDQ4SEA0OEQ4LCxAW"
    "EBETFBUVFQwPFxgWFBgSFBUU/8AAFAgACAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAkKCP/EABQQ"
    "AQAAAAAAAAAAAAAAAAAAAAD/2gAOBEMATQBZAEsAAD8AVMVQqipp6TOqqGeX/9k="
)


def _gradient(height=8, width=16):
    return np.broadcast_to(np.arange(width, dtype=np.uint8) * 12, (height, width)).copy()


def _encoded(picture, ending=".png"):
    return cv2.imencode(ending, picture)[1].tobytes()


def _turned():
    """Stored upright, marked as to be turned right by a quarter: 8 x 16 becomes 16 x 8 (H x W)."""
    data = _encoded(np.stack([_gradient()] * 3, -1), ".jpg")
    tiff = b"MM\x00*" + struct.pack(">IH", 8, 1) + struct.pack(">HHIHH", 0x0112, 3, 1, 6, 0)
    body = b"Exif\x00\x00" + tiff + b"\x00" * 4
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


GOOD = {
    "cmyk.jpg": (_CMYK, (8, 16)),
    "grey.jpg": (_encoded(_gradient(), ".jpg"), (8, 16)),
    "grey.png": (_encoded(_gradient()), (8, 16)),
    "deep.png": (_encoded(_gradient().astype(np.uint16) * 257), (8, 16)),
    "turned.jpg": (_turned(), (16, 8)),
    "small.png": (_encoded(np.zeros((1, 2, 3), np.uint8)), (1, 2)),
    "transparent.png": (_encoded(np.zeros((8, 16, 4), np.uint8)), (8, 16)),
}
BAD = {
    "cut.jpg": _encoded(np.stack([_gradient()] * 3, -1), ".jpg")[:-40],
    "cut.png": _encoded(_gradient())[:-5],
    "empty.jpg": b"",
    "page.jpg": b"<html>404</html>",
}


def _prepare(folder, **change):
    settings = {"source": "folder", "input": str(folder), "output": str(folder.parent / "out")}
    return prepare(PrepareConfig(**(settings | change)))


@pytest.mark.parametrize("name", GOOD)
def test_odd_pictures_reach_the_trainer_upright_and_in_colour(name, tmp_path):
    data, (height, width) = GOOD[name]
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(data)
    _prepare(tmp_path / "in")
    (element,) = records_dataset(tmp_path / "out", sampler="in_order").as_numpy_iterator()
    assert (element["height"], element["width"]) == (height, width)
    image = decode_picture(element["image"], name)
    assert image.shape == (height, width, 3) and image.dtype == np.uint8
    # Any decoder that knows neither EXIF nor CMYK sees the same.
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    plain = cv2.imdecode(np.frombuffer(element["image"], np.uint8), flags)[..., ::-1]
    np.testing.assert_array_equal(plain, image)
    if name == "cmyk.jpg":
        assert np.abs(image[4, 3].astype(int) - [255, 0, 0]).max() < 6
    if name == "turned.jpg":  # what was left is on top
        assert image[1, 4, 0] < 30 < 150 < image[14, 4, 0]
    if name.startswith(("grey", "deep")):
        assert np.abs(image[4, :, 1].astype(int) - _gradient()[0]).max() < 6


@pytest.mark.parametrize("name", BAD)
def test_pictures_that_are_none_are_refused_by_name_or_counted(name, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(BAD[name])
    for number in range(9):
        (tmp_path / "in" / f"good{number}.png").write_bytes(_encoded(_gradient()))
    with pytest.raises(ValueError, match=rf"1 of 10 records are bad.*{name}: "):
        _prepare(tmp_path / "in")
    index = _prepare(tmp_path / "in", max_bad_fraction=0.1)
    assert index["num_records"] == 9 and index["num_bad"] == 1
    assert index["bad"][0][1].startswith(name)


def _annotated(tmp_path, **change):
    (tmp_path / "in").mkdir()
    points = np.stack([np.arange(21) % 16, np.arange(21) % 8, np.full(21, 2)], -1)
    images, annotations = [], []
    for number in range(5):
        (tmp_path / "in" / f"{number}.png").write_bytes(_encoded(_gradient()))
        images.append({"id": number, "file_name": f"{number}.png"})
        annotation = {"image_id": number, "keypoints": points.ravel().tolist(), "side": "right"}
        annotations.append(annotation | {"bbox": [1, 1, 9, 6]})
    annotations[3] |= change
    content = {"images": images, "annotations": annotations}
    (tmp_path / "in" / "labels.json").write_text(json.dumps(content))
    return tmp_path / "in" / "labels.json"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"bbox": [40, 1, 9, 6]}, "lies outside the picture of 16 x 8"),
        ({"bbox": [1, 1, -9, 6]}, "the box has no area"),
        ({"intrinsics": np.zeros((3, 3)).tolist()}, "focal length of 0"),
        ({"intrinsics": [[9, 0, 0], [0, 9, 0], [8, 4, 1]]}, "may be transposed"),
        ({"keypoints": [float("nan")] * 63}, "not finite"),
        ({"keypoints": [1, 2, 2]}, "1 joints instead of 21"),
        ({"side": "lefthand"}, "side is 'lefthand'"),
    ],
)
def test_labels_that_no_training_may_see(tmp_path, change, word):
    path = _annotated(tmp_path, **change)
    settings = {"source": "keypoint_json", "input": str(path), "output": str(tmp_path / "out")}
    settings["side_field"] = "side"
    with pytest.raises(ValueError, match=word) as caught:
        prepare(PrepareConfig(**settings))
    assert "3.png" in str(caught.value) and "\n" not in str(caught.value)
    index = prepare(PrepareConfig(**settings, max_bad_fraction=0.2))
    assert (index["num_records"], index["num_bad"]) == (4, 1)


def test_no_thread_goes_on_reading_after_the_sentence(tmp_path):
    path = _annotated(tmp_path, bbox=[40, 1, 9, 6])
    before = set(threading.enumerate())
    with pytest.raises(ValueError, match="outside the picture") as caught:
        prepare(
            PrepareConfig(
                source="keypoint_json", input=str(path), output=str(tmp_path / "out"), num_threads=3
            )
        )
    # The error holds on to the frames in which it was raised. Threads of earlier tests may end meanwhile.
    assert caught.value.__traceback__ and not set(threading.enumerate()) - before


def test_a_box_reaching_over_the_edge_is_kept(tmp_path):
    path = _annotated(tmp_path, bbox=[-4, -2, 30, 20])
    output = str(tmp_path / "out")
    prepare(PrepareConfig(source="keypoint_json", input=str(path), output=output))
    elements = list(records_dataset(output, sampler="in_order").as_numpy_iterator())
    assert elements[3]["box"].tolist() == [-4, -2, 30, 20] and elements[3]["has_box"] == 1


def test_one_record_among_many_that_goes_bad_later_is_counted_not_fatal(tmp_path):
    (tmp_path / "in").mkdir()
    for number in range(40):
        picture = np.full((8, 8, 3), number, np.uint8)
        (tmp_path / "in" / f"{number:02d}.png").write_bytes(_encoded(picture))
    _prepare(tmp_path / "in", shard_size=16)
    path = tmp_path / "out" / "records-00001.tfrecord"
    data = bytearray(path.read_bytes())
    data[1000] ^= 16
    path.write_bytes(data)
    account = BadRecords(40, max_bad_fraction=0.05)
    stream = records_dataset(tmp_path / "out", seed=1, bad_records=account).take(80)
    ids = [int(element["id"]) for element in stream.as_numpy_iterator()]
    (bad,) = account.reasons
    assert len(ids) == 80 and bad not in ids and 16 <= bad < 32
    assert "records-00001.tfrecord" in account.reasons[bad]
