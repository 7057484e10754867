"""The one run function: every method and strategy trains from here.

scope -> build -> compile -> restore -> steps -> callbacks. Resuming exactly is a property of this
function: the data and the random draws are functions of the step, the rest is in the checkpoint.
"""

import contextlib
import dataclasses
import gc
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_pose.train import run_folder
from keras_pose.train.callbacks import (
    Watch,
    broken_logs,
    callback_state,
    restore_callback_state,
    write_broken_batch,
)
from keras_pose.train.checkpoints import Begun, Checkpoints
from keras_pose.train.lease import Lease
from keras_pose.train.options import RunOptions
from keras_pose.train.steps import (
    Interruption,
    Steps,
    callback_list,
    executions,
    grouped,
    is_bar_wanted,
)
from keras_pose.train.strategy import (
    gather_over_workers,
    lost_worker,
    make_strategy,
    per_replica_batch,
    worker_of,
)


@dataclasses.dataclass(frozen=True)
class SavingPlan:
    """When checkpoints are written besides at the end of every epoch, and which stay.

    Attributes:
        steps: between two of them inside an epoch, 0 for none.
        minutes: between two of them inside an epoch, 0 for none.
        keep: how many of the latest stay.
        best_by: measure of `epochs.jsonl` whose smallest value marks one more that stays; empty for none.
    """

    steps: int = 0
    minutes: float = 0.0
    keep: int = 2
    best_by: str = ""


