"""The phone-sized hand student: what it learns from whom, what is refused, that runs go on exactly."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.hand_pose import training as finetune
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.start import hand_pose_path
from keras_pose.hand_student import training as student
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.model import StudentModel
from keras_pose.train import run_folder
from keras_pose.train.options import RunOptions
from keras_pose.train.teacher import check_teacher
from tests.hand_pose.regressor_runs import toy_batch
from tests.train.checkpoint_bytes import latest_tensors

SIZE = 32
TEACHER = FinetuneConfig(
    dataset="generated",
    num_generated=24,
    encoder="resnet10_half",
    image_size=SIZE,
    crop_scale=1.3,
    batch_size=4,
    num_steps=1,
    steps_per_epoch=1,
)
TINY = StudentConfig(
    dataset="generated",
    num_generated=24,
    image_size=SIZE,
    width=8,
    depth_width=8,
    batch_size=4,
    num_steps=2,
    steps_per_epoch=1,
)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    """Folder of a finished fine-tuning run."""
    folder = str(tmp_path_factory.mktemp("teacher") / "run")
    finetune.finetune_run(TEACHER, RunOptions(model_dir=folder, mode="train"))
    return folder


def _check(config):
    check_teacher(config, FinetuneConfig, student.SHARED_FIELDS, hand_pose_path)


def _said(batch, shift=0.0, depth_shift=0.0):
    """A teacher that knows the labels, or is so many pixels and bones off."""
    length = batch["scale"][:, None]
    depth = (batch["keypoints_3d"][..., 2] - batch["keypoints_3d"][:, :1, 2]) / length
    return lambda inputs: {
        "keypoints_2d": tf.constant(batch["keypoints_2d"] + shift),
        "depth": tf.constant(depth + depth_shift),
        "features": tf.ones((len(depth), 3)),
        "valid": tf.ones(len(depth), tf.bool),
    }


def _terms(model, batch, **outputs):
    given = {
        "heatmaps": tf.zeros((len(batch["id"]), SIZE // 4, SIZE // 4, 21)),
        "depth": tf.zeros((len(batch["id"]), 21)),
        "features": tf.ones((len(batch["id"]), 3)),
    }
    return {k: np.asarray(v) for k, v in model.terms(given | outputs, batch).items()}


def test_a_teacher_that_agrees_with_the_labels_gives_the_labels_terms():
    batch = toy_batch(3)
    model = StudentModel(TINY, _said(batch), 3)
    terms = _terms(model, batch)
    for name in ("maps", "points", "depth"):
        np.testing.assert_allclose(
            terms[f"loss_teacher_{name}"], terms[f"loss_{name}"], rtol=1e-4, err_msg=name
        )
    # Depth 0 everywhere is off by the mean absolute depth in bones.
    points = batch["keypoints_3d"][..., 2]
    expected = np.mean(np.abs(points - points[:, :1]) / batch["scale"][:, None], axis=1)
    np.testing.assert_allclose(terms["loss_depth"], expected, rtol=1e-4)
    np.testing.assert_allclose(terms["loss_teacher_features"], np.zeros(3), atol=1e-6)


def test_a_teacher_far_from_the_labels_counts_for_nothing_where_there_are_labels():
    batch = toy_batch(3)
    batch["has_2d"][1] = 0.0
    model = StudentModel(TINY, _said(batch, shift=SIZE / 2.0, depth_shift=1.0), 3)
    terms = _terms(model, batch)
    assert terms["loss_points"][1] == 0.0 and terms["loss_maps"][1] == 0.0
    for name in ("loss_teacher_points", "loss_teacher_depth"):
        assert np.all(terms[name][[0, 2]] < 1e-6), name
        assert terms[name][1] > 0.1, name


def test_without_a_teacher_labels_are_all():
    batch = toy_batch(3)
    model = StudentModel(TINY)
    terms = _terms(model, batch)
    assert all(np.all(terms[name] == 0) for name in terms if "teacher" in name)
    assert all(weight == 0 for name, weight in model.term_weights.items() if "teacher" in name)
    batch["has_depth"][:] = 0
    assert np.all(_terms(model, batch)["loss_depth"] == 0)


def test_one_step_moves_every_variable_and_no_checkpoint_holds_the_teacher(teacher):
    keras.utils.set_random_seed(0)
    model = student.build_model(dataclasses.replace(TINY, teacher=teacher))
    model.compile()
    before = [variable.numpy() for variable in model.trained_variables]
    batch = {name: tf.constant(value) for name, value in toy_batch(4).items()}
    for _ in range(2):
        # The heat maps' kernel starts near 0, so that little reaches the encoder at first.
        logs = model.train_step(batch)
    assert all(np.isfinite(value) for value in logs.values())
    for variable, old in zip(model.trained_variables, before, strict=True):
        assert np.any(variable.numpy() != old), variable.path
    own = {id(variable) for variable in (*model.network.variables, *model.imitation.variables)}
    own |= {id(v) for tracker in model.metrics for v in tracker.variables}
    assert {id(variable) for variable in model.variables} <= own


def test_the_teacher_answers_in_pixels_of_a_larger_crop(teacher):
    image = tf.random.uniform((2, SIZE, SIZE, 3))
    large = tf.repeat(tf.repeat(image, 2, axis=1), 2, axis=2)
    camera = np.tile([[90.0, 0, 16], [0, 90, 16], [0, 0, 1]], (2, 1, 1)).astype(np.float32)
    doubled = camera * np.array([[2.0], [2.0], [1.0]], np.float32)
    (at_32, _), (at_64, width) = (student.load_teacher(teacher, size) for size in (SIZE, 64))
    one = at_32({"image": image, "intrinsics": tf.constant(camera)})
    two = at_64({"image": large, "intrinsics": tf.constant(doubled)})
    np.testing.assert_allclose(two["keypoints_2d"], 2.0 * one["keypoints_2d"], atol=2e-3)
    np.testing.assert_allclose(two["depth"], one["depth"], atol=1e-4)
    assert np.all(np.asarray(one["depth"])[:, 0] == 0)
    assert two["features"].shape == (2, width)


def test_teachers_and_runs_that_do_not_fit_are_refused(teacher, tmp_path):
    config = dataclasses.replace(TINY, teacher=teacher)
    _check(config)
    with pytest.raises(ValueError, match="--crop_scale=1.5 contradicts the teacher"):
        _check(dataclasses.replace(config, crop_scale=1.5))
    with pytest.raises(ValueError, match="--teacher=.* is not a run folder"):
        _check(dataclasses.replace(TINY, teacher=str(tmp_path)))
    run_folder.open_run(str(tmp_path / "own"), TINY, [])
    with pytest.raises(
        ValueError,
        match=r"this is a run of keras_pose\.hand_student; give .* keras_pose\.hand_pose\.",
    ):
        _check(dataclasses.replace(TINY, teacher=str(tmp_path / "own")))
    with pytest.raises(
        ValueError,
        match=r"this is a run of keras_pose\.hand_pose; give .* keras_pose\.hand_student\.",
    ):
        student.load_student(teacher)
    with pytest.raises(ValueError, match="not a multiple of 32"):
        dataclasses.replace(TINY, image_size=48)


class _StopAt(keras.callbacks.Callback):
    """Raises when an epoch begins, so that the one before has its checkpoint."""

    def __init__(self, epoch):
        super().__init__()
        self.stop = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_run_ends_byte_equal_and_prints_both(teacher, tmp_path):
    config = dataclasses.replace(TINY, teacher=teacher)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    run = student.student_run(config, RunOptions(model_dir=str(whole)))
    assert run["results"]["all"].keys() == run["teacher_results"]["all"].keys()
    options = RunOptions(model_dir=str(broken), mode="train")
    with pytest.raises(KeyboardInterrupt):
        student.student_run(config, options, [_StopAt(1)])
    student.student_run(config, options)
    mine, theirs = latest_tensors(broken), latest_tensors(whole)
    assert mine.keys() == theirs.keys() and len(theirs) > 100
    assert [name for name in mine if mine[name] != theirs[name]] == []
