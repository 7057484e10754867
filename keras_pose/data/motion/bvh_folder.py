"""A folder of a user's own BVH files as one `MotionSet`."""

import os
import re
from collections.abc import Mapping

import numpy as np

from keras_pose.data.motion.bvh import pose_joints, read_bvh
from keras_pose.data.motion.bvh_body import (
    check_sides,
    find_joints,
    human36m_joints,
    is_top_of_head,
    rest_up,
    unit_metres,
)
from keras_pose.data.motion.bvh_settings import BvhSettings, read_settings
from keras_pose.data.motion.motion import MotionSet
from keras_pose.skeletons import H36M_17

# File axes (as columns x, y, z) to world axes with y down; both are turns, so left stays left.
_TO_WORLD = {
    "y": np.array([[1.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0]]),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]]),
}


def load_bvh_folder(
    folder: str | os.PathLike[str],
    joint_map: str | os.PathLike[str] | Mapping[str, str] | None = None,
    unit: str | float | None = None,
    up_axis: str | None = None,
    frames_per_second: float | None = None,
    skip_frames: int | None = None,
    licence: str | None = None,
) -> MotionSet:
    """Read every BVH file below a folder (or one file) as Human3.6M-17 joints.

    Joint names of CMU, Daz, Mixamo, Unreal, Biped and Xsens skeletons are known; others are named
    in a joint map. Arguments that are None come from `bvh.json` in the folder where there is one
    (`keras_pose.data.motion.bvh_settings`), so that a trainer needs no more than the folder.

    Args:
        folder: folder searched with its subfolders for `*.bvh`, or one such file.
        joint_map: JSON file (or mapping) Human3.6M-17 name -> name in the files, for those joints
            that are not found by themselves.
        unit: "auto" (the default: by body height, per file), "mm", "cm", "inch", "m" or metres per
            unit.
        up_axis: "y" (the default) or "z", the axis that points up in the files.
        frames_per_second: wanted rate; each file is thinned to every k-th frame with the nearest
            whole k. All frames by default.
        skip_frames: frames left out at the start of every file (0 by default), for example 1 where
            a file begins with its rest pose.
        licence: what the licence of the files says.

    Returns:
        MotionSet, metres, world frame with y down, heights as recorded; a clip is a file, in the
        order of their paths (`clip_names`). The subject is the number at the start of a file name
        such as `07_12.bvh`, else -1.

    Raises:
        ValueError: if an argument or `bvh.json` is wrong, there is no BVH file, a file is broken
            (file and line are named), a joint is not found, or the body stands along another axis.
    """
    settings = read_settings(
        folder, joint_map, unit, up_axis, frames_per_second, skip_frames, licence
    )
    folder = os.fspath(folder)
    paths = _find_files(folder)
    poses, rates, subjects = [], [], []
    for path in paths:
        motion, rate = _load_file(path, settings)
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
        licence=settings.licence,
        frames_per_second=rates[0] if same_rate else None,
        clip_names=tuple(os.path.relpath(path, folder) for path in paths)
        if os.path.isdir(folder)
        else (os.path.basename(folder),),
    )


def _load_file(path: str, settings: BvhSettings) -> tuple[np.ndarray, float]:
    """Return the poses float32 `[F, 17, 3]` of one file and their rate."""
    motion = read_bvh(path)
    joints = find_joints(motion, path, settings.joint_map)
    step, skip, up_axis = 1, settings.skip_frames, settings.up_axis
    if settings.frames_per_second is not None:
        step = max(1, round(1.0 / (motion.frame_time_s * settings.frames_per_second)))
    if skip >= len(motion.values):
        raise ValueError(
            f"{path} has {len(motion.values)} frames, and skip_frames={skip} skips all of them; "
            "skip fewer."
        )
    rest = np.empty_like(motion.offsets)
    for joint, parent in enumerate(motion.parents):
        rest[joint] = motion.offsets[joint] + (rest[parent] if parent >= 0 else 0.0)
    # The motion's axis says nothing of the rest pose, which may lie along any other.
    axis = np.array([0.0, 1.0, 0.0]) if up_axis == "y" else np.array([0.0, 0.0, 1.0])
    with np.errstate(over="ignore", invalid="ignore"):  # absurd numbers are refused just below
        up = rest_up(rest, joints, axis)
        positions, rotations = pose_joints(motion, slice(skip, None, step))
        head_is_top = is_top_of_head(motion, joints["head"])
        built = human36m_joints(positions, rotations, rest, motion.parents, joints, up, head_is_top)
        try:
            built *= unit_metres(rest, joints, settings.unit)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        poses = (built @ _TO_WORLD[up_axis].T).astype(np.float32)
    if not np.isfinite(poses).all():
        raise ValueError(f"{path} has positions that are far too large; export it again.")
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
            f"{path}: people stand along the {other} axis; give up_axis='{other}' (in bvh.json)."
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
            "frames, so its rest pose does not look ahead; map 'head' to a joint that turns with "
            "the face (joint_map in bvh.json)."
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
