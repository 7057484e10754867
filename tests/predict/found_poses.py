"""Made-up poses for tests of what is written: every number told by its place."""

import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16


def body(picture="a.jpg", person=0, is_metric=True, **settings):
    """A body of rising numbers."""
    return _pose(picture, person, "body", "", MPII_16, is_metric, settings)


def hand(picture="a.jpg", person=0, side="left", is_metric=True, **settings):
    """A hand of rising numbers."""
    return _pose(picture, person, "hand", side, HAND_21_FREIHAND, is_metric, settings)


def _pose(picture, person, kind, side, skeleton, is_metric, settings):
    count = skeleton.num_joints
    rising = np.arange(count, dtype=np.float64)
    values = {
        "box": np.array([1.0, 2.0, 30.0, 40.0]),
        "keypoints_2d": np.stack([rising + 0.25, 100.5 - rising], axis=-1),
        "score": rising / count,
        "depth": rising / 100,
        "keypoints_3d": np.stack([rising, -rising, rising + 200], axis=-1) / 100,
        "is_root_relative": False,
        "is_valid": True,
    } | settings
    if not is_metric:
        values["keypoints_3d"] = None
    return FoundPose(picture, person, kind, side, skeleton, **values)
