"""CMU motion capture as Human3.6M-17 joints (`train.npz`, `val.npz` of `cmu_mocap17`).

The files are y up and in millimetres; they become metres in the world frame with y down.
"""

import os

import numpy as np

from keras_pose.data.motion.motion import MotionSet
from keras_pose.files.arrays import read_arrays

_ADVICE = "give train.npz or val.npz of cmu_mocap17 (docs/data.md)"
_KEYS = ("source", "subject", "trial")
# The raw source is 120 frames per second and 'frame' counts there.
_SOURCE_FRAMES_PER_SECOND = 120.0


def load_cmu_mocap17(path: str | os.PathLike[str]) -> MotionSet:
    """Read one file of `cmu_mocap17`: real motion capture of walking, running, climbing, sports.

    Args:
        path: `.npz` with `poses_mm` `[N, 17, 3]` (millimetres, x right, y up, z forward) and per-row
            `subject`, `trial`, `frame`, `source`.

    Returns:
        MotionSet with N poses in metres, world frame with y down, 60 frames per second; a clip is
        one trial of one subject from one source. Heights are as recorded: the floor differs from
        clip to clip (`stand_on_floor` levels it).

    Raises:
        ValueError: if the file is missing, damaged or empty, lacks an array, or an array has a
            wrong shape or a value that is not finite.
    """
    arrays = read_arrays(path, ("poses_mm", "frame", *_KEYS), _ADVICE)
    name, poses = os.fspath(path), arrays["poses_mm"]
    if poses.ndim != 3 or poses.shape[1:] != (17, 3) or poses.dtype.kind not in "iuf":
        raise ValueError(
            f"{name}: 'poses_mm' is {poses.dtype} {poses.shape} where [N, 17, 3] numbers belong; "
            f"{_ADVICE}."
        )
    if not len(poses):
        raise ValueError(f"{name}: 'poses_mm' holds no pose; {_ADVICE}.")
    for key in ("frame", *_KEYS):
        if arrays[key].shape != (len(poses),) or arrays[key].dtype.kind not in "iu":
            raise ValueError(
                f"{name}: '{key}' is {arrays[key].dtype} {arrays[key].shape} where [{len(poses)}] "
                f"whole numbers belong; {_ADVICE}."
            )
    poses_m = poses.astype(np.float32)
    # Half a turn about x takes y up to y down and keeps the frame right-handed.
    poses_m *= np.array([1e-3, -1e-3, -1e-3], np.float32)
    keys = np.stack([arrays[key].astype(np.int64) for key in _KEYS], axis=1)
    _, clip = np.unique(keys, axis=0, return_inverse=True)
    clip = clip.reshape(-1)
    steps = np.diff(arrays["frame"])[np.diff(clip) == 0]
    step = int(np.median(steps)) if len(steps) else 0
    return MotionSet(
        poses_m=poses_m,
        clip=clip,
        subject=arrays["subject"],
        source=f"CMU motion capture (mocap.cs.cmu.edu), {os.path.basename(name)}",
        licence=(
            "free for all uses; cite mocap.cs.cmu.edu, created with funding from NSF EIA-0196217"
        ),
        frames_per_second=_SOURCE_FRAMES_PER_SECOND / step if step > 0 else None,
    )
