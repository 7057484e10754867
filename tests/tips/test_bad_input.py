"""Bad input to the trainer: one sentence with file or flag, exit code 1, nothing half-written or lost.

Every case is a process of its own, as a user starts it.
"""

import os
import re
import shutil
import subprocess

import numpy as np
import pytest

from tests.train.command_server import shared_server

TRAIN = "keras_pose.tips.train"
TINY = (
    "--dataset=generated",
    "--num_generated_frames=100",
    "--width=128",
    "--num_blocks=0",
    "--discriminator_blocks=0",
    "--batch_size=8",
    "--steps_per_epoch=2",
    "--bone_ratio_weight=0",
    "--ninety_degree_weight=0",
    "--mode=train",
)


@pytest.fixture(scope="module")
def server():
    return shared_server()


@pytest.fixture(scope="module")
def finished(server, tmp_path_factory):
    """Run folder after two epochs; tests take a copy."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    code, command = server.run(TRAIN, *TINY, "--num_steps=4", f"--model_dir={folder}")
    assert code == 0, command.stderr
    return folder


@pytest.fixture
def run(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "run")


def _refused(server, *arguments, naming, **limits):
    """Run a command that must fail in one sentence; returns the sentence."""
    code, command = server.run(TRAIN, *arguments, **limits)
    assert code == 1, f"exit code {code}: {command.stdout}{command.stderr}"
    assert "Traceback" not in command.stderr
    assert len(command.sentences) == 1, command.stderr
    sentence = command.sentences[0]
    assert sentence.startswith("ERROR: ")
    for name in naming:
        assert str(name) in sentence
    # What is wrong, and what to do about it.
    assert re.search(
        r"\b(use|give|choose|remove|run|train|free|go on|restore|name|correct|check|only|add|every|"
        r"mean|start|let|lower|convert|numpy\.swapaxes|should be|delete|write|invalid literal|No such)\b",
        sentence,
    ), sentence
    assert len(sentence) < 700
    return sentence


def _files(folder):
    """Content of every file of a run but TensorBoard's, which only grow."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "tensorboard" not in path.parts
    }


def _no_parts(folder):
    left = [path.name for path in folder.rglob("*") if re.search(r"partial|temp|tmp", path.name)]
    assert left == []


# Flags.


@pytest.mark.parametrize(
    ("arguments", "naming"),
    [
        (["--widht=8"], ["widht", "width"]),
        (["--width=many"], ["width", "many"]),
        (["--width=1"], ["--width=1"]),
        (["--split=six"], ["split", "six"]),
        (["--flagfile=missing.flags"], ["missing.flags"]),
        (["surplus"], ["surplus"]),
        (["--geometry=perspective", "--input_2d=orthographic"], ["--geometry", "--input_2d"]),
        (["--model=student"], ["--teacher"]),
        (["--pitch=steep"], ["--pitch=steep"]),
        (["--dataset=cmu"], ["--data_dir"]),
        (["--steps_per_execution=3"], ["--steps_per_execution=3", "--steps_per_epoch=2"]),
        (["--strategy=mirrored"], ["--strategy=mirrored"]),
    ],
    ids=lambda value: value[0] if value and value[0].startswith("--") else "",
)
def test_flags_that_are_wrong_or_contradict_each_other(server, tmp_path, arguments, naming):
    folder = tmp_path / "run"
    settings = [] if arguments[0].startswith("--dataset") else TINY
    _refused(server, *settings, f"--model_dir={folder}", *arguments, naming=naming)
    assert not folder.exists() or not list(folder.rglob("*"))


def test_no_run_folder_named(server):
    _refused(server, *TINY, naming=["--model_dir"])


# Data.


def _poses(count=40, joints=17, axes=2):
    return np.random.default_rng(0).uniform(0, 500, (count, joints, axes)).astype(np.float32)


def _with_nan():
    poses = _poses()
    poses[7, 3, 1] = np.nan
    return poses


