"""Keras metrics: exact means over uneven batches, weights, config round trips, use in fit."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import metrics
from keras_pose.metrics import Protocol, evaluate_poses

CHOICES = [
    (metrics.MeanPerJointPositionError, {}),
    (metrics.MeanPerJointPositionError, {"root": None, "unit": "cm", "exclude": ("head",)}),
    (metrics.ProcrustesMeanPerJointPositionError, {}),
    (metrics.ProcrustesMeanPerJointPositionError, {"reflection": "best", "exclude": ("pelvis",)}),
    (metrics.NormalizedMeanPerJointPositionError, {}),
    (metrics.NormalizedMeanPerJointPositionError, {"scale": "norm_ratio", "name": "n"}),
    (metrics.PercentageOfCorrectKeypoints3D, {}),
    (metrics.PercentageOfCorrectKeypoints3D, {"threshold_mm": 87.5, "scale": "norm_ratio"}),
    (metrics.AreaUnderCurve3D, {}),
    (metrics.AreaUnderCurve3D, {"num_thresholds": 150, "scale": "norm_ratio"}),
]
EVERY = pytest.mark.parametrize(("kind", "options"), CHOICES)


def sample(count=20, seed=0):
    rng = np.random.default_rng(seed)
    true = rng.normal(0, 0.4, (count, 17, 3)) + [0, 0, 5]
    return true + rng.normal(0, 0.1, true.shape), true


@EVERY
def test_uneven_batches_give_the_exact_mean(kind, options):
    predicted, true = sample()
    metric = kind(**options, dtype="float64")
    for part in (slice(0, 13), slice(13, 14), slice(14, 20)):
        metric.update_state(true[part], predicted[part])
    expected = evaluate_poses(predicted, true, [metric.protocol])[metric.protocol.id]
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-12)


@EVERY
def test_float32_is_near_float64(kind, options):
    predicted, true = sample()
    metric = kind(**options)
    metric.update_state(true.astype(np.float32), predicted.astype(np.float32))
    assert metric.result().dtype == tf.float32
    expected = evaluate_poses(predicted, true, [metric.protocol])[metric.protocol.id]
    np.testing.assert_allclose(float(metric.result()), expected, rtol=1e-5)


@EVERY
def test_weights_count_poses(kind, options):
    predicted, true = sample(4)
    weighted = kind(**options, dtype="float64")
    weighted.update_state(true, predicted, sample_weight=[3, 0, 1, 0])
    repeated = kind(**options, dtype="float64")
    picked = [0, 0, 0, 2]
    repeated.update_state(true[picked], predicted[picked])
    np.testing.assert_allclose(float(weighted.result()), float(repeated.result()), rtol=1e-12)


@EVERY
def test_config_round_trip(kind, options):
    metric = kind(**options, input_unit="cm", dtype="float64")
    twin = keras.metrics.deserialize(keras.metrics.serialize(metric))
    assert type(twin) is kind
    assert twin.get_config() == metric.get_config()
    assert twin.protocol == metric.protocol
    predicted, true = sample(3)
    for each in (metric, twin):
        each.update_state(100 * true, 100 * predicted)
    assert float(metric.result()) == float(twin.result())


@EVERY
def test_protocol_id_is_parsed_back(kind, options):
    protocol = kind(**options).protocol
    assert Protocol.parse(protocol.id) == protocol


@EVERY
def test_graph_gives_the_eager_numbers(kind, options):
    predicted, true = sample()
    eager, inside = (kind(**options, dtype="float64") for _ in range(2))
    spec = tf.TensorSpec([None, 17, 3], tf.float64)
    update = tf.function(lambda t, p: inside.update_state(t, p), input_signature=[spec, spec])
    for part in (slice(0, 7), slice(7, 20)):
        eager.update_state(true[part], predicted[part])
        update(true[part], predicted[part])
    np.testing.assert_allclose(float(inside.result()), float(eager.result()), rtol=1e-12)


def test_protocols_say_what_the_arguments_said():
    ids = [kind(**options).protocol.id for kind, options in CHOICES]
    assert len(set(ids)) == len(ids)
    assert ids[1] == (
        "mpjpe[align=none,reflection=none,scale=none,root=none,joints=h36m_17-head,unit=cm]"
    )
    assert ids[3] == (
        "pa-mpjpe[align=similarity,reflection=best,scale=per-pose,root=none,"
        "joints=h36m_17-pelvis,unit=mm]"
    )
    assert ids[7] == (
        "3dpck@87.5mm[align=root,reflection=none,scale=norm-ratio,root=pelvis,"
        "joints=h36m_17,unit=percent]"
    )
    assert ids[9].startswith("3dauc@0-150mm/150[")


def test_metres_are_reported_in_millimetres():
    true = np.zeros((2, 17, 3))
    predicted = true + [0.0, 0.003, 0.004]
    metric = metrics.MeanPerJointPositionError(root=None)
    metric.update_state(true, predicted)
    np.testing.assert_allclose(float(metric.result()), 5.0, rtol=1e-6)


def test_pose_of_weight_zero_may_be_broken():
    predicted, true = sample(2)
    predicted[1] = np.nan
    metric = metrics.ProcrustesMeanPerJointPositionError()
    metric.update_state(true, predicted, sample_weight=[1, 0])
    assert np.isfinite(float(metric.result()))
    metric.update_state(true, predicted)
    assert np.isnan(float(metric.result()))


def test_reset_forgets():
    predicted, true = sample()
    metric = metrics.MeanPerJointPositionError()
    metric.update_state(true, predicted)
    metric.reset_state()
    metric.update_state(true, true)
    assert float(metric.result()) == 0


def test_hand_metrics_take_a_hand_skeleton():
    metric = metrics.MeanPerJointPositionError(root="wrist", skeleton="hand_21_freihand")
    metric.update_state(np.zeros((1, 21, 3)), np.ones((1, 21, 3)))
    assert float(metric.result()) == 0
    assert "root=wrist,joints=hand_21_freihand" in metric.protocol.id


def test_fit_reports_the_metric_and_early_stopping_knows_its_direction():
    predicted, true = sample(16)
    flat = predicted.reshape(16, 51).astype(np.float32)
    model = keras.Sequential([keras.layers.Input((51,)), keras.layers.Dense(51)])
    model.add(keras.layers.Reshape((17, 3)))
    model.compile(
        "adam",
        "mse",
        metrics=[
            metrics.ProcrustesMeanPerJointPositionError(),
            metrics.PercentageOfCorrectKeypoints3D(),
        ],
    )
    stopping = [keras.callbacks.EarlyStopping(monitor=name) for name in ("pa_mpjpe", "pck_3d")]
    history = model.fit(
        flat, true.astype(np.float32), batch_size=5, epochs=1, verbose=0, callbacks=stopping
    ).history
    assert np.isfinite(history["pa_mpjpe"][0])
    score = model.evaluate(flat, true, batch_size=5, verbose=0, return_dict=True)
    expected = evaluate_poses(
        model.predict(flat, verbose=0), true, [model.metrics[1].metrics[0].protocol]
    )
    np.testing.assert_allclose(score["pa_mpjpe"], *expected.values(), rtol=1e-4)
    # Lower is better for an error, higher for a share.
    assert bool(stopping[0].monitor_op(1.0, 2.0)) and not bool(stopping[0].monitor_op(2.0, 1.0))
    assert bool(stopping[1].monitor_op(2.0, 1.0)) and not bool(stopping[1].monitor_op(1.0, 2.0))


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: metrics.MeanPerJointPositionError(unit="px"), "unit must be one of"),
        (lambda: metrics.MeanPerJointPositionError(input_unit="px"), "input_unit must be one of"),
        (lambda: metrics.AreaUnderCurve3D(input_unit="px"), "input_unit must be one of"),
        (lambda: metrics.MeanPerJointPositionError(root="hip"), "no joint 'hip'"),
        (lambda: metrics.MeanPerJointPositionError(exclude=("hip",)), "no joint 'hip'"),
        (lambda: metrics.MeanPerJointPositionError(skeleton="h36m"), "no skeleton 'h36m'"),
        (
            lambda: metrics.ProcrustesMeanPerJointPositionError(reflection="maybe"),
            "reflection must be one of",
        ),
        (lambda: metrics.NormalizedMeanPerJointPositionError(scale="ls"), "scale must be one of"),
        (lambda: metrics.PercentageOfCorrectKeypoints3D(scale="ls"), "scale must be one of"),
    ],
)
def test_wrong_arguments_are_refused(make, complaint):
    with pytest.raises(ValueError, match=complaint):
        make()


def test_wrong_batches_are_refused():
    metric = metrics.MeanPerJointPositionError()
    with pytest.raises(ValueError, match=r"predicted must have the shape \[\.\.\., 17, 3\]"):
        metric.update_state(np.zeros((2, 16, 3)), np.zeros((2, 16, 3)))
    with pytest.raises(ValueError, match=r"one weight per pose, \[2\], .* \[2, 1\]"):
        metric.update_state(np.zeros((2, 17, 3)), np.zeros((2, 17, 3)), np.ones((2, 1)))
