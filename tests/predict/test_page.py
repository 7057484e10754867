"""The page of poses: nothing from outside, and in a browser a skeleton that turns when dragged."""

import dataclasses
import json
import re
import shutil
import subprocess

import cv2
import numpy as np
import pytest

from keras_pose.predict.page import PageFrame, page_html
from tests.predict.found_poses import body, hand
from tests.predict.people import person

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FACTS = {"camera": "given: <a lens>", "size": "assumed"}


def _scene(text):
    found = re.search(r'data-scene="([^"]*)"', text)[1]
    return json.loads(found.replace("&quot;", '"'))


def _thumbnail(image):
    return cv2.imencode(".jpg", image[..., ::-1])[1].tobytes()


def _film(count):
    frames = []
    for number in range(count):
        found, image = person(str(number), index=number % 3, shift=(0.1 * number, 0, 0))
        frames.append(PageFrame(str(number), found, _thumbnail(image) if number % 2 == 0 else None))
    return frames


def test_nothing_comes_from_outside():
    text = page_html("Poses in <b>", FACTS, _film(3), 25.0)
    assert not re.search(r"https?:|@import|<link|src=\"(?!data:)|url\(|fetch\(", text)
    assert "default-src 'none'" in text
    assert "<b>" not in text and "&lt;a lens&gt;" in text


def test_the_scene_holds_all_joints():
    frames = [PageFrame("a", [body(), hand(is_attached=True)]), PageFrame("b", [body()])]
    scene = _scene(page_html("t", FACTS, frames, 25.0))
    assert len(scene["poses"]) == 2 and len(scene["poses"][0]) == 16 + 21
    assert scene["poses"][1][16:] == [None] * 21 and None not in scene["poses"][0]
    # The hand's wrist joins its fingers, after the rows of the body.
    assert [16, 17] in scene["bones"] and len(scene["bones"]) == 15 + 20
    assert scene["widths"][0] == 1.0 and scene["widths"][16] < 0.5
    assert "left is blue" in page_html("t", FACTS, frames)
    assert "left is blue" not in page_html("t", FACTS, [PageFrame("a", [hand()])])
    assert len(scene["colours"]) == 37 and scene["rate"] == 25.0


def test_single_pictures_stand_in_their_own_middle():
    far = dataclasses.replace(body(), keypoints_3d=body().keypoints_3d + [50.0, 0, 0])
    frames = [PageFrame("a", [body()]), PageFrame("b", [far])]
    poses = np.array(_scene(page_html("t", FACTS, frames))["poses"])
    np.testing.assert_allclose(poses[0], poses[1], atol=2e-4)
    poses = np.array(_scene(page_html("t", FACTS, frames, 25.0))["poses"])
    assert np.abs(poses[0] - poses[1]).max() > 1.0


def test_a_picture_is_never_shown_beside_another_one():
    frames = [
        PageFrame(name, [body(name)], thumbnail)
        for name, thumbnail in [("a", b"1"), ("b", None), ("c", b"2")]
    ]
    assert '"which":[0,-1,1]' in page_html("t", FACTS, frames)
    # In a film the last picture stays.
    assert '"which":[0,0,1]' in page_html("t", FACTS, frames, 25.0)


def test_a_page_without_poses_is_refused():
    with pytest.raises(ValueError, match="no 3D pose"):
        page_html("t", FACTS, [PageFrame("a", [body(is_metric=False)])])


def _screenshot(folder, name, text):
    (folder / f"{name}.html").write_text(text)
    picture = folder / f"{name}.png"
    flags = "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
    command = [CHROMIUM, *flags.split(), "--disable-background-networking"]
    command += [f"--user-data-dir={folder / 'profile'}", "--window-size=1160,900"]
    command += ["--virtual-time-budget=3000", f"--screenshot={picture}", f"{folder / name}.html"]
    subprocess.run(command, check=True, capture_output=True, timeout=100)
    image = cv2.imread(str(picture))
    assert image is not None, f"{picture} was not made"
    return image.astype(int)


def _with_script(text, script):
    """The page as a reader's hand would move it; the content policy lets the page's own script in."""
    return text.replace("</body>", f"<script>setTimeout(() => {{{script}}}, 500);</script></body>")


DRAG = """
const canvas = document.querySelector("canvas.viewer"), box = canvas.getBoundingClientRect();
const at = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind,
  {pointerId: 1, clientX: box.left + x, clientY: box.top + 200, bubbles: true}));
at("pointerdown", 200); at("pointermove", 260); at("pointermove", 330); at("pointerup", 330);
"""
SEEK = """
const film = document.getElementById("film");
film.value = 2; film.dispatchEvent(new Event("input"));
"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium to open the page with")
def test_the_skeleton_is_shown_turns_and_moves(tmp_path):
    text = page_html("Poses in walk.mp4", FACTS, _film(4), 25.0)
    still = _screenshot(tmp_path, "still", text)
    # The canvas lies at the top left; limbs are blue, vermilion and grey on a light ground.
    canvas = still[70:600, 30:560]
    redness = canvas[..., 2] - canvas[..., 0]
    assert (redness > 50).sum() > 1000 and (redness < -50).sum() > 1000
    # Nothing moves by itself.
    np.testing.assert_array_equal(_screenshot(tmp_path, "again", text), still)
    dragged = _screenshot(tmp_path, "dragged", _with_script(text, DRAG))
    changed = np.abs(dragged - still).sum(-1) > 60
    assert changed[70:600, 30:560].sum() > 2000
    assert not changed[:, 620:].any(), "dragging moved more than the skeleton"
    sought = _screenshot(tmp_path, "sought", _with_script(text, SEEK))
    changed = np.abs(sought - still).sum(-1) > 60
    # The skeleton and the picture beside it.
    assert changed[70:600, 30:560].sum() > 1000 and changed[70:600, 620:].sum() > 1000
