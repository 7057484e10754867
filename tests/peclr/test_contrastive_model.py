"""The contrastive step: official losses and gradients, accumulation, bank, precisions, logs."""

import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.layers.projection import build_projection_head
from keras_pose.losses import nt_xent
from keras_pose.peclr import model as model_module
from keras_pose.peclr.inverse import undo_views
from keras_pose.peclr.model import ContrastiveModel
from tests.hand_pose.weight_rule import rule_value
from tests.peclr.contrastive_batches import make_batch, make_config

HEAD = np.load(pathlib.Path(__file__).parents[1] / "golden" / "peclr" / "a3_head.npz")
PARAMETERS = {"0": ("weight", "bias"), "1": ("weight", "bias"), "3": ("weight",)}


def _official_head():
    head = build_projection_head(2048)
    for number, kinds in PARAMETERS.items():
        layer = head.get_layer(f"projection_head_{number}")
        shapes = {"0": (512, 2048), "1": (512,), "3": (128, 512)}
        values = []
        for kind in kinds:
            shape = shapes[number] if kind == "weight" else (512,)
            value = rule_value(f"projection_head.{number}.{kind}", shape)
            values.append(value.T)
        if number == "1":
            values += [
                rule_value(f"projection_head.1.running_{kind}", (512,)) for kind in ("mean", "var")
            ]
        layer.set_weights(values)
    return head


@pytest.mark.parametrize("method", ["peclr", "simclr"])
def test_head_losses_and_gradients_equal_the_official_ones(method):
    head = _official_head()
    x1, y1, x2, y2 = HEAD["jitter_x1y1x2y2"] / 128.0
    jitter = np.stack([np.concatenate([x1, x2]), np.concatenate([y1, y2])], axis=-1)
    parameters = {"jitter": jitter, "angle_deg": np.concatenate(HEAD["angle_12"])}
    features = tf.constant(HEAD["features"])
    with tf.GradientTape() as tape:
        tape.watch(features)
        raw = head(features, training=True)
        rows = undo_views(raw, {"peclr": "official", "simclr": "none"}[method], parameters)
        loss = tf.reduce_mean(nt_xent(rows[:6], rows[6:]))
    np.testing.assert_allclose(raw, HEAD["head_train_out"], atol=2e-5)
    np.testing.assert_allclose(loss, HEAD[f"{method}_loss"], rtol=1e-5)
    variables = [variable.value for variable in head.trainable_variables]
    *gradients, of_features = tape.gradient(loss, [*variables, features])
    names = ["0.weight", "0.bias", "1.weight", "1.bias", "3.weight"]
    for name, gradient in zip(names, gradients, strict=True):
        expected = HEAD[f"{method}_gradnorm_{name}"]
        # The bias before batch normalisation has none but rounding.
        np.testing.assert_allclose(tf.norm(gradient), expected, rtol=1e-4, atol=1e-6)
        first = np.array(gradient).T.ravel()[:16]
        np.testing.assert_allclose(first, HEAD[f"{method}_gradhead_{name}"], rtol=1e-3, atol=1e-6)
    norm = HEAD[f"{method}_dfeatures_norm"]
    np.testing.assert_allclose(tf.norm(of_features), norm, rtol=1e-4)
    for kind, key in (("moving_mean", "mean"), ("moving_variance", "var")):
        moved = getattr(head.get_layer("projection_head_1"), kind)
        np.testing.assert_allclose(moved, HEAD[f"{method}_bn_running_{key}"], atol=1e-5)


class TinyEncoder(keras.Sequential):
    """Two convolutions: enough where the encoder is not the point."""

    def __init__(self, side, dtype=None):
        convolution = {"strides": 4, "activation": "relu", "dtype": dtype}
        super().__init__(
            [
                keras.Input((side, side, 3)),
                keras.layers.Conv2D(8, 5, **convolution),
                keras.layers.Conv2D(12, 3, **convolution),
                keras.layers.Flatten(),
            ]
        )


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(
        model_module, "build_encoder", lambda name, side, synchronized, weights: TinyEncoder(side)
    )


def _compiled(**changes):
    keras.utils.set_random_seed(5)
    model = ContrastiveModel(make_config(**changes))
    model.compile()
    return model


def _fit(model, *batches):
    """Logs of one step per batch."""
    logs = []
    for batch in batches:
        data = tf.data.Dataset.from_tensors(batch)
        history = model.fit(data, verbose=0, shuffle=False).history
        logs.append({name: values[0] for name, values in history.items()})
    return logs


