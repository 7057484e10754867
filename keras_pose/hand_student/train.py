"""Trains a phone-sized hand network: `python -m keras_pose.hand_student.train --flagfile=<recipe> ...`.

With --teacher it imitates a fine-tuned network beside the labels, without it learns from labels alone.
The same command goes on with the run in --model_dir. Both are measured on the same held-out hands, and
the gap is printed. `student_run` is the library form, without flags.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.start import hand_pose_path
from keras_pose.hand_pose.train import load_hand_pose
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.model import StudentModel, Teacher
from keras_pose.hands import evaluation
from keras_pose.hands.data import LabelledHands, load_hands
from keras_pose.hands.progress import hand_callbacks
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train import config as configs
from keras_pose.train import loop, run_folder, runs
from keras_pose.train.binary import run_binary
from keras_pose.train.options import RunOptions
from keras_pose.train.teacher import require_fitting_teacher
from keras_pose.train.weights import read_weights, write_weights

# What must agree for two networks to mean the same by a hand.
_SHARED_FIELDS = ("crop_source", "crop_scale", "mirror_left", "reference_bone")
_WRIST = HAND_21_FREIHAND.index("wrist")


def student_run(
    config: StudentConfig,
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
        run_config, model = load_student(options.model_dir)
        run_folder.check_repeated(options.model_dir, config, run_config)
        hands = open_hands(run_config, options)
        share, what = run_config.val_share, "hand with 2D joints"
        runs.require_heldout(hands.heldout is not None, options.model_dir, share, what)
        return _record(run_config, options.model_dir, model, hands)
    run_folder.check_run(options.model_dir, config)
    if config.teacher:
        check_teacher(config)
    runs.limit_threads(options.num_threads)
    started = time.monotonic()
    hands = open_hands(config, options)
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
    write_weights(model.network, weights_path(options.model_dir))
    run_folder.update_run(
        options.model_dir,
        minutes=(time.monotonic() - started) / 60,
        steps=runs.updates_made(config),
        hands=hands.counts,
    )
    if options.mode == "train":
        return run_folder.read_run(options.model_dir)
    # As an export would be: in single precision, from the file.
    return _record(config, options.model_dir, load_student(options.model_dir)[1], hands)


def weights_path(model_dir: str) -> str:
    """Path of a run's weights."""
    return os.path.join(model_dir, "weights", "student.weights.h5")


def build_model(config: StudentConfig) -> StudentModel:
    """Build the uncompiled model and load its teacher.

    Args:
        config: the run's settings; a teacher is one that `check_teacher` accepts.

    Returns:
        The model.

    Raises:
        ValueError: if the teacher's weights are missing or damaged.
    """
    if not config.teacher:
        return StudentModel(config)
    teacher, width = load_teacher(config.teacher, config.image_size)
    return StudentModel(config, teacher, width)


def load_student(model_dir: str) -> tuple[StudentConfig, keras.Model]:
    """Build the pose model of a finished run and load its weights.

    Args:
        model_dir: run folder.

    Returns:
        The run's config and the model of `keras_pose.hand_student.pose.build_student_pose`, in single
        precision; its layer named as the network holds maps and depth.

    Raises:
        ValueError: if the run has no weights yet, they are damaged or the run is another method's.
    """
    config = runs.read_config(model_dir, StudentConfig)
    # Weights come from the run, so the teacher need not exist any more.
    model = StudentModel(dataclasses.replace(config, precision="float32", teacher=""))
    read_weights(model.network, weights_path(model_dir))
    return config, model.inference_pose


def check_teacher(config: StudentConfig) -> None:
    """Refuse a teacher that is unfinished or speaks of other crops.

    Args:
        config: config with `teacher` naming a run folder.

    Raises:
        ValueError: in one sentence.
    """
    runs.require_run("teacher", config.teacher)
    require_fitting_teacher(
        config,
        runs.read_config(config.teacher, FinetuneConfig),
        _SHARED_FIELDS,
        hand_pose_path(config.teacher),
    )


