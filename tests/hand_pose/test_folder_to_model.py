"""The README's way from an unlabelled folder to a served model, as a new user walks it, but tiny."""

import json
import re
import shlex

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.data.generated.hands import generate_hand, generate_hands
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.skeletons import HAND_21_FREIHAND
from tests.train.command_server import ROOT, shared_server

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
    ("keras_pose.peclr.train", None): TRAINING,
    ("keras_pose.hand_pose.train", None): TRAINING,
    ("keras_pose.hand_pose.export", None): ("--num_heldout=4",),
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
        server = shared_server()
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
    stages = ["hand_pose.train", "hand_pose.export", "predict"]
    assert modules == [
        *("data.prepare", "data.doctor.check", "peclr.train", "data.prepare"),
        *stages,
    ]


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
    known = {
        "K": tf.constant(np.stack([hand.intrinsics for hand in hands]), tf.float32),
        "bone_length_m": tf.constant([[hand.scale] for hand in hands], tf.float32),
    }
    served = model.signatures["serve_crop"](image=images, **known)
    assert served["keypoints_2d"].shape == (3, 21, 2) and served["depth"].shape == (3, 21)
    assert served["keypoints_3d"].shape == (3, 21, 3) and served["valid"].shape == (3,)
    assert all(np.isfinite(value).all() for value in served.values())
    data = tf.constant([hand.image for hand in hands])
    boxes = tf.constant([hand.box for hand in hands], tf.float32)
    left = tf.constant([[0], [1], [0]])
    for name, given in {
        "serving_default": {"bbox": boxes, **known},
        "serve_sided": {"bbox": boxes, "is_left": left, **known},
        "serve_bytes": {},
        "serve_box": {"bbox": boxes},
    }.items():
        answer = model.signatures[name](image_bytes=data, **given)
        assert answer["keypoints_2d"].shape == (3, 21, 2)
        assert all(np.isfinite(value).all() for value in answer.values())
    plain = model.signatures["keypoints"](image=images)
    # The network's root is the palm; where the wrist then is in the picture depends on the camera.
    moved = np.abs(plain["keypoints_2d"] - served["keypoints_2d"]).max(axis=(0, 2))
    assert moved[1:].max() < 1e-3 and moved[0] < 1.0
    np.testing.assert_allclose(plain["depth"], served["depth"], atol=1e-4)
    features = model.signatures["embed"](image=images)["features"]
    assert features.shape[0] == 3 and np.ptp(features, axis=0).max() > 0


@pytest.mark.slow
def test_phone_files_know_joints_and_units(walked):
    folder = walked[0] / "savedmodels" / "my_hands" / "1"
    content = (folder / "my_hands_float16.tflite").read_bytes()
    assert export.read_files(content)["joints.txt"].split() == list(HAND_21_FREIHAND.joints)
    (graph,) = export.read_tflite_metadata(content)["subgraph_metadata"]
    inputs = {entry["name"]: entry for entry in graph["input_tensor_metadata"]}
    assert sorted(inputs) == ["K", "bone_length_m", "image"]
    options = {"mean": [0.0], "std": [1.0]}
    assert inputs["image"]["process_units"] == [{"options": ("NormalizationOptions", options)}]
    outputs = {entry["name"]: entry for entry in graph["output_tensor_metadata"]}
    assert outputs["keypoints_3d"]["description"] == "metres"
    assert outputs["score"]["associated_files"][0]["name"] == "joints.txt"


@pytest.mark.slow
def test_lifting_gives_a_known_hand_back_to_a_millimetre(model):
    hands = [generate_hand(number, 3, size=64) for number in range(16)]
    points = np.stack([hand.keypoints_3d for hand in hands])
    given = {
        "keypoints_2d": np.stack([hand.keypoints_2d for hand in hands]),
        "depth": (points[..., 2] - points[:, :1, 2]) / [[hand.scale] for hand in hands],
        "K": np.stack([hand.intrinsics for hand in hands]),
        "bone_length_m": np.array([[hand.scale] for hand in hands]),
    }
    given = {name: tf.constant(value, tf.float32) for name, value in given.items()}
    lifted = model.signatures["lift"](**given)
    errors = np.linalg.norm(lifted["keypoints_3d"] - points, axis=-1).max(axis=1)
    # Of two depths that fit, the larger is taken; a few poses have the smaller.
    assert np.sort(errors)[: 3 * len(errors) // 4].max() < 1e-3
    np.testing.assert_array_equal(lifted["valid"], 1.0)


@pytest.mark.slow
def test_hostile_input_is_answered_with_zeros(model):
    images = tf.zeros((3, SIZE, SIZE, 3), tf.uint8)
    cameras = np.zeros((3, 3, 3), np.float32)
    cameras[1] = np.nan
    cameras[2] = [[40.0, 0, 16], [0, 40.0, 16], [0, 0, 1]]
    served = model.signatures["serve_crop"](
        image=images,
        K=tf.constant(cameras),
        bone_length_m=tf.constant([[0.03], [0.03], [-1.0]]),
    )
    np.testing.assert_array_equal(served["valid"], 0.0)
    np.testing.assert_array_equal(served["keypoints_3d"], 0.0)


@pytest.mark.slow
def test_every_picture_was_predicted_and_drawn(walked):
    predicted = walked[0] / "predicted"
    assert len(list(predicted.glob("*.overlay.jpg"))) == 40
    poses = json.loads((predicted / "poses.json").read_text())["poses"]
    assert len(poses) == 40 and np.shape(poses[0]["keypoints_2d_px"]) == (21, 2)