@pytest.mark.slow
def test_every_trainable_variable_of_the_whole_network_moves():
    model = _compiled(negatives="bank", bank_size=64)
    assert len(model.trainable_variables) == len(model.learnt_variables) == 60 + 5
    before = [np.array(variable) for variable in model.learnt_variables]
    names = [variable.path for variable in model.learnt_variables]
    (logs,) = _fit(model, make_batch(8))
    still = [
        name
        for name, old, new in zip(names, before, model.learnt_variables, strict=True)
        if np.array_equal(old, new)
    ]
    assert still == []
    assert set(logs) == {"loss", "positive_similarity", "accuracy", "spread", "learning_rate"}
    assert all(np.isfinite(value) for value in logs.values())
    # Sixteen views in random directions: about log of the fifteen candidates.
    assert 2.0 < logs["loss"] < 4.0 and logs["spread"] > 0.01


@pytest.mark.parametrize("inverse", ["none", "official", "centered", "affine"])
def test_logs_by_an_own_forward_pass(tiny, inverse):
    model = _compiled(inverse=inverse, temperature=0.2)
    batch = make_batch(8)
    first, second = (
        model.projection_head(model.encoder(batch["views"][:, view] / np.float32(255.0)))
        for view in (0, 1)
    )
    raw = np.concatenate([first, second])
    parameters = {
        name: np.concatenate([batch[name][:, 0], batch[name][:, 1]])
        for name in ("angle_deg", "jitter", "canonical")
    }
    scale = 1.0 / np.sqrt(np.mean(raw**2)) if inverse == "affine" else 1.0
    rows = np.array(undo_views(raw * scale, inverse, parameters))
    similarity = rows @ rows.T
    np.fill_diagonal(similarity, -np.inf)
    partner = (np.arange(16) + 8) % 16
    positive = similarity[np.arange(16), partner]
    loss = np.log(np.sum(np.exp(similarity / 0.2), axis=1)) - positive / 0.2
    points = raw.reshape(16, 8, 2)
    spread = np.mean(np.sqrt(np.sum(np.var(points, axis=1), axis=-1)))
    logs = model.evaluate(tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True)
    expected = {
        "loss": np.mean(loss),
        "positive_similarity": np.mean(positive),
        "accuracy": np.mean(np.argmax(similarity, axis=1) == partner),
        "spread": spread,
    }
    assert {name: logs[name] for name in expected} == pytest.approx(expected, rel=1e-5)


