"""Commands say nothing but their own lines, and Ctrl-C ends them in one sentence."""

import logging
import os
import re
import signal
import subprocess
import sys

import pytest
import tensorflow as tf

from keras_pose.train.quiet import import_quietly
from tests.train.command_server import ROOT, environment

_TINY = (
    *("--dataset=generated", "--num_generated_frames=200", "--width=16", "--batch_size=32"),
    *("--steps_per_epoch=10", "--model_dir=run"),
)
_STOPPED = """
import dataclasses, hashlib
from keras_pose.train import option, run_binary

@dataclasses.dataclass(frozen=True)
class Settings:
    deaf: bool = option(False, "Whether to be in C++ for long.")

def main(settings):
    print("begun", flush=True)
    while True:
        # Many minutes in one call that gives Python no chance to answer.
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000_000_000 if settings.deaf else 10)

run_binary(main, Settings)
"""


def _environment():
    """Return that of a user, who has set nothing about logs or devices."""
    ours = environment()
    return {
        k: v for k, v in ours.items() if k not in ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES")
    }


def _run(folder, module, *arguments):
    done = subprocess.run(
        [sys.executable, "-m", f"keras_pose.{module}", *arguments],
        capture_output=True, text=True, cwd=folder, env=_environment(), timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


def test_tensorflow_does_not_warn_of_functions_traced_for_several_sizes():
    import_quietly()
    log = tf.get_logger()
    assert log.isEnabledFor(logging.ERROR) and not log.isEnabledFor(logging.WARNING)


@pytest.mark.slow
def test_every_line_of_three_commands_is_ours(tmp_path):
    trained = _run(tmp_path, "tips.train", *_TINY, "--num_steps=20")
    exported = _run(
        tmp_path, "tips.export", "--model_dir=run", "--name=tiny", "--export_dir=models",
        "--formats=float32",
    )  # fmt: skip
    records = _run(
        tmp_path,
        "data.prepare",
        "--source=generated_hands",
        "--num=2",
        "--size=64",
        "--output=hands",
    )
    assert [done.stderr for done in (trained, exported, records)] == ["", "", ""]
    # Keras's two lines per epoch, measures, the stop rule's, and the end of every training.
    kinds = r"Epoch \d/2|10/10 - .*|step .*|\s+[\d.-]+  \S+\[.*\]|\w+: stop rule.*|20 steps took .*"
    lines = trained.stdout.splitlines()
    assert [line for line in lines[:-2] if not re.fullmatch(kinds, line)] == []
    assert lines[-2] == "Written to run: weights, run.json, epochs.jsonl."
    assert lines[-1] == "Next: python -m keras_pose.tips.export --model_dir=run --name=my_lifter"
    lines = exported.stdout.splitlines()
    assert [line for line in lines[:-2] if not re.fullmatch(r" +\d+ s  .*", line)] == []
    assert lines[-2].startswith(
        "Wrote models/tiny/1: SavedModel, card.md, parity.json, tiny_float32"
    )
    assert lines[-1] == "Next: python -m keras_pose.export.benchmark --models=models/tiny/1"
    last = records.stdout.splitlines()[-1]
    assert last == "Next: python -m keras_pose.data.doctor.check --input=hands"


def _stop(command, folder, word):
    """Interrupt a command once it has said a word; return its code and last words."""
    # A shell that runs the tests in the background has SIGINT ignored, which children inherit.
    heeding = (
        "import os, signal as s, sys; s.signal(2, s.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", heeding, *command],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=_environment(),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if word in line:
                break
        os.kill(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    finally:
        # One that is deaf to it would keep a processor busy for ever.
        process.kill()
    return process.returncode, told.strip().splitlines()


@pytest.mark.parametrize("flag", ["--deaf", "--nodeaf"])
def test_ctrl_c_ends_a_command_in_one_sentence(flag):
    code, told = _stop([sys.executable, "-c", _STOPPED, flag], ROOT, "begun")
    assert code == 130
    assert told == ["Ended by Ctrl-C; the same command goes on with what is there or begins again."]


@pytest.mark.slow
def test_ctrl_c_ends_a_training_in_one_sentence(tmp_path):
    command = [sys.executable, "-m", "keras_pose.tips.train", *_TINY, "--num_steps=1000000"]
    code, told = _stop(command, tmp_path, "10/10")
    assert code == 130
    assert len(told) == 1
    said = (
        r"Stopped by SIGINT after step \d+, which is saved; the same command goes on from there\."
    )
    assert re.fullmatch(said, told[0]), told
