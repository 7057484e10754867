"""One training step: three successive windows of a disturbed film, lifted as one person in motion."""

import tensorflow as tf
from keras import ops

from keras_pose.geometry import bone_lengths, length
from keras_pose.lifter_motion.config import Config
from keras_pose.lifter_motion.disturbance import (
    NUM_ANSWERS,
    centred,
    disturb,
    num_draws,
    windows_of,
)
from keras_pose.lifter_motion.network import MotionLifter, lift_window
from keras_pose.lifting.draws import draw_uniform
from keras_pose.lifting.taught_model import TaughtLifter
from keras_pose.losses import bone_ratio_prior
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints


class MotionStudent(TaughtLifter):
    """Learns to lift disturbed films as its teacher lifts their single frames undisturbed.

    stretch of film -> `disturb` -> three windows -> lifter -> distances in space and in the picture to
    single lifts; deviation from the proportions of the film's person; acceleration.

    Args:
        config: `keras_pose.lifter_motion.config.Config`.
        **kwargs: passed to `keras.Model`.
    """

    def __init__(self, config: Config, **kwargs):
        names = ("space_error", "plane_error", "bone_error", "smooth_error")
        super().__init__(config, MotionLifter, names, **kwargs)

    def call(self, told, training=False):
        return self.inference_network(told)

    def train_step(self, data):
        points_2d, points_3d, proportions = data
        batch_size = tf.shape(points_2d)[0]
        uniform = draw_uniform(
            num_draws(self.config),
            self.config.seed,
            self.lifter_optimizer.iterations,
            batch_size,
        )
        given = disturb(self.config, centred(points_2d), points_3d, uniform)
        seen, present = (
            windows_of(given[name], self.config.num_frames) for name in ("seen", "present")
        )
        first = self.config.answered
        true_2d, true_3d = (
            given[name][:, first : first + NUM_ANSWERS] for name in ("points_2d", "points_3d")
        )
        with tf.GradientTape() as tape:
            lifted = lift_window(self.network, seen, present)
            space = ops.reshape(lifted["points_3d"], (-1, NUM_ANSWERS, _JOINTS, 3))
            plane = ops.reshape(lifted["plane"], (-1, NUM_ANSWERS, _JOINTS, 2))
            unit = ops.reshape(lifted["unit"], (-1, NUM_ANSWERS, 1))
            acceleration = space[:, 2] - 2.0 * space[:, 1] + space[:, 0]
            bones = bone_lengths(space, H36M_17.bones)
            errors = (
                ops.mean(length(space - true_3d) / unit),
                ops.mean(length(plane - true_2d) / unit),
                ops.mean(bone_ratio_prior(bones, proportions[:, None])),
                ops.mean(length(acceleration) / unit[:, 1]),
            )
        weights = (
            1.0,
            self.config.plane_weight,
            self.config.bone_weight,
            self.config.smooth_weight,
        )
        return self.apply_errors(tape, errors, weights, batch_size)
