"""From a BVH skeleton to Human3.6M-17 joints: joint names, unit, axes, head and spine.

Skeletons name and place their joints in many ways. Limbs are found by name; the spine lies half way
along the back and nose and top of the head at fixed places of the head, since markers for them
exist in no such file.
"""

import re
from collections.abc import Mapping, Sequence

import numpy as np

from keras_pose.data.motion.bvh import BvhMotion
from keras_pose.skeletons import H36M_17

LIMBS = (
    *(f"{side}_{joint}" for side in ("right", "left") for joint in ("hip", "knee", "ankle")),
    *(f"{side}_{joint}" for side in ("left", "right") for joint in ("shoulder", "elbow", "wrist")),
)
#: Joints that are looked up in the file: those of the limbs, the base of the neck, the head's base.
MAPPED_JOINTS = (*LIMBS, "thorax", "head")

# Names without side, letters and digits only, best first: a joint's own name before that of the bone that
# begins there, since SMPL's "foot" and "hand" lie beyond its "ankle" and "wrist". "Arm" stands before
# "shoulder" because Mixamo's and CMU's "Shoulder" is the collar bone; Xsens' and older files have no
# "Arm".
_LIMB_NAMES = {
    "hip": ("upleg", "upperleg", "thigh", "upperlimb", "hip", "hipjoint", "femur"),
    "knee": ("knee", "leg", "lowleg", "lowerleg", "shin", "calf", "tibia"),
    "ankle": ("ankle", "foot"),
    "shoulder": ("arm", "uparm", "upperarm", "shldr", "humerus", "shoulder"),
    "elbow": ("elbow", "forearm", "lowarm", "lowerarm", "radius"),
    "wrist": ("wrist", "hand"),
}
_TRUNK_NAMES = {
    "thorax": ("neck", "neck1", "neck01", "lowerneck", "necklower", "upperneck"),
    "head": ("head", "skull"),
}
_HEAD_TOPS = ("headtop", "topofhead")
_PREFIX = re.compile(
    r"^(mixamorig\d*[:_ \-]?|[fm]_avg_|(bip\d*|character\d*|def|jnt|rig)[:_ \-]+)", re.IGNORECASE
)
_UNITS_M = {"mm": 0.001, "cm": 0.01, "inch": 0.0254, "m": 1.0}
# Stature over thigh + shank + trunk, from Human3.6M's bone table with 8 cm of foot.
_STATURE_RATIO = 1.22
_STATURE_M = 1.7


def find_joints(
    motion: BvhMotion, path: str, joint_map: Mapping[str, str] | None = None
) -> dict[str, int]:
    """Find the joints of `MAPPED_JOINTS` in a BVH skeleton by their names.

    Args:
        motion: the parsed file.
        path: its name, for messages.
        joint_map: Human3.6M-17 name -> name in the file, for joints that are named unusually.

    Returns:
        Human3.6M-17 name -> index of the joint in the file.

    Raises:
        ValueError: if a joint is not found, or `joint_map` names one that is not there.
    """
    joint_map = dict(joint_map or {})
    unknown = sorted(set(joint_map) - set(MAPPED_JOINTS))
    if unknown:
        raise ValueError(
            f"joint map: '{unknown[0]}' is not a joint that can be mapped; use "
            f"{', '.join(MAPPED_JOINTS)}."
        )
    by_name: dict[str, int] = {}
    for index, name in enumerate(motion.names):
        if motion.channels[index] or not name.endswith(" end"):
            by_name.setdefault(_plain(name), index)
    found = {}
    for joint in MAPPED_JOINTS:
        if joint in joint_map:
            if joint_map[joint] not in motion.names:
                raise ValueError(
                    f"{path} has no joint '{joint_map[joint]}', which the joint map gives for "
                    f"'{joint}'; its joints are {', '.join(motion.names)[:400]}."
                )
            found[joint] = motion.names.index(joint_map[joint])
            continue
        matches = [by_name[name] for name in _candidates(joint) if name in by_name]
        if joint == "head" and not matches:
            matches = [by_name[name] for name in _HEAD_TOPS if name in by_name]
        matches = matches or _ends_below(motion, joint, found)
        if not matches:
            raise ValueError(
                f"{path} has no joint that looks like '{joint}'; name it in a joint map "
                "(joint_map in bvh.json), "
                f"its joints are {', '.join(motion.names)[:400]}."
            )
        found[joint] = matches[0]
    repeated = [name for name in found if list(found.values()).count(found[name]) > 1]
    if repeated:
        raise ValueError(
            f"{path}: '{repeated[0]}' and '{repeated[1]}' are the same joint "
            f"'{motion.names[found[repeated[0]]]}'; name them in a joint map (joint_map in "
            "bvh.json)."
        )
    return found


