"""A small model with every kind of state, trained by the run function and disturbed on purpose.

`python interrupted_runs.py FOLDER`: on two replicas, one undisturbed run and one that is stopped and
killed, for tests that need a process of their own.
"""

import os
import signal
import sys

import keras
import tensorflow as tf

from keras_pose.train import run_folder
from keras_pose.train.callbacks import EpochRows
from keras_pose.train.loop import SavingPlan, run
from keras_pose.train.steps import Stopped
from keras_pose.train.strategy import make_strategy, num_replicas, over_global_batch

STEPS, EPOCHS, BATCH = 12, 3, 8


class Model(keras.Model):
    """Dropout, batch normalisation, an averaged copy, Adam and a metric of the step."""

    extra = 0

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4, activation="tanh")
        self.dropout = keras.layers.Dropout(0.4, seed=3)
        self.norm = keras.layers.BatchNormalization(synchronized=num_replicas() > 1)
        self.last = keras.layers.Dense(1)
        self.tracker = keras.metrics.Mean(name="error")
        self.more = self.add_weight((self.extra,)) if self.extra else None
        self(tf.zeros((2, 3)))

    def compile(self, **kwargs):
        super().compile(optimizer=None, **{"jit_compile": False, **kwargs})
        self.adam = keras.optimizers.Adam(0.01, use_ema=True, ema_momentum=0.9)
        self.adam.build(self.trainable_variables)

    @property
    def optimizers(self):
        return [self.adam]

    @property
    def metrics(self):
        return [self.tracker]

    def call(self, rows, training=False):
        hidden = self.dropout(self.dense(rows), training=training)
        return self.last(self.norm(hidden, training=training))

    def train_step(self, batch):
        with tf.GradientTape() as tape:
            target = tf.reduce_sum(batch["rows"], axis=-1, keepdims=True)
            error = tf.reduce_mean(tf.square(self(batch["rows"], training=True) - target))
            loss = over_global_batch(error)
        values = [variable.value for variable in self.trainable_variables]
        self.adam.apply(tape.gradient(loss, values), self.trainable_variables)
        self.tracker.update_state(error, float(BATCH))
        return {"error": self.tracker.result()}


def batches(first_step):
    """Rows that depend on the step alone, NaN from step 10,000 on."""

    def batch(step):
        rows = tf.random.stateless_normal((BATCH, 3), tf.stack([step, 5]))
        rows += tf.where(step >= 10_000, float("nan"), 0.0)
        return {"rows": rows, "id": step * BATCH + tf.range(BATCH, dtype=tf.int64)}

    return tf.data.Dataset.counter(tf.constant(first_step, tf.int64)).map(batch)


class Disturb(keras.callbacks.Callback):
    """Sends this process a signal after a step; signal 0 stands for a sudden end."""

    def __init__(self, step, number):
        super().__init__()
        self.at, self.number, self.epoch = step, number, 0

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if self.epoch * STEPS + batch + 1 >= self.at:
            self.at = 10**9
            if not self.number:
                raise KeyboardInterrupt
            os.kill(os.getpid(), self.number)


def train(folder, *, at=None, number=0, plan=None, strategy=None, **more):
    """Train to the end, or to a signal after step `at`; returns the exit code that it asks for."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(1)
    os.makedirs(folder, exist_ok=True)
    callbacks = [EpochRows(str(folder), STEPS)] + ([Disturb(at, number)] if at else [])
    try:
        run(
            **{
                "build_model": Model,
                "batches": batches,
                "model_dir": str(folder),
                "batch_size": BATCH,
                "num_steps": STEPS * EPOCHS,
                "steps_per_epoch": STEPS,
                "strategy": strategy or make_strategy("one_device"),
                "callbacks": callbacks,
                "plan": plan or SavingPlan(),
            }
            | more
        )
    except Stopped as stopped:
        return stopped.code
    except KeyboardInterrupt:
        return 130
    return 0


def main(folder):
    strategy = make_strategy("cpu_mirrored", num_devices=2)
    assert strategy.num_replicas_in_sync == 2
    plan = SavingPlan(steps=5)
    assert train(f"{folder}/whole", strategy=strategy, plan=plan) == 0
    for at, number, code in ((8, signal.SIGTERM, 143), (23, 0, 130)):
        assert train(f"{folder}/cut", at=at, number=number, strategy=strategy, plan=plan) == code
    assert train(f"{folder}/cut", strategy=strategy, plan=plan) == 0
    # Several steps per execution, from the middle on, are the same steps.
    assert train(f"{folder}/three", strategy=strategy, steps_per_execution=3) == 0
    assert len(run_folder.read_epochs(f"{folder}/cut")) == EPOCHS


if __name__ == "__main__":
    main(sys.argv[1])
