"""Where somebody is looked for next, and how progress is told."""

import io

import cv2
import numpy as np

from keras_pose.data.pictures.videos import VideoReader
from keras_pose.predict.overlay import draw_beside, draw_on_picture
from keras_pose.predict.regions import shows_something
from keras_pose.predict.tracking import BoxTracker
from keras_pose.train.progress import ProgressBar, progress_line
from tests.predict.found_poses import body, hand

SCORES = np.repeat([0.9, 0.05], 8)


def test_a_box_follows_the_sure_joints():
    points = np.full((16, 2), 9999.0)
    points[:8] = [[40.0, 50.0], [60.0, 100.0]] * 4
    tracker = BoxTracker(np.array([0.0, 0.0, 100.0, 100.0]), 0.2)
    assert tracker.update(body(keypoints_2d=points, score=SCORES), (200, 200))
    # Longer side 50, times 1.12, about (50, 75).
    np.testing.assert_allclose(tracker.box, [22.0, 47.0, 56.0, 56.0])
    points[:8] += 20.0
    assert tracker.update(body(keypoints_2d=points, score=SCORES), (200, 200))
    # Half of the way.
    np.testing.assert_allclose(tracker.box, [32.0, 57.0, 56.0, 56.0])
    assert not tracker.update(body(keypoints_2d=points, score=np.full(16, 0.1)), (200, 200))
    np.testing.assert_allclose(tracker.box, [0.0, 0.0, 100.0, 100.0])
    assert tracker.is_lost


def test_who_is_not_there_is_lost():
    tracker = BoxTracker(np.array([0.0, 0.0, 100.0, 100.0]), 0.2)
    assert not tracker.update(hand(is_valid=False, score=np.ones(21)), (200, 200))
    outside = hand(keypoints_2d=np.arange(42.0).reshape(21, 2) + 500, score=np.ones(21))
    assert not tracker.update(outside, (200, 200))


def test_boxes_that_show_nothing():
    for box in ([np.nan, 0, 9, 9], [5, 5, 0, 5], [50, 0, 9, 9], [0, -20, 9, 9], [0, 0, np.inf, 9]):
        assert not shows_something(box, (40, 50, 3))
    # A network answers no box of less than a pixel.
    assert not shows_something([5, 5, 0.9, 9], (40, 50, 3))
    assert shows_something([5, 5, 1, 1], (40, 50, 3))
    assert shows_something([-5, -5, 6, 6], (40, 50, 3))


def test_the_overlay_draws_joints_where_they_are():
    points = np.stack([np.linspace(20, 80, 16), np.full(16, 30.0)], axis=-1)
    pose = body(keypoints_2d=points, score=np.ones(16), box=np.array([5.0, 5.0, 90.0, 50.0]))
    drawing = draw_on_picture(np.full((60, 100, 3), 128, np.uint8), [pose])
    # Six times the pixels.
    assert drawing.shape == (360, 600, 3)
    changed = (drawing != 128).any(axis=-1)
    rows, columns = np.nonzero(changed[40:320, 40:560])
    # Within the box's frame everything lies on the line of joints.
    assert abs(rows.mean() + 40 - 180) < 4
    assert columns.min() + 40 < 20 * 6 < columns.min() + 62
    assert changed[30, 300] and not changed[80, 300]


def test_views_have_room_whoever_is_lost():
    image = np.full((60, 100, 3), 128, np.uint8)
    drawing = draw_on_picture(image, [])
    alone = draw_beside(drawing, [body()])
    lost = body(is_valid=False, is_metric=False)
    for poses in ([lost], [body(), hand(is_attached=True)], [body(), hand()]):
        assert draw_beside(drawing, poses).shape == alone.shape
    assert alone.shape[1] > 600 + 2 * 350
    assert draw_beside(drawing, [hand(), hand(person=1)]).shape[0] > 700


def test_3d_shows_the_joints_that_the_picture_shows_and_a_floor_for_those_who_stand():
    drawing = draw_on_picture(np.full((60, 100, 3), 128, np.uint8), [])

    def views(score, **changes):
        one = body(score=score, **changes)
        return draw_beside(drawing, [one], min_score=0.5)[:, drawing.shape[1] :]

    joints = body().skeleton.joints
    arms = np.array([joint.endswith(("shoulder", "elbow", "wrist")) for joint in joints])
    score = np.where(arms, 0.9, 0.1)
    seen = views(score)
    # Whatever the others are, nothing of them is drawn.
    moved = body().keypoints_3d + np.where(arms, 0.0, 3.0)[:, None]
    np.testing.assert_array_equal(views(score, keypoints_3d=moved), seen)
    assert (views(np.full(len(joints), 0.9)) != seen).any()
    ankles = np.array([joint.endswith("ankle") for joint in joints])
    assert _grey(views(np.where(arms | ankles, 0.9, 0.1))) > 10 * _grey(seen)


def _grey(picture):
    """Number of pixels in the grey of floor and shadow, which no limb has."""
    levels = picture.astype(int)
    return int(((np.ptp(levels, axis=-1) < 12) & (np.abs(levels.mean(-1) - 225) < 8)).sum())


def test_a_video_that_says_nothing_of_itself():
    class Capture:
        def __init__(self, source):
            self.left = 5

        def isOpened(self):  # noqa: N802 - OpenCV's word
            return True

        def get(self, which):
            return {cv2.CAP_PROP_FPS: 0.0, cv2.CAP_PROP_FRAME_COUNT: -9e18}.get(which, 0.0)

        def read(self):
            self.left -= 1
            return self.left >= 0, np.zeros((4, 6, 3), np.uint8)

        def release(self):
            pass

    for most, expected in ((0, 5), (3, 3), (9, 5)):
        with VideoReader("a.mp4", most, Capture) as video:
            assert video.frames_per_second == 25.0 and video.num_frames == most
            assert len(list(video)) == expected


def test_progress_is_told():
    half = progress_line("frames", 120, 240, 12.0)
    assert half == f"[{'#' * 15}{'-' * 15}] 120 of 240 frames, 12 s, 12 s to go"
    assert progress_line("frames", 7, 0, 3.0) == "7 frames, 3 s"
    stream = io.StringIO()
    bar = ProgressBar("frames", 10, stream)
    bar.show(1)
    bar.close()
    assert stream.getvalue() == ""
