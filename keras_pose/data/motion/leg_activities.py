"""Joint angles of the legs (and pelvis) over time for everyday activities.

Each generator returns degrees `[C, T]` by name for C people over the times `[T]` in seconds. Walking,
climbing and bending over move the arms as well.
"""

from collections.abc import Callable

import numpy as np

from keras_pose.data.motion.angle_courses import Angles, bump, column, course, smooth_noise
from keras_pose.data.motion.human_body import SIDES


def walk(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Walk or jog: hips and knees of the gait cycle, the arms swinging against the legs.

    Returns degrees `[C, T]` by name of the angle.
    """
    jog = np.clip(column(rng, -1.5, 1.0, num_people), 0.0, 1.0)
    cadence = column(rng, 0.7, 1.05, num_people) + 0.3 * jog
    cycle = 2 * np.pi * (cadence * times + rng.uniform(0.0, 1.0, (num_people, 1)))
    stride = column(rng, 0.75, 1.2, num_people)
    swing = column(rng, 0.4, 1.4, num_people)
    lean = column(rng, -2.0, 6.0, num_people) + 8.0 * jog
    turning = np.sin(cycle)
    angles: Angles = {
        "pelvis_pitch": 0.5 * lean + 1.5 * np.cos(2 * cycle),
        "pelvis_roll": 3.0 * stride * np.cos(cycle - 0.8),
        "spine_flexion": 0.3 * lean + 0.0 * cycle,
        "chest_flexion": 0.2 * lean + 0.0 * cycle,
        "chest_twist": 6.0 * stride * turning,
        "neck_flexion": -0.6 * lean + 0.0 * cycle,
        "neck_twist": -4.0 * stride * turning,
    }
    for side, phase in zip(SIDES, (cycle, cycle + np.pi), strict=True):
        hip = 10.0 + 0.5 * lean + (20.0 + 14.0 * jog) * stride * np.cos(phase)
        # Knees bend a little when the heel lands and much in mid-swing (Perry, Gait Analysis).
        knee = 5.0 + 10.0 * jog + 13.0 * bump(phase, 0.13, 0.15)
        knee = knee + (54.0 + 26.0 * jog) * np.minimum(stride, 1.1) * bump(phase, 0.72, 0.28)
        angles[f"{side}_hip_flexion"] = hip
        angles[f"{side}_hip_abduction"] = 2.0 + 2.0 * bump(phase, 0.75, 0.3)
        angles[f"{side}_knee_flexion"] = knee
        angles[f"{side}_shoulder_flexion"] = 2.0 - 20.0 * swing * np.cos(phase - 0.2)
        angles[f"{side}_shoulder_abduction"] = 6.0 + 8.0 * jog + 0.0 * phase
        angles[f"{side}_elbow_flexion"] = (
            14.0 + 70.0 * jog + 10.0 * swing * (1.0 - np.cos(phase - 0.4))
        )
        angles[f"{side}_shoulder_rotation"] = -10.0 - 15.0 * jog + 0.0 * phase
    return angles


def stand(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Stand with the weight shifting from one leg to the other.

    Returns degrees `[C, T]` by name of the angle.
    """
    angles: Angles = {"pelvis_roll": 5.0 * smooth_noise(rng, num_people, times)}
    width = column(rng, 1.0, 11.0, num_people)
    step = course(rng, -12.0, 12.0, num_people, times)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        relaxed = np.maximum(0.0, sign * angles["pelvis_roll"]) * 3.0
        angles[f"{side}_hip_flexion"] = sign * step + relaxed
        angles[f"{side}_hip_abduction"] = width + sign * angles["pelvis_roll"]
        angles[f"{side}_knee_flexion"] = 3.0 + 2.0 * relaxed + 0.5 * np.abs(step)
        angles[f"{side}_hip_rotation"] = column(rng, 0.0, 20.0, num_people) + 0.0 * times
    return angles


def _crouch(thigh: np.ndarray, shank: np.ndarray, pitch: np.ndarray) -> Angles:
    """Put both thighs `thigh` and both shanks `shank` degrees from the vertical."""
    angles: Angles = {"pelvis_pitch": pitch}
    for side in SIDES:
        angles[f"{side}_hip_flexion"] = thigh + pitch
        angles[f"{side}_knee_flexion"] = thigh + shank
    return angles


def squat(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Go down and up on both legs, the trunk leaning forward for balance.

    Returns degrees `[C, T]` by name of the angle.
    """
    depth = course(rng, 0.0, 1.0, num_people, times) * column(rng, 0.6, 1.0, num_people)
    angles = _crouch(95.0 * depth, 28.0 * depth, 32.0 * depth)
    angles["spine_flexion"] = 10.0 * depth
    for side in SIDES:
        angles[f"{side}_hip_abduction"] = 3.0 + depth * column(rng, 0.0, 22.0, num_people)
        angles[f"{side}_hip_rotation"] = 5.0 + depth * column(rng, 0.0, 20.0, num_people)
    return angles


def sit(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Sit on a chair, sometimes standing up from it.

    Returns degrees `[C, T]` by name of the angle.
    """
    seated = np.clip(course(rng, 0.3, 3.0, num_people, times), 0.0, 1.0)
    rising = 4.0 * seated * (1.0 - seated)
    seat = column(rng, 78.0, 98.0, num_people)
    angles = _crouch(seat * seated, 8.0 * rising, 35.0 * rising)
    angles["pelvis_pitch"] = angles["pelvis_pitch"] + seated * column(rng, -18.0, 12.0, num_people)
    angles["spine_flexion"] = seated * column(rng, 0.0, 22.0, num_people)
    for side in SIDES:
        lean_back = seated * np.minimum(0.0, column(rng, -18.0, 12.0, num_people))
        angles[f"{side}_hip_flexion"] = seat * seated + 35.0 * rising + lean_back
        angles[f"{side}_hip_abduction"] = 2.0 + seated * column(rng, 0.0, 22.0, num_people)
        angles[f"{side}_knee_flexion"] = angles[f"{side}_knee_flexion"] + seated * course(
            rng, -35.0, 25.0, num_people, times
        )
    return angles


def kneel(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Kneel on both knees, upright or resting on the heels.

    Returns degrees `[C, T]` by name of the angle.
    """
    rest = course(rng, 0.0, 1.0, num_people, times)
    # Thigh and shank together make a right angle, so that the shanks lie on the floor.
    angles = _crouch(5.0 + 50.0 * rest, np.full_like(rest, 90.0), 15.0 * rest)
    for side in SIDES:
        angles[f"{side}_hip_abduction"] = 3.0 + column(rng, 0.0, 14.0, num_people) + 0.0 * rest
    return angles


def lunge(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Step far forward or backward with one leg and back.

    Returns degrees `[C, T]` by name of the angle.
    """
    reach = course(rng, -1.0, 1.0, num_people, times)
    depth = column(rng, 0.3, 1.0, num_people)
    angles: Angles = {"pelvis_pitch": 12.0 * depth * np.abs(reach)}
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        front, back = np.maximum(0.0, sign * reach), np.maximum(0.0, -sign * reach)
        angles[f"{side}_hip_flexion"] = (25.0 + 45.0 * depth) * front - 18.0 * back
        angles[f"{side}_hip_flexion"] += angles["pelvis_pitch"]
        angles[f"{side}_knee_flexion"] = 5.0 + (10.0 + 70.0 * depth) * front + 55.0 * depth * back
        angles[f"{side}_hip_abduction"] = column(rng, 1.0, 7.0, num_people) + 0.0 * reach
    return angles


def kick(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Lift one leg after the other: kicking, stepping over, balancing.

    Returns degrees `[C, T]` by name of the angle.
    """
    angles: Angles = {}
    lift = course(rng, -1.0, 1.0, num_people, times)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        raised = np.maximum(0.0, sign * lift)
        angles[f"{side}_hip_flexion"] = raised * column(rng, -15.0, 95.0, num_people)
        angles[f"{side}_hip_abduction"] = 2.0 + raised * column(rng, 0.0, 38.0, num_people)
        angles[f"{side}_knee_flexion"] = 4.0 + raised * column(rng, 5.0, 95.0, num_people)
    return angles


def climb(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Step up high with one leg after the other, reaching up with the other hand.

    Returns degrees `[C, T]` by name of the angle.
    """
    cycle = 2 * np.pi * (column(rng, 0.3, 0.6, num_people) * times + rng.random((num_people, 1)))
    height = column(rng, 0.5, 1.1, num_people)
    angles: Angles = {"pelvis_pitch": 10.0 * height + 0.0 * cycle}
    for side, phase in zip(SIDES, (cycle, cycle + np.pi), strict=True):
        high = 0.5 * (1.0 + np.cos(phase))
        angles[f"{side}_hip_flexion"] = 12.0 + 72.0 * height * high
        angles[f"{side}_knee_flexion"] = 10.0 + 80.0 * height * high
        angles[f"{side}_hip_abduction"] = 4.0 + 10.0 * high
        angles[f"{side}_shoulder_flexion"] = 150.0 - 90.0 * high * height
        angles[f"{side}_shoulder_abduction"] = 8.0 + 10.0 * high
        angles[f"{side}_elbow_flexion"] = 15.0 + 80.0 * high
    return angles


def bend_over(rng: np.random.Generator, num_people: int, times: np.ndarray) -> Angles:
    """Bend the whole trunk forward from the hips, legs nearly straight, as to pick something up.

    Returns degrees `[C, T]` by name of the angle.
    """
    depth = course(rng, 0.0, 1.0, num_people, times)
    pitch = depth * column(rng, 30.0, 70.0, num_people)
    angles = _crouch(depth * column(rng, 2.0, 40.0, num_people), 12.0 * depth, pitch)
    angles["spine_flexion"] = depth * column(rng, 0.0, 35.0, num_people)
    angles["chest_flexion"] = depth * column(rng, 0.0, 25.0, num_people)
    for side in SIDES:
        angles[f"{side}_shoulder_flexion"] = 10.0 + depth * column(rng, 40.0, 100.0, num_people)
        angles[f"{side}_shoulder_abduction"] = 8.0 + 0.0 * depth
        angles[f"{side}_elbow_flexion"] = 12.0 + (1 - depth) * column(rng, 0.0, 40.0, num_people)
    return angles


Generator = Callable[[np.random.Generator, int, np.ndarray], Angles]
# What the legs do and how often. Generators that move the arms themselves are marked True.
LEG_ACTIVITIES: tuple[tuple[Generator, float, bool], ...] = (
    (walk, 0.24, True),
    (stand, 0.22, False),
    (squat, 0.10, False),
    (sit, 0.12, False),
    (kneel, 0.04, False),
    (lunge, 0.08, False),
    (kick, 0.07, False),
    (climb, 0.06, True),
    (bend_over, 0.07, True),
)
