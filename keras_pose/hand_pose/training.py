"""Fine-tunes a hand pose network: `python -m keras_pose.hand_pose.train --flagfile=<recipe> ...`.

With --init_from it starts from a pretrained encoder, without it is plain supervised training. The same
command resumes the run in --model_dir. `finetune_run` is the library form, without flags.
"""

import os
from collections.abc import Sequence

import keras

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.hand_pose.model import PoseRegressor
from keras_pose.hand_pose.start import (
    check_pretrained,
    hand_pose_path,
    imported_trunk,
    is_hand_pose_run,
    is_imported,
    take_imported_head,
)
from keras_pose.hands.data import LabelledHands
from keras_pose.hands.pretrained import load_pretrained
from keras_pose.hands.progress import hand_callbacks, measure_heldout
from keras_pose.train import config as configs
from keras_pose.train import runs
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.weights import read_weights, write_weights
from keras_pose.weights.imported import HAND_LANDMARK, keep_network


def finetune_run(
    config: FinetuneConfig,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Fine-tune, evaluate and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        check=lambda: check_pretrained(config),
        open_data=open_data,
        build_model=lambda hands: build_model(config),
        callbacks=lambda hands, steps: hand_callbacks(options, hands, steps),
        write_weights=lambda model, folder: _write_weights(config, model, folder),
        load=lambda folder, hands: load_hand_pose(folder)[1],
        evaluate=lambda config, model, hands: measure_heldout(model, hands),
        measured_on="hand with 2D joints",
    )


def open_data(config: FinetuneConfig, options: RunOptions) -> LabelledHands:
    """Open the hands of a run; takes `data_dir` of the options."""
    return load_labelled_hands(config, options.data_dir)


def _write_weights(config, model, folder):
    write_weights(model.inference_pose, hand_pose_path(folder))
    if config.encoder == HAND_LANDMARK:
        keep_network(config.init_from, HAND_LANDMARK, folder)


def build_model(config: FinetuneConfig) -> PoseRegressor:
    """Build the uncompiled regressor, its encoder pretrained where the config says so."""
    model = PoseRegressor(config, imported_trunk(config, config.init_from))
    if is_imported(config):
        if config.head == "linear":
            take_imported_head(config, model.pose.get_layer("head"))
        model.reset_average()
    elif os.path.isdir(config.init_from) and is_hand_pose_run(config.init_from):
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
        The run's config and the inference model of `keras_pose.hand_pose.network`, in single precision
        whatever the training was.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config = runs.read_config(model_dir, FinetuneConfig)
    # Weights come from the run, so what they once started from need not exist any more.
    plain = {"precision": "float32", "init_from": "", "init": "random"}
    config_now = configs.from_dict(FinetuneConfig, configs.to_dict(config) | plain)
    model = PoseRegressor(config_now, imported_trunk(config, model_dir))
    read_weights(model.inference_pose, hand_pose_path(model_dir))
    return config, model.inference_pose


def main(config: FinetuneConfig, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = finetune_run(config, options)
    print_results(run)
    print_end(
        run, options, "python -m keras_pose.hand_pose.export --model_dir={folder} --name=my_hands"
    )
