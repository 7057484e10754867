"""Both clients against a server of the public API: same numbers, strict JSON, one-sentence errors."""

import json
import math
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import Signature, save_signatures
from keras_pose.serving import write_warmup
from keras_pose.serving.models_config import models_config
from tests.serving.kit_clients import GRPC, KIT, REST
from tests.serving.server_messages import batching_parameters, model_server_config
from tests.serving.stand_in_server import StandInServer
from tests.serving.toy_contract import save_toy

CAMERA = ["--box=1,2,20,10", "--focal_px=50", "--bone_length_m=0.05"]


def _broken(points):
    """Answers NaN where a point is negative, which no contract model does."""
    return {"root": tf.sqrt(points), "twice": points * 2}


def _save_all(root):
    save_toy(root / "toy" / "1")
    camera = {"bbox": np.ones((2, 4), np.float32), "image_bytes": [b"one", b"two"]}
    write_warmup(root / "toy" / "1", {"serve_box": camera}, "toy")
    spec = {"points": tf.TensorSpec([None, 2], tf.float32)}
    for version, factor in ((1, 1.0), (2, 10.0)):
        one = Signature(lambda points, factor=factor: {"times": points * factor}, spec)
        save_signatures(
            root / "numbers" / str(version),
            {"one": one, "broken": Signature(_broken, spec)},
            serving_default="one",
        )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    _save_all(folder)
    random = np.random.default_rng(5)
    for index in range(3):
        picture = random.integers(0, 256, [16 + index, 24, 3], np.uint8)
        cv2.imwrite(str(folder / f"{index}.png"), picture)
        cv2.imwrite(str(folder / f"{index}.jpg"), picture)
    (folder / "corrupt.png").write_bytes(b"no picture at all")
    return folder


@pytest.fixture(scope="module")
def server(root):
    config = model_server_config(models_config(root, ["numbers"], str(root)))
    batching = batching_parameters((KIT / "batching_parameters_cpu.txt").read_text())
    with StandInServer(config, str, batching) as running:
        yield running


def _run(client, server, *words):
    address = server.rest if client is REST else server.grpc
    args = client.parser().parse_intermixed_args([*words, f"--server={address}"])
    # Through text, as a user gets it; neither step lets NaN pass.
    return json.loads(json.dumps(client.answer_of(args), allow_nan=False))


def _direct(root, signature, inputs):
    model = tf.saved_model.load(str(root / "toy" / "1"))
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    return {k: v.numpy() for k, v in model.signatures[signature](**tensors).items()}


def _camera_inputs(root, names):
    pictures = [(root / name).read_bytes() for name in names]
    sizes = [cv2.imread(str(root / name)) for name in names]
    size = [(0, 0) if one is None else (one.shape[1], one.shape[0]) for one in sizes]
    matrix = [[[50, 0, w / 2], [0, 50, h / 2], [0, 0, 1]] for w, h in size]
    return {
        "image_bytes": pictures,
        "bbox": np.float32([[1, 2, 20, 10]] * len(names)),
        "K": np.float32(matrix),
        "bone_length_m": np.float32([[0.05]] * len(names)),
    }


def _agree(outputs, wanted):
    assert set(outputs) == set(wanted)
    for name, value in wanted.items():
        assert np.shape(outputs[name]) == value.shape
        np.testing.assert_allclose(outputs[name], value, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ["rest_client", "grpc_client"])
def test_as_a_command_it_answers_like_the_signature(root, server, name):
    address = server.rest if name == "rest_client" else server.grpc
    names = ["0.png", "corrupt.png", "1.png"]
    command = [sys.executable, str(KIT / f"{name}.py"), "predict", "--model=toy", *CAMERA]
    done = subprocess.run(
        [*command, f"--server={address}", *(str(root / one) for one in names)],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout, parse_constant=pytest.fail)
    assert answer["signature"] == "serving_default" and answer["model"] == "toy"
    wanted = _direct(root, "serving_default", _camera_inputs(root, names))
    _agree(answer["outputs"], wanted)
    # The corrupt picture clears its own row and no other.
    assert answer["outputs"]["valid"] == [1, 0, 1]
    assert not np.any(answer["outputs"]["keypoints_3d"][1])
    alone = _direct(root, "serving_default", _camera_inputs(root, ["1.png"]))
    np.testing.assert_allclose(
        answer["outputs"]["keypoints_3d"][2], alone["keypoints_3d"][0], rtol=1e-6
    )


