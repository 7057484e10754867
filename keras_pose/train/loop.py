"""The one run function: every method and strategy trains through Keras' `fit` from here.

scope -> build -> compile -> restore -> fit -> callbacks. Resuming exactly is a property of this
function: the data and the random draws are functions of the step, the rest is in the checkpoint.
"""

import os
import sys
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_pose.train import run_folder
from keras_pose.train.callbacks import SaveState, StopOnNonFinite
from keras_pose.train.checkpoints import Checkpoints
from keras_pose.train.options import RunOptions
from keras_pose.train.strategy import make_strategy, per_replica_batch


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
    checkpoints_to_keep: int = 2,
) -> keras.Model:
    """Train to `num_steps`, from the latest checkpoint of `model_dir` if there is one.

    Args:
        build_model: function without arguments that returns an uncompiled model; its `compile` builds
            all optimizers, listed by its attribute `optimizers`.
        batches: function of the first step that returns an endless dataset of global batches.
        model_dir: run folder; checkpoints go to its `checkpoints`.
        batch_size: global batch size.
        num_steps: training steps in all, rounded up to whole epochs.
        steps_per_epoch: steps between checkpoints and evaluations.
        strategy: a `tf.distribute.Strategy`.
        begin: called when all settings have been found to fit together and any checkpoint has been
            read, before anything is written.
        callbacks: Keras callbacks, run before the checkpoint of an epoch is written.
        steps_per_execution: steps per graph call; more than 1 is refused under several replicas, where
            the default collectives fail.
        checkpoints_to_keep: how many checkpoints stay.

    Returns:
        The trained model.

    Raises:
        ValueError: if a setting contradicts the strategy or a checkpoint is damaged.
    """
    per_replica_batch(batch_size, strategy)
    if steps_per_execution > 1 and strategy.num_replicas_in_sync > 1:
        raise ValueError(
            f"--steps_per_execution={steps_per_execution} does not work with "
            f"{strategy.num_replicas_in_sync} replicas; use 1."
        )
    if steps_per_epoch % steps_per_execution:
        raise ValueError(
            f"--steps_per_execution={steps_per_execution} does not divide --steps_per_epoch="
            f"{steps_per_epoch}; use a divisor."
        )
    with strategy.scope():
        model = build_model()
        model.compile(steps_per_execution=steps_per_execution)
    checkpoints = Checkpoints(
        model, os.path.join(model_dir, "checkpoints"), keep=checkpoints_to_keep
    )
    done = checkpoints.restore()
    if begin is not None:
        begin()
    epochs = -(-num_steps // steps_per_epoch)
    if done >= epochs * steps_per_epoch:
        return model
    model.fit(
        batches(done),
        initial_epoch=done // steps_per_epoch,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        shuffle=False,
        # A bar where somebody watches, a line per epoch in logs.
        verbose=1 if sys.stdout.isatty() else 2,
        callbacks=[StopOnNonFinite(), *(callbacks or []), SaveState(checkpoints, steps_per_epoch)],
    )
    return model


def run_config(
    config: Any,
    options: RunOptions,
    *,
    build_model: Callable[[], keras.Model],
    batches: Callable[[int], tf.data.Dataset],
    callbacks: list,
) -> keras.Model:
    """Train as a method's config and the common flags say, and record both in the run folder.

    Args:
        config: frozen config with `batch_size`, `num_steps` and `steps_per_epoch`.
        options: where and how.
        build_model: as for `run`.
        batches: as for `run`.
        callbacks: as for `run`.

    Returns:
        The trained model.

    Raises:
        ValueError: if a setting contradicts the strategy or the run there, or a checkpoint is damaged.
    """
    return run(
        build_model=build_model,
        batches=batches,
        model_dir=options.model_dir,
        batch_size=config.batch_size,
        num_steps=config.num_steps,
        steps_per_epoch=min(config.steps_per_epoch, config.num_steps),
        strategy=make_strategy(options.strategy),
        # Only now, so that a command refused for its data or its devices leaves no run behind.
        begin=lambda: run_folder.open_run(options.model_dir, config),
        callbacks=callbacks,
        steps_per_execution=options.steps_per_execution,
        checkpoints_to_keep=options.checkpoints_to_keep,
    )
