"""The Python snippet of docs/mobile.md finds joints, with a float file and with one of integers."""

import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose import export
from keras_pose.serving import phone
from keras_pose.serving.metadata import Metadata, write_metadata
from tests.export.toy_phone import CELL, SIZE, ToyPhone, blob_pictures, blob_places, unit_pictures

DOCUMENT = Path(__file__).parents[2] / "docs" / "mobile.md"
FORMATS = ("float32", "int8_full")
METADATA = Metadata(
    name="my_bodies",
    version=1,
    method="wild3d",
    kind="body",
    skeleton="toy_3",
    joints=("red", "green", "blue"),
    bones=((0, 1), (1, 2)),
    root="red",
    image_size=SIZE,
    crop_scale=1.25,
    side=None,
    bone_length=None,
    depth_unit="half sides of the crop",
    score="heatmap_peak",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "1"
    export.save_signatures(folder, phone.phone_signatures(ToyPhone().maps, SIZE, SIZE / 2.0))
    write_metadata(folder, METADATA)
    phone.write_phone_files(folder, METADATA, FORMATS, unit_pictures(16, 1), ("decoded",))
    return folder


@pytest.mark.parametrize("format", FORMATS)
def test_snippet_finds_the_joints_of_a_box(folder, format, monkeypatch):
    (snippet,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert "my_bodies_decoded_int8_full.tflite" in snippet
    monkeypatch.chdir(folder)
    names = {}
    exec(snippet.replace("int8_full", format), names)  # noqa: S102 - what a reader would do
    # The crop is 64 px, shown 3 times as large; it leaves the picture above and to the left.
    places, large = blob_places(1, 6)[0], 3 * SIZE
    shown = cv2.resize(blob_pictures(places[None])[0], (large, large))
    picture = np.zeros((300, 400, 3), np.uint8)
    cut = 20
    picture[: large - cut, : large - cut] = shown[cut:, cut:]
    middle = large / 2 - cut
    width, height = large / 1.25, 50.0
    box = (middle - width / 2, middle - height / 2, width, height)
    found = names["find_joints"](picture, box)
    assert list(found) == ["red", "green", "blue"]
    for (x, y, score), place in zip(found.values(), places, strict=True):
        true = 3.0 * place - cut
        # A quarter of a cell, three times as large, and some for rounding the square.
        assert np.hypot(x - true[0], y - true[1]) < 3.0 * 0.5 * CELL * 1.5
        assert 0.5 < score < 1.1


def test_every_format_and_both_signatures_are_explained():
    text = DOCUMENT.read_text(encoding="utf-8")
    for word in (*export.FORMATS, *phone.PHONE_SIGNATURES):
        assert f"| `{word}` |" in text
    for language in ("kotlin", "swift", "python"):
        assert f"```{language}\n" in text
    assert "No phone was available" in text
