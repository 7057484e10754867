"""What a custom train step must do itself under `tf.distribute`.

Keras optimizers add gradients up over replicas, so a loss is a sum over the *global* batch divided by
its size; clipping comes after the sum; moving averages leave the replica context. One rule, one place.
"""

import contextlib
import functools
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.train.choices import STRATEGIES
from keras_pose.train.cluster import check_port, meet, read_cluster, unresolved

Tensor = Any  # a number, a NumPy array or a TensorFlow tensor


def choose_strategy(name: str, num_devices: int, num_gpus: int, num_workers: int) -> str:
    """Return what `make_strategy` builds, without looking at any device.

    Args:
        name: `"auto"` (the workers of TF_CONFIG if it names several, else mirrored over the GPUs if
            there are several, else one device) or what shall be built.
        num_devices: devices of a worker, 0 for all.
        num_gpus: GPUs that are visible.
        num_workers: workers that TF_CONFIG names, 0 without it.

    Returns:
        A name other than `"auto"`.

    Raises:
        ValueError: if the name is unknown, or needs devices or workers that are not there.
    """
    if name not in STRATEGIES:
        raise ValueError(f"--strategy={name} is unknown; choose one of {', '.join(STRATEGIES)}.")
    if name == "auto":
        several = num_gpus > 1 and num_devices != 1
        name = "multi_worker" if num_workers > 1 else "mirrored" if several else "one_device"
    if name == "multi_worker" and not num_workers:
        raise ValueError(
            "--strategy=multi_worker needs TF_CONFIG, which names the workers; set it for every "
            "worker (docs/scaling.md) or use --strategy=auto."
        )
    if name == "mirrored" and not num_gpus:
        raise ValueError(
            "--strategy=mirrored needs a GPU and none is visible; use --strategy=auto."
        )
    if num_devices > 1 and (name == "one_device" or name == "mirrored" and num_devices > num_gpus):
        raise ValueError(
            f"--num_devices={num_devices} is more than the {max(num_gpus, 1)} that --strategy={name} "
            "can use; lower it."
        )
    return name


def make_strategy(
    name: str = "auto", num_devices: int = 0, worker_timeout_s: float = 600.0
) -> tf.distribute.Strategy:
    """Build the distribution strategy named by a flag.

    Args:
        name: as for `choose_strategy`. `"cpu_mirrored"` takes every logical CPU, for tests.
        num_devices: devices of this worker, 0 for all.
        worker_timeout_s: seconds to wait for the other workers.

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if the name is unknown, needs devices that are not there, or TF_CONFIG is broken.
    """
    cluster = read_cluster()
    gpus = tf.config.list_physical_devices("GPU")
    num_workers = len(cluster.addresses) if cluster else 0
    name = choose_strategy(name, num_devices, len(gpus), num_workers)
    if name == "multi_worker":
        assert cluster is not None
        if gpus and num_devices:
            tf.config.set_visible_devices(gpus[:num_devices], "GPU")
        return _multi_worker(cluster, worker_timeout_s)
    if name == "cpu_mirrored":
        if num_devices:
            _split_processor(num_devices)
        cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
        # The default collectives poison the process after one failed step on CPUs.
        return tf.distribute.MirroredStrategy(
            cpus[: num_devices or None], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
    names = [device.name for device in tf.config.list_logical_devices("GPU")]
    if name == "mirrored":
        return tf.distribute.MirroredStrategy(names[: num_devices or None])
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


def let_threads_wait() -> None:
    """Give TensorFlow threads that may wait, for a sum over workers or a batch made elsewhere.

    Each holds a thread while it waits; with one or two, all would wait for ever.

    Raises:
        RuntimeError: if TensorFlow has computed in this process already.
    """
    os.environ.pop("TF_NUM_INTEROP_THREADS", None)
    tf.config.threading.set_inter_op_parallelism_threads(_WAITING_THREADS)


def worker_of(strategy: tf.distribute.Strategy) -> tuple[int, int]:
    """Return how many workers train together and which of them this process is; the chief is 0."""
    resolver = strategy.cluster_resolver
    cluster = read_cluster() if resolver is not None else None
    return (len(cluster.addresses), cluster.index) if cluster else (1, 0)


def gather_over_workers(
    strategy: tf.distribute.Strategy, numbers: Sequence[int]
) -> list[list[int]]:
    """Return what every worker says, the chief first; all must call it at the same time.

    Args:
        strategy: the strategy in use.
        numbers: what this worker says.

    Returns:
        A list like `numbers` per worker.
    """
    count, index = worker_of(strategy)
    if count == 1:
        return [list(numbers)]
    table = np.zeros((count, len(numbers)), np.int64)
    table[index] = numbers
    return (_sum_over_replicas(strategy)(table).numpy() // _replicas_here(strategy)).tolist()


def in_own_row(value: Tensor) -> Tensor:
    """Return the values of all replicas, `[R, ...]`; only in a replica context.

    A sum with zeros, as exact as a gathering.

    Args:
        value: tensor of any shape.
    """
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    own = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=value.dtype)
    rows = tf.reshape(own, (replicas, *([1] * len(value.shape)))) * value[None]
    return rows if replicas == 1 else context.all_reduce(tf.distribute.ReduceOp.SUM, rows)


@functools.cache
def _sum_over_replicas(strategy):
    def add(table):
        # A value from outside lies on no device yet, and TensorFlow sums where values lie.
        table = tf.identity(table)
        return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, table)

    @tf.function(reduce_retracing=True, autograph=False)
    def total(table):
        return strategy.experimental_local_results(strategy.run(add, args=(table,)))[0]

    return lambda table: total(tf.constant(table))


