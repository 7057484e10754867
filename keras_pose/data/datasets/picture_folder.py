"""A plain folder of pictures, with or without boxes: unlabelled data for pretraining."""

import collections
import csv
import os
import pathlib
from collections.abc import Iterable, Sequence

import numpy as np

from keras_pose.data.pictures.box_columns import BoxColumns
from keras_pose.data.pictures.picture import ENDINGS, read_picture
from keras_pose.data.records.record import SIDES, Record, RecordSource
from keras_pose.files import read_json
from keras_pose.files.arrays import check_is_file

_ADVICE = (
    "a row is name,x,y,width,height in pixels, the name relative to the folder of pictures; JSON is "
    '{"name": [x, y, width, height]} or a list of {"name": ..., "box": [...]}'
)
# Pictures that OpenCV does not decode everywhere, as phones, cameras and browsers write them.
UNREAD = (".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".jfif", ".dng", ".cr2", ".nef")
Box = tuple[float, float, float, float]


def read_picture_folder(
    path: str | os.PathLike[str],
    boxes: str | os.PathLike[str] | None = None,
    side: str = "unknown",
    licence: str = "not stated",
    name: str = "",
) -> RecordSource:
    """Describe the pictures of a folder and all folders below it.

    With boxes, a picture gives one record per box, and pictures without a box are left out and
    counted in a note. Hidden files are skipped; links to folders are not followed and pictures of
    other kinds not read, which a note counts.

    Args:
        path: the folder.
        boxes: `.csv` or `.json` file of hand boxes, see `read_sided_boxes`.
        side: which hands these are: "right", "left" or "unknown"; a box that names its own side has
            that.
        licence: licence of the pictures.
        name: short name of the set; the folder's if empty.

    Returns:
        The records in the order of their names; `id` is the number in that order and `group` the
        folder that a picture lies in.

    Raises:
        ValueError: if the folder is missing or holds no picture, or the boxes do not fit.
    """
    root = pathlib.Path(path)
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give the folder of the pictures.")
    if side not in SIDES:
        raise ValueError(f"--side={side} is unknown; choose one of {', '.join(SIDES)}.")
    names = list_pictures(root)
    if not names:
        raise ValueError(f"{root} holds no picture ({', '.join(ENDINGS)}); give another folder.")
    entries: list[tuple[str, Box | None, str]] = [(picture, None, side) for picture in names]
    notes = left_out_notes(root)
    if boxes:
        table = read_sided_boxes(boxes)
        known = set(names)
        unknown = [picture for picture in table if picture not in known]
        if unknown:
            raise ValueError(
                f"{boxes} names {unknown[0]!r} and {len(unknown) - 1} more pictures that are not in "
                f"{root}; {_ADVICE}."
            )
        entries = [
            (picture, box, own or side) for picture in names for box, own in table.get(picture, ())
        ]
        bare = sum(picture not in table for picture in names)
        if bare:
            notes.append(f"{bare} of {len(names)} pictures have no box and were left out.")
    name = name or root.resolve().name

    def read(position: int) -> Record:
        picture, box, which = entries[position]
        image, height, width = read_picture(root / picture, picture)
        return Record(
            id=position,
            source=name,
            name=picture,
            image=image,
            height=height,
            width=width,
            box=None if box is None else np.array(box),
            side=which,
            group=str(pathlib.PurePosixPath(picture).parent),
        )

    return RecordSource(name, licence, "hand_21_freihand", len(entries), read, tuple(notes))


def list_pictures(folder: str | os.PathLike[str]) -> list[str]:
    """Return the names of pictures in a folder and below, sorted, relative, with forward slashes.

    Args:
        folder: where to look.
    """
    root = pathlib.Path(folder)
    names = []
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for file in files:
            if file.lower().endswith(ENDINGS) and not file.startswith("."):
                names.append((pathlib.Path(place) / file).relative_to(root).as_posix())
    return sorted(names)


def left_out_notes(
    folder: str | os.PathLike[str],
    endings: tuple[str, ...] = UNREAD,
    advice: str = "save them as JPEG or PNG",
    own_endings: tuple[str, ...] = (),
) -> list[str]:
    """Word what looks like pictures in a folder and below, and is not listed.

    Args:
        folder: the folder.
        endings: of files that somebody may take for listed ones, in lower case.
        advice: what to do about such files.
        own_endings: of files that are not counted.

    Returns:
        A sentence on files and one on links to folders, each where there are any.
    """
    others: collections.Counter[str] = collections.Counter()
    num_links = 0
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        num_links += sum(os.path.islink(os.path.join(place, name)) for name in folders)
        kept = [name.lower() for name in files if name[0] != "." and not name.endswith(own_endings)]
        others.update(pathlib.PurePath(name).suffix for name in kept if name.endswith(endings))
    notes = []
    if others:
        kinds = ", ".join(sorted(others))
        notes.append(
            f"{others.total()} files in {folder} are of unsupported kinds ({kinds}) and were left "
            f"out; {advice}."
        )
    if num_links:
        notes.append(
            f"{num_links} links to folders in {folder} were not followed; give those folders themselves."
        )
    return notes


def read_boxes(path: str | os.PathLike[str]) -> dict[str, list[Box]]:
    """Read boxes of hands or persons.

    Args:
        path: `.csv` with rows `name,x,y,width,height`, or with a header, which is obeyed (two
            corners, middles, any order of columns); or `.json` with `{"name": [x, y, width, height]}`
            or `[{"name": ..., "box": [...]}]`. Pixels, x right, y down, of the upright picture. A
            picture may have several boxes.

    Returns:
        Name of the picture -> its boxes, each (x, y, width, height).

    Raises:
        ValueError: if the file is missing or a row of it is no box, naming the row.
    """
    return {name: [box for box, _ in entries] for name, entries in read_sided_boxes(path).items()}


def read_sided_boxes(path: str | os.PathLike[str]) -> dict[str, list[tuple[Box, str]]]:
    """Read boxes that may say which hand they are of.

    Args:
        path: `.csv` with rows `name,x,y,width,height`, a header is allowed; or `.json` with
            `{"name": [x, y, width, height]}` or `[{"name": ..., "box": [...]}]`. Pixels, x right,
            y down, of the upright picture. A picture may have several boxes. A row of a `.csv` may
            end in `left` or `right`, and an entry of a `.json` list may have `"side"`.

    Returns:
        Name of the picture -> its boxes (x, y, width, height), each with "left", "right" or "" where
        nothing is said.

    Raises:
        ValueError: if the file is missing or a row of it is no box, naming the row.
    """
    path = check_is_file(path, _ADVICE)
    rows = _json_rows(path) if path.lower().endswith(".json") else _csv_rows(path)
    table: dict[str, list[tuple[Box, str]]] = {}
    for where, name, values, side in rows:
        try:
            numbers = [float(value) for value in values]
            if len(numbers) != 4 or not np.isfinite(numbers).all():
                raise ValueError
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}, {where}: {values!r} is not a box; {_ADVICE}.") from error
        if side not in ("", "left", "right"):
            raise ValueError(
                f"{path}, {where}: {side!r} is not a side; give left or right, or nothing."
            )
        box = (numbers[0], numbers[1], numbers[2], numbers[3])
        table.setdefault(name, []).append((box, side))
    if not table:
        raise ValueError(f"{path} holds no box; {_ADVICE}.")
    return table


