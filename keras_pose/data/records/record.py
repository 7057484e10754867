"""One picture with what is known about it: the schema every picture data set is turned into.

A record holds an encoded picture and labels in the frame of that picture as `decode_picture` shows
it, upright. What is not known is None, 0 or "unknown", never a made-up value. NumPy only; how a
record becomes bytes stands in `record_example`.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from keras_pose.skeletons import by_name

SIDES = ("right", "left", "unknown")


@dataclasses.dataclass(frozen=True)
class Record:
    """One picture of one hand (or body) with its labels.

    Pixels are continuous unless the data set counts otherwise; see its reader.

    Args:
        id: whole number of 64 bits, unique within a set.
        source: short name of the data set.
        name: file name for messages, relative to the data set's folder.
        image: encoded JPEG or PNG.
        height: rows of the picture, after rotation by EXIF.
        width: columns, likewise.
        skeleton: name of the joint order, see `keras_pose.skeletons.by_name`.
        keypoints_2d: float32 `[J, 2]` px, or None.
        visible: float32 `[J]`, 1 where a joint's labels may be used and 0 elsewhere; None means 1
            for every joint if there are labels at all, else 0.
        keypoints_3d: float32 `[J, 3]` metres, camera frame, or None.
        has_absolute_depth: False where `keypoints_3d` is right up to a translation only.
        intrinsics: float32 `[3, 3]` px, or None.
        box: float32 `[4]`, x y width height in px, or None.
        side: "right", "left" or "unknown".
        scale: length of the middle finger's mcp-pip bone in metres, 0 if unknown.
        group: session, person or scene; records of one group belong on one side of a split.
        label: class, -1 if there is none.
        score: 1 for exact or human labels; pseudo labels carry their own.
        head_size: length that PCKh measures in, px of the picture: 0.6 times the diagonal of the
            head box in MPII; 0 if unknown.

    Raises:
        ValueError: if an array has another shape or a word is unknown, naming the record.
    """

    id: int
    source: str
    name: str
    image: bytes
    height: int
    width: int
    skeleton: str = "hand_21_freihand"
    keypoints_2d: np.ndarray | None = None
    visible: np.ndarray | None = None
    keypoints_3d: np.ndarray | None = None
    has_absolute_depth: bool = True
    intrinsics: np.ndarray | None = None
    box: np.ndarray | None = None
    side: str = "unknown"
    scale: float = 0.0
    group: str = ""
    label: int = -1
    score: float = 1.0
    head_size: float = 0.0

    def __post_init__(self) -> None:
        joints = by_name(self.skeleton).num_joints
        shapes = {
            "keypoints_2d": (joints, 2),
            "visible": (joints,),
            "keypoints_3d": (joints, 3),
            "intrinsics": (3, 3),
            "box": (4,),
        }
        if self.visible is None:
            known = self.keypoints_2d is not None or self.keypoints_3d is not None
            object.__setattr__(self, "visible", np.full(joints, float(known), np.float32))
        for field, shape in shapes.items():
            value = getattr(self, field)
            if value is None:
                continue
            value = np.asarray(value, np.float32)
            if value.shape != shape:
                raise ValueError(
                    f"{self.title}: {field} has the shape {list(value.shape)}; give {list(shape)}."
                )
            object.__setattr__(self, field, value)
        if self.side not in SIDES:
            raise ValueError(
                f"{self.title}: side is {self.side!r}; give one of {', '.join(SIDES)}."
            )
        if not -(2**63) <= self.id < 2**63:
            raise ValueError(f"{self.title}: the id needs more than 64 bits; give a smaller one.")

    @property
    def title(self) -> str:
        """How messages name the record."""
        return f"record {self.id} ({printable(self.name) or 'without a name'})"


def printable(text: str) -> str:
    """Return the text that can be written as UTF-8.

    Args:
        text: any; names of files that are not UTF-8 hold surrogates, which are shown by number.
    """
    return text.encode("utf-8", "backslashreplace").decode()


def check_values(record: Record) -> None:
    """Refuse a record that no training may see.

    Args:
        record: any record.

    Raises:
        ValueError: if the picture is empty, numbers are not finite, intrinsics are none, or
            a box without area or wholly outside the picture; one sentence naming the record.
    """
    title = record.title
    if not record.image or record.height < 1 or record.width < 1:
        raise ValueError(f"{title}: the picture is empty; leave the record out.")
    for field in ("name", "group", "source"):
        if getattr(record, field) != printable(getattr(record, field)):
            raise ValueError(
                f"{title}: the {field} {printable(getattr(record, field))!r} is not UTF-8; rename the "
                "file or folder."
            )
    for field in ("keypoints_2d", "visible", "keypoints_3d", "intrinsics", "box"):
        value = getattr(record, field)
        if value is not None and not np.isfinite(value).all():
            advice = "mark those joints as not visible and set them to 0, or leave the record out"
            if field == "keypoints_3d":  # hands learn the depth of all joints
                advice = "give all 3D joints of the record or none"
            elif field in ("intrinsics", "box"):
                advice = "correct them, or leave the field out"
            raise ValueError(f"{title}: {field} holds numbers that are not finite; {advice}.")
    if not all(np.isfinite(value) and value >= 0 for value in (record.scale, record.score)):
        raise ValueError(
            f"{title}: scale or score is not a finite number of at least 0; correct it."
        )
    if not (np.isfinite(record.head_size) and record.head_size >= 0):
        raise ValueError(f"{title}: head_size is {record.head_size}; give pixels, 0 if unknown.")
    matrix = record.intrinsics
    if matrix is not None:
        if not (matrix[0, 0] > 0 and matrix[1, 1] > 0):
            raise ValueError(
                f"{title}: the intrinsics K have a focal length of 0 or less; give K in pixels or "
                "no K at all."
            )
        if not np.allclose(matrix[2], [0, 0, 1], atol=1e-6):
            raise ValueError(
                f"{title}: the last row of the intrinsics K is {matrix[2].tolist()} instead of "
                "[0, 0, 1]; K may be transposed."
            )
    if record.box is not None:
        left, top, width, height = record.box
        if not (width > 0 and height > 0):
            raise ValueError(f"{title}: the box has no area; give x, y, width, height in pixels.")
        if left >= record.width or top >= record.height or left + width <= 0 or top + height <= 0:
            raise ValueError(
                f"{title}: the box {record.box.tolist()} lies outside the picture of "
                f"{record.width} x {record.height} px; give x, y, width, height in pixels."
            )


@dataclasses.dataclass(frozen=True)
class RecordSource:
    """A data set as a lazy sequence of records: counted at once, read one at a time, in any order.

    Iterating reads every record in order and stops at the first bad one; `write_records` counts bad
    ones instead and knows where to go on after a kill.

    Args:
        name: short name of the data set.
        licence: licence of the data as their owners state it.
        skeleton: name of the joint order of all records.
        count: number of records, bad ones included.
        read: position from 0 to `count` - 1 -> record; raises a `ValueError` for a bad one. It may
            be called from several threads.
        notes: sentences for the user, for example how many pictures are absent.
        label_names: name of each class, so that `label_names[record.label]` is a record's.
    """

    name: str
    licence: str
    skeleton: str
    count: int
    read: Callable[[int], Record]
    notes: tuple[str, ...] = ()
    label_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.count

    def __iter__(self) -> Iterator[Record]:
        return (self.read(position) for position in range(self.count))
