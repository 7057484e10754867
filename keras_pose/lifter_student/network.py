"""The network that lifts what is there of a pose and fills in the rest."""

import keras
from keras import ops

from keras_pose.codecs import pose_scale
from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.layers import ResidualMLP
from keras_pose.lifting.presence import encode_present
from keras_pose.skeletons import H36M_17

_JOINTS = H36M_17.num_joints
_ROOT = H36M_17.root
# Per joint: x, y in the picture, and x, y, z in space. Then the direction of gravity.
_NUM_OUTPUTS = 5 * _JOINTS + 3


class PresenceLifter(keras.Model):
    """3D of every joint from the joints that are there, and their places in the picture.

    (x, y, is it there) per joint -> residual MLP -> corrections. In the picture they are added to the
    pose, or stand alone where a joint is missing. In space they are added to that, root at 0.

    Args:
        config: `keras_pose.lifter_student.config.Config`; uses width, num_blocks.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        points_2d: float `[B, 17, 2]`, normalised by `encode_present`, zeros where missing.
        present: float `[B, 17]` in {0, 1}.
        training: unused.

    Returns:
        dict in the unit of the input: `points_2d` float `[B, 17, 2]`, every joint in the picture, noise
        removed; `points_3d` float `[B, 17, 3]`, root at 0, axes of the camera; `gravity` float
        `[B, 3]`, unit length.

    Reference: LInKs (Hardy and Kim 2023, arXiv 2311.17243) fills and lifts with a network per part;
    here one network is told what is missing.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.network = ResidualMLP(
            _NUM_OUTPUTS, width=config.width, num_blocks=config.num_blocks, name="network"
        )
        self.network.build((None, 3 * _JOINTS))
        self.built = True

    def call(self, points_2d, present, training=False):
        told = ops.concatenate([points_2d, present[..., None]], axis=-1)
        outputs = self.network(ops.reshape(told, (-1, 3 * _JOINTS)), training=training)
        joints = ops.reshape(outputs[:, : 5 * _JOINTS], (-1, _JOINTS, 5))
        plane = points_2d + joints[..., :2]
        space = ops.concatenate([plane + joints[..., 2:4], joints[..., 4:]], axis=-1)
        gravity = outputs[:, 5 * _JOINTS :]
        size = ops.maximum(length(gravity, keepdims=True), 1e-6)
        return {
            "points_2d": plane,
            "points_3d": space - space[:, _ROOT : _ROOT + 1],
            "gravity": gravity / size,
        }


def lift_present(network: PresenceLifter, points_2d: Tensor, present: Tensor) -> dict[str, Tensor]:
    """Lift poses of any unit and place.

    Args:
        network: `PresenceLifter`.
        points_2d: float `[B, 17, 2]`, any unit; missing joints may hold anything.
        present: float `[B, 17]` in {0, 1}.

    Returns:
        dict: `points_2d` `[B, 17, 2]`, joints that are there as given, the others filled in;
        `points_3d` `[B, 17, 3]`, input's unit, root at 0; `scale` `[B]`, size of the whole 2D pose;
        `gravity` `[B, 3]`.
    """
    normalized, centre, scale = encode_present(points_2d, present)
    lifted = network(normalized, present)
    filled = lifted["points_2d"] * scale[:, None, None] + centre[:, None]
    filled = ops.where(present[..., None] > 0, points_2d, filled)
    return {
        "points_2d": filled,
        "points_3d": lifted["points_3d"] * scale[:, None, None],
        "scale": pose_scale(filled - filled[:, _ROOT : _ROOT + 1], network.config.scale_rule),
        "gravity": lifted["gravity"],
    }


class WholePoseLifter:
    """A `PresenceLifter` called as other lifters are: a whole normalised pose without its root.

    Args:
        network: `PresenceLifter`.
    """

    def __init__(self, network):
        self.network = network

    def __call__(self, points_2d, training=False):
        """Return root-relative `[B, 16, 3]` of normalised `[B, 16, 2]`, in the pose's scale."""
        points = ops.pad(points_2d, [(0, 0), (1, 0), (0, 0)])
        present = ops.ones_like(points[..., 0])
        return lift_present(self.network, points, present)["points_3d"][:, 1:]
