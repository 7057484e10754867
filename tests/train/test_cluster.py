"""TF_CONFIG in every broken form is one sentence; a good one is read in order."""

import json
import socket

import pytest

from keras_pose.train.cluster import Cluster, check_port, read_cluster, silent, unresolved
from keras_pose.train.strategy import choose_strategy


def _read(content):
    text = content if isinstance(content, str) else json.dumps(content)
    return read_cluster({"TF_CONFIG": text})


def _task(kind="worker", index=0, **groups):
    return {"cluster": groups, "task": {"type": kind, "index": index}}


def test_the_chief_comes_first():
    content = _task(index=1, chief=["a:1"], worker=["b:2", "c:3"])
    assert _read(content) == Cluster(("a:1", "b:2", "c:3"), 2)
    assert _read(_task("chief", 0, chief=["a:1"], worker=["b:2"])).index == 0
    assert read_cluster({}) is None and _read("{}") is None and _read(" ") is None


@pytest.mark.fault(
    fault="TF_CONFIG is no JSON, lacks a part or names what cannot be",
    happened="refused in one sentence before anything starts",
)
@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("{", "TF_CONFIG is no JSON .*; give it the form"),
        ("[]", "TF_CONFIG lacks a part; give it the form"),
        ({"cluster": {"worker": ["a:1"]}}, "lacks a part"),
        (_task(worker=3), "lacks a part"),
        (_task("evaluator", worker=["a:1"]), "names the task 'evaluator' but no such group"),
        (_task(worker=["a:1"], ps=["b:1"]), "names ps; every process is a worker here"),
        (
            _task(index=2, worker=["a:1", "b:1"]),
            "has 2 of 'worker' and this is number 2; .* 0 to 1",
        ),
        (_task(worker=["a"]), "'a' is no address; write it as host:port"),
        (_task(worker=["a:70000"]), "'a:70000' is no address"),
        (_task(worker=["a:1", "a:1"]), "names a:1 twice"),
    ],
)
def test_a_broken_one_is_a_sentence(content, sentence):
    with pytest.raises(ValueError, match=sentence):
        _read(content)


@pytest.mark.fault(
    fault="TF_CONFIG names a port in use or a host that nobody knows",
    happened="refused in one sentence before anything starts",
)
def test_ports_and_names_are_looked_at():
    with socket.socket() as taken:
        taken.bind(("", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cluster = Cluster((f"localhost:{port}", "no-such-host.invalid:1"), 0)
        with pytest.raises(ValueError, match=f"port {port} of this worker, .* is in use"):
            check_port(cluster)
        assert unresolved(cluster) == ["no-such-host.invalid:1"]
        assert silent(Cluster((f"localhost:{port}", "localhost:1"), 1)) == []
    assert silent(Cluster((f"localhost:{port}", "localhost:1"), 1)) == [f"localhost:{port}"]
    check_port(Cluster((f"localhost:{port}",), 0))


@pytest.mark.parametrize(
    ("name", "devices", "gpus", "workers", "chosen"),
    [
        ("auto", 0, 0, 0, "one_device"),
        ("auto", 0, 1, 1, "one_device"),
        ("auto", 0, 4, 0, "mirrored"),
        ("auto", 1, 4, 0, "one_device"),
        ("auto", 0, 4, 2, "multi_worker"),
        ("mirrored", 2, 2, 0, "mirrored"),
    ],
)
def test_auto_takes_what_there_is(name, devices, gpus, workers, chosen):
    assert choose_strategy(name, devices, gpus, workers) == chosen


@pytest.mark.parametrize(
    ("name", "devices", "gpus", "workers", "sentence"),
    [
        ("two", 0, 0, 0, "--strategy=two is unknown"),
        ("mirrored", 0, 0, 0, "needs a GPU and none is visible"),
        ("mirrored", 3, 2, 0, "--num_devices=3 is more than the 2"),
        ("one_device", 2, 2, 0, "--num_devices=2 is more than"),
        ("multi_worker", 0, 0, 0, "needs TF_CONFIG, which names the workers"),
    ],
)
def test_what_is_not_there_is_refused(name, devices, gpus, workers, sentence):
    with pytest.raises(ValueError, match=sentence):
        choose_strategy(name, devices, gpus, workers)
