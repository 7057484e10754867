"""FreiHAND's test in two passes: the official crops, a perfect predictor, the competition's file."""

import json
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose import codecs
from keras_pose.geometry import affine2d, project
from keras_pose.hand_pose.freihand_test import (
    box_matrix,
    competition_file,
    crop_picture,
    evaluate_predictions,
    first_box,
    integer_box,
    predict_hands,
    read_competition_file,
)
from keras_pose.metrics import FREIHAND_PROTOCOLS, PECLR_PROTOCOLS
from keras_pose.skeletons import HAND_21_AIT, HAND_21_FREIHAND, convert

GOLDEN = Path(__file__).parents[1] / "golden" / "peclr"
MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
K = np.array([[480.0, 0.0, 112.0], [0.0, 470.0, 110.0], [0.0, 0.0, 1.0]])


def _golden(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.fixture(scope="module")
def official():
    return _golden("g_inference_preproc")


@pytest.mark.parametrize("number", [0, 1])
def test_crops_equal_the_official_predictor(official, number):
    box = first_box(224, 224) if number == 0 else integer_box(official["kp2d"])
    np.testing.assert_allclose(box, official[f"bbox{number}"], rtol=1e-6)
    matrix = box_matrix(box, 224)
    np.testing.assert_allclose(matrix, official[f"T{number}"][:2], rtol=1e-6, atol=1e-4)
    intrinsics = affine2d.transform_intrinsics(official["K"], matrix)
    np.testing.assert_allclose(intrinsics, official[f"K{number}"][0], rtol=1e-6, atol=1e-4)
    crop = crop_picture(official["image"], matrix, 224, "integer")
    normalized = ((crop / 255 - MEAN) / STD).transpose(2, 0, 1)[None]
    difference = np.abs(normalized[:, :, ::8, ::8] - official[f"crop{number}_sub"])
    # OpenCV 4 and 5 round coordinates differently: a grey level here and there.
    assert difference.max() <= 1.01 / 255 / STD.min() and difference.mean() < 2e-3


def test_joints_leave_as_in_the_official_predictor(official):
    points, _ = convert(official["ait"], HAND_21_AIT, HAND_21_FREIHAND)
    np.testing.assert_array_equal(points, official["to_freihand"])
    wrist = codecs.restore_wrist(official["ait"], "palm_middle", HAND_21_AIT)
    np.testing.assert_allclose(wrist, official["palm_to_wrist"], atol=1e-7)


def test_joint_maps_are_the_official_ones():
    maps = _golden("h_maps_split")
    points = np.arange(21.0)[:, None]
    pairs = {"freihand_to_ait": (HAND_21_FREIHAND, HAND_21_AIT)}
    pairs["ait_to_freihand"] = pairs["freihand_to_ait"][::-1]
    for name, (source, target) in pairs.items():
        moved, known = convert(points, source, target)
        np.testing.assert_array_equal(moved[:, 0], maps[name])
        assert known.all()
        back, _ = convert(moved, target, source)
        np.testing.assert_array_equal(back, points)


def test_both_pixel_conventions_are_half_a_pixel_of_zoom_apart():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, 32:] = 200
    matrix = np.array([[4.0, 0.0, -96.0], [0.0, 4.0, -96.0]])
    edges = {}
    for pixels in ("continuous", "integer"):
        row = crop_picture(picture, matrix, 64, pixels)[32, :, 0].astype(float)
        edges[pixels] = np.interp(100.0, row, np.arange(64) + 0.5)
    # The edge lies at 32 in continuous pixels, so at 32 in the crop too.
    assert abs(edges["continuous"] - 32.0) < 0.1
    assert abs(edges["continuous"] - edges["integer"] - 1.5) < 0.1


def _hands(num=3):
    rng = np.random.default_rng(4)
    hands = rng.uniform(-0.06, 0.06, (num, 21, 3)) + [0.02, 0.0, 0.7]
    scales = np.linalg.norm(hands[:, 9] - hands[:, 10], axis=-1)
    return hands, scales


