"""The flesh of a posed body as cones with round ends and thick triangles between them.

Only joints are known, so what turns about a bone is inferred: faces look where the nose points, toes
point where hips and knees do, thumbs where elbows bend.
"""

import numpy as np

from keras_pose.data.generated.body_parts import (
    ARM,
    FOOT,
    HAIR,
    HAND,
    HEAD,
    HIP,
    LEG,
    NECK,
    SIDES,
    SKIRT,
    TORSO,
    BodyParts,
    BodyShape,
    BodySurface,
    across,
    unit,
)

_DOWN = np.array([0.0, 1.0, 0.0])
# Sections of the trunk: place from pelvis (0) over spine (1) to thorax (2), half of the width, half
# of the depth; metres.
_SECTIONS = (
    (-0.22, 0.160, 0.100),
    (0.50, 0.146, 0.096),
    (1.05, 0.140, 0.092),
    (1.50, 0.160, 0.104),
    (1.84, 0.150, 0.084),
)


def body_surface(joints: np.ndarray, shape: BodyShape) -> BodySurface:
    """Build the flesh, hair and shoes around one pose.

    Args:
        joints: float `[17, 3]`, H36M_17, metres, y down, the floor at y = 0 or below the feet.
        shape: the person.

    Returns:
        The surface, metres, in the frame of the joints.
    """
    parts = BodyParts(np.asarray(joints, np.float64), shape)
    _add_trunk(parts)
    _add_head(parts)
    for side in SIDES:
        _add_leg(parts, side)
        _add_arm(parts, side)
    if shape.skirt:
        _add_skirt(parts)
    return parts.surface()


def _add_trunk(parts: BodyParts) -> None:
    """Add pelvis, belly, chest and shoulders: two cones side by side, filled between."""
    place, shape = parts.place, parts.shape
    joints = [place["pelvis"], place["spine"], place["thorax"]]
    size, girth = parts.scale, parts.scale * shape.girth
    lengths = [2.0 * float(np.linalg.norm(joints[i + 1] - joints[i])) for i in range(2)]
    lower = parts.frame(joints[0], parts.hip_axes, 0.0, lengths[0])
    upper = parts.frame(joints[1], parts.chest_axes, 0.5, lengths[1])
    sections = []
    for spot, width, depth in _SECTIONS:
        which = 0 if spot < 1 else 1
        centre = joints[which] + (spot - which) * (joints[which + 1] - joints[which])
        turn = np.clip(spot / 2, 0, 1)
        axes = (1 - turn) * parts.hip_axes + turn * parts.chest_axes
        right, front = unit(axes[1]), unit(axes[2])
        wider = (1 - turn) * shape.hips + turn * shape.chest
        thick = depth * girth
        out = max(width * size * wider * shape.girth - thick, 0.0)
        sections.append((centre, right * out, front, thick))
    for number, (low, high) in enumerate(zip(sections[:-1], sections[1:], strict=True)):
        frame, region = (lower, HIP if number == 0 else TORSO) if number < 2 else (upper, TORSO)
        corners, thickness = [], []
        for sign in (1.0, -1.0):
            start, end = low[0] + sign * low[1], high[0] + sign * high[1]
            parts.cone(start, end, low[3], high[3], region, frame)
            corners += [start, end] if sign > 0 else [end, start]
            thickness += [low[3], high[3]] if sign > 0 else [high[3], low[3]]
        parts.fan(corners, thickness, region, frame)
    top, chest = sections[-1], sections[-2]
    shoulders = {side: place[f"{side}_shoulder"] for side in SIDES}
    base = joints[2] + 0.005 * size * parts.chest_axes[0]
    for sign, side in ((1.0, "right"), (-1.0, "left")):
        shoulder = shoulders[side]
        parts.cone(top[0] + sign * top[1], shoulder, 0.88 * top[3], 0.054 * girth, TORSO, upper)
        parts.cone(chest[0] + sign * chest[1], shoulder, 0.8 * chest[3], 0.05 * girth, TORSO, upper)
        parts.cone(base, shoulder, 0.052 * girth, 0.044 * girth, TORSO, upper)
        if shape.bust:
            breast = chest[0] + sign * 1.1 * chest[1] + (chest[3] + shape.bust - 0.062) * chest[2]
            parts.cone(breast, breast, 0.062 * size, 0.062 * size, TORSO, upper)
        # Seat: the only thing that tells the back of the hips.
        seat = place[f"{side}_hip"] - 0.035 * size * parts.hip_axes[2]
        seat = seat + 0.25 * (joints[0] - seat)
        thigh = place[f"{side}_knee"] - place[f"{side}_hip"]
        wide = 0.092 * girth * shape.hips
        parts.cone(seat, seat + 0.12 * thigh, wide, 0.95 * wide, HIP, lower)
    if shape.belly:
        waist = sections[1]
        belly = waist[0] + shape.belly * waist[2]
        parts.cone(belly, sections[2][0], waist[3], 0.9 * sections[2][3], TORSO, lower)


