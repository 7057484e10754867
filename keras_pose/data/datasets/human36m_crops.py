"""Human3.6M as the authors of Wild3D preprocessed it: numbered crops with matlab_meta.mat.

s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg, ... and in the same folder
matlab_meta.mat: Y2d `[34, N]` px, Y3d_mono `[51, N]` mm in the camera frame, joint after joint in
Human3.6M-17 order, bbox `[4, N]` (left, top, right, bottom), num_images. N may be the first axis, and
joints may have an axis of their own. Files before version 7.3 need SciPy.
"""

import pathlib
import re
from collections.abc import Sequence

import numpy as np

from keras_pose.data.datasets.body_frames import (
    BodyClip,
    in_metres,
    rows_of_clips,
    to_body,
    usable_frames,
)
from keras_pose.data.datasets.human36m_actions import ACTIONS, CORRUPT_CLIP, FIRST_ACTION
from keras_pose.data.pictures.frames import FrameReader
from keras_pose.data.pictures.picture import read_picture
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files.matlab import read_matlab
from keras_pose.skeletons import H36M_17, MPII_16_SPINE

_FOLDER = re.compile(r"s_(\d+)_act_(\d+)_subact_(\d+)_ca_(\d+)")
_META = "matlab_meta.mat"
_STORED_EVERY = 5
_ADVICE = "docs/data.md shows the layout"


def is_crop_folder(root: pathlib.Path) -> bool:
    """Tell whether a folder has the preprocessed layout.

    Args:
        root: any folder.
    """
    return any(_FOLDER.fullmatch(entry.name) for entry in root.iterdir())


def read_human36m_crops(
    root: pathlib.Path, subjects: Sequence[str], every: int, licence: str
) -> RecordSource:
    """Describe the crops.

    The numbers in the files' names count the stored pictures, 1, 2, 3, each of which is every fifth
    frame of the video, unless they are 1, 6, 11: then they count the frames themselves.

    Args:
        root: folder of the folders s_..._ca_...
        subjects: names such as "S9".
        every: every n-th video frame is wanted, counted before storing.
        licence: licence of the data.

    Returns:
        As `read_human36m_pictures`; pictures keep their bytes, the box is the whole picture.

    Raises:
        ValueError: if files are missing, damaged or of another layout, or no frame is left.
    """
    clips: list[BodyClip] = []
    notes, unlabelled = [], 0
    for folder in sorted(root.iterdir()):
        match = _FOLDER.fullmatch(folder.name)
        if match is None or not folder.is_dir():
            continue
        subject, action, part, camera = (int(number) for number in match.groups())
        label = action - FIRST_ACTION
        if f"S{subject}" not in subjects or not 0 <= label < len(ACTIONS):
            continue
        if (f"S{subject}", label, part, camera) == CORRUPT_CLIP:
            notes.append(f"{folder.name} was skipped: its video is corrupt in the release.")
            continue
        clip, missing = _clip(folder, f"S{subject}", label, every, len(clips))
        unlabelled += missing
        clips.append(clip)
    if unlabelled:
        notes.append(f"{unlabelled} frames have no finite joints and were left out.")
    clip_of, row_of = rows_of_clips(clips)
    if not len(clip_of):
        raise ValueError(f"{root} has no labelled crop of {', '.join(subjects)}; {_ADVICE}.")
    notes.append(f"Every {every}th frame of {len(clips)} recordings of {', '.join(subjects)}.")

    def read(position: int) -> Record:
        clip, row = clips[clip_of[position]], int(row_of[position])
        number = int(clip.numbers[row])
        file = clip.frames.file(number)
        assert file is not None, clip.name  # a folder, never a video
        name = f"{clip.name}/{file.name}"
        data, height, width = read_picture(file, name)
        return Record(
            id=clip.first_id + number,
            source="human36m",
            name=name,
            image=data,
            height=height,
            width=width,
            skeleton=MPII_16_SPINE.name,
            keypoints_2d=clip.points_px[row],
            keypoints_3d=clip.points_3d[row],
            box=np.array([0, 0, width, height]),
            group=clip.group,
            label=int(clip.labels[row]),
        )

    return RecordSource(
        "human36m", licence, MPII_16_SPINE.name, len(clip_of), read, tuple(notes), ACTIONS
    )


