"""What a custom train step must do itself under `tf.distribute`.

Keras optimizers add gradients up over replicas, so a loss is a sum over the *global* batch divided by
its size; clipping comes after the sum; moving averages leave the replica context. One rule, one place.
"""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from keras_pose.train.choices import STRATEGIES

Tensor = Any  # a number, a NumPy array or a TensorFlow tensor


def make_strategy(name: str = "auto") -> tf.distribute.Strategy:
    """Build the distribution strategy named by a flag.

    Args:
        name: `"auto"` (mirrored over the GPUs if there are several, else one device),
            `"one_device"`, `"mirrored"` (every GPU) or `"cpu_mirrored"` (every logical CPU, for
            tests).

    Returns:
        A `tf.distribute.Strategy`.

    Raises:
        ValueError: if the name is unknown or needs GPUs that are not there.
    """
    gpus = tf.config.list_logical_devices("GPU")
    if name not in STRATEGIES:
        raise ValueError(f"--strategy={name} is unknown; choose one of {', '.join(STRATEGIES)}.")
    if name == "cpu_mirrored":
        cpus = [device.name for device in tf.config.list_logical_devices("CPU")]
        # The default collectives poison the process after one failed step on CPUs.
        return tf.distribute.MirroredStrategy(
            cpus, cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
    if name == "mirrored" and not gpus:
        raise ValueError(
            "--strategy=mirrored needs a GPU and none is visible; use --strategy=auto."
        )
    if gpus and (name == "mirrored" or len(gpus) > 1 and name == "auto"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.OneDeviceStrategy("/gpu:0" if gpus else "/cpu:0")


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
