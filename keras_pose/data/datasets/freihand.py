"""FreiHAND in its published layout (Zimmermann et al. 2019, arXiv 1909.04349), first and second version.

    training/rgb/%08d.jpg        sample + number of samples * version of the background
    training_{K,xyz,scale}.json  per sample: 3x3 px; 21x3 m, camera frame; bone length in m
    evaluation/rgb/%08d.jpg, evaluation_{K,scale}.json and, since the labels are public,
    evaluation_xyz.json

Masks, MANO parameters and vertices are not read. Only right hands; research use only.
"""

import os
import pathlib
from collections.abc import Sequence

import numpy as np

from keras_pose.data.pictures.picture import read_picture
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files import read_json
from keras_pose.geometry import other_picture, project_arrays

VERSIONS = ("gs", "hom", "sample", "auto")  # green screen, then three ways to exchange it
_MOST_OFF = 0.1
LICENCE = "FreiHAND: research only, no commercial use; cite Zimmermann et al., ICCV 2019"
_ADVICE = (
    "give the folder that holds training/, evaluation/, training_K.json and so on "
    "(FreiHAND_pub_v2, docs/data.md)"
)


def read_freihand(
    path: str | os.PathLike[str],
    split: str = "training",
    versions: Sequence[str] = VERSIONS,
) -> RecordSource:
    """Describe one part of FreiHAND.

    `id` is the number in the picture's file name and `group` the sample, so a split by groups keeps
    the versions of one sample together, as the published one does. 2D joints are K X, as the data
    set projects them: whole numbers are pixel centres there, half a pixel from this package's
    continuous pixels, which is below the accuracy of the labels. There are no boxes.

    Args:
        path: the data set's folder.
        split: "training" or "evaluation"; the latter has joints only if evaluation_xyz.json is there.
        versions: which backgrounds of the training part, among gs, hom, sample and auto. Versions
            of which no picture is there are left out with a note.

    Returns:
        The records, joints in HAND_21_FREIHAND order, metres, camera frame, absolute.

    Raises:
        ValueError: if files are missing, damaged or do not fit together.
    """
    root = pathlib.Path(path)
    if split not in ("training", "evaluation"):
        raise ValueError(f"--split={split} is not part of FreiHAND; give training or evaluation.")
    unknown = [version for version in versions if version not in VERSIONS]
    if unknown or not versions:
        raise ValueError(
            f"FreiHAND has no version {', '.join(unknown) or '(none given)'}; choose from "
            f"{', '.join(VERSIONS)}."
        )
    matrices = _numbers(root / f"{split}_K.json", (3, 3))
    scales = _numbers(root / f"{split}_scale.json", ())
    has_joints = split == "training" or (root / f"{split}_xyz.json").is_file()
    joints = _numbers(root / f"{split}_xyz.json", (21, 3)) if has_joints else None
    count = len(matrices)
    for name, table in (("scale", scales), ("xyz", joints)):
        if table is not None and len(table) != count:
            raise ValueError(
                f"{root / split}_{name}.json has {len(table)} entries and {split}_K.json {count}; "
                "take all files from the same release."
            )
    files, notes = _pictures(root, split, count, versions)

    def read(position: int) -> Record:
        number = files[position]
        sample = number % count
        name = f"{split}/rgb/{number:08d}.jpg"
        image, height, width = read_picture(root / name, name)
        points = None if joints is None else joints[sample]
        matrix = matrices[sample]
        if not np.isfinite(matrix).all() or (points is not None and not (points[:, 2] > 0).all()):
            raise ValueError(
                f"{name}: K or xyz of sample {sample} is not a hand in front of a camera; get the "
                "files again."
            )
        # The data set's own camera looks through the middle of its 224 x 224 px.
        if other := other_picture(matrix, height, width, _MOST_OFF):
            raise ValueError(
                f"{name}: in {split}_K.json {other}; take pictures and labels of the same size."
            )
        return Record(
            id=number,
            source="freihand",
            name=name,
            image=image,
            height=height,
            width=width,
            keypoints_2d=None if points is None else project_arrays(points, matrix),
            keypoints_3d=points,
            intrinsics=matrix,
            side="right",
            scale=float(scales[sample]),
            group=f"{split} {sample}",
        )

    return RecordSource("freihand", LICENCE, "hand_21_freihand", len(files), read, tuple(notes))


def _pictures(root, split, count, versions):
    """Return numbers of pictures that are there in whole versions, and what to say of the rest."""
    folder = root / split / "rgb"
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; {_ADVICE}.")
    present = {int(name[:8]) for name in os.listdir(folder) if _is_picture(name)}
    if not present:
        raise ValueError(f"{folder} holds no picture named like 00000000.jpg; {_ADVICE}.")
    wanted = ("gs",) if split == "evaluation" else tuple(versions)
    files: list[int] = []
    notes = []
    for version in VERSIONS:
        if version not in wanted:
            continue
        first = VERSIONS.index(version) * count
        numbers = range(first, first + count)
        if not present.intersection(numbers):
            notes.append(f"Version {version} is not in {folder} and was left out.")
            continue
        # A picture missing among others stays in the list and will count as a bad record.
        files += numbers
    if not files:
        raise ValueError(
            f"{folder} holds no picture of the versions {', '.join(wanted)}; {_ADVICE}."
        )
    beyond = sum(number >= len(VERSIONS) * count for number in present)
    if split == "training" and beyond:
        raise ValueError(
            f"{folder} holds {beyond} pictures beyond 4 x {count}, the number in {split}_K.json; "
            "take pictures and labels from the same release."
        )
    return files, notes


def _is_picture(name):
    return len(name) == 12 and name.endswith(".jpg") and name[:8].isdigit()


def _numbers(path, shape):
    """Return a JSON list of arrays of one shape, float64 `[N, *shape]`."""
    values = read_json(path, _ADVICE, kind=object)
    try:
        table = np.array(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} is not a list of arrays of one shape; {_ADVICE}.") from error
    if not len(table) or table.shape[1:] != shape:
        raise ValueError(
            f"{path} has the shape {list(table.shape)} instead of [N{''.join(f', {n}' for n in shape)}]"
            f"; {_ADVICE}."
        )
    return table
