"""What new users get wrong, over fifty times: one sentence that names it, exit code 1, no stack trace."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from tests.train.command_server import ROOT, environment, shared_server

# Runs each command as a fork of a process that has what they share imported, but no TensorFlow.
_CHILD = """
import json, os, runpy, sys, tempfile
import keras_pose.train.binary, keras_pose.train.options
answers = []
for module, *arguments in json.loads(sys.stdin.read()):
    told, said = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    child = os.fork()
    if not child:
        os.dup2(said.fileno(), 1), os.dup2(told.fileno(), 2)
        sys.argv = [module, *arguments]
        try:
            runpy.run_module("keras_pose." + module, run_name="__main__", alter_sys=True)
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 70
        if "tensorflow" in sys.modules:
            print("It imported TensorFlow.", file=sys.stderr)
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    told.seek(0)
    answers.append([code, told.read().decode()])
print(json.dumps(answers))
"""
_RUN = "--model_dir=run"
EARLY = (
    # (command, what the sentence names, arguments)
    ("tips.train", "nonsense", "--nonsense=1"),
    ("tips.train", "widht", "--widht=256", _RUN),
    ("tips.train", "--width", "--width=wide", _RUN),
    ("tips.train", "--width=-3", "--width=-3", _RUN),
    ("tips.train", "'width=256'", "width=256", _RUN),
    ("tips.train", "--model_dir", "--dataset=generated"),
    ("tips.train", "missing", "--dataset=keypoints", "--data_dir=missing", _RUN),
    ("tips.train", "--skeleton=cocoo", "--dataset=keypoints", "--skeleton=cocoo", _RUN),
    ("tips.train", "--pitch=steep", "--pitch=steep", _RUN),
    ("tips.train", "none.flags", "--flagfile=flags/tips/none.flags"),
    ("tips.train", "--recipe=tips/two_generator", "--recipe=tips/two_generator"),
    ("tips.train", "--teacher", "--model=student", _RUN),
    ("tips.train", "missing", "--model=student", "--teacher=missing", _RUN),
    ("tips.train", "--dataset=h37m", "--dataset=h37m", _RUN),
    ("tips.export", "missing", "--model_dir=missing", "--name=mine"),
    ("tips.export", "--name", "--model_dir=empty"),
    ("tips.export", "float8", "--model_dir=empty", "--name=mine", "--formats=float8"),
    ("tips.export", "empty", "--model_dir=empty", "--name=mine"),
    ("peclr.train", "missing", "--data_dir=missing", _RUN),
    ("peclr.train", "--encoder=resnet19", "--encoder=resnet19", "--data_dir=empty", _RUN),
    ("peclr.train", "--batch_size=0", "--batch_size=0", "--data_dir=empty", _RUN),
    ("hand_pose.train", "missing", "--init_from=missing", "--dataset=generated", _RUN),
    ("hand_pose.export", "missing", "--model_dir=missing", "--name=mine"),
    ("hand_student.train", "--image_size=100", "--image_size=100", _RUN),
    ("hand_student.train", "--absent_outside", "--empty_probability=0.2", _RUN),
    ("hand_student.export", "notes.txt", "--model_dir=notes.txt", "--name=mine"),
    ("wild3d.train", "missing", "--data_dir=empty,missing", _RUN),
    ("wild3d.train", "--stages=1,5", "--stages=1,5", "--dataset=generated", _RUN),
    ("wild3d.export", "empty", "--model_dir=empty", "--name=mine"),
    ("predict", "--saved_model", "--pictures=photo.jpg", "--output=out"),
    ("predict", "missing", "--saved_model=missing", "--pictures=photo.jpg", "--output=out"),
    ("predict", "empty", "--saved_model=empty", "--pictures=photo.jpg", "--output=out"),
    ("predict", "--output", "--saved_model={hand}", "--pictures=photo.jpg"),
    ("predict", "gone.jpg", "--saved_model={hand}", "--pictures=gone.jpg", "--output=out"),
    ("predict", "--format=xml", "--saved_model={hand}", "--format=xml", "--output=out"),
    ("predict", "contradict", "--saved_model={hand}", "--focal_px=9", "--assume_fov_deg=9"),
    ("predict", "--min_score=2", "--saved_model={hand}", "--min_score=2", "--output=out"),
    ("predict", "gone.csv", "--saved_model={hand}", "--pictures=photo.jpg", "--output=out",
     "--boxes=gone.csv"),
    ("data.prepare", "--input", "--source=folder", "--output=records"),
    ("data.prepare", "--output", "--source=generated_hands"),
    ("data.prepare", "--source=folders", "--source=folders", "--input=empty", "--output=records"),
    ("data.prepare", "missing", "--source=folder", "--input=missing", "--output=records"),
    ("data.prepare", "--size=10", "--source=generated_hands", "--size=10", "--output=records"),
    ("data.prepare", "--motion=empty", "--source=folder", "--input=empty", "--motion=empty",
     "--output=records"),
    ("data.doctor.check", "missing", "--input=missing"),
    ("export.benchmark", "missing", "--models=missing"),
)  # fmt: skip
LATE = (
    ("data.prepare", "empty", "--source=folder", "--input=empty", "--output=records"),
    ("data.prepare", "notes.json", "--source=keypoint_json", "--input=notes.json",
     "--output=records"),
    ("data.prepare", "--joint_order", "--source=keypoint_json", "--input=people.json",
     "--output=records"),
    ("data.doctor.check", "empty", "--input=empty"),
    ("predict", "tips_cmu", "--saved_model={lifter}", "--pictures=photo.jpg", "--output=out"),
    ("predict", "photo.jpg", "--saved_model={hand}", "--pictures=photo.jpg", "--output=out"),
    ("predict", "empty", "--saved_model={hand}", "--pictures=empty", "--output=out"),
    ("hand_pose.train", "empty", "--data_dir=empty", _RUN),
    ("wild3d.train", "empty", "--data_dir=empty", _RUN),
    ("tips.train", "train.npy has 1 poses", "--data_dir=one", _RUN),
    ("tips.train", "--dataset=keypoints", "--data_dir=empty", _RUN),
)  # fmt: skip


def _told(text):
    """What a user reads on stderr, without a device's remarks of TensorFlow."""
    return [line for line in text.splitlines() if line.strip()]


