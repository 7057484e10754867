"""The flesh of a posed hand as cones with round ends and thick triangles between them."""

import dataclasses
from typing import Self

import numpy as np

from keras_pose.data.generated.hand_body import HandShape, PosedHands
from keras_pose.data.generated.surface import Surface

FINGER, PALM, FOREARM = 0, 1, 2
_FOREARM_M = 0.26
_UP = np.array([0.0, 0.0, 1.0])
# Roots of the four metacarpals in the wrist, and the flesh around them; mm, hand frame.
_ROOTS_MM = np.array([[-13.0, 8, 1], [-4.5, 9, 3], [5.5, 8, 2], [14.0, 7, -1]])
_ROOT_FLESH_MM = np.array([13.5, 14.0, 14.0, 13.5])
# How far up the first bone the web between two fingers reaches.
_WEB = 0.36


@dataclasses.dataclass(frozen=True)
class HandSurface(Surface):
    """Primitives of one hand; metres, in the frame of the joints they were built from.

    Attributes:
        back: float64 [C + T, 3], unit vector out of the back of the hand (nail side).
        region: int64 [C + T], FINGER, PALM or FOREARM.
        is_tip: bool [C + T], cones that carry a nail.
        is_root: bool [C + T], parts of the first bones of fingers.
        has_lines: bool [C + T], bones of fingers with lines of skin across their joints.
    """

    back: np.ndarray
    region: np.ndarray
    is_tip: np.ndarray
    is_root: np.ndarray
    has_lines: np.ndarray

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> Self:
        """Move the hand.

        Args:
            rotation: float64 `[3, 3]`; points become R p + t.
            shift: float64 `[3]`, metres.

        Returns:
            A new surface.
        """
        return dataclasses.replace(super().moved(rotation, shift), back=self.back @ rotation.T)


def hand_surface(shape: HandShape, hands: PosedHands, row: int = 0) -> HandSurface:
    """Build the flesh around one pose: fingers, palm, balls of thumb and little finger, webs, arm.

    Args:
        shape: the person.
        hands: N poses.
        row: which of them.

    Returns:
        The surface, metres, hand frame.
    """
    parts = _Parts()
    unit = 1e-3 * shape.scale
    fingers = hands.joints[row, 1:].reshape(5, 4, 3)
    along, back = hands.along[row], hands.back[row]
    _add_fingers(parts, shape, fingers, along, back)
    _add_palm(parts, shape, fingers, back, unit)
    _add_arm(parts, hands.forearm[row], unit)
    return parts.surface()


class _Parts:
    """Collects cones and triangles."""

    def __init__(self) -> None:
        self.cones: list[tuple] = []
        self.triangles: list[tuple] = []

    def cone(
        self,
        start: np.ndarray,
        end: np.ndarray,
        radii: tuple[float, float],
        back: np.ndarray,
        region: int = PALM,
        is_tip: bool = False,
        is_root: bool = False,
        has_lines: bool = False,
    ) -> None:
        self.cones.append((start, end, radii, back, (region, is_tip, is_root, has_lines)))

    def fan(self, corners: list, thickness: np.ndarray, back: np.ndarray) -> None:
        """Add the triangles of a polygon around its first corner."""
        for second in range(1, len(corners) - 1):
            three = [0, second, second + 1]
            self.triangles.append(
                ([corners[i] for i in three], [thickness[i] for i in three], back)
            )

    def surface(self) -> HandSurface:
        starts, ends, radii, back, kinds = zip(*self.cones, strict=True)
        corners, thickness, flat_back = zip(*self.triangles, strict=True)
        words = np.zeros((len(starts) + len(corners), 4), np.int64)
        words[: len(starts)], words[len(starts) :, 0] = kinds, PALM
        outward = np.array([*back, *flat_back])
        outward /= np.sqrt((outward * outward).sum(-1, keepdims=True))
        return HandSurface(
            starts=np.array(starts),
            ends=np.array(ends),
            radii=np.array(radii),
            corners=np.array(corners),
            thickness=np.array(thickness),
            back=outward,
            region=words[:, 0],
            is_tip=words[:, 1] > 0,
            is_root=words[:, 2] > 0,
            has_lines=words[:, 3] > 0,
        )


