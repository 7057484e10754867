"""The flesh of a posed hand as cones with round ends and thick triangles between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_pose.data.hand_body import HandShape, PosedHands

FINGER, PALM, FOREARM = 0, 1, 2
_FOREARM_M = 0.24


@dataclass(frozen=True)
class HandSurface:
    """Primitives of one hand; metres, in the frame of the joints they were built from.

    Attributes:
        starts: float64 [C, 3], centre of the sphere at the start of each cone.
        ends: float64 [C, 3], centre of the sphere at its end.
        radii: float64 [C, 2], radii of the two spheres.
        corners: float64 [T, 3, 3], corners of triangles.
        thickness: float64 [T, 3], how far a triangle's surface lies off each corner, on both sides.
        back: float64 [C + T, 3], unit vector out of the back of the hand (nail side).
        region: int64 [C + T], FINGER, PALM or FOREARM.
        is_tip: bool [C + T], cones that carry a nail.
        digit: int64 [C + T], the finger of a cone, thumb 0; -1 for all that is no finger.
    """

    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray
    corners: np.ndarray
    thickness: np.ndarray
    back: np.ndarray
    region: np.ndarray
    is_tip: np.ndarray
    digit: np.ndarray

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> HandSurface:
        """Moves the hand.

        Args:
            rotation: float64 [3, 3]; points become R p + t.
            shift: float64 [3], metres.

        Returns:
            A new surface.
        """
        return HandSurface(
            self.starts @ rotation.T + shift,
            self.ends @ rotation.T + shift,
            self.radii,
            self.corners @ rotation.T + shift,
            self.thickness,
            self.back @ rotation.T,
            self.region,
            self.is_tip,
            self.digit,
        )


def hand_surface(shape: HandShape, hands: PosedHands, row: int = 0) -> HandSurface:
    """Builds the flesh around one pose: fingers, palm, balls of thumb and little finger, webs, arm.

    Args:
        shape: the person.
        hands: N poses.
        row: which of them.

    Returns:
        The surface, metres, hand frame.
    """
    unit = 1e-3 * shape.scale
    fingers = hands.joints[row, 1:].reshape(5, 4, 3)
    along, back, radii = hands.along[row], hands.back[row], shape.radii
    up = np.array([0.0, 0.0, 1.0])
    cones: list[tuple] = []  # start, end, radius, radius, back, region, is_tip, digit
    triangles: list[tuple] = []  # corners, thickness, back

    tips = fingers[:, 3] - along[:, 2] * radii[:, 3:]
    for digit in range(5):
        places = [*fingers[digit, :3], tips[digit]]
        for bone in range(3):
            region = PALM if digit == 0 and bone == 0 else FINGER
            start, end = radii[digit, bone], radii[digit, bone + 1]
            cones.append(
                (places[bone], places[bone + 1], start, end, back[digit, bone])
                + (region, bone == 2, digit)
            )
        if digit:
            # The pad below the first bone, and the pulp below the last.
            first = places[0] + 0.25 * (places[1] - places[0]) - back[digit, 0] * 0.0028
            last = places[0] + 0.8 * (places[1] - places[0]) - back[digit, 0] * 0.0018
            width = radii[digit, 1]
            cones.append((first, last, width, width * 0.95, back[digit, 0], FINGER, False, digit))

    # Roots of the metacarpals in the wrist.
    roots = np.array([[-13.0, 8, 1], [-4.5, 9, 3], [5.5, 8, 2], [14.0, 7, -1]]) * unit
    knuckles = fingers[1:, 0]
    flesh = shape.radii[1:, 0]
    root_flesh = np.array([13.5, 14.0, 14.0, 13.5]) * unit
    for number in range(4):
        cones.append(
            (roots[number], knuckles[number], root_flesh[number], flesh[number], up)
            + (PALM, False, -1)
        )
    # Balls of the thumb and of the little finger.
    saddle, thumb = fingers[0, 0], fingers[0, 1]
    palm_side = -back[0, 0]
    ball = saddle + 0.2 * (thumb - saddle) + np.array([4.0, 4, -4]) * unit
    cones.append((ball, thumb + palm_side * 1e-3, 14.5 * unit, radii[0, 1], back[0, 0]))
    cones[-1] += (PALM, False, -1)
    outer = np.array([17.0, 20, -9]) * unit
    cones.append((outer, 0.85 * knuckles[3] + np.array([0, 0, -4.0]) * unit))
    cones[-1] += (14.0 * unit, 10.5 * unit, up, PALM, False, -1)
    # The pad below the knuckles, across the palm.
    below = np.array([0, -6.0, -4.5]) * unit
    cones.append((knuckles[0] + below, knuckles[3] + below, 10 * unit, 9 * unit, up))
    cones[-1] += (PALM, False, -1)

    for number in range(3):
        pair = [number, number + 1]
        quad = [roots[number], roots[number + 1], knuckles[number + 1], knuckles[number]]
        thick = [*root_flesh[pair], *flesh[pair[::-1]]]
        _add_quad(triangles, quad, thick, up)
        web = [knuckles[number], knuckles[number + 1]]
        for digit in (number + 2, number + 1):
            web.append(fingers[digit, 0] + 0.36 * (fingers[digit, 1] - fingers[digit, 0]))
        thick = [*(flesh[pair] * 0.95), *(0.55 * flesh[pair[::-1]])]
        _add_quad(triangles, web, thick, back[number + 1, 0] + back[number + 2, 0])
    # The fold between thumb and index finger.
    thumb_web = saddle + 0.92 * (thumb - saddle)
    index_web = roots[0] + 0.86 * (knuckles[0] - roots[0])
    middle = 0.5 * (thumb_web + index_web) + 0.12 * (roots[0] - 0.5 * (thumb_web + index_web))
    side = up + back[0, 0]
    width = np.array([11.0, 13.0, 8.0, 5.0, 8.0]) * unit
    triangles.append((np.stack([roots[0], saddle, thumb_web]), width[[0, 1, 2]], side))
    triangles.append((np.stack([roots[0], thumb_web, middle]), width[[0, 2, 3]], side))
    triangles.append((np.stack([roots[0], middle, index_web]), width[[0, 3, 4]], side))

    # Forearm: two cones side by side make it wider than thick.
    elbow = hands.forearm[row]
    across = np.cross(elbow, up)
    across *= -1.0 / np.linalg.norm(across)
    upper = np.cross(across, -elbow)
    near, far = elbow * 0.012, elbow * _FOREARM_M
    sides = []
    for sign in (-1.0, 1.0):
        start, end = near + sign * across * 11 * unit, far + sign * across * 17 * unit
        cones.append((start, end, 15.5 * unit, 27 * unit, upper, FOREARM, False, -1))
        sides.append((start, end))
        wrist = roots[0] if sign < 0 else roots[3]
        cones.append((wrist, start, 13.5 * unit, 15.5 * unit, up, PALM, False, -1))
    (a, b), (c, d) = sides
    _add_quad(triangles, [a, c, d, b], [15.5 * unit] * 2 + [27 * unit] * 2, upper)
    forearm_triangles = 2
    _add_quad(triangles, [roots[0], roots[3], c, a], [13.5 * unit] * 2 + [15.5 * unit] * 2, up)

    num = len(triangles)
    region = np.full(num, PALM)
    region[num - 2 - forearm_triangles : num - 2] = FOREARM
    columns = list(zip(*cones, strict=True))
    back_of_triangles = np.array([one[2] for one in triangles])
    back_of_triangles /= np.linalg.norm(back_of_triangles, axis=-1, keepdims=True)
    return HandSurface(
        np.array(columns[0]),
        np.array(columns[1]),
        np.array(columns[2:4]).T,
        np.array([one[0] for one in triangles]),
        np.array([one[1] for one in triangles]),
        np.concatenate([np.array(columns[4]), back_of_triangles]),
        np.concatenate([np.array(columns[5]), region]),
        np.concatenate([np.array(columns[6]), np.zeros(num, bool)]),
        np.concatenate([np.array(columns[7]), np.full(num, -1)]),
    )


def _add_quad(triangles: list[tuple], corners: list, thickness: list, back: np.ndarray) -> None:
    corners, thickness = np.stack(corners), np.array(thickness)
    for three in ([0, 1, 2], [0, 2, 3]):
        triangles.append((corners[three], thickness[three], back))
