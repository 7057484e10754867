"""No hand or body network ships whose answers cannot be right, unless it says that it is an example."""

import json
from pathlib import Path

import pytest

from tools.check_shipped import MARK, faults_of, is_example, main, shipped_folders

ROOT = Path(__file__).parents[2]
GOOD = {
    "set": "200 pictures",
    "spread": {"left_hip to right_hip": 0.95},
    "missed": 0.0,
    "alike": 0.0,
    "grey_px": 1.0,
    "grey_share": 0.01,
}
FOLDERS = shipped_folders(ROOT / "savedmodels")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_shipped_networks_pass_or_say_that_they_are_examples(folder):
    faults = faults_of(folder)
    if is_example(folder):
        # Who mends the network takes the mark away.
        assert faults
        page = (ROOT / "savedmodels" / "README.md").read_text(encoding="utf-8")
        (row,) = [
            line for line in page.splitlines() if line.startswith(f"| `{folder.parent.name}`")
        ]
        assert "only an example of the file formats" in row
    else:
        assert faults == ()


def test_there_is_something_to_look_at():
    assert {folder.parent.name for folder in FOLDERS} >= {"hand_student", "body_student"}


def _version(folder, answers, card="A card."):
    folder.mkdir(parents=True)
    facts = {"image_size": 64, "kind": "body", "joints": ["a"], "signatures": {"serve_crop": {}}}
    (folder / "metadata.json").write_text(json.dumps(facts))
    (folder / "accuracy.json").write_text(json.dumps({"values": {}, "answers": answers}))
    (folder / "card.md").write_text(card)
    return folder


def test_one_that_fails_is_refused(tmp_path, capsys):
    good = _version(tmp_path / "good" / "1", GOOD)
    bad = _version(tmp_path / "bad" / "1", GOOD | {"spread": {"left_hip to right_hip": 0.01}})
    assert shipped_folders(tmp_path) == [bad, good]
    assert main([str(good)]) == 0
    assert main([str(good), str(bad)]) == 1
    said = capsys.readouterr().out
    assert "the worst left_hip to right_hip: 0.010 times." in said and "may ship." in said
    # A card that says so lets it be there for its formats.
    (bad / "card.md").write_text(f"**An {MARK}.**")
    assert main([str(bad)]) == 0


def test_one_that_nobody_measured_is_refused(tmp_path, capsys):
    folder = _version(tmp_path / "old" / "1", None)
    assert main([str(folder)]) == 1
    assert "export it again" in capsys.readouterr().out
