"""Pretrains a hand encoder: `python -m keras_pose.peclr.train --flagfile=<recipe> ...`.

The same command goes on with the run in --model_dir. `pretrain_run` is the library form, without flags.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import keras

from keras_pose.hands.pretrained import encoder_path, head_path
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.data import PretrainingPictures, load_pictures
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.train import config as configs
from keras_pose.train import loop, run_folder, runs
from keras_pose.train.binary import run_binary
from keras_pose.train.callbacks import EpochRows, Pictures, SkippedRecords
from keras_pose.train.options import RunOptions
from keras_pose.train.weights import read_weights, write_weights
from keras_pose.viz.crops import draw_view_pairs


def pretrain_run(
    config: PretrainConfig,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Pretrain and record one run.

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
    runs.limit_threads(options.num_threads)
    started = time.monotonic()
    pictures = load_pictures(config, options.data_dir)
    keras.utils.set_random_seed(config.seed)
    steps = min(config.steps_per_epoch, config.num_steps)
    with pictures.bad_records.as_sentence():
        model = loop.run_config(
            config,
            options,
            build_model=lambda: ContrastiveModel(config, make_views=pictures.make_views),
            batches=pictures.batches,
            callbacks=[*_callbacks(config, options, pictures, steps), *extra_callbacks],
        )
    write_weights(model.encoder, encoder_path(options.model_dir))
    write_weights(model.projection_head, head_path(options.model_dir))
    run_folder.update_run(
        options.model_dir,
        minutes=(time.monotonic() - started) / 60,
        pictures=pictures.counts,
    )
    return _record(config, options.model_dir, model, pictures)


def evaluate_run(config: PretrainConfig, options: RunOptions) -> dict:
    """Take the held-out loss of the finished run in `options.model_dir`.

    Args:
        config: config of the command line; checked against the run's.
        options: model_dir and data_dir are used.

    Returns:
        The content of `run.json` with the new results.

    Raises:
        ValueError: if the run is unfinished, was trained with other settings or holds nothing out.
    """
    run_config = runs.read_config(options.model_dir, PretrainConfig)
    run_folder.check_repeated(options.model_dir, config, run_config)
    pictures = load_pictures(run_config, options.data_dir)
    is_there = pictures.heldout_batches is not None
    runs.require_heldout(is_there, options.model_dir, run_config.val_share, "two pictures")
    model = load_model(options.model_dir, pictures.make_views)
    return _record(run_config, options.model_dir, model, pictures)


def load_model(
    model_dir: str, make_views: Callable[[dict], dict] | None = None
) -> ContrastiveModel:
    """Build the contrastive model of a finished run and load its weights.

    Args:
        model_dir: run folder.
        make_views: as `PretrainingPictures` has it; None for batches that hold views.

    Returns:
        The compiled model; its attributes `encoder` and `projection_head` are what was trained.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    model = ContrastiveModel(runs.read_config(model_dir, PretrainConfig), make_views=make_views)
    model.compile()
    read_weights(model.encoder, encoder_path(model_dir))
    read_weights(model.projection_head, head_path(model_dir))
    return model


def _callbacks(config, options, pictures: PretrainingPictures, steps):
    def evaluate(model, epoch):
        if pictures.heldout_batches is None:
            return {}
        logs = model.evaluate(pictures.heldout_batches, verbose=0, return_dict=True)
        return {f"heldout_{name}": value for name, value in logs.items()}

    rows = EpochRows(options.model_dir, steps, evaluate)
    skipped = SkippedRecords(options.model_dir, pictures.skipped)
    example = next(iter(pictures.batches(0)))
    if pictures.make_views:
        example = pictures.make_views(example)
    drawn = draw_view_pairs(example["views"].numpy(), example["canonical"].numpy())
    pairs = Pictures(options.model_dir, steps, lambda model: drawn, name="view_pairs")
    return [rows, skipped, pairs]


def _record(config, model_dir, model, pictures):
    entries: dict[str, Any] = {"steps": runs.updates_made(config)}
    if pictures.heldout_batches is not None:
        logs = model.evaluate(pictures.heldout_batches, verbose=0, return_dict=True)
        entries["heldout"] = {name: float(value) for name, value in logs.items()}
    run_folder.update_run(model_dir, **entries)
    run_folder.add_skipped(model_dir, pictures.skipped())
    return run_folder.read_run(model_dir)


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to run."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    run = pretrain_run(configs.from_flags(PretrainConfig), configs.from_flags(RunOptions))
    for name, value in run.get("heldout", {}).items():
        print(f"{value:10.4f}  held-out {name}")


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(PretrainConfig, RunOptions)
    run_binary(main)


if __name__ == "__main__":
    run_main()
