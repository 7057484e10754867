"""The optimizer that every network of TIPS uses, and its learning rate over time."""

import keras

from keras_pose.tips.config import Config


def make_adam(config: Config, learning_rate: float, name: str) -> keras.optimizers.Adam:
    """Return Adam with the run's schedule.

    Args:
        config: `keras_pose.tips.config.Config`; uses learning_rate_schedule, num_steps, adam_beta_1,
            precision.
        learning_rate: initial learning rate.
        name: name of the optimizer, which its variables carry in checkpoints.

    Returns:
        An unbuilt `keras.optimizers.Adam`.

    Reference: TIPS-GAN's author: Adam, 2e-4, default betas, epsilon 1e-7, constant rate.
    """
    if config.learning_rate_schedule == "cosine":
        learning_rate = keras.optimizers.schedules.CosineDecay(learning_rate, config.num_steps)
    return keras.optimizers.Adam(learning_rate, beta_1=config.adam_beta_1, name=name)