class _Oracle:
    """A predictor that knows the hands and answers in the crop that it is shown."""

    def __init__(self, hands, scales):
        self.hands, self.scales, self.calls = hands, scales, []

    def __call__(self, inputs):
        num = len(inputs["image"])
        assert inputs["image"].dtype == np.float32 and inputs["image"].max() <= 1.0
        # Two passes over the first two pictures, two over the third.
        first = 2 * (len(self.calls) // 2)
        self.calls.append(inputs)
        hands = self.hands[first : first + num]
        return {
            "keypoints_2d": np.array(project(hands, inputs["intrinsics"].astype(float))),
            "keypoints_3d": hands / self.scales[first : first + num, None, None],
            "valid": np.ones(num, bool),
        }


def test_a_perfect_predictor_scores_perfectly():
    hands, scales = _hands()
    oracle = _Oracle(hands, scales)
    pictures = [(np.full((224, 224, 3), 90, np.uint8), K)] * 3
    found = list(predict_hands(oracle, pictures, 96, batch_size=2))
    assert [len(call["image"]) for call in oracle.calls] == [2, 2, 1, 1]
    pixels = np.array(project(hands, K))
    for hand, points in zip(found, pixels, strict=True):
        np.testing.assert_allclose(hand.keypoints_2d, points, atol=1e-3)
        # The box of the second pass is the hand's, but for one pixel of the crop.
        np.testing.assert_allclose(hand.box[:2], points.min(axis=0), atol=1.2)
        np.testing.assert_allclose(hand.box[2:], points.max(axis=0), atol=1.2)
        assert hand.valid
    joints, scores, protocols = evaluate_predictions(found, scales, hands)
    np.testing.assert_allclose(joints, hands, atol=1e-9)
    assert scores["xyz_mean3d"] < 1e-6 and scores["xyz_al_auc3d"] > 0.99
    assert protocols["xyz_mean3d"] == FREIHAND_PROTOCOLS["xyz_mean3d"].id
    assert protocols["peclr_xyz_auc3d"] == PECLR_PROTOCOLS["peclr_xyz_auc3d"].id
    assert evaluate_predictions(found, scales, None)[1:] == ({}, {})


@pytest.mark.parametrize("share", [0.7, 0.9])
def test_second_pass_looks_closer(share):
    hands, scales = _hands(2)
    oracle = _Oracle(hands, scales)
    picture = np.zeros((224, 224, 3), np.uint8)
    near = tuple(int(c) for c in np.array(project(hands[:1], K))[0, 8])
    cv2.circle(picture, near, 3, (255, 255, 255), -1)
    list(predict_hands(oracle, [(picture, K)] * 2, 96, box_share=share))
    second = oracle.calls[1]
    points = np.array(project(hands, second["intrinsics"].astype(float)))
    side = (points.max(axis=1) - points.min(axis=1)).max(axis=1)
    np.testing.assert_allclose(side / 96, share, atol=0.02)
    x, y = points[0, 8].astype(int)
    assert second["image"][0, y, x, 0] > 0.9


def test_one_pass_and_hopeless_predictions_keep_the_first_crop():
    def nothing(inputs):
        num = len(inputs["image"])
        return {
            "keypoints_2d": np.full((num, 21, 2), np.nan if num == 1 else 5.0),
            "keypoints_3d": np.zeros((num, 21, 3)),
            "valid": np.zeros(num, bool),
        }

    picture = (np.zeros((100, 200, 3), np.uint8), K)
    for pictures in ([picture], [picture] * 2):
        for hand in predict_hands(nothing, pictures, 64):
            np.testing.assert_allclose(hand.box, [83.5, 33.5, 116.5, 66.5])
            assert not hand.valid
    assert len(list(predict_hands(nothing, [picture] * 3, 64, num_passes=1, batch_size=2))) == 3


def test_competition_file_holds_joints_and_zero_vertices(tmp_path):
    hands, _ = _hands()
    competition_file(hands, None, tmp_path / "pred.zip")
    with zipfile.ZipFile(tmp_path / "pred.zip") as archive:
        assert archive.namelist() == ["pred.json"]
        joints, vertices = json.loads(archive.read("pred.json"))
    np.testing.assert_allclose(joints, hands, atol=5e-7)
    assert np.shape(vertices) == (3, 778, 3) and not np.any(vertices)
    joints, vertices = read_competition_file(tmp_path / "pred.zip")
    np.testing.assert_allclose(joints, hands, atol=5e-7)
    (tmp_path / "pred.json").write_text(json.dumps([joints.tolist(), vertices.tolist()]))
    np.testing.assert_array_equal(read_competition_file(tmp_path / "pred.json")[0], joints)
    # The same content gives the same bytes, whenever it is written.
    first = (tmp_path / "pred.zip").read_bytes()
    competition_file(hands, None, tmp_path / "pred.zip")
    assert (tmp_path / "pred.zip").read_bytes() == first


def test_bad_files_and_numbers_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"pred.zip: joints must be finite"):
        competition_file(np.full((1, 21, 3), np.nan), None, tmp_path / "pred.zip")
    with pytest.raises(ValueError, match=r"vertices must be finite and \[1, 778, 3\]"):
        competition_file(np.zeros((1, 21, 3)), np.zeros((1, 3, 3)), tmp_path / "pred.zip")
    assert not list(tmp_path.iterdir())
    (tmp_path / "a.json").write_text('{"a": 1}')
    with pytest.raises(ValueError, match=r"a.json is not a prediction"):
        read_competition_file(tmp_path / "a.json")
    (tmp_path / "a.json").write_text("[[[[0, 0, 0]]], []]")
    with pytest.raises(ValueError, match=r"a.json holds joints \[1, 1, 3\]"):
        read_competition_file(tmp_path / "a.json")
    with pytest.raises(ValueError, match="num_passes is 0"):
        list(predict_hands(lambda inputs: {}, [], 64, num_passes=0))
    with pytest.raises(ValueError, match="There are 0 predictions"):
        evaluate_predictions([], np.zeros(1), None)
    with pytest.raises(ValueError, match="pixels must be one of"):
        crop_picture(np.zeros((4, 4, 3), np.uint8), np.zeros((2, 3)), 4, "half")
