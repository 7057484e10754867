"""The protocol of a number: everything two people must agree on before they compare it.

`PA-MPJPE` alone is at least two numbers; `pa-mpjpe[align=similarity,reflection=forbid,
scale=per-pose,root=none,joints=h36m_17,unit=mm]` is one. Ids are stable: they are written into
result files and parsed back.
"""

import re
from dataclasses import dataclass

from keras_pose.geometry.shapes import require_choice
from keras_pose.skeletons import Skeleton, by_name

ALIGNMENTS = ("none", "root", "similarity")
REFLECTIONS = ("none", "forbid", "best")
# The prediction comes in a size of its own: its 14 bones sum to Zhou et al. 2017's constant, to the mean
# of the training records, or to the truth's.
OWN_SIZES = ("bones-4296.99mm", "training-bones", "true-bones")
SCALE_RULES = ("none", "least-squares", "norm-ratio", "per-pose", *OWN_SIZES)

_TOKEN = re.compile(r"[A-Za-z0-9_.@/+-]+")
_KEYS = {
    "align": "alignment",
    "reflection": "reflection",
    "scale": "scale_rule",
    "root": "root",
    "joints": "joint_set",
    "unit": "unit",
}


@dataclass(frozen=True)
class Protocol:
    """How a number was measured.

    Args:
        measure: what, for example `mpjpe`, `pa-mpjpe`, `3dpck@150mm`, `3dauc@0-150mm/31`.
        alignment: `none`, `root` (root joints moved together) or `similarity` (Procrustes).
        reflection: `forbid` or `best` under `similarity`, else `none`.
        scale_rule: `per-pose` under `similarity`; else `least-squares`, `norm-ratio`, `none` or one of
            `OWN_SIZES`, which say how the prediction was sized before it was measured.
        root: name of the root joint under `root`, else `none`.
        joint_set: skeleton name, with `-joint` for each joint left out: `h36m_17-pelvis`.
        unit: unit of the number: `mm`, `percent`, `share`, ...

    Raises:
        ValueError: if the fields contradict each other or hold characters an id cannot carry.
    """

    measure: str
    alignment: str = "none"
    reflection: str = "none"
    scale_rule: str = "none"
    root: str = "none"
    joint_set: str = "h36m_17"
    unit: str = "mm"

    def __post_init__(self) -> None:
        for field in ("measure", *_KEYS.values()):
            value = getattr(self, field)
            if not isinstance(value, str) or not _TOKEN.fullmatch(value):
                raise ValueError(
                    f"Protocol field {field} must be one word of letters, digits and _.@/+-, "
                    f"but it is {value!r}."
                )
        require_choice("Protocol field alignment", self.alignment, ALIGNMENTS)
        require_choice("Protocol field reflection", self.reflection, REFLECTIONS)
        require_choice("Protocol field scale_rule", self.scale_rule, SCALE_RULES)
        similar = self.alignment == "similarity"
        if similar != (self.reflection != "none") or similar != (self.scale_rule == "per-pose"):
            raise ValueError(
                "A protocol with alignment similarity, and no other, has a reflection of forbid or "
                f"best and the scale rule per-pose, but this one has {self.alignment}, "
                f"{self.reflection} and {self.scale_rule}."
            )
        if (self.alignment == "root") != (self.root != "none"):
            raise ValueError(
                "A protocol with alignment root, and no other, names a root joint, but this one "
                f"has alignment {self.alignment} and root {self.root}."
            )
        if self.alignment == "none" and self.scale_rule != "none":
            raise ValueError(
                f"A protocol with the scale rule {self.scale_rule} needs alignment root, but this "
                "one has none."
            )

    @property
    def id(self) -> str:
        """The protocol as one stable, readable word."""
        rest = ",".join(f"{key}={getattr(self, field)}" for key, field in _KEYS.items())
        return f"{self.measure}[{rest}]"

    @classmethod
    def parse(cls, text: str) -> "Protocol":
        """Read an id back.

        Args:
            text: what `id` returned.

        Returns:
            The equal protocol.

        Raises:
            ValueError: if the text is no id.
        """
        pattern = r"([^\[\]]+)\[" + ",".join(f"{key}=([^,\\[\\]]+)" for key in _KEYS) + r"\]"
        match = re.fullmatch(pattern, text)
        if match is None:
            raise ValueError(
                f"{text!r} is not a protocol id; one looks like {Protocol('mpjpe').id!r}."
            )
        measure, *values = match.groups()
        return cls(measure, **dict(zip(_KEYS.values(), values, strict=True)))

    @property
    def skeleton(self) -> Skeleton:
        """The joint order that the joint set names.

        Raises:
            ValueError: if there is no such skeleton.
        """
        return by_name(self.joint_set.split("-")[0])

    @property
    def kept_joints(self) -> tuple[int, ...]:
        """Indices of the joints that are scored, in order.

        Raises:
            ValueError: if the joint set leaves out a joint that does not exist, or every joint.
        """
        skeleton = self.skeleton
        dropped = set(skeleton.indices(self.joint_set.split("-")[1:]))
        kept = tuple(joint for joint in range(skeleton.num_joints) if joint not in dropped)
        if not kept:
            raise ValueError(f"The joint set {self.joint_set!r} leaves out every joint.")
        return kept


def joint_set(skeleton: Skeleton, exclude: tuple[str, ...] = ()) -> str:
    """Name a joint set.

    Args:
        skeleton: joint order.
        exclude: names of joints that are not scored.

    Returns:
        For example `h36m_17-pelvis`; excluded joints in skeleton order, each once.

    Raises:
        ValueError: if an excluded joint does not exist.
    """
    dropped = sorted(set(skeleton.indices(exclude)))
    return "-".join([skeleton.name, *(skeleton.joints[joint] for joint in dropped)])
