"""From single views to batches that are always full."""

import tensorflow as tf


def batch_views(views: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
    """Batch views; a row whose picture could not be read repeats the next one that could.

    Dropping it would shift all later batches, and a resumed run would not see what an uninterrupted
    one sees. It was counted and logged where it was read.

    Args:
        views: dataset of dicts with `ok`, as `keras_pose.data.views.host_datasets` makes them.
        batch_size: rows B of a batch; a last incomplete batch is kept.

    Returns:
        Dataset of dicts of `[B, ...]` without `ok`.
    """

    @tf.autograph.experimental.do_not_convert
    def replace(batch):
        ok = batch.pop("ok")

        def repaired():
            count = tf.size(ok)
            rows = tf.range(count)
            # Distance to each readable row, counted forwards and around.
            steps = tf.math.floormod(rows[None, :] - rows[:, None], count)
            steps = tf.where(ok[None, :], steps, count)
            following = tf.math.floormod(rows + tf.reduce_min(steps, axis=1), count)
            return {name: tf.gather(value, following) for name, value in batch.items()}

        return tf.cond(tf.reduce_all(ok), lambda: dict(batch), repaired)

    return views.batch(batch_size).map(replace, num_parallel_calls=1, deterministic=True)
