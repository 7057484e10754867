"""Trains a lifter: `python -m keras_pose.tips.train --flagfile=flags/tips/<recipe>.flags ...`.

The same command goes on with the run in --model_dir. `train_run` is the library form, without flags.
"""

import time
from collections.abc import Sequence

import keras
import tensorflow as tf

from keras_pose.tips import evaluation, stop_rule
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config
from keras_pose.tips.data import Poses, depth_targets, load_poses, training_batches
from keras_pose.tips.networks import PoseLifter
from keras_pose.tips.pictures import draw_lifted
from keras_pose.tips.regression import DepthRegressor, mirrored_mean
from keras_pose.tips.runs import check_student, load_lifter, save_lifter
from keras_pose.train import config as configs
from keras_pose.train import loop, run_folder
from keras_pose.train.binary import run_binary
from keras_pose.train.callbacks import EpochRows, Pictures
from keras_pose.train.options import RunOptions

# Charts of the GAN health panel in TensorBoard's custom scalars.
HEALTH_PANEL = {
    "discriminator means": ["discriminator_real", "discriminator_fake"],
    "discriminator gap": ["discriminator_gap", "heldout_discriminator_gap"],
    "gradient norms": ["gradient_norm", "discriminator_gradient_norm"],
    "plausibility without labels": ["bone_symmetry", "bone_spread", "heldout_reprojection"],
}
# Held-out poses on which label-free quantities are taken each epoch.
_HELDOUT = 2048


def train_run(
    config: Config, options: RunOptions, extra_callbacks: Sequence[keras.callbacks.Callback] = ()
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
        return evaluate_run(options, config)
    if config.model == "student":
        check_student(config)
    run_folder.check_run(options.model_dir, config)
    if options.num_threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.num_threads)
    started = time.monotonic()
    train = load_poses(config, options.data_dir, "train")
    heldout = load_poses(config, options.data_dir, "val")
    labels = depth_targets(train) if config.model == "supervised" else None
    keras.utils.set_random_seed(config.seed)

    def batches(first_step):
        return training_batches(
            train.points_2d,
            batch_size=config.batch_size,
            seed=config.seed,
            first_step=first_step,
            labels=labels,
        )

    model = loop.run_config(
        config,
        options,
        build_model=lambda: build_model(config),
        batches=batches,
        callbacks=[*_callbacks(config, options, heldout), *extra_callbacks],
    )
    save_lifter(model.inference_lifter, options.model_dir, "last")
    run_folder.update_run(options.model_dir, minutes=(time.monotonic() - started) / 60)
    return _record(config, options.model_dir, model, heldout)


def build_model(config: Config) -> keras.Model:
    """Build the uncompiled model that `config.model` names."""
    if config.model == "adversarial":
        return AdversarialLifter(config)
    if config.model == "supervised":
        return DepthRegressor(config)
    _, teacher = load_lifter(config.teacher_dir)
    teacher.trainable = False
    sign = run_folder.read_run(config.teacher_dir).get("depth_sign", 1.0)
    depth = teacher.lifter
    if config.teacher_mirrored:
        depth = mirrored_mean(teacher.lifter)
    return DepthRegressor(config, teacher=lambda points_2d: sign * depth(points_2d))


def evaluate_run(options: RunOptions, config: Config | None = None) -> dict:
    """Evaluate the finished run of `options.model_dir` on its validation split.

    Args:
        options: model_dir and data_dir are used.
        config: config given on the command line; checked against the run's.

    Returns:
        The content of `run.json` with the new results.
    """
    run_config, lifter = load_lifter(options.model_dir)
    if config is not None:
        run_folder.check_repeated(options.model_dir, config, run_config)
    heldout = load_poses(run_config, options.data_dir, "val")
    return _record(run_config, options.model_dir, lifter, heldout)


def _callbacks(config, options, heldout: Poses):
    steps = min(config.steps_per_epoch, config.num_steps)
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
                or name in ("reprojection", "ninety_degree", "adversarial")
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


def _record(config, model_dir, model, heldout):
    """Write what came out to `run.json`: sign, results by protocol id, the stop rule's pick."""
    sign, share = evaluation.depth_sign(evaluation.lift_poses(model, heldout.points_2d))
    rows = run_folder.read_epochs(model_dir)
    entries = {
        "depth_sign": sign,
        "chirality": share,
        "steps": rows[-1]["step"] if rows else None,
        "source": heldout.source,
    }
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
    if heldout.points_3d is not None:
        values = evaluation.evaluate_labelled(model, heldout)
        ids = evaluation.protocol_ids()
        entries["results"] = {ids[name]: values[name] for name in ids}
        entries["results_poses"] = len(heldout)
    run_folder.update_run(model_dir, **entries)
    return run_folder.read_run(model_dir)


def print_results(run: dict) -> None:
    """Print results by protocol id and the stop rule's pick."""
    for name, value in run.get("results", {}).items():
        print(f"{value:10.2f}  {name}")
    for judged in run.get("stop_rule", {}).get("judged", []):
        print(
            f"{judged['measure']}: stop rule picked epoch {judged['picked_epoch']} "
            f"({judged['picked']:.1f}), best epoch {judged['best_epoch']} ({judged['best']:.1f}), last "
            f"{judged['last']:.1f}"
        )


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to run."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    config = configs.from_flags(Config)
    options = configs.from_flags(RunOptions)
    print_results(train_run(config, options))


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(Config, RunOptions)
    run_binary(main)


if __name__ == "__main__":
    run_main()
