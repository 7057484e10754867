"""The files beside the served models: they parse, they agree with each other and with the folders."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format

from keras_pose.serving import WARMUP_FILE, read_warmup
from keras_pose.serving import models_config as models_config_module
from keras_pose.serving.models_config import models_config, served_versions
from tests.serving.server_messages import (
    batching_parameters,
    model_server_config,
    monitoring_config,
)

KIT = Path(__file__).parents[2] / "savedmodels"
METRICS = "/monitoring/prometheus/metrics"


def _text(name):
    return (KIT / name).read_text(encoding="utf-8")


def _folders(root, *versions):
    for version in versions:
        (root / version).mkdir(parents=True)
        (root / version / "saved_model.pb").write_bytes(b"")
    return root


def test_committed_models_config_is_the_one_of_the_folders():
    assert _text("models.config") == models_config(KIT)


def test_committed_models_config_names_folders_and_versions_that_exist():
    config = model_server_config(_text("models.config"))
    entries = config.model_config_list.config
    assert [one.name for one in entries] == list(served_versions(KIT))
    assert "tips_cmu" in {one.name for one in entries}
    for one in entries:
        assert one.base_path == f"/models/{one.name}"
        assert one.model_platform == "tensorflow"
        versions = one.model_version_policy.specific.versions
        assert set(versions) == set(one.version_labels.values())
        for version in versions:
            assert (KIT / one.name / str(version) / "saved_model.pb").is_file()


def test_versions_are_folders_with_a_number_and_a_model(tmp_path):
    _folders(tmp_path, "b/9", "b/10", "a/1", ".b.partial-1/1", "a/.2.partial-7", "a/02", "a/v3")
    (tmp_path / "a" / "4").mkdir()
    assert served_versions(tmp_path) == {"a": [1], "b": [9, 10]}


def test_newest_is_stable_and_a_canary_stands_beside_the_one_before(tmp_path):
    _folders(tmp_path, "b/9", "b/10", "b/2", "a/1", "a/2")
    config = model_server_config(models_config(tmp_path, canaries=["b"], served_folder="/m/"))
    a, b = config.model_config_list.config
    assert (a.name, a.base_path, dict(a.version_labels)) == ("a", "/m/a", {"stable": 2})
    assert (b.name, b.base_path) == ("b", "/m/b")
    assert dict(b.version_labels) == {"stable": 9, "canary": 10}
    assert list(a.model_version_policy.specific.versions) == [2]
    assert list(b.model_version_policy.specific.versions) == [9, 10]
    for entry in (a, b):
        assert all(re.fullmatch(r"[A-Za-z0-9_]+", label) for label in entry.version_labels)


def test_a_canary_without_an_older_version_is_refused(tmp_path):
    _folders(tmp_path, "a/1")
    with pytest.raises(ValueError, match=r"'a' cannot have a canary, since it has 1 version"):
        models_config(tmp_path, canaries=["a"])
    with pytest.raises(ValueError, match=r"'x' cannot have a canary, since it has 0 version"):
        models_config(tmp_path, canaries=["x"])


def test_the_command_writes_the_file(tmp_path, capsys):
    _folders(tmp_path, "a/1", "a/3")
    settings = models_config_module.ServedConfig(str(tmp_path), "a", "/elsewhere")
    models_config_module.main(settings)
    text = (tmp_path / "models.config").read_text()
    (entry,) = model_server_config(text).model_config_list.config
    assert dict(entry.version_labels) == {"stable": 1, "canary": 3}
    assert entry.base_path == "/elsewhere/a"
    assert str(tmp_path / "models.config") in capsys.readouterr().out


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="export first"):
        models_config(tmp_path)


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_batch_sizes_ascend_to_the_largest_batch(device):
    parameters = batching_parameters(_text(f"batching_parameters_{device}.txt"))
    sizes = list(parameters.allowed_batch_sizes)
    assert sizes == sorted(set(sizes))
    assert sizes[0] == 1 and sizes[-1] == parameters.max_batch_size.value
    assert parameters.num_batch_threads.value >= 1
    assert parameters.max_enqueued_batches.value >= 1
    assert 0 <= parameters.batch_timeout_micros.value <= 10_000
    # It would pad the pixels of pictures of several sizes.
    assert not parameters.pad_variable_length_inputs


def test_warm_up_requests_of_the_committed_models_fit_into_a_batch():
    """A server refuses larger ones, and the version with them."""
    most = batching_parameters(_text("batching_parameters_cpu.txt")).max_batch_size.value
    sizes = [0]
    for name, versions in served_versions(KIT).items():
        for version in versions:
            folder = KIT / name / str(version)
            if (folder / WARMUP_FILE).is_file():
                requests = read_warmup(folder)
                sizes += [len(value) for _, given in requests for value in given.values()]
    assert max(sizes) <= most


def test_the_text_parser_refuses_what_a_server_refuses():
    for text in ("max_batch_size { value: 8", "max_batchsize { value: 8 }", "max_batch_size: 8"):
        with pytest.raises(text_format.ParseError):
            batching_parameters(text)


def test_monitoring_is_on():
    prometheus = monitoring_config(_text("monitoring.config")).prometheus_config
    assert prometheus.enable and prometheus.path == METRICS


def _flags(words):
    return dict(word.removeprefix("--").split("=", 1) for word in words)


def _judge_flags(flags, folder, device):
    assert flags["port"] == "8500" and flags["rest_api_port"] == "8501"
    assert flags["allow_version_labels_for_unavailable_models"] == "true"
    assert flags["enable_batching"] == flags["enable_grpc_healthcheck_service"] == "true"
    assert int(flags["model_config_file_poll_wait_seconds"]) > 0
    files = {
        "model_config_file": "models.config",
        "batching_parameters_file": f"batching_parameters_{device}.txt",
        "monitoring_config_file": "monitoring.config",
    }
    for flag, name in files.items():
        assert flags[flag] == f"{folder}/{name}"
        assert (KIT / name).is_file()


def test_compose_file():
    services = yaml.safe_load(_text("compose.yaml"))["services"]
    assert set(services) == {"serving", "serving_gpu"}
    for name, device in (("serving", "cpu"), ("serving_gpu", "gpu")):
        service = services[name]
        _judge_flags(_flags(service["command"]), "/models", device)
        assert service["entrypoint"] == ["tensorflow_model_server"]
        assert service["ports"] == ["8500:8500", "8501:8501"]
        (mount,) = service["volumes"]
        assert (mount["source"], mount["target"], mount["read_only"]) == (".", "/models", True)
        assert METRICS in service["healthcheck"]["test"][-1]
    assert services["serving_gpu"]["profiles"] == ["gpu"]
    assert services["serving_gpu"]["image"].endswith("-gpu")
    assert "profiles" not in services["serving"]


def test_kubernetes_manifest():
    documents = list(yaml.safe_load_all(_text("kubernetes.yaml")))
    by_kind = {document["kind"]: document for document in documents}
    assert set(by_kind) == {"PersistentVolumeClaim", "Deployment", "Service"}
    deployment = by_kind["Deployment"]["spec"]
    pod = deployment["template"]
    (container,) = pod["spec"]["containers"]
    _judge_flags(_flags(container["args"]), "/config", "cpu")
    # The selectors find the pods.
    labels = pod["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels == by_kind["Service"]["spec"]["selector"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert ports == {"grpc": 8500, "rest": 8501}
    exposed = {port["port"]: port["targetPort"] for port in by_kind["Service"]["spec"]["ports"]}
    assert exposed == {8500: "grpc", 8501: "rest"}
    # Every mount has a volume, every volume its source.
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"models": "/models", "config": "/config"}
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    claim = by_kind["PersistentVolumeClaim"]["metadata"]["name"]
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim
    assert f"kubectl create configmap {volumes['config']['configMap']['name']} " in _text(
        "kubernetes.yaml"
    )
    for probe in ("startupProbe", "readinessProbe"):
        assert container[probe]["httpGet"] == {"path": METRICS, "port": "rest"}
    assert container["livenessProbe"]["grpc"]["port"] == 8500
    annotations = pod["metadata"]["annotations"]
    assert annotations["prometheus.io/path"] == METRICS
    assert annotations["prometheus.io/port"] == "8501"


def test_one_release_of_the_server_is_named_everywhere():
    named = set()
    for name in ("compose.yaml", "kubernetes.yaml", "check_server.sh", "README.md"):
        text = _text(name)
        named |= set(
            re.findall(r"tensorflow/serving:(?:\$\{TF_SERVING_VERSION:-)?(\d[\d.]*\d)", text)
        )
        assert not re.search(r"tensorflow/serving:latest", text)
    assert len(named) == 1


def test_shell_script_parses():
    subprocess.run(["bash", "-n", str(KIT / "check_server.sh")], check=True)


def test_the_rest_client_needs_python_alone():
    found = re.findall(r"^(?:import|from) (\w+)", _text("rest_client.py"), re.MULTILINE)
    assert {"json", "urllib"} <= set(found)
    assert set(found) <= set(sys.stdlib_module_names)
