"""The file layouts in which 2D poses come: NumPy arrays, COCO-style JSON, CSV.

Every reader returns the numbers and names that the file has; what is a valid pose is judged by
`keypoints_2d`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np

from keras_pose.data.array_files import read_arrays
from keras_pose.data.keypoint_csv import read_keypoint_csv
from keras_pose.data.keypoint_table import LAYOUT_ADVICE, KeypointTable
from keras_pose.skeletons import COCO_17


def _read_npy(path: str) -> KeypointTable:
    try:
        with open(path, "rb") as file:
            values = np.load(file, allow_pickle=False)
        if not isinstance(values, np.ndarray):
            raise ValueError("it is an archive")
        return KeypointTable(values)
    except Exception as error:  # NumPy raises many kinds for a damaged header
        raise ValueError(
            f"{path} is damaged or not an array of numbers ({str(error)[:80]}); {LAYOUT_ADVICE}."
        ) from error


def _read_npz(path: str) -> KeypointTable:
    arrays = read_arrays(path, ("keypoints_2d",), LAYOUT_ADVICE, optional=("confidence",))
    return KeypointTable(arrays["keypoints_2d"], arrays.get("confidence"))


def _read_json(path: str) -> KeypointTable:
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
    return KeypointTable(np.stack(rows).reshape(len(rows), COCO_17.num_joints, 3))


READERS = {".npy": _read_npy, ".npz": _read_npz, ".json": _read_json, ".csv": read_keypoint_csv}
