"""An articulated hand of 21 joints: proportions of persons, joint limits, forward kinematics.

The hand's own frame is that of a right hand: origin at the wrist, x towards the little finger, y
along the middle metacarpal towards the fingers, z out of the back of the hand. Angles are in
degrees because limits are; zero everywhere is a flat hand. A left hand is the mirror image.
"""

from dataclasses import dataclass

import numpy as np

FINGERS = ("thumb", "index", "middle", "ring", "pinky")

# Ranges of motion of a healthy adult in degrees, rounded from textbooks of anatomy. Flexion is
# positive towards the palm; abduction is positive away from the middle finger (of the middle
# finger itself: towards the little finger), of the thumb: away from the index finger.
_FINGER_LIMITS = {
    "mcp_flexion": (-25.0, 90.0),
    "mcp_abduction": (-12.0, 20.0),
    "pip_flexion": (-5.0, 110.0),
    "dip_flexion": (-8.0, 80.0),
}
LIMITS_DEG: dict[str, tuple[float, float]] = {
    "thumb_cmc_flexion": (-25.0, 40.0),
    "thumb_cmc_abduction": (-25.0, 30.0),
    "thumb_cmc_twist": (-10.0, 45.0),
    "thumb_mcp_flexion": (-10.0, 60.0),
    "thumb_ip_flexion": (-15.0, 85.0),
    **{
        f"{finger}_{name}": limits
        for finger in FINGERS[1:]
        for name, limits in _FINGER_LIMITS.items()
    },
    "wrist_flexion": (-60.0, 65.0),
    "wrist_deviation": (-18.0, 28.0),
}
ANGLES = tuple(LIMITS_DEG)
_INDEX = {name: position for position, name in enumerate(ANGLES)}
_LOW, _HIGH = np.array(list(LIMITS_DEG.values())).T
# A fully bent finger can no longer be spread: its collateral ligaments are tight.
_SPREAD_LEFT_WHEN_BENT = 0.15

# Bone lengths in mm from proximal to distal; the last one includes the soft tip. Rounded means of
# X-ray measurements (Buryanov and Kotiuk 2010, "Proportions of hand segments").
_LENGTHS_MM = (
    (46.0, 31.5, 27.0),
    (40.0, 22.5, 20.0),
    (44.5, 26.5, 21.5),
    (41.5, 25.5, 21.5),
    (33.0, 18.5, 19.5),
)
# First joint of each finger (the thumb's is its saddle joint at the wrist), mm, hand frame.
_KNUCKLES_MM = ((-19, 19, -9), (-23, 87, 0), (-1, 89, 2.5), (18, 82, 1), (34, 72, -4))
# Half thickness at the four joints of each finger in mm.
_RADII_MM = (
    (14.5, 10.8, 9.6, 7.4),
    (10.3, 8.5, 7.4, 6.1),
    (10.5, 8.7, 7.5, 6.2),
    (10.0, 8.1, 7.0, 5.8),
    (9.2, 7.1, 6.1, 5.1),
)
# How each finger stands in the flat hand: fanned out about z, and rolled about its own axis, which
# makes bent fingers converge. Degrees; positive fans away from the thumb.
_FAN_DEG = (-5.0, 0.0, 5.0, 10.0)
_ROLL_DEG = (5.0, 0.0, -4.0, -9.0)
# The thumb at rest: where it points, and where its nail faces.
_THUMB_ALONG, _THUMB_BACK = (-0.66, 0.68, -0.30), (-0.66, -0.42, 0.62)
# Abduction turns each finger about z in this sense.
_ABDUCTION_SIGN = np.array([-1.0, 1.0, 1.0, 1.0])


@dataclass(frozen=True)
class HandShape:
    """The proportions of one person's right hand; metres, hand frame.

    Attributes:
        knuckles: float64 `[5, 3]`, first joint of thumb, index, middle, ring and little finger.
        lengths: float64 `[5, 3]`, bones of each finger from its first joint to its tip.
        radii: float64 `[5, 4]`, half thickness at the joints of each finger.
        frames: float64 `[5, 3, 3]`, of each finger at rest; columns are its x, y (along) and z (back).
        scale: size of the hand against the mean adult.
    """

    knuckles: np.ndarray
    lengths: np.ndarray
    radii: np.ndarray
    frames: np.ndarray
    scale: float


