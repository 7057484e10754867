"""Contrastive steps on one and on two replicas, in a process of its own with two logical CPUs.

`python contrastive_replica_runs.py OUTPUT.npz CASES_JSON`: for every case, a dict of config changes by
name, from the same start, the logs of two steps and every variable afterwards. The encoder "tiny" is two
layers, for cases in which the network is not the point.
"""

import json
import sys

import keras
import numpy as np
import tensorflow as tf

from keras_pose.layers import BatchNorm
from keras_pose.layers.encoders import build_encoder
from keras_pose.peclr import model as model_module
from keras_pose.peclr.model import ContrastiveModel
from keras_pose.train.strategy import make_strategy
from tests.peclr.contrastive_batches import make_batch, make_config
from tests.train.command_server import leave_graphs_as_traced

STEPS = 2


def _build_encoder(name, side, synchronized, weights):
    if name != "tiny":
        return build_encoder(name, side, synchronized, weights)
    inputs = keras.Input((side, side, 3))
    hidden = keras.layers.Conv2D(12, 8, strides=8, use_bias=False, name="conv1")(inputs)
    hidden = keras.layers.ReLU()(BatchNorm(synchronized=synchronized, name="bn1")(hidden))
    full = keras.config.dtype_policy().variable_dtype
    return keras.Model(inputs, keras.layers.GlobalAveragePooling2D(dtype=full)(hidden))


def train(strategy_name, config):
    """Train and return the logs of each step and every variable by name."""
    keras.utils.clear_session()  # the second model's layers are numbered from 1 too
    keras.utils.set_random_seed(7)
    strategy = make_strategy(strategy_name)
    with strategy.scope():
        model = ContrastiveModel(config)
        model.compile()
    variables = {f"model/{number}/{v.path}": v for number, v in enumerate(model.weights)}
    arrays = {f"start/{name}": np.array(v.value) for name, v in variables.items()}
    batches = [make_batch(config.batch_size * config.accumulation_steps, s) for s in range(STEPS)]
    stacked = {name: np.stack([b[name] for b in batches]) for name in batches[0]}
    data = tf.data.Dataset.from_tensor_slices(stacked)
    logs = []
    for step in range(STEPS):
        history = model.fit(data.skip(step).take(1), verbose=0, shuffle=False).history
        logs.append({name: values[0] for name, values in history.items()})
    held_out = model.evaluate(data.take(1), verbose=0, return_dict=True)
    (optimizer,) = model.optimizers
    variables |= {f"optimizer/{i}/{v.path}": v for i, v in enumerate(optimizer.variables)}
    arrays |= {name: np.array(variable.value) for name, variable in variables.items()}
    arrays |= {f"log/{name}": np.array([step[name] for step in logs]) for name in logs[0]}
    arrays |= {f"held_out/{name}": np.array(value) for name, value in held_out.items()}
    arrays["replicas"] = np.array(strategy.num_replicas_in_sync)
    return arrays


def main(output, cases):
    """Write `CASE/one/...` and `CASE/two/...` arrays."""
    processor = tf.config.list_physical_devices("CPU")[0]
    half = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(processor, [half, half])
    leave_graphs_as_traced()
    model_module.build_encoder = _build_encoder
    arrays = {}
    for case, changes in json.loads(cases).items():
        for prefix, strategy_name in (("one", "one_device"), ("two", "cpu_mirrored")):
            run = train(strategy_name, make_config(**changes))
            arrays |= {f"{case}/{prefix}/{name}": array for name, array in run.items()}
    np.savez(output, **arrays)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
