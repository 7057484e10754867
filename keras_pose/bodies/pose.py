"""What the networks of Wild3D say, read as a pose: points of the crop, scores, depth.

The unit of 3D points is half a side of the crop in all three axes: x and y run from -1 to 1 over the
crop, depth is relative to a root that the network alone knows.
"""

from collections.abc import Mapping
from typing import Any

import keras
from keras import ops

from keras_pose.codecs.heatmap import decode_heatmaps, decode_heatmaps_by_products, soft_argmax
from keras_pose.geometry.shapes import Tensor

# A power of two, so that multiplying rounds nothing.
_STEEP = 2.0**14

COORDINATES = ("argmax", "soft_argmax", "argmax_by_products")
"""How maps become points. The last is the first, to rounding, in operations that phone GPUs have."""


def read_depth(outputs: Mapping[str, Any], points_2d_map: Tensor) -> Tensor:
    """Return the depth of each joint: the network's number, or its depth map's value at the joint.

    Args:
        outputs: of a network, see `build_network`.
        points_2d_map: float `[B, 16, 2]`, px of the maps, where depth maps are read: at the pixel that
            holds the point, or the nearest one. Gradients do not reach the points.

    Returns:
        float `[B, 16]`, half sides of the crop.

    Reference: Zhou et al. 2017, section 3; Xiao et al. 2018 (arXiv 1804.06208).
    """
    if "depth_maps" not in outputs:
        return outputs["depth"]
    maps = outputs["depth_maps"]
    points = ops.cast(points_2d_map, maps.dtype)
    height, width = maps.shape[1], maps.shape[2]
    # Sums of products instead of a gather: every converter and phone has them.
    row = _indicator(points[..., 1], height, maps.dtype)
    column = _indicator(points[..., 0], width, maps.dtype)
    return ops.sum(ops.sum(maps * column[:, None], axis=2) * row, axis=1)


def _indicator(coordinate, size, dtype):
    """`[B, J]` px to `[B, size, J]`: 1 at the pixel that holds the coordinate, 0 elsewhere."""
    coordinate = ops.clip(ops.stop_gradient(coordinate), 0.0, size - 0.5)[:, None]
    edges = ops.reshape(ops.arange(size + 1, dtype=dtype), (1, size + 1, 1))
    # 0 up to an edge's coordinate and 1 beyond it. Float32 tells coordinates up to some hundred px from
    # an edge by 2^-24 or more; two factors, since half precision ends at 2^16.
    before = ops.relu(edges - coordinate)
    for _ in range(2):
        before = ops.minimum(1.0, _STEEP * before)
    return before[:, 1:] - before[:, :-1]


def decode_pose(
    outputs: Mapping[str, Any],
    image_size: int,
    coordinates: str = "argmax",
    sharpness: float = 10.0,
) -> dict[str, Tensor]:
    """Read a network's outputs as poses; the last stack's heat maps count.

    Args:
        outputs: of a network, see `build_network`.
        image_size: side S of the crop in px.
        coordinates: one of `COORDINATES`.
        sharpness: of `soft_argmax`.

    Returns:
        dict of float: `keypoints_2d` `[B, 16, 2]`, px of the crop; `score` `[B, 16]`, the maps' peaks;
        `depth` `[B, 16]`, half sides of the crop, growing away from the camera, relative to what the
        network takes for the root; `points` `[B, 16, 3]`, `(2 x / S - 1, 2 y / S - 1, depth)`.

    Raises:
        ValueError: if `coordinates` is unknown.

    Reference: Zhou et al. 2017, section 3, and their decoding.
    """
    heatmaps = outputs["heatmaps"][-1]
    if coordinates == "soft_argmax":
        points_map, score = soft_argmax(heatmaps, sharpness)
    elif coordinates == "argmax":
        points_map, score = decode_heatmaps(heatmaps)
    elif coordinates == "argmax_by_products":
        points_map, score = decode_heatmaps_by_products(heatmaps)
    else:
        raise ValueError(
            f"--coordinates={coordinates} is unknown; use one of {', '.join(COORDINATES)}."
        )
    depth = read_depth(outputs, points_map)
    pixels_per_cell = image_size / heatmaps.shape[2]
    keypoints_2d = points_map * pixels_per_cell
    plane = keypoints_2d * (2.0 / image_size) - 1.0
    points = ops.concatenate([plane, depth[..., None]], axis=-1)
    return {"keypoints_2d": keypoints_2d, "score": score, "depth": depth, "points": points}


@keras.saving.register_keras_serializable("keras_pose")
class PoseDecoder(keras.layers.Layer):
    """`decode_pose` as a layer.

    Args:
        image_size: see `decode_pose`.
        coordinates: see `decode_pose`.
        sharpness: see `decode_pose`.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        outputs: of a network, see `build_network`.

    Returns:
        See `decode_pose`.

    Raises:
        ValueError: if `coordinates` is unknown.
    """

    def __init__(
        self,
        image_size: int,
        coordinates: str = "argmax",
        sharpness: float = 10.0,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if coordinates not in COORDINATES:
            raise ValueError(
                f"--coordinates={coordinates} is unknown; use one of {', '.join(COORDINATES)}."
            )
        self.image_size = image_size
        self.coordinates = coordinates
        self.sharpness = sharpness

    def call(self, outputs):
        return decode_pose(outputs, self.image_size, self.coordinates, self.sharpness)

    def get_config(self):
        return {
            **super().get_config(),
            "image_size": self.image_size,
            "coordinates": self.coordinates,
            "sharpness": self.sharpness,
        }


def build_pose(
    network: keras.Model,
    image_size: int,
    coordinates: str = "argmax",
    sharpness: float = 10.0,
    name: str = "pose",
) -> keras.Model:
    """Put the decoding behind a network: what is evaluated and exported.

    Args:
        network: from `build_network`; its weights are shared, not copied.
        image_size: side S of the pictures in px.
        coordinates: see `decode_pose`.
        sharpness: see `decode_pose`.
        name: of the model.

    Returns:
        Model from float `[B, S, S, 3]`, RGB in [0, 1], to the dict of `decode_pose`.

    Raises:
        ValueError: if `coordinates` is unknown or the network takes another size.
    """
    side = network.input_shape[1]
    if side not in (None, image_size):
        raise ValueError(
            f"The network expects pictures of {side} px, not {image_size}; build it for that size, "
            "or with --depth_head=map, which accepts any multiple of 64."
        )
    picture = keras.Input((image_size, image_size, 3), name="image", dtype=network.input.dtype)
    decoder = PoseDecoder(
        image_size, coordinates, sharpness, name="decode", dtype=network.input.dtype
    )
    return keras.Model(picture, decoder(network(picture)), name=name)
