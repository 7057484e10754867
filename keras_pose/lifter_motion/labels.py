"""What teachers of single frames say of films, and what a film says of its person."""

import dataclasses

import numpy as np
from keras import ops

from keras_pose.codecs import encode_root_relative
from keras_pose.geometry import bone_lengths
from keras_pose.lifter_motion.config import Config
from keras_pose.lifter_motion.films import Films
from keras_pose.lifter_student.teachers import lift_with_teachers
from keras_pose.lifting.data import Poses
from keras_pose.skeletons import H36M_17

_BATCH = 65536


@dataclasses.dataclass(frozen=True)
class Labels:
    """Labels of films, made from their 2D alone.

    Attributes:
        points_3d: float32 `[N, 17, 3]`, single frames lifted, pixels at the root's depth, root at 0.
        proportions: float32 `[N, 16]`, length of each bone over the mean bone, of the film's person.
    """

    points_3d: np.ndarray
    proportions: np.ndarray


def label_films(config: Config, films: Films) -> Labels:
    """Lift every frame by itself and measure each film's person.

    Args:
        config: uses teachers and scale_rule.
        films: what is labelled; its own 3D is not looked at.

    Returns:
        The labels.

    Raises:
        ValueError: if a teacher is unfinished, cannot be read or lifts nothing.
    """
    parts = []
    for start in range(0, len(films), _BATCH):
        points, scale = encode_root_relative(
            films.points_px[start : start + _BATCH], config.scale_rule
        )
        scale = ops.convert_to_numpy(scale)
        poses = Poses(ops.convert_to_numpy(points), scale, None, films.source)
        lifted = lift_with_teachers(config.teacher_folders, poses)
        parts.append(lifted * scale[:, None, None])
    points_3d = np.concatenate(parts).astype(np.float32)
    return Labels(points_3d, film_proportions(points_3d, films.film))


def film_proportions(points_3d: np.ndarray, film: np.ndarray) -> np.ndarray:
    """Measure the one person of each film: median over its frames, left and right alike.

    Single lifts get a bone too short in one pose and too long in another; the person has one length.

    Args:
        points_3d: float32 `[N, 17, 3]`, any unit.
        film: int `[N]`, ascending.

    Returns:
        float32 `[N, 16]`, length of each bone in `H36M_17.bones` over the mean bone.
    """
    lengths = ops.convert_to_numpy(bone_lengths(points_3d, H36M_17.bones))
    lengths = 0.5 * (lengths + lengths[:, list(mirrored_bone_order())])
    ratios = lengths / np.maximum(lengths.mean(axis=1, keepdims=True), 1e-9)
    _, first, count = np.unique(film, return_index=True, return_counts=True)
    medians = np.stack(
        [
            np.median(ratios[start : start + n], axis=0)
            for start, n in zip(first, count, strict=True)
        ]
    )
    medians /= medians.mean(axis=1, keepdims=True)
    return np.repeat(medians, count, axis=0).astype(np.float32)


def mirrored_bone_order() -> tuple[int, ...]:
    """Return for each of `H36M_17.bones` the number of its partner on the other side, or its own."""
    swap, bones = H36M_17.flip_permutation, list(H36M_17.bones)
    return tuple(bones.index((swap[parent], swap[child])) for parent, child in bones)