@pytest.mark.parametrize(
    ("poses", "naming"),
    [
        (_poses(joints=15), ["train.npz", "15 joints"]),
        (_with_nan(), ["train.npz", "7"]),
        (_poses().swapaxes(1, 2), ["train.npz", "(40, 2, 17)"]),
        (_poses().reshape(40, 34), ["train.npz", "(40, 34)"]),
        (_poses(count=0), ["train.npz"]),
        (np.array([{"x": 1}], dtype=object), ["train.npz"]),
        (b"", ["train.npz", "empty"]),
        (b"PK\x03\x04 and then nothing", ["train.npz"]),
        (None, ["train"]),
    ],
    ids="joints nan axes flat none pickled empty damaged missing".split(),
)
def test_2d_poses_that_cannot_be_used(server, tmp_path, poses, naming):
    path = tmp_path / "data" / "train.npz"
    path.parent.mkdir()
    np.savez(path.with_name("val.npz"), keypoints_2d=_poses())
    if isinstance(poses, bytes):
        path.write_bytes(poses)
    elif poses is not None:
        np.savez(path, keypoints_2d=poses)
    folder = tmp_path / "run"
    _refused(
        server,
        *TINY,
        "--dataset=keypoints",
        f"--data_dir={path.parent}",
        f"--model_dir={folder}",
        naming=naming,
    )
    assert not folder.exists()


def test_motion_capture_with_another_number_of_joints(server, tmp_path):
    rows = np.arange(20, dtype=np.int32)
    names = {name: np.zeros_like(rows) for name in ("subject", "trial", "source")}
    poses = _poses(count=20, joints=16, axes=3)
    np.savez(tmp_path / "train.npz", poses_mm=poses, frame=rows, **names)
    folder = tmp_path / "run"
    arguments = ("--dataset=cmu", f"--data_dir={tmp_path}", f"--model_dir={folder}")
    sentence = _refused(server, *TINY, *arguments, naming=["train.npz", "(20, 16, 3)"])
    assert "[N, 17, 3]" in sentence
    assert not folder.exists()


def test_a_mended_command_goes_on_where_a_refused_one_stopped(server, tmp_path):
    # The refused command has left nothing behind that would stand in the way of the right one.
    folder = tmp_path / "run"
    wrong = (*TINY, "--dataset=cmu", f"--data_dir={tmp_path}", f"--model_dir={folder}")
    _refused(server, *wrong, naming=["train.npz"])
    code, command = server.run(TRAIN, *TINY, "--num_steps=2", f"--model_dir={folder}")
    assert code == 0, command.stderr


# Runs.


def test_resuming_with_other_settings_names_each(server, run):
    before = _files(run)
    sentence = _refused(
        server,
        *TINY,
        "--num_steps=4",
        f"--model_dir={run}",
        "--width=5",
        "--seed=3",
        naming=["run.json", "--width=5 (was 128)", "--seed=3 (was 0)"],
    )
    assert "--batch_size" not in sentence
    assert _files(run) == before


def _cut(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("step-4.data-00000-of-00001", _cut),
        ("step-4.data-00000-of-00001", os.unlink),
        ("step-4.index", lambda path: path.write_bytes(b"")),
    ],
    ids=["cut", "deleted", "index emptied"],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_is_gone_on_from(
    server, run, finished, name, damage
):
    damage(run / "checkpoints" / name)
    code, command = server.run(TRAIN, *TINY, "--num_steps=4", f"--model_dir={run}")
    assert code == 0, command.stderr
    (sentence,) = command.sentences
    assert "step-4: this checkpoint is damaged" in sentence and "goes on from step 2." in sentence
    assert "Epoch 1/2" not in command.stdout and "Epoch 2/2" in command.stdout
    assert (run / "epochs.jsonl").read_text() == (finished / "epochs.jsonl").read_text()


def test_damaged_checkpoints_alone_are_refused_and_kept(server, run):
    for step in (2, 4):
        _cut(run / "checkpoints" / f"step-{step}.data-00000-of-00001")
    before = _files(run)
    sentence = _refused(
        server, *TINY, "--num_steps=4", f"--model_dir={run}", naming=["checkpoints/step-4"]
    )
    assert "--restart" in sentence and _files(run) == before


@pytest.mark.parametrize(
    "damage",
    [_cut, os.unlink, lambda path: path.write_bytes(b""), lambda path: path.write_bytes(b"x" * 99)],
    ids=["cut", "deleted", "emptied", "something else"],
)
def test_damaged_weights_are_named(server, run, damage):
    damage(run / "weights" / "last.weights.h5")
    before = _files(run)
    _refused(server, "--mode=eval", f"--model_dir={run}", naming=["weights/last.weights.h5"])
    assert _files(run) == before


