"""Recipes of hand pictures learn 32 of them by heart, which a broken recipe cannot do."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.hand_pose import training as finetuning
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.hand_student import training as student
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.pose import decode_student
from keras_pose.hands.data import load_hands
from keras_pose.layers.unit_range import unit_range
from keras_pose.train import config as configs
from keras_pose.train.options import RunOptions

SIDE, COUNT = 64, 32
# The same crops again and again: what cannot be learnt then, cannot be learnt at all.
_STILL = {
    **{name: 0.0 for name in ("angle_range_deg", "shift_range", "color_strength", "val_share")},
    **{"scale_low": 1.0, "scale_high": 1.0, "weight_decay": 0.0, "image_size": SIDE},
    **{"precision": "float32", "batch_size": 16, "crop_source": "box", "crop_scale": 1.3},
}


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    """Folder of 32 rendered hands."""
    folder = tmp_path_factory.mktemp("records") / "hands"
    records.write_records(generate_hands(COUNT, 4, size=SIDE + 32), folder, "generated_hands")
    return str(folder)


def _config(recipe, config_class, **changes):
    values = configs.flagfile_values(recipe, config_class, RunOptions)
    fields = {field.name for field in dataclasses.fields(config_class)}
    known = {name: values[name] for name in values.keys() & fields}
    return dataclasses.replace(configs.from_dict(config_class, known), **(_STILL | changes))


def _train(model, batches, steps):
    keras.utils.set_random_seed(1)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    for batch in batches.take(steps):
        step(batch)
    return list(batches.take(COUNT // 16))


def _mean_error(points, seen):
    true = np.concatenate([batch["keypoints_2d"] for batch in seen])
    visible = np.concatenate([batch["visible"] for batch in seen]) > 0
    errors = np.linalg.norm(np.concatenate(points) - true, axis=-1)
    return errors[visible].mean() / SIDE


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [pytest.param("student", marks=pytest.mark.long), "student_lite0"]
)
def test_the_student_learns_pictures_by_heart(hands, recipe):
    steps = 300
    config = _config(
        f"flags/peclr/{recipe}.flags",
        StudentConfig,
        # The smallest encoder from random weights, so that it takes a minute on one core.
        **{"backbone": "mobilenet_v3_small", "encoder_weights": "random", "ema_momentum": 0.0},
        **{"empty_probability": 0.0, "grey_probability": 0.0, "learning_rate": 0.003},
        # 300 updates are too few for statistics that keep 0.99 of the old ones.
        **{"num_steps": steps, "teacher": "", "warmup_steps": 20, "bn_momentum": 0.9},
    )
    batches = load_hands(config, hands).batches(0)
    model = student.build_model(config)
    seen = _train(model, batches, steps)
    said = [
        decode_student(
            model.network(unit_range(batch["image"]), training=False), SIDE, config.coordinates
        )
        for batch in seen
    ]
    assert _mean_error([np.asarray(part["keypoints_2d"]) for part in said], seen) < 0.02
    # Left upon right has no meaning in one hand; neighbouring fingertips on one point do.
    ends = [8, 12]
    spread = [
        np.linalg.norm(np.diff(np.concatenate(rows)[:, ends], axis=1), axis=-1).sum()
        for rows in (
            [np.asarray(part["keypoints_2d"]) for part in said],
            [np.asarray(batch["keypoints_2d"]) for batch in seen],
        )
    ]
    assert 0.7 < spread[0] / spread[1] < 1.3


# Of minutes; bodies learn theirs by heart in tests/wild3d/test_overfit.py whenever tests run.
@pytest.mark.slow
@pytest.mark.long
def test_the_regressor_learns_pictures_by_heart(hands):
    steps = 400
    config = _config(
        "flags/peclr/hands_generated.flags", FinetuneConfig, num_steps=steps, warmup_steps=20
    )
    batches = load_labelled_hands(config, hands).batches(0)
    model = finetuning.build_model(config)
    seen = _train(model, batches, steps)
    said = [
        model.inference_pose(
            {"image": unit_range(batch["image"]), "intrinsics": batch["intrinsics"]}, training=False
        )
        for batch in seen
    ]
    assert _mean_error([np.asarray(part["keypoints_2d"]) for part in said], seen) < 0.02
