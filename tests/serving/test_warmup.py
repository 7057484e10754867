"""The warm-up file is what TensorFlow Serving's own messages say it is, and damage never passes."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from keras_pose.export import Signature, save_signatures
from keras_pose.files import CannotWrite
from keras_pose.serving import WARMUP_FILE, read_warmup, write_warmup
from tests.serving.toy_contract import JOINTS, save_toy


def _png(value):
    return cv2.imencode(".png", np.full((6, 8, 3), value, np.uint8))[1].tobytes()


def _requests():
    camera = np.array([[100, 0, 4], [0, 100, 3], [0, 0, 1]], np.float32)
    box = np.array([1, 2, 4, 3], np.float32)
    of_two = {
        "image_bytes": [_png(10), b"no picture"],
        "bbox": np.stack([box, box]),
        "K": np.stack([camera, camera]),
        "bone_length_m": np.array([[0.03], [0.04]], np.float32),
    }
    points = np.arange(JOINTS * 2, dtype=np.float32).reshape(1, JOINTS, 2)
    return {
        "serving_default": of_two,
        # The same signature at two batch sizes.
        "serve_bytes": [{"image_bytes": [_png(7)]}, {"image_bytes": [_png(8)] * 4}],
        "lift": {"keypoints_2d": points},
    }


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("toy") / "3"
    save_toy(folder)
    write_warmup(folder, _requests(), "toy", version=300)
    return folder


@pytest.fixture
def lifter(tmp_path):
    """A version folder with one small signature, quick to write."""
    spec = {"keypoints_2d": tf.TensorSpec([None, 2, 2], tf.float32)}
    double = Signature(lambda keypoints_2d: {"twice": keypoints_2d * 2}, spec)
    save_signatures(tmp_path / "1", {"lift": double}, serving_default="lift")
    return tmp_path / "1"


def _points(count=1):
    return {"keypoints_2d": np.ones((count, 2, 2), np.float32)}


def _real_logs(folder):
    for record in tf.data.TFRecordDataset(str(folder / WARMUP_FILE)):
        yield prediction_log_pb2.PredictionLog.FromString(record.numpy())


def test_servings_own_messages_read_the_file_and_the_model_answers_it(version):
    logs = list(_real_logs(version))
    assert len(logs) == 4
    model = tf.saved_model.load(str(version))
    answers = []
    for log in logs:
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "toy"
        assert request.model_spec.version.value == 300
        assert not request.DiscardUnknownFields()
        inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        signature = model.signatures[request.model_spec.signature_name]
        outputs = signature(**{name: tf.constant(value) for name, value in inputs.items()})
        answers.append((request.model_spec.signature_name, outputs))
    assert [name for name, _ in answers] == [
        "serving_default",
        "serve_bytes",
        "serve_bytes",
        "lift",
    ]
    assert answers[0][1]["valid"].numpy().tolist() == [1, 0]
    # A picture of one grey value: the last joint's depth is that value over 255.
    np.testing.assert_allclose(answers[0][1]["depth"][0, -1], 10 / 255, rtol=1e-6)
    assert answers[2][1]["valid"].shape == (4,)


def test_a_version_is_named_only_on_request(lifter):
    write_warmup(lifter, {"lift": _points()}, "m")
    (log,) = _real_logs(lifter)
    assert log.predict_log.request.model_spec.WhichOneof("version_choice") is None


def test_it_reads_back_what_was_given(version):
    given = _requests()
    found = read_warmup(version)
    assert [name for name, _ in found] == ["serving_default", "serve_bytes", "serve_bytes", "lift"]
    for name, value in given["serving_default"].items():
        np.testing.assert_array_equal(found[0][1][name], np.asarray(value, found[0][1][name].dtype))
    assert found[2][1]["image_bytes"].tolist() == [_png(8)] * 4
    np.testing.assert_array_equal(found[3][1]["keypoints_2d"], given["lift"]["keypoints_2d"])


@pytest.mark.parametrize("at", [4, 13, 40, -3])
def test_one_flipped_bit_is_damage(lifter, at):
    path = write_warmup(lifter, {"lift": _points()}, "m")
    content = bytearray(path.read_bytes())
    content[at] ^= 4
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is damaged, and a server would refuse the version"):
        read_warmup(lifter)


def test_a_cut_file_is_damage_and_an_empty_one_too(lifter):
    path = write_warmup(lifter, {"lift": _points()}, "m")
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    with pytest.raises(ValueError, match="damaged"):
        read_warmup(lifter)
    path.write_bytes(b"")
    with pytest.raises(ValueError, match="holds 0 records"):
        read_warmup(lifter)


@pytest.mark.parametrize(
    "record", [b"", b"\x32\x05\x0a", b"\x09abcdefgh", b"\x30\x01", b"\xff" * 12]
)
def test_a_sound_record_that_is_no_prediction_log(lifter, record):
    path = lifter / WARMUP_FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(record)
    with pytest.raises(ValueError, match="damaged"):
        read_warmup(lifter)


def test_a_file_of_another_model_is_refused(version, lifter):
    path = lifter / WARMUP_FILE
    path.parent.mkdir()
    path.write_bytes((version / WARMUP_FILE).read_bytes())
    with pytest.raises(ValueError, match="'serving_default', which takes"):
        read_warmup(lifter)


@pytest.mark.parametrize(
    ("requests", "words"),
    [
        ({}, "0 warm-up requests"),
        ({"lift": [_points()] * 1001}, "1001 warm-up requests"),
        ({"raise": _points()}, r"signature 'raise', which the model does not have"),
        ({"lift": {}}, r"which takes \['keypoints_2d'\]"),
        ({"lift": {"keypoints_2d": np.ones((1, 2, 2))}}, "float64"),
        ({"lift": {"keypoints_2d": np.ones((1, 3, 2), np.float32)}}, r"float32 \(1, 3, 2\)"),
        ({"lift": {"keypoints_2d": [object()]}}, "not an array of one type"),
    ],
)
def test_requests_that_do_not_fit_are_refused_before_anything_is_written(lifter, requests, words):
    with pytest.raises(ValueError, match=words):
        write_warmup(lifter, requests, "m")
    assert not (lifter / WARMUP_FILE).exists()


def test_inputs_of_several_batch_sizes_are_refused(version, tmp_path):
    save_toy(tmp_path)
    request = {"image_bytes": [_png(1)] * 2, "bbox": np.ones((3, 4), np.float32)}
    with pytest.raises(ValueError, match="inputs of several sizes"):
        write_warmup(tmp_path, {"serve_box": request}, "toy")


def test_missing_files_are_named(tmp_path, lifter):
    with pytest.raises(ValueError, match=r"saved_model.pb does not exist"):
        write_warmup(tmp_path / "nowhere", {"lift": _points()}, "m")
    with pytest.raises(ValueError, match="tf_serving_warmup_requests does not exist"):
        read_warmup(lifter)


def test_no_room_is_one_sentence(lifter, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(lifter / "not there"))
    with pytest.raises(CannotWrite, match="Cannot write warm-up records below"):
        write_warmup(lifter, {"lift": _points()}, "m")
