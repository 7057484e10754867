"""What is random in a step: a function of seed and step, in its ranges, and what mirroring means."""

import dataclasses
import math

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.lifting.splits import LIFTED_JOINTS
from keras_pose.metrics import chirality
from keras_pose.skeletons import H36M_17
from keras_pose.tips.config import Config
from keras_pose.tips.draws import draw_views, mirror_depths, mirror_poses

CONFIG = Config(azimuth_range_deg=160.0, elevation_range_deg=10.0, label_exchange=0.1)
COUNT = 4000
# Five standard deviations of the mean of so many draws of a fair coin.
FIVE_SIGMA = 5 * 0.5 / math.sqrt(COUNT)


def _draw(step=3, count=COUNT, **changes):
    drawn = draw_views(dataclasses.replace(CONFIG, **changes), tf.constant(count), step)
    return {name: values.numpy() for name, values in drawn.items()}


def test_same_seed_and_step_draw_the_same_and_others_do_not():
    first, again = _draw(), _draw()
    for name in first:
        np.testing.assert_array_equal(first[name], again[name])
    for other in (_draw(step=4), _draw(seed=1)):
        assert np.mean(first["azimuth_rad"] == other["azimuth_rad"]) < 0.01
        assert 0.3 < np.mean(first["mirror"] == other["mirror"]) < 0.7


def test_a_graph_draws_what_eager_draws():
    graph = tf.function(lambda step: draw_views(CONFIG, tf.constant(COUNT), step))
    for name, values in graph(tf.constant(3)).items():
        np.testing.assert_array_equal(values, _draw()[name])


def test_shapes_ranges_and_frequencies():
    drawn = _draw()
    assert drawn["mirror"].shape == drawn["exchange"].shape == (COUNT,)
    assert drawn["azimuth_rad"].shape == drawn["elevation_rad"].shape == (2, COUNT)
    for name, largest_deg in (("azimuth_rad", 160.0), ("elevation_rad", 10.0)):
        values, largest = drawn[name], math.radians(largest_deg)
        assert np.abs(values).max() <= largest
        # Uniform: mean 0, and half of the draws in the inner half.
        assert abs(values.mean()) < 5 * largest / math.sqrt(3 * 2 * COUNT)
        assert abs(np.mean(np.abs(values) < largest / 2) - 0.5) < FIVE_SIGMA
    assert set(np.unique(drawn["mirror"])) == {0.0, 1.0}
    assert abs(drawn["mirror"].mean() - 0.5) < FIVE_SIGMA


def test_what_is_drawn_is_not_drawn_from_one_another():
    drawn = _draw()
    columns = [drawn["mirror"], *drawn["azimuth_rad"], *drawn["elevation_rad"]]
    correlation = np.corrcoef(columns) - np.eye(5)
    assert np.abs(correlation).max() < 5 / math.sqrt(COUNT)


def test_per_sample_draws_differ_and_per_batch_draws_do_not():
    drawn = _draw(view_draw="batch", mirror_draw="sample")
    for name in ("azimuth_rad", "elevation_rad"):
        assert np.ptp(drawn[name], axis=1).tolist() == [0.0, 0.0]
        assert drawn[name][0, 0] != drawn[name][1, 0]
    assert np.ptp(drawn["mirror"]) == 1.0
    drawn = _draw(view_draw="sample", mirror_draw="batch")
    assert np.ptp(drawn["mirror"]) == 0.0
    assert len(np.unique(drawn["azimuth_rad"])) > 0.99 * 2 * COUNT


def test_whole_batches_are_mirrored_half_of_the_time():
    mirrored = [_draw(step=step, count=2, mirror_draw="batch")["mirror"][0] for step in range(200)]
    assert abs(np.mean(mirrored) - 0.5) < 5 * 0.5 / math.sqrt(200)


