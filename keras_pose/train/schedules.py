"""Learning rates as functions of the update: warm-up with cosine, steps."""

import math
from collections.abc import Sequence

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable("keras_pose")
class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that rises linearly from 0 and falls along half a cosine to 0.

    `peak t / (warmup_steps - 1)` for t < warmup_steps, so that the peak is reached one step early, and
    `peak / 2 (1 + cos(pi (t - warmup_steps) / (num_steps - warmup_steps)))` from then on. Without
    warm-up the first step has the peak; one step of warm-up is a step at 0.

    Args:
        peak: largest learning rate.
        warmup_steps: steps of the rise.
        num_steps: step at which the cosine reaches 0.
        clamp: stay at 0 from there on; False lets the cosine rise again, as the published runs do by
            a fraction of an epoch.

    Raises:
        ValueError: if `num_steps` is not above `warmup_steps`.

    Reference: PeCLR official code, see `docs/peclr.md`.
    """

    def __init__(self, peak: float, warmup_steps: int, num_steps: int, clamp: bool = True):
        if not 0 <= warmup_steps < num_steps:
            raise ValueError(
                f"warmup_steps={warmup_steps} leaves no steps of num_steps={num_steps}; use a "
                "shorter warm-up."
            )
        self.peak = peak
        self.warmup_steps = warmup_steps
        self.num_steps = num_steps
        self.clamp = clamp

    def __call__(self, step):
        step = tf.cast(step, tf.float32)
        rise = step / max(self.warmup_steps - 1, 1)
        progress = (step - self.warmup_steps) / (self.num_steps - self.warmup_steps)
        if self.clamp:
            progress = tf.minimum(progress, 1.0)
        fall = 0.5 * (1.0 + tf.cos(math.pi * progress))
        return self.peak * tf.where(step < self.warmup_steps, rise, fall)

    def get_config(self):
        return {
            "peak": self.peak,
            "warmup_steps": self.warmup_steps,
            "num_steps": self.num_steps,
            "clamp": self.clamp,
        }


@keras.saving.register_keras_serializable("keras_pose")
class StepDecay(keras.optimizers.schedules.LearningRateSchedule):
    """Learning rate that is multiplied by one factor after each of a few updates.

    `rate factor^n` at update t, counted from 0, n the number of given updates <= t: with
    `steps=(4000,)` the updates 0 to 3999 have the whole rate. No updates leave it constant.

    Args:
        rate: learning rate at first.
        steps: updates after which it falls, rising, above 0.
        factor: what it is multiplied by each time.

    Raises:
        ValueError: if the updates do not rise from above 0, or the factor is negative.

    Reference: the published recipe of Zhou et al. 2017 (a tenth after 40 of 50 epochs).
    """

    def __init__(self, rate: float, steps: Sequence[int] = (), factor: float = 0.1):
        steps = tuple(int(step) for step in steps)
        if list(steps) != sorted({*steps}) or min(steps, default=1) < 1 or factor < 0:
            raise ValueError(
                f"steps={steps} must be positive and increasing, and factor={factor} must not be "
                "negative; give the updates after which the learning rate falls."
            )
        self.rate = rate
        self.steps = steps
        self.factor = factor

    def __call__(self, step):
        # A table of rates: no power is computed, so the rates are those of the recipe.
        rates = tf.constant([self.rate * self.factor**n for n in range(len(self.steps) + 1)])
        passed = [tf.cast(tf.cast(step, tf.int64) >= end, tf.int32) for end in self.steps]
        return rates[tf.add_n(passed)] if passed else rates[0]

    def get_config(self):
        return {"rate": self.rate, "steps": list(self.steps), "factor": self.factor}
