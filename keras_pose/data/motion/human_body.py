"""An articulated body with Human3.6M-17 joints: proportions, joint limits, forward kinematics.

Angles are in degrees because limits are; zero everywhere is standing upright with hanging arms.
The body's own frame is x to its right, y down, z to its front, so a body that faces world z has its
right side at positive x.
"""

from collections.abc import Mapping

import numpy as np

from keras_pose.skeletons import H36M_17

# Ranges of motion of a healthy adult in degrees, rounded from textbooks of anatomy and split
# between the joints that H36M-17 has. The spine's range is shared by its two joints.
TRUNK_LIMITS_DEG: dict[str, tuple[float, float]] = {
    "pelvis_pitch": (-25.0, 75.0),
    "pelvis_roll": (-20.0, 20.0),
    "spine_flexion": (-15.0, 40.0),
    "spine_side": (-18.0, 18.0),
    "spine_twist": (-22.0, 22.0),
    "chest_flexion": (-12.0, 32.0),
    "chest_side": (-15.0, 15.0),
    "chest_twist": (-22.0, 22.0),
    "neck_flexion": (-45.0, 50.0),
    "neck_side": (-35.0, 35.0),
    "neck_twist": (-70.0, 70.0),
}
LIMB_LIMITS_DEG: dict[str, tuple[float, float]] = {
    "hip_flexion": (-25.0, 125.0),
    "hip_abduction": (-20.0, 45.0),
    "hip_rotation": (-40.0, 45.0),
    "knee_flexion": (0.0, 145.0),
    "clavicle_lift": (-5.0, 30.0),
    "shoulder_flexion": (-50.0, 175.0),
    "shoulder_abduction": (-25.0, 170.0),
    "shoulder_rotation": (-80.0, 95.0),
    "elbow_flexion": (0.0, 145.0),
}
SIDES = ("right", "left")
LIMITS_DEG: dict[str, tuple[float, float]] = TRUNK_LIMITS_DEG | {
    f"{side}_{name}": limits for side in SIDES for name, limits in LIMB_LIMITS_DEG.items()
}

# Bone vectors of a body of 1 m stature in the body's frame (right side; the left is mirrored).
# Lengths lie between Human3.6M's bone table and the means of CMU motion capture.
_OFFSETS: dict[str, tuple[float, float, float]] = {
    "hip": (0.060, 0.0, 0.0),
    "knee": (0.0, 0.242, 0.0),
    "ankle": (0.0, 0.247, 0.0),
    "spine": (0.0, -0.139, -0.004),
    "thorax": (0.0, -0.142, 0.004),
    "nose": (0.0, -0.060, 0.040),
    "head": (0.0, -0.062, -0.024),
    "shoulder": (0.088, 0.006, -0.008),
    "elbow": (0.0, 0.160, 0.0),
    "wrist": (0.0, 0.145, 0.0),
}


def random_bones(rng: np.random.Generator, num_bodies: int) -> dict[str, np.ndarray]:
    """Draw the bone vectors of random adults.

    Stature is normal around 1.71 m (standard deviation 0.09 m, cut at 1.5 and 1.97 m) and every
    bone differs from its share of the stature by a factor of standard deviation 4 %.

    Args:
        rng: source of the draws.
        num_bodies: number of bodies C.

    Returns:
        Bone name -> float64 `[C, 3]`, metres, body frame; paired bones are those of the right side.
    """
    stature = np.clip(rng.normal(1.71, 0.09, num_bodies), 1.5, 1.97)
    return {
        name: np.asarray(offset)
        * (stature * np.clip(rng.normal(1.0, 0.04, num_bodies), 0.88, 1.12))[:, None]
        for name, offset in _OFFSETS.items()
    }