def _clip(folder, subject, label, every, number) -> tuple[BodyClip, int]:
    file = folder / _META
    content = read_matlab(file, ("Y2d", "Y3d_mono", "bbox"), _ADVICE)
    for name in ("Y2d", "Y3d_mono"):
        if name not in content:
            raise ValueError(f"{file} has no {name!r}; {_ADVICE}.")
    flat = _table(content["Y2d"], 2, file)
    solid = _table(content["Y3d_mono"], 3, file)
    frames = FrameReader(folder)
    stored = frames.numbers
    counts_frames = len(stored) > 1 and (stored % _STORED_EVERY == 0).all()
    video_frames = stored if counts_frames else _STORED_EVERY * stored
    # Labels of every frame, or of the stored ones alone.
    per_label = _STORED_EVERY if counts_frames and stored[-1] >= len(flat) else 1
    rows = stored // per_label
    if len(flat) != len(solid):
        raise ValueError(
            f"{file}: Y2d has {len(flat)} frames and Y3d_mono {len(solid)}; {_ADVICE}."
        )
    wanted = rows[video_frames % every == 0]
    chosen, missing = usable_frames(wanted, flat, solid, 1)
    flat = flat[chosen]
    if "bbox" in content:
        flat = _in_crop(flat, np.asarray(content["bbox"], np.float64), chosen, file, frames)
    clip = BodyClip(
        name=folder.name,
        frames=frames,
        numbers=chosen * per_label,
        points_px=to_body(flat, H36M_17),
        points_3d=in_metres(to_body(solid[chosen], H36M_17)),
        labels=np.full(len(chosen), label),
        group=subject,
        first_id=1_000_000 * number,
    )
    return clip, missing


def _table(value: np.ndarray, parts: int, file: pathlib.Path) -> np.ndarray:
    """Bring a table of joints to `[N, 17, parts]`."""
    joints = H36M_17.num_joints
    value = np.asarray(value)
    good = value.dtype.kind in "fiu"
    if good and value.ndim == 2 and joints * parts in value.shape:
        value = value.T if value.shape[0] == joints * parts else value
        return value.reshape(-1, joints, parts).astype(np.float64)
    if good and value.ndim == 2 and value.shape == (joints, parts):
        return value[None].astype(np.float64)
    if good and value.ndim == 3 and value.shape[:2] == (joints, parts):
        return value.transpose(2, 0, 1).astype(np.float64)
    if good and value.ndim == 3 and value.shape[1:] == (joints, parts):
        return value.astype(np.float64)
    raise ValueError(
        f"{file}: a table of joints has the shape {list(value.shape)}, not [{joints * parts}, N]; "
        f"{_ADVICE}."
    )


def _in_crop(points, boxes, chosen, file, frames) -> np.ndarray:
    """Take joints from the full frame to the crop, if that is where they are."""
    if not len(points):
        return points
    name = frames.file(int(frames.numbers[0]))
    _, height, width = read_picture(name, name.name)
    beyond = (points > 1.5 * max(height, width)).any(-1).mean()
    if beyond < 0.5:
        return points
    boxes = boxes.T if boxes.shape[0] == 4 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4 or len(boxes) <= chosen.max():
        raise ValueError(f"{file}: bbox has the shape {list(boxes.shape)}, not [4, N]; {_ADVICE}.")
    low, high = boxes[chosen, None, :2], boxes[chosen, None, 2:]
    return (points - low) / np.maximum(high - low, 1e-9) * np.array([width, height])
