"""The real networks, where the wheel of mediapipe 0.10.14 is named by KERAS_POSE_MEDIAPIPE_WHEEL.

No test fetches it. Real hands are taken from the folder that KERAS_POSE_REAL_HANDS names, else noise.
"""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from benchmarks.serving_fuzz import fuzz
from keras_pose.data.generated.hands import generate_hand
from keras_pose.export import LoadedModel
from keras_pose.serving import ServedPose
from keras_pose.weights import read_tflite
from keras_pose.weights.mediapipe_models import (
    MediapipeConfig,
    import_mediapipe,
    largest_difference,
)
from keras_pose.weights.mediapipe_wheel import FILES, fetch_networks

_WHEEL = os.environ.get("KERAS_POSE_MEDIAPIPE_WHEEL", "")
_HANDS = os.environ.get("KERAS_POSE_REAL_HANDS", "")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not _WHEEL, reason="KERAS_POSE_MEDIAPIPE_WHEEL names no wheel of mediapipe 0.10.14"
    ),
]
_LAYER, _WHOLE = 1e-5, 1e-4


@pytest.fixture(scope="module")
def networks():
    return fetch_networks(_WHEEL).files


def _crops(side, count):
    noise = np.random.default_rng(0).random((count, side, side, 3), np.float32)
    if not _HANDS:
        return noise
    files = sorted(Path(_HANDS, "images").glob("*.jpg"))[:: max(1, 10_000 // count)][: count // 2]
    for row, file in enumerate(files):
        picture = cv2.resize(cv2.imread(str(file))[..., ::-1], (side, side))
        noise[row] = picture.astype(np.float32) / np.float32(255.0)
    return noise


def _litert(content, crops, kernels):
    interpreter = Interpreter(model_content=content, experimental_op_resolver_type=kernels)
    interpreter.allocate_tensors()
    (given,) = interpreter.get_input_details()
    results = {entry["name"]: [] for entry in interpreter.get_output_details()}
    for crop in crops:
        interpreter.set_tensor(given["index"], crop[None])
        interpreter.invoke()
        for entry in interpreter.get_output_details():
            results[entry["name"]].append(interpreter.get_tensor(entry["index"])[0].copy())
    return {name: np.stack(rows) for name, rows in results.items()}


@pytest.mark.parametrize("name", FILES)
def test_every_layer_and_the_whole_compute_what_litert_computes(networks, name):
    content = networks[name]
    assert largest_difference(content, name) < _LAYER
    model = read_tflite(content)
    crops = _crops(model.input_shape[1], 100)
    fast = _litert(content, crops, OpResolverType.AUTO)
    plain = _litert(content, crops, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES)
    own = {key: [] for key in fast}
    for start in range(0, len(crops), 10):
        for key, value in model(crops[start : start + 10], training=False).items():
            own[key].append(np.asarray(value))
    for key, true in fast.items():
        scale = np.abs(true).max()
        # Of noise the body's network makes numbers on which LiteRT's own kernels differ by 1e-3.
        apart = np.abs(true - plain[key]).max()
        error = np.abs(np.concatenate(own[key]) - true).max()
        assert error < max(_WHOLE * scale, 3.0 * apart), (key, error / scale, apart / scale)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("models"))
    settings = MediapipeConfig(output=place, wheel=_WHEEL, models="hand_mediapipe")
    (folder,) = import_mediapipe(settings)
    return folder


def test_the_hand_is_written_and_finds_real_joints(folder):
    assert {"LICENSE", "NOTICE", "card.md", "origin.json", "metadata.json"} <= set(
        os.listdir(folder)
    )
    if not _HANDS:
        pytest.skip("KERAS_POSE_REAL_HANDS names no labelled hands")
    served = ServedPose(folder)
    labels = json.loads(Path(_HANDS, "annotations.json").read_text(encoding="utf-8"))
    names = {entry["id"]: entry["file_name"] for entry in labels["images"]}
    errors = []
    for entry in labels["annotations"][::100]:
        picture = cv2.imread(str(Path(_HANDS, "images", names[entry["image_id"]])))[..., ::-1]
        (found,) = served.predict(np.ascontiguousarray(picture), [entry["bbox"]])
        points = np.reshape(entry["keypoints"], (21, 3))[:, :2]
        distances = np.linalg.norm(found.keypoints_2d - points, axis=-1)
        errors.append(distances / max(entry["bbox"][2:]))
    # MediaPipe's own chain made these labels.
    assert np.mean(np.array(errors) < 0.1) > 0.9
    assert np.median(np.mean(errors, axis=1)) < 0.03


def _rendered_hands(count):
    """Pictures that show a whole hand each, as PNG files."""
    for index in range(count):
        image = generate_hand(index, 5, size=256).image
        yield cv2.imencode(".png", image[..., ::-1])[1].tobytes()


def test_hands_that_are_found_are_those_of_their_boxes(folder):
    model = LoadedModel(folder)
    black = cv2.imencode(".png", np.zeros((40, 50, 3), np.uint8))[1].tobytes()
    pictures = [*_rendered_hands(6), black, b"no picture"]
    data = np.empty(len(pictures), object)
    data[:] = pictures
    camera = np.array([[300.0, 0, 128], [0, 300, 128], [0, 0, 1]], np.float32)
    asked = {
        "image_bytes": data,
        "K": np.repeat(camera[None], len(pictures), axis=0),
        "bone_length_m": np.full((len(pictures), 1), 0.09, np.float32),
    }
    answer = model.runner("serve_found")(asked)
    assert all(np.isfinite(value).all() for value in answer.values())
    assert answer["valid"].tolist() == [1.0] * 7 + [0.0]
    assert answer["count"][6:].tolist() == [0, 0] and (answer["count"][:6] > 0).sum() >= 4
    rows = [(row, place) for row in range(6) for place in range(answer["count"][row])]
    boxes = {name: value[[row for row, _ in rows]] for name, value in asked.items()}
    boxes["bbox"] = np.array([answer["boxes"][row] for row in rows])
    single = model.runner("serving_default")(boxes)
    for name, value in single.items():
        own = answer["pose_valid" if name == "valid" else name]
        own = np.stack([own[row] for row in rows])
        np.testing.assert_allclose(own, value, rtol=1e-3, atol=1e-2, err_msg=name)
    found = fuzz(
        model.runner("serve_found"),
        0.09,
        100,
        4,
        settles=False,
        signature="serve_found",
        control=pictures[int(np.argmax(answer["count"][:6]))],
    )
    assert found["inputs"] == 100