def clip_to_limits(angles_deg: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the joint angles with each cut to its range of motion.

    Args:
        angles_deg: angle name -> degrees, any shape.

    Returns:
        The same names with values inside `LIMITS_DEG`.

    Raises:
        ValueError: if a name is not one of `LIMITS_DEG`.
    """
    unknown = sorted(set(angles_deg) - set(LIMITS_DEG))
    if unknown:
        raise ValueError(f"'{unknown[0]}' is not a joint angle; use one of {sorted(LIMITS_DEG)}.")
    return {name: np.clip(value, *LIMITS_DEG[name]) for name, value in angles_deg.items()}


def pose_body(
    bones: Mapping[str, np.ndarray], angles_deg: Mapping[str, np.ndarray], heading_deg: np.ndarray
) -> np.ndarray:
    """Compute joint positions from joint angles (forward kinematics).

    Args:
        bones: of `random_bones`, each `[C, 3]` in metres.
        angles_deg: angle name -> degrees `[C, T]`; names of `LIMITS_DEG` that are missing are 0.
        heading_deg: degrees `[C, T]`; at 0 the body faces world z, at 90 world x.

    Returns:
        float64 `[C, T, 17, 3]` metres, world axes (y down), pelvis at the origin.

    Raises:
        ValueError: if a name is not one of `LIMITS_DEG`.
    """
    angles = clip_to_limits(angles_deg)
    zero = np.zeros(heading_deg.shape)
    joints = np.zeros((*heading_deg.shape, H36M_17.num_joints, 3))

    def angle(name: str) -> np.ndarray:
        return angles.get(name, zero)

    def place(joint: str, frame: np.ndarray, bone: str, side: float = 1.0) -> None:
        index = H36M_17.index(joint)
        vector = (bones[bone] * np.array([side, 1.0, 1.0]))[:, None, :, None]
        joints[..., index, :] = joints[..., H36M_17.parents[index], :] + (frame @ vector)[..., 0]

    frame = np.zeros((*heading_deg.shape, 3, 3)) + np.eye(3)
    pelvis = _turn(frame, "y", heading_deg)
    pelvis = _turn(_turn(pelvis, "x", -angle("pelvis_pitch")), "z", angle("pelvis_roll"))
    spine = _bend(pelvis, angle("spine_flexion"), angle("spine_side"), angle("spine_twist"))
    chest = _bend(spine, angle("chest_flexion"), angle("chest_side"), angle("chest_twist"))
    head = _bend(chest, angle("neck_flexion"), angle("neck_side"), angle("neck_twist"))
    for joint, of in (("spine", spine), ("thorax", chest), ("nose", head), ("head", head)):
        place(joint, of, joint)
    for side, sign in zip(SIDES, (1.0, -1.0), strict=True):
        thigh = _swing(pelvis, side, "hip", angle, sign)
        shank = _turn(thigh, "x", -angle(f"{side}_knee_flexion"))
        # Lifting a shoulder takes its outer end up, that is towards negative y.
        collar = _turn(chest, "z", -sign * angle(f"{side}_clavicle_lift"))
        upper_arm = _swing(chest, side, "shoulder", angle, sign)
        forearm = _turn(upper_arm, "x", angle(f"{side}_elbow_flexion"))
        for joint, of in (
            ("hip", pelvis),
            ("knee", thigh),
            ("ankle", shank),
            ("shoulder", collar),
            ("elbow", upper_arm),
            ("wrist", forearm),
        ):
            place(f"{side}_{joint}", of, joint, sign)
    return joints


def _turn(frame: np.ndarray, axis: str, angle_deg: np.ndarray) -> np.ndarray:
    """Turn frames `[..., 3, 3]` about one of their own axes: frame times R_axis(angle)."""
    angle = np.radians(angle_deg)[..., None]
    cosine, sine = np.cos(angle), np.sin(angle)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turned = frame.copy()
    turned[..., first] = cosine * frame[..., first] + sine * frame[..., second]
    turned[..., second] = cosine * frame[..., second] - sine * frame[..., first]
    return turned


def _bend(
    frame: np.ndarray, flexion: np.ndarray, side: np.ndarray, twist: np.ndarray
) -> np.ndarray:
    """Bend a trunk frame: flexion to the front, side to the right, twist to the right."""
    return _turn(_turn(_turn(frame, "x", -flexion), "z", side), "y", twist)


def _swing(frame: np.ndarray, side: str, joint: str, angle, sign: float) -> np.ndarray:
    """Turn a limb: flexion to the front, abduction away from the body, rotation to the outside."""
    flexed = _turn(frame, "x", angle(f"{side}_{joint}_flexion"))
    abducted = _turn(flexed, "z", -sign * angle(f"{side}_{joint}_abduction"))
    return _turn(abducted, "y", sign * angle(f"{side}_{joint}_rotation"))
