"""Leeds Sports Pose and its extended training set: joints.mat beside images/.

joints `[3, 14, N]`   LSP; the third row says that a joint is hidden, all of them are annotated
joints `[14, 3, N]`   LSP extended; the third number says that a joint is annotated
images/im0001.jpg, images/im00001.jpg
"""

import os
import pathlib

import numpy as np

from keras_pose.data.datasets.body_joints import labelled_joints
from keras_pose.data.labels.missing_joints import missing_joints
from keras_pose.data.pictures.body_boxes import BODY_JOINT_MARGIN
from keras_pose.data.pictures.boxes import joints_box
from keras_pose.data.pictures.picture import read_picture
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files.matlab import read_matlab
from keras_pose.skeletons import LSP_14, MPII_16

LICENCE = "Leeds Sports Pose: for research, please cite; pictures from Flickr"
_ADVICE = "give joints.mat of LSP or LSP extended, or its folder (docs/data.md)"
_TRAIN = 1000  # LSP's own split: the first thousand to train, the second to test


def read_lsp(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    split: str = "",
    min_joints: int = 6,
) -> RecordSource:
    """Describe the persons of LSP or LSP extended, one per picture.

    Args:
        path: joints.mat, or the folder that holds it.
        pictures: folder of the pictures; `images` beside the file if None.
        split: "train" or "test" of LSP, the first and the second thousand; "" for all.
        min_joints: persons with fewer annotated joints are left out and counted.

    Returns:
        The records, joints in MPII_16 order: pelvis and thorax are middles, upper neck is LSP's neck.
        `id` is the picture's number from 1, `box` a square about the joints. Pixels are the data
        set's own, which counts from 1.

    Raises:
        ValueError: if the file is missing, damaged, of another layout or without such persons.
    """
    file = pathlib.Path(path)
    file = file / "joints.mat" if file.is_dir() else file
    points, labelled, digits = read_lsp_joints(file)
    if split not in ("", "train", "test") or (split and digits != 4):
        raise ValueError(
            f"--split={split} is not part of {file.parent.name or 'this set'}; LSP has train and "
            "test, LSP extended has no parts."
        )
    rows = np.arange(len(points))
    if split:
        rows = rows[:_TRAIN] if split == "train" else rows[_TRAIN:]
    enough = rows[labelled[rows].sum(1) >= min_joints]
    notes = []
    if len(enough) < len(rows):
        notes.append(
            f"{len(rows) - len(enough)} of {len(rows)} persons have fewer than {min_joints} joints and "
            "were left out."
        )
    if not len(enough):
        raise ValueError(f"{file} has no person with {min_joints} joints; {_ADVICE}.")
    root = pathlib.Path(pictures) if pictures else file.parent / "images"
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give the folder of the pictures (--pictures).")
    source = "lsp" if digits == 4 else "lsp_extended"

    def read(position: int) -> Record:
        row = int(enough[position])
        name = f"im{row + 1:0{digits}d}.jpg"
        data, height, width = read_picture(root / name, name)
        moved, visible = labelled_joints(points[row], labelled[row], LSP_14, MPII_16)
        return Record(
            id=row + 1,
            source=source,
            name=name,
            image=data,
            height=height,
            width=width,
            skeleton=MPII_16.name,
            keypoints_2d=moved,
            visible=visible,
            box=joints_box(points[row], labelled[row], BODY_JOINT_MARGIN),
            group=name,
        )

    return RecordSource(source, LICENCE, MPII_16.name, len(enough), read, tuple(notes))


def read_lsp_joints(path: str | os.PathLike[str]) -> tuple[np.ndarray, np.ndarray, int]:
    """Read the joints alone.

    Args:
        path: joints.mat of LSP or LSP extended.

    Returns:
        `points` float64 `[N, 14, 2]` px in LSP_14 order, `labelled` bool `[N, 14]`, and the number of
        digits in the pictures' names: 4 of LSP, 5 of LSP extended.

    Raises:
        ValueError: if the file is missing, damaged, needs SciPy and there is none, or has another
            layout.
    """
    content = read_matlab(path, ("joints",), _ADVICE)
    joints = np.asarray(content.get("joints", np.zeros(0)))
    shape = joints.shape
    if len(shape) != 3 or shape[:2] not in ((3, 14), (14, 3)) or not shape[2]:
        raise ValueError(f"{path} has no 'joints' of [3, 14, N] or [14, 3, N]; {_ADVICE}.")
    if shape[0] == 3:
        table, digits = joints.transpose(2, 1, 0), 4
        labelled = np.ones(table.shape[:2], bool)
    else:
        table, digits = joints.transpose(2, 0, 1), 5
        labelled = table[..., 2] > 0
    points = np.asarray(table[..., :2], np.float64)
    return points, labelled & np.isfinite(points).all(-1) & ~missing_joints(points), digits