def _add_head(parts: BodyParts) -> None:
    """Add neck, skull, face and hair."""
    place, size = parts.place, parts.scale
    top, base, nose = place["head"], place["thorax"], place["nose"]
    up = unit(top - base)
    front = across(nose - 0.5 * (top + base), up)
    if front @ front < 0.01**2:
        front = across(parts.chest_axes[2], up)
    front = unit(front)
    right = np.cross(front, up)
    centre = top - 0.102 * size * up
    frame = parts.frame(centre, np.stack([up, right, front]), 0.0, 0.1 * size)

    def at(upwards: float, aside: float, forwards: float) -> np.ndarray:
        return centre + size * (upwards * up + aside * right + forwards * front)

    def ball(spot: np.ndarray, radius: float, region: int) -> None:
        parts.cone(spot, spot, radius * size, radius * size, region, frame)

    neck = parts.frame(base, parts.chest_axes, 0.0, float(np.linalg.norm(centre - base)))
    thick = 0.054 * size * parts.shape.girth
    parts.cone(base, at(-0.06, 0, -0.012), 1.1 * thick, thick, NECK, neck)
    jaw = at(-0.078, 0, 0.030)
    parts.cone(centre, jaw, 0.088 * size, 0.052 * size, HEAD, frame)
    parts.cone(at(0.012, 0, -0.012), at(0.012, 0, 0.006), 0.09 * size, 0.09 * size, HEAD, frame)
    parts.cone(at(0.0, 0, 0.088), at(-0.032, 0, 0.104), 0.008 * size, 0.014 * size, HEAD, frame)
    for sign in (1.0, -1.0):
        ball(at(-0.018, sign * 0.088, -0.008), 0.021, HEAD)
    hair = parts.shape.hair
    if hair == "bald":
        return
    ball(at(0.014, 0, -0.019), 0.097, HAIR)
    if hair == "long":
        for sign in (1.0, -1.0):
            start, end = at(-0.01, sign * 0.04, -0.045), at(-0.19, sign * 0.055, -0.06)
            parts.cone(start, end, 0.066 * size, 0.042 * size, HAIR, frame)
    elif hair == "bun":
        ball(at(0.055, 0, -0.105), 0.043, HAIR)
    elif hair == "cap":
        rim = [at(0.05, 0.075, 0.06), at(0.05, -0.075, 0.06)]
        rim += [at(0.03, -0.05, 0.155), at(0.03, 0.05, 0.155)]
        parts.fan(rim, [0.008 * size] * 4, HAIR, frame)
        ball(at(0.03, 0, -0.004), 0.095, HAIR)


