"""The check of a server passes a sound one, on the contract's own signatures, and names each fault."""

import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from keras_pose.export import run_saved_model, save_signatures
from keras_pose.serving import contract_signatures
from keras_pose.serving.models_config import models_config
from tests.serving.dot_network import dot_network
from tests.serving.server_messages import (
    batching_parameters,
    model_server_config,
    monitoring_config,
)
from tests.serving.session_loader import LoadedSession
from tests.serving.stand_in_server import Servable, StandInServer

KIT = Path(__file__).parents[2] / "savedmodels"
KIT_MODULE = "check_server"
# Of the contract's signatures, one of each kind of input: exporting all takes three times as long.
SIGNATURES = ("serve_box", "serve_image", "serve_sided", "lift")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    signatures = contract_signatures(dot_network())
    kept = {name: signatures[name] for name in SIGNATURES}
    save_signatures(folder / "dots" / "1", kept)
    shutil.copytree(KIT / "tips_cmu" / "1", folder / "tips_cmu" / "1")
    (folder / "models.config").write_text(models_config(folder, served_folder=str(folder)))
    return folder


@pytest.fixture(scope="module")
def server(models):
    config = model_server_config((models / "models.config").read_text())
    batching = batching_parameters((KIT / "batching_parameters_cpu.txt").read_text())
    monitoring = monitoring_config((KIT / "monitoring.config").read_text())
    with StandInServer(config, str, batching, monitoring) as running:
        yield running


@pytest.fixture
def check(monkeypatch):
    """check_server.py as a module, in this process."""
    monkeypatch.syspath_prepend(str(KIT))
    return importlib.import_module(KIT_MODULE).main


def _script(*words, **environment):
    return subprocess.run(
        ["bash", str(KIT / "check_server.sh"), *words],
        capture_output=True,
        text=True,
        timeout=180,
        env={**os.environ, "PYTHON": sys.executable, **environment},
    )


def test_script_passes_a_sound_server_and_says_what_it_ran(server, models):
    done = _script(server.rest, server.grpc, f"--models_dir={models}")
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == f"checking the server at {server.rest}"
    assert lines[-1] == "2 of 2 models passed"
    assert not any(line.startswith("not run") for line in lines)
    checked = {}
    for line in lines[1:-1]:
        _, about, ways = line.split(": ")
        checked[about] = ways.split(", ")
    for signature in SIGNATURES:
        ways = checked[f"dots version 1 {signature}"]
        assert {"columns", "rows", "gRPC", "the SavedModel here", "3 of 3 valid"} <= set(ways)
    everything = {f"unusable {name}" for name in ("image_bytes", "bbox", "K", "bone_length_m")}
    assert everything <= set(checked["dots version 1 serve_sided"])
    assert "tips_cmu version 1 serving_default" in checked


def test_lifting_is_asked_with_poses_that_have_metres(monkeypatch):
    monkeypatch.syspath_prepend(str(KIT))
    sample = importlib.import_module(KIT_MODULE).sample
    hand = sample("keypoints_2d", "DT_FLOAT", [-1, 21, 2], 0.0446)
    depth = sample("depth", "DT_FLOAT", [-1, 21], 0.0446)
    inputs = {"keypoints_2d": hand, "depth": depth}
    inputs["K"] = sample("K", "DT_FLOAT", [-1, 3, 3], 0.0446)
    inputs["bone_length_m"] = sample("bone_length_m", "DT_FLOAT", [-1, 1], 0.0446)
    arrays = {name: np.array(value, np.float32) for name, value in inputs.items()}
    answer = run_saved_model(KIT / "hand_student" / "3", "lift", arrays)
    assert np.asarray(answer["valid"]).tolist() == [1.0, 1.0, 1.0]


def test_without_grpc_it_says_so(server, models, check, capsys):
    assert check([f"--rest={server.rest}", f"--models_dir={models}", "--models=tips_cmu"]) == 0
    assert "not run: gRPC (no --grpc was given)" in capsys.readouterr().out


def _spoil(monkeypatch, change):
    sound = Servable.run
    monkeypatch.setattr(
        Servable, "run", lambda self, name, inputs: change(sound(self, name, inputs))
    )


def _changed(name, change):
    """A fault in one output, of the signatures that have it."""
    return lambda outputs: {**outputs, name: change(outputs[name])} if name in outputs else outputs


def _leaking(outputs):
    if "keypoints_2d" in outputs and outputs["valid"].min() == 0:
        return {**outputs, "keypoints_2d": outputs["keypoints_2d"] * np.float32(1.5)}
    return outputs


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed("depth", lambda value: value * np.nan), "answered with NaN, which is no JSON"),
        (_changed("score", lambda value: value.sum(axis=0)), "not batch-first"),
        (_changed("keypoints_3d", lambda value: value * 1.001), "file: keypoints_3d differs"),
        (_changed("valid", np.ones_like), "is answered with more than zeros"),
        (_leaking, "the neighbour of a row with an unusable image_bytes"),
    ],
)
def test_a_planted_fault_is_named(server, models, check, capsys, monkeypatch, change, words):
    _spoil(monkeypatch, change)
    flags = [f"--rest={server.rest}", f"--models_dir={models}", "--models=dots"]
    assert check(flags) == 1
    out = capsys.readouterr().out
    (failure,) = [line for line in out.splitlines() if line.startswith("FAILED")]
    assert failure.startswith("FAILED: ") and words in failure
    assert out.endswith("0 of 1 models passed\n")


