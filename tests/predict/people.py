"""A generated person with both hands on the wrists, as a film; pictures of it are made up."""

import dataclasses

import numpy as np

from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.predict.attachment import HAND_CHAIN, attach_hand, hand_length
from keras_pose.predict.pose import FoundPose
from keras_pose.skeletons import HAND_21_FREIHAND, MPII_16

_ROWS = HAND_21_FREIHAND.indices(HAND_CHAIN)
CHAIN = list(zip(_ROWS[:-1], _ROWS[1:], strict=True))


def person(picture="0", number=0, index=0, shift=(0.0, 0.0, 0.0)):
    """A body and two attached hands before a camera, and the picture of the body."""
    made = generate_body(index, 1, size=256, style="test")
    points = made.keypoints_3d + shift
    found = [_found(picture, number, "body", "", MPII_16, points, made)]
    for side in ("left", "right"):
        hand = generate_hand(index, 2, size=32, side=side).keypoints_3d
        wrist = MPII_16.index(f"{side}_wrist")
        attached = attach_hand(points, hand, wrist, 0, CHAIN, hand_length(4.0))
        pose = _found(picture, number, "hand", side, HAND_21_FREIHAND, attached.points, made)
        found.append(dataclasses.replace(pose, is_attached=True, scale=attached.scale))
    return found, made.image


def _found(picture, number, kind, side, skeleton, points, made):
    rays = points @ made.intrinsics.T
    pixels = rays[:, :2] / rays[:, 2:]
    low, high = pixels.min(0), pixels.max(0)
    return FoundPose(
        picture=picture,
        person=number,
        kind=kind,
        side=side,
        skeleton=skeleton,
        box=np.array([*low, *(high - low)]),
        keypoints_2d=pixels,
        score=np.ones(len(points)),
        depth=points[:, 2] - points[skeleton.root, 2],
        keypoints_3d=points,
        is_root_relative=False,
        is_valid=True,
    )
