"""Trains one stage, or several in order: `python -m keras_pose.wild3d.train --flagfile=<recipe> ...`.

The same command resumes the run in --model_dir. With `--stages=1,2,3` the recipes of the three
stages run one after the other, each from the weights of the one before, in folders of their own.
`train_run` is the library form, without flags.
"""

import functools
from collections.abc import Callable, Sequence

import keras
import tensorflow as tf

from keras_pose.bodies import evaluation
from keras_pose.bodies.data import LabelledBodies, example_batch, load_bodies
from keras_pose.bodies.pictures import draw_bodies
from keras_pose.export import take_folded
from keras_pose.layers import load_lite_weights
from keras_pose.layers.unit_range import unit_range
from keras_pose.train import config as configs
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_headline
from keras_pose.train.runs import is_exported
from keras_pose.train.session import run_session
from keras_pose.train.teacher import check_teacher
from keras_pose.train.weights import read_weights, write_weights
from keras_pose.weights.imported import POSE_LANDMARK, keep_network
from keras_pose.wild3d import stages
from keras_pose.wild3d.config import Config, StageOptions
from keras_pose.wild3d.distill import SHARED_FIELDS, build_distilled, load_teacher_pose
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.runs import (
    check_start,
    imported_trunk,
    is_imported,
    load_pose,
    network_path,
    plain_config,
)

# Enough pictures for statistics that training then goes on averaging.
_MEASURED_BATCHES = 16


def train_run(
    config: Config,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Train, evaluate and record one run; takes, returns and raises what `run_session` does."""

    def check():
        check_start(config)
        check_teacher(config, Config, SHARED_FIELDS, network_path)

    return run_session(
        config,
        options,
        extra_callbacks,
        check=check,
        open_data=open_data,
        build_model=lambda bodies: build_model(config, bodies.batches),
        callbacks=lambda bodies, steps: _callbacks(config, options, bodies, steps),
        write_weights=_write_weights,
        load=lambda folder, bodies: load_pose(folder)[1],
        evaluate=_evaluate,
        load_teacher=lambda config: load_teacher_pose(config.teacher, config.image_size),
        measured_on="picture",
    )


def open_data(config: Config, options: RunOptions) -> LabelledBodies:
    """Open the bodies of a run; takes `data_dir` of the options."""
    return load_bodies(config, options.data_dir)


def _write_weights(model, model_dir):
    model.take_mean_weights()
    write_weights(model.network, network_path(model_dir))
    if model.config.backbone == POSE_LANDMARK:
        keep_network(model.config.init_from, POSE_LANDMARK, model_dir)


def build_model(
    config: Config, batches: Callable[[int], tf.data.Dataset] | None = None
) -> PoseModel:
    """Build the uncompiled model, its weights those of an earlier run where the config says so.

    Args:
        config: of the run.
        batches: of the training, on which an exported network that `init_from` names is measured.
    """
    trunk = imported_trunk(config, config.init_from)
    model = build_distilled(config) if config.teacher else PoseModel(config, trunk)
    if is_imported(config):
        return model
    if is_exported(config.init_from) and batches is not None:
        rows = batches(0).take(_MEASURED_BATCHES)
        pictures = (unit_range(model.with_image(batch)["image"]) for batch in rows)
        single = PoseModel(plain_config(config))
        take_folded(single.pose, config.init_from, pictures)
        model.network.set_weights(single.network.get_weights())
    elif config.init_from:
        read_weights(model.network, network_path(config.init_from))
    elif config.encoder_weights == "imagenet":
        load_lite_weights(model.network.get_layer(config.backbone))
    return model


def _evaluate(config, model, bodies: LabelledBodies):
    assert bodies.heldout is not None
    return evaluation.evaluate_bodies(
        model,
        bodies.heldout(),
        bone_sum_mm=bodies.bone_sum_mm,
        folder_names=bodies.body_records.names,
        flip=config.flip_test,
        action_names=bodies.body_records.action_names,
    )


def _callbacks(config, options, bodies: LabelledBodies, steps):
    # One function for all epochs, so that it is traced once.
    find = functools.cache(evaluation.pose_function)

    def evaluate(model, epoch):
        if bodies.heldout is None or options.mode == "train":
            return {}
        names = bodies.body_records.names
        values = evaluation.evaluate_bodies(
            find(model.pose),
            bodies.heldout(),
            bone_sum_mm=bodies.bone_sum_mm,
            folder_names=names,
        )
        return evaluation.overall(values) | evaluation.share_by_folder(values, names)

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
    return [rows, Pictures(options.model_dir, steps, draw, name="bodies")]


def _print(run, options):
    print_headline(run, evaluation.headline())
    print_end(
        run, options, "python -m keras_pose.wild3d.export --model_dir={folder} --name=my_bodies"
    )


def main(options: RunOptions, chosen: StageOptions) -> None:
    """Train one run, or the stages in order."""
    if not chosen.stages:
        _print(train_run(configs.from_flags(Config), options), options)
        return
    for stage in stages.plan(chosen, options):
        print(f"stage {stage.number}: {stage.recipe}, run folder {stage.options.model_dir}")
        if stage.is_finished:
            print("  finished before")
            continue
        _print(train_run(stage.config, stage.options), stage.options)
        # The next stage builds a network of its own.
        keras.backend.clear_session()
