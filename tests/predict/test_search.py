"""Where the predictor looks: given boxes, a finder's, or whole pictures; stand-in finders in folders."""

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import LoadedModel, Signature, new_version, save_signatures
from keras_pose.predict.search import Search
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving import Metadata, describe_signatures, write_metadata
from keras_pose.serving.found_boxes import FoundBox, ServedFinder

_SIDE = 64


def _find(image):
    """One box of 16 px at (8, 24) where the picture is bright, nobody where it is dark."""
    light = tf.reduce_mean(tf.cast(image, tf.float32), axis=(1, 2, 3)) > 100.0
    some = tf.cast(light, tf.float32)[:, None]
    boxes = tf.constant([[[8.0, 24.0, 16.0, 16.0], [0.0, 0.0, 0.0, 0.0]]])
    return {
        "boxes": boxes * some[..., None],
        "scores": tf.constant([[0.75, 0.0]]) * some,
        "rotations": tf.constant([[0.5, 0.0]]) * some,
        "count": tf.cast(light, tf.int32),
        # Very bright pictures are crowded.
        "more": tf.cast(tf.reduce_min(image, axis=(1, 2, 3)) > 250, tf.int32),
    }


def _write(root, name, kind):
    spec = {"image": tf.TensorSpec((None, _SIDE, _SIDE, 3), tf.uint8)}
    metadata = Metadata(
        name, 1, "mediapipe", kind, "found", ("hips",), (), "hips", _SIDE, 1.0, None, None, "none",
        "presence",
    )  # fmt: skip
    with new_version(root, name, 1) as (folder, final):
        save_signatures(folder, {"find_crop": Signature(_find, spec)})
        described = describe_signatures(LoadedModel(folder))
        write_metadata(folder, Metadata(**{**vars(metadata), "signatures": described}))
    return final


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    _write(place, "find_people", "body")
    return place


def _config(root, **settings):
    return PredictConfig(saved_model=str(root / "body_student"), pictures="x", **settings)


def test_boxes_come_back_in_pixels_of_the_picture(root):
    # 128 x 96 px in a square of 64: half the size, 16 px above the picture.
    picture = np.full((96, 128, 3), 200, np.uint8)
    (found,) = ServedFinder(root / "find_people").find(picture)
    assert isinstance(found, FoundBox)
    np.testing.assert_allclose(found.box, [16, 2 * 24 - 16, 32, 32], atol=1e-4)
    assert found.score == 0.75 and found.rotation_rad == 0.5
    assert ServedFinder(root / "find_people").find(np.zeros((96, 128, 3), np.uint8)) == []


def test_a_finder_beside_the_network_is_taken_by_itself(root):
    search = Search(_config(root), "body")
    assert "find_people, version 1" in search.words
    ((box, side),) = search.of("a.jpg", np.full((64, 64, 3), 200, np.uint8))
    np.testing.assert_allclose(box, [8, 24, 16, 16], atol=1e-4)
    assert side == "" and search.notes() == []
    assert search.of("b.jpg", np.zeros((64, 64, 3), np.uint8)) == []
    (note,) = search.notes()
    assert note.startswith("The finder saw nobody in 1 picture;")
    search.of("c.jpg", np.full((64, 64, 3), 255, np.uint8))
    assert search.notes()[1].startswith("The finder saw more in 1 picture than it has rows for")


def test_whole_pictures_are_taken_without_a_finder(root):
    for search in (Search(_config(root, finder="none"), "body"), Search(_config(root), "hand")):
        ((box, _),) = search.of("a.jpg", np.zeros((48, 64, 3), np.uint8))
        assert box.tolist() == [0.0, 0.0, 64.0, 48.0]
    assert "keras_pose.weights.mediapipe" in search.words
    given = Search(_config(root, boxes="1,2,30,40"), "body")
    ((box, _),) = given.of("a.jpg", np.full((64, 64, 3), 200, np.uint8))
    assert box.tolist() == [1.0, 2.0, 30.0, 40.0]


def test_a_finder_of_another_kind_is_refused(root, tmp_path):
    with pytest.raises(ValueError, match="find_hands"):
        Search(_config(root, finder=str(root / "find_people")), "hand")
    with pytest.raises(ValueError, match="there is no such folder"):
        Search(_config(root, finder=str(tmp_path / "missing")), "body")
