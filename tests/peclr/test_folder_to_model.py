"""The README's way from an unlabelled folder to a served model, as a new user walks it, but tiny."""

import json
import re
import shlex

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.generated_hands import generate_hands
from keras_pose.data.picture import decode_picture
from tests.train.command_server import ROOT, CommandServer

SIZE = 32
TRAINING = (
    "--encoder=resnet10_half",
    f"--image_size={SIZE}",
    "--batch_size=8",
    "--num_steps=2",
    "--steps_per_epoch=2",
    "--warmup_steps=0",
)
# What makes the README's commands small; later flags win.
SMALLER = {
    ("keras_pose.data.prepare", "generated_hands"): ("--num=24", "--size=48"),
    ("keras_pose.peclr.pretrain", None): TRAINING,
    ("keras_pose.peclr.finetune", None): TRAINING,
}


def _commands():
    """Module and arguments of every command of the README's section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Hands: from an unlabelled folder.*?(?=^## )", text, re.M | re.S)[0]
    lines = re.sub(r"\\\n\s*", "", section).splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    python -m ")]
    return [(words[2], words[3:]) for words in commands]


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """The folder in which every command of the section has run, and what each printed."""
    folder = tmp_path_factory.mktemp("user")
    (folder / "my_pictures").mkdir()
    for number, hand in enumerate(generate_hands(40, seed=21, size=64)):
        (folder / "my_pictures" / f"{number:02d}.jpg").write_bytes(hand.image)
    printed = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with CommandServer(folder / "commands") as server:
            for module, arguments in _commands():
                smaller = [
                    flag
                    for (name, source), flags in SMALLER.items()
                    if name == module and (source is None or f"--source={source}" in arguments)
                    for flag in flags
                ]
                code, command = server.run(module, *arguments, *smaller)
                assert code == 0, f"{module}: {command.stderr}"
                printed.append((module, command.stdout))
    return folder, printed


@pytest.fixture(scope="module")
def model(walked):
    return tf.saved_model.load(str(walked[0] / "savedmodels" / "my_hands" / "1"))


@pytest.mark.slow
def test_the_section_says_the_whole_way(walked):
    modules = [module.removeprefix("keras_pose.") for module, _ in walked[1]]
    stages = ["peclr.finetune", "peclr.export", "peclr.predict"]
    assert modules == ["data.prepare", "data.check", "peclr.pretrain", "data.prepare", *stages]


@pytest.mark.slow
def test_nothing_of_the_unlabelled_pictures_was_lost(walked):
    folder, printed = walked
    index = json.loads((folder / "records" / "mine" / "index.json").read_text())
    assert (index["num_records"], index["num_bad"]) == (40, 0)
    assert index["counts"]["with_2d"] == 0
    assert "40 records examined" in printed[1][1]
    run = json.loads((folder / "runs" / "pretrained" / "run.json").read_text())
    assert sum(run["pictures"]["mine"].values()) == 40 and run["skipped"] == {}
    run = json.loads((folder / "runs" / "hands" / "run.json").read_text())
    assert sum(run["hands"]["labelled"].values()) == 24 and run["config"]["init_from"]


@pytest.mark.slow
def test_the_served_model_answers_all_signatures(model):
    hands = list(generate_hands(3, seed=5, size=SIZE))
    images = tf.constant(np.stack([decode_picture(hand.image, hand.name) for hand in hands]))
    cameras = tf.constant(np.stack([hand.intrinsics for hand in hands]), tf.float32)
    bones = tf.constant([hand.scale for hand in hands], tf.float32)
    served = model.signatures["serve_image"](image=images, intrinsics=cameras, bone_length=bones)
    assert served["keypoints_2d"].shape == (3, 21, 2) and served["depth"].shape == (3, 21)
    assert served["keypoints_3d"].shape == (3, 21, 3) and served["valid"].shape == (3,)
    assert all(np.isfinite(value).all() for value in served.values())
    plain = model.signatures["keypoints"](image=images)
    # The network's root is the palm; where the wrist then is in the picture depends on the camera.
    moved = np.abs(plain["keypoints_2d"] - served["keypoints_2d"]).max(axis=(0, 2))
    assert moved[1:].max() < 1e-3 and moved[0] < 1.0
    np.testing.assert_allclose(plain["depth"], served["depth"], atol=1e-4)
    features = model.signatures["embed"](image=images)["features"]
    assert features.shape[0] == 3 and np.ptp(features, axis=0).max() > 0


@pytest.mark.slow
def test_hostile_input_is_answered_with_zeros(model):
    images = tf.zeros((3, SIZE, SIZE, 3), tf.uint8)
    cameras = np.zeros((3, 3, 3), np.float32)
    cameras[1] = np.nan
    cameras[2] = [[40.0, 0, 16], [0, 40.0, 16], [0, 0, 1]]
    bones = tf.constant([0.03, 0.03, -1.0])
    served = model.signatures["serve_image"](
        image=images, intrinsics=tf.constant(cameras), bone_length=bones
    )
    np.testing.assert_array_equal(served["valid"], 0.0)
    np.testing.assert_array_equal(served["keypoints_3d"], 0.0)
    assert np.isfinite(served["keypoints_2d"]).all()


@pytest.mark.slow
def test_every_picture_was_predicted_and_drawn(walked):
    predicted = walked[0] / "predicted"
    assert len(list(predicted.glob("*.jpg.json"))) == 40
    assert len(list(predicted.glob("*.overlay.jpg"))) == 40
    content = json.loads((predicted / "00.jpg.json").read_text())
    assert np.shape(content["hands"][0]["keypoints_2d_px"]) == (21, 2)