def load_teacher(model_dir: str, image_size: int) -> tuple[Teacher, int]:
    """Load what a fine-tuned network says about crops of another size.

    Args:
        model_dir: folder of a finished run of `keras_pose.hand_pose.train`.
        image_size: side S of the crops, a multiple of the teacher's.

    Returns:
        `(answer, width)`: a `Teacher`, and the number of its features. Its weights belong to no other
        model, so no checkpoint holds them.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config, pose = load_hand_pose(model_dir)
    # What the head reads: the encoder is a model of its own, whose output is none of this one's tensors.
    features = pose.get_layer("head_hidden" if config.head == "mlp" else "head").input
    whole = keras.Model(pose.input, {**pose.output, "features": features})
    ratio = image_size // config.image_size

    def answer(inputs):
        image, camera = inputs["image"], inputs["intrinsics"]
        if ratio > 1:
            image = ops.average_pool(image, ratio, ratio)
            # Pixels of the smaller crop; continuous, so that nothing but the scale changes.
            camera = camera * ops.convert_to_tensor([[1 / ratio], [1 / ratio], [1.0]], camera.dtype)
        said = whole({"image": image, "intrinsics": camera}, training=False)
        depth = said["depth"]
        return {
            "keypoints_2d": ratio * said["keypoints_2d"],
            "depth": depth - depth[:, _WRIST : _WRIST + 1],
            "features": said["features"],
            "valid": said["valid"],
        }

    return answer, features.shape[-1]


def evaluate_teacher(model_dir: str, image_size: int, hands: LabelledHands) -> dict:
    """Measure a teacher on a student's held-out hands, on the same crops.

    Args:
        model_dir: folder of the teacher's run.
        image_size: side of the student's crops in px.
        hands: of the student's run, with a held-out part.

    Returns:
        Part to protocol id to value, see `evaluation.evaluate_hands`.

    Raises:
        ValueError: if there are no held-out hands or the teacher's weights are missing.
    """
    config, pose = load_hand_pose(model_dir)
    if hands.heldout is None:
        raise ValueError("There is no held-out hand with 2D joints to measure the teacher on.")
    ratio = image_size // config.image_size

    def shrink(batch):
        matrix, camera = batch["matrix"], batch["intrinsics"]
        image = tf.cast(batch["image"], tf.float32) / 255.0
        rows = tf.constant([[1 / ratio], [1 / ratio], [1.0]], tf.float32)
        return batch | {
            "image": tf.nn.avg_pool2d(image, ratio, ratio, "VALID"),
            "keypoints_2d": batch["keypoints_2d"] / ratio,
            "matrix": matrix / ratio,
            "intrinsics": camera * rows,
        }

    return evaluation.evaluate_hands(pose, hands.heldout().map(shrink), list(hands.counts))


def open_hands(config: StudentConfig, options: RunOptions) -> LabelledHands:
    """Open the hands of a run, those without labels too where a teacher labels them.

    Args:
        config: the run's settings.
        options: data_dir is used.

    Returns:
        The hands, see `keras_pose.hands.data`.

    Raises:
        ValueError: if a folder is unfinished or nothing is left to train on.
    """
    if config.teacher and config.use_unlabelled:
        return load_hands(config, options.data_dir, choose=lambda record_set: record_set)
    return load_hands(config, options.data_dir)


def _record(config, model_dir, model, hands):
    if hands.heldout is not None:
        names = list(hands.counts)
        values = evaluation.evaluate_hands(model, hands.heldout(), names)
        run_folder.update_run(model_dir, results=values)
        run_folder.add_skipped(model_dir, hands.skipped())
        if config.teacher and not os.path.isdir(config.teacher):
            print(
                f"--teacher={config.teacher} is gone; the student is measured alone.",
                file=sys.stderr,
            )
        elif config.teacher:
            theirs = evaluate_teacher(config.teacher, config.image_size, hands)
            run_folder.update_run(model_dir, teacher_results=theirs)
    return run_folder.read_run(model_dir)


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to run, results beside the teacher's."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    run = student_run(configs.from_flags(StudentConfig), configs.from_flags(RunOptions))
    theirs = run.get("teacher_results", {})
    print(f"{'student':>10}{'teacher':>10}")
    for part, values in run.get("results", {}).items():
        for name, value in values.items():
            beside = theirs.get(part, {}).get(name)
            print(f"{value:10.4f}{'-' if beside is None else f'{beside:.4f}':>10}  {part}  {name}")


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(StudentConfig, RunOptions)
    run_binary(main)


if __name__ == "__main__":
    run_main()
