"""Natural poses of the hand: fist, open, pointing, counting, pinch and everything in between.

Each pose is drawn around its kind with the couplings of a real hand (the last joint follows the
middle one, neighbouring fingers move together), put inside the joint limits, and chosen among
candidates so that no finger runs through another or through the palm.
"""

import numpy as np

from keras_pose.data.generated.hand_body import (
    ANGLES,
    FINGERS,
    HandShape,
    PosedHands,
    angle_columns,
    clip_angles,
    pose_hands,
)

# Fingers that are stretched; the others are bent into the palm.
_STRETCHED: dict[str, tuple[str, ...]] = {
    "fist": (),
    "thumb_up": ("thumb",),
    "pointing": ("index",),
    "two": ("index", "middle"),
    "gun": ("thumb", "index"),
    "three": ("thumb", "index", "middle"),
    "three_fingers": ("index", "middle", "ring"),
    "four": ("index", "middle", "ring", "pinky"),
    "horns": ("index", "pinky"),
    "shaka": ("thumb", "pinky"),
    "open": FINGERS,
}
POSES = (*_STRETCHED, "relaxed", "pinch", "ring_sign", "grasp", "random")
# Half of all hands are not one of the named signs.
_SHARES = np.array([*[0.5 / len(_STRETCHED)] * len(_STRETCHED), 0.1, 0.09, 0.04, 0.09, 0.18])

_CANDIDATES = 10
_ROUNDS = 4
# Skin yields: this much of overlap of two fingers is contact, not a crossing.
_CONTACT_M = 0.0015
_THUMB = angle_columns(
    "thumb_cmc_flexion",
    "thumb_cmc_abduction",
    "thumb_cmc_twist",
    "thumb_mcp_flexion",
    "thumb_ip_flexion",
)
_MCP, _SPREAD = angle_columns("_mcp_flexion")[1:], angle_columns("_mcp_abduction")
_PIP, _DIP = angle_columns("_pip_flexion"), angle_columns("_dip_flexion")
_WRIST = angle_columns("wrist_flexion", "wrist_deviation")


def random_pose(
    rng: np.random.Generator, shape: HandShape, pose: str | None = None
) -> tuple[np.ndarray, str]:
    """Draw a natural pose.

    Args:
        rng: source of the draws.
        shape: the person.
        pose: one of `POSES`; None draws one.

    Returns:
        Angles float64 `[A]` in degrees in the order of `ANGLES`, within the limits, and the kind.

    Raises:
        ValueError: if there is no such pose.
    """
    if pose is None:
        pose = POSES[rng.choice(len(POSES), p=_SHARES)]
    if pose not in POSES:
        raise ValueError(f"{pose!r} is not a pose; use one of {', '.join(POSES)}.")
    angles = clip_angles(_candidates(rng, pose))
    costs = _cost(pose_hands(shape, angles), shape, pose)
    chosen = int(np.argmax(costs <= 0)) if (costs <= 0).any() else int(np.argmin(costs))
    best, lowest = angles[chosen], costs[chosen]
    for width in np.geomspace(9.0, 2.0, _ROUNDS):
        if lowest <= 0:
            break
        near = best + rng.normal(0.0, width, angles.shape) * _loose(pose)
        near = clip_angles(near)
        costs = _cost(pose_hands(shape, near), shape, pose)
        if costs.min() < lowest:
            best, lowest = near[np.argmin(costs)], costs.min()
    return best, pose


