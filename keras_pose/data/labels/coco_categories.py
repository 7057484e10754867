"""The joint names of COCO's categories, which are obeyed: `categories[].keypoints`."""

import os
from collections import Counter
from collections.abc import Mapping
from typing import Any

from keras_pose.data.labels.coco_fields import identity
from keras_pose.skeletons import (
    Skeleton,
    are_counted,
    first_difference,
    order_by_name,
    rows_by_name,
)


class CategoryNames:
    """In which rows the categories of a file have the joints of an order.

    Args:
        content: the file; without categories, or where they name no joints, joints stand as assumed.
        order: the joint order that is wanted.
        path: the file, for messages.
    """

    def __init__(
        self, content: Mapping[str, Any], order: Skeleton, path: str | os.PathLike[str]
    ) -> None:
        self._path, self._order = os.fspath(path), order
        self._rows: dict[Any, list[int] | None] = {}
        self._other: dict[Any, str] = {}
        self._left_out: Counter[Any] = Counter()
        self._rearranged: list[str] = []
        listed = content.get("categories")
        for category in listed if isinstance(listed, list) else ():
            if isinstance(category, Mapping):
                self._read(category)

    def _read(self, category: Mapping[str, Any]) -> None:
        names, key = category.get("keypoints"), identity(category.get("id"))
        self._rows[key] = None
        if not isinstance(names, list) or not names or are_counted(names):
            return
        rows = rows_by_name(names, self._order)
        if rows is None:
            known = order_by_name(names)
            what = f"; its joints are those of {known[0].name}" if known else ""
            self._other[key] = (
                f"category {str(category.get('name', key))!r}: "
                f"{first_difference(names, self._order)}{what}"
            )
        elif rows != list(range(len(rows))):
            self._rows[key] = rows
            self._rearranged.append(str(category.get("name", key)))

    def rows_of(self, annotation: Mapping[str, Any]) -> list[int] | None:
        """Find the rows of an annotation's joints.

        Args:
            annotation: one of the file that has joints.

        Returns:
            For each joint of the order its row, None where the rows are in order.

        Raises:
            ValueError: if its category has other joints, naming the first that differs.
        """
        key = self._key(annotation)
        if key in self._other:
            raise ValueError(
                f"{self._path}: {self._other[key]}; name the joint order of the file, or give joints by "
                "the names of that order."
            )
        return self._rows.get(key)

    def is_other(self, annotation: Mapping[str, Any]) -> bool:
        """Tell whether an annotation is of other beings than the file is read for, and count it.

        Args:
            annotation: one of the file.

        Returns:
            True where its category has other joints while another category has the wanted ones.
        """
        key = self._key(annotation)
        is_other = key in self._other and len(self._other) < len(self._rows)
        self._left_out[key] += int(is_other)
        return is_other

    @property
    def notes(self) -> list[str]:
        """Sentences on what was left out and what was rearranged."""
        rearranged = [
            f"Joints of category {name!r} were rearranged by their names."
            for name in self._rearranged
        ]
        return rearranged + [
            f"{count} annotations were left out, since their joints are different: "
            f"{self._other[key]}."
            for key, count in self._left_out.items()
            if count
        ]

    def _key(self, annotation: Mapping[str, Any]) -> Any:
        key = identity(annotation.get("category_id"))
        return next(iter(self._rows)) if key is None and len(self._rows) == 1 else key
