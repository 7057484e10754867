"""Small batches and settings for tests of the contrastive model."""

import dataclasses
import types

import numpy as np

from keras_pose.peclr.config import PretrainConfig

SIDE = 32


def make_config(**changes):
    """A config for seconds, as a namespace, so that tests may ask for float64 too."""
    small = PretrainConfig(
        encoder="resnet18",
        image_size=SIDE,
        num_points=8,
        projection_width=16,
        batch_size=8,
        warmup_steps=0,
        num_steps=100,
    )
    return types.SimpleNamespace(**(dataclasses.asdict(small) | changes))


def make_batch(pictures, seed=0, dtype=np.uint8):
    """A batch of noise with parameters that turn, scale and shift."""
    random = np.random.default_rng(seed)
    angle_deg = random.uniform(-45, 45, (pictures, 2)).astype(np.float32)
    jitter = random.uniform(-0.1, 0.1, (pictures, 2, 2)).astype(np.float32)
    angle = np.deg2rad(angle_deg)
    linear = np.stack(
        [
            np.stack([np.cos(angle), np.sin(angle)], -1),
            np.stack([-np.sin(angle), np.cos(angle)], -1),
        ],
        axis=-2,
    )
    linear = linear * random.uniform(0.8, 1.3, (pictures, 2, 1, 1))
    canonical = np.concatenate([linear, 2.0 * jitter[..., None]], axis=-1).astype(np.float32)
    views = random.integers(0, 256, (pictures, 2, SIDE, SIDE, 3))
    return {
        "views": views.astype(dtype) if dtype == np.uint8 else (views / 255.0).astype(dtype),
        "canonical": canonical,
        "angle_deg": angle_deg,
        "jitter": jitter,
        "id": np.arange(pictures, dtype=np.int64),
    }
