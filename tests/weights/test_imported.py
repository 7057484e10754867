"""Trunks and heads of landmark networks of others, and what contradicts them; small own files."""

import numpy as np
import pytest

from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.weights import read_tflite
from keras_pose.weights.imported import (
    HAND_LANDMARK,
    POSE_LANDMARK,
    body_trunk,
    check_imported,
    find_network,
    hand_head,
    hand_trunk,
    keep_network,
)
from tests.weights.toy_files import body_landmarks, convert, hand_landmarks

SIDE = 32


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Folder with version 2 of a hand's and a body's imported model, as far as training needs them."""
    root = tmp_path_factory.mktemp("imported")
    for name, file, function in (
        ("hand_mediapipe", "hand_landmark_lite", hand_landmarks),
        ("body_mediapipe", "pose_landmark_full", body_landmarks),
    ):
        folder = root / name / "2" / "networks"
        folder.mkdir(parents=True)
        (folder / f"{file}.tflite").write_bytes(convert(function, (SIDE, SIDE, 3)))
    return root


def _pictures():
    return np.random.default_rng(1).random((3, SIDE, SIDE, 3)).astype(np.float32)


@pytest.mark.parametrize(("root", "partner"), [("wrist", None), ("palm_middle", "middle_mcp")])
@pytest.mark.parametrize("coordinates", ["pixels", "normalized"])
def test_the_head_answers_as_the_network_does(models, root, partner, coordinates):
    path = find_network(models / "hand_mediapipe", HAND_LANDMARK)
    features = hand_trunk(path)(_pictures()).numpy()
    kernel, bias = hand_head(path, root, 0.05, coordinates)
    answer = (features @ kernel + bias).reshape(-1, 21, 3)
    whole = read_tflite(path)(_pictures())
    screen, world = (whole[name].numpy().reshape(-1, 21, 3) for name in ("Identity", "Identity_3"))
    points, depth = screen[..., :2].copy(), world[..., 2].copy()
    if partner:
        row = HAND_21_FREIHAND.index(partner)
        for values in (points, depth):
            values[:, 0] = (values[:, 0] + values[:, row]) / 2
    if coordinates == "normalized":
        points = points / (SIDE / 2) - 1.0
    np.testing.assert_allclose(answer[..., :2], points, atol=2e-4)
    np.testing.assert_allclose(answer[..., 2], (depth - depth[:, :1]) / 0.05, atol=1e-4)


def test_the_trunk_of_a_body_ends_below_its_maps(models):
    path = find_network(models / "body_mediapipe" / "2", POSE_LANDMARK)
    trunk = body_trunk(path)
    assert trunk.output_shape == (None, SIDE // 4, SIDE // 4, 6)
    assert len(trunk.trainable_weights) == 2
    # Behind it stands one convolution by weights that the toy draws fourth: 3 x 3 x 3 x 6 and 6 first.
    whole = read_tflite(path)(_pictures())["Identity_3"].numpy()
    maps = trunk(_pictures()).numpy().reshape(-1, 6)
    fitted, *_ = np.linalg.lstsq(maps, whole.reshape(-1, 39), rcond=None)
    np.testing.assert_allclose(maps @ fitted, whole.reshape(-1, 39), atol=1e-4)


def test_a_run_keeps_its_network(models, tmp_path):
    keep_network(models / "hand_mediapipe", HAND_LANDMARK, tmp_path)
    kept = find_network(tmp_path, HAND_LANDMARK)
    assert kept == tmp_path / "weights" / "hand_landmark.tflite"
    assert kept.read_bytes() == find_network(models / "hand_mediapipe", HAND_LANDMARK).read_bytes()
    assert find_network(tmp_path, POSE_LANDMARK) is None


@pytest.mark.parametrize(
    ("kind", "value", "model", "size", "precision", "words"),
    [
        ("hand", "hand_landmark", "hand_mediapipe", SIDE, "float32", None),
        ("hand", "resnet50", "", SIDE, "float32", None),
        ("hand", "resnet50", "hand_mediapipe", SIDE, "float32", "give --encoder=hand_landmark"),
        ("hand", "resnet50", "body_mediapipe", SIDE, "float32", "give hand_mediapipe, which"),
        ("hand", "hand_landmark", "body_mediapipe", SIDE, "float32", "holds no such network"),
        ("hand", "hand_landmark", "", SIDE, "float32", "an empty one holds no such network"),
        ("hand", "hand_landmark", "hand_mediapipe", 128, "float32", "which sees 32 px; use that"),
        ("hand", "hand_landmark", "hand_mediapipe", SIDE, "mixed_bfloat16", "use float32"),
        ("pose", "hourglass", "body_mediapipe", SIDE, "float32", "give --backbone=pose_landmark"),
        ("pose", "pose_landmark", "hand_mediapipe", SIDE, "float32", "give body_mediapipe, which"),
    ],
)
def test_contradictions_are_one_sentence(models, kind, value, model, size, precision, words):
    kind, flag = {"hand": (HAND_LANDMARK, "encoder"), "pose": (POSE_LANDMARK, "backbone")}[kind]
    given = (kind, flag, value, str(models / model) if model else "", size, precision)
    if words is None:
        check_imported(*given)
        return
    with pytest.raises(ValueError, match=words) as caught:
        check_imported(*given)
    assert str(caught.value).count(". ") == 0


def test_another_network_is_refused(models, tmp_path):
    folder = tmp_path / "networks"
    folder.mkdir()
    content = find_network(models / "hand_mediapipe", HAND_LANDMARK).read_bytes()
    (folder / "pose_landmark_full.tflite").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="pose_landmark_full"):
        body_trunk(find_network(tmp_path, POSE_LANDMARK))