def _csv_rows(path: str) -> Iterable[tuple[str, str, Sequence, str]]:
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            lines = file.read().splitlines()
        first = next((line for line in lines if line.strip()), "")
        separator = next((mark for mark in ";\t" if mark in first and "," not in first), ",")
        rows = [row for row in enumerate(csv.reader(lines, delimiter=separator), 1) if row[1]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{path} is not a table of text ({str(error)[:60]}); {_ADVICE}."
        ) from error
    columns = None
    if rows and len(rows[0][1]) > 1 and not any(map(_is_number, rows[0][1][1:])):
        columns = BoxColumns(rows.pop(0)[1], path)
    for number, row in rows:
        if separator != ",":
            row = [cell.replace(",", ".") if _is_number(cell, ",") else cell for cell in row]
        if columns is not None:
            yield (f"line {number}", *columns.of(row))
            continue
        has_side = len(row) == 6 and not _is_number(row[5])
        side = row[5].strip().lower() if has_side else ""
        yield f"line {number}", row[0].strip(), row[1:5] if has_side else row[1:], side


def _json_rows(path: str) -> Iterable[tuple[str, str, list, str]]:
    content = read_json(path, _ADVICE, kind=object)
    if isinstance(content, dict):
        for name, values in content.items():
            several = isinstance(values, list) and values and isinstance(values[0], list)
            for box in values if several else [values]:
                yield f"entry {name!r}", name, box, ""
        return
    for number, entry in enumerate(content if isinstance(content, list) else [content]):
        if not isinstance(entry, dict) or not {"name", "box"} <= set(entry):
            raise ValueError(f"{path}, entry {number} lacks 'name' or 'box'; {_ADVICE}.")
        side = str(entry.get("side") or "").lower()
        yield f"entry {number}", str(entry["name"]), entry["box"], side


def _is_number(text, comma="."):
    try:
        float(text.replace(comma, "."))
    except ValueError:
        return False
    return True
