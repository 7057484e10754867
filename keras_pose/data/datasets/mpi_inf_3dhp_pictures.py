"""MPI-INF-3DHP with pictures, as its own scripts unpack it.

S1/Seq1/annot.mat                 annot2 `[F, 56]` px, annot3 and univ_annot3 `[F, 84]` mm per camera
S1/Seq1/camera.calibration        intrinsics per camera, optional
S1/Seq1/imageSequence/video_0.avi, or imageSequence/video_0/ or imageFrames/video_0/ with numbered
                                  pictures, the first one being 1 or 0
TS1/annot_data.mat                annot2, annot3, univ_annot3, valid_frame, activity_annotation (HDF5)
TS1/imageSequence/img_000001.jpg

annot.mat needs SciPy. The data are not shipped; their licence is for research.
"""

import os
import pathlib
import re
from collections.abc import Iterator, Sequence

import numpy as np

from keras_pose.data.datasets.body_frames import (
    BodyClip,
    in_metres,
    read_clip_frame,
    rows_of_clips,
    to_body,
    usable_frames,
)
from keras_pose.data.pictures.frames import VIDEO_ENDINGS, FrameReader, FrameStore
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files.matlab import read_matlab
from keras_pose.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28, MPII_16_SPINE, Skeleton

LICENCE = "MPI-INF-3DHP: research use, see its site"
_ADVICE = "give the folder of S1 to S8 or of TS1 to TS6 (docs/data.md)"
SPLITS = {
    "train": tuple(f"S{number}" for number in range(1, 9)),
    "test": tuple(f"TS{number}" for number in range(1, 7)),
}
# Activities 1 to 7 of the test set, by the names of the data set's paper.
ACTIVITIES = (
    *("Standing or walking", "Exercise", "Sitting on a chair", "Crouching or reaching"),
    *("On the floor", "Sports", "Miscellaneous"),
)
# The cameras that are not under the ceiling; published work trains on these.
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
_TRAIN_EVERY = 25
_IDS_PER_CLIP = 1_000_000


def read_mpi_inf_3dhp_pictures(
    path: str | os.PathLike[str],
    split: str = "train",
    *,
    subjects: Sequence[str] | None = None,
    cameras: Sequence[int] = CAMERAS,
    every: int = 0,
    size: int = 256,
    universal: bool = True,
) -> RecordSource:
    """Describe frames of MPI-INF-3DHP with 2D and 3D joints.

    Args:
        path: the data set's folder.
        split: "train" (S1 to S8) or "test" (TS1 to TS6).
        subjects: those wanted instead, for example ("S1",).
        cameras: of the training set.
        every: every n-th frame; 0 takes every 25th in training and every valid one in testing.
        size: side of the person's box in the record's picture, px.
        universal: take `univ_annot3`, 3D joints scaled to one height, as the evaluation does; they are
            right up to a translation only. Else `annot3`, where the person stood.

    Returns:
        The records, joints in MPII_16_SPINE order, metres, camera frame; `group` is the subject and
        `label` the position in `label_names`, the test set's activities. Test frames that are not
        valid are left out and counted, and so are frames without joints and recordings without video.

    Raises:
        ValueError: if files are missing, damaged, need SciPy and there is none, or no frame is left.
    """
    root = pathlib.Path(path)
    if split not in SPLITS:
        raise ValueError(f"--split={split} is not part of MPI-INF-3DHP; give train or test.")
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; {_ADVICE}.")
    names = tuple(subjects or SPLITS[split])
    present = [name for name in names if (root / name).is_dir()]
    absent = [name for name in names if name not in present]
    if subjects and absent:
        raise ValueError(f"{root} has no folder {absent[0]}; {_ADVICE}.")
    notes = [f"{', '.join(absent)} are not in {root} and were left out."] if absent else []
    counts = {
        "frames have no finite joints": 0,
        "frames are not valid": 0,
        "recordings have no video": 0,
    }
    clips: list[BodyClip] = []
    for name in present:
        if name.startswith("TS"):
            found = _test_clip(root / name, every or 1, universal, counts)
        else:
            found = _train_clips(root / name, cameras, every or _TRAIN_EVERY, universal, counts)
        for clip in found:
            clips.append(clip(_IDS_PER_CLIP * len(clips)))
    notes += [f"{count} {what} and were left out." for what, count in counts.items() if count]
    clip_of, row_of = rows_of_clips(clips)
    if not len(clip_of):
        raise ValueError(f"{root} has no labelled frame of {', '.join(names)}; {_ADVICE}.")
    store = FrameStore((clip.frames, clip.numbers) for clip in clips)

    def read(position: int) -> Record:
        clip = clips[clip_of[position]]
        return read_clip_frame(clip, int(row_of[position]), store, "mpi_inf_3dhp", size)

    return RecordSource(
        "mpi_inf_3dhp",
        LICENCE,
        MPII_16_SPINE.name,
        len(clip_of),
        read,
        tuple(notes),
        ACTIVITIES,
    )


