"""Every trainer with its own data, at the size of a benchmark."""

import dataclasses
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_pose.hand_pose import training as hand_pose
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.hand_student import training as hand_student
from keras_pose.hand_student.config import StudentConfig
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.data import load_pictures
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.tips import training as tips
from keras_pose.tips.config import Config as LifterConfig
from keras_pose.train.options import RunOptions
from keras_pose.wild3d import training as wild3d
from keras_pose.wild3d.config import Config as BodyConfig


@dataclasses.dataclass(frozen=True)
class Trainer:
    """A model that is not compiled yet, and its data.

    Attributes:
        model: what trains.
        batches: function of the first micro-batch to an endless dataset.
        batch_size: rows of a micro-batch.
    """

    model: keras.Model
    batches: Callable[[int], tf.data.Dataset]
    batch_size: int


_OPTIONS = RunOptions(model_dir="unused")
_POSES = {"dataset": "generated", "num_generated_frames": 500, "width": 256, "batch_size": 256}
_PICTURES = {"dataset": "generated", "num_generated": 64, "batch_size": 16, "image_size": 64}


def _lifter(**settings):
    config = LifterConfig(**{**_POSES, **settings})
    return config, tips.build_model(config), tips.open_data(config, _OPTIONS).batches


def _pretraining(**settings):
    config = PretrainConfig(**{**_PICTURES, "encoder": "resnet18", "warmup_steps": 0, **settings})
    pictures = load_pictures(config, "")
    return config, ContrastiveModel(config, pictures.make_views), pictures.batches


def _fine_tuning(**settings):
    config = FinetuneConfig(**{**_PICTURES, "encoder": "resnet18", **settings})
    return config, hand_pose.build_model(config), load_labelled_hands(config, "").batches


def _hand_student(**settings):
    config = StudentConfig(**{**_PICTURES, **settings})
    return (
        config,
        hand_student.build_model(config),
        hand_student.open_data(config, _OPTIONS).batches,
    )


def _bodies(**settings):
    small = {"backbone": "hourglass", "num_stacks": 1, "num_modules": 1, "width": 64}
    config = BodyConfig(**{**_PICTURES, "batch_size": 6, **small, **settings})
    return config, wild3d.build_model(config), wild3d.load_bodies(config, "").batches


TRAINERS: dict[str, Callable[..., Any]] = {
    "tips adversarial": _lifter,
    "tips supervised": lambda **settings: _lifter(model="supervised", **settings),
    "peclr": _pretraining,
    "hand_pose": _fine_tuning,
    "hand_student": _hand_student,
    "wild3d": _bodies,
}


def open_trainer(name: str, **settings: Any) -> Trainer:
    """Open a trainer's data and build its model.

    Args:
        name: of `TRAINERS`.
        **settings: of its config, other than a benchmark's.

    Returns:
        Both.
    """
    config, model, batches = TRAINERS[name](**settings)
    return Trainer(model, batches, config.batch_size)
