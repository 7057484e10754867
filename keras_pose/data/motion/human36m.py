"""Human3.6M in VideoPose3D's layouts (`data_3d_h36m.npz`, `data_2d_h36m_*.npz`).

Both are pickled dictionaries, so they need `allow_pickle` and go through `restricted_pickle`. The
data are not shipped; their licence is for research and is granted by the data set's authors.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pose.data.motion.keypoints_2d import Keypoints2D
from keras_pose.data.motion.motion import MotionSet
from keras_pose.data.motion.virtual_cameras import Views
from keras_pose.files import read_json
from keras_pose.files.restricted_pickle import read_pickled_arrays
from keras_pose.skeletons import H36M_17, H36M_32, convert

_ADVICE_3D = "give data_3d_h36m.npz as VideoPose3D's preparation writes it (docs/data.md)"
_ADVICE_2D = "give data_2d_h36m_gt.npz or another data_2d_h36m_*.npz of that layout (docs/data.md)"
_LICENCE = "Human3.6M licence: academic use, granted by the data set's authors"
_FRAMES_PER_SECOND = 50.0
# Human3.6M's world has z up; a quarter turn about x takes (x, y, z) to (x, -z, y), y down.
_TO_WORLD = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])


def load_h36m(
    path_3d: str | os.PathLike[str],
    allow_pickle: bool = False,
    subjects: Sequence[str] | None = None,
) -> MotionSet:
    """Read the 3D poses of Human3.6M.

    Args:
        path_3d: `positions_3d`: subject -> action -> float `[F, 32, 3]` (or `[F, 17, 3]`) in metres,
            world frame with z up.
        allow_pickle: must be True, since the layout is pickled; reading is restricted all the same.
        subjects: names such as ("S9", "S11"), in this order; all in the file's order if None.

    Returns:
        MotionSet in metres, world frame with y down, 50 frames per second; a clip is one action of
        one subject (`clip_names` "S9/Walking 1").

    Raises:
        ValueError: if the file is missing, damaged, refused or has another layout, or a subject is
            not in it.
    """
    path = os.fspath(path_3d)
    positions = read_pickled_arrays(path, ("positions_3d",), allow_pickle, _ADVICE_3D)
    poses, names, numbers = [], [], []
    for subject, action, value in _actions(positions["positions_3d"], subjects, path, _ADVICE_3D):
        where = f"{path}: {subject}/{action}"
        array = _numbers(value, where, (H36M_32.num_joints, H36M_17.num_joints), 3, _ADVICE_3D)
        if array.shape[1] == H36M_32.num_joints:
            array, _ = convert(array, H36M_32, H36M_17)
        poses.append((array @ _TO_WORLD.T).astype(np.float32))
        names.append(f"{subject}/{action}")
        numbers.append(_subject_number(subject))
    lengths = [len(part) for part in poses]
    return MotionSet(
        poses_m=np.concatenate(poses),
        clip=np.repeat(np.arange(len(poses)), lengths),
        subject=np.repeat(numbers, lengths),
        source=f"Human3.6M, {os.path.basename(path)}",
        licence=_LICENCE,
        frames_per_second=_FRAMES_PER_SECOND,
        clip_names=tuple(names),
    )


def load_h36m_2d(
    path_2d: str | os.PathLike[str],
    allow_pickle: bool = False,
    subjects: Sequence[str] | None = None,
) -> Keypoints2D:
    """Read the 2D poses of Human3.6M, all cameras one after the other, for training without 3D.

    Args:
        path_2d: `positions_2d`: subject -> action -> list of cameras, each float `[F, 17, 2]` in
            pixels.
        allow_pickle: must be True, since the layout is pickled; reading is restricted all the same.
        subjects: names such as ("S1", "S5"); all if None.

    Returns:
        Keypoints2D in Human3.6M-17 order.

    Raises:
        ValueError: if `load_h36m` would refuse the file, or its `metadata` names another joint order.
    """
    path = os.fspath(path_2d)
    actions = _read_2d(path, allow_pickle, subjects)
    return Keypoints2D(
        points_px=np.concatenate([view for _, _, views in actions for view in views]),
        source=f"Human3.6M, {os.path.basename(path)}",
    )


def load_h36m_views(
    path_3d: str | os.PathLike[str],
    path_2d: str | os.PathLike[str],
    cameras: str | os.PathLike[str],
    allow_pickle: bool = False,
    subjects: Sequence[str] | None = None,
) -> Views:
    """Pair the 2D poses of every camera with the 3D poses in that camera's frame.

    Args:
        path_3d: as for `load_h36m`.
        path_2d: as for `load_h36m_2d`; detections with a few frames more than the motion are cut.
        cameras: JSON file: subject -> list of cameras in the order of `path_2d`, each with
            `orientation` (unit quaternion w, x, y, z, camera to world), `translation_mm` (centre in
            millimetres), `focal_px` and `principal_px` (two numbers each), as in VideoPose3D's
            tables.
        allow_pickle: must be True, since both layouts are pickled.
        subjects: names such as ("S9", "S11"); all of `path_3d` if None.

    Returns:
        Views; `frame` is the row of the pose in `load_h36m` with the same subjects. Lens distortion
        is part of `points_px` as it is in the file, not of `intrinsics`.

    Raises:
        ValueError: if one of the two readers refuses its file, or the camera file does not fit.
    """
    motion = load_h36m(path_3d, allow_pickle, subjects)
    wanted = list(dict.fromkeys(name.split("/", 1)[0] for name in motion.clip_names))
    rigs = _read_cameras(os.fspath(cameras))
    actions = {f"{s}/{a}": v for s, a, v in _read_2d(os.fspath(path_2d), allow_pickle, wanted)}
    parts: list[tuple[np.ndarray, ...]] = []
    for number, name in enumerate(motion.clip_names):
        rows = np.flatnonzero(motion.clip == number)
        rig = rigs.get(name.split("/", 1)[0], [])
        views = actions.get(name)
        if views is None:
            raise ValueError(
                f"{path_2d} has no 2D poses of '{name}', which {path_3d} has; give files from the "
                "same preparation."
            )
        if len(rig) != len(views):
            raise ValueError(
                f"{cameras} has {len(rig)} cameras for '{name}' and {path_2d} has "
                f"{len(views)}; give one camera per view, in the same order."
            )
        for camera, (view, lens) in enumerate(zip(views, rig, strict=True)):
            if len(view) < len(rows):
                raise ValueError(
                    f"{path_2d}: camera {camera} of '{name}' has {len(view)} frames and the motion "
                    f"{len(rows)}; give files from the same preparation."
                )
            parts.append(_view(motion.poses_m[rows], view[: len(rows)], rows, camera, lens))
    joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Views(*joined)


def _view(
    poses: np.ndarray, points: np.ndarray, rows: np.ndarray, camera: int, lens: Mapping[str, Any]
) -> tuple[np.ndarray, ...]:
    """Return the columns of Views for one camera of one action."""
    rotation = lens["rotation"] @ _TO_WORLD.T
    seen = (poses.astype(np.float64) - _TO_WORLD @ lens["centre"]) @ rotation.T
    # The world's vertical (0, 1, 0) in the camera frame is (0, cos pitch, sin pitch).
    pitch = np.degrees(np.arcsin(np.clip(rotation[2, 1], -1.0, 1.0)))
    count = len(rows)
    return (
        points,
        seen.astype(np.float32),
        np.full(count, pitch, np.float32),
        np.full(count, camera, np.int32),
        rows.astype(np.int32),
        np.tile(lens["intrinsics"].astype(np.float32), (count, 1, 1)),
    )


def _actions(
    table: Any, subjects: Sequence[str] | None, path: str, advice: str
) -> Iterator[tuple[str, str, Any]]:
    """Walk through subject -> action -> value after checking that it is such a table."""
    if not isinstance(table, dict) or not table:
        raise ValueError(f"{path} holds no table of subjects; {advice}.")
    for subject in table if subjects is None else subjects:
        if subject not in table:
            raise ValueError(
                f"{path} has no subject '{subject}'; it has {sorted(map(str, table))}."
            )
        if not isinstance(table[subject], dict) or not table[subject]:
            raise ValueError(f"{path}: subject '{subject}' has no table of actions; {advice}.")
        for action, value in table[subject].items():
            yield str(subject), str(action), value


def _numbers(
    value: Any, where: str, joints: tuple[int, ...], coordinates: int, advice: str
) -> np.ndarray:
    """Return a float array `[F, J, coordinates]` after checking its shape."""
    good = isinstance(value, np.ndarray) and value.dtype.kind in "fiu" and value.ndim == 3
    if not good or value.shape[1] not in joints or value.shape[2] < coordinates or not len(value):
        found = f"shape {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
        raise ValueError(
            f"{where} is {found} where [frames, {joints[0]}, {coordinates}] belongs; {advice}."
        )
    array = value[..., :coordinates].astype(np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{where} has coordinates that are not finite; remove those frames.")
    return array


def _read_2d(
    path: str, allow_pickle: bool, subjects: Sequence[str] | None
) -> list[tuple[str, str, list[np.ndarray]]]:
    names = ("positions_2d", "metadata")
    archive = read_pickled_arrays(path, names, allow_pickle, _ADVICE_2D)
    _check_joint_order(archive["metadata"], path)
    actions = []
    for subject, action, views in _actions(archive["positions_2d"], subjects, path, _ADVICE_2D):
        where = f"{path}: {subject}/{action}"
        if not isinstance(views, (list, tuple, np.ndarray)) or not len(views):
            raise ValueError(f"{where} is not a list of cameras; {_ADVICE_2D}.")
        joints = (H36M_17.num_joints,)
        arrays = [
            _numbers(view, f"{where}, camera {number}", joints, 2, _ADVICE_2D)
            for number, view in enumerate(views)
        ]
        actions.append((subject, action, arrays))
    return actions


def _check_joint_order(metadata: Any, path: str) -> None:
    """Refuse 2D files whose left and right joints are not those of Human3.6M-17."""
    symmetry = metadata.get("keypoints_symmetry") if isinstance(metadata, dict) else None
    if not isinstance(symmetry, (list, tuple)) or len(symmetry) != 2:
        raise ValueError(f"{path}: 'metadata' has no 'keypoints_symmetry'; {_ADVICE_2D}.")
    left = [joint for joint, name in enumerate(H36M_17.joints) if name.startswith("left")]
    found = sorted(np.asarray(symmetry[0]).reshape(-1).tolist())
    if found != left:
        raise ValueError(
            f"{path}: its left joints are {found}, but in Human3.6M-17 order they are {left}; "
            "reorder the joints with keras_pose.skeletons.convert."
        )


def _read_cameras(path: str) -> dict[str, list[dict[str, np.ndarray]]]:
    advice = "give the JSON file of cameras that docs/data.md describes"
    table = read_json(path, advice)
    try:
        return {subject: [_lens(camera) for camera in rig] for subject, rig in table.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is not a table of cameras ({error!r}); {advice}.") from error


def _lens(camera: Mapping[str, Any]) -> dict[str, np.ndarray]:
    w, x, y, z = quaternion = np.asarray(camera["orientation"], np.float64).reshape(4)
    if abs(np.linalg.norm(quaternion) - 1.0) > 1e-3:
        raise ValueError("an orientation is not a unit quaternion")
    to_world = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    intrinsics = np.eye(3)
    intrinsics[[0, 1], [0, 1]] = np.asarray(camera["focal_px"], np.float64).reshape(2)
    intrinsics[:2, 2] = np.asarray(camera["principal_px"], np.float64).reshape(2)
    centre = np.asarray(camera["translation_mm"], np.float64).reshape(3) / 1000.0
    lens = {"rotation": to_world.T, "centre": centre, "intrinsics": intrinsics}
    if not all(np.isfinite(array).all() for array in lens.values()):
        raise ValueError("a camera has a number that is not finite")
    return lens


def _subject_number(subject: str) -> int:
    digits = re.search(r"\d+", subject)
    return int(digits[0]) if digits else -1