def _replicas_here(strategy):
    """Replicas of one worker; all have as many."""
    return strategy.num_replicas_in_sync // worker_of(strategy)[0]


_WAITING_THREADS = 4
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


@contextlib.contextmanager
def lost_worker(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn what TensorFlow raises when another worker is gone into one sentence.

    Args:
        strategy: the strategy in use.

    Yields:
        Nothing; wrap what workers do together in it.

    Raises:
        OSError: if another worker stopped.
    """
    try:
        yield
    except _LOST as error:
        if worker_of(strategy)[0] == 1:
            raise
        raise OSError(
            f"Another worker of TF_CONFIG has stopped ({' '.join(str(error.message).split())[:160]}); "
            "start all of them again with the same command, the run goes on from its newest checkpoint."
        ) from error


def _split_processor(count):
    """Make `count` logical CPUs, where nothing has been computed yet."""
    processor = tf.config.list_physical_devices("CPU")[0]
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(processor, parts)
    except RuntimeError as error:
        if len(tf.config.list_logical_devices("CPU")) < count:
            raise ValueError(
                f"--num_devices={count} comes too late, since TensorFlow has computed in this process "
                "already; give it to the first run of a new process."
            ) from error


@functools.cache
def _multi_worker(cluster, timeout_s):
    """Build the strategy, once."""
    missing = unresolved(cluster)
    if missing:
        raise ValueError(
            f"TF_CONFIG: no name service knows the host of {', '.join(missing)}; correct it or use "
            "an address in numbers."
        )
    check_port(cluster)
    meet(cluster, timeout_s)
    try:
        let_threads_wait()
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        gather_over_workers(strategy, [cluster.index])
    except RuntimeError as error:
        raise ValueError(
            "--strategy=multi_worker comes too late, since TensorFlow has computed in this process "
            "already; train in a new process."
        ) from error
    return strategy


def per_replica_batch(batch_size: int, strategy: tf.distribute.Strategy) -> int:
    """Split the global batch evenly.

    Args:
        batch_size: global batch size.
        strategy: the strategy in use.

    Returns:
        Batch size per replica.

    Raises:
        ValueError: if the batch does not divide by the number of replicas.
    """
    replicas = strategy.num_replicas_in_sync
    if batch_size % replicas:
        raise ValueError(
            f"--batch_size={batch_size} cannot be divided among {replicas} replicas; use a "
            f"multiple of {replicas}."
        )
    return batch_size // replicas


def num_replicas() -> int:
    """Replicas in sync, seen from inside or outside a replica."""
    return tf.distribute.get_strategy().num_replicas_in_sync


def replica_index() -> Tensor:
    """Index of this replica in the global batch, an int32 scalar; 0 outside a replica context."""
    context = tf.distribute.get_replica_context()
    return 0 if context is None else context.replica_id_in_sync_group


def over_global_batch(per_replica_mean: Tensor) -> Tensor:
    """Turn the mean over a replica's part of an evenly split batch into its share of the global mean.

    Args:
        per_replica_mean: float scalar.

    Returns:
        float scalar whose sum over replicas is the global mean.
    """
    return per_replica_mean / num_replicas()


def starting_momentum(momentum: float, step: Tensor) -> Tensor:
    """Momentum of a moving average that forgets its initial value quickly.

    Args:
        momentum: final momentum in [0, 1].
        step: int scalar, number of finished steps.

    Returns:
        float32 scalar `min(momentum, (1 + step) / (10 + step))`.
    """
    done = tf.cast(step, tf.float32)
    return tf.minimum(momentum, (1.0 + done) / (10.0 + done))


def accumulated(
    gradients_of: Callable[[Any], tuple[Any, list[Tensor]]], batch: Any, steps: int
) -> tuple[Any, list[Tensor]]:
    """Average over micro-batches; all of them see the same weights.

    Keras' own accumulation fails under MirroredStrategy, and sums over calls of `train_step`, so that an
    interrupted update would be lost.

    Args:
        gradients_of: function of a micro-batch to `(means, kept)`: floats to be averaged, in any
            structure, and tensors `[R, ...]` whose rows are kept.
        batch: tensors `[steps * B, ...]` in any structure; consecutive rows make a micro-batch.
        steps: how many micro-batches.

    Returns:
        `(means, kept)`: averages in the same structure, and `[steps * R, ...]`.
    """
    if steps == 1:
        return gradients_of(batch)
    parts = tf.nest.map_structure(
        lambda rows: tf.reshape(rows, (steps, -1, *rows.shape[1:])), batch
    )

    def micro_batch(index):
        return tf.nest.map_structure(lambda rows: rows[index], parts)

    if num_replicas() > 1:
        # Replicas cannot meet inside a loop of the graph.
        outcomes = [gradients_of(micro_batch(index)) for index in range(steps)]
        means = tf.nest.map_structure(
            lambda *values: tf.add_n(list(values)) / steps, *(means for means, _ in outcomes)
        )
        kept = [tf.concat(rows, axis=0) for rows in zip(*(k for _, k in outcomes), strict=True)]
        return means, kept
    # Traced once for both calls: the first is outside the loop, which must know what it carries.
    traced = tf.function(gradients_of, autograph=False)
    first, first_kept = traced(micro_batch(0))
    arrays = [tf.TensorArray(rows.dtype, steps).write(0, rows) for rows in first_kept]

    def add(index, total, arrays):
        more, kept = traced(micro_batch(index))
        total = tf.nest.map_structure(tf.add, total, more)
        written = [array.write(index, rows) for array, rows in zip(arrays, kept, strict=True)]
        return index + 1, total, written

    _, total, arrays = tf.while_loop(
        lambda index, *_: index < steps,
        add,
        (tf.constant(1), first, arrays),
        parallel_iterations=1,
        maximum_iterations=steps - 1,
    )
    means = tf.nest.map_structure(lambda value: value / steps, total)
    return means, [array.concat() for array in arrays]


def update_moving_average(
    averages: Sequence[tf.Variable], values: Sequence[tf.Variable], momentum: Tensor
) -> None:
    """Move each average towards its value: `a <- m a + (1 - m) v`, equally on every replica.

    Args:
        averages: list of `tf.Variable`.
        values: list of `tf.Variable`, same shapes.
        momentum: float scalar m in [0, 1].
    """

    def move(average, value):
        kept = tf.cast(momentum, average.dtype)
        average.assign(average * kept + (1.0 - kept) * tf.convert_to_tensor(value))

    def move_all(strategy):
        for average, value in zip(averages, values, strict=True):
            strategy.extended.update(average, move, args=(value,))

    context = tf.distribute.get_replica_context()
    if context is None or num_replicas() == 1:
        for average, value in zip(averages, values, strict=True):
            move(average, value)
    else:
        context.merge_call(move_all)
