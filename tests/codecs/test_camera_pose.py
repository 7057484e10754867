"""Size and place of bodies: labels of known people come back, and rows answer for themselves."""

import numpy as np
import pytest

from keras_pose.codecs import SUMMED_BONES, weak_perspective
from keras_pose.codecs.camera_pose import camera_pose
from keras_pose.data.generated.bodies import generate_body
from keras_pose.skeletons import MPII_16

THORAX, PELVIS, NECK = MPII_16.indices(("thorax", "pelvis", "upper_neck"))
OTHERS = [row for row in range(16) if row != THORAX]


def person(number, is_straight=True):
    """Camera points float64 [16, 3] m and a camera; row 7 is the spine."""
    body = generate_body(number, 7, size=64)
    points = np.array(body.keypoints_3d, np.float64)
    if is_straight:
        points[THORAX] = 0.5 * (points[PELVIS] + points[NECK])
    return points, np.array(body.intrinsics, np.float64)


def labels(points, camera):
    seen = points @ camera.T
    places, depth, _ = weak_perspective(seen[:, :2] / seen[:, 2:], points)
    return np.asarray(places), np.asarray(depth)


def bone_sum(points):
    return sum(np.linalg.norm(points[a] - points[b]) for a, b in SUMMED_BONES)


def placed(points, camera, dtype=np.float64, length=None):
    places, depth = labels(points, camera)
    length = bone_sum(points) if length is None else length
    given = (np.array([value], dtype) for value in (places, depth, camera, length))
    found, valid = camera_pose(*given)
    assert bool(np.asarray(valid)[0])
    return np.asarray(found, np.float64)[0]


@pytest.mark.parametrize("number", range(4))
def test_a_known_person_stands_where_he_stood(number):
    points, camera = person(number)
    np.testing.assert_allclose(placed(points, camera)[OTHERS], points[OTHERS], atol=1e-9)
    single = placed(points, camera, np.float32)
    assert np.linalg.norm((single - points)[OTHERS], axis=1).max() < 1e-4


def test_a_bent_spine_costs_millimetres():
    errors = []
    for number in range(8):
        points, camera = person(number, is_straight=False)
        errors.append(np.linalg.norm((placed(points, camera) - points)[OTHERS], axis=1).max())
    assert max(errors) < 0.01


def test_nearness_is_perspective_not_size():
    # Two metres before the lens, where weak perspective alone errs by decimetres.
    points, camera = person(0)
    near = points - points[PELVIS] + [0.2, -0.1, 2.0]
    near[THORAX] = 0.5 * (near[PELVIS] + near[NECK])
    np.testing.assert_allclose(placed(near, camera)[OTHERS], near[OTHERS], atol=1e-6)


def test_twice_the_size_is_twice_as_far():
    points, camera = person(1)
    twice = placed(points, camera, length=2.0 * bone_sum(points))
    np.testing.assert_allclose(twice[OTHERS], 2.0 * points[OTHERS], atol=1e-8)


def test_a_thorax_is_where_it_was_labelled():
    points, camera = person(2)
    shoulders = points[list(MPII_16.indices(("left_shoulder", "right_shoulder")))].mean(0)
    np.testing.assert_allclose(placed(points, camera)[THORAX], shoulders, atol=1e-9)


def test_a_pose_without_extent_costs_its_own_row_alone():
    points, camera = person(3)
    places, depth = labels(points, camera)
    rows = np.stack([places, np.full_like(places, 9.0), places])
    depths = np.stack([depth, np.zeros_like(depth), depth])
    found, valid = camera_pose(rows, depths, np.stack([camera] * 3), np.full(3, bone_sum(points)))
    np.testing.assert_array_equal(valid, [True, False, True])
    assert not np.asarray(found)[1].any() and np.isfinite(found).all()
    np.testing.assert_allclose(
        np.asarray(found)[[0, 2]][:, OTHERS], [points[OTHERS]] * 2, atol=1e-9
    )
