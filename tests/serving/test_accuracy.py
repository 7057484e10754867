"""What files are worth: joints in three forms, by hand, and cards that own up to losses."""

import json

import numpy as np
import pytest

from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import contract_signatures
from keras_pose.serving.accuracy import (
    HeldOut,
    held_out_crops,
    losses,
    measure_accuracy,
    metric_facts,
    share_of_joints,
)
from tests.serving.dot_network import SIZE, dot_network
from tests.serving.test_contract import picture


def truth(points, visible=None):
    points = np.asarray(points, np.float64)
    count = len(points)
    visible = np.ones(points.shape[:2]) if visible is None else np.asarray(visible)
    crops = np.zeros((count, 64, 64, 3), np.uint8)
    return HeldOut("two dots", crops, points, visible, np.full(count, 40.0))


def test_joints_count_within_a_tenth_of_the_box():
    # A tenth of 40 is 4 px.
    known = truth([[[10, 10], [20, 20]], [[30, 30], [40, 40]]])
    found = np.array([[[10, 13.9], [20, 24.1]], [[30, 30], [43, 40]]])
    assert share_of_joints({"keypoints_2d": found}, known) == 0.75
    assert share_of_joints({"x": found[..., 0], "y": found[..., 1]}, known) == 0.75
    hidden = truth(known.keypoints_2d, [[1, 0], [1, 1]])
    assert share_of_joints({"keypoints_2d": found}, hidden) == 1.0


def test_maps_are_decoded_first():
    maps = np.zeros((1, 16, 16, 1), np.float32)
    # Cell (5, 7) of 4 px: its middle is (22, 30).
    maps[0, 7, 5, 0] = 1.0
    assert share_of_joints({"heatmaps": maps}, truth([[[22, 30]]])) == 1.0
    assert share_of_joints({"heatmaps": maps}, truth([[[22, 36]]])) == 0.0


def test_a_saved_model_is_measured_on_its_own_crops(tmp_path):
    network = dot_network()
    save_signatures(tmp_path / "1", contract_signatures(network))
    dots = np.array([[60.5, 70.5], [100.5, 50.5]])
    images = [np.ascontiguousarray(picture(dot)[..., ::-1]) for dot in dots]
    boxes = np.array([[40, 50, 40, 40], [80, 30, 40, 40]])
    side = 1.25 * 40
    points = np.stack([dots, dots + [0, 4 * side / SIZE]], axis=1)
    # The second row's second joint is somewhere else.
    points[1, 1] += 9
    known = held_out_crops(network, "two dots", images, boxes, points, np.ones((2, 2)))
    np.testing.assert_allclose(known.sides, 40 * SIZE / side)
    content = measure_accuracy(tmp_path / "1", LoadedModel(tmp_path / "1"), known, {})
    assert content["values"] == {"saved_model.pb": 0.75} and content["set"] == "two dots"
    assert json.loads((tmp_path / "1" / "accuracy.json").read_text()) == content
    (fact,) = metric_facts(content)
    assert fact.value == "0.7500" and "saved_model.pb" in fact.data


@pytest.mark.parametrize(
    ("file", "value", "is_told"),
    [
        ("a_float16.tflite", 0.799, False),
        ("a_float16.tflite", 0.79, True),
        ("a_decoded_int8.tflite", 0.77, False),
        ("a_decoded_int8.tflite", 0.75, True),
        ("a_decoded_int8_full.tflite", 0.70, True),
        ("a_float32.tflite", 0.1, False),
    ],
)
def test_a_card_owns_up_to_what_is_lost(file, value, is_told):
    content = {"set": "x", "measure": "m", "values": {"saved_model.pb": 0.8, file: value}}
    told = losses(content)
    assert bool(told) == is_told
    assert all(file in sentence and "%" in sentence for sentence in told)


def test_maps_are_compared_with_maps():
    values = {
        "saved_model.pb": 0.8,
        "saved_model.pb:heatmaps": 0.7,
        "a_heatmaps_float16.tflite": 0.7,
    }
    content = {"set": "x", "measure": "m", "values": values}
    assert not losses(content)
    values["a_heatmaps_float16.tflite"] = 0.69
    (sentence,) = losses(content)
    assert "1.4 %" in sentence and "0.690 for 0.700" in sentence
