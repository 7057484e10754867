"""Found poses as files that explain themselves: JSON, CSV and NPZ with units and frames in front."""

import csv
import io
import json
import re
from collections.abc import Sequence

import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.skeletons import Skeleton

FRAME = (
    "axes of the camera: x right, y down, z forward, away from the camera; the origin is the camera "
    "where is_root_relative is false, else the root joint (of a hand on a body: the body's)"
)
UNITS = {
    "picture": "file name; of a video or camera, the frame's number from 0",
    "times_s": "of a video or camera: when each frame was seen, seconds after the first one",
    "person": "number in the picture from 0; a body and its hands have the same",
    "box": "x, y, width, height in pixels of the picture: where it was looked for",
    "keypoints_2d_px": "pixels of the upright picture, x right, y down; the centre of the top-left "
    "pixel is (0.5, 0.5)",
    "score": "0 to about 1, the peak of the joint's heat map; 1 throughout where the network knows none",
    "depth": "away from the camera, relative to the root, in the unit that depth_unit names for its kind",
    "sigma_2d_px": "pixels, standard deviation of x and of y (Laplace), null where unknown; discs of "
    "1.73 times it are meant to hold 80 % of the joints",
    "sigma_depth": "standard deviation of depth (Gaussian), in its unit; null where unknown",
    "keypoints_3d_m": f"metres, {FRAME}; null where unknown",
    "is_valid": "false where nothing could be found; the numbers are then 0",
    "is_attached": "whether this hand was set on the wrist of its body",
    "wrist_gap_m": "metres between the hand's own wrist, as its network placed it, and the body's",
    "scale": "factor that setting it on the body put on the hand",
}


def header(facts: dict, poses: Sequence[FoundPose]) -> dict:
    """Collect what must be known to read the numbers.

    Args:
        facts: of this prediction: models, source, camera, size, smoothing.
        poses: what was found.

    Returns:
        Those facts, units and frame of every field, and the joint orders.
    """
    orders = {pose.kind: pose.skeleton for pose in poses}
    return {
        **facts,
        "units": UNITS,
        "frame": FRAME,
        "skeletons": {kind: _order(skeleton) for kind, skeleton in sorted(orders.items())},
    }


def _order(skeleton: Skeleton) -> dict:
    return {
        "name": skeleton.name,
        "joints": list(skeleton.joints),
        "bones": [list(bone) for bone in skeleton.bones],
    }


def json_text(content: dict) -> str:
    """Write JSON with a point per line, not a number per line.

    Args:
        content: finite numbers, text, lists and dicts.

    Returns:
        The text.
    """
    text = json.dumps(content, indent=1, allow_nan=False)
    numbers = re.compile(r"\[\s+([-+.\deE,\s]*?)\s+\]")
    return numbers.sub(lambda match: f"[{' '.join(match[1].split())}]", text) + "\n"


def poses_json(head: dict, poses: Sequence[FoundPose]) -> str:
    """Write poses as JSON.

    Args:
        head: from `header`.
        poses: what was found.

    Returns:
        The file's text.
    """
    return json_text(head | {"poses": [_entry(pose) for pose in poses]})


def _entry(pose):
    def rounded(values, digits):
        return None if values is None else np.round(values, digits).tolist()

    entry = {
        "picture": pose.picture,
        "person": pose.person,
        "kind": pose.kind,
        "side": pose.side or None,
        "is_valid": pose.is_valid,
        "box": rounded(np.where(np.isfinite(pose.box), pose.box, 0.0), 3),
        "keypoints_2d_px": rounded(pose.keypoints_2d, 3),
        "score": rounded(pose.score, 4),
        "depth": rounded(pose.depth, 5),
        "sigma_2d_px": rounded(pose.sigma_2d, 3),
        "sigma_depth": rounded(pose.sigma_depth, 5),
        "keypoints_3d_m": rounded(pose.keypoints_3d, 6),
        "is_root_relative": pose.is_root_relative,
    }
    if pose.kind == "hand":
        entry["is_attached"] = pose.is_attached
        entry["wrist_gap_m"] = rounded(pose.wrist_gap_m, 5)
        entry["scale"] = rounded(pose.scale, 5)
    return entry


def poses_csv(head: dict, poses: Sequence[FoundPose]) -> str:
    """Write poses as CSV, a line per joint; lines of the header begin with #.

    Args:
        head: from `header`.
        poses: what was found.

    Returns:
        The file's text.
    """
    text = io.StringIO()
    for name, value in head.items():
        text.write(f"# {name}: {json.dumps(value)}\n")
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(
        "picture person kind side is_valid joint x_px y_px score depth x_m y_m z_m "
        "is_root_relative sigma_px sigma_depth".split()
    )
    for pose in poses:
        for row, joint in enumerate(pose.skeleton.joints):
            space = [""] * 3 if pose.keypoints_3d is None else pose.keypoints_3d[row].round(6)
            name = [pose.picture]
            if pose.picture.startswith("#"):
                # Bare, the line would be taken for one of the head.
                text.write('"' + name.pop().replace('"', '""') + '",')
            rows.writerow(
                [*name, pose.person, pose.kind, pose.side, int(pose.is_valid), joint]
                + [*pose.keypoints_2d[row].round(3), round(float(pose.score[row]), 4)]
                + [round(float(pose.depth[row]), 5), *space, int(pose.is_root_relative)]
                + [
                    "" if sigma is None else round(float(sigma[row]), digits)
                    for sigma, digits in ((pose.sigma_2d, 3), (pose.sigma_depth, 5))
                ]
            )
    return text.getvalue()


def poses_npz(head: dict, poses: Sequence[FoundPose]) -> bytes:
    """Write poses as arrays; what is unknown is NaN.

    Args:
        head: from `header`.
        poses: what was found.

    Returns:
        The bytes of an NPZ file: `header`, JSON text, and for each kind (`body`, `hand`) that there is,
        arrays of its N poses under `<kind>_<field>`.
    """
    arrays: dict[str, np.ndarray] = {"header": np.array(json.dumps(head))}
    for kind in sorted({pose.kind for pose in poses}):
        chosen = [pose for pose in poses if pose.kind == kind]
        joints = chosen[0].skeleton.num_joints
        arrays[f"{kind}_picture"] = np.array([pose.picture for pose in chosen], np.str_)
        arrays[f"{kind}_side"] = np.array([pose.side for pose in chosen], np.str_)
        arrays[f"{kind}_person"] = np.array([pose.person for pose in chosen], np.int64)
        for field in ("is_valid", "is_root_relative", "is_attached"):
            arrays[f"{kind}_{field}"] = np.array([getattr(pose, field) for pose in chosen], bool)
        for name, field, shape in (
            ("box", "box", (4,)),
            ("keypoints_2d_px", "keypoints_2d", (joints, 2)),
            ("score", "score", (joints,)),
            ("depth", "depth", (joints,)),
            ("sigma_2d_px", "sigma_2d", (joints,)),
            ("sigma_depth", "sigma_depth", (joints,)),
            ("keypoints_3d_m", "keypoints_3d", (joints, 3)),
            ("wrist_gap_m", "wrist_gap_m", ()),
            ("scale", "scale", ()),
        ):
            values = [getattr(pose, field) for pose in chosen]
            rows = [np.full(shape, np.nan) if value is None else value for value in values]
            arrays[f"{kind}_{name}"] = np.array(rows, np.float64)
    content = io.BytesIO()
    np.savez_compressed(content, allow_pickle=False, **arrays)
    return content.getvalue()
