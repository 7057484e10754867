"""The mean over a picture and its mirror image, of poses or of the maps that they are read from."""

from collections.abc import Callable, Mapping
from typing import Any

import keras
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


def mirror_outputs(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Write what a network says of a mirrored picture for the picture itself; twice is no change.

    Args:
        outputs: of `build_network`: `heatmaps`, a list of `[B, H, W, 16]`; `depth` `[B, 16]` or
            `depth_maps` `[B, H, W, 16]`.

    Returns:
        The same names.

    Reference: the flip test of Newell et al. 2016.
    """

    def maps(values):
        return ops.take(ops.flip(values, axis=2), _SWAP, axis=-1)

    mirrored: dict[str, Any] = {"heatmaps": [maps(stack) for stack in outputs["heatmaps"]]}
    if "depth_maps" in outputs:
        return mirrored | {"depth_maps": maps(outputs["depth_maps"])}
    return mirrored | {"depth": ops.take(outputs["depth"], _SWAP, axis=-1)}


@keras.saving.register_keras_serializable("keras_pose")
class MirrorMean(keras.layers.Layer):
    """Mean of a network's outputs and of those of the mirrored picture, before they are decoded.

    Call arguments:
        outputs: of the picture, see `mirror_outputs`.
        mirrored: of the mirrored picture.

    Returns:
        The same names and shapes.
    """

    def call(self, outputs, mirrored):
        other = mirror_outputs(mirrored)
        return keras.tree.map_structure(lambda a, b: (a + b) / 2, dict(outputs), other)


def build_mirror_network(network: keras.Model, name: str = "with_mirror") -> keras.Model:
    """Put the mean over a picture and its mirror image behind a network, for `build_pose`.

    Averaging maps keeps one maximum where averaging points may end between two.

    Args:
        network: from `build_network`; its weights are shared, not copied.
        name: of the model.

    Returns:
        Model with the network's inputs `[B, S, S, 3]` and outputs; it costs two passes.
    """
    picture = keras.Input(network.input_shape[1:], name="image", dtype=network.input.dtype)
    mirrored = ops.flip(picture, axis=2)
    mean = MirrorMean(name="mirror_mean", dtype=network.input.dtype)
    return keras.Model(picture, mean(network(picture), network(mirrored)), name=name)
