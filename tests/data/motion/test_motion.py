"""MotionSet: what it accepts, how sets are cut and joined, how a clip is put on the floor."""

import dataclasses

import numpy as np
import pytest

from keras_pose.data.motion import MotionSet, concatenate, stand_on_floor


def _motion(num=4, clip=None, **fields):
    poses = np.zeros((num, 17, 3), np.float32)
    poses[:, :, 0] = np.arange(num)[:, None]
    clip = np.zeros(num, int) if clip is None else clip
    values = {"subject": np.full(num, 3), "source": "made up", "licence": "none", **fields}
    return MotionSet(poses_m=poses, clip=np.asarray(clip), **values)


def test_arrays_get_their_dtypes():
    motion = MotionSet(np.zeros((2, 17, 3), np.float64), [0, 1], [5, 5], "a", "b")
    assert motion.poses_m.dtype == np.float32
    assert motion.clip.dtype == motion.subject.dtype == np.int32
    assert len(motion) == 2


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"poses_m": np.zeros((4, 16, 3))}, r"made up: poses have shape \(4, 16, 3\)"),
        ({"poses_m": np.zeros((0, 17, 3))}, "made up: there is no pose"),
        ({"clip": np.zeros(3)}, r"made up: 'clip' has shape \(3,\) beside 4 poses"),
        ({"subject": np.zeros((4, 1))}, "made up: 'subject' has shape"),
    ],
)
def test_what_is_no_set_of_poses_is_refused(change, sentence):
    with pytest.raises(ValueError, match=sentence):
        dataclasses.replace(_motion(), **change)


def test_a_coordinate_that_is_not_finite_is_named():
    poses = np.zeros((5, 17, 3), np.float32)
    poses[3, 2, 1] = np.nan
    with pytest.raises(ValueError, match="made up: 1 poses, the first in row 3, are not finite"):
        MotionSet(poses, np.zeros(5), np.zeros(5), "made up", "none")


def test_select_keeps_rows_together_and_forgets_the_rate():
    motion = _motion(4, clip=[0, 0, 1, 1], frames_per_second=60.0)
    part = motion.select(slice(1, 4, 2))
    np.testing.assert_array_equal(part.poses_m[:, 0, 0], [1, 3])
    np.testing.assert_array_equal(part.clip, [0, 1])
    assert part.frames_per_second is None
    assert len(motion.select(np.array([True, False, False, True]))) == 2


def test_concatenate_keeps_clips_apart():
    joined = concatenate(
        [
            _motion(3, clip=[4, 4, 5], frames_per_second=50.0),
            _motion(2, clip=[4, 5], source="other", frames_per_second=50.0),
        ]
    )
    np.testing.assert_array_equal(joined.clip, [0, 0, 1, 2, 3])
    assert joined.source == "made up; other"
    assert joined.licence == "none"
    assert joined.frames_per_second == 50.0
    with pytest.raises(ValueError, match="at least one"):
        concatenate([])


def test_each_clip_stands_on_its_own_floor_despite_one_stray_frame():
    poses = np.full((400, 17, 3), -1.0, np.float32)  # y down: the body is above its feet
    poses[:, 3, 1] = 0.25  # feet of clip 7 a quarter metre below y = 0
    poses[200:, 3, 1] = -0.5  # feet of clip 2 half a metre above
    poses[10, 3, 1] = 9.0  # one frame of noise
    motion = MotionSet(poses, np.repeat([7, 2], 200), np.zeros(400), "made up", "none")
    level = stand_on_floor(motion).poses_m
    np.testing.assert_allclose(level[20:200, 3, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(level[200:, 3, 1], 0.0, atol=1e-6)
    np.testing.assert_allclose(level[20:200, 0, 1], -1.25, atol=1e-6)
    np.testing.assert_allclose(level[..., [0, 2]], -1.0)
    assert motion.poses_m[0, 3, 1] == 0.25
