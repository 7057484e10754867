"""Predicted poses as files that explain themselves: JSON, CSV and NPZ with units and frames in front."""

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_pose.export import write_file
from keras_pose.skeletons import MPII_16, MPII_16_SPINE
from keras_pose.wild3d.exported import Body

FORMATS = ("json", "csv", "npz")
_UNITS = {
    "picture": "file name; of a video, the frame's number from 0",
    "box": "x, y, width, height in pixels of the picture: the square that the network saw",
    "keypoints_2d_px": "pixels of the picture, x right, y down; the centre of the top-left pixel is "
    "(0.5, 0.5); joints in the order joints_2d",
    "score": "peak of the joint's map, about 1 when sure",
    "depth_half_sides": "away from the camera, relative to the pelvis, in half sides of the box",
    "keypoints_3d_m": "metres, x right, y down, z away from the camera, pelvis at the origin; joints in "
    "the order joints_3d, whose row 7 is the spine, not the thorax; null without a size",
    "position_m": "metres, the pelvis in the camera frame, approximate (weak perspective); null "
    "without a camera",
    "valid": "false where the box shows nothing of the picture",
}


@dataclass(frozen=True)
class FoundBody:
    """One person of one picture or frame.

    Attributes:
        picture: name of the picture; of a video, the frame's number as text.
        person: number of the person in it, from 0.
        body: what was found.
    """

    picture: str
    person: int
    body: Body


def header(**facts) -> dict:
    """What must be known to read the numbers.

    Args:
        **facts: of this prediction: model, camera, size.

    Returns:
        Those facts, units and frames of every field, and the names of the joints.
    """
    return {
        **facts,
        "units": _UNITS,
        "joints_2d": list(MPII_16.joints),
        "joints_3d": list(MPII_16_SPINE.joints),
    }


def write_poses(path: Path, head: dict, found: Sequence[FoundBody]) -> None:
    """Writes poses in the format that the name's ending says.

    Args:
        path: `.json`, `.csv` or `.npz`.
        head: from `header`.
        found: the persons.

    Raises:
        ValueError: if the ending is none of these.
        OSError: if it cannot be written; an older file is then untouched.
    """
    writers = {".json": _json, ".csv": _csv, ".npz": _npz}
    if path.suffix not in writers:
        raise ValueError(f"{path} ends in {path.suffix!r}; choose one of {', '.join(FORMATS)}.")
    write_file(path, writers[path.suffix](head, found))


def _json(head, found):
    text = json.dumps(head | {"poses": [_entry(one) for one in found]}, indent=1, allow_nan=False)
    # A point per line, not a number per line.
    numbers = re.compile(r"\[\s+([-+.\deE,\s]*?)\s+\]")
    return numbers.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def _entry(one):
    body = one.body

    def rounded(values, digits):
        return None if values is None else values.round(digits).tolist()

    return {
        "picture": one.picture,
        "person": one.person,
        "valid": body.valid,
        "box": rounded(np.where(np.isfinite(body.box), body.box, 0.0), 3),
        "keypoints_2d_px": rounded(body.keypoints_2d, 3),
        "score": rounded(body.score, 4),
        "depth_half_sides": rounded(body.depth, 5),
        "keypoints_3d_m": rounded(body.keypoints_3d, 5),
        "position_m": rounded(body.position, 4),
    }


def _csv(head, found):
    """A line per joint; lines of the header begin with #."""
    text = io.StringIO()
    for name, value in head.items():
        text.write(f"# {name}: {json.dumps(value)}\n")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        "picture person valid joint_2d x_px y_px score depth_half_sides joint_3d x_m y_m z_m "
        "position_x_m position_y_m position_z_m".split()
    )
    for one in found:
        body = one.body
        place = ["", "", ""] if body.position is None else body.position.round(4).tolist()
        for row, (plane, space) in enumerate(
            zip(MPII_16.joints, MPII_16_SPINE.joints, strict=True)
        ):
            point = [""] * 3 if body.keypoints_3d is None else body.keypoints_3d[row].round(5)
            rows.writerow(
                [one.picture, one.person, int(body.valid), plane]
                + [*body.keypoints_2d[row].round(3), round(float(body.score[row]), 4)]
                + [round(float(body.depth[row]), 5), space, *point, *place]
            )
    return text.getvalue()


def _npz(head, found):
    """Arrays of all persons; what is unknown is NaN. `header` is JSON text."""
    count, joints = len(found), MPII_16.num_joints

    def stacked(name, shape):
        values = [getattr(one.body, name) for one in found]
        rows = [np.full(shape, np.nan) if value is None else value for value in values]
        return np.array(rows, np.float64).reshape(count, *shape)

    content = io.BytesIO()
    np.savez_compressed(
        content,
        header=json.dumps(head),
        picture=np.array([one.picture for one in found], np.str_),
        person=np.array([one.person for one in found], np.int64),
        valid=np.array([one.body.valid for one in found], bool),
        box=stacked("box", (4,)),
        keypoints_2d_px=stacked("keypoints_2d", (joints, 2)),
        score=stacked("score", (joints,)),
        depth_half_sides=stacked("depth", (joints,)),
        keypoints_3d_m=stacked("keypoints_3d", (joints, 3)),
        position_m=stacked("position", (3,)),
    )
    return content.getvalue()
