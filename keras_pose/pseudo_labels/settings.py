"""What the command for labels by a teacher can be told."""

import dataclasses
from typing import Any

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the command; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    pictures: str = option("", "Folder of pictures, with its subfolders.", exists="folder")
    teacher: str = option("", "Served hand or body network that gives the labels.", exists="folder")
    finder: str = option(
        "",
        "Served finder of the same kind, which says where to look; empty takes whole pictures.",
        exists="folder",
    )
    output: str = option("", "File to write, ending in .json.")
    agreement: float = option(
        0.05,
        "Largest mean distance, over the box's longer side, between what the teacher says of a "
        "picture and of its variants (mirrored, and seen in a larger box); what disagrees more is left "
        "out.",
        low=0.001,
        high=1.0,
    )
    min_score: float = option(0.3, "Joints with a lower score are not labelled.", low=0.0, high=1.0)
    min_joints: int = option(6, "Leave out who has fewer labelled joints.", low=1)
    side: str = option(
        "right",
        "Which hands the pictures show; only for networks that are shown left hands mirrored.",
        choices=("right", "left"),
    )

    def __post_init__(self):
        check_ranges(self)

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which there are none.

        Raises:
            ValueError: if a place is missing.
        """
        for flag in ("pictures", "teacher", "output"):
            if not getattr(self, flag):
                raise ValueError(f"--{flag} is empty; python -m keras_pose.pseudo_labels --help.")
        if not self.output.endswith(".json"):
            raise ValueError(f"--output={self.output} must end in .json.")
