"""One found hand or body, and a body together with its hands as one skeleton."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from keras_pose.skeletons import Skeleton, build_skeleton


@dataclass(frozen=True)
class FoundPose:
    """One hand or one person of one picture or frame.

    Attributes:
        picture: name of the picture; of a video or camera, the frame's number as text.
        person: number of the person in it, from 0; a body and its hands share one.
        kind: "body" or "hand".
        side: "left" or "right" of a hand, empty of a body.
        skeleton: the joint order.
        box: float64 `[4]`, x, y, width, height in px: where it was looked for.
        keypoints_2d: float64 `[J, 2]`, px of the picture.
        score: float64 `[J]`, 0 to about 1.
        depth: float64 `[J]`, away from the camera relative to the root, the network's unit.
        keypoints_3d: float64 `[J, 3]`, m, axes of the camera (x right, y down, z forward); None where it
            is not known.
        is_root_relative: whether the root (of an attached hand: the body's root) is the origin, not
            the camera.
        is_valid: False where nothing could be found; all numbers are then 0.
        is_attached: whether this hand was moved onto the wrist of its body.
        wrist_gap_m: how far the hand's own wrist, as its network placed it before the camera, was
            from the body's, m; None where that is not known.
        scale: factor that attaching put on the hand; None where it was not attached.
        sigma_2d: float64 `[J]`, px: standard deviation of `keypoints_2d` along x and along y; None where
            the network does not say.
        sigma_depth: float64 `[J]`, standard deviation of `depth`; None likewise.
    """

    picture: str
    person: int
    kind: str
    side: str
    skeleton: Skeleton
    box: np.ndarray
    keypoints_2d: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    keypoints_3d: np.ndarray | None
    is_root_relative: bool
    is_valid: bool
    is_attached: bool = False
    wrist_gap_m: float | None = None
    scale: float | None = None
    sigma_2d: np.ndarray | None = None
    sigma_depth: np.ndarray | None = None


def with_hands(body: Skeleton, hands: Mapping[str, Skeleton]) -> Skeleton:
    """Join a body and hands into one joint order; a hand's wrist is the body's.

    Args:
        body: has `left_wrist` and `right_wrist`.
        hands: "left" or "right" to the hand's joint order.

    Returns:
        The joints of the body, then of each hand without its wrist, named `left_thumb_mcp` and so on.
    """
    tree: list[tuple[str, str | None]] = [
        (joint, None if parent < 0 else body.joints[parent])
        for joint, parent in zip(body.joints, body.parents, strict=True)
    ]
    name = body.name
    for side, hand in hands.items():
        name += f"+{side}_{hand.name}"
        for joint, parent in zip(hand.joints, hand.parents, strict=True):
            if parent >= 0:
                tree.append((f"{side}_{joint}", f"{side}_{hand.joints[parent]}"))
    return build_skeleton(name, tree)


def join_poses(poses: Iterable[FoundPose]) -> tuple[Skeleton, np.ndarray, np.ndarray | None]:
    """Join a body with the hands that are attached to it.

    Args:
        poses: a body first, or a single hand; then attached hands of that person.

    Returns:
        The joined joint order `[J]`; pixels `[J, 2]`; metres `[J, 3]`, or None
        where the first pose has none.
    """
    first, *hands = poses
    if not hands:
        return first.skeleton, first.keypoints_2d, first.keypoints_3d
    skeleton = with_hands(first.skeleton, {hand.side: hand.skeleton for hand in hands})
    planes, spaces = [first.keypoints_2d], [first.keypoints_3d]
    for hand in hands:
        rest = [joint for joint in range(hand.skeleton.num_joints) if joint != hand.skeleton.root]
        planes.append(hand.keypoints_2d[rest])
        spaces.append(None if hand.keypoints_3d is None else hand.keypoints_3d[rest])
    known = [space for space in spaces if space is not None]
    full = len(known) == len(spaces)
    return skeleton, np.concatenate(planes), np.concatenate(known) if full else None


def join_scores(poses: Iterable[FoundPose]) -> np.ndarray:
    """Join the scores of a body and its hands, `[J]`, in the order of `join_poses`."""
    first, *hands = poses
    rest = [np.delete(hand.score, hand.skeleton.root) for hand in hands]
    return np.concatenate([first.score, *rest])


def persons_of(poses: Iterable[FoundPose]) -> list[list[FoundPose]]:
    """Sort the poses of one picture into persons.

    Args:
        poses: of one picture.

    Returns:
        Per person a list: the body and the hands that are attached to it, in this order. A hand that
        is attached to nothing is a list of its own.
    """
    groups: list[list[FoundPose]] = []
    bodies: dict[int, list[FoundPose]] = {}
    for pose in poses:
        if pose.is_attached and pose.person in bodies:
            bodies[pose.person].append(pose)
            continue
        groups.append([pose])
        if pose.kind == "body":
            bodies[pose.person] = groups[-1]
    return groups