def _fill(folder):
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("no run")
    (folder / "notes.json").write_text("no JSON")
    (folder / "photo.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (folder / "one").mkdir()
    for split in ("train", "val"):
        np.save(folder / "one" / f"{split}.npy", 7.0 + np.arange(34.0).reshape(1, 17, 2))
    person = {"image_id": 1, "id": 1, "keypoints": [30, 40, 2] * 17, "bbox": [1, 1, 50, 50]}
    people = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 64}],
        "annotations": [person],
    }
    (folder / "people.json").write_text(json.dumps(people))
    cv2.imwrite(str(folder / "a.png"), np.full((64, 64, 3), 128, np.uint8))
    places = {"hand": "hand_student", "lifter": "tips_cmu"}
    return {key: str(ROOT / "savedmodels" / name) for key, name in places.items()}


def _filled(arguments, places):
    return [argument.format(**places) for argument in arguments]


def _fault(code, told, names):
    # A record that is left out is named before.
    lines = [line for line in _told(told) if not line.startswith("bad record ")]
    if code not in (1, 2):
        return f"exit code {code}: {told}"
    if len(lines) != 1 or not lines[0].startswith("ERROR: "):
        return f"not one sentence: {told}"
    if names not in lines[0]:
        return f"{names} is not named: {lines[0]}"
    return "" if lines[0].rstrip().endswith((".", "?")) else f"no end: {lines[0]}"


def test_wrong_flags_and_paths_are_one_sentence_before_tensorflow(tmp_path):
    places = _fill(tmp_path)
    commands = [[module, *_filled(rest, places)] for module, _, *rest in EARLY]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD], input=json.dumps(commands), capture_output=True,
        text=True, cwd=tmp_path, env=environment(), timeout=300,
    )  # fmt: skip
    answers = json.loads(done.stdout)
    assert len(answers) == len(EARLY) > 40
    faults = {
        " ".join(command): fault
        for command, (code, told), (_, names, *_) in zip(commands, answers, EARLY, strict=True)
        if (fault := _fault(code, told, names))
    }
    assert faults == {}
    # Nothing is left of a command that was refused.
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"empty", "notes.txt", "notes.json", "photo.jpg", "one", "people.json", "a.png"}


@pytest.fixture(scope="module")
def server():
    return shared_server()


def test_wrong_files_are_one_sentence_too(server, tmp_path, monkeypatch):
    places = _fill(tmp_path)
    # Commands stand where the server does: paths are whole ones.
    faults = {}
    for module, names, *rest in LATE:
        arguments = [
            argument
            if "{" in argument or "generated" in argument
            else "=".join(_whole(argument.split("=", 1), tmp_path))
            for argument in rest
        ]
        command = server.start(f"keras_pose.{module}", *_filled(arguments, places))
        code = command.wait()
        if fault := _fault(code, "\n".join(command.sentences), names):
            faults[" ".join([module, *arguments])] = fault
    assert faults == {}


def _whole(parts, folder):
    flag, value = parts
    is_path = flag in ("--input", "--output", "--pictures", "--data_dir", "--model_dir")
    return [flag, str(folder / value) if is_path else value]
