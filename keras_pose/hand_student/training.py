"""Trains a phone-sized hand network: `python -m keras_pose.hand_student.train --flagfile=<recipe> ...`.

With --teacher it imitates a fine-tuned network beside the labels, without it learns from labels alone.
The same command resumes the run in --model_dir. Both are measured on the same held-out hands, and
the gap is printed. `student_run` is the library form, without flags.
"""

import dataclasses
import os
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import ops

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.start import hand_pose_path
from keras_pose.hand_pose.training import load_hand_pose
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.model import StudentModel, Teacher
from keras_pose.hands.data import LabelledHands, load_hands
from keras_pose.hands.progress import hand_callbacks, measure_heldout
from keras_pose.layers import load_lite_weights
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train import runs
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_end, print_results
from keras_pose.train.session import run_session
from keras_pose.train.teacher import check_teacher, frozen_answer, shrink_crops
from keras_pose.train.weights import read_weights, write_weights

SHARED_FIELDS = ("crop_source", "crop_scale", "mirror_left", "reference_bone")
"""What must agree for a student and its teacher to mean the same by a hand."""
_WRIST = HAND_21_FREIHAND.index("wrist")


def student_run(
    config: StudentConfig,
    options: RunOptions,
    extra_callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict:
    """Train, evaluate and record one run; takes, returns and raises what `run_session` does."""
    return run_session(
        config,
        options,
        extra_callbacks,
        check=lambda: check_teacher(config, FinetuneConfig, SHARED_FIELDS, hand_pose_path),
        open_data=open_data,
        build_model=lambda hands: build_model(config),
        callbacks=lambda hands, steps: hand_callbacks(options, hands, steps),
        write_weights=_write_weights,
        load=lambda folder, hands: load_student(folder)[1],
        evaluate=lambda config, model, hands: measure_heldout(model, hands),
        load_teacher=lambda config: tf.function(
            load_teacher(config.teacher, config.image_size)[0], reduce_retracing=True
        ),
        measured_on="hand with 2D joints",
    )


def _write_weights(model, model_dir):
    model.take_mean_weights()
    write_weights(model.network, weights_path(model_dir))


def weights_path(model_dir: str) -> str:
    """Return the path of a run's weights."""
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
    teacher, width = None, 1
    if config.teacher:
        teacher, width = load_teacher(config.teacher, config.image_size)
    model = StudentModel(config, teacher, width)
    if config.encoder_weights == "imagenet":
        load_lite_weights(model.network.get_layer(config.backbone))
    return model


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


def load_teacher(model_dir: str, image_size: int) -> tuple[Teacher, int]:
    """Load what a fine-tuned network says about crops of another size.

    Args:
        model_dir: folder of a finished run of `keras_pose.hand_pose.train`.
        image_size: side S of the crops, a multiple of the teacher's.

    Returns:
        `(answer, width)`: a `Teacher`, and the number of its features.

    Raises:
        ValueError: if the run has no weights yet or they are damaged.
    """
    config, pose = load_hand_pose(model_dir)
    # What the head reads: the encoder is a model of its own, whose output is none of this one's tensors.
    features = pose.get_layer("head_hidden" if config.head == "mlp" else "head").input
    whole = frozen_answer(keras.Model(pose.input, {**pose.output, "features": features}))
    ratio = image_size // config.image_size

    def answer(inputs):
        camera = inputs["intrinsics"]
        # Pixels of the smaller crop; continuous, so that nothing but the scale changes.
        rows = ops.convert_to_tensor([[1 / ratio], [1 / ratio], [1.0]], camera.dtype)
        said = whole({"image": shrink_crops(inputs["image"], ratio), "intrinsics": camera * rows})
        depth = said["depth"]
        return {
            "keypoints_2d": ratio * said["keypoints_2d"],
            "keypoints_3d": said["keypoints_3d"],
            "depth": depth - depth[:, _WRIST : _WRIST + 1],
            "features": said["features"],
            "valid": said["valid"],
        }

    return answer, features.shape[-1]


def open_data(config: StudentConfig, options: RunOptions) -> LabelledHands:
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
        return load_hands(
            config,
            options.data_dir,
            choose=lambda record_set: record_set,
            empty_probability=config.empty_probability,
        )
    return load_hands(config, options.data_dir, empty_probability=config.empty_probability)


def main(config: StudentConfig, options: RunOptions) -> None:
    """Do what the settings ask for."""
    run = student_run(config, options)
    print_results(run)
    print_end(
        run,
        options,
        "python -m keras_pose.hand_student.export --model_dir={folder} --name=my_hands",
    )