def test_labels_change_places_for_whole_batches_as_often_as_told():
    exchanged = np.stack([_draw(step=step, count=3)["exchange"] for step in range(400)])
    assert np.ptp(exchanged, axis=1).max() == 0.0
    assert abs(exchanged.mean() - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 400)
    assert not np.any(
        [_draw(step=step, count=2, label_exchange=0.0)["exchange"] for step in range(9)]
    )


def _person():
    """Somebody who faces the camera: x right, y down, z away from the camera, pelvis at 0."""
    where = {
        "right_hip": (-0.1, 0.0, 0.0), "right_knee": (-0.1, 0.4, -0.05),
        "right_ankle": (-0.1, 0.8, 0.0), "left_hip": (0.1, 0.0, 0.0),
        "left_knee": (0.15, 0.4, -0.2), "left_ankle": (0.15, 0.8, 0.1),
        "spine": (0.0, -0.25, 0.0), "thorax": (0.0, -0.5, 0.0), "nose": (0.0, -0.6, -0.1),
        "head": (0.0, -0.7, 0.0), "left_shoulder": (0.2, -0.5, 0.0),
        "left_elbow": (0.4, -0.4, 0.0), "left_wrist": (0.6, -0.6, -0.3),
        "right_shoulder": (-0.2, -0.5, 0.0), "right_elbow": (-0.3, -0.2, 0.1),
        "right_wrist": (-0.3, 0.0, 0.0),
    }  # fmt: skip
    return np.array([[where[name] for name in LIFTED_JOINTS]], np.float32)


def _whole(points_3d):
    assert H36M_17.root == 0
    return np.pad(np.asarray(points_3d), [(0, 0), (1, 0), (0, 0)])


def _mirrored(person, mode):
    once = np.ones(len(person), np.float32)
    points_2d = mirror_poses(person[..., :2], once, mode)
    depth = mirror_depths(person[..., 2], once, mode)
    return np.concatenate([points_2d, np.array(depth)[..., None]], axis=-1)


def test_the_mirror_image_of_a_person_is_a_person():
    person = _person()
    assert bool(np.array(chirality(_whole(person)))[0])
    # Left and right exchanged, the nose is still in front of a body that faces the camera.
    assert bool(np.array(chirality(_whole(_mirrored(person, "swap"))))[0])
    # With the author's names kept, the same picture is a body turned inside out.
    assert not bool(np.array(chirality(_whole(_mirrored(person, "raw"))))[0])


def test_mirroring_by_hand():
    person = _person()
    left, right = LIFTED_JOINTS.index("left_wrist"), LIFTED_JOINTS.index("right_wrist")
    swapped, raw = _mirrored(person, "swap"), _mirrored(person, "raw")
    # The left hand waves at x 0.6; in the mirror a right hand waves at x -0.6, as deep as before.
    np.testing.assert_allclose(swapped[0, right], [-0.6, -0.6, -0.3])
    np.testing.assert_allclose(swapped[0, left], [0.3, 0.0, 0.0])
    np.testing.assert_allclose(raw[0, left], [-0.6, -0.6, -0.3])
    np.testing.assert_array_equal(_mirrored(person, "none"), person)


@pytest.mark.parametrize("mode", ["swap", "raw", "none"])
def test_mirroring_twice_is_nothing(mode):
    poses = np.random.default_rng(0).normal(size=(5, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(_mirrored(_mirrored(poses, mode), mode), poses)


@pytest.mark.parametrize("mode", ["swap", "raw"])
def test_only_drawn_poses_are_mirrored(mode):
    poses = np.random.default_rng(1).normal(size=(3, 16, 2)).astype(np.float32)
    chosen = np.array([0.0, 1.0, 0.0], np.float32)
    got = np.array(mirror_poses(poses, chosen, mode))
    np.testing.assert_array_equal(got[[0, 2]], poses[[0, 2]])
    assert not np.array_equal(got[1], poses[1])
    depth = poses[..., 0]
    got = np.array(mirror_depths(depth, chosen, mode))
    np.testing.assert_array_equal(got[[0, 2]], depth[[0, 2]])
    assert np.array_equal(got[1], depth[1]) == (mode == "raw")
