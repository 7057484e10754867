"""Distillation of bodies: what is learnt from whom, what is refused, and that runs go on exactly."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.export import GPU_OPERATIONS
from keras_pose.export.saved_model import Signature, save_signatures
from keras_pose.export.tflite import convert_tflite
from keras_pose.train.options import RunOptions
from keras_pose.train.teacher import check_teacher
from keras_pose.wild3d import training as train
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.distill import (
    SHARED_FIELDS,
    DistilledPoseModel,
    load_teacher,
    load_teacher_pose,
)
from keras_pose.wild3d.network import build_network
from keras_pose.wild3d.runs import load_pose, network_path
from tests.train.checkpoint_bytes import latest_tensors

TINY = Config(
    dataset="generated",
    num_generated=16,
    image_size=64,
    num_stacks=1,
    num_modules=1,
    width=8,
    stem_width=4,
    num_depth_modules=1,
    batch_size=4,
    num_steps=1,
    steps_per_epoch=1,
    augment_on="host",
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Folder of a finished run of a tiny hourglass."""
    folder = str(tmp_path_factory.mktemp("teacher") / "run")
    train.train_run(TINY, RunOptions(model_dir=folder, mode="train"))
    return folder


def _student(teacher, **changes):
    return dataclasses.replace(
        TINY,
        backbone="mobilenet_v3_small",
        coordinates="soft_argmax",
        coordinate_weight=0.1,
        teacher=teacher,
        teacher_point_weight=0.1,
        optimizer="adamw",
        **changes,
    )


def _check(config):
    check_teacher(config, Config, SHARED_FIELDS, network_path)


def _batch(size=64, has_depth=(1, 0, 1, 0)):
    random = np.random.default_rng(0)
    count = len(has_depth)
    return {
        "image": tf.constant(random.integers(0, 256, (count, size, size, 3)), tf.uint8),
        "keypoints_2d": tf.constant(random.uniform(4, size - 4, (count, 16, 2)), tf.float32),
        "visible": tf.ones((count, 16)),
        "depth": tf.constant(random.normal(0, 0.3, (count, 16)), tf.float32),
        "has_depth": tf.constant(has_depth, tf.float32),
    }


def test_one_step_moves_every_variable_and_no_checkpoint_holds_the_teacher(teacher):
    keras.utils.set_random_seed(0)
    model = train.build_model(_student(teacher))
    assert isinstance(model, DistilledPoseModel)
    model.compile()
    before = [variable.numpy() for variable in model.trained_variables]
    logs = model.train_step(_batch())
    assert all(np.isfinite(value) for value in logs.values())
    for variable, old in zip(model.trained_variables, before, strict=True):
        assert np.any(variable.numpy() != old), variable.path
    own = {id(variable) for variable in (*model.network.variables, *model.imitation.variables)}
    trackers = {id(v) for tracker in model.metrics for v in tracker.variables}
    assert {id(variable) for variable in model.variables} <= own | trackers


def test_the_total_is_the_weighted_sum_of_all_terms(teacher):
    config = _student(teacher, teacher_depth_weight=2.0, teacher_feature_weight=3.0)
    model = train.build_model(config)
    batch = _batch()
    outputs = model(batch, training=False)
    terms = model.terms(outputs, batch)
    assert set(terms) == set(model.term_weights)
    weights = model.term_weights
    assert weights["loss_teacher_depth"] == 2.0 and weights["loss_teacher_features"] == 3.0
    expected = sum(weights[name] * np.mean(value) for name, value in terms.items())
    np.testing.assert_allclose(model._loss(outputs, batch), expected, rtol=1e-5)


def test_a_student_that_says_what_the_teacher_says_has_no_error_but_the_labels(teacher):
    """The teacher's own outputs in the student's place, on pictures without any label."""
    model = train.build_model(_student(teacher))
    batch = _batch() | {"visible": tf.zeros((4, 16))}
    said = model.teacher(tf.cast(batch["image"], tf.float32) / 255.0)
    outputs = {
        "heatmaps": [said["heatmaps"]],
        "depth": said["depth"],
        "features": 5.0 * said["features"],
    }
    terms = model.terms(outputs, batch)
    for name in ("loss_teacher_maps", "loss_teacher_depth", "loss_teacher_features"):
        np.testing.assert_allclose(terms[name], np.zeros(4), atol=2e-6, err_msg=name)