@dataclass(frozen=True)
class PosedHands:
    """N poses of one hand; metres, hand frame.

    Attributes:
        joints: float64 `[N, 21, 3]` in the order of HAND_21_FREIHAND.
        along: float64 `[N, 5, 3, 3]`, unit direction of each bone of each finger.
        back: float64 `[N, 5, 3, 3]`, unit direction out of the back (nail side) of each bone.
        forearm: float64 `[N, 3]`, unit direction from the wrist to the elbow.
    """

    joints: np.ndarray
    along: np.ndarray
    back: np.ndarray
    forearm: np.ndarray


def random_shape(rng: np.random.Generator) -> HandShape:
    """Draw a person's hand.

    Size is normal around the mean adult (standard deviation 8 %, cut at 78 and 122 %); fingers
    differ by 3 %, single bones by 3 %, thickness by 8 % and the place of knuckles by 4 %.

    Args:
        rng: source of the draws.

    Returns:
        The shape; arrays of `[5, ...]`.
    """

    def near_one(deviation: float, *shape: int) -> np.ndarray:
        return 1.0 + deviation * np.clip(rng.standard_normal(shape), -2.5, 2.5)

    scale = float(np.clip(rng.normal(1.0, 0.08), 0.78, 1.22))
    lengths = np.array(_LENGTHS_MM) * near_one(0.03, 5, 1) * near_one(0.03, 5, 3)
    knuckles = np.array(_KNUCKLES_MM) * near_one(0.04, 1, 3) * near_one(0.015, 5, 3)
    radii = np.array(_RADII_MM) * near_one(0.08) * near_one(0.025, 5, 4)
    metres = scale * 1e-3
    frames = np.stack([_thumb_frame(rng), *_finger_frames(rng)])
    return HandShape(knuckles * metres, lengths * metres, radii * metres, frames, scale)


def clip_angles(angles_deg: np.ndarray) -> np.ndarray:
    """Move angles into the limits of the joints; bent fingers lose most of their spread.

    Args:
        angles_deg: float64 `[..., A]` in degrees, in the order of `ANGLES`.

    Returns:
        float64 `[..., A]`, degrees.
    """
    angles = np.clip(angles_deg, _LOW, _HIGH)
    for finger in FINGERS[1:]:
        bend, spread = _INDEX[f"{finger}_mcp_flexion"], _INDEX[f"{finger}_mcp_abduction"]
        left = 1.0 - (1.0 - _SPREAD_LEFT_WHEN_BENT) * np.clip(angles[..., bend] / 90.0, 0.0, 1.0)
        angles[..., spread] = np.clip(
            angles[..., spread], left * _LOW[spread], left * _HIGH[spread]
        )
    return angles


def angle_columns(*names: str) -> list[int]:
    """Find angles by name.

    Args:
        names: names out of `ANGLES`, or suffixes of them that begin with `_`.

    Returns:
        Their positions on the last axis of angle arrays, in the order of `ANGLES` for a suffix.
    """
    columns: list[int] = []
    for name in names:
        matches = [name] if name in _INDEX else [one for one in ANGLES if one.endswith(name)]
        if not matches:
            raise ValueError(f"{name!r} is not a joint angle; use one of {', '.join(ANGLES)}.")
        columns += [_INDEX[match] for match in matches]
    return columns


