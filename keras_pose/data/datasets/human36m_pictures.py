"""Human3.6M with pictures: the official release, and the authors' preprocessed crops.

Official release, a folder per subject (S1, S5, ...), from the site's archives Videos, D2 Positions
and D3 Positions mono:
  S1/Videos/Directions 1.54138969.mp4          or S1/Images/Directions 1.54138969/..._000001.jpg
  S1/MyPoseFeatures/D2_Positions/Directions 1.54138969.cdf         `[F, 64]` px
  S1/MyPoseFeatures/D3_Positions_mono/Directions 1.54138969.cdf    `[F, 96]` mm, camera frame
Poses may stand under S1/Poses_D2_Positions and so on too, and in files of another kind: `.cdf` needs
cdflib, `.cdf.mat` and `.mat` (variable `data` or `Pose`) SciPy, `.npy` nothing.

Preprocessed: s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000001.jpg, 224 x 224 px, with
matlab_meta.mat beside them: see `human36m_crops`.

The data are not shipped; their licence is for research and is granted by the data set's authors.
"""

import importlib
import os
import pathlib
import re
from collections.abc import Sequence

import numpy as np

from keras_pose.data.datasets.body_frames import (
    BodyClip,
    in_metres,
    read_clip_frame,
    rows_of_clips,
    to_body,
    usable_frames,
)
from keras_pose.data.datasets.human36m_actions import ACTIONS, CORRUPT_VIDEO, SPLITS, action_number
from keras_pose.data.datasets.human36m_crops import is_crop_folder, read_human36m_crops
from keras_pose.data.pictures.frames import VIDEO_ENDINGS, FrameReader, FrameStore
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files.arrays import check_is_file
from keras_pose.files.matlab import read_matlab
from keras_pose.skeletons import H36M_32, MPII_16_SPINE

LICENCE = "Human3.6M licence: academic use, granted by the data set's authors"
_ADVICE = "give the release's folder or that of the preprocessed crops (docs/data.md)"
_POSE_ENDINGS = (".cdf", ".cdf.mat", ".mat", ".npy")
# Records of one recording are numbered from here; no video has so many frames.
_IDS_PER_CLIP = 1_000_000


def read_human36m_pictures(
    path: str | os.PathLike[str],
    split: str = "train",
    *,
    subjects: Sequence[str] | None = None,
    every: int = 5,
    size: int = 256,
) -> RecordSource:
    """Describe frames of Human3.6M with 2D and 3D joints.

    Args:
        path: folder of the release or of the preprocessed crops.
        split: "train" (S1, S5, S6, S7, S8) or "test" (S9, S11).
        subjects: those wanted instead of the split's, for example ("S9",).
        every: every n-th video frame: 5 as published, 200 for the quick test set, which is not the one
            that papers report.
        size: side of the person's box in the record's picture, px. Not for preprocessed crops, which
            stay as they are.

    Returns:
        The records, joints in MPII_16_SPINE order, metres, camera frame, absolute; `group` is the
        subject, `label` the position in `label_names`, the fifteen actions. Frames without finite
        joints are left out and counted in a note, and so is the corrupt recording of S11.

    Raises:
        ValueError: if files are missing, damaged, need a reader that is not installed, or no frame is
            left.
    """
    root = pathlib.Path(path)
    if split not in SPLITS:
        raise ValueError(f"--split={split} is not part of Human3.6M; give train or test.")
    if every < 1:
        raise ValueError(f"--every={every} is too small; give at least 1.")
    names = tuple(subjects or SPLITS[split])
    wrong = [name for name in names if not re.fullmatch(r"S\d+", name)]
    if wrong:
        raise ValueError(
            f"--subjects={wrong[0]} is not a subject of Human3.6M; give names such as S9."
        )
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; {_ADVICE}.")
    if is_crop_folder(root):
        return read_human36m_crops(root, names, every, LICENCE)
    clips: list[BodyClip] = []
    notes, unlabelled = [], 0
    for subject in names:
        for video in _recordings(root, subject):
            name = f"{subject}/{video.stem if video.is_file() else video.name}"
            action, camera = name.split("/")[1].rsplit(".", 1)
            if action_number(action) < 0:
                continue
            if (subject, action, camera) == CORRUPT_VIDEO:
                notes.append(f"{name} was skipped: its video is corrupt in the release.")
                continue
            clip, num_unlabelled = _clip(root, subject, action, camera, video, every, len(clips))
            unlabelled += num_unlabelled
            clips.append(clip)
    if unlabelled:
        notes.append(f"{unlabelled} frames have no finite joints and were left out.")
    clip_of, row_of = rows_of_clips(clips)
    if not len(clip_of):
        raise ValueError(f"{root} has no labelled frame of {', '.join(names)}; {_ADVICE}.")
    notes.append(f"Every {every}th frame of {len(clips)} recordings of {', '.join(names)}.")
    store = FrameStore((clip.frames, clip.numbers) for clip in clips)

    def read(position: int) -> Record:
        clip = clips[clip_of[position]]
        return read_clip_frame(clip, int(row_of[position]), store, "human36m", size)

    return RecordSource(
        "human36m", LICENCE, MPII_16_SPINE.name, len(clip_of), read, tuple(notes), ACTIONS
    )


