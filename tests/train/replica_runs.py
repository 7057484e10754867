"""One and two replicas beside each other, in a process of its own with two logical CPUs.

`python replica_runs.py OUTPUT.npz SETTINGS_JSON STEPS`: trains twice from the same start and writes
each run's logs per step and every variable afterwards.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_pose.lifting.data import training_batches
from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config
from keras_pose.train.strategy import make_strategy
from tests.train.command_server import leave_graphs_as_traced

POSES, BATCH = 40, 16


def two_logical_processors():
    """Split the processor in two; only before TensorFlow looks at its devices."""
    processor = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])
    leave_graphs_as_traced()


class StepLogs(keras.callbacks.Callback):
    """Collects what every step logs; Keras averages over an epoch, so an epoch is one step."""

    def __init__(self):
        super().__init__()
        self.steps = []

    def on_epoch_end(self, epoch, logs=None):
        self.steps.append({name: float(value) for name, value in logs.items()})


def named_weights(model):
    """Every weight by network; the averaged lifter's layers bear the same names as the lifter's."""
    networks = {
        "lifter": model.lifter,
        "averaged": model.averaged_lifter,
        "discriminator": model.discriminator,
        "bone_ratios": model.bone_ratios,
    }
    weights = {f"{key}/{v.path}": v for key, network in networks.items() for v in network.weights}
    weights["camera_pitch"] = model.camera_pitch
    assert len(weights) == len(model.weights)
    return weights


def train(strategy_name, config, num_steps):
    """Train and return the logs of each step and every variable by name."""
    keras.utils.clear_session()  # the second model's layers are numbered from 1 too
    keras.utils.set_random_seed(7)
    random = np.random.default_rng(3)
    poses = random.uniform(-1, 1, (POSES, 16, 2)).astype(np.float32)
    strategy = make_strategy(strategy_name)
    with strategy.scope():
        model = AdversarialLifter(config)
        model.compile()
    start = {f"start/{name}": np.array(v.value) for name, v in named_weights(model).items()}
    collected = StepLogs()
    model.fit(
        training_batches(poses, batch_size=BATCH, seed=5),
        epochs=num_steps,
        steps_per_epoch=1,
        verbose=0,
        callbacks=[collected],
    )
    variables = {f"model/{name}": variable for name, variable in named_weights(model).items()}
    for optimizer in model.optimizers:
        for number, variable in enumerate(optimizer.variables):
            variables[f"optimizer/{optimizer.name}/{number}/{variable.path}"] = variable
    arrays = {name: np.array(variable.value) for name, variable in variables.items()}
    for name in collected.steps[0]:
        arrays[f"log/{name}"] = np.array([step[name] for step in collected.steps])
    arrays["replicas"] = np.array(strategy.num_replicas_in_sync)
    return start | arrays


def main(output, settings, num_steps):
    """Write `one/...` and `two/...` arrays."""
    two_logical_processors()
    config = Config(**json.loads(settings))
    runs = {"one": "one_device", "two": "cpu_mirrored"}
    arrays = {
        f"{prefix}/{name}": array
        for prefix, strategy_name in runs.items()
        for name, array in train(strategy_name, config, num_steps).items()
    }
    np.savez(output, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