@pytest.mark.parametrize("client", [REST, GRPC])
@pytest.mark.parametrize(
    ("flags", "signature", "extra"),
    [
        ([], "serve_bytes", None),
        (["--box=1,2,20,10"], "serve_box", None),
        ([*CAMERA, "--hand=left"], "serve_sided", 1),
        ([*CAMERA, "--hand=right"], "serve_sided", 0),
        ([*CAMERA[1:], "--everybody"], "serve_found", None),
    ],
)
def test_what_is_given_chooses_the_signature(root, server, client, flags, signature, extra):
    names = ["0.png", "1.png"]
    answer = _run(client, server, "predict", "--model=toy", *flags, *(str(root / n) for n in names))
    assert answer["signature"] == signature
    inputs = _camera_inputs(root, names)
    if extra is not None:
        inputs["is_left"] = np.int32([[extra]] * 2)
    kept = {"serve_bytes": ["image_bytes"], "serve_box": ["image_bytes", "bbox"]}
    kept["serve_found"] = ["image_bytes", "K", "bone_length_m"]
    wanted = _direct(root, signature, {k: inputs[k] for k in kept.get(signature, inputs)})
    _agree(answer["outputs"], wanted)


def test_rows_answer_like_columns(root, server):
    words = ["predict", "--model=toy", *CAMERA, str(root / "0.png"), str(root / "1.png")]
    assert _run(REST, server, *words, "--row") == _run(REST, server, *words)


@pytest.mark.parametrize("client", [REST, GRPC])
def test_a_picture_without_box_is_its_own_box(root, server, client):
    camera = ["--focal_px=50", "--bone_length_m=0.05", "--model=toy"]
    without = _run(client, server, "predict", *camera, str(root / "1.png"))
    assert without == _run(
        client, server, "predict", *camera, "--box=0,0,24,17", str(root / "1.png")
    )
    full = "--camera=50,50,12,8.5"
    named = ["--bone_length_m=0.05", "--model=toy", full, str(root / "1.png")]
    assert _run(client, server, "predict", *named) == without


@pytest.mark.parametrize("client", [REST, GRPC])
def test_status_and_metadata(server, client):
    states = _run(client, server, "status", "--model=numbers")["model_version_status"]
    assert [(one["version"], one["state"]) for one in states] == [
        ("1", "AVAILABLE"),
        ("2", "AVAILABLE"),
    ]
    answer = _run(client, server, "metadata", "--model=toy")
    signatures = answer["metadata"]["signature_def"]["signature_def"]
    assert {"serving_default", "serve_bytes", "serve_box", "serve_sided", "lift"} <= set(signatures)
    assert signatures["serve_box"]["inputs"]["bbox"]["dtype"] == "DT_FLOAT"


@pytest.mark.parametrize("client", [REST, GRPC])
@pytest.mark.parametrize(
    ("which", "factor"),
    [([], 10), (["--version=1"], 1), (["--label=stable"], 1), (["--label=canary"], 10)],
)
def test_versions_and_labels(server, tmp_path, client, which, factor):
    file = tmp_path / "inputs.json"
    file.write_text('{"points": [[1, 2], [3, 4.5]]}')
    words = ["predict", "--model=numbers", f"--inputs_json={file}", *which]
    answer = _run(client, server, *words)
    (values,) = answer["outputs"].values()
    assert values == [[factor, 2 * factor], [3 * factor, 4.5 * factor]]


def _refusal(client, server, *words):
    with pytest.raises((client.ClientError, ValueError)) as refused:
        _run(client, server, *words)
    text = str(refused.value)
    assert "\n" not in text
    return text


def test_not_a_number_is_never_passed_on(server, tmp_path):
    file = tmp_path / "inputs.json"
    file.write_text('{"points": [[-1, 4]]}')
    words = ["predict", "--model=numbers", "--signature=broken", f"--inputs_json={file}"]
    assert "answered with NaN, which is no JSON" in _refusal(REST, server, *words)
    assert "JSON" in _refusal(GRPC, server, *words)


@pytest.mark.parametrize("client", [REST, GRPC])
@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["predict", "--model=nobody", "0.png"], "Servable not found"),
        (["status", "--model=nobody"], "Servable not found"),
        (["predict", "--model=toy", "--signature=raise", "0.png"], "raise"),
        (["predict", "--model=toy", "--signature=serve_box", "0.png"], "does not match signature"),
        (["predict", "--model=toy", *["0.png"] * 9], "larger than maximum batch size"),
        (["predict", "--model=toy", "none.png"], "none.png cannot be read"),
        (["predict", "--model=toy", "--box=1,2,3", "0.png"], "is not 4 numbers"),
        (["predict", "--model=toy", *["--box=1,2,3,4"] * 2, *["0.png"] * 3], "2 --box for 3"),
        (["predict", "--model=toy", "--focal_px=50", "0.png"], "needs --bone_length_m"),
        (["predict", "--model=toy", "--hand=left", "0.png"], "need --focal_px or --camera"),
        (["predict", "--model=toy", "--everybody", "0.png"], "give --focal_px or --camera"),
        (["predict", "--model=toy", *CAMERA, "--everybody", "0.png"], "neither --box nor --hand"),
        (["predict", "--model=toy"], "give one of them"),
    ],
)
def test_errors_are_one_sentence(root, server, client, words, part):
    words = [str(root / word) if word.endswith(".png") else word for word in words]
    assert part in _refusal(client, server, *words)


