"""Turned pictures: features that PeCLR leaves know the angle, those of SimCLR were told to forget it."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.peclr import model as model_module
from keras_pose.peclr.model import ContrastiveModel
from tests.peclr.contrastive_batches import make_config

SIDE, BATCH, STEPS = 24, 32, 250
PIXELS = (np.arange(SIDE) + 0.5) / (SIDE / 2) - 1.0


def draw_pointers(identity, angle_deg):
    """Pictures of a pointer with a dot beside it, by shape `identity` [N, 8] and angle [N]: uint8."""
    x, y = np.meshgrid(PIXELS, PIXELS)
    angle = np.deg2rad(angle_deg)[:, None, None]
    # Back to the upright pointer; counter-clockwise on the screen, where y points down.
    along = x * np.cos(angle) - y * np.sin(angle)
    across = x * np.sin(angle) + y * np.cos(angle)
    length, width, dot_x, dot_y, *color = (v[:, None, None] for v in identity.T)
    bar = np.exp(-((across / (0.08 + 0.15 * width)) ** 2)) * (along > -0.1)
    bar = bar * (along < 0.4 + 0.5 * length)
    dot = (along + 0.5 * dot_x) ** 2 + (across - 0.3 - 0.3 * dot_y) ** 2
    ink = np.maximum(bar, np.exp(-dot / 0.02))[..., None]
    color = np.stack([c[:, 0, 0] for c in color[:3]], axis=-1)[:, None, None]
    return (255 * (0.15 + ink * (0.25 + 0.6 * color))).astype(np.uint8)


def _batches(random):
    while True:
        identity = random.uniform(size=(BATCH, 8))
        upright = random.uniform(-180, 180, BATCH)
        turns = random.uniform(-90, 90, (BATCH, 2)).astype(np.float32)
        views = np.stack([draw_pointers(identity, upright + turns[:, i]) for i in (0, 1)], axis=1)
        # Brightness varies, as colour does in real views.
        views = (views * random.uniform(0.7, 1.0, (BATCH, 2, 1, 1, 1))).astype(np.uint8)
        zero = np.zeros((BATCH, 2, 2), np.float32)
        matrix = np.zeros((BATCH, 2, 2, 3), np.float32)
        yield {"views": views, "angle_deg": turns, "jitter": zero, "canonical": matrix}


def _encoder(name, side, synchronized, weights):
    hidden = inputs = keras.Input((side, side, 3))
    for filters in (16, 32, 64):
        hidden = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(hidden)
        hidden = keras.layers.ReLU()(keras.layers.BatchNormalization(momentum=0.9)(hidden))
    return keras.Model(inputs, keras.layers.Flatten()(hidden))


def _features(inverse):
    """Features of fixed pictures after training, and the angles those show, in radians."""
    keras.utils.set_random_seed(1)
    config = make_config(
        inverse=inverse,
        image_size=SIDE,
        projection_width=64,
        num_points=16,
        temperature=0.2,
        learning_rate=3e-3,
        num_steps=STEPS,
        warmup_steps=20,
    )
    model = ContrastiveModel(config)
    model.compile()
    random = np.random.default_rng(2)
    first = next(_batches(random))
    signature = {n: tf.TensorSpec(v.shape, v.dtype) for n, v in first.items()}
    data = tf.data.Dataset.from_generator(lambda: _batches(random), output_signature=signature)
    logs = model.fit(data, steps_per_epoch=STEPS, verbose=0, shuffle=False).history
    assert logs["loss"][0] < 3.5, "nothing was learnt"
    fixed = np.random.default_rng(3)
    angle_deg = fixed.uniform(-180, 180, 1200)
    pictures = draw_pointers(fixed.uniform(size=(1200, 8)), angle_deg)
    return np.array(model.predict(pictures, verbose=0), np.float64), np.deg2rad(angle_deg)


def _angle_error_deg(features, angle):
    """Median error of a linear probe that sees 200 labels, in degrees."""
    features = (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-6)
    features = np.concatenate([features, np.ones((len(features), 1))], axis=1)
    target = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    seen, unseen = slice(0, 200), slice(200, None)
    kernel = features[seen] @ features[seen].T + 10.0 * np.eye(200)
    weights = features[seen].T @ np.linalg.solve(kernel, target[seen])
    found = features[unseen] @ weights
    difference = np.arctan2(found[:, 1], found[:, 0]) - angle[unseen]
    return np.rad2deg(np.median(np.abs((difference + np.pi) % (2 * np.pi) - np.pi)))


@pytest.mark.slow
def test_peclr_knows_the_angle_better_than_simclr(monkeypatch):
    monkeypatch.setattr(model_module, "build_encoder", _encoder)
    errors = {name: _angle_error_deg(*_features(name)) for name in ("none", "official", "centered")}
    assert errors["official"] < 0.7 * errors["none"], errors
    assert errors["centered"] < 0.7 * errors["none"], errors
