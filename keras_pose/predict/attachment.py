"""Hands on bodies: where a hand is looked for, how large it is, and how it is set on the wrist."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# The 14 bones of a body sum to 2.4 times the height: 4.07 m over about 1.70 m, Human3.6M's training
# subjects (the bone sum of Zhou et al. 2017's evaluation code).
BONE_SUM_PER_HEIGHT = 2.4
# Wrist to the tip of the middle finger over height: Drillis and Contini 1966 (body segment parameters).
# Not one bone sets the size: label sets place the knuckles up to 15 mm apart, wrists and tips hardly.
HAND_PER_HEIGHT = 0.108
HAND_CHAIN = ("wrist", "middle_mcp", "middle_pip", "middle_dip", "middle_tip")
# Middle of the hand beyond the wrist, and side of its box, over the length of the forearm, elbow to
# wrist. Drillis and Contini: a forearm is 0.146 of the height, so a stretched hand is 0.74 of it. The
# middle of an open hand is then 0.37 away; a curled one is nearer.
_BEYOND, _SIDE = 0.33, 0.95
# A forearm that points at the camera looks short; the upper arm and the trunk say how large things are.
# Both have 1.27 of a forearm (0.186 of the height) and 1.97 (0.288, hip to shoulder).
_UPPER_ARM, _TRUNK = 1.27, 1.97


@dataclass(frozen=True)
class AttachedHand:
    """A hand in the frame and the size of its body.

    Attributes:
        points: float64 `[J, 3]`, m; the wrist is the body's, the same numbers.
        scale: what the hand was multiplied by.
        wrist_gap_m: distance from the hand's own wrist, at its new size, to the body's, m, before it
            was moved; of use where both networks placed them before the same camera.
    """

    points: np.ndarray
    scale: float
    wrist_gap_m: float


def attach_hand(
    body_points: np.ndarray,
    hand_points: np.ndarray,
    body_wrist: int,
    hand_wrist: int,
    bones: Sequence[tuple[int, int]],
    bone_length_m: float,
) -> AttachedHand:
    """Set a hand on the wrist of its body: one translation, one scale, no rotation.

    Args:
        body_points: `[J, 3]`, m, axes of the camera, any origin.
        hand_points: `[K, 3]`, m, axes of the same camera.
        body_wrist: row of this hand's wrist in `body_points`.
        hand_wrist: row of the wrist in `hand_points`.
        bones: the hand's reference bones, pairs of rows of `hand_points`.
        bone_length_m: what these bones are to measure together, m.

    Returns:
        The hand in the body's frame.

    Raises:
        ValueError: if the hand has no size, or a number is not finite.
    """
    body = np.asarray(body_points, np.float64)
    hand = np.asarray(hand_points, np.float64)
    length = sum(float(np.linalg.norm(hand[end] - hand[start])) for start, end in bones)
    if not (np.isfinite(hand).all() and np.isfinite(body[body_wrist]).all() and length > 0):
        raise ValueError(
            "A hand to attach has no size, or numbers that are not finite; leave it out."
        )
    scale = bone_length_m / length
    points = body[body_wrist] + scale * (hand - hand[hand_wrist])
    points[hand_wrist] = body[body_wrist]
    # What a hand network places scales with the size that it is told, distance included.
    gap = float(np.linalg.norm(scale * hand[hand_wrist] - body[body_wrist]))
    return AttachedHand(points, float(scale), gap)


def hand_length(bone_sum_m: float) -> float:
    """Say how long a hand is on a body of known size: hands grow with bodies.

    Args:
        bone_sum_m: the body's 14 bones together, m.

    Returns:
        Length along `HAND_CHAIN`, m: `HAND_PER_HEIGHT` of the height that goes with the bones.
    """
    return HAND_PER_HEIGHT * bone_sum_m / BONE_SUM_PER_HEIGHT


def hand_box(
    wrist: np.ndarray, elbow: np.ndarray, shoulder: np.ndarray, hip: np.ndarray
) -> np.ndarray | None:
    """Say where the hand at the end of an arm is looked for.

    Args:
        wrist: `[2]`, px.
        elbow: `[2]`, px.
        shoulder: `[2]`, px, of the same arm.
        hip: `[2]`, px, of the same side.

    Returns:
        float64 `[4]`, a square x, y, side, side in px, beyond the wrist in the direction of the
        forearm; None where the arm has no length in the picture.
    """
    along = np.asarray(wrist, np.float64) - elbow
    forearm = float(np.hypot(*along))
    upper_arm = float(np.hypot(*(np.asarray(elbow, np.float64) - shoulder)))
    trunk = float(np.hypot(*(np.asarray(shoulder, np.float64) - hip)))
    length = max(forearm, upper_arm / _UPPER_ARM, trunk / _TRUNK)
    if not (np.isfinite(length) and length > 0):
        return None
    # A foreshortened forearm has a foreshortened hand: the shift is what is seen, the side is not.
    middle = np.asarray(wrist, np.float64) + _BEYOND * along
    side = _SIDE * length
    return np.array([*(middle - side / 2.0), side, side])