def test_the_official_inverse_takes_its_options_from_the_config(tiny):
    batch = make_batch(8)
    seen = {}
    for name, options in {
        "published": {},
        "unit": {"translation_scale": "unit"},
        "centred": {"center_points": True},
    }.items():
        _, rows = _compiled(inverse="official", **options).project(batch, training=False)
        seen[name] = np.array(rows).reshape(16, 8, 2)
    assert not np.allclose(seen["published"], seen["unit"], atol=1e-3)
    np.testing.assert_allclose(seen["centred"].mean(1), 0, atol=1e-6)
    moved = seen["published"] - seen["published"].mean(1, keepdims=True)
    moved /= np.linalg.norm(moved, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(seen["centred"], moved, atol=1e-5)


def test_bytes_and_fractions_are_the_same_pictures(tiny):
    model = _compiled()
    (from_bytes,) = _fit(model, make_batch(8))
    (from_floats,) = _fit(_compiled(), make_batch(8, dtype=np.float32))
    assert from_bytes == pytest.approx(from_floats, rel=1e-6)
    features = model(make_batch(8)["views"][:, 0])
    np.testing.assert_allclose(
        features, model(make_batch(8)["views"][:, 0] / np.float32(255.0)), rtol=1e-6
    )


def _frozen(**changes):
    """A model without batch statistics, whose optimizer takes plain steps."""
    model = _compiled(**changes)
    model.projection_head.get_layer("projection_head_1").trainable = False
    model.encoder_optimizer = keras.optimizers.SGD(1.0)
    model.encoder_optimizer.build(model.learnt_variables)
    return model


@pytest.mark.parametrize("inverse", ["official", "affine"])
def test_accumulation_is_the_mean_over_micro_batches(tiny, inverse):
    settings = {"inverse": inverse, "negatives": "micro"}
    batch = make_batch(12)
    parts = [{name: values[i : i + 4] for name, values in batch.items()} for i in (0, 4, 8)]
    steps, losses = [], []
    for part in parts:
        model = _frozen(**settings)
        before = [np.array(variable) for variable in model.learnt_variables]
        losses.append(_fit(model, part)[0]["loss"])
        steps.append([np.array(v) - b for v, b in zip(model.learnt_variables, before, strict=True)])
    model = _frozen(**settings, accumulation_steps=3)
    (logs,) = _fit(model, batch)
    assert logs["loss"] == pytest.approx(np.mean(losses), rel=1e-6)
    assert len(model.learnt_variables) == 7
    for variable, start, *moved in zip(model.learnt_variables, before, *steps, strict=True):
        expected = np.mean(moved, axis=0)
        assert np.any(expected)
        np.testing.assert_allclose(np.array(variable) - start, expected, rtol=1e-3, atol=1e-6)
    assert int(model.encoder_optimizer.iterations) == 1


def test_the_bank_holds_the_newest_rows_and_serves_the_next_step(tiny):
    model = _compiled(negatives="bank", bank_size=40, learning_rate=0.0)
    rows = []
    for seed in range(3):
        batch = make_batch(8, seed)
        rows.append(np.array(model.project({n: tf.constant(v) for n, v in batch.items()}, True)[1]))
        (logs,) = _fit(model, batch)
        everything = np.concatenate(rows[::-1])
        known = min(40, 16 * (seed + 1))
        np.testing.assert_allclose(model.bank[:known], everything[:known], atol=1e-5)
        assert not np.any(model.bank[known:])
        # The step itself saw the rows before its own.
        first, second = rows[-1][0::2], rows[-1][1::2]
        bank = everything[16 : 16 + 40]
        expected = np.mean(nt_xent(first, second, bank=bank if len(bank) else None))
        assert logs["loss"] == pytest.approx(expected, rel=1e-5)
    held_out = model.evaluate(tf.data.Dataset.from_tensors(batch), verbose=0, return_dict=True)
    assert held_out["loss"] < logs["loss"]  # fewer negatives


def test_the_bank_remembers_all_micro_batches(tiny):
    model = _compiled(negatives="bank", bank_size=64, accumulation_steps=2)
    _fit(model, make_batch(16))
    lengths = np.linalg.norm(model.bank, axis=-1)
    np.testing.assert_allclose(lengths, np.repeat([1.0, 0.0], 32), atol=1e-6)


@pytest.mark.parametrize("optimizer", ["lars_adam", "lars_sgd", "adamw"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_the_loss_falls(tiny, optimizer, precision):
    rate = {"lars_adam": 0.01, "lars_sgd": 0.5, "adamw": 0.01}[optimizer]
    model = _compiled(optimizer=optimizer, precision=precision, learning_rate=rate)
    data = tf.data.Dataset.from_tensors(make_batch(8)).repeat(15)
    with_inverse = [model.fit(data, verbose=0, shuffle=False).history["loss"][0] for _ in range(2)]
    assert with_inverse[1] < with_inverse[0] - 0.1
    assert all(variable.dtype == "float32" for variable in model.learnt_variables)


def test_float16_scales_its_loss(tiny):
    model = _compiled(precision="mixed_float16", learning_rate=0.01)
    (optimizer,) = model.optimizers
    assert isinstance(optimizer, keras.optimizers.LossScaleOptimizer)
    data = tf.data.Dataset.from_tensors(make_batch(8)).repeat(15)
    losses = [model.fit(data, verbose=0, shuffle=False).history["loss"][0] for _ in range(2)]
    assert losses[1] < losses[0] - 0.1
    assert int(optimizer.inner_optimizer.iterations) > 10
    layer = model.projection_head.get_layer("projection_head_0")
    assert layer.compute_dtype == "float16" and layer.variable_dtype == "float32"
    assert keras.config.dtype_policy().name == "float32"


def test_compiled_gradients_equal_plain_ones(tiny):
    logs = []
    for jit_compile in (False, True):
        keras.utils.set_random_seed(5)
        model = ContrastiveModel(make_config())
        model.compile(jit_compile=jit_compile)
        logs.append(_fit(model, make_batch(8), make_batch(8, 1)))
    for plain, compiled in zip(*logs, strict=True):
        assert plain == pytest.approx(compiled, rel=1e-4)


def test_views_can_be_made_inside_the_step(tiny):
    batch = make_batch(8)

    def make_views(data):
        return {name: data[name] for name in batch if name != "views"} | {"views": data["raw"]}

    keras.utils.set_random_seed(5)
    model = ContrastiveModel(make_config(), make_views=make_views)
    model.compile()
    raw = {name: values for name, values in batch.items() if name != "views"}
    (logs,) = _fit(model, raw | {"raw": batch["views"]})
    assert logs == pytest.approx(_fit(_compiled(), batch)[0])
