"""Named conversions between joint orders.

Each conversion lists, for every target joint, which source joints it is made of. A joint counts
as known when the source annotates it or a midpoint of annotated joints is its usual definition;
otherwise it is an estimate under the rule given here, and its `known` flag is False.
"""

from collections.abc import Iterable, Mapping

import numpy as np

from keras_pose.skeletons.body import (
    BODY_33_MEDIAPIPE,
    COCO_17,
    H36M_17,
    H36M_17_RIGHT_ARM_FIRST,
    H36M_32,
    LSP_14,
    MPI_INF_3DHP_17,
    MPI_INF_3DHP_28,
    MPII_16,
    MPII_16_SPINE,
)
from keras_pose.skeletons.hand import HAND_21_AIT, HAND_21_FREIHAND, HAND_21_MEDIAPIPE
from keras_pose.skeletons.skeleton import Skeleton

Rule = tuple[tuple[str, float], ...]  # (source joint, weight); weights sum to 1
Table = tuple[tuple[tuple[tuple[int, float], ...], ...], tuple[bool, ...]]


def _middle(*names: str) -> Rule:
    return tuple((name, 1.0 / len(names)) for name in names)


def _table(
    source: Skeleton,
    target: Skeleton,
    rules: Mapping[str, Rule | str] | None = None,
    estimated: Iterable[str] = (),
) -> Table:
    """Resolve names to indices; a joint without a rule takes the source joint of its name."""
    rules, rows = dict(rules or {}), []
    for joint in target.joints:
        rule = rules.pop(joint, joint)
        rule = ((rule, 1.0),) if isinstance(rule, str) else rule
        rows.append(tuple((source.index(name), weight) for name, weight in rule))
    assert not rules, f"rules for joints that {target.name} lacks: {sorted(rules)}"
    unknown = set(target.indices(estimated))
    return tuple(rows), tuple(index not in unknown for index in range(target.num_joints))


# 3DHP's `neck` is the base of the neck, where the clavicles begin, and its `head` the middle of
# the head, which stands in for Human3.6M's nose as in every published 3DHP-to-H36M reader.
_TRUNK_OF_3DHP: dict[str, Rule | str] = {"thorax": "neck", "nose": "head", "head": "head_top"}

# Human3.6M's thorax is MPII's upper neck (Wild3D's own table says so too): from there to the top
# of the head both measure about 0.23 m. MPII annotates no nose: halfway up the head is an
# estimate that lacks the nose's forward offset.
_MPII_TO_H36M: dict[str, Rule | str] = {
    "spine": _middle("pelvis", "upper_neck"),
    "thorax": "upper_neck",
    "nose": _middle("upper_neck", "head_top"),
    "head": "head_top",
}
_H36M_TO_MPII: dict[str, Rule | str] = {
    "thorax": _middle("left_shoulder", "right_shoulder"),
    "upper_neck": "thorax",
    "head_top": "head",
}
_H36M_TO_SPINE: dict[str, Rule | str] = {"upper_neck": "thorax", "head_top": "head"}
_SPINE_TO_H36M: dict[str, Rule | str] = {
    "thorax": "upper_neck",
    "nose": _middle("upper_neck", "head_top"),
    "head": "head_top",
}
_3DHP_TO_SPINE: dict[str, Rule | str] = {"upper_neck": "neck"}
_BETWEEN_SHOULDERS: dict[str, Rule | str] = {"thorax": _middle("left_shoulder", "right_shoulder")}
_LSP_TO_MPII: dict[str, Rule | str] = {
    "pelvis": _middle("left_hip", "right_hip"),
    "upper_neck": "neck",
    **_BETWEEN_SHOULDERS,
}

