"""Fine-tunes a hand pose network: `python -m keras_pose.hand_pose.train --flagfile=<recipe> ...`.

With --init_from it starts from a pretrained encoder, without it is plain supervised training. The same
command goes on with the run in --model_dir. `finetune_run` is the library form, without flags.
"""

import os
import time
from collections.abc import Sequence

import keras

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.hand_pose.model import PoseRegressor
from keras_pose.hand_pose.start import check_pretrained, hand_pose_path, is_hand_pose_run
from keras_pose.hands import evaluation
from keras_pose.hands.pretrained import load_pretrained
from keras_pose.hands.progress import hand_callbacks
from keras_pose.train import config as configs
from keras_pose.train import loop, run_folder, runs
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions
from keras_pose.train.weights import read_weights, write_weights


def finetune_run(
    config: FinetuneConfig,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Fine-tune, evaluate and record one run.

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
    if config.init_from and not os.path.isfile(config.init_from):
        check_pretrained(config)
    runs.limit_threads(options.num_threads)
    started = time.monotonic()
    hands = load_labelled_hands(config, options.data_dir)
    keras.utils.set_random_seed(config.seed)
    steps = min(config.steps_per_epoch, config.num_steps)
    with hands.bad_records.as_sentence():
        model = loop.run_config(
            config,
            options,
            build_model=lambda: build_model(config),
            batches=hands.batches,
            callbacks=[*hand_callbacks(options, hands, steps), *extra_callbacks],
        )
    write_weights(model.inference_pose, hand_pose_path(options.model_dir))
    run_folder.update_run(
        options.model_dir,
        minutes=(time.monotonic() - started) / 60,
        steps=runs.updates_made(config),
        hands=hands.counts,
    )
    if options.mode == "train":
        return run_folder.read_run(options.model_dir)
    # As an export would be: in single precision, from the file.
    return _record(options.model_dir, load_hand_pose(options.model_dir)[1], hands)


def build_model(config: FinetuneConfig) -> PoseRegressor:
    """Build the uncompiled regressor, its encoder pretrained where the config says so."""
    model = PoseRegressor(config)
    if os.path.isdir(config.init_from) and is_hand_pose_run(config.init_from):
        # Trained on other labels before, rendered hands for instance: the head goes along.
        read_weights(model.pose, hand_pose_path(config.init_from))
        model.reset_average()
    elif os.path.isdir(config.init_from):
        load_pretrained(model.backbone, model.projection_head, config.init_from)
        model.reset_average()
    return model


def load_hand_pose(model_dir: str) -> tuple[FinetuneConfig, keras.Model]:
    """Build the hand pose model of a finished run and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and the inference model of `keras_pose.hand_pose.network`.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config = runs.read_config(model_dir, FinetuneConfig)
    policy = keras.config.dtype_policy()
    # Evaluation and export are in full precision, whatever the training was.
    keras.config.set_dtype_policy("float32")
    try:
        model = PoseRegressor(configs.from_dict(FinetuneConfig, _single_precision(config)))
    finally:
        keras.config.set_dtype_policy(policy)
    read_weights(model.inference_pose, hand_pose_path(model_dir))
    return config, model.inference_pose


def _single_precision(config):
    # Weights come from the run, so what they once started from need not exist any more.
    return configs.to_dict(config) | {"precision": "float32", "init_from": "", "init": "random"}


def evaluate_run(config: FinetuneConfig, options: RunOptions) -> dict:
    """Evaluate the finished run in `options.model_dir`, on its own validation part.

    Args:
        config: config of the command line; checked against the run's.
        options: model_dir and data_dir are used.

    Returns:
        The content of `run.json` with the new results.

    Raises:
        ValueError: if the run is unfinished, was trained with other settings or holds nothing out.
    """
    run_config, model = load_hand_pose(options.model_dir)
    run_folder.check_repeated(options.model_dir, config, run_config)
    hands = load_labelled_hands(run_config, options.data_dir)
    share, what = run_config.val_share, "hand with 2D joints"
    runs.require_heldout(hands.heldout is not None, options.model_dir, share, what)
    return _record(options.model_dir, model, hands)


def _record(model_dir, model, hands):
    if hands.heldout is not None:
        names = list(hands.counts)
        values = evaluation.evaluate_hands(model, hands.heldout(), names)
        run_folder.update_run(model_dir, results=values)
        run_folder.add_skipped(model_dir, hands.skipped())
    return run_folder.read_run(model_dir)


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to run."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    run = finetune_run(configs.from_flags(FinetuneConfig), configs.from_flags(RunOptions))
    for part, values in run.get("results", {}).items():
        for name, value in values.items():
            print(f"{value:10.4f}  {part}  {name}")


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(FinetuneConfig, RunOptions)
    run_binary(main)


if __name__ == "__main__":
    run_main()
