"""Joint angles of arms, trunk and head over time, drawn apart from what the legs do.

Each generator returns degrees `[C, T]` by name for C people over the times `[T]` in seconds.
"""

import numpy as np

from keras_pose.data.motion.angle_courses import Angles, column, course, move_between, smooth_noise
from keras_pose.data.motion.human_body import SIDES

# Comfortable arm postures in degrees: flexion, abduction, rotation to the outside, elbow.
_ARM_POSTURES = {
    "hang": (0, 8, 0, 12),
    "behind": (-30, 10, -10, 15),
    "reach_forward": (80, 5, 0, 15),
    "reach_low": (45, 10, 0, 20),
    "reach_across": (70, -20, -20, 35),
    "reach_up": (160, 10, 0, 15),
    "to_the_side": (5, 85, 10, 10),
    "carry": (10, 6, -10, 92),
    "hold_in_front": (35, 10, -30, 85),
    "hand_to_mouth": (45, 12, -25, 130),
    "hand_to_ear": (30, 45, 10, 138),
    "hand_on_hip": (-25, 45, -45, 85),
    "point": (75, 25, 0, 5),
    "hands_up": (20, 85, 85, 80),
    "overhead": (150, 40, 10, 50),
}
_POSTURE_TABLE = np.array(list(_ARM_POSTURES.values()), float)
_ARM_ANGLES = ("shoulder_flexion", "shoulder_abduction", "shoulder_rotation", "elbow_flexion")


def gesture(
    rng: np.random.Generator, num_people: int, times: np.ndarray, num_keys: int = 5
) -> Angles:
    """Move both arms between everyday postures: reaching, pointing, carrying, hand to head.

    In a third of the people both arms do the same; in others one hangs most of the time.
    Returns degrees `[C, T]` by name of the angle.
    """
    angles: Angles = {}
    shape = (num_people, num_keys)
    choice = {side: rng.integers(len(_POSTURE_TABLE), size=shape) for side in SIDES}
    together = rng.random((num_people, 1)) < 0.35
    choice["left"] = np.where(together, choice["right"], choice["left"])
    for side in SIDES:
        idle = (rng.random((num_people, 1)) < 0.3) & (rng.random(shape) < 0.8) & ~together
        keys = _POSTURE_TABLE[np.where(idle, 0, choice[side])]
        keys = keys + rng.normal(0.0, (10.0, 7.0, 10.0, 9.0), (*shape, 4))
        curves = move_between(rng, keys, times)
        for index, name in enumerate(_ARM_ANGLES):
            angles[f"{side}_{name}"] = curves[..., index]
    return angles


def wave(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Wave with one raised hand, the other arm gesturing.

    Returns degrees `[C, T]` by name of the angle.
    """
    angles = gesture(rng, num_people, times, num_keys=3)
    cycle = 2 * np.pi * (column(rng, 0.8, 2.0, num_people) * times + rng.random((num_people, 1)))
    right = rng.random((num_people, 1)) < 0.6
    waving = {
        "shoulder_flexion": 25.0 + column(rng, -15.0, 25.0, num_people) + 0.0 * cycle,
        "shoulder_abduction": 80.0 + column(rng, -25.0, 30.0, num_people) + 4.0 * np.sin(cycle),
        "shoulder_rotation": 72.0 + 18.0 * np.sin(cycle),
        "elbow_flexion": 80.0 + column(rng, -25.0, 30.0, num_people) + 18.0 * np.sin(cycle + 0.5),
    }
    for name, curve in waving.items():
        angles[f"right_{name}"] = np.where(right, curve, angles[f"right_{name}"])
        angles[f"left_{name}"] = np.where(right, angles[f"left_{name}"], curve)
    return angles


def look_around(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Turn, bend and lean the trunk and the head a little, all the time.

    Returns degrees `[C, T]` by name of the angle.
    """
    twist = course(rng, -30.0, 30.0, num_people, times) * column(rng, 0.0, 1.0, num_people)
    nod = course(rng, -15.0, 25.0, num_people, times) * column(rng, 0.0, 1.0, num_people)
    slump = column(rng, -4.0, 8.0, num_people)
    return {
        "spine_flexion": slump + 3.0 * smooth_noise(rng, num_people, times),
        "chest_flexion": slump + 3.0 * smooth_noise(rng, num_people, times),
        "spine_side": 3.0 * smooth_noise(rng, num_people, times),
        "chest_side": 3.0 * smooth_noise(rng, num_people, times),
        "spine_twist": 0.35 * twist,
        "chest_twist": 0.35 * twist,
        "neck_twist": twist + 6.0 * smooth_noise(rng, num_people, times),
        "neck_flexion": nod + 4.0 * smooth_noise(rng, num_people, times),
        "neck_side": 4.0 * smooth_noise(rng, num_people, times),
    }
