"""Sizes, accuracies, latencies and requests per second of exported models, in turn with others' files."""

import json
import time

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.export import benchmarking as benchmark
from keras_pose.export import timing
from keras_pose.export.benchmark_settings import BenchmarkConfig
from keras_pose.files import CannotWrite, write_file
from tests.export.toy_phone import ToyPhone

QUICK = {"num_rounds": 2, "seconds_per_turn": 0.0}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Version folders 1 (empty of models) and 2."""
    root = tmp_path_factory.mktemp("savedmodels")

    def serve(image_bytes, bbox, K, bone_length_m):
        tf.debugging.assert_greater(tf.strings.length(image_bytes), 1000)
        sums = tf.reduce_sum(bbox, 1) + K[:, 2, 2] + bone_length_m[:, 0]
        return {"total": sums, "again": 2.0 * sums}

    inputs = {
        "image_bytes": tf.TensorSpec([None], tf.string),
        "bbox": tf.TensorSpec([None, 4], tf.float32),
        "K": tf.TensorSpec([None, 3, 3], tf.float32),
        "bone_length_m": tf.TensorSpec([None, 1], tf.float32),
    }
    signatures = {"serve": export.Signature(serve, inputs)} | ToyPhone().signatures()
    folder = export.write_saved_model(root, "toy", signatures, "serve", version=2)
    for kind in ("float32", "float16"):
        content = export.convert_tflite(folder, "decoded", kind, batch_size=1)
        write_file(folder / f"toy_decoded_{kind}.tflite", content)
    values = {"toy_decoded_float32.tflite": 1.25}
    accuracy = {"set": "24 pictures of blobs", "measure": "px, mean", "values": values}
    write_file(folder / "accuracy.json", json.dumps(accuracy))
    (root / "toy" / "1").mkdir()
    return folder


@pytest.fixture(scope="module")
def peer(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("peer") / "theirs.tflite"
    path.write_bytes((model / "toy_decoded_float32.tflite").read_bytes())
    return path


@pytest.fixture(scope="module")
def measured(model, peer, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "result.json"
    settings = BenchmarkConfig(
        models=str(model.parent), peer=str(peer), batch_sizes="1,8", output=str(output), **QUICK
    )
    return benchmark.run(settings), output


def test_every_file_is_a_row_with_its_size_and_accuracy(measured, model, peer):
    files = {entry["file"]: entry for entry in measured[0]["files"]}
    assert list(files) == [
        "toy_decoded_float32.tflite",
        "toy_decoded_float16.tflite",
        "theirs.tflite",
    ]
    first = files["toy_decoded_float32.tflite"]
    assert first["megabytes"] == (model / first["file"]).stat().st_size / 1e6
    assert (first["model"], first["format"], first["accuracy"]) == ("toy_decoded", "float32", 1.25)
    assert files["toy_decoded_float16.tflite"]["accuracy"] is None
    assert (files["theirs.tflite"]["model"], files["theirs.tflite"]["format"]) == ("theirs", "-")
    for entry in files.values():
        assert set(entry["latency_ms"]) == {"1", "2"}
        for spread in entry["latency_ms"].values():
            assert 0.0 < spread["median"] <= spread["p90"]


def test_requests_per_second_by_batch(measured):
    served = measured[0]["served"]
    assert [entry["batch_size"] for entry in served] == [1, 8]
    for entry in served:
        assert entry["model"] == "toy/2" and entry["requests_per_second"] > 0
        pictures = entry["requests_per_second"] * entry["batch_size"]
        assert entry["pictures_per_second"] == pytest.approx(pictures)


def test_result_is_written_as_json_and_text(measured):
    result, output = measured
    assert json.loads(output.read_text()) == result
    assert output.with_suffix(".txt").read_text() == benchmark.tables(result)


def test_table_by_hand():
    entry = {
        "model": "hand_decoded",
        "format": "int8",
        "megabytes": 2.914,
        "accuracy": 3.14159,
        "set": "200 hands",
        "measure": "px",
        "latency_ms": {
            "1": {"median": 12.345, "p90": 20.0},
            "2": {"median": 6.0, "p90": 7.129},
        },
    }
    machine = {"processor": "Z80", "cores": 1, "load": 0.5, "system": "CP/M"}
    served = {"model": "hand/1", "batch_size": 8}
    served |= {"requests_per_second": 2.5, "pictures_per_second": 20.0}
    text = benchmark.tables({"machine": machine, "files": [entry], "served": [served]})
    assert text.splitlines() == [
        "Z80, 1 cores, load 0.5 at the start; LiteRT with XNNPACK, batch 1; no phone was measured",
        "",
        "| Model | Format | Size (MB) | Accuracy | 1 thread: median (ms), 90 % "
        "| 2 threads: median (ms), 90 % |",
        "|---|---|---|---|---|---|",
        "| hand_decoded | int8 | 2.91 | 3.142 | 12.35, 20.00 | 6.00, 7.13 |",
        "",
        "Accuracy of hand_decoded: px on 200 hands.",
        "",
        "| SavedModel | Batch | Requests per second | Pictures per second |",
        "|---|---|---|---|",
        "| hand/1 | 8 | 2.50 | 20.0 |",
    ]


def test_turns_are_taken_in_every_round():
    log = []

    def call(name, seconds):
        log.append(name)
        time.sleep(seconds)

    calls = {"slow": lambda: call("slow", 0.02), "quick": lambda: call("quick", 0.002)}
    shown = []
    seconds = timing.time_in_turn(calls, 2, 0.0, lambda done, total: shown.append((done, total)))
    # Three untimed calls each; then whoever was second begins.
    assert log == ["slow"] * 3 + ["quick"] * 3 + ["slow", "quick", "quick", "slow"]
    assert shown == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert seconds["slow"].shape == (2,) and np.all(seconds["slow"] >= 0.02)
    assert len(timing.time_in_turn(calls, 1, 0.04)["quick"]) > 3


def test_the_newest_version_counts(model):
    assert benchmark.version_folder(model.parent) == model
    assert benchmark.version_folder(model) == model


def test_wrong_use_is_told_in_a_sentence(model, tmp_path):
    with pytest.raises(ValueError, match="--models is empty"):
        BenchmarkConfig()
    with pytest.raises(ValueError, match="--threads=1,x must be whole numbers"):
        BenchmarkConfig(models="a", threads="1,x")
    with pytest.raises(ValueError, match="--threads=100000 must be whole numbers from 1 to 256"):
        BenchmarkConfig(models="a", threads="100000")
    with pytest.raises(ValueError, match="--threads is empty"):
        BenchmarkConfig(models="a", threads="")
    with pytest.raises(ValueError, match="--threads is empty"):
        BenchmarkConfig(models="a", threads=",")
    with pytest.raises(ValueError, match="--models is empty"):
        BenchmarkConfig(models=",")
    with pytest.raises(ValueError, match="--num_rounds=0 is too small"):
        BenchmarkConfig(models="a", num_rounds=0)
    with pytest.raises(ValueError, match="nothing: there is no such folder"):
        benchmark.measure(BenchmarkConfig(models=str(tmp_path / "nothing")))
    with pytest.raises(ValueError, match="holds no exported model"):
        benchmark.measure(BenchmarkConfig(models=str(tmp_path)))
    with pytest.raises(ValueError, match="none.tflite: there is no such file"):
        benchmark.measure(BenchmarkConfig(peer=str(tmp_path / "none.tflite")))
    with pytest.raises(ValueError, match=r"--output=a.txt must end in .json"):
        benchmark.run(BenchmarkConfig(models=str(model), output="a.txt"))
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="folder of --output=.*/file/below: .*/file is a file"):
        # Before anything is measured: there is no such model.
        benchmark.run(
            BenchmarkConfig(models="nothing", output=str(tmp_path / "file" / "below" / "a.json"))
        )
    (tmp_path / "bad.tflite").write_bytes(b"x" * 64)
    with pytest.raises(ValueError, match="bad.tflite is not a readable TFLite file"):
        timing.litert_call(tmp_path / "bad.tflite", 1)
    (tmp_path / "accuracy.json").write_text('{"values": 3}')
    with pytest.raises(ValueError, match="accuracy.json must hold set, measure and values"):
        benchmark.read_accuracy(tmp_path)
    with pytest.raises(ValueError, match="is not a readable SavedModel"):
        timing.saved_model_call(tmp_path, 1)