def test_the_teacher_answers_in_pixels_of_a_larger_crop(teacher):
    small = tf.random.uniform((2, 64, 64, 3))
    large = tf.repeat(tf.repeat(small, 2, axis=1), 2, axis=2)
    (at_64, width), (at_128, _) = load_teacher(teacher, 64), load_teacher(teacher, 128)
    assert width == TINY.width
    one, two = at_64(small), at_128(large)
    np.testing.assert_allclose(two["keypoints_2d"], 2.0 * one["keypoints_2d"], atol=1e-3)
    np.testing.assert_allclose(two["depth"], one["depth"], atol=1e-5)


def test_a_teacher_is_measured_on_the_students_crops_as_on_its_own(teacher):
    small = tf.random.uniform((2, 64, 64, 3))
    large = tf.repeat(tf.repeat(small, 2, axis=1), 2, axis=2)
    one, two = load_pose(teacher)[1](small), load_teacher_pose(teacher, 128)(large)
    assert two.keys() == one.keys()
    for name, value in one.items():
        factor = 2.0 if name == "keypoints_2d" else 1.0
        np.testing.assert_allclose(two[name], factor * value, atol=1e-3, err_msg=name)


def test_teachers_that_do_not_fit_are_refused(teacher, tmp_path):
    _check(_student(teacher))
    with pytest.raises(ValueError, match="--crop_scale=1.5 contradicts the teacher"):
        _check(_student(teacher, crop_scale=1.5))
    with pytest.raises(ValueError, match="--teacher=.* is not a run folder"):
        _check(_student(str(tmp_path)))
    with pytest.raises(ValueError, match="teacher_point_weight"):
        dataclasses.replace(TINY, teacher_point_weight=1.0)


class _StopAfter(keras.callbacks.Callback):
    """Raises after so many epochs, when their checkpoint is written."""

    def __init__(self, epoch):
        super().__init__()
        self.stop = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop:
            raise KeyboardInterrupt


# Three runs to trace; the gate has such a checkpoint of bodies and one of a taught hand student.
@pytest.mark.slow
@pytest.mark.long
def test_an_interrupted_run_ends_byte_equal(teacher, tmp_path):
    config = _student(teacher, num_steps=2, steps_per_epoch=1)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train.train_run(config, RunOptions(model_dir=str(whole), mode="train"))
    options = RunOptions(model_dir=str(broken), mode="train")
    with pytest.raises(KeyboardInterrupt):
        train.train_run(config, options, [_StopAfter(1)])
    assert not (broken / "weights").exists()
    train.train_run(config, options)
    mine, theirs = latest_tensors(broken), latest_tensors(whole)
    assert mine.keys() == theirs.keys() and len(theirs) > 100
    assert [name for name in mine if mine[name] != theirs[name]] == []
    loaded, _ = load_pose(str(broken))
    assert loaded.teacher == teacher


def test_the_phone_network_is_small_and_runs_on_phone_gpus(tmp_path):
    network = build_network(
        backbone="mobilenet_v3_small", image_size=128, width=64, num_depth_modules=1
    )

    def maps(image):
        outputs = network(image, training=False)
        return {"heatmaps": outputs["heatmaps"][-1], "depth": outputs["depth"]}

    spec = {"image": tf.TensorSpec([None, 128, 128, 3], tf.float32)}
    folder = str(tmp_path / "saved")
    save_signatures(folder, {"heatmaps": Signature(tf.function(maps, autograph=False), spec)})
    for form, most, allowed in (
        ("float32", 8e6, GPU_OPERATIONS),
        ("float16", 4e6, GPU_OPERATIONS | {"DEQUANTIZE"}),
        ("int8", 2.5e6, GPU_OPERATIONS | {"DEQUANTIZE", "QUANTIZE"}),
    ):
        content = convert_tflite(folder, "heatmaps", form, batch_size=1, allowed_operations=allowed)
        assert len(content) < most, form
