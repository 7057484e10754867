"""Input workers make the batches that the trainer would make, in order, whatever their number."""

import http.server
import json
import os
import socket
import threading
import time

import numpy as np
import pytest

from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.input_serving import InputWorker
from keras_pose.data.input_worker import InputWorkerSettings
from keras_pose.data_service.client import DataService
from keras_pose.data_service.fingerprints import fingerprint
from keras_pose.data_service.messages import REQUESTS, read_addresses
from keras_pose.lifting.data import training_batches
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.training import open_data
from keras_pose.train.config import to_dict
from keras_pose.train.options import RunOptions
from keras_pose.train.run_folder import code_version
from tests.train.checkpoint_bytes import latest_tensors
from tests.train.command_server import shared_server

_FLAGS = (
    *("--dataset=generated", "--num_generated_frames=100", "--width=8", "--num_blocks=1"),
    *("--discriminator_blocks=1", "--batch_size=16", "--mode=train", "--steps_per_epoch=6"),
)
_DISTURBED = "tests.reliability.disturbed_command"


def _ports():
    """First of three free ports in a row."""
    while True:
        with socket.socket() as one:
            one.bind(("localhost", 0))
            first = one.getsockname()[1]
        try:
            for port in (first, first + 1, first + 2):
                with socket.socket() as trial:
                    trial.bind(("", port))
        except OSError:
            continue
        return first


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    records.write_records(generate_hands(12, 3, size=48), folder, "hands")
    return str(folder)


@pytest.fixture(scope="module")
def start(data_dir):
    """Function that starts an input worker: `(address, command)`."""
    started = []

    def run():
        port = _ports()
        command = shared_server().start(
            "keras_pose.data.input_worker", f"--port={port}", f"--data_dir={data_dir}"
        )
        started.append(command)
        return f"grpc://localhost:{port}", command

    yield run
    for command in started:
        try:
            os.kill(command.pid, 9)
        except ProcessLookupError:
            continue
        command.wait()


@pytest.fixture(scope="module")
def workers(start):
    return ",".join(start()[0] for _ in range(2))


def _request(config, data_dir, **other):
    return {
        "method": config.method,
        "config": to_dict(config),
        "code": code_version(),
        "records": fingerprint(data_dir),
        "on_gpu": False,
    } | other


@pytest.fixture(scope="module")
def config():
    return PretrainConfig(
        dataset="records", image_size=32, batch_size=4, encoder="resnet10_half", warmup_steps=0
    )


def test_two_workers_make_the_batches_of_one_process(workers, config, data_dir):
    data = open_data(config, RunOptions(model_dir="unused", data_dir=data_dir))
    service = DataService(workers, _request(config, data_dir), 60.0)
    with service.as_sentence():
        theirs = list(service.batches(data.batches)(3).take(9))
    mine = list(data.batches(3).take(9))
    assert len(theirs) == len(mine) == 9
    for one, other in zip(theirs, mine, strict=True):
        assert one.keys() == other.keys()
        assert all(np.array_equal(one[name], other[name]) for name in one)
    ids = np.concatenate([batch["id"] for batch in theirs])
    assert len(np.unique(ids)) > 4
    assert service.skipped() == {}


def test_a_stride_leaves_out_whole_batches():
    poses = np.arange(10, dtype=np.float32).reshape(10, 1, 1)
    every = list(training_batches(poses, batch_size=4, seed=1).take(8))
    third = list(training_batches(poses, batch_size=4, seed=1, first_step=1, stride=3).take(3))
    assert [batch.numpy().tolist() for batch in third] == [
        every[number].numpy().tolist() for number in (1, 4, 7)
    ]


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_ends_with_the_bytes_of_one_without(workers, tmp_path):
    server = shared_server()
    module, flags = "keras_pose.tips.train", [*_FLAGS, "--num_steps=12"]
    code, command = server.run(module, *flags, f"--model_dir={tmp_path / 'plain'}")
    assert code == 0, command.stderr
    served = [*flags, f"--model_dir={tmp_path / 'served'}"]
    code, command = server.run(_DISTURBED, 8, 15, module, *served, f"--data_service={workers}")
    assert code == 143, command.stderr
    # The number of workers is nobody's business but theirs.
    code, command = server.run(module, *served, f"--data_service={workers.split(',')[1]}")
    assert code == 0, command.stderr
    mine, theirs = (latest_tensors(tmp_path / name) for name in ("served", "plain"))
    assert mine.keys() == theirs.keys() and len(theirs) > 20
    assert [key for key in mine if mine[key] != theirs[key]] == []