@pytest.mark.parametrize("client", [REST, GRPC])
def test_a_server_that_is_not_there(client):
    args = client.parser().parse_intermixed_args(["status", "--model=m", "--server=127.0.0.1:1"])
    with pytest.raises(client.ClientError, match="cannot be reached"):
        client.answer_of(args)


def test_a_slow_server_is_given_up(server, monkeypatch):
    monkeypatch.setattr(server, "delay_s", 2.0)
    text = _refusal(REST, server, "status", "--model=toy", "--timeout=0.2")
    assert "did not answer in 0.2 s" in text


def test_errors_on_the_command_line_exit_with_one(capsys, tmp_path):
    for client in (REST, GRPC):
        assert client.main(["predict", "--model=m", str(tmp_path / "none.jpg")]) == 1
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("ERROR: ") and err.count("\n") == 1


@pytest.mark.parametrize("client", ["rest", "grpc"])
def test_output_goes_to_a_file(root, server, tmp_path, capsys, client):
    module, address = {"rest": (REST, server.rest), "grpc": (GRPC, server.grpc)}[client]
    file = tmp_path / "answer.json"
    words = ["predict", "--model=toy", str(root / "0.png"), f"--server={address}"]
    assert module.main([*words, f"--output={file}"]) == 0
    assert capsys.readouterr().out == ""
    assert json.loads(file.read_text())["outputs"]["valid"] == [1]


def test_warm_up_was_replayed_before_serving(server):
    (servable,) = server.models["toy"].values()
    assert servable.warmed_up == 1


def _with_orientation(jpeg, value, order="<"):
    """A JPEG with an EXIF block that names an orientation."""

    def number(value, size):
        return value.to_bytes(size, "little" if order == "<" else "big")

    entry = number(0x0112, 2) + number(3, 2) + number(1, 4) + number(value, 2) + b"\0\0"
    exif = (b"II" if order == "<" else b"MM") + number(42, 2) + number(8, 4)
    block = b"Exif\0\0" + exif + number(1, 2) + entry + number(0, 4)
    return jpeg[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + jpeg[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_headers_tell_size_and_orientation(root, orientation, order):
    jpeg = (root / "2.jpg").read_bytes()
    assert REST.picture_size(jpeg) == (24, 18, 1)
    turned = _with_orientation(jpeg, orientation, order)
    assert REST.picture_size(turned) == (24, 18, orientation)
    # OpenCV reads the same block: quarter turns swap the sides.
    upright = cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR)
    assert upright.shape[:2] == ((24, 18) if orientation in (6, 8) else (18, 24))


def test_headers_of_other_files(root):
    assert REST.picture_size((root / "1.png").read_bytes()) == (24, 17, 1)
    jpeg = (root / "1.jpg").read_bytes()
    progressive = cv2.imencode(
        ".jpg", cv2.imread(str(root / "1.png")), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1]
    )
    assert REST.picture_size(progressive[1].tobytes()) == (24, 17, 1)
    for cut in (b"", b"\xff", jpeg[:1], jpeg[:20], b"\xff\xd8\xff\xff", b"no picture"):
        assert REST.picture_size(cut) is None
    for seed in range(200):
        random = np.random.default_rng(seed)
        spoilt = bytearray(_with_orientation(jpeg, 6))
        for at in random.integers(2, 60, 6):
            spoilt[at] = random.integers(256)
        REST.picture_size(bytes(spoilt))


def test_a_turned_picture(root, server, tmp_path):
    turned = tmp_path / "turned.jpg"
    turned.write_bytes(_with_orientation((root / "2.jpg").read_bytes(), 6))
    words = ["predict", "--model=toy", str(turned)]
    assert "EXIF orientation 6" in _refusal(REST, server, *words)
    assert _run(REST, server, *words, "--as_stored")["outputs"]["valid"] == [
        0
    ]  # a JPEG: no toy picture
    # The gRPC client sends it upright, as a PNG of 18 x 24.
    points = _run(GRPC, server, *words)["outputs"]["keypoints_2d"][0]
    assert points[-1] == [18, 24]
    assert math.isfinite(points[0][0])
