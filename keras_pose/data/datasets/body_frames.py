"""Records of persons in video frames: pictures cut around the person, labels moved along.

Full frames of laboratory videos would be many times the size of what a crop can show, so only the
surroundings of the person are kept.
"""

import dataclasses

import numpy as np

from keras_pose.data.pictures.body_boxes import BODY_JOINT_MARGIN, cut_picture
from keras_pose.data.pictures.boxes import joints_box
from keras_pose.data.pictures.frames import FrameReader, FrameStore
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.data.records.record import Record
from keras_pose.geometry import affine2d, other_picture
from keras_pose.skeletons import MPII_16_SPINE, Skeleton, convert

_FEW_FRAMES = 20
_MILLIMETRES = 1000.0


@dataclasses.dataclass(frozen=True)
class BodyClip:
    """One recording with labels of some of its frames.

    Args:
        name: how records and messages name it.
        frames: the recording.
        numbers: int `[F]`, frames of the recording that are used, from 0.
        points_px: float32 `[F, 16, 2]`, MPII_16_SPINE, px of the frame.
        points_3d: float32 `[F, 16, 3]`, metres, camera frame.
        labels: int `[F]`, class of each frame.
        group: subject.
        first_id: id of frame 0 of the recording.
        has_absolute_depth: whether `points_3d` is where the person stood.
        intrinsics: float `[3, 3]`, px, or None.
    """

    name: str
    frames: FrameReader
    numbers: np.ndarray
    points_px: np.ndarray
    points_3d: np.ndarray
    labels: np.ndarray
    group: str
    first_id: int
    has_absolute_depth: bool = True
    intrinsics: np.ndarray | None = None


def usable_frames(
    available: np.ndarray, points_px: np.ndarray, points_3d: np.ndarray, every: int, first: int = 0
) -> tuple[np.ndarray, int]:
    """Choose the frames that have a picture and labels.

    Args:
        available: int `[N]`, frames with a picture, sorted.
        points_px: float `[F, J, 2]`, row f is frame f.
        points_3d: float `[F, J, 3]`.
        every: every n-th frame is wanted.
        first: the first of them.

    Returns:
        int `[M]`, sorted, and the number of wanted frames with a picture but without finite labels.
    """
    wanted = available[(available >= first) & ((available - first) % every == 0)]
    labelled = min(len(points_px), len(points_3d))
    good = wanted[wanted < labelled]
    finite = (
        np.isfinite(points_px[good]) & np.isfinite(points_3d[good]).all(-1, keepdims=True)
    ).all((1, 2))
    # All zeros is how these sets write a frame without a pose.
    finite &= np.ptp(points_3d[good], axis=(1, 2)) > 0
    return good[finite], len(wanted) - int(finite.sum())


def to_body(points: np.ndarray, order: Skeleton) -> np.ndarray:
    """Bring joints to the order of 3D sets.

    Args:
        points: float `[F, J, D]`.
        order: their order.

    Returns:
        float32 `[F, 16, D]`, MPII_16_SPINE.
    """
    return convert(np.asarray(points, np.float64), order, MPII_16_SPINE)[0].astype(np.float32)


def in_metres(points_mm: np.ndarray) -> np.ndarray:
    """Divide by 1000: float `[..., 3]` mm -> float32 `[..., 3]` m."""
    return (np.asarray(points_mm, np.float64) / _MILLIMETRES).astype(np.float32)


def read_clip_frame(clip: BodyClip, row: int, store: FrameStore, source: str, size: int) -> Record:
    """Make a record of one frame.

    Args:
        clip: the recording.
        row: position in `clip.numbers`.
        store: reads the frames.
        source: short name of the data set.
        size: side of the person's box in the record's picture, px.

    Returns:
        The record; its picture holds a quarter more than the box, black beyond the frame's edge.

    Raises:
        ValueError: if the frame cannot be read, or its joints do not make a box in it.
    """
    number = int(clip.numbers[row])
    name = f"{clip.name} frame {number}"
    points = clip.points_px[row]
    image = store.read(clip.frames, number)
    box = joints_box(points, np.ones(len(points)), BODY_JOINT_MARGIN)
    if box is None:
        raise ValueError(
            f"{name}: all joints are in one place, or some are not finite; leave the frame out."
        )
    try:
        picture, matrix = cut_picture(image, box, size)
    except ValueError as error:
        raise ValueError(f"{name}: {error}.") from error
    corner = affine2d.apply(box[None, :2], matrix)[0]
    intrinsics = clip.intrinsics
    other = _reach(clip, image.shape)
    if intrinsics is not None:
        other = other_picture(intrinsics, *image.shape[:2])
    if other:
        raise ValueError(f"{name}: {other}; use frames of the size that was labelled.")
    if intrinsics is not None:
        intrinsics = affine2d.transform_intrinsics(intrinsics, matrix)
    return Record(
        id=clip.first_id + number,
        source=source,
        name=name,
        image=encode_picture(picture),
        height=picture.shape[0],
        width=picture.shape[1],
        skeleton=MPII_16_SPINE.name,
        keypoints_2d=affine2d.apply(points, matrix),
        keypoints_3d=clip.points_3d[row],
        has_absolute_depth=clip.has_absolute_depth,
        intrinsics=intrinsics,
        box=np.concatenate([corner, box[2:] * matrix[0, 0]]),
        group=clip.group,
        label=int(clip.labels[row]),
    )


def _reach(clip: BodyClip, shape: tuple[int, ...]) -> str:
    """Say that a recording's joints are of frames of another size; empty where they may be of these."""
    # Fifty frames of the recording tell.
    points = clip.points_px[:: max(len(clip.points_px) // 50, 1)]
    far = points.max(1) / [shape[1], shape[0]]  # of each frame
    is_of_smaller = len(points) >= _FEW_FRAMES and far.max() < 0.5
    is_of_larger = (np.median(far, axis=0) > 1.2).any()
    if not (is_of_smaller or is_of_larger):
        return ""
    x, y = points.max((0, 1))
    size = f"{shape[1]} x {shape[0]} px"
    return f"the recording's joints reach to ({x:.0f}, {y:.0f}) px, its frames have {size}"


def rows_of_clips(clips: list[BodyClip]) -> tuple[np.ndarray, np.ndarray]:
    """List the frames of all clips one after the other.

    Args:
        clips: C recordings.

    Returns:
        int `[N]`, the clip of each record, and int `[N]`, its row there.
    """
    lengths = [len(clip.numbers) for clip in clips]
    clip = np.repeat(np.arange(len(clips)), lengths)
    rows = [np.arange(length) for length in lengths]
    return clip, np.concatenate(rows) if rows else np.zeros(0, np.int64)
