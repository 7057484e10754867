"""Biovision hierarchy (BVH) files: parse, then forward kinematics to joint positions.

Tolerant where files differ (order of channels, braces on the same line, tabs, names with spaces or
colons, several roots), strict where a file is broken: the sentence names the file and the line.
"""

import codecs
import dataclasses
import os
import re
import warnings

import numpy as np

from keras_pose.data.motion.bvh_rate import frame_seconds
from keras_pose.files.arrays import check_is_file

_ADVICE = "give a BVH file with HIERARCHY and MOTION"
_POSITIONS = ("xposition", "yposition", "zposition")
_ROTATIONS = ("xrotation", "yrotation", "zrotation")


@dataclasses.dataclass(frozen=True)
class BvhMotion:
    """One parsed BVH file.

    Attributes:
        names: joint names; an `End Site` is named "<parent> end".
        parents: index of each joint's parent, -1 for a root; parents come before children.
        offsets: float64 `[K, 3]`, each joint in its parent's frame at rest, in the file's unit.
        channels: per joint, its channels in the file's order, lower case ("zrotation").
        values: float64 `[F, number of channels]`, degrees and the file's unit.
        frame_time_s: seconds between two frames.
    """

    names: tuple[str, ...]
    parents: tuple[int, ...]
    offsets: np.ndarray
    channels: tuple[tuple[str, ...], ...]
    values: np.ndarray
    frame_time_s: float


def read_bvh(path: str | os.PathLike[str]) -> BvhMotion:
    """Parse a BVH file.

    Args:
        path: the file, text in UTF-8 or another superset of ASCII, or in UTF-16; with or without a byte
            order mark.

    Returns:
        Its hierarchy and its motion, frames as they are; also full frames beyond the number that the
        file announces, which a warning names.

    Raises:
        ValueError: if the file is missing, empty, cut off, or a line is not what the format asks
            for.
    """
    name = check_is_file(path, _ADVICE)
    with open(name, "rb") as file:
        reader = _Lines(name, _decode(file.read()).splitlines())
    names, parents, offsets, channels = _read_hierarchy(reader)
    values, frame_time = _read_motion(reader, sum(map(len, channels)))
    return BvhMotion(
        names=tuple(names),
        parents=tuple(parents),
        offsets=np.array(offsets, np.float64),
        channels=tuple(channels),
        values=values,
        frame_time_s=frame_time,
    )


def _decode(data: bytes) -> str:
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace")
    if data[1:2] == b"\0" or data[:1] == b"\0":  # without a mark, as "H\0I\0"
        return data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", errors="replace")
    return data.decode("utf-8-sig", errors="replace")


