"""MPI-INF-3DHP: the common `data_train_3dhp.npz` / `data_test_3dhp.npz`, and original `annot.mat`.

The `.npz` files are pickled dictionaries and go through `restricted_pickle`; `annot.mat` needs
SciPy, which this package does not depend on. The data are not shipped; their licence is for
research.
"""

import importlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from keras_pose.data.motion.virtual_cameras import Views
from keras_pose.files.arrays import check_is_file
from keras_pose.files.restricted_pickle import read_pickled_arrays
from keras_pose.skeletons import H36M_17, MPI_INF_3DHP_17, MPI_INF_3DHP_28, Skeleton, convert

_ADVICE = (
    "give data_train_3dhp.npz, data_test_3dhp.npz or a training sequence's annot.mat (docs/data.md)"
)


def load_mpi_inf_3dhp(
    path: str | os.PathLike[str],
    allow_pickle: bool = False,
    sequences: Sequence[str] | None = None,
) -> Views:
    """Read 2D and 3D poses of MPI-INF-3DHP.

    Layouts (all in millimetres, camera frame x right, y down, z forward, and pixels):
    `data_train_3dhp.npz`: `data`: "S1 Seq1" -> list whose first entry is camera -> {`data_3d`
    `[F, 17, 3]`, `data_2d` `[F, 17, 2]`}; `data_test_3dhp.npz`: `data`: "TS1" -> {`data_3d`, `data_2d`,
    `valid` `[F]`}, of which frames that are not valid are left out; `annot.mat`: cells `annot3` and
    `annot2` per camera, `[F, 84]` and `[F, 56]` of 28 joints.

    Args:
        path: the file; its ending says which layout it has.
        allow_pickle: must be True for the `.npz` layouts, since they are pickled; reading is
            restricted all the same.
        sequences: names of those wanted; all if None. Not for `annot.mat`, which is one sequence.

    Returns:
        Views with points in Human3.6M-17 order, metres, camera frame, absolute. `frame` counts the
        frames of each sequence on from those before, so that cameras of one sequence share it.
        `pitch_deg` and `intrinsics` are NaN: the files do not have them.

    Raises:
        ValueError: if the file is missing, damaged, refused or has another layout, a sequence is
            not in it, or SciPy is needed and absent.
    """
    name = check_is_file(path, _ADVICE)
    if os.path.splitext(name)[1].lower() == ".mat":
        blocks = _annotations(name)
    else:
        data = read_pickled_arrays(name, ("data",), allow_pickle, _ADVICE)["data"]
        blocks = _archive(data, sequences, name)
    columns: list[tuple[np.ndarray, ...]] = []
    first, last_sequence, longest = 0, None, 0
    for sequence, number, points_2d, points_3d, rows in blocks:
        if sequence != last_sequence:
            first, last_sequence, longest = first + longest, sequence, 0
        longest = max(longest, int(rows[-1]) + 1 if len(rows) else 0)
        cameras = np.full(len(rows), number, np.int32)
        columns.append((points_2d, points_3d, cameras, (first + rows).astype(np.int32)))
    if not columns:
        raise ValueError(f"{name} has no camera; {_ADVICE}.")
    points_2d, points_3d, camera, frame = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    if not len(frame):
        raise ValueError(f"{name} has no valid frame; {_ADVICE}.")
    return Views(
        points_px=points_2d,
        points_3d=points_3d,
        pitch_deg=np.full(len(frame), np.nan, np.float32),
        camera=camera,
        frame=frame,
        intrinsics=np.full((len(frame), 3, 3), np.nan, np.float32),
    )


Block = tuple[str, int, np.ndarray, np.ndarray, np.ndarray]


