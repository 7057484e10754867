"""The file layouts in which 2D poses come: NumPy arrays, COCO-style JSON, CSV.

Every reader returns (values [N, J, 2 or 3], confidence [N, J] or None) as the file has them; what
is a valid pose is judged by `keypoints_2d`.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping

import numpy as np

from keras_pose.files.arrays import read_arrays
from keras_pose.skeletons import COCO_17

LAYOUT_ADVICE = (
    "give [N, 17, 2] in Human3.6M-17 order as .npy or as 'keypoints_2d' in .npz, COCO-style JSON, "
    "or CSV with x0,y0,x1,y1,... per row (docs/data.md)"
)


def _read_npy(path: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with open(path, "rb") as file:
            values = np.load(file, allow_pickle=False)
        if not isinstance(values, np.ndarray):
            raise ValueError("it is an archive")
        return values, None
    except Exception as error:  # NumPy raises many kinds for a damaged header
        raise ValueError(
            f"{path} is damaged or not an array of numbers ({str(error)[:80]}); {LAYOUT_ADVICE}."
        ) from error


def _read_npz(path: str) -> tuple[np.ndarray, np.ndarray | None]:
    arrays = read_arrays(path, ("keypoints_2d",), LAYOUT_ADVICE, optional=("confidence",))
    return arrays["keypoints_2d"], arrays.get("confidence")


def _read_json(path: str) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is not valid JSON ({str(error)[:80]}); {LAYOUT_ADVICE}."
        ) from error
    people = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(people, list) or not people:
        raise ValueError(
            f"{path} has no list of people (COCO annotations or results); {LAYOUT_ADVICE}."
        )
    rows = []
    for number, person in enumerate(people):
        keypoints = person.get("keypoints") if isinstance(person, Mapping) else None
        try:
            row = np.asarray(keypoints, np.float64).reshape(-1)
        except (TypeError, ValueError, OverflowError):
            row = np.empty(0)
        if row.size != 3 * COCO_17.num_joints:
            raise ValueError(
                f"{path}: person {number} has {row.size} numbers in 'keypoints' where 51 belong "
                f"(x, y, confidence of 17 COCO joints); {LAYOUT_ADVICE}."
            )
        rows.append(row)
    return np.stack(rows).reshape(len(rows), COCO_17.num_joints, 3), None


def _read_csv(path: str) -> tuple[np.ndarray, np.ndarray | None]:
    rows: list[list[float]] = []
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            for number, cells in enumerate(csv.reader(file), start=1):
                cells = [cell.strip() for cell in cells]
                while cells and not cells[-1]:
                    cells.pop()
                if not cells or (number == 1 and not any(map(_is_number, cells))):
                    continue  # an empty line, or the header
                if not _is_number(cells[0]):
                    cells = cells[1:]  # the name of the picture
                if not all(map(_is_number, cells)):
                    raise ValueError(
                        f"{path}, line {number}: a cell is not a number; {LAYOUT_ADVICE}."
                    )
                if rows and len(cells) != len(rows[0]):
                    raise ValueError(
                        f"{path}, line {number}: {len(cells)} numbers, but the first row has "
                        f"{len(rows[0])}; give every row the same columns."
                    )
                rows.append([float(cell) for cell in cells])
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV file ({error}); {LAYOUT_ADVICE}.") from error
    if not rows:
        raise ValueError(f"{path} has no row of numbers; {LAYOUT_ADVICE}.")
    columns = len(rows[0])
    for joints, parts in ((17, 2), (16, 2), (17, 3), (16, 3)):
        if columns == joints * parts:
            return np.array(rows).reshape(-1, joints, parts), None
    raise ValueError(
        f"{path} has {columns} numbers per row where 34 or 51 (17 joints) or 32 or 48 (16 joints) "
        f"belong; {LAYOUT_ADVICE}."
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


READERS = {".npy": _read_npy, ".npz": _read_npz, ".json": _read_json, ".csv": _read_csv}