def run(
    *,
    build_model: Callable[[], keras.Model],
    batches: Callable[[int], tf.data.Dataset],
    model_dir: str,
    batch_size: int,
    num_steps: int,
    steps_per_epoch: int,
    strategy: tf.distribute.Strategy,
    begin: Callable[[], None] | None = None,
    callbacks: list | None = None,
    steps_per_execution: int = 1,
    accumulation_steps: int = 1,
    jit_compile: bool = False,
    plan: SavingPlan = SavingPlan(),
    lease: Lease | None = None,
    restart: bool = False,
) -> keras.Model:
    """Train to `num_steps`, from the newest checkpoint of `model_dir` if there is one.

    Args:
        build_model: function without arguments that returns an uncompiled model; its `compile` builds
            all optimizers, listed by its attribute `optimizers`.
        batches: function of the first micro-batch that returns an endless dataset of global ones.
        model_dir: run folder; checkpoints go to its `checkpoints`.
        batch_size: global batch size, of a micro-batch.
        num_steps: training steps in all, rounded up to whole epochs.
        steps_per_epoch: steps between evaluations.
        strategy: a `tf.distribute.Strategy`.
        begin: called when all settings have been found to fit together and any checkpoint has been
            read, before anything is written.
        callbacks: Keras callbacks, run before the checkpoint of an epoch is written. Under several
            workers they run on the chief, with a model of the same weights that knows of no strategy.
        steps_per_execution: steps per graph call.
        accumulation_steps: micro-batches of a step; the model averages over them.
        jit_compile: whether XLA compiles the step, on one replica.
        plan: when to write checkpoints.
        lease: asked before each checkpoint whether the folder is still this process's.
        restart: begin at step 0 whatever lies in `model_dir`; `begin` puts it aside.

    Returns:
        The trained model.

    Raises:
        ValueError: if a setting contradicts the strategy or no checkpoint is whole.
        OSError: if a checkpoint cannot be written.
        FloatingPointError: if a number becomes NaN or infinite.
        Stopped: if SIGTERM or SIGINT came; everything is saved.
    """
    per_replica_batch(batch_size, strategy)
    if steps_per_epoch % steps_per_execution:
        raise ValueError(
            f"--steps_per_execution={steps_per_execution} does not divide --steps_per_epoch="
            f"{steps_per_epoch}; use a divisor."
        )
    if jit_compile and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            "--jit_compile=true needs one replica, since XLA cannot reach across several here; use auto."
        )
    with strategy.scope():
        model = build_model()
        model.compile(jit_compile=jit_compile)
    checkpoints = Checkpoints(model, os.path.join(model_dir, "checkpoints"), keep=plan.keep)
    done = 0 if restart else checkpoints.restore()
    if (steps_per_epoch - done % steps_per_epoch) % steps_per_execution:
        raise ValueError(
            f"--steps_per_execution={steps_per_execution} does not divide what is left of the epoch "
            f"after step {done}; go on with 1 until the epoch has ended."
        )
    trainer = _Training(
        model, strategy, checkpoints, plan, model_dir, steps_per_epoch, lease or Lease(model_dir)
    )
    trainer.agree_on(done)
    if begin is not None and trainer.is_chief:
        begin()
    epochs = -(-num_steps // steps_per_epoch)
    if trainer.num_workers > 1 and trainer.is_chief:
        trainer.shown = build_model()
        trainer.shown.compile()
    if done < epochs * steps_per_epoch:
        rows = batch_size * accumulation_steps
        steps = Steps(model, strategy, rows, steps_per_execution)

        def updates(first_step):
            micro = batches(first_step * accumulation_steps)
            return grouped(micro, accumulation_steps, strategy.num_replicas_in_sync)

        with lost_worker(strategy):
            trainer.train(steps, updates, done, epochs, callbacks or [])
    trainer.show()
    return trainer.shown


def run_config(
    config: Any,
    options: RunOptions,
    *,
    build_model: Callable[[], keras.Model],
    batches: Callable[[int], tf.data.Dataset],
    callbacks: list,
    strategy: tf.distribute.Strategy | None = None,
    lease: Lease | None = None,
) -> keras.Model:
    """Train as a method's config and the common flags say, and record both in the run folder.

    Args:
        config: frozen config with `batch_size`, `num_steps` and `steps_per_epoch`.
        options: where and how.
        build_model: as for `run`.
        batches: as for `run`.
        callbacks: as for `run`.
        strategy: what `make_strategy` gave before the data were opened; made here if None.
        lease: of the run folder, taken before anything is written.

    Returns:
        The trained model.

    Raises:
        ValueError: if a setting contradicts the strategy or the run there, or no checkpoint is whole.
    """

    # Only now, so that a command refused for its data or its devices leaves no run behind.
    def begin():
        if lease is not None:
            lease.acquire()
        if options.restart:
            run_folder.put_aside(options.model_dir)
        run_folder.open_run(options.model_dir, config)

    strategy = strategy or make_strategy(options.strategy, options.num_devices)
    is_compiled = options.jit_compile == "true"
    if options.jit_compile == "auto" and strategy.num_replicas_in_sync == 1:
        is_compiled = getattr(config, "is_faster_compiled", False)
    return run(
        build_model=build_model,
        batches=batches,
        model_dir=options.model_dir,
        batch_size=config.batch_size,
        num_steps=config.num_steps,
        steps_per_epoch=min(config.steps_per_epoch, config.num_steps),
        strategy=strategy,
        begin=begin,
        callbacks=callbacks,
        steps_per_execution=options.steps_per_execution,
        accumulation_steps=getattr(config, "accumulation_steps", 1),
        jit_compile=is_compiled,
        plan=SavingPlan(
            options.checkpoint_steps,
            options.checkpoint_minutes,
            options.checkpoints_to_keep,
            options.best_by,
        ),
        lease=lease,
        restart=options.restart,
    )


class _Training:
    """What goes on between the first step and the last."""

    def __init__(self, model, strategy, checkpoints, plan, model_dir, steps_per_epoch, lease):
        self.model, self.strategy = model, strategy
        self.shown = model  # to callbacks
        self.checkpoints, self.plan, self.lease = checkpoints, plan, lease
        self.model_dir, self.steps_per_epoch = model_dir, steps_per_epoch
        self.num_workers, index = worker_of(strategy)
        self.is_chief = index == 0
        self.watch = Watch()
        self.saved_at = time.monotonic()
        self.callbacks: list = []

    def agree_on(self, done):
        """Refuse workers that do not see the same run folder."""
        found = [row[0] for row in gather_over_workers(self.strategy, [done])]
        if len(set(found)) > 1:
            raise ValueError(
                f"--model_dir={self.model_dir}: the workers of TF_CONFIG found checkpoints of steps "
                f"{found} there, the chief's first; give all of them one folder that they share."
            )

    def show(self):
        """Copy all state to the model that callbacks see."""
        if self.shown is not self.model:
            mine, theirs = (_state(model) for model in (self.model, self.shown))
            for source, target in zip(mine, theirs, strict=True):
                target.assign(source.numpy())

    def train(self, steps, batches, done, epochs, callbacks):
        """Train from step `done` to the end of the last epoch."""
        self.callbacks = callbacks if self.is_chief else []
        verbose = is_bar_wanted(sys.stdout) if self.is_chief else 0
        listed = callback_list(self.callbacks, self.shown, epochs, self.steps_per_epoch, verbose)
        self.shown.stop_training = False
        stopped = None
        with Interruption() as interruption, _released(steps):
            steps.begin(batches, done)
            listed.on_train_begin()
            restore_callback_state(
                self.callbacks, self.checkpoints.begun.facts.get("callbacks", {})
            )
            self._note_best()
            logs = {}
            for epoch in range(done // self.steps_per_epoch, epochs):
                self.model.reset_metrics()
                if done % self.steps_per_epoch:
                    steps.restore_metrics(self.checkpoints.begun.metrics)
                self.show()
                listed.on_epoch_begin(epoch)
                done, logs, stopped = self._train_epoch(
                    steps, batches, done, epoch, listed, interruption
                )
                if not stopped:
                    logs = self._end_epoch(steps, listed, epoch, logs)
                    _, stopped, ends = self._agree(interruption, False)
                if stopped or ends:
                    break
            listed.on_train_end(logs)
            self.checkpoints.flush()
        if stopped:
            raise interruption.stopped(done)

    def _train_epoch(self, steps, batches, done, epoch, listed, interruption):
        first = epoch * self.steps_per_epoch
        begun_at, steps.waited_s = time.monotonic(), 0.0
        began, logs, before = done, {}, None
        for step in executions(done, first + self.steps_per_epoch, steps.count):
            listed.on_train_batch_begin(done - first)
            logs, is_finite = steps.execute()
            # The device is at this execution already while the one before it is looked at.
            if before is not None and not bool(before[1]):
                self._break(batches, before, done, steps.count)
            before, done = (logs, is_finite), step
            listed.on_train_batch_end(step - first - 1, logs)
            is_last = step == first + self.steps_per_epoch
            saves, stops, ends = self._agree(
                interruption, not is_last and self._is_due(step, steps.count)
            )
            if is_last or stops or saves:
                if not bool(is_finite):
                    self._break(batches, before, done, steps.count)
                if not is_last:
                    self._save(done, steps.metric_state(), wait=stops)
                if stops and not is_last:
                    return done, logs, True
            if ends:
                break
        self.watch.input(steps.waited_s, time.monotonic() - begun_at, (done - began) // steps.count)
        return done, logs, False

    def _end_epoch(self, steps, listed, epoch, logs):
        """Run what callbacks do after an epoch, then save: a row that is lost is made again."""
        logs = {name: float(value) for name, value in steps.epoch_logs(logs).items()}
        if broken := broken_logs(logs):
            raise FloatingPointError(
                f"epoch {epoch + 1}: {', '.join(broken)} became non-finite; lower --learning_rate or "
                f"look at the data, {self.checkpoints.newest()}."
            )
        self.watch.networks(logs)
        self.show()
        listed.on_epoch_end(epoch, logs)
        self._note_best()
        self._save((epoch + 1) * self.steps_per_epoch, [], wait=False)
        return logs

    def _save(self, step, metrics, wait):
        self.saved_at = time.monotonic()
        if self.is_chief:
            self.lease.check()
            facts = {"callbacks": callback_state(self.callbacks)}
            self.checkpoints.save(step, Begun(metrics, facts), wait=wait)

    def _is_due(self, step, count):
        """Whether a checkpoint inside the epoch should be written, by the steps or by the clock."""
        plan = self.plan
        if self.checkpoints.failed:
            self.checkpoints.flush()
        by_steps = plan.steps and step // plan.steps != (step - count) // plan.steps
        return bool(by_steps) or (
            plan.minutes > 0 and time.monotonic() - self.saved_at > 60.0 * plan.minutes
        )

    def _agree(self, interruption, saves):
        """Return what all workers do after this execution: save, stop, end early."""
        mine = (saves, interruption.signal is not None, self.shown.stop_training)
        if self.num_workers == 1:
            return mine
        rows = gather_over_workers(self.strategy, [int(one) for one in mine])
        return tuple(any(column) for column in zip(*rows, strict=True))

    def _break(self, batches, before, step, count):
        """Write down what the execution learned from, and end the run."""
        broken = broken_logs(before[0])
        path = write_broken_batch(
            self.model_dir, batches(step - count), step - count, count, broken
        )
        raise FloatingPointError(
            f"step {step}: {', '.join(broken)} became non-finite; {path} names the batch's records, look "
            f"at them or lower --learning_rate, {self.checkpoints.newest()}."
        )

    def _note_best(self):
        """Remember the checkpoint of the best epoch so far."""
        if not self.plan.best_by or not self.is_chief:
            return
        rows = run_folder.read_epochs(self.model_dir)
        measured = [row for row in rows if self.plan.best_by in row]
        if rows and not measured:
            raise ValueError(
                f"--best_by={self.plan.best_by} is no measure of this run; choose one of "
                f"{', '.join(name for name in rows[-1] if name not in ('epoch', 'step'))}."
            )
        if measured:
            self.checkpoints.kept_step = min(measured, key=lambda row: row[self.plan.best_by])[
                "step"
            ]


@contextlib.contextmanager
def _released(steps):
    """Free the input in time: threads of tf.data that call Python outlive the interpreter else."""
    try:
        yield
    finally:
        steps.end()
        gc.collect()


def _state(model):
    return [variable.value for variable in model.variables] + [
        getattr(variable, "value", variable)
        for optimizer in model.optimizers
        for variable in optimizer.variables
    ]
