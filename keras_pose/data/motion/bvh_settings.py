"""What a user may say about a folder of BVH files, as arguments or in `bvh.json` beside them."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

from keras_pose.files import read_json

_FILE = "bvh.json"


@dataclasses.dataclass(frozen=True)
class BvhSettings:
    """How to read a folder of BVH files; the fields are the keys of `bvh.json`.

    Attributes:
        joint_map: Human3.6M-17 name -> name in the files.
        unit: "auto", "mm", "cm", "inch", "m" or metres per unit.
        up_axis: "y" or "z".
        frames_per_second: wanted rate, or None for all frames.
        skip_frames: frames left out at the start of every file.
        licence: what the licence of the files says.

    Raises:
        ValueError: if a value is not one of these.
    """

    joint_map: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unit: str | float = "auto"
    up_axis: str = "y"
    frames_per_second: float | None = None
    skip_frames: int = 0
    licence: str = "the user's own"

    def __post_init__(self) -> None:
        """Refuse what the readers could not use; the unit is judged where it is used."""
        joint_map = self.joint_map
        if not isinstance(joint_map, Mapping) or not all(
            isinstance(name, str) for name in joint_map.values()
        ):
            raise ValueError(
                f"joint_map is {joint_map!r}, which is not a table of joint names; give one such as "
                '{"right_hip": "RThigh"}.'
            )
        if self.up_axis not in ("y", "z"):
            raise ValueError(f"up_axis is '{self.up_axis}'; use 'y' or 'z'.")
        if type(self.skip_frames) is not int or self.skip_frames < 0:
            raise ValueError(
                f"skip_frames is {self.skip_frames}; use a whole number of at least 0."
            )
        rate = self.frames_per_second
        if rate is not None and not (isinstance(rate, (int, float)) and rate > 0):
            raise ValueError(f"frames_per_second is {rate}; use a rate above 0.")


def read_settings(
    folder: str | os.PathLike[str],
    joint_map: str | os.PathLike[str] | Mapping[str, str] | None,
    unit: str | float | None,
    up_axis: str | None,
    frames_per_second: float | None,
    skip_frames: int | None,
    licence: str | None,
) -> BvhSettings:
    """Join arguments with `bvh.json` of the folder; an argument that is not None wins.

    Args:
        folder: folder of BVH files, or one such file (then there is no `bvh.json`).
        joint_map: mapping, or the JSON file that holds it.
        unit: as in `BvhSettings`, and so are the others.
        up_axis: see there.
        frames_per_second: see there.
        skip_frames: see there.
        licence: see there.

    Returns:
        The settings.

    Raises:
        ValueError: if `bvh.json` or the joint map is broken, or a value is wrong.
    """
    arguments = {
        "joint_map": joint_map,
        "unit": unit,
        "up_axis": up_axis,
        "frames_per_second": frames_per_second,
        "skip_frames": skip_frames,
        "licence": licence,
    }
    values: dict[str, Any] = {}
    path = os.path.join(os.fspath(folder), _FILE)
    if os.path.isfile(path):
        values = read_json(path, "give a JSON table of settings (docs/data.md)")
        unknown = sorted(set(values) - set(arguments))
        if unknown:
            raise ValueError(
                f"{path}: '{unknown[0]}' is not a setting; use {', '.join(arguments)}."
            )
        try:
            BvhSettings(**values)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
    if isinstance(joint_map, (str, os.PathLike)):
        arguments["joint_map"] = read_json(
            joint_map, 'give a JSON file such as {"right_hip": "RThigh"}'
        )
    values |= {name: value for name, value in arguments.items() if value is not None}
    return BvhSettings(**values)