def test_evaluating_where_there_is_no_run(server, tmp_path):
    _refused(server, "--mode=eval", f"--model_dir={tmp_path}", naming=["run.json", "--model_dir"])


@pytest.mark.parametrize("content", ["", "{", '{"config": {"widht": 3}}', "[]", "{}"])
def test_damaged_record_is_named(server, run, content):
    (run / "run.json").write_text(content)
    before = _files(run)
    _refused(server, *TINY, "--num_steps=4", f"--model_dir={run}", naming=["run.json"])
    assert _files(run) == before


def test_damaged_rows_are_named(server, run):
    (run / "epochs.jsonl").write_text('{"epoch": 1, "step"')
    _refused(server, *TINY, "--num_steps=4", f"--model_dir={run}", naming=["epochs.jsonl"])


def test_student_of_an_unfinished_or_other_teacher(server, run, tmp_path):
    folder = tmp_path / "student"
    student = (*TINY, "--model=student", f"--model_dir={folder}")
    _refused(server, *student, "--teacher=nowhere", naming=["nowhere"])
    _refused(
        server,
        *student,
        f"--teacher={run}",
        "--camera_distance=9",
        naming=["--camera_distance=9", run],
    )
    code, command = server.run(TRAIN, *student, "--teacher_dir=nowhere")
    assert code == 1
    old, error = command.sentences
    assert old == "--teacher_dir is now --teacher; use that name."
    assert error.startswith("ERROR: --teacher=nowhere")
    os.unlink(run / "weights" / "last.weights.h5")
    _refused(server, *student, f"--teacher={run}", naming=["last.weights.h5"])
    assert not folder.exists()


# Disk.


def _sizes(folder):
    return {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


@pytest.mark.fault(
    fault="the disk is full while the record, a checkpoint or the weights of a run are written",
    trainer="TIPS, adversarial",
    happened="one sentence; with room again the same command goes on to the same rows",
)
@pytest.mark.slow
@pytest.mark.parametrize("place", ["run.json", "checkpoint", "weights"])
def test_full_disk_loses_nothing_and_the_run_goes_on_afterwards(
    server, run, finished, tmp_path, place
):
    sizes = _sizes(finished)
    checkpoint = sizes["step-4.data-00000-of-00001"]
    weights = sizes["last.weights.h5"]
    # Files may grow to just below what the place needs; TensorBoard writes elsewhere.
    largest = {"run.json": 1500, "checkpoint": checkpoint - 1, "weights": weights - 1}[place]
    naming = {"run.json": "run", "checkpoint": "checkpoints", "weights": "weights.h5"}[place]
    folder = run
    if place == "run.json":
        folder = tmp_path / "new"
    else:
        # As the first of two epochs left it, so that there is a checkpoint to lose.
        for path in (run / "checkpoints").glob("step-4.*"):
            path.unlink()
        (run / "weights" / "last.weights.h5").unlink()
    arguments = (*TINY, "--num_steps=4", f"--model_dir={folder}")
    before = _files(folder)
    sentence = _refused(server, *arguments, naming=[naming], largest_file=largest)
    assert "disk" in sentence
    after = _files(folder)
    _no_parts(folder)
    kept = [name for name in before if "step-2" in name]
    assert all(after[name] == before[name] for name in kept)
    assert [name for name in after if "step-4" in name and place == "checkpoint"] == []
    code, command = server.run(TRAIN, *arguments)
    assert code == 0, command.stderr
    assert (folder / "epochs.jsonl").read_text() == (finished / "epochs.jsonl").read_text()
    for name in ("last.weights.h5", "step-4.data-00000-of-00001"):
        assert _sizes(folder)[name] == sizes[name]


def test_a_disk_that_is_really_full(server, finished, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a disk; the limit on file sizes above stands in for it")
    try:
        folder = disk / "run"
        _refused(server, *TINY, "--num_steps=4", f"--model_dir={folder}", naming=[folder])
        _no_parts(folder)
    finally:
        subprocess.run(["umount", disk], check=True)
