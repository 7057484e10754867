"""2D poses in CSV: what separates the columns, what the header says of them, and the rows.

A header is obeyed: joints by name, x and y and confidence in any order, columns of something else
left out. Headers of pandas, which count columns, and DeepLabCut's three lines are headers too.
"""

import csv
import re
from collections.abc import Sequence

import numpy as np

from keras_pose.data.motion.keypoint_table import LAYOUT_ADVICE, KeypointTable

_AXES = {
    **{name: "x" for name in ("x", "u")},
    **{name: "y" for name in ("y", "v")},
    **{
        name: "confidence"
        for name in "c conf confidence s score likelihood p prob probability vis visibility".split()
    },
    **{name: "" for name in ("z", "depth")},
}
# Words for columns that are no joints' even where such a word stands in the name.
_NO_JOINTS = re.compile(
    r"bbox|box|(^|[^a-z])(frame|id|index|person|people|track|image|file|name|time|timestamp|width|height|"
    r"label|class|camera|subject|unnamed)([^a-z]|$)",
    re.IGNORECASE,
)
_LAYOUTS = ((17, 2), (16, 2), (17, 3), (16, 3))
_FEW_ROWS = 5


def read_keypoint_csv(path: str) -> KeypointTable:
    """Read a file of a row per person.

    Args:
        path: numbers parted by commas, semicolons, tabs or blanks, with or without a header.

    Returns:
        Poses, with the joints' names where the header has them.

    Raises:
        ValueError: if a row is no row of numbers, or the header and the rows cannot be one layout.
    """
    lines = _lines(path)
    head = 0
    while head < len(lines) and _is_header(lines[head][1], lines[head + 1 :]):
        head += 1
    header, rows = [cells for _, cells in lines[:head]], lines[head:]
    if not rows:
        raise ValueError(f"{path} has no row of numbers; {LAYOUT_ADVICE}.")
    columns = _columns(path, header) if header else None
    if columns is not None:
        return _named(path, columns, rows)
    if header:
        rows = _without_index(header[-1], rows)
    numbers = _numbers(path, rows)
    joints, parts = _layout(path, numbers)
    return KeypointTable(numbers.reshape(-1, joints, parts))


def _lines(path: str) -> list[tuple[int, list[str]]]:
    """Return the lines that hold something, with their numbers."""
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            text = file.read()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not a CSV file ({error}); {LAYOUT_ADVICE}.") from error
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = next((mark for mark in ";\t," if mark in first), " ")
    lines = []
    try:
        reader = csv.reader(
            text.splitlines(), delimiter=separator, skipinitialspace=separator != "\t"
        )
        for number, cells in enumerate(reader, start=1):
            cells = [cell.strip() for cell in cells]
            if separator in ";\t":  # programs that part by semicolons write 1,5 for 1.5
                cells = [
                    cell.replace(",", ".") if _is_number(cell, ",") else cell for cell in cells
                ]
            while cells and not cells[-1]:
                cells.pop()
            if cells and not cells[0].startswith("#"):
                lines.append((number, cells))
    except csv.Error as error:
        raise ValueError(f"{path} is not a CSV file ({error}); {LAYOUT_ADVICE}.") from error
    return lines


def _is_header(cells: list[str], below: Sequence[tuple[int, list[str]]]) -> bool:
    """Name, or number that count the columns, as pandas writes them."""
    if not any(map(_is_number, cells)):
        return True
    texts = sum(map(_is_text, cells))
    if texts > 1 and below and texts > sum(map(_is_text, below[0][1])):
        return True
    numbers = [float(cell) for cell in cells if _is_number(cell)]
    counted = len(numbers) > 3 and np.isfinite(numbers).all() and len(cells) - len(numbers) <= 1
    return bool(counted and (np.diff(numbers) == 1).all() and numbers[0] in (0, 1))


def _columns(path: str, header: list[list[str]]) -> list[tuple[str, str]] | None:
    """Joint and axis of each column, ("", "") for others; None where the header does not say."""
    names = header[-1]
    axes = next((row for row in header[1:] if _are_axes(row[1:])), None)
    if axes is not None:  # DeepLabCut: scorer, (individuals,) bodyparts, coords
        return [
            ("", ""),
            *zip(_filled(header[header.index(axes) - 1])[1:], _axes(axes)[1:], strict=False),
        ]
    if len(header) > 1:
        raise ValueError(
            f"{path} has {len(header)} lines of header, of which none has x and y in turn; "
            f"{LAYOUT_ADVICE}."
        )
    if all(_is_number(name) for name in names[1:]) or _are_counted(names):
        return None
    columns = [_column(name) for name in names]
    has_y = any(axis == "y" for _, axis in columns)
    columns = [(joint, _axis(axis, has_y)) for joint, axis in columns]
    if not any(axis in ("x", "y") for _, axis in columns):
        raise ValueError(
            f"{path}: no column of its header ('{names[0]}' to '{names[-1]}') says which joint's x "
            "or y it is; name the columns like nose_x, nose_y or x0, y0, or give no header."
        )
    return columns


def _axis(word: str, has_y: bool) -> str:
    if word == "v":  # beside y, COCO's flag
        return "confidence" if has_y else "y"
    return _AXES.get(word, "")


def _axes(row: list[str]) -> list[str]:
    has_y = "y" in map(str.lower, row)
    return [_axis(cell.lower(), has_y) for cell in row]


def _are_axes(cells: list[str]) -> bool:
    return len(cells) > 1 and all(cell.lower() in _AXES for cell in cells)