# COCO annotates no top of the head: from the middle of the shoulders to the middle of the ears and
# 0.6 of that again, which is an adult's proportion and an estimate.
_BEYOND_EARS = 0.6
_COCO_TO_H36M: dict[str, Rule | str] = {
    "pelvis": _middle("left_hip", "right_hip"),
    "spine": _middle("left_hip", "right_hip", "left_shoulder", "right_shoulder"),
    "thorax": _middle("left_shoulder", "right_shoulder"),
    "head": (
        ("left_ear", (1 + _BEYOND_EARS) / 2),
        ("right_ear", (1 + _BEYOND_EARS) / 2),
        ("left_shoulder", -_BEYOND_EARS / 2),
        ("right_shoulder", -_BEYOND_EARS / 2),
    ),
}
_COCO_TO_MPII: dict[str, Rule | str] = {
    "pelvis": _COCO_TO_H36M["pelvis"],
    "thorax": _COCO_TO_H36M["thorax"],
    "upper_neck": _COCO_TO_H36M["thorax"],
    "head_top": _COCO_TO_H36M["head"],
}

_TO_MEDIAPIPE: dict[str, Rule | str] = {
    "thumb_cmc": "thumb_mcp",
    "thumb_mcp": "thumb_pip",
    "thumb_ip": "thumb_dip",
}
_FROM_MEDIAPIPE: dict[str, Rule | str] = {
    "thumb_mcp": "thumb_cmc",
    "thumb_pip": "thumb_mcp",
    "thumb_dip": "thumb_ip",
}

_TABLES: dict[tuple[str, str], Table] = {
    (source.name, target.name): _table(source, target, rules, estimated)
    for source, target, rules, estimated in (
        (H36M_32, H36M_17, None, ()),
        (H36M_17_RIGHT_ARM_FIRST, H36M_17, None, ()),
        (H36M_17, H36M_17_RIGHT_ARM_FIRST, None, ()),
        (MPI_INF_3DHP_28, MPI_INF_3DHP_17, None, ()),
        (MPI_INF_3DHP_28, H36M_17, _TRUNK_OF_3DHP, ()),
        (MPI_INF_3DHP_17, H36M_17, _TRUNK_OF_3DHP, ()),
        (MPII_16, H36M_17, _MPII_TO_H36M, ("nose",)),
        (H36M_17, MPII_16, _H36M_TO_MPII, ()),
        (H36M_17, MPII_16_SPINE, _H36M_TO_SPINE, ()),
        (H36M_17_RIGHT_ARM_FIRST, MPII_16, _H36M_TO_MPII, ()),
        (H36M_17_RIGHT_ARM_FIRST, MPII_16_SPINE, _H36M_TO_SPINE, ()),
        (H36M_32, MPII_16, _H36M_TO_MPII, ()),
        (H36M_32, MPII_16_SPINE, _H36M_TO_SPINE, ()),
        (MPI_INF_3DHP_17, MPII_16, _3DHP_TO_SPINE | _BETWEEN_SHOULDERS, ()),
        (MPI_INF_3DHP_17, MPII_16_SPINE, _3DHP_TO_SPINE, ()),
        (MPI_INF_3DHP_28, MPII_16, _3DHP_TO_SPINE | _BETWEEN_SHOULDERS, ()),
        (MPI_INF_3DHP_28, MPII_16_SPINE, _3DHP_TO_SPINE, ()),
        (MPII_16_SPINE, MPII_16, _BETWEEN_SHOULDERS, ()),
        (MPII_16, MPII_16_SPINE, {"spine": _MPII_TO_H36M["spine"]}, ("spine",)),
        (MPII_16_SPINE, H36M_17, _SPINE_TO_H36M, ("nose",)),
        (LSP_14, MPII_16, _LSP_TO_MPII, ()),
        (COCO_17, H36M_17, _COCO_TO_H36M, ("head",)),
        (COCO_17, MPII_16, _COCO_TO_MPII, ("upper_neck", "head_top")),
        (BODY_33_MEDIAPIPE, COCO_17, None, ()),
        (BODY_33_MEDIAPIPE, H36M_17, _COCO_TO_H36M, ("head",)),
        (BODY_33_MEDIAPIPE, MPII_16, _COCO_TO_MPII, ("upper_neck", "head_top")),
        (HAND_21_FREIHAND, HAND_21_AIT, None, ()),
        (HAND_21_AIT, HAND_21_FREIHAND, None, ()),
        (HAND_21_FREIHAND, HAND_21_MEDIAPIPE, _TO_MEDIAPIPE, ()),
        (HAND_21_MEDIAPIPE, HAND_21_FREIHAND, _FROM_MEDIAPIPE, ()),
        (HAND_21_AIT, HAND_21_MEDIAPIPE, _TO_MEDIAPIPE, ()),
        (HAND_21_MEDIAPIPE, HAND_21_AIT, _FROM_MEDIAPIPE, ()),
    )
}


