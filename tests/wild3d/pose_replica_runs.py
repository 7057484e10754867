"""Steps of the pose model on one and on two replicas, in a process of its own with two logical CPUs.

`python pose_replica_runs.py OUTPUT.npz`: from the same start, the logs of two steps and every variable
afterwards, in float64. The first replica sees pictures with depth labels only, the second but one.
The network is a few layers of the same kinds and heads: tracing an hourglass for two replicas takes
minutes, and what is tested is the step.
"""

import dataclasses
import sys
import types

import keras
import numpy as np
import tensorflow as tf

from keras_pose.layers import BatchNorm
from keras_pose.train.strategy import make_strategy
from keras_pose.wild3d import model as model_module
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel
from tests.train.command_server import leave_graphs_as_traced

STEPS, ROWS = 2, 8
HAS_DEPTH = [1, 1, 1, 1, 0, 0, 1, 0]


def build_tiny(*, image_size, synchronized_batch_norm, **_):
    """Two stacks of heat maps and a depth vector behind synchronised batch normalisation."""
    picture = keras.Input((image_size, image_size, 3))
    hidden = keras.layers.Conv2D(12, 4, 4, use_bias=False, name="stem")(picture)
    hidden = keras.layers.ReLU()(BatchNorm(synchronized=synchronized_batch_norm)(hidden))
    first = keras.layers.Conv2D(16, 1, name="first_maps")(hidden)
    more = keras.layers.Conv2D(12, 3, padding="same", use_bias=False, name="more")(hidden)
    more = keras.layers.ReLU()(BatchNorm(synchronized=synchronized_batch_norm)(more))
    second = keras.layers.Conv2D(16, 1, name="second_maps")(more)
    pooled = keras.layers.GlobalAveragePooling2D()(more)
    depth = keras.layers.Dense(16, name="depth")(pooled)
    return keras.Model(picture, {"heatmaps": [first, second], "depth": depth})


def config():
    """Settings of a small network with every term of the loss, in float64."""
    chosen = Config(
        image_size=64,
        batch_size=ROWS,
        geometric_weight=0.5,
        depth_weight=0.5,
        learning_rate=1e-3,
        num_steps=10,
    )
    fields = dataclasses.asdict(chosen) | {"precision": "float64"}
    return types.SimpleNamespace(**fields, heatmap_size=chosen.heatmap_size)


def batch(seed):
    """Random crops, labels and hidden joints."""
    random = np.random.default_rng(seed)
    return {
        "image": random.integers(0, 256, (ROWS, 64, 64, 3)).astype(np.uint8),
        "keypoints_2d": random.uniform(4, 60, (ROWS, 16, 2)),
        "visible": (random.random((ROWS, 16)) < 0.8).astype(np.float64),
        "depth": random.normal(0, 0.3, (ROWS, 16)),
        "has_depth": np.array(HAS_DEPTH, np.float64),
    }


def train(strategy_name):
    """Train and return the logs of each step and every variable by name."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(7)
    strategy = make_strategy(strategy_name)
    with strategy.scope():
        model = PoseModel(config())
        model.compile()
    variables = {f"model/{v.path}": v for v in model.network.weights}
    (optimizer,) = model.optimizers
    variables |= {f"optimizer/{v.path}": v for v in optimizer.variables}
    arrays = {f"start/{name}": np.array(v.value) for name, v in variables.items()}
    batches = [batch(seed) for seed in range(STEPS)]
    data = tf.data.Dataset.from_tensor_slices(
        {name: np.stack([one[name] for one in batches]) for name in batches[0]}
    )
    for step in range(STEPS):
        history = model.fit(data.skip(step).take(1), verbose=0, shuffle=False).history
        arrays |= {f"log/{step}/{name}": values[0] for name, values in history.items()}
    arrays |= {name: np.array(variable.value) for name, variable in variables.items()}
    arrays["replicas"] = np.array(strategy.num_replicas_in_sync)
    return arrays


if __name__ == "__main__":
    processor = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])
    leave_graphs_as_traced()
    model_module.build_network = build_tiny
    runs = {}
    for prefix, name in (("one", "one_device"), ("two", "cpu_mirrored")):
        runs |= {f"{prefix}/{key}": value for key, value in train(name).items()}
    np.savez(sys.argv[1], **runs)