def _ends_below(motion: BvhMotion, joint: str, found: Mapping[str, int]) -> list[int]:
    """End Sites that stand for a joint: the ankle below the knee, the top of the head above the neck.

    Files of `keras_pose.predict` end there, and so do those of other programs that turn bones.
    """
    above = {
        "ankle": joint.replace("ankle", "knee"),
        "wrist": joint.replace("wrist", "elbow"),
        "head": "thorax",
    }.get(joint.split("_")[-1], "")
    ends: list[int] = []
    for end, parent in enumerate(motion.parents):
        if not _is_end_site(motion, end) or not motion.offsets[end].any() or above not in found:
            continue
        is_direct = parent == found[above]
        # Between a neck and the head's end there may be a joint of no length that turns it alone.
        is_bridged = (
            motion.parents[parent] == found[above]
            and not motion.offsets[parent].any()
            and joint in motion.names[parent].lower()
        )
        if is_direct or is_bridged:
            ends.append(end)
    return ends


def is_top_of_head(motion: BvhMotion, joint: int) -> bool:
    """Tell whether what was found for the head is its top, an End Site or a joint of that name.

    Args:
        motion: the parsed file.
        joint: index in it.
    """
    return _is_end_site(motion, joint) or _plain(motion.names[joint]) in _HEAD_TOPS


def _is_end_site(motion: BvhMotion, joint: int) -> bool:
    return not motion.channels[joint] and motion.names[joint].endswith(" end")


def rest_up(rest: np.ndarray, joints: Mapping[str, int], up: np.ndarray) -> np.ndarray:
    """Return where the body's own top is at rest, which may lie or lean whatever the motion does.

    Args:
        rest: float `[K, 3]`, joint positions at rest.
        joints: of `find_joints`.
        up: float `[3]`, the axis that is up in the motion; taken where the body has no trunk.

    Returns:
        float64 `[3]`, from the middle of the hips to the base of the neck, of length 1.
    """
    trunk = rest[joints["thorax"]] - 0.5 * (rest[joints["right_hip"]] + rest[joints["left_hip"]])
    length = float(np.linalg.norm(trunk))
    return trunk / length if 0 < length < np.inf else up


def check_sides(
    path: str,
    rest: np.ndarray,
    parents: Sequence[int],
    joints: Mapping[str, int],
    up: np.ndarray,
) -> None:
    """Refuse a skeleton whose left and right are exchanged, judged by its rest pose.

    Shoulders must lie as the hips do, and where there are toes, they must point to the front that
    follows from the hips.

    Args:
        path: name of the file, for messages.
        rest: float `[K, 3]`, joint positions at rest.
        parents: index of each joint's parent, -1 for a root.
        joints: of `find_joints`.
        up: float `[3]`, of `rest_up`.

    Raises:
        ValueError: if a side is exchanged.
    """
    hips = rest[joints["right_hip"]] - rest[joints["left_hip"]]
    shoulders = rest[joints["right_shoulder"]] - rest[joints["left_shoulder"]]
    front = np.cross(up, hips)
    toes = [
        rest[child] - rest[parent]
        for child, parent in enumerate(parents)
        if parent in (joints["right_ankle"], joints["left_ankle"])
    ]
    ahead = sum(float(toe @ front) for toe in toes)
    if hips @ shoulders < 0 or ahead < 0:
        found = "the shoulders" if hips @ shoulders < 0 else "the toes"
        raise ValueError(
            f"{path}: {found} do not fit the hips at rest, so left and right are swapped; correct "
            "the joint map (joint_map in bvh.json)."
        )


def unit_metres(rest: np.ndarray, joints: Mapping[str, int], unit: str | float) -> float:
    """Return how many metres one unit of the file is.

    Args:
        rest: float `[K, 3]`, joint positions at rest in the file's unit.
        joints: of `find_joints`.
        unit: "mm", "cm", "inch", "m", metres per unit as a number, or "auto": the named unit in
            which the body is nearest to 1.7 m tall; where none makes it 1.3 to 2.2 m, it is made
            1.7 m tall.

    Returns:
        Metres per unit.

    Raises:
        ValueError: if the unit is unknown or not positive, or the skeleton has no size.
    """
    if isinstance(unit, (int, float)) and not isinstance(unit, bool):
        if not 0 < unit < np.inf:
            raise ValueError(f"unit is {unit}, but metres per unit must be above 0.")
        return float(unit)
    if isinstance(unit, str) and unit in _UNITS_M:
        return _UNITS_M[unit]
    if unit != "auto":
        raise ValueError(f"unit is '{unit}'; use auto, mm, cm, inch, m or metres per unit.")
    stature = _STATURE_RATIO * (_leg_length(rest, joints) + _trunk_length(rest, joints))
    if not 0 < stature < np.inf:
        raise ValueError(
            "the skeleton has no size at rest, so its unit cannot be detected; name it."
        )
    error, metres = min(
        (abs(np.log(size * stature / _STATURE_M)), size) for size in _UNITS_M.values()
    )
    return metres if error < np.log(1.3) else _STATURE_M / stature


