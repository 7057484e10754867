"""Trains a lifter of detections: `python -m keras_pose.lifter_student.train --teachers=<lifter> ...`.

The same command resumes the run in --model_dir. `train_run` is the library form, without flags.
"""

import functools
import os
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_pose.lifter_student.config import Config
from keras_pose.lifter_student.model import LifterStudent
from keras_pose.lifter_student.network import PresenceLifter, WholePoseLifter
from keras_pose.lifter_student.teachers import lift_with_teachers
from keras_pose.lifting import evaluation
from keras_pose.lifting.data import LiftingData, Poses, load_poses, training_batches
from keras_pose.lifting.pictures import draw_lifted
from keras_pose.train import runs
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.weights import read_weights, write_weights

# Held-out poses on which label-free quantities are taken each epoch.
_HELDOUT = 2048


def train_run(
    config: Config, options: RunOptions, extra_callbacks: Sequence[keras.callbacks.Callback] = ()
) -> dict:
    """Train, evaluate and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        check=config.check_command,
        open_data=open_data,
        build_model=lambda poses: LifterStudent(config),
        callbacks=lambda poses, steps: _callbacks(options, poses.heldout, steps),
        write_weights=lambda model, folder: write_weights(
            model.inference_network, weights_path(folder)
        ),
        load=lambda folder, poses: WholePoseLifter(load_student(folder)[1]),
        evaluate=evaluation.run_results,
        summarize=_summarize,
    )


def weights_path(model_dir: str) -> str:
    """Return the path of a run's weights."""
    return os.path.join(model_dir, "weights", "last.weights.h5")


def load_student(model_dir: str) -> tuple[Config, PresenceLifter]:
    """Build the network of a run and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and its network.

    Raises:
        ValueError: if the run has no weights yet, they are damaged or the run is another method's.
    """
    config = runs.read_config(model_dir, Config)
    network = PresenceLifter(config, name="lifter")
    read_weights(network, weights_path(model_dir))
    return config, network


def open_data(config: Config, options: RunOptions) -> LiftingData:
    """Open the poses of a run, those of training lifted by the teachers where it trains.

    Args:
        config: the run's settings.
        options: mode and data_dir are used.

    Returns:
        The poses.

    Raises:
        ValueError: if data or teachers are missing or broken.
    """
    heldout = load_poses(config, options.data_dir, "val")
    if options.mode == "eval":
        return LiftingData(lambda first_step: tf.data.Dataset.range(0), heldout)
    train = load_poses(config, options.data_dir, "train")
    points_2d = tf.pad(train.points_2d, [(0, 0), (1, 0), (0, 0)])
    labels = lift_with_teachers(config.teacher_folders, train)

    batches = functools.partial(
        training_batches,
        points_2d,
        batch_size=config.batch_size,
        seed=config.seed,
        labels=labels,
    )
    return LiftingData(batches, heldout)


def _callbacks(options, heldout: Poses, steps):
    unlabelled = heldout.points_2d[:: max(1, len(heldout) // _HELDOUT)][:_HELDOUT]

    def evaluate(model, epoch):
        row = evaluation.evaluate_unlabelled(model, unlabelled)
        if options.mode == "train_and_eval" and heldout.points_3d is not None:
            row |= evaluation.evaluate_labelled(model, heldout)
        return row

    return [
        EpochRows(options.model_dir, steps, evaluate),
        Pictures(options.model_dir, steps, lambda model: draw_lifted(model, heldout)),
    ]


def _summarize(model_dir, model, poses):
    lifted = evaluation.lift_poses(model, poses.heldout.points_2d)
    # The teacher's sign is right already; a student whose noses point backwards was taught so.
    return {"chirality": evaluation.depth_sign(lifted)[1]}


def main(config: Config, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = train_run(config, options)
    print_results(run)
    print_end(
        run,
        options,
        "python -m keras_pose.lifter_student.export --model_dir={folder} --name=my_lifter",
    )
