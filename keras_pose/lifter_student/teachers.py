"""What teachers say of whole poses: lifters as runs or as exported."""

import os
from collections.abc import Callable

import numpy as np
from keras import ops

from keras_pose.export import saved_model_runner, version_folder
from keras_pose.lifting.data import Poses
from keras_pose.skeletons import H36M_17
from keras_pose.tips.runs import load_lifter
from keras_pose.train import run_folder

_BATCH = 4096
_SWAPPED = list(H36M_17.flip_permutation)
_MIRROR = np.array([-1.0, 1.0, 1.0], np.float32)


def lift_with_teachers(places: tuple[str, ...], poses: Poses) -> np.ndarray:
    """Lift a split with every teacher, as it is and mirrored, and take the mean.

    Args:
        places: run folders of `keras_pose.tips.train`, or folders of exported lifters.
        poses: the split.

    Returns:
        float32 `[N, 17, 3]`, in each pose's scale, root at 0, axes of the camera.

    Raises:
        ValueError: if a teacher is unfinished, cannot be read or lifts nothing.
    """
    teachers = [open_teacher(place) for place in places]
    return np.concatenate(
        [
            sum(
                _both_ways(teacher, poses.points_2d[start : start + _BATCH]) for teacher in teachers
            )
            / len(teachers)
            for start in range(0, len(poses), _BATCH)
        ]
    ).astype(np.float32)


def open_teacher(place: str) -> Callable[[np.ndarray], np.ndarray]:
    """Open one teacher.

    Args:
        place: see `lift_with_teachers`.

    Returns:
        Function of float32 `[N, 17, 2]`, size 1, root at 0, to float32 `[N, 17, 3]` in that unit.

    Raises:
        ValueError: if it is unfinished, cannot be read or lifts nothing.
    """
    if os.path.isfile(os.path.join(place, run_folder.RUN_FILE)):
        run = run_folder.read_run(place)
        if "depth_sign" not in run:
            raise ValueError(f"--teachers={place}: this run is unfinished; end its training first.")
        model = load_lifter(place)[1]
        signs = np.array([1.0, 1.0, run["depth_sign"]], np.float32)

        def lift(points):
            lifted = ops.convert_to_numpy(model(points[:, 1:], training=False)) * signs
            return np.pad(lifted, [(0, 0), (1, 0), (0, 0)])

        return lift
    try:
        answer = saved_model_runner(version_folder(place), "lift")
    except ValueError as error:
        raise ValueError(f"--teachers={place}: {error}") from None
    return lambda points: answer({"keypoints_2d": points})["keypoints_3d"]


def _both_ways(teacher, points_2d):
    """Return the mean over a pose and its mirror image, turned back."""
    points = np.pad(points_2d, [(0, 0), (1, 0), (0, 0)]).astype(np.float32)
    mirrored = (points * _MIRROR[:2])[:, _SWAPPED]
    turned_back = (teacher(mirrored) * _MIRROR)[:, _SWAPPED]
    return 0.5 * (teacher(points) + turned_back)