def _archive(data: Any, sequences: Sequence[str] | None, path: str) -> Iterator[Block]:
    """Walk through the sequences and cameras of the `.npz` layouts."""
    if not isinstance(data, dict) or not data:
        raise ValueError(f"{path}: 'data' is not a table of sequences; {_ADVICE}.")
    for sequence in data if sequences is None else sequences:
        if sequence not in data:
            raise ValueError(f"{path} has no sequence '{sequence}'; it has {sorted(data)}.")
        value = data[sequence]
        if (
            isinstance(value, (list, tuple, np.ndarray))
            and len(value)
            and isinstance(value[0], dict)
        ):
            for number, (camera, entry) in enumerate(value[0].items()):
                digits = str(camera).strip()
                camera_number = int(digits) if digits.isdecimal() else number
                yield _block(path, str(sequence), camera_number, entry)
        else:
            yield _block(path, str(sequence), 0, value)


def _block(path: str, sequence: str, camera: int, entry: Any) -> Block:
    where = f"{path}: sequence '{sequence}', camera {camera}"
    if not isinstance(entry, dict) or "data_3d" not in entry or "data_2d" not in entry:
        raise ValueError(f"{where} lacks 'data_2d' or 'data_3d'; {_ADVICE}.")
    points_3d = _numbers(entry["data_3d"], where, 3)
    points_2d = _numbers(entry["data_2d"], where, 2)
    rows = np.arange(len(points_3d))
    if "valid" in entry:
        valid = np.asarray(entry["valid"]).reshape(-1)
        if valid.shape != rows.shape or valid.dtype.kind not in "bfiu":
            raise ValueError(f"{where}: 'valid' has shape {valid.shape}; {_ADVICE}.")
        rows = rows[valid.astype(bool)]
    return _finish(where, sequence, camera, (points_2d, points_3d), rows, MPI_INF_3DHP_17)


def _annotations(path: str) -> Iterator[Block]:
    """Walk through the cameras of an original `annot.mat`."""
    try:
        matlab = importlib.import_module("scipy.io")
    except ImportError as error:
        raise ValueError(
            f"{path} is a MATLAB file, which needs SciPy: install scipy, or give "
            "data_train_3dhp.npz."
        ) from error
    try:
        content = matlab.loadmat(path, variable_names=("annot2", "annot3"))
        cells_2d, cells_3d = content["annot2"].reshape(-1), content["annot3"].reshape(-1)
    except Exception as error:  # the reader raises many kinds for a damaged file
        raise ValueError(
            f"{path} is damaged or has no 'annot2' and 'annot3' ({str(error)[:80]}); {_ADVICE}."
        ) from error
    for camera, (flat_2d, flat_3d) in enumerate(zip(cells_2d, cells_3d, strict=False)):
        where = f"{path}: camera {camera}"
        points = []
        for flat, parts in ((flat_2d, 2), (flat_3d, 3)):
            good = isinstance(flat, np.ndarray) and flat.ndim == 2
            if not good or flat.shape[1] != parts * MPI_INF_3DHP_28.num_joints:
                raise ValueError(f"{where} is not [F, {parts * 28}]; {_ADVICE}.")
            points.append(flat.reshape(len(flat), -1, parts))
        rows = np.arange(len(points[1]))
        yield _finish(where, path, camera, (points[0], points[1]), rows, MPI_INF_3DHP_28)


def _finish(
    where: str,
    sequence: str,
    camera: int,
    points: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    skeleton: Skeleton,
) -> Block:
    """Check one camera's poses and bring them to Human3.6M-17 and metres."""
    if len(points[0]) != len(points[1]):
        raise ValueError(
            f"{where} has {len(points[0])} 2D and {len(points[1])} 3D poses; {_ADVICE}."
        )
    converted = []
    for array in points:
        chosen, _ = convert(array[rows].astype(np.float32), skeleton, H36M_17)
        if not np.isfinite(chosen).all():
            raise ValueError(f"{where} has coordinates that are not finite; remove those frames.")
        converted.append(chosen)
    return sequence, camera, converted[0], converted[1] / np.float32(1000.0), rows


def _numbers(value: Any, where: str, coordinates: int) -> np.ndarray:
    good = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim == 3
    joints = MPI_INF_3DHP_17.num_joints
    if not good or value.shape[1] != joints or value.shape[2] < coordinates:
        found = f"shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(
            f"{where}: 'data_{coordinates}d' is {found} where [F, 17, {coordinates}] belongs; "
            f"{_ADVICE}."
        )
    return value[..., :coordinates]
