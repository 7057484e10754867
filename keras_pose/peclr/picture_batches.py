"""From single views to batches: unreadable pictures are counted and replaced, never silently."""

import numpy as np
import tensorflow as tf

from keras_pose.data.records import BadRecords


def batch_views(
    views: tf.data.Dataset, batch_size: int, bad_records: BadRecords
) -> tf.data.Dataset:
    """Batch views; rows of unreadable pictures repeat another row of their batch.

    Dropping them would shift all later batches, and a resumed run would not see what an uninterrupted
    one sees.

    Args:
        views: dataset of dicts with `id` and `ok`, as `keras_pose.data.view_datasets` makes them.
        batch_size: rows of a batch; a last incomplete batch is kept.
        bad_records: account that logs each one and stops the run when there are too many.

    Returns:
        Dataset of dicts without `ok`.
    """

    def note(ids, ok):
        for record_id in ids[~ok]:
            bad_records.note(int(record_id), "its picture could not be decoded.")
        if not ok.any():
            raise ValueError("a whole batch of pictures could not be decoded; check the records.")
        # The next readable row, or the first one.
        readable = np.flatnonzero(ok)
        rows = np.arange(len(ok))
        following = readable[np.searchsorted(readable, rows) % len(readable)]
        return np.where(ok, rows, following).astype(np.int64)

    def replace(batch):
        ok = batch.pop("ok")

        def repaired():
            rows = tf.numpy_function(note, [batch["id"], ok], tf.int64, stateful=True)
            rows.set_shape([None])
            return {name: tf.gather(value, rows) for name, value in batch.items()}

        return tf.cond(tf.reduce_all(ok), lambda: dict(batch), repaired)

    return views.batch(batch_size).map(replace, num_parallel_calls=1, deterministic=True)
