"""Where the predictor looks: given boxes, a finder's, or whole pictures; stand-in finders in folders."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.export import LoadedModel, Signature, new_version, save_signatures
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.search import Search
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving import Metadata, describe_signatures, write_metadata
from keras_pose.serving.found_boxes import FoundBox, ServedFinder, look_squares
from keras_pose.skeletons import build_skeleton

_SIDE = 64
# Two persons, px: (x, y, width, height) of their joints.
_PERSONS = np.array([[10.0, 20.0, 30.0, 30.0], [70.0, 40.0, 40.0, 40.0]])


def _look(name, image, boxes, sides):
    """A network that sees the nearest person, its joints the corners of the person's box, or nobody."""
    poses = []
    for box in boxes:
        middles = _PERSONS[:, :2] + _PERSONS[:, 2:] / 2 - (box[:2] + box[2:] / 2)
        nearest = int(np.argmin(np.abs(middles).max(axis=1)))
        x, y, width, height = _PERSONS[nearest]
        corners = np.array([[x, y], [x + width, y], [x, y + height], [x + width, y + height]])
        score = np.full(4, 0.9 if np.abs(middles[nearest]).max() < 20 else 0.1)
        poses.append(FoundPose(
            name, 0, "body", "", SQUARE, box, corners, score, np.zeros(4), None, True, True
        ))  # fmt: skip
    return poses


SQUARE = build_skeleton("square", [("a", None), ("b", "a"), ("c", "a"), ("d", "a")])


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


def _write(root, name, kind, find=_find):
    spec = {"image": tf.TensorSpec((None, _SIDE, _SIDE, 3), tf.uint8)}
    metadata = Metadata(
        name, 1, "mediapipe", kind, "found", ("hips",), (), "hips", _SIDE, 1.0, None, None, "none",
        "presence",
    )  # fmt: skip
    with new_version(root, name, 1) as (folder, final):
        save_signatures(folder, {"find_crop": Signature(find, spec)})
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
    search = Search(_config(root, look_closer="never"), "body")
    assert "find_people, version 1" in search.words
    ((box, side),) = search.of("a.jpg", np.full((64, 64, 3), 200, np.uint8), _look)
    np.testing.assert_allclose(box, [8, 24, 16, 16], atol=1e-4)
    assert side == "" and search.notes() == []
    assert search.of("b.jpg", np.zeros((64, 64, 3), np.uint8), _look) == []
    (note,) = search.notes()
    assert note.startswith("The finder saw nobody in 1 picture;")
    search.of("c.jpg", np.full((64, 64, 3), 255, np.uint8), _look)
    assert search.notes()[1].startswith("The finder saw more in 1 picture than it has rows for")


def test_whole_pictures_are_taken_without_a_finder(root):
    for search in (Search(_config(root, finder="none"), "body"), Search(_config(root), "hand")):
        ((box, _),) = search.of("a.jpg", np.zeros((48, 64, 3), np.uint8), _look)
        assert box.tolist() == [0.0, 0.0, 64.0, 48.0]
    assert "keras_pose.weights.mediapipe" in search.words
    given = Search(_config(root, boxes="1,2,30,40"), "body")
    ((box, _),) = given.of("a.jpg", np.full((64, 64, 3), 200, np.uint8), _look)
    assert box.tolist() == [1.0, 2.0, 30.0, 40.0]


def test_a_finder_of_another_kind_is_refused(root, tmp_path):
    with pytest.raises(ValueError, match="find_hands"):
        Search(_config(root, finder=str(root / "find_people")), "hand")
    with pytest.raises(ValueError, match="there is no such folder"):
        Search(_config(root, finder=str(tmp_path / "missing")), "body")


def test_squares_cover_a_picture_and_overlap_by_half():
    squares = look_squares((480, 640, 3), 0.5)
    assert squares[:, 0].tolist() == [0, 160, 320, 0, 160, 320]
    assert squares[:, 1].tolist() == [0, 0, 0, 160, 160, 160]
    assert (squares[:, 2:] == 320).all()
    # A picture that is less high than a square, and a whole one.
    assert look_squares((100, 640, 3), 0.5)[:, 1].tolist() == [0, 0, 0]
    assert look_squares((480, 640, 3), 1.0).tolist() == [[0, 0, 640, 640]]


@given(height=st.integers(1, 3000), width=st.integers(1, 3000), share=st.floats(0.05, 1.0))
def test_squares_of_any_picture_leave_no_gap(height, width, share):
    squares = look_squares((height, width, 3), share)
    for axis, length in ((0, width), (1, height)):
        starts = np.unique(squares[:, axis])
        side = squares[0, 2]
        assert starts[0] == 0 and starts[-1] + side >= length - 1e-6
        assert (np.diff(starts) <= side / 2 + 1e-6).all()
        # None lies beyond the picture, as long as it is larger than a square.
        assert starts[-1] + side <= max(length, side) + 1e-6


