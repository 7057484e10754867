"""One training step: a teacher's pose, seen by another camera, with noise and without some joints."""

import math

import tensorflow as tf
from keras import ops

from keras_pose.codecs import pose_scale
from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifter_student.config import Config
from keras_pose.lifter_student.network import PresenceLifter, WholePoseLifter
from keras_pose.lifting.detector_noise import body_height, student_noise
from keras_pose.lifting.draws import draw_uniform, mirror_people
from keras_pose.lifting.other_cameras import down_direction, draw_cameras, show_to_cameras
from keras_pose.lifting.presence import draw_presence, encode_present
from keras_pose.lifting.taught_model import TaughtLifter
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints
# Rows of uniform draws: mirror, other camera, its six numbers, noise or not, its level; then those of
# presence and two per joint of noise.
_FIRST_PRESENCE = 10
_FIRST_NOISE = _FIRST_PRESENCE + 5 + _JOINTS
_NUM_DRAWS = _FIRST_NOISE + 2 * _JOINTS


def disturb(config: Config, points_2d: Tensor, points_3d: Tensor, uniform: Tensor) -> dict:
    """Make what a detector would give of a pose, and what the lifter must answer.

    Args:
        config: the cameras and the detector.
        points_2d: float `[B, 17, 2]`, poses of size 1, root at 0.
        points_3d: float `[B, 17, 3]`, the same lifted by the teacher.
        uniform: float `[66, B]` in [0, 1).

    Returns:
        dict of float tensors: `seen` `[B, 17, 2]`, noisy; `present` `[B, 17]` in {0, 1}; `points_2d`
        `[B, 17, 2]` and `points_3d` `[B, 17, 3]` without noise, root at 0; `gravity` `[B, 3]`.
    """
    mirror = uniform[0] < 0.5
    points_2d, points_3d = (mirror_people(points, mirror) for points in (points_2d, points_3d))
    pitch_rad = math.radians(config.teacher_pitch_deg)
    is_other = uniform[1] < config.other_cameras_share
    cameras = draw_cameras(
        uniform[2:8], config.pitch_range_deg, config.roll_range_deg, config.azimuth_range_deg
    )
    other_2d, other_3d = show_to_cameras(points_3d, pitch_rad, cameras)
    points_2d = ops.where(is_other[:, None, None], other_2d, points_2d)
    points_3d = ops.where(is_other[:, None, None], other_3d, points_3d)
    level = ops.zeros_like(cameras["roll_rad"])
    gravity = ops.where(
        is_other[:, None],
        down_direction(cameras["pitch_rad"], cameras["roll_rad"]),
        down_direction(level + pitch_rad, level),
    )
    is_noisy = ops.cast(uniform[8] < config.noise_share, "float32")
    amount = is_noisy * uniform[9] * config.noise_level * body_height(points_3d)
    draws = ops.reshape(uniform[_FIRST_NOISE:], (2, _JOINTS, -1))
    noise = student_noise(ops.swapaxes(draws, 1, 2), config.noise_degrees_of_freedom)
    factors = ops.convert_to_tensor(config.joint_noise, dtype="float32")
    noise = noise * (amount[:, None] * factors)[..., None]
    presence = uniform[_FIRST_PRESENCE:_FIRST_NOISE]
    return {
        "seen": points_2d + noise,
        "present": draw_presence(presence, config.missing_share, config.max_missing),
        "points_2d": points_2d,
        "points_3d": points_3d,
        "gravity": gravity,
    }


class LifterStudent(TaughtLifter):
    """Learns to lift disturbed poses as its teacher lifts them whole.

    pose, teacher's 3D -> `disturb` -> lifter -> distances in space and in the picture, gravity's angle.

    Args:
        config: `keras_pose.lifter_student.config.Config`.
        **kwargs: passed to `keras.Model`.

    Reference: TIPS-GAN (arXiv 2205.05980), knowledge distillation; LInKs (Hardy and Kim 2023, arXiv
    2311.17243), limbs and halves removed in training.
    """

    def __init__(self, config, **kwargs):
        names = ("space_error", "plane_error", "gravity_error")
        super().__init__(config, PresenceLifter, names, **kwargs)

    def call(self, points_2d, training=False):
        return WholePoseLifter(self.inference_network)(points_2d)

    def train_step(self, data):
        points_2d, points_3d = data
        batch_size = tf.shape(points_2d)[0]
        uniform = draw_batch(self.config.seed, self.lifter_optimizer.iterations, batch_size)
        given = disturb(self.config, points_2d, points_3d, uniform)
        size = pose_scale(given["points_2d"])[:, None]
        seen, centre, scale = encode_present(given["seen"], given["present"])
        with tf.GradientTape() as tape:
            lifted = self.network(seen, given["present"], training=True)
            unit = scale[:, None, None]
            space = lifted["points_3d"] * unit - given["points_3d"]
            plane = lifted["points_2d"] * unit + centre[:, None] - given["points_2d"]
            errors = (
                ops.mean(length(space) / size),
                ops.mean(length(plane) / size),
                ops.mean(1.0 - ops.sum(lifted["gravity"] * given["gravity"], axis=-1)),
            )
        weights = (1.0, self.config.plane_weight, self.config.gravity_weight)
        return self.apply_errors(tape, errors, weights, batch_size)


def draw_batch(seed: int, step: Tensor, batch_size: Tensor) -> Tensor:
    """Draw what is random in a step, a pure function of (seed, step, position in the global batch).

    Args:
        seed: of the run.
        step: int scalar, number of finished steps.
        batch_size: int scalar, poses on this replica, the same on every replica.

    Returns:
        float `[66, B]` in [0, 1), what `disturb` takes.
    """
    return draw_uniform(_NUM_DRAWS, seed, step, batch_size)