def pose_joints(
    motion: BvhMotion, rows: slice | np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Compute where all joints are and how they are turned (forward kinematics).

    A joint's rotation is the product of its rotation channels in the order in which they are
    listed. A position channel replaces the offset along its axis, for roots and other joints alike.

    Args:
        motion: the parsed file.
        rows: frames wanted; all if None.

    Returns:
        Positions float64 `[F, K, 3]` in the file's unit and axes, and rotations float64 `[F, K, 3, 3]`
        from the joint's frame to the world; at rest all rotations are the identity.
    """
    values = motion.values if rows is None else motion.values[rows]
    count, joints = len(values), len(motion.names)
    positions, rotations = np.empty((count, joints, 3)), np.empty((count, joints, 3, 3))
    column = 0
    for joint, (parent, channels) in enumerate(zip(motion.parents, motion.channels, strict=True)):
        local = np.tile(motion.offsets[joint], (count, 1))
        turn = np.tile(np.eye(3), (count, 1, 1))
        for channel in channels:
            if channel in _POSITIONS:
                local[:, _POSITIONS.index(channel)] = values[:, column]
            else:
                turn = turn @ _axis_rotation(_ROTATIONS.index(channel), values[:, column])
            column += 1
        if parent < 0:
            positions[:, joint], rotations[:, joint] = local, turn
        else:
            above = rotations[:, parent]
            positions[:, joint] = positions[:, parent] + (above @ local[..., None])[..., 0]
            rotations[:, joint] = above @ turn
    return positions, rotations


def _axis_rotation(axis: int, degrees: np.ndarray) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix = np.tile(np.eye(3), (len(degrees), 1, 1))
    matrix[:, first, first] = matrix[:, second, second] = cosine
    matrix[:, second, first], matrix[:, first, second] = sine, -sine
    return matrix


class _Lines:
    """The lines of a file that are not empty, with their numbers, for messages."""

    def __init__(self, path: str, lines: list[str]) -> None:
        self.path, self.last = path, len(lines)
        self._lines = [
            (number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()
        ]
        self._next = 0

    def take(self, expected: str) -> tuple[int, str]:
        """Return the next line and its number."""
        if self._next >= len(self._lines):
            raise ValueError(
                f"{self.path}, line {self.last}: the file ends where {expected} belongs; fetch it "
                "again or export it again."
            )
        self._next += 1
        return self._lines[self._next - 1]

    def push(self, number: int, text: str) -> None:
        """Put the rest of a line back."""
        self._next -= 1
        self._lines[self._next] = (number, text)

    def rest(self) -> list[tuple[int, str]]:
        """Return all lines that were not taken."""
        return self._lines[self._next :]

    def wrong(self, number: int, text: str, expected: str) -> ValueError:
        """Describe a line that is not what it should be."""
        return ValueError(
            f"{self.path}, line {number}: '{text[:40]}' stands where {expected} belongs; {_ADVICE}."
        )

    def numbers(self, number: int, words: list[str], count: int, what: str) -> list[float]:
        """Return exactly `count` finite numbers."""
        try:
            values = [_number(word) for word in words]
        except ValueError:
            values = []
        if len(values) != count or not np.isfinite(values).all():
            raise self.wrong(number, " ".join(words), f"{what} ({count} numbers)")
        return values


Hierarchy = tuple[list[str], list[int], list[list[float]], list[tuple[str, ...]]]


def _read_hierarchy(reader: _Lines) -> Hierarchy:
    """Read up to and with the line MOTION."""
    number, text = reader.take("HIERARCHY")
    if text.lower() != "hierarchy":
        raise reader.wrong(number, text, "HIERARCHY")
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[tuple[str, ...]] = []
    open_joints: list[int] = []  # a stack instead of recursion: depth is up to the file
    while True:
        number, text = reader.take("ROOT, JOINT, '}' or MOTION")
        word, _, tail = re.sub(r"\s+", " ", text).partition(" ")
        word = word.lower()
        if text.startswith("}"):
            if not open_joints:
                raise reader.wrong(number, text, "ROOT or MOTION")
            open_joints.pop()
            if text[1:].strip():
                reader.push(number, text[1:].strip())
        elif word == "motion" and not open_joints and names:
            return names, parents, offsets, channels
        elif (word == "root") != bool(open_joints) and word in ("root", "joint", "end"):
            parent = open_joints[-1] if open_joints else -1
            name, brace, more = tail.partition("{")
            name = f"{names[parent]} end" if word == "end" else name.strip()
            if not name:
                raise reader.wrong(number, text, "a joint with a name")
            if more.strip():
                reader.push(number, more.strip())
            if not brace:
                _read_brace(reader)
            names.append(name)
            parents.append(parent)
            open_joints.append(len(names) - 1)
            offset, listed = _read_joint(reader, is_end=word == "end")
            offsets.append(offset)
            channels.append(listed)
        else:
            expected = "JOINT, End Site or '}'" if open_joints else "ROOT or MOTION"
            raise reader.wrong(number, text, expected)


def _read_brace(reader: _Lines) -> None:
    number, text = reader.take("'{'")
    if not text.startswith("{"):
        raise reader.wrong(number, text, "'{'")
    if text[1:].strip():
        reader.push(number, text[1:].strip())


def _read_joint(reader: _Lines, is_end: bool) -> tuple[list[float], tuple[str, ...]]:
    """Read OFFSET and, unless it is an End Site, CHANNELS."""
    number, text = reader.take("OFFSET")
    words = text.split()
    if words[0].lower() != "offset":
        raise reader.wrong(number, text, "OFFSET")
    offset = reader.numbers(number, words[1:4], 3, "OFFSET")
    if words[4:]:
        reader.push(number, " ".join(words[4:]))
    if is_end:
        return offset, ()
    number, text = reader.take("CHANNELS")
    words = text.split()
    count = int(words[1]) if len(words) > 1 and words[1].isdecimal() and len(words[1]) < 3 else -1
    listed = tuple(word.lower() for word in words[2 : 2 + max(count, 0)])
    good = words[0].lower() == "channels" and len(listed) == count == len(set(listed))
    if not good or not set(listed) <= {*_POSITIONS, *_ROTATIONS}:
        raise reader.wrong(number, text, "CHANNELS with their number and names")
    if words[2 + count :]:
        reader.push(number, " ".join(words[2 + count :]))
    return offset, listed


def _number(word: str) -> float:
    """Return a number, also with the decimal comma of programs that follow the computer's language."""
    return float(word.replace(",", ".", 1) if "." not in word else word)


def _value_of(text: str, key: str) -> str | None:
    """Return what stands behind a key, with or without a colon; None where the line has another key."""
    match = re.fullmatch(rf"{key}\s*:?\s*(.*)", text.replace("\t", " "), re.IGNORECASE)
    return match[1].strip() if match else None


def _read_motion(reader: _Lines, num_channels: int) -> tuple[np.ndarray, float]:
    number, text = reader.take("'Frames: <number>'")
    announced = _value_of(text, "frames")
    if announced is None or re.fullmatch(r"\d{1,11}(\.0*)?", announced) is None:
        raise reader.wrong(number, text, "'Frames: <number>'")
    count = int(float(announced))
    number, text = reader.take("'Frame Time: <seconds>'")
    seconds = _value_of(text, r"frame\s*time")
    if seconds is None:
        raise reader.wrong(number, text, "'Frame Time: <seconds>'")
    (frame_time,) = reader.numbers(number, seconds.split(), 1, "the seconds of a frame")
    if frame_time <= 0:
        raise reader.wrong(number, text, "a frame time above 0")
    rows = reader.rest()
    if len(rows) < count or not rows:
        raise ValueError(
            f"{reader.path}, line {reader.last}: the file announces {announced[:12]} frames and "
            f"has {len(rows)}; it is cut off or damaged, fetch it again or export it again."
        )
    words = [text.split() for _, text in rows]
    try:
        values = np.array(words, np.float64)
    except ValueError:
        values = np.empty((0, 0))
    if values.shape != (len(rows), num_channels) or not np.isfinite(values).all():
        table = []
        for number, text in rows:  # find the line that is wrong
            table.append(reader.numbers(number, text.split(), num_channels, "a frame"))
        if not num_channels:
            raise ValueError(f"{reader.path}: the hierarchy has no channels; {_ADVICE}.")
        values = np.array(table, np.float64)
    if len(rows) > count:
        warnings.warn(
            f"{reader.path}: the file announces {count} frames and has {len(rows)}; all were read.",
            stacklevel=3,
        )
    return values, frame_seconds(frame_time, reader.path, len(rows))