def test_who_is_in_several_squares_is_found_once_by_the_joints(root):
    picture = np.full((96, 128, 3), 200, np.uint8)
    # The finder sees somebody in every square, at the same place of each: most see nobody in truth.
    found = Search(_config(root), "body").of("a.jpg", picture, _look)
    # Tight boxes: 1.12 times the joints' extent, about its middle.
    expected = [[8.2, 18.2, 33.6, 33.6], [67.6, 37.6, 44.8, 44.8]]
    boxes = sorted(box.tolist() for box, _ in found)
    np.testing.assert_allclose(boxes, expected, atol=1e-6)
    # One look sees one place.
    hasty = Search(_config(root), "body").of("a.jpg", picture, _look, is_hasty=True)
    never = Search(_config(root, look_closer="never"), "body").of("a.jpg", picture, _look)
    assert [box.tolist() for box, _ in hasty] == [box.tolist() for box, _ in never]
    np.testing.assert_allclose(never[0][0], [16, 32, 32, 32], atol=1e-4)


def test_who_fills_the_picture_is_found_at_the_first_look(root, tmp_path):
    def large(image):
        answer = _find(image)
        boxes = tf.constant([[[2.0, 2.0, 60.0, 60.0], [0.0, 0.0, 0.0, 0.0]]])
        return answer | {"boxes": boxes * tf.ones_like(answer["scores"])[..., None]}

    _write(tmp_path, "find_people", "body", large)
    picture = np.full((64, 64, 3), 200, np.uint8)

    def refuse(*arguments):
        raise AssertionError("looked closer")

    ((box, _),) = Search(_config(tmp_path), "body").of("a.jpg", picture, refuse)
    np.testing.assert_allclose(box, [2, 2, 60, 60], atol=1e-4)
    with pytest.raises(AssertionError, match="looked closer"):
        Search(_config(tmp_path, look_closer="always"), "body").of("a.jpg", picture, refuse)
    with pytest.raises(ValueError, match="--look_closer=twice"):
        _config(root, look_closer="twice")


def test_what_the_first_look_saw_stays_where_no_pose_is_sure(root):
    def unsure(name, image, boxes, sides):
        return [
            dataclasses.replace(pose, score=np.full(4, 0.3))
            for pose in _look(name, image, boxes, sides)
        ]

    picture = np.full((96, 128, 3), 200, np.uint8)
    ((box, _),) = Search(_config(root), "body").of("a.jpg", picture, unsure)
    np.testing.assert_allclose(box, [16, 32, 32, 32], atol=1e-4)


def test_an_arm_of_a_person_is_nobody_else(root):
    seen = set()

    def arms(name, image, boxes, sides):
        """A network that sees all of a person once, and an arm of theirs ever after, less surely."""
        poses = []
        for pose in _look(name, image, boxes, sides):
            person = tuple(pose.keypoints_2d[0])
            if person in seen:
                points = 0.45 * pose.keypoints_2d + 0.55 * np.array(person)
                score = pose.score - 0.1
                pose = dataclasses.replace(pose, keypoints_2d=points, score=score)  # noqa: PLW2901
            seen.add(person) if pose.score[0] > 0.5 else None
            poses.append(pose)
        return poses

    picture = np.full((96, 128, 3), 200, np.uint8)
    found = Search(_config(root), "body").of("a.jpg", picture, arms)
    whole = Search(_config(root), "body").of("a.jpg", picture, _look)
    assert sorted(map(tuple, (box for box, _ in found))) == sorted(
        map(tuple, (box for box, _ in whole))
    )


def test_the_place_of_a_closer_look_comes_back_in_pixels(root):
    # 100 x 60 px in squares of 50: the box of 16 px at (8, 24) of 64 is one of 12.5 at (6.25, 18.75).
    found = ServedFinder(root / "find_people").find_closer(
        np.full((60, 100, 3), 200, np.uint8), 0.5
    )
    corners = sorted(tuple(one.box[:2]) for one in found)
    expected = [(x + 6.25, y + 18.75) for x in (0, 25, 50) for y in (0, 10)]
    np.testing.assert_allclose(corners, sorted(expected), atol=1e-6)
    assert all(one.box[2] == 12.5 for one in found)


@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (3, 1), (5, 7), (1, 300)])
def test_pictures_of_few_pixels_are_looked_at_closely_too(root, shape):
    for picture in (np.full((*shape, 3), 255, np.uint8), np.zeros((*shape, 3), np.uint8)):
        found = Search(_config(root, look_closer="always"), "body").of("a.jpg", picture, _look)
        assert all(np.isfinite(box).all() for box, _ in found)
