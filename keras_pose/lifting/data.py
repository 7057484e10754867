"""From a data set to batches of normalised 2D poses.

`load_poses` reads, films and normalises once, in memory; `training_batches` is a pure function of
(seed, step): what step n sees does not depend on where the run was resumed.
"""

import contextlib
import dataclasses
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from keras_pose.codecs import encode_root_relative, valid_poses
from keras_pose.data.motion import Views
from keras_pose.lifting.options import LiftingOptions
from keras_pose.lifting.sources import read_views


@dataclasses.dataclass(frozen=True)
class Poses:
    """Poses of one split, ready for the lifter.

    Attributes:
        points_2d: float32 `[N, 16, 2]`, normalised, without the root.
        scale: float32 `[N]`, what the 2D was divided by: pixels, or metres if orthographic.
        points_3d: float32 `[N, 17, 3]`, metres, root-relative, camera frame; None without labels.
        source: where they come from, for reports.
    """

    points_2d: np.ndarray
    scale: np.ndarray
    points_3d: np.ndarray | None
    source: str

    def __len__(self):
        return len(self.points_2d)


@dataclasses.dataclass(frozen=True)
class LiftingData:
    """What a run sees.

    Attributes:
        batches: function of the first step to an endless dataset, see `training_batches`.
        heldout: the validation split.
    """

    batches: Callable[[int], tf.data.Dataset]
    heldout: Poses

    @property
    def facts(self) -> dict:
        """What `run.json` says of them."""
        count = {} if self.heldout.points_3d is None else {"results_poses": len(self.heldout)}
        return {"source": self.heldout.source} | count

    def skipped(self) -> dict[str, str]:
        """Return nothing: poses that cannot be read are refused."""
        return {}

    def as_sentence(self) -> contextlib.AbstractContextManager:
        """Return a context that does nothing, see `skipped`."""
        return contextlib.nullcontext()


def load_poses(config: LiftingOptions, data_dir: str, split: str) -> Poses:
    """Read one split and bring it into the lifter's form.

    Args:
        config: uses dataset, input_2d, scale_rule, train_stride, val_stride, seed, allow_pickle.
        data_dir: folder of the data set; unused for generated poses.
        split: `"train"` or `"val"`.

    Returns:
        The split's `Poses`; frames that cannot be normalised are refused, not skipped.

    Raises:
        ValueError: if the data are missing or broken; the sentence names the file.
    """
    views, source = read_views(config, data_dir, split)
    points, points_3d = views.points_px, None
    if isinstance(views, Views):
        points_3d = views.points_3d - views.points_3d[:, :1]
        if config.input_2d == "orthographic":
            points = points_3d[..., :2]
    bad = np.flatnonzero(~keras.ops.convert_to_numpy(valid_poses(points)))
    if len(bad):
        raise ValueError(
            f"{data_dir or config.dataset}: {split} record {bad[0]} has non-finite or coinciding "
            f"joints ({len(bad)} such records); remove them from the data."
        )
    normalized, scale = encode_root_relative(points.astype(np.float32), config.scale_rule)
    return Poses(
        points_2d=keras.ops.convert_to_numpy(normalized),
        scale=keras.ops.convert_to_numpy(scale),
        points_3d=points_3d,
        source=source,
    )


def training_batches(
    poses: np.ndarray,
    first_step: int = 0,
    stride: int = 1,
    *,
    batch_size: int,
    seed: int,
    labels: np.ndarray | None = None,
) -> tf.data.Dataset:
    """Return the endless batches in an order that is a pure function of the seed and the step.

    Args:
        poses: float32 `[N, J, 2]`.
        first_step: step of the first batch, for resuming.
        stride: steps from one batch to the next; those between are left out.
        batch_size: global batch size.
        seed: seed of the order.
        labels: optional array `[N, ...]` that travels along.

    Returns:
        `tf.data.Dataset` of float32 `[B, J, 2]`, or of pairs when there are labels. Sample i of step n
        is number `n B + i` of a stream that visits every pose once per pass, shuffled anew each pass.
    """
    count = len(poses)
    if not count:
        raise ValueError("there are no training poses; check --data_dir and --train_stride.")
    arrays = tuple(tf.constant(array) for array in ([poses] if labels is None else [poses, labels]))
    first_epoch, offset = divmod(first_step * batch_size, count)

    @tf.autograph.experimental.do_not_convert
    def order(epoch):
        # A permutation by sorting stateless draws: no shuffle buffer, so no state to save.
        key = tf.stack([tf.constant(seed, tf.int64), epoch])
        permutation = tf.argsort(tf.random.stateless_uniform([count], key))
        return permutation[tf.where(epoch == first_epoch, tf.constant(offset), 0) :]

    @tf.autograph.experimental.do_not_convert
    def batch(index):
        rows = tuple(tf.gather(array, index) for array in arrays)
        return rows[0] if labels is None else rows

    epochs = tf.data.Dataset.counter(start=first_epoch, step=1, dtype=tf.int64)
    indices = epochs.map(order).rebatch(batch_size, drop_remainder=True)
    if stride > 1:
        indices = indices.shard(stride, 0)
    return indices.map(batch, num_parallel_calls=1, deterministic=True).prefetch(2)


def depth_targets(poses: Poses) -> np.ndarray:
    """Return the labelled depths in units of each pose's scale, for supervised training.

    Args:
        poses: `Poses` with labels.

    Returns:
        float32 `[N, 16]`: depth of each joint relative to the root, multiplied by the factor that brings
        the label's x and y nearest (least squares) to the normalised 2D pose.

    Raises:
        ValueError: if there are no labels.
    """
    if poses.points_3d is None:
        raise ValueError(
            f"{poses.source}: supervised training needs 3D labels; choose another --model."
        )
    plane = poses.points_3d[:, 1:, :2]
    factor = np.sum(plane * poses.points_2d, (1, 2)) / np.maximum(np.sum(plane**2, (1, 2)), 1e-9)
    return (poses.points_3d[:, 1:, 2] * factor[:, None]).astype(np.float32)
