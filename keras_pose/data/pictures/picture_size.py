"""Labels belong to a picture of one size: the one that the file names must be the one that is there."""

from collections.abc import Mapping
from typing import Any


def check_picture_size(
    name: str, width: int, height: int, said: Mapping[str, Any], file: str
) -> None:
    """Refuse a picture of another size than its labels are of.

    Args:
        name: of the picture.
        width: of the picture as it is shown, upright, px.
        height: likewise.
        said: what the file of labels says: `width` and `height`, or one of them, or neither; null and
            numbers as text count too.
        file: name of the file of labels.

    Raises:
        ValueError: if the sizes differ, in one sentence with both.
    """
    real = {"width": width, "height": height}
    labelled = real | {key: said[key] for key in real if said.get(key) is not None}
    if [_number(value) for value in labelled.values()] == [width, height]:
        return
    is_turned = [_number(value) for value in labelled.values()] == [height, width]
    turned = ", so the labels may be of the picture before EXIF turned it" if is_turned else ""
    raise ValueError(
        f"{name}: the picture is {width} x {height} px, the file {file} says {labelled['width']} x "
        f"{labelled['height']}{turned}; give labels and pictures of the same size."
    )


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