@pytest.mark.slow
@pytest.mark.fault(
    fault="an input worker of --data_service is killed in the middle of a run",
    happened="the run ends in one sentence with its address, within seconds; TensorFlow would wait",
    lost="what was trained since the newest checkpoint",
)
def test_a_killed_worker_ends_the_run_in_a_sentence(start, tmp_path):
    address, worker = start()
    flags = [*_FLAGS, "--num_steps=60000", f"--model_dir={tmp_path / 'run'}"]
    run = shared_server().start("keras_pose.tips.train", *flags, f"--data_service={address}")
    end = time.monotonic() + 120
    while not (tmp_path / "run" / "epochs.jsonl").exists() and time.monotonic() < end:
        time.sleep(0.1)
    os.kill(worker.pid, 9)
    worker.wait()
    assert run.wait(60) == 1, run.stderr
    (sentence,) = [line for line in run.sentences if line.startswith("ERROR")]
    assert address in sentence and "has stopped" in sentence and "same command" in sentence


@pytest.mark.fault(
    fault="an input worker of another version, with other records, or not there at all",
    happened="refused in one sentence with its address before anything is written",
)
def test_workers_that_do_not_fit_are_refused(workers, config, data_dir, tmp_path):
    address = workers.split(",")[0]
    with pytest.raises(ValueError, match=rf"{address}: this input worker runs .*one version"):
        DataService(address, _request(config, data_dir, code="0.0.1"), 60.0)
    (tmp_path / "other.txt").write_text("other")
    with pytest.raises(
        ValueError, match=rf"{address}: this input worker's --data_dir=.*other data"
    ):
        DataService(address, _request(config, str(tmp_path)), 60.0)
    nobody = f"grpc://localhost:{_ports()}"
    with pytest.raises(ValueError, match=f"{nobody}: no input worker has answered there for 1 s"):
        DataService(nobody, _request(config, data_dir), 1.0)


def test_a_first_batch_that_differs_is_refused(workers, config, data_dir):
    data = open_data(config, RunOptions(model_dir="unused", data_dir=data_dir))
    service = DataService(workers.split(",")[0], _request(config, data_dir), 60.0)
    with pytest.raises(ValueError, match="first batch .* differs"):
        service.batches(lambda first: data.batches(first + 1))(0)


def test_a_server_of_something_else_is_named():
    class Other(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, format, *args):
            """Say nothing."""

    with http.server.HTTPServer(("localhost", 0), Other) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        port = server.server_port - REQUESTS
        with pytest.raises(ValueError, match="is no input worker of keras_pose"):
            DataService(f"grpc://localhost:{port}", {}, 1.0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("localhost:5050", "is no address; write grpc://host:port"),
        ("grpc://localhost", "is no address"),
        ("grpc://localhost:70000", "there is no such port"),
        ("grpc://a:1,grpc://a:1", "twice"),
    ],
)
def test_addresses_are_checked_before_anything_starts(text, words):
    with pytest.raises(ValueError, match=words):
        RunOptions(model_dir="unused", data_service=text)


def test_addresses_are_read_in_order():
    assert read_addresses("grpc://b:2, grpc://[::1]:30") == ("b:2", "[::1]:30")


def test_a_port_in_use_is_named():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ValueError, match=f"port {port} is in use"):
            InputWorker(InputWorkerSettings(port=port))


def test_a_fingerprint_follows_the_index_and_not_the_place(tmp_path):
    for name, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "index.json").write_text(json.dumps({"sha256": text}))
    one, same, other = (fingerprint(str(tmp_path / name)) for name in "abc")
    assert one == same != other
    both = [fingerprint(f"{tmp_path / x},{tmp_path / y}") for x, y in ("ac", "ca")]
    assert both[0] != both[1]
