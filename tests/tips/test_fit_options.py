"""Each value of each option trains: two steps of Keras' `fit`, compiled, on a few poses."""

import dataclasses
import math

import keras
import numpy as np
import pytest

from keras_pose.lifting.data import training_batches
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config

TINY = {
    "width": 8,
    "num_blocks": 1,
    "discriminator_blocks": 0,
    "batch_size": 8,
    "num_steps": 2,
    "steps_per_epoch": 1,
}
ORTHOGRAPHIC = {"geometry": "orthographic", "input_2d": "orthographic"}
FLOW = {"flow_width": 4, "flow_couplings": 1}
# Each row is trained once; together they hold every value.
ROWS = {
    "paper": {
        **ORTHOGRAPHIC, "depth_activation": "tanh", "pitch": "none", "view_draw": "batch",
        "mirror": "raw", "mirror_draw": "batch", "norm": "none", "bone_ratio_weight": 0.0,
        "renormalize_views": False, "learning_rate_schedule": "constant", "ema_momentum": 0.0,
    },
    "cross entropy": {
        **ORTHOGRAPHIC, "split": "whole", "adversary": "cross_entropy", "real_label": 0.8,
        "norm": "batch", "dropout": 0.5, "pitch": "-20", "adversarial_views": "all",
        "prior": "both", "flow_split": "whole", **FLOW,
    },
    "elepose": {
        "split": "five", "activation": "leaky_relu", "pitch": "learnt", "three_d_weight": 1.0,
        "deformation_weight": 1.0, "reprojection_error": "absolute", "bone_ratios": "elepose",
        "ninety_degree_weight": 0.0, "camera_distance": 10.0, "discriminator_width": 4,
        "discriminator_learning_rate": 1e-3, "precision": "mixed_bfloat16",
        "prior": "flow", "flow_split": "five", **FLOW,
    },
    "ours": {
        "scale_rule": "root_mean_square", "renormalize_views": True, "mirror": "none",
        "label_exchange": 0.5, "root_elevation_deg": 5.0, "precision": "float64",
        "discriminator_blocks": 1, "prior": "both", "flow_weight": 0.0, **FLOW,
    },
}  # fmt: skip
# What these options choose happens outside a training step; tests of data and runs cover them.
ELSEWHERE = {"model", "dataset", "skeleton"}


def test_rows_hold_every_value_of_every_choice():
    configs = [Config(**{**TINY, **row}) for row in ROWS.values()]
    missing = []
    for field in dataclasses.fields(Config):
        seen = {getattr(config, field.name) for config in configs}
        wanted = field.metadata["choices"] or ()
        if field.type in (bool, "bool") and field.name not in ("allow_pickle", "teacher_mirrored"):
            wanted = (True, False)
        if field.name not in ELSEWHERE:
            missing += [f"{field.name}={value}" for value in wanted if value not in seen]
        if field.name.endswith("_weight"):
            on_and_off = {bool(value) for value in seen}
            always = ("adversarial_weight", "reprojection_weight")
            missing += [] if len(on_and_off) == 2 or field.name in always else [field.name]
    assert missing == []


def _poses():
    random = np.random.default_rng(2)
    return random.uniform(-1, 1, (24, 16, 2)).astype(np.float32)


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_option_values_train(row):
    config = Config(**{**TINY, **row})
    keras.utils.set_random_seed(1)
    model = AdversarialLifter(config)
    model.compile()
    before = [np.array(variable) for variable in model.trainable_variables]
    history = model.fit(
        training_batches(_poses(), batch_size=8, seed=0),
        epochs=2,
        steps_per_epoch=1,
        shuffle=False,
        verbose=0,
    ).history
    assert all(math.isfinite(value) for values in history.values() for value in values)
    judge = "flow" if config.prior == "flow" else "adversarial"
    assert history[judge][0] != history[judge][1]
    terms = ("reprojection", "ninety_degree", "three_d", "deformation", "bone_ratio")
    for term in terms:
        assert (term in history) == bool(getattr(config, f"{term}_weight")), term
    # A bias before batch normalisation moves by rounding alone.
    moved = [
        not np.array_equal(old, new)
        for old, new in zip(before, model.trainable_variables, strict=True)
        if config.norm != "batch" or not new.path.endswith("bias")
    ]
    assert all(moved)
    lifted = np.array(model.predict(_poses(), batch_size=8, verbose=0))
    assert lifted.shape == (24, 16, 3) and np.all(np.isfinite(lifted))
    if config.depth_activation == "tanh":
        assert np.abs(lifted[..., 2]).max() <= 1.0
    if config.pitch == "learnt":
        assert history["pitch_deg"][0] != history["pitch_deg"][1]
    else:
        degrees = 0.0 if config.pitch == "none" else float(config.pitch)
        np.testing.assert_allclose(history["pitch_deg"], [degrees] * 2, rtol=1e-5)


def test_steps_per_execution_changes_nothing():
    histories = []
    for steps in (1, 2):
        keras.utils.clear_session()
        keras.utils.set_random_seed(1)
        model = AdversarialLifter(Config(**{**TINY, "num_blocks": 0}))
        model.compile(steps_per_execution=steps)
        dataset = training_batches(_poses(), batch_size=8, seed=0)
        model.fit(dataset, epochs=1, steps_per_epoch=2, shuffle=False, verbose=0)
        histories.append([np.array(variable) for variable in model.weights])
    for one, two in zip(*histories, strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-6, atol=1e-7)