def test_other_failures_are_named(server, models, check, capsys, tmp_path):
    flags = [f"--rest={server.rest}", f"--models_dir={models}"]
    assert check([*flags, "--models=nobody"]) == 1
    assert "FAILED" in capsys.readouterr().out
    assert check(["--rest=127.0.0.1:1", f"--models_dir={models}"]) == 1
    assert "cannot be reached" in capsys.readouterr().out
    assert check([flags[0], f"--models_dir={tmp_path}"]) == 1
    assert "has no models.config" in capsys.readouterr().out


def test_health_check_of_the_compose_file(server, monkeypatch):
    service = yaml.safe_load((KIT / "compose.yaml").read_text())["services"]["serving"]
    kind, *command = service["healthcheck"]["test"]
    assert kind == "CMD"
    command[-1] = command[-1].replace("8501", server.rest.rpartition(":")[2])
    assert subprocess.run(command, timeout=60).returncode == 0
    monkeypatch.setattr(server, "metrics_path", "/elsewhere")
    assert subprocess.run(command, timeout=60).returncode != 0
    command[-1] = command[-1].replace(server.rest.rpartition(":")[2], "1")
    assert subprocess.run(command, timeout=60, stderr=subprocess.DEVNULL).returncode != 0


def _path_without_servers(folder):
    """A folder for PATH with what the script needs, and neither server nor docker."""
    folder.mkdir()
    for name in ("bash", "dirname", "mktemp", "rm", "sed", "sleep", "tail", "kill"):
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def test_where_there_is_no_server_nothing_is_claimed(tmp_path):
    done = _script(PATH=str(_path_without_servers(tmp_path / "bin")))
    assert done.returncode == 2
    assert done.stdout.startswith("nothing was checked: no server was named")


def test_an_address_without_a_port_is_named():
    done = _script("localhost")
    assert done.returncode == 2 and "'localhost' has no port" in done.stdout


def test_models_without_a_label_are_checked_too(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(KIT))
    (tmp_path / "models.config").write_text(
        'model_config_list {\n config {\n  name: "old"\n  base_path: "/x/old"\n }\n'
        ' config: {\n  name: "new"\n  base_path: "/x/new"\n'
        '  version_labels { key: "canary", value: 7 }\n'
        '  version_labels { key: "stable", value: 3 }\n }\n}\n'
    )
    assert importlib.import_module(KIT_MODULE).configured(tmp_path) == {"old": None, "new": 3}
    (tmp_path / "models.config").write_text("model_config_list { }\n")
    assert importlib.import_module(KIT_MODULE).configured(tmp_path) == {}


def test_a_server_that_stops_is_a_failure(tmp_path):
    folder = _path_without_servers(tmp_path / "bin")
    server = folder / "tensorflow_model_server"
    server.write_text("#!/bin/bash\necho no such flag $1\nexit 1\n")
    server.chmod(0o755)
    done = _script(PATH=str(folder))
    assert done.returncode == 1
    assert "FAILED: the server stopped before it served" in done.stdout
    assert "no such flag --port=" in done.stdout


@pytest.mark.slow
def test_script_starts_a_server_and_ends_it(models, tmp_path):
    """A stand-in under the real one's name, with the real one's flags."""
    program = tmp_path / "tensorflow_model_server"
    root = Path(__file__).parents[2]
    program.write_text(
        f'#!/bin/bash\necho $$ >"{tmp_path}/pid"\ncd "{root}"\n'
        f'exec "{sys.executable}" -m tests.serving.stand_in_server "$@"\n'
    )
    program.chmod(0o755)
    (tmp_path / "models").mkdir()
    shutil.copytree(models / "tips_cmu", tmp_path / "models" / "tips_cmu")
    (tmp_path / "models" / "models.config").write_text(models_config(tmp_path / "models"))
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = _script(f"--models_dir={tmp_path / 'models'}", PATH=path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith(f"starting {program}\n")
    assert done.stdout.endswith("1 of 1 models passed\n")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_servers_loader_answers_what_python_answers(models):
    """One string batch through both; the graph is the same, so are the numbers but for rounding."""
    picture = cv2.imencode(".png", np.full((30, 40, 3), 90, np.uint8))[1].tobytes()
    inputs = {
        "image_bytes": np.array([picture, b"", b"no picture", picture * 3], object),
        "bbox": np.float32([[5, 5, 20, 10 + row] for row in range(4)]),
    }
    loaded = LoadedSession(models / "dots" / "1")
    definition = loaded.signatures["serve_box"]
    feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
    outputs = loaded.run({k: one.name for k, one in definition.outputs.items()}, feeds)
    loaded.close()
    wanted = run_saved_model(models / "dots" / "1", "serve_box", inputs)
    assert set(outputs) == set(wanted)
    for name, value in wanted.items():
        # The loader rewrites the graph, which tests in Python do not.
        np.testing.assert_allclose(outputs[name], value, rtol=1e-6)
    assert outputs["valid"].tolist() == [1, 0, 0, 1]


def test_the_servers_loader_refuses_with_its_own_words(models, tmp_path):
    with pytest.raises(ValueError, match="Could not find SavedModel"):
        LoadedSession(tmp_path)
    loaded = LoadedSession(models / "tips_cmu" / "1")
    definition = loaded.signatures["serving_default"]
    feeds = {one.name: np.zeros((1, 3, 2), np.float32) for one in definition.inputs.values()}
    with pytest.raises(ValueError, match="shape|dim"):
        loaded.run({"valid": definition.outputs["valid"].name}, feeds)
    loaded.close()
