"""Poses in a mirror, and lifters that answer the mean over a pose and its mirror image."""

from keras import ops

from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.scored_serving import LiftPresent
from keras_pose.skeletons import H36M_17

_SWAPPED = H36M_17.flip_permutation


def mirror_image(points: Tensor) -> Tensor:
    """Show people in a mirror: x negated, left and right exchanged.

    Args:
        points: float `[..., 17, D]`, Human3.6M-17, centred on x = 0.

    Returns:
        float `[..., 17, D]`.
    """
    return ops.take(points * _sign(points), _SWAPPED, axis=-2)


def with_mirror_image(lift: LiftPresent) -> LiftPresent:
    """Make a lifter that answers the mean over a pose and its mirror image, turned back.

    Both go through the network in one batch, side by side. The mirror image of a pose is then answered
    by the mirror image of its answer, exactly.

    Args:
        lift: see `LiftPresent`.

    Returns:
        Such a lifter; `gravity` of unit length again.
    """

    def answer(points_2d, present):
        both = lift(
            _paired(points_2d, mirror_image(points_2d)),
            _paired(present, ops.take(present, _SWAPPED, axis=-1)),
        )
        pairs = {name: _pairs(both[name]) for name in both}
        one, other = ({name: pairs[name][:, place] for name in pairs} for place in (0, 1))
        gravity = one["gravity"] + other["gravity"] * _sign(other["gravity"])
        return {
            "points_2d": 0.5 * (one["points_2d"] + mirror_image(other["points_2d"])),
            "points_3d": 0.5 * (one["points_3d"] + mirror_image(other["points_3d"])),
            "scale": 0.5 * (one["scale"] + other["scale"]),
            "gravity": gravity / ops.maximum(length(gravity, keepdims=True), 1e-6),
        }

    return answer


def _paired(one, other):
    return ops.reshape(ops.stack([one, other], axis=1), (-1, *one.shape[1:]))


def _pairs(tensor):
    return ops.reshape(tensor, (-1, 2, *tensor.shape[1:]))


def _sign(points):
    return ops.convert_to_tensor([-1.0] + [1.0] * (points.shape[-1] - 1))
