"""The lift of 33 joints keeps pixels and bones, and finds a person that it is told of rightly."""

import numpy as np
import pytest

from keras_pose.skeletons import BODY_33_MEDIAPIPE
from keras_pose.weights.body_lift import BONE_NAMES, lift_body, sum_of_bones

_CAMERA = np.array([[800.0, 0, 320], [0, 820.0, 240], [0, 0, 1]], np.float32)


def _person(seed, distance):
    """A stick person of about 1.7 m with trembling joints, `[33, 3]` m before the camera."""
    places = {
        "shoulder": (0.18, -0.5), "elbow": (0.25, -0.2), "wrist": (0.3, 0.05), "hip": (0.12, 0.0),
        "knee": (0.14, 0.45), "ankle": (0.15, 0.85), "heel": (0.15, 0.9), "foot_index": (0.2, 0.92),
        "pinky": (0.32, 0.12), "index": (0.31, 0.14), "thumb": (0.28, 0.1), "ear": (0.07, -0.75),
    }  # fmt: skip
    points = []
    for joint in BODY_33_MEDIAPIPE.joints:
        side = -1.0 if joint.startswith("right_") else 1.0
        name = joint.removeprefix("left_").removeprefix("right_")
        x, y = places.get(name, (0.03, -0.76))
        points.append((side * x, y, 0.0))
    random = np.random.default_rng(seed)
    points = np.array(points) + random.normal(0.0, 0.08, (33, 3)) + [0.3, 0.1, distance]
    return points


def _pixels(points):
    homogeneous = points @ _CAMERA.T.astype(np.float64)
    return homogeneous[..., :2] / homogeneous[..., 2:]


def test_twelve_bones_are_summed():
    assert len(BONE_NAMES) == 12
    points = np.zeros((33, 3))
    points[BODY_33_MEDIAPIPE.index("left_wrist")] = [0.0, 3.0, 4.0]
    assert float(sum_of_bones(points)) == pytest.approx(5.0)


@pytest.mark.parametrize("distance", [2.5, 6.0])
def test_pixels_and_bones_stay_and_the_place_is_found(distance):
    true = np.stack([_person(seed, distance) for seed in range(8)])
    pixels = _pixels(true)
    scale = _CAMERA[0, 0] / true[..., 2].mean(axis=1)
    depth = (true[..., 2] - true[..., 2].mean(axis=1, keepdims=True)) * scale[:, None]
    length = np.asarray(sum_of_bones(true))
    found, valid = lift_body(
        pixels.astype(np.float32), depth.astype(np.float32), np.repeat(_CAMERA[None], 8, 0), length
    )
    found = np.asarray(found, np.float64)
    assert np.asarray(valid).all()
    np.testing.assert_allclose(_pixels(found), pixels, atol=2e-2)
    np.testing.assert_allclose(sum_of_bones(found), length, rtol=1e-5)
    # Perspective inside the person is what weak perspective leaves out; it falls with the distance.
    error = np.linalg.norm(found - true, axis=-1).mean()
    assert error < 0.05 * distance


def test_a_pose_without_extent_is_not_valid():
    pixels = np.full((1, 33, 2), 100.0, np.float32)
    found, valid = lift_body(
        pixels, np.zeros((1, 33), np.float32), _CAMERA[None], np.ones(1, np.float32)
    )
    assert not np.asarray(valid)[0] and not np.asarray(found).any()
