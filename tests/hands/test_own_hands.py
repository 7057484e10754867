"""The page docs/own_hands.md as a user walks it, with tiny numbers and the shipped network as teacher."""

import json
import re
import shlex

import numpy as np
import pytest

from keras_pose import export
from keras_pose.data.generated.hands import generate_hands
from tests.train.command_server import ROOT, CommandServer

_TRAINING = ("--batch_size=4", "--num_steps=2", "--steps_per_epoch=2", "--warmup_steps=0")
_SMALL = ("--encoder=resnet10_half", "--image_size=32")
# What makes the page's commands small and independent of imported networks; later flags win.
_CHANGES = {
    "keras_pose.pseudo_labels": (
        f"--teacher={ROOT / 'savedmodels' / 'hand_student'}",
        *("--finder=", "--agreement=1.0", "--min_score=0", "--min_joints=1"),
    ),
    "keras_pose.peclr.train": (*_TRAINING, *_SMALL),
    "keras_pose.hand_pose.train": (*_TRAINING, *_SMALL),
    "keras_pose.hand_student.train": (
        *_TRAINING,
        *("--image_size=32", "--width=8", "--depth_width=8"),
        # Without training, a soft arg-max puts all joints on one point, which has no 3D.
        "--coordinates=argmax",
    ),
    "keras_pose.hand_student.export": ("--num_heldout=4",),
}


def _commands():
    """Module and arguments of every command of the page."""
    text = (ROOT / "docs" / "own_hands.md").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    commands = [shlex.split(line) for line in lines if line.startswith("    python -m ")]
    return [(words[2], words[3:]) for words in commands]


@pytest.mark.long
def test_the_page_leads_from_pictures_to_a_file(tmp_path, monkeypatch):
    (tmp_path / "my_hands").mkdir()
    for number, hand in enumerate(generate_hands(24, seed=5, size=64)):
        (tmp_path / "my_hands" / f"{number:02d}.jpg").write_bytes(hand.image)
    monkeypatch.chdir(tmp_path)
    with CommandServer(tmp_path / "commands") as server:
        for module, arguments in _commands():
            code, command = server.run(module, *arguments, *_CHANGES.get(module, ()))
            # Random labels of a tiny teacher are no hands, and the doctor says so.
            allowed = (0, 1) if module == "keras_pose.data.doctor.check" else (0,)
            assert code in allowed, f"{module}: {command.stderr}"
    labels = json.loads((tmp_path / "my_hands.json").read_text(encoding="utf-8"))
    assert len(labels["annotations"]) > 10
    run = json.loads((tmp_path / "runs" / "large" / "run.json").read_text(encoding="utf-8"))
    assert run["config"]["init_from"] == "runs/pretrained"
    folder = tmp_path / "savedmodels" / "my_hands" / "1"
    file = (folder / "my_hands_decoded_float16.tflite").read_bytes()
    image = np.zeros((1, 32, 32, 3), np.float32)
    answer = export.tflite_runner(file, "decoded")({"image": image})
    assert answer["x"].shape == (1, 21) and np.isfinite(answer["x"]).all()
