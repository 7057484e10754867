"""What the columns of a file of boxes are: corner, size, middle, the other corner, name and side."""

import re
from collections.abc import Callable, Mapping, Sequence

_WORDS = {
    "left": "x left xmin minx xleft topleftx tlx x0",
    "top": "y top ymin miny ytop toplefty tly y0",
    "right": "right xmax maxx xright bottomrightx brx x2",
    "bottom": "bottom ymax maxy ybottom bottomrighty bry y2",
    "width": "width w",
    "height": "height h",
    "middle_x": "cx xc xcenter centerx xcentre centrex midx xmid",
    "middle_y": "cy yc ycenter centery ycentre centrey midy ymid",
    "name": "name image img picture photo file filename filepath path imagename imagepath imagefile "
    "picturename imgname imgpath imageid",
    "side": "side hand handedness",
}
_MEANINGS = {word: meaning for meaning, words in _WORDS.items() for word in words.split()}
_ADVICE = (
    "name the columns name,x,y,width,height, or name,x1,y1,x2,y2, or "
    "name,x_center,y_center,width,height"
)
Numbers = Mapping[str, float]
# Which columns make a box, best first: sizes beside two corners are often those of the picture.
_FORMS: dict[tuple[str, ...], Callable[[Numbers], tuple[float, float, float, float]]] = {
    ("left", "top", "right", "bottom"): lambda n: (
        *(n["left"], n["top"]),
        *(n["right"] - n["left"], n["bottom"] - n["top"]),
    ),
    ("left", "top", "width", "height"): lambda n: (n["left"], n["top"], n["width"], n["height"]),
    ("middle_x", "middle_y", "width", "height"): lambda n: (
        *(n["middle_x"] - n["width"] / 2, n["middle_y"] - n["height"] / 2),
        *(n["width"], n["height"]),
    ),
}


class BoxColumns:
    """The header of a file of boxes.

    Args:
        header: names of the columns, in any case and order; columns of something else are left out.
        path: the file, for messages.

    Raises:
        ValueError: if the columns make no box, a column is there twice, or none is the picture's name.
    """

    def __init__(self, header: Sequence[str], path: str) -> None:
        self._places: dict[str, int] = {}
        words = [re.sub(r"[^a-z0-9]", "", re.sub(r"^(b?box|rect)", "", h.lower())) for h in header]
        for place, word in enumerate(words):
            meaning = _MEANINGS.get(word, "")
            for axis, (low, high) in {"x": ("left", "right"), "y": ("top", "bottom")}.items():
                if word == f"{axis}1":  # the first corner, unless they are counted from 0
                    meaning = high if f"{axis}0" in words else low
            if meaning and meaning in self._places:
                raise ValueError(
                    f"{path}: its header has two columns of the {meaning.replace('_', ' ')}, "
                    f"{header[self._places[meaning]]!r} and {header[place]!r}; {_ADVICE}."
                )
            if meaning:
                self._places[meaning] = place
        if "name" not in self._places and 0 not in self._places.values():
            self._places["name"] = 0
        forms = [form for form in _FORMS if set(form) <= set(self._places)]
        if not forms or "name" not in self._places:
            lacking = min((set(form) - set(self._places) for form in _FORMS), key=len) or {"name"}
            unknown = [
                name for name, word in zip(header, words, strict=True) if word not in _MEANINGS
            ]
            what = f" and {unknown[0]!r} means nothing here" if unknown else ""
            raise ValueError(
                f"{path}: its header ({','.join(header)[:80]}) names no "
                f"{', '.join(sorted(lacking)).replace('_', ' ')}{what}; {_ADVICE}."
            )
        self._form = forms[0]
        self._num_columns = len(header)

    def of(self, cells: Sequence[str]) -> tuple[str, Sequence[object], str]:
        """Return name, box and side of a row.

        Args:
            cells: the row.

        Returns:
            The picture's name; x, y, width, height, or the cells themselves where they are no numbers;
            the side in lower case, or "".
        """
        if len(cells) > self._num_columns:
            return cells[0].strip(), cells, ""
        cells = [*cells, *[""] * (self._num_columns - len(cells))]
        name = cells[self._places["name"]].strip()
        side = cells[self._places["side"]].strip().lower() if "side" in self._places else ""
        try:
            numbers = {meaning: float(cells[self._places[meaning]]) for meaning in self._form}
        except ValueError:
            return name, [cells[self._places[meaning]] for meaning in self._form], side
        return name, _FORMS[self._form](numbers), side
