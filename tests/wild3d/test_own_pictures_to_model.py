"""The way of docs/wild3d.md from own pictures to a served model, as a new user walks it, but tiny."""

import json
import re
import shlex

import cv2
import numpy as np
import pytest

from keras_pose.data.generated.bodies import generate_body
from keras_pose.serving import ServedPose
from keras_pose.skeletons import MPII_16, MPII_16_SPINE
from tests.train.command_server import ROOT, shared_server

SIZE = 64
COUNT = 12
# What makes the document's commands small; later flags win.
SMALLER = {
    ("keras_pose.data.prepare", "generated_bodies"): ("--num=24", "--size=80"),
    ("keras_pose.wild3d.train", "--stages"): (
        *(f"--image_size={SIZE}", "--num_stacks=1", "--num_modules=1", "--width=8"),
        *("--num_depth_modules=1", "--batch_size=4", "--num_steps=2", "--steps_per_epoch=2"),
    ),
    ("keras_pose.wild3d.export", ""): ("--formats=float32", "--num_examples=4", "--num_heldout=4"),
}


def _commands():
    """Module and arguments of every command of the document's section."""
    text = (ROOT / "docs" / "wild3d.md").read_text(encoding="utf-8")
    section = re.search(r"^## From a folder of your own pictures.*?(?=^## )", text, re.M | re.S)[0]
    lines = re.sub(r"\\\n\s*", "", section).splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    python -m ")]
    return [(words[2], words[3:]) for words in commands]


def _write_pictures(folder):
    """Generated people as JPEG files with 2D joints in COCO's manner; row 7 has no label."""
    (folder / "images").mkdir(parents=True)
    images, annotations = [], []
    row_seven = MPII_16.index("thorax")
    assert MPII_16_SPINE.joints[row_seven] == "spine"
    for number in range(COUNT):
        body = generate_body(number, 31, size=96, style="wild")
        name = f"{number:02d}.jpg"
        cv2.imwrite(str(folder / "images" / name), body.image[..., ::-1])
        flags = np.where(body.visible > 0, 2, 0)
        flags[row_seven] = 0
        table = np.concatenate([body.keypoints_2d, flags[:, None]], axis=1)
        images.append({"id": number, "file_name": name, "width": 96, "height": 96})
        annotations.append({"image_id": number, "keypoints": table.ravel().tolist()})
    content = {"images": images, "annotations": annotations}
    (folder / "annotations.json").write_text(json.dumps(content))


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder in which every command of the section has run, and what each printed."""
    folder = tmp_path_factory.mktemp("user")
    _write_pictures(folder / "my_pictures")
    (folder / "flags").symlink_to(ROOT / "flags")
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        server = shared_server()
        for module, arguments in _commands():
            words = " ".join(arguments)
            smaller = [
                flag
                for (name, mark), flags in SMALLER.items()
                if name == module and mark in words
                for flag in flags
            ]
            code, command = server.run(module, *arguments, *smaller)
            assert code == 0, f"{module}: {command.stderr}"
            printed.append((module, command.stdout))
    return folder, printed


@pytest.mark.slow
def test_the_section_says_the_whole_way(walked):
    modules = [module.removeprefix("keras_pose.") for module, _ in walked[1]]
    assert modules == [
        *("data.prepare", "data.doctor.check", "data.prepare"),
        *("wild3d.train", "wild3d.train", "wild3d.export", "predict"),
    ]


@pytest.mark.slow
def test_nothing_of_the_own_pictures_was_lost(walked):
    folder, printed = walked
    index = json.loads((folder / "records" / "mine" / "index.json").read_text())
    assert (index["num_records"], index["num_bad"]) == (COUNT, 0)
    assert index["counts"]["with_2d"] == COUNT and index["skeleton"] == "mpii_16"
    assert f"{COUNT} records examined" in printed[1][1]
    for stage in (1, 2, 3):
        run = json.loads((folder / "runs" / "wild" / f"stage{stage}" / "run.json").read_text())
        mine = run["bodies"]["mine"]
        assert mine["train_2d"] + mine["heldout"] == COUNT and mine["train_3d"] == 0
        assert run["bodies"]["bodies"]["train_3d"] > 0 and run["skipped"] == {}
        assert run["config"]["init_from"].endswith("" if stage == 1 else f"stage{stage - 1}")
        weights = (run["config"]["depth_weight"], run["config"]["geometric_weight"])
        assert weights == ((0.0, 0.0), (0.1, 0.0), (0.1, 0.01))[stage - 1]


@pytest.mark.slow
def test_evaluation_says_what_training_said(walked):
    run = json.loads((walked[0] / "runs" / "wild" / "stage3" / "run.json").read_text())
    trained, again = (text for module, text in walked[1] if module == "keras_pose.wild3d.train")
    for line in again.splitlines():
        assert line in trained
    assert any("mpjpe_mm" in line for line in again.splitlines())
    assert any(name.startswith("mpjpe[") for name in run["results"]["all"])


@pytest.mark.slow
def test_every_picture_was_predicted_and_drawn(walked):
    folder = walked[0] / "predicted"
    content = json.loads((folder / "poses.json").read_text())
    names = [f"{number:02d}.jpg" for number in range(COUNT)]
    assert [pose["picture"] for pose in content["poses"]] == names
    assert sorted(path.name for path in folder.glob("*.overlay.jpg")) == [
        f"{name}.overlay.jpg" for name in names
    ]
    assert content["size"].startswith("given: a height of 1.75 m, bones of 4.200 m")
    pose = content["poses"][0]
    assert np.shape(pose["keypoints_2d_px"]) == (16, 2) and pose["is_root_relative"]
    assert np.shape(pose["keypoints_3d_m"]) == (16, 3)


@pytest.mark.slow
def test_the_served_model_is_the_one_that_predicted(walked):
    folder = walked[0]
    model = ServedPose(folder / "savedmodels" / "my_bodies" / "1")
    assert model.metadata.image_size == SIZE
    picture = cv2.imread(str(folder / "my_pictures" / "images" / "00.jpg"))[..., ::-1].copy()
    (body,) = model.predict(picture, bone_length_m=2.4 * 1.75)
    pose = json.loads((folder / "predicted" / "poses.json").read_text())["poses"][0]
    np.testing.assert_allclose(body.keypoints_2d, pose["keypoints_2d_px"], atol=1e-2)
    np.testing.assert_allclose(body.keypoints_3d, pose["keypoints_3d_m"], atol=1e-4)
