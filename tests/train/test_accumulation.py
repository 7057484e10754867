"""Micro-batches are averaged to what the whole batch gives, for every trainer; XLA trains the same."""

import dataclasses
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.hand_pose.model import PoseRegressor
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config as LifterConfig
from keras_pose.tips.regression import DepthRegressor
from keras_pose.train.loop import SavingPlan
from keras_pose.train.steps import grouped
from keras_pose.train.strategy import accumulated
from keras_pose.wild3d import model as wild3d
from tests.hand_pose.regressor_runs import toy_config, toy_encoder, uneven_batch
from tests.train import interrupted_runs
from tests.train.interrupted_runs import train
from tests.train.pretended_replicas import PretendedReplicas
from tests.wild3d import pose_replica_runs

LIFTER = {
    **{"width": 8, "num_blocks": 1, "discriminator_blocks": 1, "precision": "float64"},
    **{"pitch": "learnt", "norm": "none", "dropout": 0.0},
}


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_means_are_means_and_rows_are_kept_in_order(steps):
    def gradients_of(batch):
        rows = batch["rows"]
        return ([tf.reduce_mean(rows)], {"largest": tf.reduce_max(rows)}), [2.0 * rows]

    rows = tf.reshape(tf.range(12.0), (6, 2))
    average = tf.function(lambda rows: accumulated(gradients_of, {"rows": rows}, steps))
    ((mean,), logs), (kept,) = average(rows)
    assert float(mean) == 5.5
    # The largest of the micro-batches: 11; 5 and 11; 3, 7 and 11.
    assert float(logs["largest"]) == {1: 11.0, 2: 8.0, 3: 7.0}[steps]
    np.testing.assert_array_equal(kept, 2.0 * rows)


def test_every_replica_gets_its_part_of_each_micro_batch():
    micro = tf.data.Dataset.from_tensor_slices([[0, 1, 2, 3], [4, 5, 6, 7]])
    (whole,) = grouped(micro, 2, 2)
    # The first half is the first replica's: its part of the first, then of the second.
    assert whole.numpy().tolist() == [0, 1, 4, 5, 2, 3, 6, 7]
    (alone,) = grouped(micro, 2, 1)
    assert alone.numpy().tolist() == list(range(8))
    pairs = tf.data.Dataset.zip(micro, micro.map(lambda rows: {"x": rows[:, None]}))
    ((left, right),) = grouped(pairs, 2, 1)
    assert left.shape == (8,) and right["x"].shape == (8, 1)


def _steps(build, batch, steps):
    """Every variable after two updates in so many micro-batches, and the logs."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(4)
    model = build(steps)
    model.compile()
    step = tf.function(model.train_step, autograph=False)
    for _ in range(2):
        logs = step(batch)
    return [np.asarray(variable.value) for variable in model.trainable_variables], logs


def _lifter(cls, *teacher):
    return lambda steps: cls(LifterConfig(**LIFTER, accumulation_steps=steps), *teacher)


def _regressor(steps):
    keras.config.set_dtype_policy("float64")
    config = toy_config(precision="float64", accumulation_steps=steps, averaging_momentum=0.5)
    return PoseRegressor(config, toy_encoder(norm=False))


def _body(steps):
    fields = vars(pose_replica_runs.config()) | {"accumulation_steps": steps}
    return wild3d.PoseModel(types.SimpleNamespace(**fields))


def _poses():
    return np.random.default_rng(1).uniform(-1, 1, (8, 16, 2))


def _flat_network(*, image_size, **_):
    """As `build_tiny`, without batch statistics, which are each micro-batch's own."""
    picture = keras.Input((image_size, image_size, 3))
    maps = keras.layers.Conv2D(16, 4, 4)(picture)
    return keras.Model(
        picture,
        {"heatmaps": [maps], "depth": keras.layers.GlobalAveragePooling2D()(maps)},
    )


TRAINERS = {
    "adversarial": (_lifter(AdversarialLifter), _poses),
    "student": (_lifter(DepthRegressor, lambda points: tf.reduce_sum(points, -1)), _poses),
    "hand_pose": (_regressor, uneven_batch),
    "wild3d": (_body, lambda: pose_replica_runs.batch(0)),
}


@pytest.mark.parametrize("trainer", list(TRAINERS))
def test_micro_batches_train_what_the_whole_batch_trains(trainer, monkeypatch):
    monkeypatch.setattr(wild3d, "build_network", _flat_network)
    build, batch = TRAINERS[trainer]
    batch = tf.nest.map_structure(tf.constant, batch())
    whole, logs = _steps(build, batch, 1)
    parts, other_logs = _steps(build, batch, 2)
    for one, two in zip(whole, parts, strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-11)
    for name, value in logs.items():
        np.testing.assert_allclose(other_logs[name], value, rtol=1e-9, err_msg=name)


def test_the_loop_gives_an_update_its_micro_batches_and_goes_on_at_the_right_one(tmp_path):
    more = {"accumulation_steps": 3, "plan": SavingPlan(steps=5)}
    assert train(tmp_path / "whole", **more) == 0
    assert train(tmp_path / "cut", at=17, number=15, **more) == 143
    assert train(tmp_path / "cut", **more) == 0
    rows = [(tmp_path / name / "epochs.jsonl").read_text() for name in ("whole", "cut")]
    assert rows[0] == rows[1]


def test_xla_trains_the_same_but_for_rounding(tmp_path):
    """Texts in a batch, which XLA cannot take, are left out; dropout's draws are XLA's own."""

    class Dry(interrupted_runs.Model):
        def __init__(self):
            super().__init__()
            self.dropout.rate = 0.0

    def named(first_step):
        return interrupted_runs.batches(first_step).map(
            lambda batch: batch | {"name": tf.strings.as_string(batch["id"])}
        )

    rows = []
    for is_compiled in (False, True):
        folder = tmp_path / str(is_compiled)
        assert train(folder, build_model=Dry, batches=named, jit_compile=is_compiled) == 0
        text = (folder / "epochs.jsonl").read_text().splitlines()
        rows.append([float(line.rsplit(":", 1)[1].rstrip("}")) for line in text])
    np.testing.assert_allclose(rows[1], rows[0], rtol=1e-4)
    with pytest.raises(ValueError, match="--jit_compile=true needs one replica, .* here; use auto"):
        train(tmp_path / "two", strategy=PretendedReplicas(2), jit_compile=True)


def test_losses_of_every_trainer_are_float32_in_mixed_precision():
    """The dtype in which losses and metrics compute is the variables' own."""
    lifter = LifterConfig(**{**LIFTER, "precision": "mixed_bfloat16"})
    models = [AdversarialLifter(lifter), DepthRegressor(dataclasses.replace(lifter))]
    models.append(PoseRegressor(toy_config(precision="mixed_float16"), toy_encoder(norm=False)))
    for model in models:
        assert model.compute_dtype == "float32"
        assert {metric.dtype for metric in model.metrics} == {"float32"}