def _filled(cells: list[str]) -> list[str]:
    """Return a row in which an empty cell repeats the one before, as merged cells are written."""
    filled: list[str] = []
    for cell in cells:
        filled.append(cell or (filled[-1] if filled else ""))
    return filled


def _are_counted(names: list[str]) -> bool:
    """Name such as c0, c1 or "column 3" that say nothing but their number."""
    stems = {re.sub(r"\d+$", "", name).strip(" _.-").lower() for name in names[1:]}
    return len(stems) == 1 and names[-1][-1:].isdigit() and not stems & {"", "x", "y"}


def _without_index(
    names: list[str], rows: list[tuple[int, list[str]]]
) -> list[tuple[int, list[str]]]:
    """Rows without the column that numbers them, where the header has no number for it."""
    first_counts = _is_number(names[0]) or _are_counted([names[-1], *names])
    num_extra = 1 if not first_counts else 0
    width = len(names) + 1 - num_extra  # of rows with such a column
    return [
        (number, cells[1:] if len(cells) == width and _is_number(cells[0]) else cells)
        for number, cells in rows
    ]


def _column(name: str) -> tuple[str, str]:
    """Joint and word of the axis."""
    text = re.sub(r"([a-z0-9])([A-Z])$", r"\1_\2", name)
    words = [word for word in re.split(r"[^A-Za-z0-9]+", text) if word]
    if not words or _NO_JOINTS.search(name):
        return "", ""
    for place in (-1, 0):
        word = words[place].lower()
        rest = words[:-1] if place else words[1:]
        glued = re.fullmatch(r"([a-z]+)(\d+)", word)
        if word in _AXES and rest:
            return "_".join(rest), word
        if glued and glued[1] in _AXES and not rest:
            return glued[2], glued[1]
    return "", ""


def _named(
    path: str, columns: list[tuple[str, str]], rows: list[tuple[int, list[str]]]
) -> KeypointTable:
    """Poses whose columns the header names."""
    places: dict[str, dict[str, int]] = {}
    for place, (joint, axis) in enumerate(columns):
        if axis and axis in places.setdefault(joint, {}):
            raise ValueError(f"{path}: two columns of its header are the {axis} of '{joint}'.")
        if axis:
            places[joint][axis] = place
    joints = list(places)
    for joint in joints:
        if not {"x", "y"} <= set(places[joint]):
            if set(places[joint]) == {"confidence"}:
                del places[joint]  # a score of the person
                continue
            raise ValueError(
                f"{path}: its header has no x or no y of '{joint}'; name both columns."
            )
    joints = list(places)
    counted = all(re.fullmatch(r"\D*\d+", joint) for joint in joints)
    if counted:
        joints.sort(key=lambda joint: int(re.sub(r"\D", "", joint)))
        numbers = [int(re.sub(r"\D", "", joint)) for joint in joints]
        if numbers[0] not in (0, 1) or (np.diff(numbers) != 1).any():
            raise ValueError(f"{path}: its header counts the joints {numbers}; leave none out.")
    for number, cells in rows:
        if len(cells) != len(columns):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} numbers, but the header names {len(columns)} "
                "columns; give every row the same columns."
            )
    has_confidence = all("confidence" in places[joint] for joint in joints)
    axes = ("x", "y", "confidence") if has_confidence else ("x", "y")
    wanted = [places[joint][axis] for joint in joints for axis in axes]
    chosen = [(number, [cells[place] for place in wanted]) for number, cells in rows]
    values = _numbers(path, chosen).reshape(len(rows), len(joints), len(axes))
    return KeypointTable(values, names=None if counted else tuple(joints))


def _numbers(path: str, rows: list[tuple[int, list[str]]]) -> np.ndarray:
    """All rows as numbers, float64 `[N, C]`, without the name in front."""
    table: list[list[float]] = []
    for number, cells in rows:
        if not _is_number(cells[0]):
            cells = cells[1:]  # the name of the picture
        if not all(map(_is_number, cells)):
            raise ValueError(f"{path}, line {number}: a cell is not a number; {LAYOUT_ADVICE}.")
        if table and len(cells) != len(table[0]):
            raise ValueError(
                f"{path}, line {number}: {len(cells)} numbers, but the first row has {len(table[0])}; "
                "give every row the same columns."
            )
        table.append([float(cell) for cell in cells])
    return np.array(table)


def _layout(path: str, numbers: np.ndarray) -> tuple[int, int]:
    """Joints and numbers per joint of rows whose columns nobody names."""
    columns = numbers.shape[1]
    if len(numbers) >= _FEW_ROWS and columns and (np.diff(numbers[:, 0]) == 1).all():
        raise ValueError(
            f"{path}: the first column counts the rows ({numbers[0, 0]:g}, {numbers[1, 0]:g}, "
            "...), so it is not a joint's x; remove it or name the columns in a header."
        )
    for joints, parts in _LAYOUTS:
        if columns == joints * parts:
            return joints, parts
    raise ValueError(
        f"{path} has {columns} numbers per row where 34 or 51 (17 joints) or 32 or 48 (16 joints) "
        f"belong; {LAYOUT_ADVICE}."
    )


def _is_number(cell: str, comma: str = ".") -> bool:
    try:
        float(cell.replace(comma, ".", 1))
    except ValueError:
        return False
    return True


def _is_text(cell: str) -> bool:
    return any(letter.isalpha() for letter in cell) and not _is_number(cell)
