"""A folder of a user's own BVH files as one `MotionSet`."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping

import numpy as np

from keras_pose.data.array_files import check_is_file
from keras_pose.data.bvh import pose_joints, read_bvh
from keras_pose.data.bvh_body import check_sides, find_joints, human36m_joints, unit_metres
from keras_pose.data.motion import MotionSet
from keras_pose.skeletons import H36M_17

# File axes (as columns x, y, z) to world axes with y down; both are turns, so left stays left.
_TO_WORLD = {
    "y": np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
}


def load_bvh_folder(
    folder: str | os.PathLike[str],
    joint_map: str | os.PathLike[str] | Mapping[str, str] | None = None,
    unit: str | float = "auto",
    up_axis: str = "y",
    frames_per_second: float | None = None,
    skip_frames: int = 0,
    licence: str = "the user's own",
) -> MotionSet:
    """Read every BVH file below a folder (or one file) as Human3.6M-17 joints.

    Joint names of CMU, Daz, Mixamo, Unreal, Biped and Xsens skeletons are known; others are named
    in a joint map.

    Args:
        folder: folder searched with its subfolders for `*.bvh`, or one such file.
        joint_map: JSON file (or mapping) Human3.6M-17 name -> name in the files, for those joints
            that are not found by themselves.
        unit: "auto" (by body height, per file), "mm", "cm", "inch", "m" or metres per unit.
        up_axis: "y" or "z", the axis that points up in the files.
        frames_per_second: wanted rate; each file is thinned to every k-th frame with the nearest
            whole k. All frames if None.
        skip_frames: frames left out at the start of every file, for example 1 where a file begins
            with its rest pose.
        licence: what the licence of the files says.

    Returns:
        MotionSet, metres, world frame with y down, heights as recorded; a clip is a file, in the
        order of their paths (`clip_names`). The subject is the number at the start of a file name
        such as `07_12.bvh`, else -1.

    Raises:
        ValueError: if an argument is wrong, there is no BVH file, a file is broken (file and line
            are named), a joint is not found, or the body stands along another axis.
    """
    if up_axis not in _TO_WORLD:
        raise ValueError(f"up_axis is '{up_axis}'; use 'y' or 'z'.")
    if skip_frames < 0:
        raise ValueError(f"skip_frames is {skip_frames}; use 0 or more.")
    if frames_per_second is not None and not frames_per_second > 0:
        raise ValueError(f"frames_per_second is {frames_per_second}; use a rate above 0.")
    names = _read_joint_map(joint_map)
    folder = os.fspath(folder)
    paths = _find_files(folder)
    poses, rates, subjects = [], [], []
    for path in paths:
        motion, rate = _load_file(path, names, unit, up_axis, frames_per_second, skip_frames)
        poses.append(motion)
        rates.append(rate)
        number = re.match(r"(\d{1,6})_", os.path.basename(path))
        subjects.append(int(number[1]) if number else -1)
    lengths = [len(part) for part in poses]
    same_rate = max(rates) - min(rates) < 0.01 * max(rates)
    return MotionSet(
        poses_m=np.concatenate(poses),
        clip=np.repeat(np.arange(len(paths)), lengths),
        subject=np.repeat(subjects, lengths),
        source=f"BVH files of {os.path.basename(os.path.normpath(folder))}",
        licence=licence,
        frames_per_second=rates[0] if same_rate else None,
        clip_names=tuple(os.path.relpath(path, folder) for path in paths)
        if os.path.isdir(folder)
        else (os.path.basename(folder),),
    )


def _load_file(
    path: str,
    joint_map: Mapping[str, str],
    unit: str | float,
    up_axis: str,
    frames_per_second: float | None,
    skip_frames: int,
) -> tuple[np.ndarray, float]:
    """Return the poses float32 [F, 17, 3] of one file and their rate."""
    motion = read_bvh(path)
    joints = find_joints(motion, path, joint_map)
    step = 1
    if frames_per_second is not None:
        step = max(1, round(1.0 / (motion.frame_time_s * frames_per_second)))
    if skip_frames >= len(motion.values):
        raise ValueError(
            f"{path} has {len(motion.values)} frames, all of which skip_frames={skip_frames} "
            "leaves "
            "out; skip fewer."
        )
    rest = np.empty_like(motion.offsets)
    for joint, parent in enumerate(motion.parents):
        rest[joint] = motion.offsets[joint] + (rest[parent] if parent >= 0 else 0.0)
    up = np.array([0.0, 1.0, 0.0]) if up_axis == "y" else np.array([0.0, 0.0, 1.0])
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are refused just below
        positions, rotations = pose_joints(motion, slice(skip_frames, None, step))
        built = human36m_joints(positions, rotations, rest, motion.parents, joints, up)
        try:
            built *= unit_metres(rest, joints, unit)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        poses = (built @ _TO_WORLD[up_axis].T).astype(np.float32)
    if not np.isfinite(poses).all():
        raise ValueError(f"{path} has positions beyond all measure; export it anew.")
    _check_upright(path, poses, up_axis)
    check_sides(path, rest, motion.parents, joints, up)
    _check_face(path, poses)
    return poses, 1.0 / (motion.frame_time_s * step)


def _check_upright(path: str, poses: np.ndarray, up_axis: str) -> None:
    """Refuse a file in which the body stands along an axis that is not the vertical."""
    ankles = poses[:, H36M_17.indices(("right_ankle", "left_ankle"))].mean(axis=1)
    spread = (ankles - poses[:, H36M_17.index("thorax")]).mean(axis=0)
    share = spread / max(float(np.linalg.norm(spread)), 1e-9)
    # Read with y up, a body along the file's z has its feet towards world z; the reverse for z up.
    if share[2] * (1.0 if up_axis == "y" else -1.0) > 0.8:
        other = "z" if up_axis == "y" else "y"
        raise ValueError(
            f"{path}: people stand along the {other} axis; give up_axis='{other}' "
            f"(--up_axis={other})."
        )


def _check_face(path: str, poses: np.ndarray) -> None:
    """Refuse a file in which the nose is behind the body: its rest pose turns the head away."""
    hips = poses[:, H36M_17.index("left_hip")] - poses[:, H36M_17.index("right_hip")]
    back = poses[:, H36M_17.index("thorax")] - poses[:, H36M_17.index("pelvis")]
    face = poses[:, H36M_17.index("nose")] - 0.5 * (
        poses[:, H36M_17.index("thorax")] + poses[:, H36M_17.index("head")]
    )
    in_front = (np.cross(hips, back) * face).sum(axis=1) > 0
    if in_front.mean() < 0.5:
        raise ValueError(
            f"{path}: the nose is behind the body in {100 * (1 - in_front.mean()):.0f} % of the "
            "frames, so its rest pose is not one that looks ahead; map 'head' to a joint that "
            "turns with the face (--joint_map)."
        )


def _find_files(folder: str) -> list[str]:
    if os.path.isfile(folder):
        return [folder]
    if not os.path.isdir(folder):
        raise ValueError(f"{folder} does not exist; give a folder with BVH files.")
    paths = [
        os.path.join(place, name)
        for place, _, names in os.walk(folder)
        for name in names
        if name.lower().endswith(".bvh")
    ]
    if not paths:
        raise ValueError(f"{folder} has no file that ends in .bvh; give a folder with BVH files.")
    return sorted(paths)


def _read_joint_map(
    joint_map: str | os.PathLike[str] | Mapping[str, str] | None,
) -> dict[str, str]:
    if joint_map is None:
        return {}
    if isinstance(joint_map, Mapping):
        return dict(joint_map)
    advice = 'give a JSON file such as {"right_hip": "RThigh"}'
    path = check_is_file(joint_map, advice)
    try:
        with open(path, encoding="utf-8") as file:
            table = json.load(file)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not valid JSON ({str(error)[:80]}); {advice}.") from error
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise ValueError(f"{path} is no table of joint names; {advice}.")
    return table
