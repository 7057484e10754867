"""Batches are a function of seed and step: every pose once per pass, the same after any resume."""

import numpy as np
import pytest

from keras_pose.lifting.data import training_batches
from keras_pose.lifting.sources import read_views
from keras_pose.tips.config import Config

COUNT, BATCH = 10, 4


def _numbers(steps, first_step=0, count=COUNT, batch_size=BATCH, seed=0, labels=None):
    """Numbers of the poses in each batch `[steps, B]`; pose i is filled with i."""
    poses = np.tile(np.arange(count, dtype=np.float32)[:, None, None], (1, 16, 2))
    dataset = training_batches(
        poses, batch_size=batch_size, seed=seed, first_step=first_step, labels=labels
    )
    batches = [batch for batch in dataset.take(steps).as_numpy_iterator()]
    if labels is not None:
        batches, travelled = zip(*batches, strict=True)
        return np.stack(batches)[..., 0, 0].astype(int), np.stack(travelled)
    assert batches[0].shape == (batch_size, 16, 2) and batches[0].dtype == np.float32
    return np.stack(batches)[..., 0, 0].astype(int)


def _passes(numbers, count):
    stream = numbers.reshape(-1)
    return stream[: len(stream) // count * count].reshape(-1, count)


@pytest.mark.parametrize(
    ("count", "batch_size"), [(10, 4), (10, 5), (7, 3), (3, 8), (1, 4), (5, 5)], ids=str
)
def test_every_pose_comes_once_per_pass(count, batch_size):
    numbers = _numbers(12, count=count, batch_size=batch_size)
    passes = _passes(numbers, count)
    assert len(passes) >= 4
    np.testing.assert_array_equal(np.sort(passes), np.tile(np.arange(count), (len(passes), 1)))


def test_passes_are_shuffled_anew_and_seeds_differ():
    passes = _passes(_numbers(12, count=8), 8)
    assert len({tuple(one) for one in passes}) == len(passes)
    assert not np.array_equal(_numbers(5, seed=0), _numbers(5, seed=1))
    np.testing.assert_array_equal(_numbers(5, seed=1), _numbers(5, seed=1))


@pytest.mark.parametrize("first_step", [1, 2, 3, 5, 7, 12])
def test_resuming_at_any_step_gives_the_batches_of_the_uninterrupted_run(first_step):
    # 10 poses in batches of 4: passes end within batches 3, 5 and 8.
    whole = _numbers(15)
    np.testing.assert_array_equal(_numbers(15 - first_step, first_step), whole[first_step:])


@pytest.mark.parametrize("first_step", [1, 4])
def test_resuming_where_a_batch_holds_several_passes(first_step):
    whole = _numbers(6, count=3, batch_size=8)
    again = _numbers(6 - first_step, first_step, count=3, batch_size=8)
    np.testing.assert_array_equal(again, whole[first_step:])


def test_resuming_after_many_passes():
    late = 1_000_000
    first = _numbers(3, late)
    np.testing.assert_array_equal(_numbers(2, late + 1), first[1:])


def test_labels_travel_along():
    labels = 10 * np.arange(COUNT, dtype=np.float32)[:, None]
    numbers, travelled = _numbers(6, labels=labels)
    np.testing.assert_array_equal(travelled[..., 0], 10 * numbers)


def test_no_poses_are_named():
    with pytest.raises(ValueError, match="no training poses; check --data_dir and --train_stride"):
        training_batches(np.zeros((0, 16, 2), np.float32), batch_size=4, seed=0)


def test_a_stride_takes_every_nth_frame_of_a_split():
    settings = {"dataset": "generated", "num_generated_frames": 120, "val_stride": 5}
    frames = [
        set(read_views(Config(train_stride=stride, **settings), "", split)[0].frame)
        for stride, split in ((1, "train"), (3, "train"), (3, "val"))
    ]
    assert frames[0] == set(range(120)) and frames[1] == set(range(0, 120, 3))
    assert frames[2] == set(range(0, 100, 5))
