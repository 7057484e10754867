"""Every trainer's own command, killed and stopped at random steps, ends with the undisturbed bytes.

Minutes per trainer, so it runs only where it is asked for: `python -m tools.reliability --long`.
KERAS_POSE_KILLS says how many of each kind (10), KERAS_POSE_REPLICAS on how many replicas (1).
"""

import json
import os
import random
import re
import signal

import pytest

from tests.reliability.trainer_cases import CASES, STEPS
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import CommandServer

pytestmark = [pytest.mark.slow, pytest.mark.long]

KILLS = int(os.environ.get("KERAS_POSE_KILLS", "10"))
REPLICAS = int(os.environ.get("KERAS_POSE_REPLICAS", "1"))
DISTURBED = "tests.reliability.disturbed_command"
PRELOADED = (
    *("keras_pose.peclr.training", "keras_pose.hand_pose.training"),
    *("keras_pose.hand_student.training", "keras_pose.wild3d.training"),
)
WORDS = {signal.SIGKILL: "kill -9", signal.SIGTERM: "SIGTERM"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with CommandServer(tmp_path_factory.mktemp("commands"), PRELOADED) as server:
        yield server


@pytest.fixture(scope="module")
def undisturbed(server, tmp_path_factory):
    """Function from a case to the folder of its run that nothing disturbed, and its arguments."""
    folders = tmp_path_factory.mktemp("undisturbed")
    done = {}

    def run(name):
        if name not in done:
            case = CASES[name]
            arguments = list(case.arguments)
            if case.after:
                flag, earlier = case.after
                arguments.append(f"--{flag}={run(earlier)[0]}")
            if REPLICAS > 1:
                arguments += ["--strategy=cpu_mirrored", f"--num_devices={REPLICAS}"]
            folder = folders / name
            code, command = server.run(case.module, *arguments, f"--model_dir={folder}")
            assert code == 0, command.stderr
            done[name] = folder, arguments
        return done[name]

    return run


def _newest(folder):
    found = [int(path.stem[5:]) for path in (folder / "checkpoints").glob("step-*.index")]
    return max(found, default=0)


@pytest.mark.fault
@pytest.mark.parametrize("number", list(WORDS), ids=["kill", "sigterm"])
@pytest.mark.parametrize("name", list(CASES))
def test_a_trainer_goes_on_from_any_step(
    server, undisturbed, tmp_path, record_property, name, number
):
    expected, arguments = undisturbed(name)
    # Random at each call: what is tested is every step.
    steps = sorted(random.SystemRandom().sample(range(1, STEPS), KILLS))
    folder, went_on_from = tmp_path / "run", []
    arguments = [*arguments, "--checkpoint_steps=3", f"--model_dir={folder}"]
    module = CASES[name].module
    for step in steps:
        code, command = server.run(DISTURBED, step, int(number), module, *arguments)
        assert code == (128 + number if number == signal.SIGTERM else -number), command.stderr
        went_on_from.append(_newest(folder))
        # One every three steps, the last of which may have been in writing.
        assert step - 2 * 3 <= went_on_from[-1] <= step
        if number == signal.SIGTERM:
            assert went_on_from[-1] == step
            assert re.search(
                f"Stopped by SIGTERM after step {step}, which is saved", command.stderr
            )
    code, command = server.run(module, *arguments)
    assert code == 0, command.stderr
    mine, theirs = latest_tensors(folder), latest_tensors(expected)
    assert mine.keys() == theirs.keys() and len(theirs) > 20
    assert [key for key in mine if mine[key] != theirs[key]] == []
    rows = (expected / "epochs.jsonl").read_text()
    assert (folder / "epochs.jsonl").read_text() == rows
    where = "" if REPLICAS == 1 else f", {REPLICAS} replicas"
    listed = ", ".join(map(str, steps))
    record_property(
        "fault",
        json.dumps(
            {
                "fault": f"{WORDS[number]} after steps {listed} of {STEPS}{where}",
                "trainer": CASES[name].name,
                "happened": f"went on from steps {', '.join(map(str, went_on_from))}",
                "lost": f"nothing: {len(theirs)} tensors of the last checkpoint are byte-equal",
            }
        ),
    )
