"""The mean of the poses of a picture and of its mirror image."""

from collections.abc import Callable, Mapping

from keras import ops

from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import MPII_16

_SWAP = list(MPII_16.flip_permutation)


def mirror_pose(pose: Mapping[str, Tensor], image_size: float) -> dict[str, Tensor]:
    """Write the pose of a mirrored picture for the picture itself; twice is no change.

    Args:
        pose: of `decode_pose`: `keypoints_2d` `[B, 16, 2]`, px of the crop, `score` and `depth`
            `[B, 16]`, `points` `[B, 16, 3]`.
        image_size: side of the crop in px.

    Returns:
        The same names: left and right exchanged, x counted from the other side, depth as it was.

    Reference: the flip test of Newell et al. 2016.
    """
    swapped = {name: ops.take(value, _SWAP, axis=1) for name, value in pose.items()}
    points, pixels = swapped["points"], swapped["keypoints_2d"]
    return swapped | {
        "keypoints_2d": ops.concatenate([image_size - pixels[..., :1], pixels[..., 1:]], axis=-1),
        "points": ops.concatenate([-points[..., :1], points[..., 1:]], axis=-1),
    }


def with_mirror(model: Callable[..., Mapping[str, Tensor]]) -> Callable[[Tensor], dict]:
    """Make a function that averages poses over each picture and its mirror image.

    Args:
        model: from pictures `[B, S, S, 3]` to the dict of `decode_pose`.

    Returns:
        Function from pictures `[B, S, S, 3]` to the same dict; scores are averaged too.
    """

    def pose(pictures: Tensor) -> dict:
        own = model(pictures, training=False)
        mirrored = model(ops.flip(pictures, axis=2), training=False)
        other = mirror_pose(mirrored, pictures.shape[2])
        return {name: (own[name] + other[name]) / 2 for name in own}

    return pose
