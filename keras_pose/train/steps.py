"""Training steps under any strategy, and the signals that ask a run to stop between two of them.

Keras' own `fit` cannot start inside an epoch, refuses several steps per execution under replicas and
fails under several workers (github.com/keras-team/keras, issue 20585): it builds on per-replica data and
reduces scalars over an axis they do not have. What runs here is the same `train_step`.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_pose.train.binary import finish_after_stop
from keras_pose.train.strategy import in_own_row, per_replica_batch, worker_of

_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Steps:
    """Executes a compiled model's `train_step` on global batches.

    Args:
        model: model built and compiled in the strategy's scope.
        strategy: a `tf.distribute.Strategy`.
        batch_size: rows of a global batch.
        steps_per_execution: training steps of one graph call.

    Attributes:
        waited_s: seconds spent waiting for input since `begin`, measured with one step per execution.
    """

    def __init__(self, model, strategy, batch_size: int, steps_per_execution: int):
        self.model = model
        self.strategy = strategy
        self.batch_size = batch_size
        self.count = steps_per_execution
        self.waited_s = 0.0
        self._iterator: Any = None
        self._read_metrics: Any = None
        plain = tf.autograph.experimental.do_not_convert(model.train_step)
        compiled = tf.function(plain, jit_compile=True, autograph=False)

        def step(data):
            return compiled(_numbers(data)) if model.jit_compile is True else plain(data)

        @tf.function(reduce_retracing=True, autograph=False)
        def one_step(data):
            logs = strategy.run(step, args=(data,))
            logs = {name: self._mean(value) for name, value in logs.items()}
            # One number instead of all of them, so that looking every time costs nothing.
            numbers = [tf.cast(value, tf.float32) for value in logs.values()]
            return logs, tf.reduce_all(tf.math.is_finite(tf.stack(numbers)))

        @tf.function(reduce_retracing=True, autograph=False)
        def several_steps(iterator):
            def body(number):
                one_step(next(iterator))
                return number + 1

            tf.while_loop(
                lambda number: number < self.count - 1,
                body,
                [tf.constant(0)],
                parallel_iterations=1,
            )
            return one_step(next(iterator))

        @tf.function(reduce_retracing=True, autograph=False)
        def metric_values():
            values = model.get_metrics_result()
            return {name: tf.identity(value) for name, value in values.items()}

        self._one_step, self._several_steps = one_step, several_steps
        self._metric_values = metric_values

    def begin(self, batches: Callable[[int], tf.data.Dataset], done: int) -> None:
        """Open the input at a step.

        Args:
            batches: function of the first step to an endless dataset of global batches.
            done: finished steps.
        """
        rows = per_replica_batch(self.batch_size, self.strategy)
        count, index = worker_of(self.strategy)

        def replica_batches(context):
            dataset = batches(done)
            if self.strategy.num_replicas_in_sync == 1:
                return dataset
            if count > 1:
                dataset = dataset.map(lambda *batch: _rows(batch, index, self.batch_size // count))
            return dataset.rebatch(rows, drop_remainder=True)

        if self.strategy.num_replicas_in_sync == 1:
            distributed = self.strategy.experimental_distribute_dataset(batches(done))
        else:
            distributed = self.strategy.distribute_datasets_from_function(replica_batches)
        self._iterator = iter(distributed)

    def end(self) -> None:
        """Let go of the input, whose threads may call Python."""
        self._iterator = None

    def execute(self) -> tuple[dict[str, Any], Any]:
        """Train `steps_per_execution` steps.

        Returns:
            The last step's logs, under replicas their mean over this worker's, and bool scalar, whether
            all of them are finite.
        """
        if self.count == 1:
            started = time.monotonic()
            data = next(self._iterator)
            self.waited_s += time.monotonic() - started
            return self._one_step(data)
        return self._several_steps(self._iterator)

    def epoch_logs(self, logs: dict[str, Any]) -> dict[str, Any]:
        """Return the metrics over all replicas, or the last step's logs where these are others."""
        # Outside the scope a metric is read on the first replica alone.
        with self.strategy.scope():
            metrics = self._metric_values()
        return metrics if metrics.keys() == logs.keys() else logs

    def metric_state(self) -> list[np.ndarray]:
        """Every metric variable on every replica, `[R, ...]` each; all workers must call it."""
        if self._read_metrics is None:
            # Not earlier, since Keras makes some metrics only in the first step.
            self._read_metrics = tf.function(self._read, autograph=False)
        gathered = self._read_metrics()
        return [self.strategy.experimental_local_results(value)[0].numpy() for value in gathered]

    def _read(self):
        def read():
            return [in_own_row(tf.convert_to_tensor(v.value)) for v in self._metric_variables()]

        return self.strategy.run(read)

    def restore_metrics(self, state: list[np.ndarray]) -> None:
        """Put metrics back, on as many replicas as they are of or on others.

        Args:
            state: what `metric_state` gave, `[R, ...]` each.
        """
        variables = self._metric_variables()
        replicas = self.strategy.num_replicas_in_sync
        if len(state) != len(variables):
            return

        def write():
            index = tf.distribute.get_replica_context().replica_id_in_sync_group
            for variable, values in zip(variables, state, strict=True):
                if len(values) != replicas:
                    # Totals and counts: only their sum over replicas means something.
                    rest = np.zeros((replicas - 1, *values.shape[1:]), values.dtype)
                    values = np.concatenate([values.sum(0, values.dtype)[None], rest])
                variable.value.assign(tf.gather(tf.constant(values), index))

        tf.function(lambda: self.strategy.run(write), autograph=False)()

    def _metric_variables(self):
        return [variable for metric in self.model.metrics for variable in metric.variables]

    def _mean(self, value):
        values = self.strategy.experimental_local_results(value)
        return values[0] if len(values) == 1 else tf.add_n(list(values)) / len(values)