def converters() -> tuple[tuple[str, str], ...]:
    """List the conversions that exist.

    Returns:
        Pairs (source name, target name), sorted.
    """
    return tuple(sorted(_TABLES))


def convert(
    points: np.ndarray, source: Skeleton, target: Skeleton
) -> tuple[np.ndarray, np.ndarray]:
    """Rearrange points from one joint order into another.

    Midpoint rules: COCO's pelvis is the middle of the hips, its thorax the middle of the
    shoulders, its spine the middle of those two; MPII's spine is the middle of pelvis and upper
    neck; MPII's thorax is the middle of the shoulders wherever the source has none, LSP's pelvis
    the middle of the hips. Estimates that are not `known`: the nose and the middle of the back from
    MPII, the top of the head and MPII's upper neck from COCO. A missing source joint (NaN) makes
    only those target joints NaN that are built from it.

    Args:
        points: floating or integer `[..., J, D]`, any unit and frame, D = 2 or 3.
        source: joint order of the points.
        target: joint order wanted.

    Returns:
        `points [..., J2, D]`, floating, and `known bool [J2]`.

    Raises:
        ValueError: if the joint count is not the source's, no such conversion exists, or the third
            coordinate is a confidence beside pixels.

    Example:
        >>> import numpy as np
        >>> from keras_pose.skeletons import COCO_17, H36M_17, convert
        >>> coco = np.zeros((1, 17, 2))
        >>> coco[0, COCO_17.indices(("left_hip", "right_hip"))] = [[4.0, 2.0], [2.0, 2.0]]
        >>> points, known = convert(coco, COCO_17, H36M_17)
        >>> points[0, H36M_17.index("pelvis")].tolist()
        [3.0, 2.0]
    """
    points = np.asarray(points)
    if points.ndim < 2 or points.shape[-2] != source.num_joints:
        raise ValueError(
            f"points must have the shape [..., {source.num_joints}, coordinates] for "
            f"{source.name!r}, but they have the shape {list(points.shape)}."
        )
    if points.shape[-1] == 3 and _has_confidence(points):
        raise ValueError(
            "The third coordinate of points lies between 0 and 1 beside pixels, as confidences do; "
            "give points[..., :2]."
        )
    if not np.issubdtype(points.dtype, np.floating):
        points = points.astype(np.result_type(points.dtype, np.float32))
    if source == target:
        return points.copy(), np.ones(target.num_joints, bool)
    if (source.name, target.name) not in _TABLES:
        from_source = [to for start, to in converters() if start == source.name] or ["none"]
        raise ValueError(
            f"There is no conversion from {source.name!r} to {target.name!r}; from "
            f"{source.name!r} there are: {', '.join(from_source)}."
        )
    rows, known = _TABLES[source.name, target.name]
    converted = np.empty((*points.shape[:-2], target.num_joints, points.shape[-1]), points.dtype)
    for joint, row in enumerate(rows):
        # Joint by joint rather than as one matrix product, in which 0 * NaN would spread.
        converted[..., joint, :] = sum(
            points[..., index, :] * points.dtype.type(weight) for index, weight in row
        )
    return converted, np.array(known)


def _has_confidence(points: np.ndarray) -> bool:
    """Tell detectors' (x, y, confidence) from 3D: fractions beside numbers of pixels' size."""
    known = points[np.isfinite(points).all(-1)]
    if not len(known):
        return False
    third = known[:, 2]
    is_share = bool((third >= 0).all() and (third <= 1).all() and (third % 1 > 0).any())
    return is_share and bool(np.abs(known[:, :2]).max() > 10.0)
