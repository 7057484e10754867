"""Where in a picture is looked: boxes from a file or a flag, and whether they show anything."""

from collections.abc import Sequence

import numpy as np

from keras_pose.data.datasets.picture_folder import read_sided_boxes


class Regions:
    """The boxes of all pictures.

    Args:
        text: path of a `.csv` or `.json` of boxes, or `x,y,width,height` for every picture, or empty:
            the whole picture.

    Raises:
        ValueError: if the file cannot be read, or there are not four numbers.
    """

    def __init__(self, text: str) -> None:
        self._table: dict[str, list] | None = None
        self._everywhere: list = []
        if not text:
            return
        try:
            numbers = [float(part) for part in text.split(",")]
        except ValueError:
            self._table = read_sided_boxes(text)
            return
        if len(numbers) != 4:
            raise ValueError(f"--boxes={text} has {len(numbers)} numbers; give x,y,width,height.")
        self._everywhere = [(tuple(numbers), "")]

    @property
    def names(self) -> list[str]:
        """The pictures that a file has boxes of."""
        return list(self._table or {})

    @property
    def has_sides(self) -> bool:
        """Whether any box says which hand it is of."""
        entries = [entry for row in (self._table or {}).values() for entry in row]
        return any(side for _, side in entries)

    def of(self, name: str, shape: tuple[int, ...]) -> list[tuple[np.ndarray, str]]:
        """Return the boxes of one picture.

        Args:
            name: of the picture.
            shape: of the picture, height first.

        Returns:
            Boxes float64 `[4]`, x, y, width, height in px, each with "left", "right" or "".

        Raises:
            ValueError: if the file has none for this picture, or one shows nothing of it.
        """
        entries = self._everywhere
        if self._table is not None:
            if name not in self._table:
                raise ValueError(
                    f"{name}: --boxes has no box for this picture; add one or remove it."
                )
            entries = self._table[name]
        if not entries:
            return [(np.array([0.0, 0.0, shape[1], shape[0]]), "")]
        for box, _ in entries:
            if not shows_something(box, shape):
                words = "{:g},{:g},{:g},{:g}".format(*box)
                raise ValueError(
                    f"{name}: the box {words} is less than a pixel wide or high or lies outside the "
                    f"picture of {shape[1]} x {shape[0]} px; give x,y,width,height in pixels of the "
                    "upright picture."
                )
        return [(np.array(box, np.float64), side) for box, side in entries]


def shows_something(box: np.ndarray | Sequence[float], shape: tuple[int, ...]) -> bool:
    """Tell whether a box is finite, a pixel wide and high at least, and over a picture.

    The rule of the served networks (`docs/serving.md`), which answer no other box.

    Args:
        box: `[4]`, (x, y, width, height) in px.
        shape: of the picture, height first.
    """
    x, y, width, height = np.asarray(box, np.float64)
    if not (np.isfinite([x, y, width, height]).all() and width >= 1 and height >= 1):
        return False
    return bool(x < shape[1] and y < shape[0] and x + width > 0 and y + height > 0)