def pose_hands(shape: HandShape, angles_deg: np.ndarray) -> PosedHands:
    """Forward kinematics of N poses of one hand.

    Args:
        shape: the person.
        angles_deg: float64 `[N, A]` in degrees, in the order of `ANGLES`.

    Returns:
        Joints and bone directions, arrays of `[N, ...]`.
    """
    angles = np.radians(angles_deg)
    num = len(angles)
    # Columns of the fingers: flexion, abduction, pip, dip, four fingers one after the other.
    first = _INDEX["index_mcp_flexion"]
    fingers = angles[:, first : first + 16].reshape(num, 4, 4)
    spread = fingers[:, :, 1] * _ABDUCTION_SIGN
    frames = shape.frames[1:]
    base = np.cos(spread)[..., None] * frames[:, :, 1] + np.sin(spread)[..., None] * frames[:, :, 0]
    bend = np.cumsum(fingers[:, :, [0, 2, 3]], axis=-1)[..., None]
    finger_along = np.cos(bend) * base[:, :, None] - np.sin(bend) * frames[:, None, :, 2]
    finger_back = np.sin(bend) * base[:, :, None] + np.cos(bend) * frames[:, None, :, 2]

    flexion, abduction, twist, mcp, ip = angles[:, :5].T
    rest = shape.frames[0]
    turned = rest @ _turn_z(abduction) @ _turn_x(-flexion) @ _turn_y(-twist)
    thumb_bend = np.stack([np.zeros_like(mcp), mcp, mcp + ip], -1)[..., None]
    thumb_y, thumb_z = turned[:, None, :, 1], turned[:, None, :, 2]
    thumb_along = np.cos(thumb_bend) * thumb_y - np.sin(thumb_bend) * thumb_z
    thumb_back = np.sin(thumb_bend) * thumb_y + np.cos(thumb_bend) * thumb_z

    along = np.concatenate([thumb_along[:, None], finger_along], axis=1)
    back = np.concatenate([thumb_back[:, None], finger_back], axis=1)
    steps = np.cumsum(along * shape.lengths[..., None], axis=2)
    places = np.concatenate([np.zeros((num, 5, 1, 3)), steps], axis=2) + shape.knuckles[:, None]
    joints = np.concatenate([np.zeros((num, 1, 3)), places.reshape(num, 20, 3)], axis=1)

    tilt, side = angles[:, -2], angles[:, -1]
    # The wrist bends the hand; seen from the hand, the forearm bends the other way.
    forearm = np.stack(
        [np.cos(tilt) * np.sin(side), -np.cos(tilt) * np.cos(side), -np.sin(tilt)], -1
    )
    return PosedHands(joints, along, back, forearm)


def _finger_frames(rng: np.random.Generator) -> list[np.ndarray]:
    frames = []
    for fan, roll in zip(_FAN_DEG, _ROLL_DEG, strict=True):
        fan_rad = np.radians(fan + rng.normal(0.0, 1.2))
        roll_rad = np.radians(roll + rng.normal(0.0, 2.0))
        frames.append(_turn_z(-fan_rad) @ _turn_y(-roll_rad))
    return frames


def _thumb_frame(rng: np.random.Generator) -> np.ndarray:
    along = np.array(_THUMB_ALONG) + rng.normal(0.0, 0.03, 3)
    along /= np.linalg.norm(along)
    back = np.array(_THUMB_BACK) + rng.normal(0.0, 0.03, 3)
    back -= along * (back @ along)
    back /= np.linalg.norm(back)
    return np.stack([np.cross(along, back), along, back], axis=1)


def _turn_x(angle: np.ndarray) -> np.ndarray:
    return _turn(angle, 1, 2)


def _turn_y(angle: np.ndarray) -> np.ndarray:
    return _turn(angle, 2, 0)


def _turn_z(angle: np.ndarray) -> np.ndarray:
    return _turn(angle, 0, 1)


def _turn(angle: np.ndarray | float, first: int, second: int) -> np.ndarray:
    """Return rotations `[..., 3, 3]` that turn axis `first` towards axis `second`."""
    angle = np.asarray(angle)
    matrix = np.zeros((*angle.shape, 3, 3))
    matrix[..., [0, 1, 2], [0, 1, 2]] = 1.0
    matrix[..., first, first] = matrix[..., second, second] = np.cos(angle)
    matrix[..., second, first] = np.sin(angle)
    matrix[..., first, second] = -np.sin(angle)
    return matrix
