"""MPII Human Pose: the stacked-hourglass HDF5 files, the common JSON lists and the released .mat.

train.h5, valid.h5   imgname, center [N, 2], scale [N], part [N, 16, 2], normalize [N], index, person
train.json           a list of {image, joints `[16, 2]`, joints_vis `[16]`, center `[2]`, scale}
mpii_human_pose_v1_u12_1.mat   RELEASE.annolist with annorect; needs SciPy

A missing joint is (0, 0), in JSON also (-1, -1). Pixels are the data set's own, which counts from 1:
half a pixel from this package's, below the accuracy of the labels.
"""

import json
import os
import pathlib
from typing import Any

import numpy as np

from keras_pose.data.datasets.mpii_scale import (
    HEAD_PER_ADJUSTED_SCALE,
    HEAD_PER_SCALE,
    exact_votes,
    is_adjusted,
    square_of,
)
from keras_pose.data.pictures.picture import read_picture
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files.matlab import read_hdf5, read_matlab
from keras_pose.skeletons import MPII_16

LICENCE = (
    "MPII Human Pose: Simplified BSD licence for research; other uses on request to its authors"
)
_ADVICE = "give train.h5, valid.h5, a JSON list or mpii_human_pose_v1_u12_1.mat (docs/data.md)"
_SPLITS = {"train": ("train",), "val": ("valid", "val"), "test": ("test",)}
_JOINTS = MPII_16.num_joints


def read_mpii(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    adjusted: bool | None = None,
    split: str = "",
) -> RecordSource:
    """Describe the annotated persons of MPII.

    The box is the square that everybody crops: 200 * scale about the centre, both adjusted. `visible`
    says which joints are annotated, whether they are hidden or not.

    Args:
        path: annotation file, or a folder in which it lies under the name of the split.
        pictures: folder of the pictures; `images` beside the file, or above it, if None.
        adjusted: whether the file's centres and scales have been adjusted already; None finds out.
        split: "train", "val" or "test": which file of the folder. Of the .mat, "train" (or "") gives
            the annotated persons of the training part, the only ones with joints.

    Returns:
        The records, joints in MPII_16 order; `group` is the picture and `id` the person's position.
        `head_size` is the file's `normalize`, 0.6 times the diagonal of the head box, or follows from
        the scale, which MPII made of it.

    Raises:
        ValueError: if the file is missing, damaged or of another layout, or has both or an unclear
            kind of scale.
    """
    file = _find_file(pathlib.Path(path), split)
    table = _read_table(file, split)
    persons = len(table["scale"])
    labelled = table["labelled"]
    good = np.isfinite(table["center"]).all(1) & (table["scale"] > 0) & labelled.any(1)
    notes = []
    if not good.all():
        notes.append(
            f"{persons - int(good.sum())} of {persons} persons have no joint, no centre or no scale "
            "and were left out."
        )
    if not good.any():
        raise ValueError(f"{file} has no person with joints, centre and scale; {_ADVICE}.")
    rows = np.flatnonzero(good)
    table = {key: value[rows] for key, value in table.items()}
    given = table["head_size"] if (table["head_size"] > 0).any() else None
    signs = (table["center"], table["scale"])
    if adjusted is None:
        adjusted = is_adjusted(*signs, table["points"], table["labelled"], given, str(file))
    else:
        against = int((exact_votes(*signs, given) * (1 if adjusted else -1) < 0).sum())
        if against > 0.5 * len(rows):
            notes.append(
                f"adjusted={adjusted} was given, but {against} of {len(rows)} persons suggest the "
                "opposite; check one box by eye."
            )
    notes.append(f"Centre and scale were taken as {'' if adjusted else 'not '}adjusted.")
    boxes = square_of(*signs, adjusted)
    per_scale = HEAD_PER_ADJUSTED_SCALE if adjusted else HEAD_PER_SCALE
    heads = np.where(table["head_size"] > 0, table["head_size"], per_scale * table["scale"])
    root = _pictures(file, pictures)

    def read(position: int) -> Record:
        name = str(table["image"][position])
        data, height, width = read_picture(root / name, name)
        kept = table["labelled"][position]
        return Record(
            id=int(rows[position]),
            source="mpii",
            name=name,
            image=data,
            height=height,
            width=width,
            skeleton=MPII_16.name,
            keypoints_2d=np.where(kept[:, None], table["points"][position], 0.0),
            visible=kept,
            box=boxes[position],
            group=name,
            head_size=float(heads[position]),
        )

    return RecordSource("mpii", LICENCE, MPII_16.name, len(rows), read, tuple(notes))


def _find_file(path: pathlib.Path, split: str) -> pathlib.Path:
    if split not in ("", *_SPLITS):
        raise ValueError(f"--split={split} is not part of MPII; give train or val.")
    if not path.is_dir():
        return path
    folders = [path, path / "annot", path / "annotations"]
    names = [f"{stem}{end}" for stem in _SPLITS[split or "train"] for end in (".h5", ".json")]
    found = [folder / name for folder in folders for name in names if (folder / name).is_file()]
    released = [] if split in ("val", "test") else sorted(path.glob("mpii_human_pose*.mat"))
    if not found + released:
        raise ValueError(f"{path} holds none of {', '.join(names)}; {_ADVICE}.")
    return (found + released)[0]


def _pictures(file: pathlib.Path, pictures: str | os.PathLike[str] | None) -> pathlib.Path:
    if pictures:
        candidates = [pathlib.Path(pictures)]
    else:
        candidates = [file.parent / "images", file.parent.parent / "images"]
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ValueError(
        f"{candidates[0]} is not a folder; give the folder of MPII's pictures (--pictures)."
    )


