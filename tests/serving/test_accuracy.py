"""What files are worth: joints in three forms, by hand, and cards that own up to losses."""

import dataclasses
import json

import numpy as np
import pytest

from keras_pose.export import LoadedModel, save_signatures
from keras_pose.serving import contract_signatures
from keras_pose.serving.accuracy import (
    HeldOut,
    depth_error,
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


def test_depth_is_measured_from_its_mean():
    points = np.zeros((1, 3, 2))
    known = truth(points, [[1, 1, 0]])
    assert depth_error({"z": np.zeros((1, 3))}, known) is None
    # Less their means: -2, 2 in truth; the third joint does not count.
    known = dataclasses.replace(known, depth=np.array([[1.0, 5.0, 99.0]]))
    assert depth_error({"z": np.array([[11.0, 15.0, 0.0]])}, known) == 0.0
    assert depth_error({"depth": np.array([[7.0, 7.0, 7.0]])}, known) == 1.0
    assert depth_error({"z": np.array([[0.0, 3.0, 0.0]])}, known) == 0.25
    # Depths of one's own scale belong to maps, and some files have none.
    maps = np.zeros((1, 4, 4, 3))
    assert depth_error({"heatmaps": maps, "depth": np.zeros((1, 3))}, known) is None
    assert depth_error({"keypoints_2d": points}, known) is None


def test_depth_in_pixels_shrinks_with_the_picture():
    network = dataclasses.replace(dot_network(), depth_is_in_px=True)
    images, boxes = [np.zeros((80, 80, 3), np.uint8)], np.array([[10, 10, 40, 40]])
    known = held_out_crops(
        network, "x", images, boxes, np.zeros((1, 2, 2)), np.ones((1, 2)), np.array([[0.0, 10.0]])
    )
    # The square that is seen has 1.25 times the box's side.
    np.testing.assert_allclose(known.depth, [[0.0, 10.0 * SIZE / 50.0]])


def test_a_card_owns_up_to_lost_depth():
    values = {"saved_model.pb": 0.8, "a_decoded_float16.tflite": 0.8, "a_decoded_int8.tflite": 0.8}
    depths = {"saved_model.pb": 0.2, "a_decoded_float16.tflite": 0.2, "a_decoded_int8.tflite": 0.24}
    content = {"set": "x", "measure": "m", "values": values}
    content |= {"depth_measure": "d", "depth_values": depths}
    (sentence,) = losses(content)
    assert "a_decoded_int8.tflite misses 20.0 % more of the depth" in sentence
    assert [fact.protocol for fact in metric_facts(content)] == ["m", "m", "m", "d", "d", "d"]