def _candidates(rng: np.random.Generator, pose: str) -> np.ndarray:
    """Draw poses of a kind, `[N, A]` in degrees, before limits."""
    num = _CANDIDATES
    angles = np.zeros((num, len(ANGLES)))
    angles[:, _WRIST] = rng.normal(0.0, 1.0, 2) * (22.0, 9.0)
    # What a person does with a whole hand, and what single fingers do besides.
    together, single = rng.normal(0.0, 1.0), rng.normal(0.0, 1.0, (num, 4))
    spread = rng.uniform(-0.5, 1.0) * np.array([9.0, 1.0, 7.0, 12.0]) + rng.normal(0, 2.5, (num, 4))
    angles[:, _SPREAD] = spread
    if pose in _STRETCHED:
        stretched = np.array([finger in _STRETCHED[pose] for finger in FINGERS])
        _set_fingers(rng, angles, stretched[1:], together, single)
        mean, deviation = _thumb_of(pose, bool(stretched[0]))
    elif pose == "relaxed":
        level = np.clip(30 + 14 * together + 5 * single + (0, 4, 8, 12), 0, 90)
        angles[:, _MCP], angles[:, _PIP] = level, level * 1.15 + 4 * rng.normal(size=(num, 4))
        mean, deviation = (5, 5, 10, 15, 15), 8.0
    elif pose in ("pinch", "ring_sign"):
        others = rng.uniform(0, 60) + 8 * single + (0, 0, 5, 10)
        angles[:, _MCP] = others * (0.9 if pose == "pinch" else 0.4)
        angles[:, _PIP] = others * (1.0 if pose == "pinch" else 0.5)
        angles[:, _MCP[0]] = rng.normal(46, 9, num)
        angles[:, _PIP[0]] = rng.normal(48, 10, num)
        mean, deviation = (18, 12, 25, 18, 22), 7.0
    elif pose == "grasp":
        bend = rng.uniform(25, 60)
        angles[:, _MCP] = bend + 5 * single
        angles[:, _PIP] = bend * rng.uniform(0.7, 1.3) + 6 * rng.normal(size=(num, 4))
        mean, deviation = (10, 22, 25, 15, 20), 8.0
    else:
        # Neighbours of a random finger follow it half way.
        pull = rng.normal(0.0, 1.0, (2, num, 4))
        pull = 0.6 * pull + 0.4 * (pull.cumsum(-1) - pull) / 1.5
        angles[:, _MCP] = 30 + 32 * pull[0]
        angles[:, _PIP] = 42 + 36 * pull[1]
        angles[:, _SPREAD] += rng.normal(0.0, 4.0, (num, 4))
        mean, deviation = (5, 3, 12, 18, 20), 17.0
    angles[:, _DIP] = 0.62 * angles[:, _PIP] - 2 + rng.normal(0.0, 4.0, (num, 4))
    angles[:, _THUMB] = np.array(mean, float) + rng.normal(0.0, deviation, (num, 5))
    return angles


def _set_fingers(
    rng: np.random.Generator,
    angles: np.ndarray,
    stretched: np.ndarray,
    together: float,
    single: np.ndarray,
) -> None:
    """Stretch some of the four fingers and bend the others into the palm, in place."""
    straight = np.clip(3 + 6 * together + 4 * single, -20, 25)
    bent = np.clip(80 + 5 * together + 4 * single, 60, 90)
    angles[:, _MCP] = np.where(stretched, straight, bent)
    straight = np.clip(7 + 5 * together + 4 * rng.normal(size=single.shape), -4, 28)
    bent = np.clip(98 + 4 * together + 4 * rng.normal(size=single.shape), 80, 110)
    angles[:, _PIP] = np.where(stretched, straight, bent)
    angles[:, _SPREAD] *= np.where(stretched, 1.0, 0.3)


def _thumb_of(pose: str, is_stretched: bool) -> tuple[tuple[float, ...], float]:
    """Return means of the five thumb angles and their deviation, in degrees."""
    if pose == "open":
        return (-6, 2, 3, 2, 2), 8.0
    if is_stretched:
        return (-14, -2, 0, 0, -4), 6.0
    return (30, 6, 15, 34, 42), 10.0


def _loose(pose: str) -> np.ndarray:
    """Return which angles a search for contact or room may move, `[A]` of 0 to 1."""
    loose = np.full(len(ANGLES), 0.3)
    loose[_THUMB] = 1.0
    loose[_WRIST] = 0.0
    if pose in ("pinch", "ring_sign"):
        loose[[_MCP[0], _PIP[0], _DIP[0], _SPREAD[0]]] = 0.7
    return loose


