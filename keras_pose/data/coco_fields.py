"""Single fields of COCO's annotations, as files of many programs have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from keras_pose.data.missing_joints import missing_joints


def keypoint_table(value: Any) -> np.ndarray | None:
    """Read the numbers of an annotation's `keypoints`.

    Args:
        value: x, y, flag of joint after joint in one list or in rows; null where there is no number.

    Returns:
        float64 [J, 3], NaN for null; None where there are no joints (null or an empty list).

    Raises:
        ValueError: if these are no triples of numbers.
    """
    if value is None or (isinstance(value, list | tuple) and not len(value)):
        return None
    try:
        numbers = np.array(value, np.float64).reshape(-1)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"'keypoints' are no numbers ({str(error)[:60]})") from error
    if numbers.size % 3:
        raise ValueError(f"'keypoints' has {numbers.size} numbers, which are no triples")
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
