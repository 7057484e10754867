"""Toys for the fine-tuning step, and a run on one and on two replicas in a process of its own.

`python regressor_runs.py OUTPUT.npz SETTINGS_JSON STEPS`.
"""

import json
import sys
import types

import keras
import numpy as np
import tensorflow as tf

from keras_pose.hand_pose.model import PoseRegressor
from keras_pose.layers import BatchNorm
from keras_pose.train.strategy import make_strategy
from tests.train.command_server import leave_graphs_as_traced

SIZE = 32


def toy_config(**changes):
    """Settings of a run on 32 px crops."""
    settings = {
        "encoder": "resnet18",
        "init": "random",
        "init_from": "",
        "projection": "drop",
        "projection_width": 512,
        "num_points": 64,
        "image_size": SIZE,
        "head": "linear",
        "coordinates": "normalized",
        "root": "wrist",
        "reference_bone": "middle",
        "refine_root": False,
        "encoder_trainable": True,
        "freeze_batch_norm": False,
        "synchronized_batch_norm": False,
        "loss_2d_weight": 1.0,
        "loss_depth_weight": 5.0,
        "loss_root_weight": 1.0,
        "optimizer": "adamw",
        "learning_rate": 1e-3,
        "weight_decay": 1e-4,
        "num_steps": 100,
        "accumulation_steps": 1,
        "warmup_steps": 0,
        "averaging_momentum": 0.0,
        "precision": "float32",
        "seed": 0,
    }
    assert changes.keys() <= settings.keys()
    return types.SimpleNamespace(**(settings | changes))


def toy_encoder(norm=True, synchronized=False):
    """A convolution, batch normalisation if asked, the mean over pixels."""
    image = keras.Input((SIZE, SIZE, 3))
    hidden = keras.layers.Conv2D(8, 5, strides=4)(image)
    if norm:
        hidden = BatchNorm(synchronized=synchronized, name="norm")(hidden)
    hidden = keras.layers.Flatten()(keras.layers.ReLU()(hidden))
    hidden = keras.layers.Dense(16, activation="tanh")(hidden)
    return keras.Model(image, hidden, name="toy")


def toy_batch(num=6, seed=0):
    """Random crops with full labels whose 2D is the projection of the 3D, NumPy."""
    rng = np.random.default_rng(seed)
    hands = rng.uniform(-0.07, 0.07, (num, 21, 3)) + [0.0, 0.0, 0.6]
    # The reference bone lies across the view, so its solver is well posed.
    hands[:, 10] = hands[:, 9] + [0.03, 0.0, 0.002]
    matrix = np.array([[110.0, 0.0, 16.0], [0.0, 112.0, 16.0], [0.0, 0.0, 1.0]])
    pixels = hands @ matrix.T
    batch = {
        "image": rng.random((num, SIZE, SIZE, 3)),
        "keypoints_2d": pixels[..., :2] / pixels[..., 2:],
        "visible": np.ones((num, 21)),
        "has_2d": np.ones(num),
        "keypoints_3d": hands,
        "has_3d": np.ones(num),
        "has_depth": np.ones(num),
        "intrinsics": np.broadcast_to(matrix, (num, 3, 3)),
        "scale": np.linalg.norm(hands[:, 10] - hands[:, 9], axis=-1),
    }
    batch = {name: value.astype(np.float32) for name, value in batch.items()}
    return batch | {"id": np.arange(num, dtype=np.int64)}


def uneven_batch(num=8):
    """A batch whose labels are unevenly spread over its two halves."""
    batch = toy_batch(num)
    batch["has_2d"][:2] = 0
    batch["has_3d"][: num // 2 + 1] = 0
    batch["has_depth"][: num // 2] = 0
    batch["visible"][1::3, 5:9] = 0
    return batch


def train(strategy_name, changes, num_steps):
    """Train on one batch; logs of each step and every weight by name."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(changes["precision"])
    strategy = make_strategy(strategy_name)
    with strategy.scope():
        model = PoseRegressor(toy_config(**changes), toy_encoder(synchronized=True))
        model.compile()
    batch = uneven_batch()
    dataset = tf.data.Dataset.from_tensors(batch).unbatch().batch(8).repeat()
    arrays = {"replicas": strategy.num_replicas_in_sync}
    for step in range(num_steps):
        history = model.fit(dataset, steps_per_epoch=1, verbose=0, shuffle=False).history
        arrays |= {f"log/{step}/{name}": values[0] for name, values in history.items()}
    for network in ("pose", "averaged_pose"):
        weights = getattr(model, network).weights
        arrays |= {f"{network}/{v.path}": np.array(v) for v in weights}
    return arrays


if __name__ == "__main__":
    output, changes, steps = sys.argv[1:]
    processor = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])
    leave_graphs_as_traced()
    runs = {}
    for prefix, name in (("one", "one_device"), ("two", "cpu_mirrored")):
        run = train(name, json.loads(changes), int(steps))
        runs |= {f"{prefix}/{key}": value for key, value in run.items()}
    np.savez(output, **runs)