def _recordings(root: pathlib.Path, subject: str) -> list[pathlib.Path]:
    """Videos, or folders of their frames, of one subject, sorted by name."""
    folder = root / subject
    if not folder.is_dir():
        raise ValueError(f"{folder} is not a folder; {_ADVICE}.")
    found = {}
    for part in ("Videos", "Images"):  # frames extracted before win
        for entry in (folder / part).iterdir() if (folder / part).is_dir() else ():
            is_video = entry.suffix.lower() in VIDEO_ENDINGS
            key = entry.stem if is_video else entry.name
            if (is_video or entry.is_dir()) and re.fullmatch(r".+\.\d+", key):
                found[key] = entry
    if not found:
        raise ValueError(
            f"{folder} has no Videos/<action>.<camera>.mp4 and no Images/<action>.<camera>; {_ADVICE}."
        )
    return [found[key] for key in sorted(found)]


def _clip(
    root: pathlib.Path,
    subject: str,
    action: str,
    camera: str,
    video: pathlib.Path,
    every: int,
    number: int,
) -> tuple[BodyClip, int]:
    key = f"{action}.{camera}"
    flat = _poses(root / subject, "D2_Positions", key, 2)
    solid = _poses(root / subject, "D3_Positions_mono", key, 3)
    frames = FrameReader(video)
    chosen, unlabelled = usable_frames(frames.numbers, flat, solid, every)
    clip = BodyClip(
        name=f"{subject}/{key}",
        frames=frames,
        numbers=chosen,
        points_px=to_body(flat[chosen], H36M_32),
        points_3d=in_metres(to_body(solid[chosen], H36M_32)),
        labels=np.full(len(chosen), action_number(action)),
        group=subject,
        first_id=_IDS_PER_CLIP * number,
    )
    return clip, unlabelled


def _poses(folder: pathlib.Path, kind: str, key: str, parts: int) -> np.ndarray:
    """Poses of one recording, `[F, 32, parts]`, whichever file they lie in."""
    places = [folder / "MyPoseFeatures" / kind, folder / f"Poses_{kind}", folder / kind]
    for place in places:
        for ending in _POSE_ENDINGS:
            file = place / f"{key}{ending}"
            if file.is_file():
                return _shaped(_read_poses(file, ending), file, parts)
    raise ValueError(
        f"{places[0] / key}.cdf does not exist; unpack {kind.replace('_', ' ')} of {folder.name} there."
    )


def _read_poses(file: pathlib.Path, ending: str) -> np.ndarray:
    if ending == ".npy":
        check_is_file(file, _ADVICE)
        try:
            return np.load(file, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise ValueError(f"{file} is not a complete .npy file; get it again.") from error
    if ending != ".cdf":
        content = read_matlab(file, ("data", "Pose"), "give the .cdf file of the release")
        value = content.get("data", content.get("Pose"))
        while isinstance(value, np.ndarray) and value.dtype == object and value.size:
            value = value.ravel()[0]  # MATLAB's cdfread gives cells
        return np.asarray(value, np.float64)
    try:
        reader = importlib.import_module("cdflib")
    except ImportError as error:
        raise ValueError(
            f"{file} is a CDF file, which needs cdflib: pip install cdflib, or save its variable "
            "Pose as .npy next to it."
        ) from error
    try:
        return np.asarray(reader.CDF(str(file)).varget("Pose"), np.float64)
    except Exception as error:  # the reader raises many kinds for a damaged file
        raise ValueError(
            f"{file} is damaged or has no variable 'Pose' ({str(error)[:80]}); get it again."
        ) from error


def _shaped(table: np.ndarray, file: pathlib.Path, parts: int) -> np.ndarray:
    width = H36M_32.num_joints * parts
    if table.dtype.kind not in "fiu" or not table.size or table.size % width:
        raise ValueError(f"{file} is not [F, {width}]; {_ADVICE}.")
    if table.shape[-1] != width and table.shape[-2:] != (H36M_32.num_joints, parts):
        raise ValueError(f"{file} has the shape {list(table.shape)}, not [F, {width}]; {_ADVICE}.")
    return table.reshape(-1, H36M_32.num_joints, parts).astype(np.float64)