def _cost(hands: PosedHands, shape: HandShape, pose: str) -> np.ndarray:
    """Return how unnatural poses are, `[N]`; 0 and below is good enough."""
    crossing = np.maximum(finger_overlaps(hands, shape) - _CONTACT_M, 0.0).sum(-1)
    fingers = hands.joints[:, 1:].reshape(-1, 5, 4, 3)
    if pose in ("pinch", "ring_sign"):
        # The pads meet: half way between the last joint and the tip, a radius off on the palm side.
        pad = fingers[:, :2, 3] - 0.45 * (fingers[:, :2, 3] - fingers[:, :2, 2])
        pad = pad - hands.back[:, :2, 2] * shape.radii[:2, 3:]
        gap = np.linalg.norm(pad[:, 0] - pad[:, 1], axis=-1)
        return crossing + np.maximum(gap - 0.004, 0.0)
    if pose in _STRETCHED and "thumb" not in _STRETCHED[pose]:
        # The thumb lies across the bent fingers next to it, or else across the palm.
        bent = [FINGERS.index(name) for name in FINGERS[1:4] if name not in _STRETCHED[pose]]
        if bent:
            first, last = bent[0], bent[min(1, len(bent) - 1)]
            middles = 0.5 * (fingers[:, :, 1] + fingers[:, :, 2])
            places = [(middles[:, first], 2), (middles[:, last], 3)]
            flesh = shape.radii[first, 1]
        else:
            places = [(0.36 * (fingers[:, 3, 0] + fingers[:, 2, 0]), 3)]
            flesh = 0.013 * shape.scale
        for place, joint in places:
            gap = np.linalg.norm(fingers[:, 0, joint] - place, axis=-1)
            crossing += 0.5 * np.maximum(gap - flesh - shape.radii[0, joint] - 0.006, 0.0)
    return crossing


def _sphere_plan() -> tuple[np.ndarray, ...]:
    """Plan spheres along the bones for the crossing test: finger, bone, share of the bone.

    Returns:
        The three of them, `[P]` each, and which pairs `[P, P]` must not overlap.
    """
    shares = [
        (finger, bone, share)
        for finger in range(5)
        for bone in range(3)
        for share in (0.1, 0.4, 0.7, 1.0)
        # The saddle joint of the thumb is in the palm, and webs join the roots of fingers.
        if bone > 0 or share > 0.5
    ]
    finger, bone, share = np.array(shares).T
    finger, bone = finger.astype(int), bone.astype(int)
    is_root = bone == 0
    pairs = (finger[:, None] < finger) & ~(is_root[:, None] & is_root)
    return finger, bone, share, pairs.astype(np.float32)


_FINGER, _BONE, _SHARE, _PAIRS = _sphere_plan()
_OUTER = np.flatnonzero(_BONE > 0)
# The tip joint is on the skin, its sphere a radius behind.
_IS_TIP = (_BONE == 2) & (_SHARE == 1.0)
_PALM_SHARES = (0.35, 0.6, 0.82)


def finger_overlaps(hands: PosedHands, shape: HandShape) -> np.ndarray:
    """Return overlaps of spheres `[N, P]` in metres: the deepest of each, 0 where nothing touches."""
    radii = shape.radii[_FINGER, _BONE] * (1 - _SHARE) + shape.radii[_FINGER, _BONE + 1] * _SHARE
    ahead = _SHARE * shape.lengths[_FINGER, _BONE] - np.where(_IS_TIP, radii, 0.0)
    starts = hands.joints[:, 1:].reshape(-1, 5, 4, 3)[:, _FINGER, _BONE]
    centres = (starts + ahead[:, None] * hands.along[:, _FINGER, _BONE]).astype(np.float32)
    radii = radii.astype(np.float32)
    palm = np.concatenate([shape.knuckles[1:] * share for share in _PALM_SHARES])
    palm = np.broadcast_to(palm.astype(np.float32), (len(centres), *palm.shape))
    flesh = np.full(palm.shape[1], 0.0105 * shape.scale, np.float32)
    deepest = (_touch(centres, centres, radii, radii) * _PAIRS).max(-1)
    in_palm = _touch(centres[:, _OUTER], palm, radii[_OUTER], flesh).max(-1)
    return np.concatenate([deepest, in_palm], axis=1)


def _touch(
    first: np.ndarray, second: np.ndarray, first_radii: np.ndarray, second_radii: np.ndarray
) -> np.ndarray:
    """Return overlaps `[N, P, Q]` of spheres `[N, P, 3]` and `[N, Q, 3]`, 0 where there is none."""
    squared = (-2.0 * first) @ second.swapaxes(1, 2)
    squared += (first**2).sum(-1)[:, :, None]
    squared += (second**2).sum(-1)[:, None]
    np.sqrt(np.maximum(squared, 0.0, out=squared), out=squared)
    overlap = np.subtract(first_radii[:, None] + second_radii, squared, out=squared)
    return np.maximum(overlap, 0.0, out=overlap)
