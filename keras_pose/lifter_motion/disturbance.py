"""What a detector would give of a film: noise that remembers, joints and frames that go missing."""

from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.lifter_motion.config import Config
from keras_pose.lifting.detector_noise import body_height, student_noise
from keras_pose.lifting.draws import mirror_people
from keras_pose.lifting.presence import draw_presence
from keras_pose.skeletons import H36M_17

NUM_ANSWERS = 3
"""Successive frames that a training step lifts: as many as an acceleration needs."""

_JOINTS = H36M_17.num_joints
# Rows of uniform draws: mirror, noise or not, its level and memory, first frame of a gap and its length,
# edge or not, its two widths; then those of presence, one per frame, two per joint and frame of noise.
_FIRST_PRESENCE = 9
_FIRST_FRAME = _FIRST_PRESENCE + 5 + _JOINTS
# A gap lasts all the window this often, or begins and ends anywhere in it.
_LONG_GAPS = 0.5


def stretch_frames(config: Config) -> int:
    """Return the number of frames L of a training example: a window and those after it."""
    return config.num_frames + NUM_ANSWERS - 1


def num_draws(config: Config) -> int:
    """Return the number of uniform draws R that an example needs."""
    return _FIRST_FRAME + stretch_frames(config) * (1 + 2 * _JOINTS)


def disturb(config: Config, points_2d: Tensor, points_3d: Tensor, uniform: Tensor) -> dict:
    """Make what a detector would give of a stretch of film, and what the lifter must answer.

    Args:
        config: the detector.
        points_2d: float `[B, L, 17, 2]`, px, centred on x = 0.
        points_3d: float `[B, L, 17, 3]`, the same lifted frame by frame, px, root at 0.
        uniform: float `[R, B]` in [0, 1).

    Returns:
        dict of float tensors: `seen` `[B, L, 17, 2]`, noisy; `present` `[B, L, 17]` in {0, 1};
        `points_2d` `[B, L, 17, 2]` and `points_3d` `[B, L, 17, 3]` without noise.
    """
    points_2d = mirror_people(points_2d, uniform[0] < 0.5)
    points_3d = mirror_people(points_3d, uniform[0] < 0.5)
    num_frames = stretch_frames(config)
    per_frame = ops.reshape(uniform[_FIRST_FRAME:], (1 + 2 * _JOINTS, num_frames, -1))
    is_noisy = ops.cast(uniform[1] < config.noise_share, "float32")
    height = body_height(points_3d[:, num_frames // 2])
    amount = is_noisy * uniform[2] * config.noise_level * height
    draws = ops.reshape(per_frame[1:], (2, _JOINTS, num_frames, -1))
    noise = student_noise(ops.transpose(draws, (0, 3, 2, 1)), config.noise_degrees_of_freedom)
    noise = remember(noise, config.noise_memory * uniform[3])
    factors = ops.convert_to_tensor(config.joint_noise, dtype="float32")
    noise = noise * (amount[:, None, None] * factors)[..., None]
    return {
        "seen": points_2d + noise,
        "present": _presence(config, uniform, per_frame[0]),
        "points_2d": points_2d,
        "points_3d": points_3d,
    }


def remember(noise: Tensor, memory: Tensor) -> Tensor:
    """Make independent noise of frames follow that of the frame before, its scale unchanged.

    n_0 = e_0, n_t = m n_{t-1} + sqrt(1 - m^2) e_t: a first-order autoregression.

    Args:
        noise: float `[B, L, J, D]`, independent, e.
        memory: float `[B]` in [0, 1), m.

    Returns:
        float `[B, L, J, D]`.
    """
    count = noise.shape[1]
    ages = [[float(max(later - earlier, 0)) for earlier in range(count)] for later in range(count)]
    is_past = [[float(earlier <= later) for earlier in range(count)] for later in range(count)]
    weights = ops.power(memory[:, None, None], ops.convert_to_tensor(ages))
    fresh = ops.sqrt(1.0 - ops.square(memory))[:, None, None]
    first = ops.convert_to_tensor([1.0] + [0.0] * (count - 1))
    weights = weights * ops.convert_to_tensor(is_past) * (first + (1.0 - first) * fresh)
    return ops.einsum("bts,bsjd->btjd", weights, noise)


def _presence(config, uniform, per_frame):
    """Which joints are there in which frame, float `[B, L, 17]` in {0, 1}."""
    num_frames = stretch_frames(config)
    frame = ops.arange(num_frames, dtype="float32")
    joints = draw_presence(
        uniform[_FIRST_PRESENCE:_FIRST_FRAME], config.missing_share, config.max_missing
    )
    is_long = uniform[4] < _LONG_GAPS
    start = ops.where(is_long, 0.0, num_frames * (uniform[4] - _LONG_GAPS) / (1.0 - _LONG_GAPS))
    end = start + ops.where(is_long, float(num_frames), num_frames * uniform[5])
    is_gap = ops.logical_and(frame >= start[:, None], frame <= end[:, None])
    there = ops.maximum(joints[:, None], ops.cast(ops.logical_not(is_gap), "float32")[..., None])
    # Answered frames are always there; before and after them anything may be dropped.
    first, last = config.answered, config.answered + NUM_ANSWERS - 1
    is_answered = ops.logical_and(frame >= first, frame <= last)
    is_kept = ops.transpose(per_frame) >= config.dropped_share
    is_edge = ops.cast(uniform[6] < config.edge_share, "float32")
    begins = ops.floor(is_edge * uniform[7] * (first + 1))
    ends = ops.floor(is_edge * uniform[8] * (num_frames - last))
    is_film = ops.logical_and(frame >= begins[:, None], frame <= (num_frames - 1.0 - ends)[:, None])
    is_frame = ops.logical_or(is_answered, ops.logical_and(is_kept, is_film))
    return there * ops.cast(is_frame, "float32")[..., None]


def windows_of(frames: Tensor, num_frames: int) -> Tensor:
    """Cut the windows of the answered frames out of stretches of film.

    Args:
        frames: `[B, L, ...]`.
        num_frames: frames T of a window.

    Returns:
        `[B * NUM_ANSWERS, T, ...]`, the windows of one stretch together.
    """
    parts = [frames[:, number : number + num_frames] for number in range(NUM_ANSWERS)]
    return ops.reshape(ops.stack(parts, axis=1), (-1, num_frames, *frames.shape[2:]))


def centred(points_px: Tensor) -> Tensor:
    """Move stretches of film so that x = 0 and y = 0 are their mean, `[B, L, 17, 2]`."""
    return points_px - ops.mean(points_px, axis=(1, 2), keepdims=True)
