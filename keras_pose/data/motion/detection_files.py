"""The files that 2D detectors write of people: which tool's a file is, and its joints by name.

MediaPipe landmarks, OpenPose, AlphaPose and COCO results as JSON, DeepLabCut and SLEAP as CSV. Nothing
is judged here: a joint that a tool did not see comes out as NaN or with the tool's own score.
"""

import csv
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from keras_pose.files import read_json
from keras_pose.skeletons import BODY_33_MEDIAPIPE, COCO_17

# OpenPose's two joint orders; its neck is the middle of the shoulders.
_OPENPOSE_18 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist right_hip "
    "right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear left_ear"
).split()
_OPENPOSE_25 = (
    "nose neck right_shoulder right_elbow right_wrist left_shoulder left_elbow left_wrist pelvis "
    "right_hip right_knee right_ankle left_hip left_knee left_ankle right_eye left_eye right_ear "
    "left_ear left_big_toe left_small_toe left_heel right_big_toe right_small_toe right_heel"
).split()
# AlphaPose's larger orders begin with COCO's 17 joints.
_ALPHAPOSE = (17, 26, 68, 133, 136)
_WORDS = {
    "mediapipe": "MediaPipe landmarks",
    "openpose": "OpenPose's JSON",
    "alphapose": "AlphaPose's results",
    "coco": "COCO results",
    "deeplabcut": "DeepLabCut's CSV",
    "sleap": "SLEAP's CSV",
}
ADVICE = (
    "give MediaPipe landmarks, OpenPose's folder or file, AlphaPose's or COCO results as .json, or "
    "DeepLabCut's or SLEAP's .csv (docs/predict.md)"
)


class Detection(NamedTuple):
    """One person of one frame as a tool wrote it.

    Attributes:
        frame: name of the picture, or number of the frame as text.
        person: number of the person, from 0.
        names: of the tool's J joints.
        values: float64 `[J, 3]`, x, y, score; NaN where the tool wrote nothing.
    """

    frame: str
    person: int
    names: Sequence[str]
    values: np.ndarray


class DetectionFile(NamedTuple):
    """What a file holds.

    Attributes:
        tool: `mediapipe`, `openpose`, `alphapose`, `coco`, `deeplabcut` or `sleap`.
        detections: in the file's order.
        is_film: whether its frames follow each other in time.
    """

    tool: str
    detections: list[Detection]
    is_film: bool


def read_detection_file(path: str | os.PathLike[str], tool: str = "auto") -> DetectionFile:
    """Read what a detector wrote.

    Args:
        path: a file; of OpenPose also a folder with a file per frame.
        tool: as in `DetectionFile`, which the file must then be of; "auto" finds out.

    Returns:
        The people.

    Raises:
        ValueError: if the file is missing, damaged, of another tool or of none, or nobody is in it.
    """
    place = Path(path)
    if not place.exists():
        raise ValueError(f"{place}: there is no such file; {ADVICE}.")
    if place.is_dir():
        files = sorted(place.glob("*.json"))
        if not files:
            raise ValueError(f"{place} holds no .json file of OpenPose; {ADVICE}.")
        contents = [read_json(file, ADVICE, kind=object) for file in files]
        found = {_tool_of(content) or "" for content in contents}
        if found != {"openpose"}:
            pairs = zip(files, contents, strict=True)
            wrong = next(file for file, one in pairs if _tool_of(one) != "openpose")
            raise ValueError(f"{wrong} is not OpenPose's, as a file of a folder must be; {ADVICE}.")
        _check_tool(place, "openpose", tool)
        people = [
            detection
            for file, content in zip(files, contents, strict=True)
            for detection in _openpose(content, file.stem.removesuffix("_keypoints"), file)
        ]
        return _checked(place, DetectionFile("openpose", people, True))
    if place.suffix.lower() == ".csv":
        return _checked(place, _read_csv(place, tool))
    if place.suffix.lower() != ".json":
        raise ValueError(f"{place} ends in '{place.suffix}', not .json or .csv; {ADVICE}.")
    content = read_json(place, ADVICE, kind=object)
    found_tool = _tool_of(content)
    if found_tool is None:
        raise ValueError(f"{place} is of no tool known here; {ADVICE}.")
    _check_tool(place, found_tool, tool)
    people = _JSON_READERS[found_tool](content, place.stem, place)
    return _checked(place, DetectionFile(found_tool, people, found_tool == "mediapipe"))


