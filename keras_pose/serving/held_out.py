"""Crops that no training saw, with somebody and with nobody in them, from a run's own records."""

from collections.abc import Sequence

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.boxes import joints_box, square_box
from keras_pose.data.views.empty_squares import empty_squares
from keras_pose.serving.accuracy import HeldOut, held_out_crops
from keras_pose.serving.contract import PoseNetwork

# Grey levels of pictures without anything in them, and how strongly noise and gradients vary.
_LEVELS = (0, 64, 128, 192, 255)
_CONTRAST = 60.0


def crops_of_batches(batches: tf.data.Dataset, name: str, total: int, count: int) -> HeldOut:
    """Collect labelled crops of a run, spread evenly over its held-out records.

    Args:
        batches: finite dataset of plain crops as `keras_pose.bodies.data` and `keras_pose.hands.data`
            make them.
        name: what they are, for people.
        total: number of held-out records.
        count: number of crops wanted.

    Returns:
        At most about `count` crops with their joints inside the crop.

    Raises:
        ValueError: if there is no crop with a joint.
    """
    rows: list[dict[str, np.ndarray]] = []
    for element in _drawn(batches, total, count):
        row = {key: np.asarray(value) for key, value in element.items()}
        if row["has_2d"] > 0 and row["visible"].any():
            rows.append(row)
    if not rows:
        raise ValueError(f"{name}: no held-out picture has a joint; hold out labelled records.")
    points = [row["projected_2d"] if "projected_2d" in row else row["keypoints_2d"] for row in rows]
    return HeldOut(
        f"{len(rows)} {name}",
        np.stack([row["image"] for row in rows]),
        np.stack(points).astype(np.float64),
        np.stack([row["visible"] for row in rows]),
        np.array([_side(row, point) for row, point in zip(rows, points, strict=True)]),
    )


def _side(row, points):
    zoom = np.sqrt(abs(np.linalg.det(row["matrix"][:, :2])))
    side = zoom * row["box"][2:].max() if row["has_box"] > 0 else 0.0
    if side > 0:
        return side
    around = joints_box(points, row["visible"])
    return float(row["image"].shape[0]) if around is None else around[2:].max()


def places_beside(
    network: PoseNetwork, images: Sequence[np.ndarray], boxes: np.ndarray
) -> np.ndarray:
    """Cut crops beside the only person or hand of pictures.

    Args:
        network: whose crops they are to be.
        images: R pictures uint8 `[H, W, 3]` of one size.
        boxes: `[R, 4]`, (x, y, width, height) px, about the person.

    Returns:
        uint8 `[R, S, S, 3]`.
    """
    count = len(images)
    sizes = np.array([image.shape[:2] for image in images])
    rows = {"id": np.arange(count), "height": sizes[:, 0], "width": sizes[:, 1]}
    squares, _ = empty_squares(rows, square_box(np.asarray(boxes)), 1.0, 0, np.zeros(count, int))
    middles = squares[:, :2] + squares[:, 2:] / 2.0
    sides = squares[:, 2:] / network.crop_scale
    inner = np.concatenate([middles - sides / 2.0, sides], axis=1)
    nothing = np.zeros((count, network.num_joints))
    points = np.zeros((count, network.num_joints, 2))
    return held_out_crops(network, "nobody", images, inner, points, nothing).crops


def images_of_batches(batches: tf.data.Dataset, total: int, count: int) -> np.ndarray:
    """Collect crops without their labels, spread evenly.

    Args:
        batches: finite dataset of crops, as in `crops_of_batches`.
        total: number of their records.
        count: number of crops wanted.

    Returns:
        uint8 `[R, S, S, 3]`.
    """
    drawn = _drawn(batches, total, count)
    return np.stack([np.asarray(element["image"]) for element in drawn])


def _drawn(batches, total, count):
    """Every so many-th record, so that each folder of a run has its share."""
    return batches.unbatch().shard(max(-(-total // count), 1), 0).take(count)


def plain_crops(size: int) -> np.ndarray:
    """Make pictures of nothing: five greys, three colours, a gradient each way, and noise.

    Args:
        size: side S in px.

    Returns:
        uint8 `[12, S, S, 3]`.
    """
    flat = [np.full((size, size, 3), level, np.float64) for level in _LEVELS]
    flat += [np.full((size, size, 3), colour, np.float64) for colour in np.eye(3) * 200.0]
    ramp = np.linspace(128 - _CONTRAST, 128 + _CONTRAST, size)
    flat += [np.broadcast_to(ramp[:, None, None], (size, size, 3))]
    flat += [np.broadcast_to(ramp[None, :, None], (size, size, 3))]
    rng = np.random.default_rng(6)
    for cells in (size, max(size // 8, 2)):
        noise = rng.normal(128.0, _CONTRAST, (cells, cells, 3))
        flat.append(cv2.resize(noise, (size, size), interpolation=cv2.INTER_LINEAR))
    return np.clip(np.stack(flat), 0, 255).astype(np.uint8)