def _numbers(batch):
    """Leave out texts, ids for instance, which XLA knows nothing of."""
    if not isinstance(batch, dict):
        return batch
    return {name: values for name, values in batch.items() if values.dtype != tf.string}


def _rows(batch, index, count):
    """Return the rows of one worker."""
    part = tf.nest.map_structure(lambda rows: rows[index * count : (index + 1) * count], batch)
    return part[0] if len(part) == 1 else part


def grouped(dataset: tf.data.Dataset, steps: int, num_replicas: int) -> tf.data.Dataset:
    """Put the micro-batches of an update together.

    Args:
        dataset: global micro-batches, `[B, ...]` each.
        steps: micro-batches of an update.
        num_replicas: R; what a replica gets of the whole is its part of the first micro-batch, of the
            second and so on.

    Returns:
        Dataset of `[steps * B, ...]`.
    """
    if steps == 1:
        return dataset

    def whole(rows):
        parts = tf.reshape(rows, (steps, num_replicas, -1, *rows.shape[2:]))
        parts = tf.experimental.numpy.swapaxes(parts, 0, 1)
        return tf.reshape(parts, (-1, *rows.shape[2:]))

    @tf.autograph.experimental.do_not_convert
    def together(*batch):
        batch = tf.nest.map_structure(whole, batch)
        return batch[0] if len(batch) == 1 else batch

    return dataset.batch(steps, drop_remainder=True).map(together).prefetch(1)


def executions(step: int, end: int, count: int) -> Iterator[int]:
    """Yield the step after each execution of `count` steps, from `step` to `end`."""
    yield from range(step + count, end + 1, count)


def is_bar_wanted(stream: Any) -> int:
    """Return Keras' word for how to show progress: 1 where somebody watches, 2 in logs."""
    return 1 if stream.isatty() else 2


def callback_list(
    callbacks: list, model: keras.Model, epochs: int, steps: int, verbose: int
) -> keras.callbacks.CallbackList:
    """Return Keras' list of callbacks, with the progress bar and the history that `fit` adds."""
    return keras.callbacks.CallbackList(
        callbacks,
        add_history=True,
        add_progbar=verbose != 0,
        verbose=verbose,
        epochs=epochs,
        steps=steps,
        model=model,
    )


class Stopped(SystemExit):
    """The run was asked to stop and has saved everything; the exit code is 128 + the signal."""


class Interruption:
    """Context manager that notes SIGTERM and SIGINT instead of dying of them.

    The second signal of a kind acts as it did before, for whoever cannot wait for the step to end.

    Attributes:
        signal: number of the signal that came, or None.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        # Python lets the main thread alone set handlers; elsewhere whoever runs us deals with signals.
        if threading.current_thread() is threading.main_thread():
            # Commands end some seconds after Ctrl-C; a step and its checkpoint may take longer.
            finish_after_stop()
            for number in _SIGNALS:
                # A signal that the parent had ignored, as `nohup` does, stays ignored.
                if signal.getsignal(number) not in (signal.SIG_IGN, None):
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stopped(self, step: int) -> Stopped:
        """Say that the run stops, and return what ends the program.

        Args:
            step: finished steps, all of them saved.

        Returns:
            What to raise.
        """
        # Another worker may have been asked, not this one.
        number = self.signal or signal.SIGTERM
        print(
            f"Stopped by {signal.Signals(number).name} after step {step}, which is saved; the same "
            "command goes on from there.",
            file=sys.stderr,
        )
        return Stopped(128 + number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.signal = number
        signal.signal(number, self._before[number])