def _tool_of(content: Any) -> str | None:
    """Tell the tool by the fields that it alone writes."""
    if isinstance(content, Mapping):
        if "people" in content:
            return "openpose"
        if "annotations" in content:
            return "coco"
        return "mediapipe" if _landmarks(content) is not None else None
    if not isinstance(content, list) or not content:
        return None
    first = content[0]
    if isinstance(first, Mapping) and isinstance(first.get("keypoints"), list):
        # COCO's results have the number of a picture, AlphaPose's its name.
        return "alphapose" if isinstance(first.get("image_id"), str) else "coco"
    return "mediapipe" if any(_landmarks(entry) is not None for entry in content) else None


def _check_tool(place, found, wanted):
    if wanted not in ("auto", found):
        raise ValueError(
            f"{place} is {_WORDS[found]}, not {_WORDS[wanted]}; give --keypoints_tool={found} or "
            "leave it out."
        )


def _checked(place, file):
    if not file.detections:
        raise ValueError(f"{place}: nobody is in it; give a file with people.")
    return file


def _landmarks(entry: Any) -> list | None:
    """Return the 33 landmarks of a person, in whichever of the usual wrappings."""
    for name in ("pose_landmarks", "landmarks", "landmark", "poseLandmarks"):
        if isinstance(entry, Mapping) and name in entry:
            entry = entry[name]
    if isinstance(entry, Mapping) and "landmark" in entry:
        entry = entry["landmark"]
    if isinstance(entry, list) and len(entry) == 1 and isinstance(entry[0], list):
        entry = entry[0]
    is_pose = isinstance(entry, list) and len(entry) == BODY_33_MEDIAPIPE.num_joints
    return entry if is_pose and all(isinstance(one, Mapping) for one in entry) else None


def _mediapipe(content: Any, stem: str, place: Path) -> list[Detection]:
    if isinstance(content, Mapping):
        frames = content.get("frames", [content])
    else:
        frames = content if _landmarks(content) is None else [content]
    people = []
    for number, frame in enumerate(frames):
        landmarks = _landmarks(frame)
        if landmarks is None:
            continue  # nobody in this frame
        rows = [[one.get("x"), one.get("y"), one.get("visibility", 1.0)] for one in landmarks]
        values = _numbers(rows, f"{place}: frame {number}")
        people.append(Detection(str(number), 0, BODY_33_MEDIAPIPE.joints, values))
    return people


def _openpose(content: Any, stem: str, place: Path) -> list[Detection]:
    people = []
    listed = content["people"]
    for number, person in enumerate(listed if isinstance(listed, list) else ()):
        numbers = person.get("pose_keypoints_2d") if isinstance(person, Mapping) else None
        count = len(numbers) if isinstance(numbers, list) else 0
        names = {75: _OPENPOSE_25, 54: _OPENPOSE_18}.get(count)
        if names is None:
            raise ValueError(
                f"{place}: person {number} has {count} numbers in 'pose_keypoints_2d' where 75 "
                "(BODY_25) or 54 (COCO) belong; write one of these models."
            )
        values = _numbers(numbers, f"{place}: person {number}").reshape(-1, 3)
        people.append(Detection(stem, number, names, values))
    return people


def _coco(content: Any, stem: str, place: Path) -> list[Detection]:
    names = {}
    entries = content
    if isinstance(content, Mapping):
        entries = content["annotations"]
        images = content.get("images") or []
        names = {one.get("id"): one.get("file_name") for one in images if isinstance(one, Mapping)}
    people, seen = [], dict[str, int]()
    for number, entry in enumerate(entries if isinstance(entries, list) else ()):
        numbers = entry.get("keypoints") if isinstance(entry, Mapping) else None
        if not numbers:
            continue  # a thing, no person
        count = len(numbers) if isinstance(numbers, list) else 0
        if count % 3 or count // 3 not in _ALPHAPOSE:
            raise ValueError(
                f"{place}: person {number} has {count} numbers in 'keypoints' where 51 belong (x, y, "
                "score of COCO's 17 joints first); give such poses."
            )
        values = _numbers(numbers, f"{place}: person {number}").reshape(-1, 3)
        values = values[: COCO_17.num_joints]
        if isinstance(content, Mapping):  # flags 0, 1, 2 of annotations
            values[:, 2] = values[:, 2] > 0
        key = entry.get("image_id", number)
        frame = str(names.get(key) or key)
        people.append(Detection(frame, seen.get(frame, 0), COCO_17.joints, values))
        seen[frame] = seen.get(frame, 0) + 1
    return people