def _add_fingers(
    parts: _Parts, shape: HandShape, fingers: np.ndarray, along: np.ndarray, back: np.ndarray
) -> None:
    """Add three bones of each finger and the pads below the first ones."""
    radii = shape.radii
    tips = fingers[:, 3] - along[:, 2] * radii[:, 3:]
    for digit in range(5):
        places = [*fingers[digit, :3], tips[digit]]
        for bone in range(3):
            in_palm = digit == 0 and bone == 0
            parts.cone(
                places[bone],
                places[bone + 1],
                (radii[digit, bone], radii[digit, bone + 1]),
                back[digit, bone],
                PALM if in_palm else FINGER,
                is_tip=bone == 2,
                is_root=bone == 0,
                has_lines=not in_palm,
            )
        if digit:
            bone, below = places[1] - places[0], back[digit, 0] * 1e-3
            width = radii[digit, 1]
            first = places[0] + 0.25 * bone - 2.6 * below
            last = places[0] + 0.80 * bone - 1.6 * below
            parts.cone(first, last, (width, width * 0.95), back[digit, 0], FINGER, is_root=True)


def _add_palm(
    parts: _Parts, shape: HandShape, fingers: np.ndarray, back: np.ndarray, unit: float
) -> None:
    """Add metacarpals, the balls of the hand, and the skin between all these."""
    roots, flesh = _ROOTS_MM * unit, _ROOT_FLESH_MM * unit
    knuckles, knuckle_flesh = fingers[1:, 0], shape.radii[1:, 0]
    for root, knuckle, wide, narrow in zip(roots, knuckles, flesh, knuckle_flesh, strict=True):
        parts.cone(root, knuckle, (wide, narrow), _UP)
    # Balls of the thumb and of the little finger, and the pad across the palm below the knuckles.
    saddle, thumb = fingers[0, 0], fingers[0, 1]
    ball = saddle + 0.2 * (thumb - saddle) + np.array([4.0, 4, -4]) * unit
    end = thumb - back[0, 0] * unit
    parts.cone(ball, end, (14.5 * unit, shape.radii[0, 1]), back[0, 0])
    outer, end = np.array([17.0, 20, -9]) * unit, 0.85 * knuckles[3] + (0, 0, -4 * unit)
    parts.cone(outer, end, (14 * unit, 10.5 * unit), _UP)
    below = np.array([0, -6.0, -4.5]) * unit
    parts.cone(knuckles[0] + below, knuckles[3] + below, (10 * unit, 9 * unit), _UP)
    for first in range(3):
        second = first + 1
        corners = [roots[first], roots[second], knuckles[second], knuckles[first]]
        thick = [flesh[first], flesh[second], knuckle_flesh[second], knuckle_flesh[first]]
        parts.fan(corners, np.array(thick), _UP)
        up_first, up_second = (
            fingers[digit, 0] + _WEB * (fingers[digit, 1] - fingers[digit, 0])
            for digit in (first + 1, second + 1)
        )
        corners = [knuckles[first], knuckles[second], up_second, up_first]
        thick = [0.95 * thick[3], 0.95 * thick[2], 0.55 * thick[2], 0.55 * thick[3]]
        parts.fan(corners, np.array(thick), back[first + 1, 0] + back[second + 1, 0])
    # The fold between thumb and index finger hangs in a bow.
    on_thumb = saddle + 0.92 * (thumb - saddle)
    on_index = roots[0] + 0.86 * (knuckles[0] - roots[0])
    between = 0.5 * (on_thumb + on_index)
    between += 0.12 * (roots[0] - between)
    corners = [roots[0], saddle, on_thumb, between, on_index]
    parts.fan(corners, np.array([11.0, 13.0, 8.0, 5.0, 8.0]) * unit, _UP + back[0, 0])


def _add_arm(parts: _Parts, forearm: np.ndarray, unit: float) -> None:
    """Add the forearm: three cones side by side, which make it wider than thick."""
    across = np.cross(_UP, forearm)
    across /= np.linalg.norm(across)
    upper = np.cross(forearm, across)
    near, far = forearm * 0.012, forearm * _FOREARM_M
    roots, flesh = _ROOTS_MM * unit, _ROOT_FLESH_MM * unit
    thin, thick = 15.5 * unit, 25.0 * unit
    sides = []
    for sign, root in ((-1.0, 0), (0.0, None), (1.0, 3)):
        start, end = near + sign * across * 11 * unit, far + sign * across * 15 * unit
        parts.cone(start, end, (thin, thick * (1.12 if root is None else 1.0)), upper, FOREARM)
        if root is not None:
            sides.append(start)
            parts.cone(roots[root], start, (flesh[root], thin), _UP)
    first, second = sides
    parts.fan([roots[0], roots[3], second, first], np.array([flesh[0], flesh[3], thin, thin]), _UP)
