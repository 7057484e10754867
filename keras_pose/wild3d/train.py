"""Trains one stage, or several in order: `python -m keras_pose.wild3d.train --flagfile=<recipe> ...`.

The same command goes on with the run in --model_dir. With `--stages=1,2,3` the recipes of the three
stages run one after the other, each from the weights of the one before, in folders of their own.
`train_run` is the library form, without flags.
"""

import contextlib
import functools
import time
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_pose.train import config as configs
from keras_pose.train import loop, run_folder
from keras_pose.train.binary import run_binary
from keras_pose.train.callbacks import EpochRows, Pictures, SkippedRecords
from keras_pose.train.options import RunOptions
from keras_pose.train.weights import read_weights, write_weights
from keras_pose.wild3d import evaluation, runs, stages
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.data import LabelledBodies, example_batch, load_bodies
from keras_pose.wild3d.distill import build_distilled, check_teacher
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.pictures import draw_bodies
from keras_pose.wild3d.stages import StageOptions


def train_run(
    config: Config,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Train, evaluate and record one run.

    Args:
        config: what to train.
        options: where and how.
        extra_callbacks: more Keras callbacks.

    Returns:
        The final content of `run.json`.

    Raises:
        ValueError: for contradictions, bad data or a damaged checkpoint, in one sentence.
        OSError: if something cannot be written.
    """
    if options.mode == "eval":
        return evaluate_run(config, options)
    run_folder.check_run(options.model_dir, config)
    if config.init_from:
        runs.check_start(config)
    if config.teacher:
        check_teacher(config)
    if options.num_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.num_threads)
    started = time.monotonic()
    bodies = load_bodies(config, options.data_dir)
    keras.utils.set_random_seed(config.seed)
    steps = min(config.steps_per_epoch, config.num_steps)
    with contextlib.ExitStack() as stack:
        for account in bodies.bad_records:
            stack.enter_context(account.as_sentence())
        model = loop.run_config(
            config,
            options,
            build_model=lambda: build_model(config),
            batches=bodies.batches,
            callbacks=[*_callbacks(config, options, bodies, steps), *extra_callbacks],
        )
    write_weights(model.network, runs.network_path(options.model_dir))
    run_folder.update_run(
        options.model_dir,
        minutes=(time.monotonic() - started) / 60,
        steps=config.num_steps,
        bodies=bodies.counts,
        bone_sum_mm=bodies.bone_sum_mm,
    )
    if options.mode != "train":
        # As an export would be: in single precision, from the file.
        _record(config, options.model_dir, load_pose(options.model_dir)[1], bodies)
    # Last of all: a run killed while it is being measured is measured again.
    run_folder.update_run(options.model_dir, finished=True)
    return run_folder.read_run(options.model_dir)


def build_model(config: Config) -> PoseModel:
    """Build the uncompiled model, its weights those of an earlier run where the config says so."""
    model = build_distilled(config) if config.teacher else PoseModel(config)
    if config.init_from:
        runs.load_start(model.network, config.init_from)
    return model


def load_pose(model_dir: str) -> tuple[Config, keras.Model]:
    """Build the pose model of a finished run and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and the model of `keras_pose.wild3d.pose.build_pose`, in single precision.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config = runs.read_config(model_dir)
    # Weights come from the run, so what they once started from need not exist any more.
    plain = configs.to_dict(config) | {"precision": "float32", "init_from": "", "teacher": ""}
    model = PoseModel(configs.from_dict(Config, plain))
    read_weights(model.network, runs.network_path(model_dir))
    return config, model.pose


def evaluate_run(config: Config, options: RunOptions) -> dict:
    """Evaluate the finished run in `options.model_dir`, on its own validation part.

    Args:
        config: config of the command line; checked against the run's.
        options: model_dir and data_dir are used.

    Returns:
        The content of `run.json` with the new results.

    Raises:
        ValueError: if the run is unfinished or was trained with other settings.
    """
    run_config, model = load_pose(options.model_dir)
    run_folder.check_repeated(options.model_dir, config, run_config)
    return _record(run_config, options.model_dir, model, load_bodies(run_config, options.data_dir))


def _callbacks(config, options, bodies: LabelledBodies, steps):
    # One function for all epochs, so that it is traced once.
    find = functools.cache(evaluation.pose_function)

    def evaluate(model, epoch):
        if bodies.heldout is None or options.mode == "train":
            return {}
        values = evaluation.evaluate_bodies(
            find(model.pose), bodies.heldout(), bone_sum_mm=bodies.bone_sum_mm
        )
        return evaluation.overall(values)

    example = example_batch(config, bodies)

    def draw(model):
        outputs = model.pose(tf.cast(example["image"], tf.float32) / 255.0, training=False)
        return draw_bodies(
            example["image"].numpy(),
            outputs["keypoints_2d"].numpy(),
            outputs["points"].numpy(),
            example["keypoints_2d"].numpy(),
            example["visible"].numpy(),
        )

    rows = EpochRows(options.model_dir, steps, evaluate)
    skipped = SkippedRecords(options.model_dir, bodies.skipped)
    return [rows, skipped, Pictures(options.model_dir, steps, draw, name="bodies")]


def _record(config, model_dir, model, bodies):
    if bodies.heldout is not None:
        results = evaluation.evaluate_bodies(
            model,
            bodies.heldout(),
            bone_sum_mm=bodies.bone_sum_mm,
            folder_names=bodies.body_records.names,
            flip=config.flip_test,
            action_names=bodies.body_records.action_names,
        )
        run_folder.update_run(model_dir, results=results)
        run_folder.add_skipped(model_dir, bodies.skipped())
    return run_folder.read_run(model_dir)


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to run."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    options, chosen = configs.from_flags(RunOptions), configs.from_flags(StageOptions)
    if not chosen.stages:
        _print(train_run(configs.from_flags(Config), options))
        return
    for stage in stages.plan(chosen, options):
        print(f"stage {stage.number}: {stage.recipe}, run folder {stage.options.model_dir}")
        if stage.is_finished:
            print("  finished before")
            continue
        _print(train_run(stage.config, stage.options))
        # The next stage builds a network of its own.
        keras.backend.clear_session()


def _print(run):
    for part, values in run.get("results", {}).items():
        for name, value in values.items():
            print(f"{value:10.3f}  {part}  {name}")


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(Config, RunOptions, StageOptions)
    run_binary(main)


if __name__ == "__main__":
    run_main()