def _read_table(file: pathlib.Path, split: str) -> dict[str, np.ndarray]:
    """Columns of all persons: image, center, scale, points, labelled, head_size."""
    ending = file.suffix.lower()
    if ending in (".h5", ".hdf5"):
        table = _read_hourglass(file)
    elif ending == ".json":
        table = _read_list(file)
    elif ending == ".mat":
        table = _read_release(file, split)
    else:
        raise ValueError(f"{file} is not an annotation file of MPII; {_ADVICE}.")
    points = table["points"]
    # Real labels may lie a little outside the picture, but not on the corner or at (-1, -1).
    missing = (points == 0).all(-1) | (points == -1).all(-1) | ~np.isfinite(points).all(-1)
    table["labelled"] = ~missing
    table["points"] = np.where(missing[..., None], 0.0, points)
    return table


def _read_hourglass(file: pathlib.Path) -> dict[str, np.ndarray]:
    names = ("imgname", "center", "scale", "part", "normalize")
    content = read_hdf5(file, names, _ADVICE)
    for name in names[:4]:
        if name not in content:
            raise ValueError(f"{file} has no {name!r}; {_ADVICE}.")
    images = content["imgname"]
    if images.dtype.kind in "fiu" and images.ndim == 2:  # codes of characters, as Torch writes text
        images = ["".join(map(chr, row.astype(int))).strip("\0 ") for row in images]
    else:
        images = [n.decode() if isinstance(n, bytes) else str(n) for n in images.ravel()]
    count = len(images)
    return _columns(
        file,
        images,
        content["center"],
        content["scale"],
        content["part"],
        content.get("normalize", np.zeros(count)),
    )


def _read_list(file: pathlib.Path) -> dict[str, np.ndarray]:
    try:
        persons = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"{file} cannot be read ({error.strerror}); {_ADVICE}.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not valid JSON ({str(error)[:80]}); get it again.") from error
    try:
        images = [str(person["image"]) for person in persons]
        center, scale, joints = (
            [person[key] for person in persons] for key in ("center", "scale", "joints")
        )
        heads = [person.get("normalize", 0.0) for person in persons]
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{file}: a person lacks {error}; {_ADVICE}.") from error
    return _columns(file, images, center, scale, joints, heads)


def _read_release(file: pathlib.Path, split: str) -> dict[str, np.ndarray]:
    content = read_matlab(file, ("RELEASE",), _ADVICE, as_objects=True)
    if split not in ("", "train"):
        raise ValueError(f"{file} has only joints of the training part; omit --split.")
    images, centers, scales, points, heads = [], [], [], [], []
    where = ""
    try:
        release = content["RELEASE"]
        trains = np.atleast_1d(release.img_train)
        for is_train, entry in zip(trains, np.atleast_1d(release.annolist), strict=True):
            for number, person in enumerate(np.atleast_1d(entry.annorect) if is_train else ()):
                annotated = getattr(getattr(person, "annopoints", None), "point", None)
                if annotated is None:
                    continue
                where = f": person {number} of {entry.image.name}"
                table = np.zeros((_JOINTS, 2))
                for point in np.atleast_1d(annotated):
                    table[int(point.id)] = float(point.x), float(point.y)
                place = getattr(person, "objpos", None)
                center = [_scalar(getattr(place, axis, np.nan)) for axis in ("x", "y")]
                images.append(str(entry.image.name))
                centers.append(center)
                scales.append(_scalar(getattr(person, "scale", 0.0), 0.0))
                points.append(table)
                heads.append(_head_size(person))
                where = ""
    except (KeyError, AttributeError, TypeError, ValueError, IndexError) as error:
        raise ValueError(
            f"{file} is not a release of MPII{where} ({str(error)[:80]}); {_ADVICE}."
        ) from error
    return _columns(file, images, centers, scales, points, heads)


def _scalar(value: Any, missing: float = np.nan) -> float:
    """Return a number of the .mat, where an empty matrix stands for none."""
    return float(np.asarray(value, np.float64).ravel()[0]) if np.size(value) else missing


def _head_size(person: object) -> float:
    """0.6 times the diagonal of the head box; 0 where a person has none, and the scale tells."""
    box = np.array([_scalar(getattr(person, key, np.nan)) for key in ("x1", "y1", "x2", "y2")])
    diagonal = float(np.hypot(box[2] - box[0], box[3] - box[1]))
    return 0.6 * diagonal if np.isfinite(diagonal) else 0.0


def _columns(file, images, center, scale, points, heads) -> dict[str, np.ndarray]:
    """Check the columns' shapes."""
    count = len(images)
    shapes = {"center": (count, 2), "scale": (count,), "points": (count, _JOINTS, 2)}
    values = {"center": center, "scale": scale, "points": points, "head_size": heads}
    table = {"image": np.array(images, object)}
    for name, value in values.items():
        shape = shapes.get(name, (count,))
        try:
            array = np.array(value, np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{file}: {name!r} is not a table of numbers; {_ADVICE}.") from error
        if name == "scale" or name == "head_size":
            array = array.reshape(-1)
        if array.shape != shape or not count:
            raise ValueError(
                f"{file}: {name!r} has the shape {list(array.shape)} instead of {list(shape)}; "
                f"{_ADVICE}."
            )
        table[name] = array
    table["head_size"] = np.where(np.isfinite(table["head_size"]), table["head_size"], 0.0)
    return table
