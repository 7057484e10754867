"""Single fields of COCO's annotations, as files of many programs have them."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pose.data.labels.missing_joints import missing_joints

_NO_CROWD = frozenset(("", "0", "0.0", "false", "no", "n", "none", "null", "nan"))
_CROWD = frozenset(("1", "1.0", "true", "yes", "y"))


def is_crowd(value: Any) -> bool:
    """Read COCO's `iscrowd`.

    Args:
        value: a number, a truth value, their names as text, or None.

    Raises:
        ValueError: if it is something else.
    """
    text = str(value).strip().lower()
    if text in _NO_CROWD | _CROWD:
        return text in _CROWD
    raise ValueError(f"'iscrowd' is {value!r}; give 0 or 1")


def identity(value: Any) -> int | str | None:
    """Bring an id to one form, in which 1, 1.0 and "1" are the same.

    Args:
        value: `id`, `image_id` or `category_id`.

    Returns:
        A whole number where it is one, text where it is text, else None.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str):
        text = value.strip()
        # "007" is a name; 7 is another one.
        return int(text) if text.isascii() and text.isdigit() and str(int(text)) == text else text
    return value if isinstance(value, int) else None


def check_conditions(
    path: str | os.PathLike[str],
    annotations: Sequence[Any],
    where: Mapping[str, Sequence[str]],
) -> None:
    """Refuse a condition that no annotation meets: most often a slip of the pen.

    Args:
        path: the file, for the message.
        annotations: of the file.
        where: field to the values that are admitted.

    Raises:
        ValueError: if a value is nowhere in its field.
    """
    for name, values in where.items():
        known = {str(a[name]) for a in annotations if isinstance(a, dict) and name in a}
        unknown = [value for value in values if value not in known]
        if unknown:
            said = ", ".join(sorted(known)[:8]) or "none at all"
            raise ValueError(f"{path}: no annotation has {name}={unknown[0]}; the file has {said}.")


def meets_conditions(annotation: Mapping[str, Any], where: Mapping[str, Sequence[str]]) -> bool:
    """Return whether each field that `where` names has one of its values."""
    return all(str(annotation.get(name)) in values for name, values in where.items())


def keypoint_table(value: Any) -> np.ndarray | None:
    """Read the numbers of an annotation's `keypoints`.

    Args:
        value: x, y, flag of joint after joint in one list or in rows; null where there is no number.

    Returns:
        float64 `[J, 3]`, NaN for null; None where there are no joints (null or an empty list).

    Raises:
        ValueError: if these are no triples of numbers.
    """
    if value is None or (isinstance(value, list | tuple) and not len(value)):
        return None
    try:
        numbers = np.array(value, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"'keypoints' are not numbers ({str(error)[:60]})") from error
    if numbers.size % 3:
        raise ValueError(f"'keypoints' has {numbers.size} numbers, which is not a multiple of 3")
    return numbers.reshape(-1, 3)


def count_missing(annotations: Iterable[Mapping[str, Any]]) -> int:
    """Count joints with a flag above 0 that stand where missing joints are written.

    Args:
        annotations: with or without `keypoints`; what cannot be read counts nothing here.
    """
    count = 0
    for annotation in annotations:
        try:
            table = keypoint_table(annotation.get("keypoints"))
        except ValueError:
            continue
        if table is not None:
            count += int((missing_joints(table[:, :2]) & (table[:, 2] > 0)).sum())
    return count
