"""The file layouts in which 2D poses come: NumPy arrays, COCO-style JSON, CSV.

Every reader returns the numbers and names that the file has; what is a valid pose is judged by
`keypoints_2d`.
"""

from collections.abc import Mapping

import numpy as np

from keras_pose.data.labels.coco_fields import identity, keypoint_table
from keras_pose.data.motion.keypoint_csv import read_keypoint_csv
from keras_pose.data.motion.keypoint_table import LAYOUT_ADVICE, KeypointTable
from keras_pose.files import read_json
from keras_pose.files.arrays import read_arrays
from keras_pose.skeletons import COCO_17, are_counted


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
    content = read_json(path, LAYOUT_ADVICE, kind=object)
    people = content.get("annotations") if isinstance(content, dict) else content
    if not isinstance(people, list) or not people:
        raise ValueError(
            f"{path} has no list of people (COCO annotations or results); {LAYOUT_ADVICE}."
        )
    names = _category_names(content)
    rows, orders, num_left_out = [], {}, 0
    for number, person in enumerate(people):
        keypoints = person.get("keypoints") if isinstance(person, Mapping) else None
        try:
            table = keypoint_table(keypoints)
        except ValueError:
            table = np.empty((0, 3))
        if table is None and isinstance(person, Mapping) and len(people) > 1:
            num_left_out += 1  # an object without joints
            continue
        size = 0 if table is None else table.size
        if table is None or size != 3 * COCO_17.num_joints:
            raise ValueError(
                f"{path}: person {number} has {size} numbers in 'keypoints' where 51 belong "
                f"(x, y, confidence of 17 COCO joints); {LAYOUT_ADVICE}."
            )
        rows.append(table)
        key = identity(person.get("category_id"))
        orders[key if len(names) != 1 or key is not None else next(iter(names))] = len(rows) - 1
    if not rows:
        raise ValueError(
            f"{path}: none of its {len(people)} people has 'keypoints'; {LAYOUT_ADVICE}."
        )
    used = {key: names[key] for key in orders if names.get(key)}
    if len(set(used.values())) > 1 or (used and len(used) < len(orders)):
        raise ValueError(
            f"{path}: its categories name different joints; give people of one category per file."
        )
    return KeypointTable(
        np.stack(rows), names=next(iter(used.values()), None), num_left_out=num_left_out
    )


def _category_names(content: object) -> dict[int | str | None, tuple[str, ...] | None]:
    """Return what each category of a file calls its joints; None where that says no order."""
    listed = content.get("categories") if isinstance(content, Mapping) else None
    table: dict[int | str | None, tuple[str, ...] | None] = {}
    for category in listed if isinstance(listed, list) else ():
        if isinstance(category, Mapping):
            names = category.get("keypoints")
            key = identity(category.get("id"))
            table[key] = None
            if isinstance(names, list) and names and not are_counted(names):
                table[key] = tuple(map(str, names))
    return table


READERS = {".npy": _read_npy, ".npz": _read_npz, ".json": _read_json, ".csv": read_keypoint_csv}