def _add_leg(parts: BodyParts, side: str) -> None:
    """Add thigh, shin and foot."""
    hip, knee, ankle = (parts.place[f"{side}_{joint}"] for joint in ("hip", "knee", "ankle"))
    size = parts.scale
    limb = size * parts.shape.girth * parts.shape.limbs
    loose = parts.shape.loose * size
    # A knee bends forwards: it lies in front of the line from hip to ankle.
    line = unit(ankle - hip)
    forwards = parts.hip_axes[2] * 0.12 + across(knee - hip, line) / size
    thigh, front = parts.bone_frame(hip, knee, forwards, 0.0)
    shin, shin_front = parts.bone_frame(knee, ankle, forwards, 1.0)
    half = hip + 0.45 * (knee - hip) + 0.008 * size * front
    parts.cone(hip, half, 0.086 * limb + 0.5 * loose, 0.076 * limb + loose, LEG, thigh)
    parts.cone(half, knee, 0.076 * limb + loose, 0.054 * limb + loose, LEG, thigh)
    calf = knee + 0.30 * (ankle - knee) - 0.012 * size * shin_front
    parts.cone(knee, calf, 0.054 * limb + loose, 0.056 * limb + loose, LEG, shin)
    parts.cone(calf, ankle, 0.056 * limb + loose, 0.036 * limb + 0.8 * loose, LEG, shin)
    # The foot stands off the shin, but lies flat where the floor (or level ground) is near.
    along = unit(ankle - knee)
    toes = unit(unit(across(forwards, along)) + 0.28 * along)
    height = -ankle[1]
    if height < 0.16 * size:
        flat = across(toes, _DOWN)
        if flat @ flat > 0.1:
            toes = unit(flat) + max(height / size - 0.09, 0.0) * 4 * _DOWN
            toes = unit(toes)
    sole = unit(across(along, toes))
    foot = parts.frame(ankle, np.stack([toes, np.cross(sole, toes), -sole]), 2.0, 0.2 * size)
    aside = np.cross(sole, toes)
    heel = ankle - 0.030 * size * toes + 0.040 * size * sole
    parts.cone(ankle, heel, 0.037 * size, 0.036 * size, FOOT, foot)
    for sign, reach in ((1.0, 0.168), (-1.0, 0.160)):
        ball = ankle + reach * size * toes + (0.048 * sole + sign * 0.020 * aside) * size
        start = ankle + 0.015 * size * toes + (0.022 * sole + sign * 0.006 * aside) * size
        parts.cone(start, ball, 0.040 * size, 0.027 * size, FOOT, foot)
        parts.cone(heel, ball, 0.034 * size, 0.025 * size, FOOT, foot)


def _add_arm(parts: BodyParts, side: str) -> None:
    """Add upper arm, forearm and hand."""
    shoulder, elbow, wrist = (
        parts.place[f"{side}_{joint}"] for joint in ("shoulder", "elbow", "wrist")
    )
    size = parts.scale
    limb = size * parts.shape.girth * parts.shape.limbs
    bend = unit(wrist - elbow) - unit(elbow - shoulder)
    forwards = bend + 0.3 * parts.chest_axes[2]
    upper, _ = parts.bone_frame(shoulder, elbow, forwards, 0.0)
    fore, thumb = parts.bone_frame(elbow, wrist, forwards, 1.0)
    parts.cone(shoulder, elbow, 0.056 * limb, 0.040 * limb, ARM, upper)
    thick = elbow + 0.25 * (wrist - elbow)
    parts.cone(elbow, thick, 0.040 * limb, 0.042 * limb, ARM, fore)
    parts.cone(thick, wrist, 0.042 * limb, 0.027 * limb, ARM, fore)
    along = unit(wrist - elbow)

    def at(forth: float, aside: float) -> np.ndarray:
        return wrist + size * (forth * along + aside * thumb)

    hand = parts.frame(wrist, np.stack([along, np.cross(along, thumb), thumb]), 2.0, 0.18 * size)
    for sign in (1.0, -1.0):
        knuckle = at(0.088, sign * 0.022)
        parts.cone(at(0.012, sign * 0.010), knuckle, 0.024 * size, 0.021 * size, HAND, hand)
        parts.cone(knuckle, at(0.160, sign * 0.016), 0.020 * size, 0.013 * size, HAND, hand)
    parts.cone(at(0.020, 0.020), at(0.085, 0.062), 0.018 * size, 0.013 * size, HAND, hand)


def _add_skirt(parts: BodyParts) -> None:
    """Add a skirt: one wide cone about each thigh and cloth between them."""
    size, shape = parts.scale, parts.shape
    wide = 0.105 * size * shape.girth * shape.hips
    corners, frame = [], 0
    for side in SIDES:
        hip, knee = parts.place[f"{side}_hip"], parts.place[f"{side}_knee"]
        frame, _ = parts.bone_frame(hip, knee, parts.hip_axes[2], 0.0)
        end = hip + shape.skirt * (knee - hip)
        parts.cone(hip, end, wide, 1.08 * wide, SKIRT, frame)
        corners += [hip, end] if side == "right" else [end, hip]
    parts.fan(corners, [wide, 1.08 * wide, 1.08 * wide, wide], SKIRT, frame)
