"""Trains a lifter: `python -m keras_pose.tips.train --flagfile=flags/tips/<recipe>.flags ...`.

The same command resumes the run in --model_dir. `train_run` is the library form, without flags.
"""

import functools
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_pose.lifting import evaluation, stop_rule
from keras_pose.lifting.data import (
    LiftingData,
    Poses,
    depth_targets,
    load_poses,
    training_batches,
)
from keras_pose.lifting.pictures import draw_lifted
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config
from keras_pose.tips.draws import mirror_poses
from keras_pose.tips.networks import PoseLifter
from keras_pose.tips.regression import DepthRegressor, mirrored_mean
from keras_pose.tips.runs import SHARED_FIELDS, load_lifter, save_lifter, weights_path
from keras_pose.train import run_folder
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.teacher import check_teacher, frozen_answer

# Charts of the GAN health panel in TensorBoard's custom scalars.
HEALTH_PANEL = {
    "discriminator means": ["discriminator_real", "discriminator_fake"],
    "discriminator gap": ["discriminator_gap", "heldout_discriminator_gap"],
    "negative log-likelihood": ["flow", "flow_loss", "heldout_flow_loss"],
    "gradient norms": ["gradient_norm", "discriminator_gradient_norm"],
    "plausibility without labels": ["bone_symmetry", "bone_spread", "heldout_reprojection"],
}
# Held-out poses on which label-free quantities are taken each epoch.
_HELDOUT = 2048
# Poses from which a flow takes its principal axes.
_ADAPTED = 16384


def train_run(
    config: Config, options: RunOptions, extra_callbacks: Sequence[keras.callbacks.Callback] = ()
) -> dict:
    """Train, evaluate and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        check=lambda: check_teacher(
            config, Config, SHARED_FIELDS, lambda folder: weights_path(folder, "last")
        ),
        open_data=open_data,
        build_model=lambda poses: build_model(config, poses),
        callbacks=lambda poses, steps: _callbacks(config, options, poses.heldout, steps),
        write_weights=lambda model, folder: save_lifter(model.inference_lifter, folder, "last"),
        load=lambda folder, poses: load_lifter(folder)[1],
        evaluate=evaluation.run_results,
        summarize=_summarize,
        load_teacher=lambda config: load_lifter(config.teacher)[1],
    )


def open_data(config: Config, options: RunOptions) -> LiftingData:
    """Open the poses of a run; those of training only where it trains.

    Args:
        config: the run's settings.
        options: mode and data_dir are used.

    Returns:
        The poses.

    Raises:
        ValueError: if data are missing or broken, or labels are where the model needs them.
    """
    if options.mode == "eval":
        heldout = load_poses(config, options.data_dir, "val")
        return LiftingData(lambda first_step: tf.data.Dataset.range(0), heldout)
    train, heldout = (load_poses(config, options.data_dir, split) for split in ("train", "val"))
    labels = depth_targets(train) if config.model == "supervised" else None

    batches = functools.partial(
        training_batches,
        train.points_2d,
        batch_size=config.batch_size,
        seed=config.seed,
        labels=labels,
    )
    return LiftingData(batches, heldout)


def build_model(config: Config, poses: LiftingData | None = None) -> keras.Model:
    """Build the uncompiled model that `config.model` names.

    Args:
        config: the run's settings.
        poses: where a flow finds its principal axes; without poses it keeps those of its checkpoint.

    Returns:
        The model.
    """
    if config.model == "adversarial":
        model = AdversarialLifter(config)
        if model.pose_flow is not None and poses is not None:
            batches = poses.batches(0).take(-(-_ADAPTED // config.batch_size))
            real = np.concatenate([batch.numpy() for batch in batches])
            sides = [mirror_poses(real, np.full(len(real), side), config.mirror) for side in (0, 1)]
            model.pose_flow.adapt(np.concatenate(sides))
        return model
    if config.model == "supervised":
        return DepthRegressor(config)
    depth = frozen_answer(load_lifter(config.teacher)[1].lifter)
    if config.teacher_mirrored:
        depth = mirrored_mean(depth)
    sign = run_folder.read_run(config.teacher).get("depth_sign", 1.0)
    return DepthRegressor(config, teacher=lambda points_2d: sign * depth(points_2d))


def _callbacks(config, options, heldout: Poses, steps):
    unlabelled = heldout.points_2d[:: max(1, len(heldout) // _HELDOUT)][:_HELDOUT]
    batch = min(len(unlabelled), 512)
    unlabelled = unlabelled[: len(unlabelled) // batch * batch]
    batches = tf.data.Dataset.from_tensor_slices(unlabelled).batch(batch, drop_remainder=True)

    def evaluate(model, epoch):
        row = evaluation.evaluate_unlabelled(model, unlabelled)
        if config.model == "adversarial":
            logs = model.evaluate(batches, verbose=0, return_dict=True)
            row |= {
                f"heldout_{name}": value
                for name, value in logs.items()
                if name.startswith("discriminator_")
                and "norm" not in name
                and "loss" not in name
                or name in ("reprojection", "ninety_degree", "adversarial", "flow", "flow_loss")
            }
        if options.mode == "train_and_eval" and heldout.points_3d is not None:
            row |= evaluation.evaluate_labelled(model, heldout)
            if model.averaged_lifter is not None:
                # The last iterate beside the average, as the papers report it.
                values = evaluation.evaluate_labelled(PoseLifter(config, model.lifter), heldout)
                row |= {f"raw_{name}": value for name, value in values.items()}
        return row

    def on_row(model, rows):
        if stop_rule.pick_epoch(rows) == len(rows) - 1:
            save_lifter(model.inference_lifter, options.model_dir, "picked")

    rows = EpochRows(options.model_dir, steps, evaluate, on_row, HEALTH_PANEL)
    picture = Pictures(options.model_dir, steps, lambda model: draw_lifted(model, heldout))
    return [rows, picture]


def _summarize(model_dir, model, poses):
    """Sign and chirality of the depths, and the stop rule's pick."""
    sign, share = evaluation.depth_sign(evaluation.lift_poses(model, poses.heldout.points_2d))
    entries: dict[str, Any] = {"depth_sign": sign, "chirality": share}
    rows = run_folder.read_epochs(model_dir)
    if rows:
        picked = stop_rule.pick_epoch(rows)
        entries["stop_rule"] = {
            "picked_epoch": rows[picked]["epoch"],
            "implausibility": stop_rule.implausibility(rows[picked]),
            "judged": [
                judged
                for judged in (stop_rule.judge_pick(rows, m) for m in ("pa_mpjpe", "n_mpjpe"))
                if judged
            ],
        }
    return entries


def _print(run):
    print_results(run)
    for judged in run["stop_rule"]["judged"] if "stop_rule" in run else ():
        print(
            f"{judged['measure']}: stop rule picked epoch {judged['picked_epoch']} "
            f"({judged['picked']:.1f}), best epoch {judged['best_epoch']} ({judged['best']:.1f}), last "
            f"{judged['last']:.1f}"
        )


def main(config: Config, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = train_run(config, options)
    _print(run)
    print_end(
        run, options, "python -m keras_pose.tips.export --model_dir={folder} --name=my_lifter"
    )
