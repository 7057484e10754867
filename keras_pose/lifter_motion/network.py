"""The network that lifts one frame of a window, and the frame in which it sees the window."""

import keras
import numpy as np
from keras import ops

from keras_pose.codecs import pose_scale
from keras_pose.geometry.length import root
from keras_pose.geometry.shapes import Tensor
from keras_pose.layers import ResidualMLP
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints
_ROOT = H36M_17.root
_NUM_INPUTS = 3 * _JOINTS + 2
_NUM_OUTPUTS = 5 * _JOINTS
# People farther from where they are on average than so many sizes are out of the window's sight.
_FARTHEST = 6.0


class MotionLifter(keras.Model):
    """3D of one frame from a window of frames with joints missing.

    (x, y, is it there) per joint and the person's place per frame -> their course over the window as
    cosines, and the answered frame itself -> residual MLP, beside it one dense layer that can average
    frames -> corrections. They are added to the frame as seen, or stand alone where a joint is missing.

    Args:
        config: `keras_pose.lifter_motion.config.Config`; uses num_frames, answer, num_waves, width,
            num_blocks.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        told: float `[B, T, 53]`, of `encode_window`.
        training: unused.

    Returns:
        dict in the window's unit: `points_2d` float `[B, 17, 2]`, every joint of the answered frame
        relative to its centre, noise removed; `points_3d` float `[B, 17, 3]`, root at 0, axes of the
        camera.

    Reference: VideoPose3D (Pavllo et al. 2019, arXiv 1811.11742) lifts 27 to 243 frames, by dilated
    convolutions and taught by 3D; Akhter et al. 2011 (TPAMI 33 (7), trajectory space): joints move
    along few cosines.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.network = ResidualMLP(
            _NUM_OUTPUTS, width=config.width, num_blocks=config.num_blocks, name="network"
        )
        self.waves = cosines(config.num_frames, config.num_waves)
        self.num_inputs = (1 + len(self.waves)) * _NUM_INPUTS
        self.network.build((None, self.num_inputs))
        self.direct = keras.layers.Dense(_NUM_OUTPUTS, use_bias=False, name="direct")
        self.direct.build((None, self.num_inputs))
        self.built = True

    def call(self, told, training=False):
        answered = told[:, self.config.answered]
        courses = ops.matmul(ops.convert_to_tensor(self.waves), told)
        flat = ops.reshape(courses, (-1, self.num_inputs - _NUM_INPUTS))
        flat = ops.concatenate([answered, flat], axis=-1)
        outputs = self.network(flat, training=training) + self.direct(flat)
        joints = ops.reshape(outputs, (-1, _JOINTS, 5))
        seen = ops.reshape(answered[:, : 2 * _JOINTS], (-1, _JOINTS, 2))
        plane = seen + joints[..., :2]
        space = ops.concatenate([plane + joints[..., 2:4], joints[..., 4:]], axis=-1)
        return {"points_2d": plane, "points_3d": space - space[:, _ROOT : _ROOT + 1]}


def cosines(num_frames: int, num_waves: int) -> np.ndarray:
    """Return the slowest cosines over a window, which turn courses into amplitudes.

    Args:
        num_frames: frames T.
        num_waves: cosines Q wanted; no more than T are made.

    Returns:
        float32 `[Q, T]`, row q of length 1 over the root of T: mean, half a wave, ...
    """
    frame = (np.arange(num_frames) + 0.5) / num_frames
    waves = np.cos(np.pi * np.arange(min(num_waves, num_frames))[:, None] * frame)
    return (waves / np.sqrt(np.square(waves).sum(axis=1, keepdims=True) * num_frames)).astype(
        "float32"
    )


def encode_window(points: Tensor, present: Tensor) -> dict[str, Tensor]:
    """Bring a window of frames into the network's form.

    Each frame is centred on the mean of its joints that are there; one unit serves the whole window, the
    root of the mean square of what is left.

    Args:
        points: float `[B, T, 17, 2]`; what stands where a joint is missing is not looked at.
        present: float `[B, T, 17]` in {0, 1}; all 0 where a frame is missing.

    Returns:
        dict: `told` float `[B, T, 53]`: 34 coordinates, 17 times whether a joint is there, 2 of the
        frame's centre relative to the mean of all; `centre` float `[B, T, 2]`, 0 where a frame is
        missing, and `unit` float `[B]`, both in the input's unit. The unit is 1 where joints coincide.
    """
    there = present[..., None] > 0
    points = ops.where(there, points, ops.zeros_like(points))
    count = ops.sum(present, axis=-1)[..., None]
    centre = ops.sum(points, axis=-2) / ops.maximum(count, 1.0)
    apart = ops.where(there, points - centre[..., None, :], ops.zeros_like(points))
    # Squares of coordinates far from 1 leave float32, so they are taken of numbers near 1.
    largest = ops.max(ops.absolute(apart), axis=(1, 2, 3))
    largest = ops.where(largest > 0, largest, ops.ones_like(largest))
    near_one = ops.square(apart / largest[:, None, None, None])
    mean = ops.sum(near_one, axis=(1, 2, 3)) / ops.maximum(2.0 * ops.sum(present, axis=(1, 2)), 1.0)
    unit = largest * ops.where(mean > 0, root(mean), ops.ones_like(mean))
    is_frame = ops.cast(count > 0, "float32")
    frames = ops.maximum(ops.sum(is_frame, axis=1, keepdims=True), 1.0)
    place = centre - ops.sum(centre, axis=1, keepdims=True) / frames
    place = ops.clip(place / unit[:, None, None], -_FARTHEST, _FARTHEST) * is_frame
    num_frames = points.shape[1]
    flat = ops.reshape(apart / unit[:, None, None, None], (-1, num_frames, 2 * _JOINTS))
    return {
        "told": ops.concatenate([flat, present, place], axis=-1),
        "centre": centre,
        "unit": unit,
    }


def lift_window(network: MotionLifter, points: Tensor, present: Tensor) -> dict[str, Tensor]:
    """Lift the answered frame of windows of any unit and place.

    Args:
        network: `MotionLifter`.
        points: float `[B, T, 17, 2]`, any unit; missing joints may hold anything.
        present: float `[B, T, 17]` in {0, 1}.

    Returns:
        dict: `plane` `[B, 17, 2]`, the answered frame's joints, noise removed and gaps filled;
        `filled_2d` `[B, 17, 2]`, joints that are there as given, the others filled in; `points_3d`
        `[B, 17, 3]`, input's unit, root at 0; `scale` `[B]`, size of the filled pose; `unit` `[B]`.
    """
    window = encode_window(points, present)
    lifted = network(window["told"])
    unit = window["unit"][:, None, None]
    answered = network.config.answered
    plane = lifted["points_2d"] * unit + window["centre"][:, answered, None]
    is_there = present[:, answered, :, None] > 0
    filled = ops.where(is_there, points[:, answered], plane)
    return {
        "plane": plane,
        "filled_2d": filled,
        "points_3d": lifted["points_3d"] * unit,
        "scale": pose_scale(filled - filled[:, _ROOT : _ROOT + 1], network.config.scale_rule),
        "unit": window["unit"],
    }
