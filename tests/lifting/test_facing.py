"""`lift_camera`: a known camera is turned to the person, and the answer turned back."""

import numpy as np
import pytest
from keras import ops

from keras_pose.geometry import project_arrays
from keras_pose.lifting.facing import facing_rotation, hostile_cameras, lift_camera
from keras_pose.skeletons import H36M_17

CAMERA = np.array([[900.0, 0.0, 640.0], [0.0, 950.0, 360.0], [0.0, 0.0, 1.0]])


def _turn_y(degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


def _crooked(points, present):
    """A lifter that is wrong, but depends on what it sees: no place, only the pose's form and unit."""
    root = points[:, :1]
    plane = points - root
    depth = ops.sum(plane * ops.convert_to_tensor([0.3, -0.7]), axis=-1, keepdims=True)
    return {
        "points_2d": points,
        "points_3d": ops.concatenate([plane, depth], axis=-1),
        "scale": ops.max(ops.absolute(plane), axis=(-2, -1)),
        "gravity": ops.tile(ops.convert_to_tensor([[0.0, 0.8, 0.6]]), (points.shape[0], 1)),
    }


def _answer(lift, points, score=None, camera=CAMERA, elevation=0.0):
    score = np.ones(points.shape[:2]) if score is None else score
    cameras = np.repeat(camera[None], len(points), 0) if camera.ndim == 2 else camera
    given = [np.asarray(value, np.float32) for value in (points, score, cameras)]
    answer = lift_camera(lift, 0.2, elevation)(*map(ops.convert_to_tensor, given))
    return {name: np.array(value) for name, value in answer.items()}


def _person(distance=4.0, seed=5):
    joints = np.random.default_rng(seed).uniform(-0.5, 0.5, (H36M_17.num_joints, 3))
    joints[0] = 0.0
    return joints + [0.0, 0.0, distance]


def test_a_direction_comes_to_lie_at_the_asked_angle():
    root = np.array([[0.5, -0.2], [-1.0, 0.7], [0.0, 0.0]])
    rotation = np.array(facing_rotation(ops.convert_to_tensor(root), np.radians(4.0)))
    rays = np.concatenate([root, np.ones((3, 1))], axis=1)
    turned = np.einsum("bij,bj->bi", rotation, rays / np.linalg.norm(rays, axis=1, keepdims=True))
    expected = [0.0, -np.sin(np.radians(4.0)), np.cos(np.radians(4.0))]
    np.testing.assert_allclose(turned, [expected] * 3, atol=1e-6)
    np.testing.assert_allclose(rotation @ rotation.swapaxes(1, 2), [np.eye(3)] * 3, atol=1e-6)
    # Without roll: what is level to the camera stays level.
    np.testing.assert_allclose(rotation[:, 0, 1], 0.0, atol=1e-6)


@pytest.mark.parametrize("degrees", [-40.0, 25.0])
@pytest.mark.parametrize("elevation", [0.0, 4.0])
def test_a_turn_of_the_camera_turns_the_answer_and_changes_nothing_else(degrees, elevation):
    person, turn = _person(), _turn_y(degrees)
    points = np.stack([project_arrays(person, CAMERA), project_arrays(person @ turn.T, CAMERA)])
    answer = _answer(_crooked, points, elevation=elevation)
    for name in ("keypoints_3d", "direction", "gravity"):
        before, after = answer[name]
        np.testing.assert_allclose(after, before @ turn.T, atol=2e-5, err_msg=name)
    np.testing.assert_allclose(answer["filled_2d"], points, rtol=1e-5)


def test_a_lifter_that_knows_the_pose_gives_places_in_the_camera():
    place = _person() @ _turn_y(30.0).T + [0.4, -0.6, 0.2]
    distance = np.linalg.norm(place[0])
    direction = place[0] / distance
    rotation = np.array(
        facing_rotation(ops.convert_to_tensor(place[:1, :2] / place[:1, 2:]), np.radians(4.0))
    )[0]
    seen = (place - place[0]) @ rotation.T / (rotation @ place[0])[2]

    def knowing(points, present):
        return _crooked(points, present) | {
            "points_3d": ops.convert_to_tensor(seen[None].astype(np.float32))
        }

    answer = _answer(knowing, project_arrays(place, CAMERA)[None], elevation=4.0)
    np.testing.assert_allclose(answer["direction"][0], direction, atol=1e-6)
    found = distance * (answer["direction"][0] + answer["keypoints_3d"][0])
    np.testing.assert_allclose(found, place, atol=1e-5)


def test_a_missing_pelvis_stands_where_the_lifter_fills_it_in():
    points = project_arrays(_person() + [1.0, 0.0, 0.0], CAMERA)[None]
    score = np.ones((1, 17))
    score[0, 0] = 0.0
    root = points[:, 0].astype(np.float32)

    def filling(given, present):
        lifted = _crooked(given, present)
        first = ops.convert_to_tensor(root[:, None])
        return lifted | {"points_2d": ops.concatenate([first, given[:, 1:]], axis=1)}

    answer = _answer(filling, np.where(np.arange(17)[:, None] == 0, np.nan, points), score)
    known = _answer(_crooked, points)
    assert answer["valid"].tolist() == [1.0]
    np.testing.assert_allclose(answer["direction"], known["direction"], atol=1e-6)


def test_what_is_no_camera_or_no_pose_is_answered_zero_and_disturbs_nobody():
    hostile = hostile_cameras()
    alone = _answer(_crooked, project_arrays(_person(), CAMERA)[None])
    together = _answer(
        _crooked,
        np.concatenate([hostile["keypoints_2d"], project_arrays(_person(), CAMERA)[None]]),
        np.concatenate([hostile["score"], np.ones((1, 17))]),
        np.concatenate([hostile["K"], CAMERA[None]]),
    )
    assert alone["valid"].tolist() == [1.0]
    for name, value in together.items():
        assert not value[:-1].any(), name
        np.testing.assert_allclose(value[-1:], alone[name], rtol=1e-6, atol=1e-7, err_msg=name)


def test_a_joint_behind_the_turned_camera_is_not_lifted():
    points = project_arrays(_person() @ _turn_y(60.0).T, CAMERA)[None]
    points[0, 4] = [-40_000.0, 360.0]
    assert _answer(_crooked, points)["valid"].tolist() == [0.0]
