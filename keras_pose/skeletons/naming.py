"""Joint names as files spell them, and which joint order they name.

"LShoulder", "left shoulder" and "shoulder_l" are one joint; "hip" without a side is the pelvis.
"""

import re
from collections.abc import Iterable, Sequence

import numpy as np

from keras_pose.skeletons.catalogue import SKELETONS
from keras_pose.skeletons.conversion import convert
from keras_pose.skeletons.hand import HANDS
from keras_pose.skeletons.skeleton import Skeleton

_SIDES = {"left": "left", "l": "left", "right": "right", "r": "right"}
_PARTS = "shoulder elbow wrist hand hip knee ankle foot eye ear toe heel clavicle paw".split()
_WORDS = {
    **{word: "index" for word in ("forefinger", "pointer")},
    **{word: "pinky" for word in ("little", "small", "pinkie")},
    "centre": "center",
    "mid": "middle",
}
# What else a joint is called, where the file names no other joint so.
_OTHER_NAMES = {
    "pelvis": ("hip", "hips", "root", "middle_hip", "hip_center", "center_hip"),
    "upper_neck": ("neck",),
    "head_top": ("top_head", "top_of_head", "head"),
    "head": ("head_top", "top_head", "top_of_head"),
    "left_ankle": ("left_foot",),
    "right_ankle": ("right_foot",),
    "wrist": ("palm",),
}
# Human3.6M's nose is called so in files of VideoPose3D, of the 3D baseline and of MMPose.
_HUMAN36M_NAMES = {"nose": ("neck_nose", "neck", "neck_base")}
_COUNTED = re.compile(
    r"(keypoint|joint|point|landmark|kpt?s?|pt|[pjkv])?[ _.\-]*\d+", re.IGNORECASE
)


def plain_joint_name(name: str) -> str:
    """Spell a joint name as the house does: side first, words parted by an underscore.

    Args:
        name: as a file has it, in any case, with any separators, the side as a word or a letter.

    Returns:
        For example "left_shoulder" of "LShoulder", "Shoulder.L", "left shoulder" or "shoulderLeft".
    """
    text = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", str(name))
    text = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", text).lower()
    words = [word for word in re.findall(r"[a-z]+|\d+", text) if word != "finger"]
    words = [part for word in words for part in _split_side(word)]
    side = next((_SIDES[word] for word in words if word in _SIDES), "")
    rest = [_WORDS.get(word, word) for word in words if word not in _SIDES]
    return "_".join(([side] if side else []) + rest)


def _split_side(word: str) -> list[str]:
    """Part a side that is glued to a joint: "rknee", "kneer", "leftknee"."""
    for side in ("left", "right"):
        if word != side and word.startswith(side):
            return [side, word[len(side) :]]
        if word != side and word.endswith(side):
            return [side, word[: -len(side)]]
    if word[:1] in "lr" and word[1:] in _PARTS:
        return [word[0], word[1:]]
    if word[-1:] in "lr" and word[:-1] in _PARTS:
        return [word[-1], word[:-1]]
    return [word]


def are_counted(names: Sequence[str]) -> bool:
    """Tell whether names only count joints ("0", "kp_1", "joint 2"), so that they say no order.

    Args:
        names: as a file has them.
    """
    return all(_COUNTED.fullmatch(str(name).strip()) is not None for name in names)


def rows_by_name(
    names: Sequence[str], order: Skeleton, allow_more: bool = False
) -> list[int] | None:
    """Find the joints of an order among the names of a file.

    Args:
        names: the file's, in its order.
        order: the joint order wanted; a hand's joints may be named as in any order of hands.
        allow_more: whether the file may name joints that the order lacks.

    Returns:
        For each joint of the order, its position among the names; None where they do not name exactly
        these joints.
    """
    plain = [plain_joint_name(name) for name in names]
    if order not in HANDS:
        return _rows(plain, order, allow_more)
    sides = {name.split("_")[0] for name in plain}
    if sides in ({"left"}, {"right"}):
        plain = [name.partition("_")[2] for name in plain]
    for hand in HANDS:
        rows = _rows(plain, hand, allow_more)
        if rows is not None:
            moved, _ = convert(np.array(rows, np.float64)[:, None], hand, order)
            return moved[:, 0].astype(int).tolist()
    return None


def _rows(plain: list[str], order: Skeleton, allow_more: bool) -> list[int] | None:
    others = _other_names(order)
    taken: dict[str, int] = {}
    for joint in order.joints:
        own = plain_joint_name(joint)
        if own in plain:
            taken[joint] = plain.index(own)
    for joint in order.joints:
        if joint not in taken:
            free = [name for name in others.get(joint, ()) if name in plain]
            free = [name for name in free if plain.index(name) not in taken.values()]
            if not free:
                return None
            taken[joint] = plain.index(free[0])
    rows = [taken[joint] for joint in order.joints]
    is_whole = len(plain) == order.num_joints or allow_more
    return rows if is_whole and len(set(plain)) == len(plain) else None


def _other_names(order: Skeleton) -> dict[str, tuple[str, ...]]:
    if order in HANDS:
        numbered = {}
        for joint in order.joints[1:]:
            finger = joint.split("_")[0]
            chain = [name for name in order.joints if name.startswith(finger)]
            numbered[joint] = (f"{finger}_{chain.index(joint) + 1}",)
        return {"wrist": _OTHER_NAMES["wrist"], **numbered}
    return {**_OTHER_NAMES, **(_HUMAN36M_NAMES if order.name.startswith("h36m_17") else {})}


def order_by_name(
    names: Sequence[str],
    candidates: Iterable[Skeleton] = tuple(SKELETONS.values()),
    allow_more: bool = False,
) -> tuple[Skeleton, list[int]] | None:
    """Find the joint order whose joints a file names.

    Args:
        names: the file's, in its order.
        candidates: joint orders, best first.
        allow_more: whether the file may name further joints.

    Returns:
        The order, and for each of its joints the position among the names; None where there is none.
    """
    for order in candidates:
        rows = rows_by_name(names, order, allow_more)
        if rows is not None:
            return order, rows
    return None


def first_difference(names: Sequence[str], order: Skeleton) -> str:
    """Word where the names of a file first differ from those of an order.

    Args:
        names: the file's, in its order.
        order: the joint order that was assumed.

    Returns:
        Words such as "joint 0 is called 'neck' where coco_17 has 'nose'".
    """
    others = _other_names(order)
    for row, (name, joint) in enumerate(zip(names, order.joints, strict=False)):
        plain = plain_joint_name(name)
        if plain != plain_joint_name(joint) and plain not in others.get(joint, ()):
            return f"joint {row} is called {str(name)!r} where {order.name} has {joint!r}"
    return f"it names {len(names)} joints and {order.name} has {order.num_joints}"