_JSON_READERS = {
    "mediapipe": _mediapipe,
    "openpose": _openpose,
    "alphapose": _coco,
    "coco": _coco,
}


def _read_csv(place: Path, tool: str) -> DetectionFile:
    try:
        with open(place, encoding="utf-8-sig", newline="") as file:
            lines = [row for row in csv.reader(file) if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{place} is not a CSV file ({error}); {ADVICE}.") from error
    heads = [row[0].strip().lower() for row in lines[:4]]
    if heads[:1] == ["scorer"] and "coords" in heads:
        _check_tool(place, "deeplabcut", tool)
        return DetectionFile("deeplabcut", _deeplabcut(place, lines, heads), True)
    if lines and {"frame_idx"} < {cell.strip() for cell in lines[0]}:
        _check_tool(place, "sleap", tool)
        return DetectionFile("sleap", _sleap(place, lines), True)
    raise ValueError(
        f"{place} is neither DeepLabCut's CSV (its first line begins with 'scorer') nor SLEAP's (it has "
        f"a column 'frame_idx'); {ADVICE}."
    )


def _deeplabcut(place, lines, heads):
    end = heads.index("coords")
    rows = {name: lines[number] for number, name in enumerate(heads[: end + 1])}
    if "bodyparts" not in rows:
        raise ValueError(f"{place}: its header has no line 'bodyparts'; export it again.")
    width = len(rows["coords"])
    persons = rows.get("individuals", ["individuals"] + ["person"] * (width - 1))
    columns: dict[tuple[str, str], dict[str, int]] = {}
    for place_in_row in range(1, width):
        key = (persons[place_in_row], rows["bodyparts"][place_in_row])
        columns.setdefault(key, {})[rows["coords"][place_in_row].strip().lower()] = place_in_row
    names = tuple(dict.fromkeys(person for person, _ in columns))
    people = []
    for number, row in enumerate(lines[end + 1 :], start=end + 2):
        if len(row) != width:
            raise ValueError(
                f"{place}, line {number}: {len(row)} cells where the header has {width}; get the "
                "whole file again."
            )
        for person, name in enumerate(names):
            joints = {joint: axes for (who, joint), axes in columns.items() if who == name}
            values = _cells(place, number, row, joints, "likelihood")
            if not np.isnan(values[:, :2]).all():
                people.append(Detection(row[0].strip(), person, tuple(joints), values))
    return people


def _sleap(place, lines):
    header = [cell.strip() for cell in lines[0]]
    columns: dict[str, dict[str, int]] = {}
    for number, cell in enumerate(header):
        match = re.fullmatch(r"(.+)\.(x|y|score)", cell)
        if match and match[1] != "instance":
            columns.setdefault(match[1], {})[match[2]] = number
    frame, track = header.index("frame_idx"), header.index("track") if "track" in header else None
    tracks: dict[str, int] = {}
    people, seen = [], dict[str, int]()
    for number, row in enumerate(lines[1:], start=2):
        if len(row) != len(header):
            raise ValueError(
                f"{place}, line {number}: {len(row)} cells where the header has {len(header)}; get the "
                "whole file again."
            )
        name = row[track].strip() if track is not None else ""
        person = tracks.setdefault(name, len(tracks)) if name else seen.get(row[frame], 0)
        seen[row[frame]] = seen.get(row[frame], 0) + 1
        values = _cells(place, number, row, columns, "score")
        people.append(Detection(row[frame].strip(), person, tuple(columns), values))
    return people


def _cells(place, number, row, joints, score):
    """x, y and score of every joint of a line; empty cells are NaN, a tool without scores is sure."""
    values = np.full((len(joints), 3), np.nan)
    for joint, axes in enumerate(joints.values()):
        for axis, name in enumerate(("x", "y", score)):
            cell = row[axes[name]].strip() if name in axes else "1"
            try:
                values[joint, axis] = float(cell) if cell else np.nan
            except ValueError:
                raise ValueError(
                    f"{place}, line {number}: '{cell}' is not a number; correct it or leave the cell "
                    "empty."
                ) from None
    return values


def _numbers(rows, where):
    try:
        return np.array(rows, np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{where} has a coordinate that is not a number; {ADVICE}.") from None