def human36m_joints(
    positions: np.ndarray,
    rotations: np.ndarray,
    rest: np.ndarray,
    parents: Sequence[int],
    joints: Mapping[str, int],
    up: np.ndarray,
    head_is_top: bool = False,
) -> np.ndarray:
    """Build Human3.6M-17 joints from those of the file.

    Pelvis: middle of the hip joints. Spine: half way along the back. Nose and top of the head:
        fixed
    in the head, at shares of the trunk's length as in CMU motion capture.

    Args:
        positions: float `[F, K, 3]`.
        rotations: float `[F, K, 3, 3]`.
        rest: float `[K, 3]`, joint positions at rest.
        parents: index of each joint's parent in the file, -1 for a root.
        joints: of `find_joints`.
        up: float `[3]`, of `rest_up`.
        head_is_top: whether `head` is the top of the head instead of its base; the nose is then half
            way to it, and in front as the hips are.

    Returns:
        float64 `[F, 17, 3]` in the file's unit and axes.
    """
    result = np.empty((len(positions), H36M_17.num_joints, 3))
    for name in (*LIMBS, "thorax"):
        result[:, H36M_17.index(name)] = positions[:, joints[name]]
    hips = H36M_17.indices(("right_hip", "left_hip"))
    pelvis = result[:, hips].mean(axis=1)
    result[:, H36M_17.index("pelvis")] = pelvis
    back = _joints_of_the_back(parents, joints)
    segment, share = _half_way(
        [0.5 * (rest[joints["right_hip"]] + rest[joints["left_hip"]]), *rest[back]]
    )
    start = pelvis if segment == 0 else positions[:, back[segment - 1]]
    result[:, H36M_17.index("spine")] = start + share * (positions[:, back[segment]] - start)

    trunk = _trunk_length(rest, joints)
    if head_is_top:
        top = positions[:, joints["head"]]
        neck_base = result[:, H36M_17.index("thorax")]
        across = result[:, hips[1]] - result[:, hips[0]]
        front = np.cross(across, neck_base - pelvis)
        front /= np.maximum(np.linalg.norm(front, axis=-1, keepdims=True), 1e-12)
        result[:, H36M_17.index("nose")] = 0.5 * (neck_base + top) + 0.14 * trunk * front
        result[:, H36M_17.index("head")] = top
        return result
    right = rest[joints["right_hip"]] - rest[joints["left_hip"]]
    right = right - up * (right @ up)
    right = right / max(np.linalg.norm(right), 1e-12)
    front = np.cross(up, right)  # at rest all joints share the file's axes
    base, turned = positions[:, joints["head"]], rotations[:, joints["head"]]
    neck = np.linalg.norm(rest[joints["head"]] - rest[joints["thorax"]])
    # Base of the neck to nose 0.22 and to top of the head 0.44 trunk lengths, nose 0.14 to the
    # front.
    nose = up * max(0.22 * trunk - neck, 0.0) + front * (0.14 * trunk)
    top = up * max(0.44 * trunk - neck, 0.2 * trunk) + front * (0.04 * trunk)
    result[:, H36M_17.index("nose")] = base + turned @ nose
    result[:, H36M_17.index("head")] = base + turned @ top
    return result


def _plain(name: str) -> str:
    """Strip name spaces and rig prefixes and keep letters and digits only."""
    name = _PREFIX.sub("", name.rsplit(":", 1)[-1].strip())
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _candidates(joint: str) -> list[str]:
    if joint in _TRUNK_NAMES:
        return list(_TRUNK_NAMES[joint])
    side, part = joint.split("_")
    return [
        form
        for name in _LIMB_NAMES[part]
        for form in (f"{side}{name}", f"{side[0]}{name}", f"{name}{side[0]}", f"{name}{side}")
    ]


def _joints_of_the_back(parents: Sequence[int], joints: Mapping[str, int]) -> list[int]:
    """Joints from above the pelvis up to the thorax, both hips' ancestors left out."""
    below = set()
    joint = joints["right_hip"]
    while joint >= 0:
        below.add(joint)
        joint = parents[joint]
    back, joint = [], joints["thorax"]
    while joint >= 0 and joint not in below:
        back.append(joint)
        joint = parents[joint]
    return back[::-1] or [joints["thorax"]]


def _half_way(points: Sequence[np.ndarray]) -> tuple[int, float]:
    """Find the segment of a line of points, and the share of it, that halves the line's length."""
    lengths = np.linalg.norm(np.diff(np.asarray(points), axis=0), axis=1)
    before = np.concatenate([[0.0], np.cumsum(lengths)])
    half = 0.5 * before[-1]
    segment = min(int(np.searchsorted(before, half, side="right")) - 1, len(lengths) - 1)
    return segment, float((half - before[segment]) / max(lengths[segment], 1e-12))


def _leg_length(rest: np.ndarray, joints: Mapping[str, int]) -> float:
    hip, knee, ankle = (rest[joints[f"right_{name}"]] for name in ("hip", "knee", "ankle"))
    return float(np.linalg.norm(hip - knee) + np.linalg.norm(knee - ankle))


def _trunk_length(rest: np.ndarray, joints: Mapping[str, int]) -> float:
    pelvis = 0.5 * (rest[joints["right_hip"]] + rest[joints["left_hip"]])
    return float(np.linalg.norm(rest[joints["thorax"]] - pelvis))
