"""Two worker processes on one machine train what one process trains, and lose nothing when one dies."""

import json
import os
import signal
import socket
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.train import read_run
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import shared_server

pytestmark = pytest.mark.slow

TRAIN = "keras_pose.tips.train"
STEPS = 12
# No dropout: every replica would drop other units than one process does.
TINY = (
    "--dataset=generated",
    "--num_generated_frames=100",
    "--width=8",
    "--num_blocks=1",
    "--discriminator_blocks=1",
    "--batch_size=16",
    f"--num_steps={STEPS}",
    "--steps_per_epoch=6",
    "--mode=train",
)


@pytest.fixture(scope="module")
def server():
    return shared_server()


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("localhost", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _start(server, folder, *arguments):
    """Start two workers; the chief is the first."""
    addresses = [f"localhost:{port}" for port in _free_ports(2)]
    return [
        server.start(
            TRAIN,
            *TINY,
            f"--model_dir={folder}",
            *arguments,
            environment={
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    }
                )
            },
        )
        for index in range(2)
    ]


def _values(folder):
    reader = tf.train.load_checkpoint(str(folder / "checkpoints"))
    names = [name for name in reader.get_variable_to_shape_map() if name.startswith("state/")]
    return {name: np.asarray(reader.get_tensor(name)) for name in names}


@pytest.fixture(scope="module")
def pair(server, tmp_path_factory):
    """Run folder of two workers that nothing disturbed."""
    folder = tmp_path_factory.mktemp("pair") / "run"
    workers = _start(server, folder, "--steps_per_execution=2")
    for worker in workers:
        assert worker.wait() == 0, worker.stderr
    return folder


def test_two_workers_train_what_one_process_trains(server, pair, tmp_path):
    code, command = server.run(TRAIN, *TINY, f"--model_dir={tmp_path / 'one'}")
    assert code == 0, command.stderr
    one, two = _values(tmp_path / "one"), _values(pair)
    assert one.keys() == two.keys() and len(one) > 50
    for name, values in one.items():
        np.testing.assert_allclose(two[name], values, rtol=1e-6, atol=1e-6, err_msg=name)
    rows = [
        [json.loads(row) for row in (folder / "epochs.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "one", pair)
    ]
    assert len(rows[0]) == len(rows[1]) == 2
    assert rows[1][1]["reprojection"] == pytest.approx(rows[0][1]["reprojection"], rel=1e-5)
    assert read_run(str(pair))["finished"] is True


@pytest.mark.fault(
    fault="one of two workers is killed",
    happened="the other ends; started again, both end with the undisturbed bytes",
)
def test_a_killed_worker_ends_the_other_and_all_go_on_to_the_same_bytes(server, pair, tmp_path):
    folder = tmp_path / "run"
    workers = _start(server, folder, "--checkpoint_steps=2")
    end = time.monotonic() + 600
    while not (folder / "checkpoints" / "checkpoint").exists():
        assert time.monotonic() < end, workers[0].stderr
        time.sleep(0.002)
    os.kill(workers[1].pid, signal.SIGKILL)
    assert workers[1].wait() == -signal.SIGKILL
    # TensorFlow may end the other itself, before Python can say why.
    assert workers[0].wait() != 0
    workers = _start(server, folder)
    for worker in workers:
        assert worker.wait() == 0, worker.stderr
    mine, theirs = latest_tensors(folder), latest_tensors(pair)
    assert [name for name in theirs if mine[name] != theirs[name]] == []


@pytest.mark.fault(
    fault="a worker never comes",
    happened="after --worker_timeout_s one sentence with its address",
)
def test_a_worker_that_never_comes_is_named(server, tmp_path):
    addresses = [f"localhost:{port}" for port in _free_ports(2)]
    content = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": 0}}
    code, command = server.run(
        TRAIN,
        *TINY,
        f"--model_dir={tmp_path / 'run'}",
        "--worker_timeout_s=3",
        environment={"TF_CONFIG": json.dumps(content)},
    )
    assert code == 1
    assert f"After 3 s not all workers of TF_CONFIG have come: {addresses[1]}" in command.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.fault(
    fault="a worker was started with other settings",
    happened="all workers stop in one sentence",
)
def test_workers_of_other_settings_say_so(server, tmp_path):
    addresses = [f"localhost:{port}" for port in _free_ports(2)]
    workers = [
        server.start(
            TRAIN,
            *TINY,
            f"--seed={index}",
            f"--model_dir={tmp_path / 'run'}",
            environment={
                "TF_CONFIG": json.dumps(
                    {
                        "cluster": {"worker": addresses},
                        "task": {"type": "worker", "index": index},
                    }
                )
            },
        )
        for index in range(2)
    ]
    for worker in workers:
        assert worker.wait() == 1
        assert "Worker 1 of TF_CONFIG has other settings than the chief" in worker.stderr
    assert not (tmp_path / "run").exists()
