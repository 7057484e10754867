"""Which files of a data set make up a split, and how they become 2D poses seen by cameras."""

import dataclasses
import os
import zipfile

import numpy as np

from keras_pose.data import motion
from keras_pose.lifting.options import LiftingOptions

# The virtual cameras of a split do not depend on --seed, so that seeds differ in training alone.
CAMERA_SEED = {"train": 1, "val": 2}
_H36M_SUBJECTS = {"train": ("S1", "S5", "S6", "S7", "S8"), "val": ("S9", "S11")}
# Fewer poses than these are a file that was meant for something else.
_FEWEST = 2
_KEYPOINT_ENDINGS = (".npz", ".npy", ".json", ".csv")


def read_views(
    config: LiftingOptions, data_dir: str, split: str
) -> tuple[motion.Views | motion.Keypoints2D, str]:
    """Read one split of `config.dataset`.

    Files in `data_dir`: cmu: `train.npz`, `val.npz`; bvh: folders `train`, `val`; h36m:
    `data_3d_h36m.npz` and, for real instead of virtual cameras, `data_2d_h36m_gt.npz` with
    `cameras.json`; mpi_inf_3dhp: `data_train_3dhp.npz`, `data_test_3dhp.npz`; keypoints: `train` and
    `val` as .npz, .npy, .json or .csv; generated: none.

    Args:
        config: uses dataset, picture_size, num_generated_frames, train_stride, val_stride, allow_pickle.
        data_dir: folder of the data set.
        split: `"train"` or `"val"`.

    Returns:
        `(views, source)`: `motion.Views` with points_px `[M, 17, 2]` and points_3d `[M, 17, 3]`, or
        `motion.Keypoints2D` with points_px alone; and where they come from, in words.

    Raises:
        ValueError: if files are missing or broken; the sentence names the file.
    """
    stride = config.val_stride if split == "val" else config.train_stride
    _need_folder(config, data_dir)
    if config.dataset == "keypoints" or (config.dataset == "cmu" and _holds_keypoints(data_dir)):
        return _read_keypoints(config, _keypoint_file(data_dir, split), split)
    if config.dataset == "mpi_inf_3dhp":
        name = {"train": "data_train_3dhp.npz", "val": "data_test_3dhp.npz"}[split]
        path = os.path.join(data_dir, name)
        views = motion.load_mpi_inf_3dhp(path, config.allow_pickle)
        return _every(views, stride), f"MPI-INF-3DHP, {name}"
    path_2d = os.path.join(data_dir, "data_2d_h36m_gt.npz")
    if config.dataset == "h36m" and os.path.exists(path_2d):
        subjects = _H36M_SUBJECTS[split]
        cameras = os.path.join(data_dir, "cameras.json")
        path_3d = os.path.join(data_dir, "data_3d_h36m.npz")
        views = motion.load_h36m_views(path_3d, path_2d, cameras, config.allow_pickle, subjects)
        source = f"Human3.6M {', '.join(subjects)}, {os.path.basename(path_2d)}"
        return _every(views, stride), source
    moved = read_motion(config, data_dir, split)
    views = motion.render_views(moved, motion.h36m_rig(), seed=CAMERA_SEED[split], stride=stride)
    return views, moved.source


def read_motion(config: LiftingOptions, data_dir: str, split: str) -> motion.MotionSet:
    """Read one split of a data set of motion, before any camera.

    Args:
        config: uses dataset (`cmu`, `bvh`, `h36m` or `generated`), num_generated_frames, allow_pickle.
        data_dir: folder of the data set.
        split: `"train"` or `"val"`.

    Returns:
        The motion.

    Raises:
        ValueError: if files are missing or broken; the sentence names the file.
    """
    _need_folder(config, data_dir)
    if config.dataset == "h36m":
        path_3d = os.path.join(data_dir, "data_3d_h36m.npz")
        return motion.load_h36m(path_3d, config.allow_pickle, _H36M_SUBJECTS[split])
    if config.dataset == "bvh":
        return motion.load_bvh_folder(os.path.join(data_dir, split))
    if config.dataset == "cmu":
        path = os.path.join(data_dir, f"{split}.npz")
        if not os.path.exists(path):
            raise ValueError(
                f"--data_dir={data_dir} has no {split}.npz, which --dataset=cmu (the default) reads; "
                "give its folder, or what yours is: --dataset=keypoints (2D poses), bvh, h36m, "
                "mpi_inf_3dhp or generated."
            )
        return motion.load_cmu_mocap17(path)
    count = config.num_generated_frames
    # Other people than those trained on, an eighth as many.
    frames, seed = (count, 0) if split == "train" else (max(100, count // 8), 1)
    return motion.generate_motion(frames, seed=seed)


def _need_folder(config, data_dir):
    if config.dataset != "generated" and not data_dir:
        raise ValueError(f"--data_dir is empty; name the folder of --dataset={config.dataset}.")


def _every(views, stride):
    """Every `stride`-th frame of views, all its cameras."""
    rows = views.frame % stride == 0
    fields = {field.name: getattr(views, field.name)[rows] for field in dataclasses.fields(views)}
    return type(views)(**fields)


def _read_keypoints(config, file, split):
    keypoints = motion.load_keypoints_2d(
        file,
        skeleton=None if config.skeleton == "auto" else config.skeleton,
        picture_size=config.picture_width_height,
    )
    if split == "train" and len(keypoints) < _FEWEST:
        raise ValueError(
            f"{file} has {len(keypoints)} poses, from which nothing can be learnt; give at least "
            f"{_FEWEST}, better thousands."
        )
    return keypoints, keypoints.source


def _holds_keypoints(data_dir):
    """Whether a folder has 2D poses alone, so that the default data set cannot be meant."""
    path = os.path.join(data_dir, "train.npz")
    if os.path.exists(path):
        try:
            with np.load(path, allow_pickle=False) as arrays:
                return "keypoints_2d" in arrays.files
        except (OSError, ValueError, zipfile.BadZipFile):
            return False
    names = [f"train{ending}" for ending in _KEYPOINT_ENDINGS]
    return any(os.path.exists(os.path.join(data_dir, name)) for name in names)


def _keypoint_file(data_dir, split):
    paths = [os.path.join(data_dir, split + ending) for ending in _KEYPOINT_ENDINGS]
    for path in paths:
        if os.path.exists(path):
            return path
    raise ValueError(
        f"{data_dir}: there is no {split} file of 2D poses; add {split}.npz, .npy, .json or .csv."
    )