def _train_clips(folder, cameras, every, universal, counts) -> Iterator:
    sequences = sorted(entry for entry in folder.glob("Seq*") if (entry / "annot.mat").is_file())
    if not sequences:
        raise ValueError(f"{folder} has no Seq1/annot.mat; {_ADVICE}.")
    for sequence in sequences:
        file = sequence / "annot.mat"
        solid_name = "univ_annot3" if universal else "annot3"
        content = read_matlab(file, ("annot2", solid_name), _ADVICE)
        for name in ("annot2", solid_name):
            if name not in content:
                raise ValueError(f"{file} has no {name!r}; {_ADVICE}.")
        flat, solid = content["annot2"].ravel(), content[solid_name].ravel()
        matrices = read_calibration(sequence / "camera.calibration")
        for camera in cameras:
            frames = _frames(sequence, camera)
            if frames is None or camera >= min(len(flat), len(solid)):
                counts["recordings have no video"] += 1
                continue
            points = _table(flat[camera], 2, MPI_INF_3DHP_28, file)
            solids = _table(solid[camera], 3, MPI_INF_3DHP_28, file)
            chosen, missing = usable_frames(frames.numbers, points, solids, every)
            counts["frames have no finite joints"] += missing
            yield _maker(
                f"{folder.name}/{sequence.name}/video_{camera}",
                frames,
                chosen,
                (points, solids),
                MPI_INF_3DHP_28,
                np.full(len(chosen), -1),
                folder.name,
                universal,
                matrices.get(camera),
            )


def _test_clip(folder, every, universal, counts) -> Iterator:
    file = folder / "annot_data.mat"
    solid_name = "univ_annot3" if universal else "annot3"
    names = ("annot2", solid_name, "valid_frame", "activity_annotation")
    content = read_matlab(file, names, _ADVICE)
    for name in names[:3]:
        if name not in content:
            raise ValueError(f"{file} has no {name!r}; {_ADVICE}.")
    points = _table(content["annot2"], 2, MPI_INF_3DHP_17, file)
    solids = _table(content[solid_name], 3, MPI_INF_3DHP_17, file)
    valid = np.asarray(content["valid_frame"]).ravel() > 0
    activity = np.asarray(content.get("activity_annotation", np.zeros(len(valid)))).ravel()
    if not len(points) == len(solids) == len(valid) == len(activity):
        raise ValueError(
            f"{file} has {len(points)} frames in 2D, {len(solids)} in 3D and {len(valid)} flags; get it "
            "again."
        )
    frames = FrameReader(folder / "imageSequence")
    chosen, missing = usable_frames(frames.numbers, points, solids, every)
    counts["frames have no finite joints"] += missing
    counts["frames are not valid"] += int((~valid[chosen]).sum())
    chosen = chosen[valid[chosen]]
    labels = activity[chosen].astype(int) - 1
    labels[(labels < 0) | (labels >= len(ACTIVITIES))] = -1
    yield _maker(
        folder.name,
        frames,
        chosen,
        (points, solids),
        MPI_INF_3DHP_17,
        labels,
        folder.name,
        universal,
        None,
    )


def _maker(name, frames, chosen, points, order, labels, group, universal, intrinsics):
    """Return a clip that still lacks the number of its first id."""
    return lambda first_id: BodyClip(
        name=name,
        frames=frames,
        numbers=chosen,
        points_px=to_body(points[0][chosen], order),
        points_3d=in_metres(to_body(points[1][chosen], order)),
        labels=labels,
        group=group,
        first_id=first_id,
        has_absolute_depth=not universal,
        intrinsics=intrinsics,
    )


def _frames(sequence: pathlib.Path, camera: int) -> FrameReader | None:
    """Return the recording of one camera, whichever way it lies there."""
    for part in ("imageFrames", "imageSequence"):
        folder = sequence / part / f"video_{camera}"
        if folder.is_dir():
            # Extracted frames count from 1, or from 0 as some tools write them.
            first = FrameReader(folder, 0).numbers[0]
            return FrameReader(folder, 0 if first == 0 else 1)
    for ending in VIDEO_ENDINGS:
        file = sequence / "imageSequence" / f"video_{camera}{ending}"
        if file.is_file():
            return FrameReader(file)
    return None


def _table(value: np.ndarray, parts: int, order: Skeleton, file: pathlib.Path) -> np.ndarray:
    """Bring joints to `[F, J, parts]`: from [F, J * parts], or [parts, J, 1, F] as HDF5 files have it."""
    value = np.asarray(value)
    joints = order.num_joints
    if value.dtype.kind in "fiu":
        if value.ndim == 2 and value.shape[1] == joints * parts:
            return value.reshape(-1, joints, parts).astype(np.float64)
        if value.ndim in (3, 4) and value.shape[:2] == (parts, joints):
            return value.reshape(parts, joints, -1).transpose(2, 1, 0).astype(np.float64)
    raise ValueError(
        f"{file}: a table of joints has the shape {list(value.shape)}, not [F, {joints * parts}] or "
        f"[{parts}, {joints}, 1, F]; {_ADVICE}."
    )


def read_calibration(path: str | os.PathLike[str]) -> dict[int, np.ndarray]:
    """Read the intrinsics of a camera.calibration file.

    Args:
        path: the file; lines `name <number>` and `intrinsic <16 numbers, row after row>`.

    Returns:
        camera -> float64 `[3, 3]`, px; empty if there is no such file.

    Raises:
        ValueError: if a matrix of it is none.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        return {}
    matrices, camera = {}, -1
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        words = line.split()
        if words[:1] == ["name"] and len(words) == 2 and re.fullmatch(r"\d+", words[1]):
            camera = int(words[1])
        elif words[:1] == ["intrinsic"]:
            try:
                matrix = np.array(words[1:], np.float64).reshape(4, 4)[:3, :3]
            except ValueError as error:
                raise ValueError(
                    f"{path}: the intrinsics of camera {camera} are not 16 numbers; get it again."
                ) from error
            matrices[camera] = matrix
    return matrices
