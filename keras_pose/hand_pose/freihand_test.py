"""FreiHAND's test as PeCLR takes it: two passes of cropping, prediction, the competition's file, scores.

First the middle of the picture is cropped, then the box of what was predicted there. Joints come out in
metres in the camera's frame, since a crop changes the intrinsics and not the camera.
Reference: the predictor that Spurr et al. 2021 released.
"""

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from keras_pose.files import write_file
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import require_choice
from keras_pose.metrics import FREIHAND_PROTOCOLS, PECLR_PROTOCOLS, freihand_scores, peclr_scores
from keras_pose.metrics.freihand import NUM_VERTICES

# Of the released predictor: side of the first box over the picture's, and of a box over its crop's.
FIRST_BOX_SHARE = 0.33
BOX_SHARE_OF_CROP = 0.7
PIXELS = ("continuous", "integer")

Predictor = Callable[[dict[str, np.ndarray]], dict[str, Any]]


@dataclass(frozen=True)
class HandPrediction:
    """One hand as predicted.

    Args:
        keypoints_2d: float64 `[21, 2]`, pixels of the whole picture, FreiHAND's joint order.
        keypoints_3d: float64 `[21, 3]`, camera frame, bone lengths.
        valid: whether the reference bone settles the depth.
        box: float64 `[4]`, x0, y0, x1, y1 of the last pass's box in the whole picture.
    """

    keypoints_2d: np.ndarray
    keypoints_3d: np.ndarray
    valid: bool
    box: np.ndarray


def first_box(height: int, width: int) -> np.ndarray:
    """Place the square that stands in for a detector, in the picture's middle.

    Args:
        height: of the picture, px.
        width: of the picture, px.

    Returns:
        float64 `[4]`, x0, y0, x1, y1 in px; its side is 0.33 of the picture's shorter one.
    """
    half = 0.5 * FIRST_BOX_SHARE * min(height, width)
    return np.array([width / 2 - half, height / 2 - half, width / 2 + half, height / 2 + half])


def integer_box(points_2d: np.ndarray) -> np.ndarray:
    """Bound points by whole pixels, fractions cut off at both ends as the released predictor does.

    Args:
        points_2d: NumPy `[21, 2]`, px.

    Returns:
        float64 `[4]`, x0, y0, x1, y1 in px, whole numbers.
    """
    return np.trunc(np.concatenate([points_2d.min(axis=0), points_2d.max(axis=0)])).astype(float)


def box_matrix(
    box: np.ndarray, image_size: int, box_share: float = BOX_SHARE_OF_CROP
) -> np.ndarray:
    """Map a box to the middle of a crop.

    Args:
        box: NumPy `[4]`, x0, y0, x1, y1 in px of the picture, x1 > x0 or y1 > y0.
        image_size: side of the crop, px.
        box_share: longer side of the box over the crop's side.

    Returns:
        float64 `[2, 3]`, picture px to crop px.
    """
    box = np.asarray(box, np.float64)
    side = max(box[2] - box[0], box[3] - box[1]) / box_share
    middle = (box[:2] + box[2:]) / 2
    return np.asarray(affine2d.crop_matrix(middle, side, 0.0, image_size))


def crop_picture(
    image: np.ndarray, matrix: np.ndarray, image_size: int, pixels: str = "continuous"
) -> np.ndarray:
    """Cut a crop out of a picture, bilinear, black beyond its border.

    Args:
        image: uint8 NumPy `[H, W, 3]`.
        matrix: float NumPy `[2, 3]`, picture px to crop px.
        image_size: side of the crop S, px.
        pixels: `continuous` (this package's: the first pixel's centre is 0.5) or `integer` (the
            released predictor's: it is 0); half a pixel apart at twice the size.

    Returns:
        uint8 `[S, S, 3]`.

    Raises:
        ValueError: if `pixels` is another word.
    """
    require_choice("pixels", pixels, PIXELS)
    if pixels == "continuous":
        matrix = np.asarray(affine2d.to_integer_centres(matrix))
    return cv2.warpAffine(image, matrix, (image_size, image_size), flags=cv2.INTER_LINEAR)


def predict_hands(
    predict: Predictor,
    pictures: Iterable[tuple[np.ndarray, np.ndarray]],
    image_size: int,
    *,
    num_passes: int = 2,
    batch_size: int = 32,
    box_share: float = BOX_SHARE_OF_CROP,
    pixels: str = "continuous",
) -> Iterator[HandPrediction]:
    """Predict the hand in the middle of each picture.

    Args:
        predict: from `image` float32 `[B, S, S, 3]` in [0, 1] and `intrinsics` float32 `[B, 3, 3]`
            to `keypoints_2d`, `keypoints_3d` and `valid`, as the models of `build_hand_pose` do.
        pictures: pairs of a uint8 `[H, W, 3]` RGB picture and its intrinsics `[3, 3]`, px.
        image_size: side of the crop, px.
        num_passes: 1 takes the middle of the picture alone; each further pass crops anew around
            what the one before predicted. A hand without extent keeps its crop.
        batch_size: pictures that are predicted together.
        box_share: longer side of a predicted box over its crop's side; a network should see hands
            of the size that it was trained on. The first crop is the same for all.
        pixels: see `crop_picture`.

    Yields:
        One prediction per picture, in order.

    Raises:
        ValueError: if `num_passes` or `batch_size` is not positive, or `pixels` is another word.
    """
    if num_passes < 1 or batch_size < 1:
        raise ValueError(
            f"num_passes is {num_passes} and batch_size {batch_size}; give at least 1 of each."
        )
    require_choice("pixels", pixels, PIXELS)
    batch: list[tuple[np.ndarray, np.ndarray]] = []
    for picture in pictures:
        batch.append(picture)
        if len(batch) == batch_size:
            yield from _predict_batch(predict, batch, image_size, num_passes, box_share, pixels)
            batch = []
    if batch:
        yield from _predict_batch(predict, batch, image_size, num_passes, box_share, pixels)


def _predict_batch(predict, batch, image_size, num_passes, box_share, pixels):
    boxes = [first_box(*image.shape[:2]) for image, _ in batch]
    for number in range(num_passes):
        share = box_share if number else BOX_SHARE_OF_CROP
        matrices = np.stack([box_matrix(box, image_size, share) for box in boxes])
        crops = [
            crop_picture(image, matrix, image_size, pixels)
            for (image, _), matrix in zip(batch, matrices, strict=True)
        ]
        intrinsics = affine2d.transform_intrinsics(np.stack([k for _, k in batch]), matrices)
        outputs = predict(
            {
                "image": np.stack(crops).astype(np.float32) / np.float32(255),
                "intrinsics": np.asarray(intrinsics, np.float32),
            }
        )
        crop_points = np.asarray(outputs["keypoints_2d"], np.float64)
        back = np.asarray(affine2d.invert(matrices))
        if number + 1 < num_passes:
            boxes = [_next_box(*item) for item in zip(boxes, crop_points, back, strict=True)]
    points = np.asarray(affine2d.apply(crop_points, back))
    metric = np.asarray(outputs["keypoints_3d"], np.float64)
    valid = np.asarray(outputs["valid"])
    for row, box in enumerate(boxes):
        yield HandPrediction(points[row], metric[row], bool(valid[row]), box)


def _next_box(box, crop_points, back):
    """Return the box of the prediction in the whole picture, or the old one if it has no extent."""
    if not np.isfinite(crop_points).all():
        return box
    found = integer_box(crop_points)
    if not (found[2:] > found[:2]).any():
        return box
    return np.asarray(affine2d.apply(found.reshape(2, 2), back)).reshape(4)


def competition_file(
    keypoints_3d: np.ndarray, vertices: np.ndarray | None, path: str | os.PathLike
) -> None:
    """Write `pred.zip`, with `pred.json` = [joints, vertices] inside, in full or not at all.

    Args:
        keypoints_3d: NumPy `[N, 21, 3]`, metres, camera frame, FreiHAND's joint order.
        vertices: NumPy `[N, 778, 3]` or None, which writes zeros as the competition asks for.
        path: destination.

    Raises:
        ValueError: if the shapes are not these, or a number is not finite.
        OSError: if the file cannot be written.
    """
    joints = np.asarray(keypoints_3d, np.float64)
    if vertices is None:
        vertices = np.zeros((len(joints), NUM_VERTICES, 3))
    for name, points, count in (("joints", joints, 21), ("vertices", vertices, NUM_VERTICES)):
        if points.shape != (len(joints), count, 3) or not np.isfinite(points).all():
            raise ValueError(
                f"{os.fspath(path)}: {name} must be finite and [{len(joints)}, {count}, 3], but "
                f"have the shape {list(points.shape)}; replace missing predictions."
            )
    # Six decimals are micrometres; vertices would make 190 MB otherwise.
    content = json.dumps([joints.round(6).tolist(), np.asarray(vertices).round(6).tolist()])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("pred.json"), content, zipfile.ZIP_DEFLATED)
    write_file(path, buffer.getvalue())


def read_competition_file(path: str | os.PathLike) -> tuple[np.ndarray, np.ndarray]:
    """Read `pred.zip`, or a bare `pred.json`, back.

    Args:
        path: the file.

    Returns:
        Joints float64 `[N, 21, 3]` and vertices `[N, 778, 3]`, metres.

    Raises:
        ValueError: if the file is none of these, in one sentence naming it.
        OSError: if it cannot be read.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = archive.read("pred.json")
        else:
            with open(path, "rb") as file:
                content = file.read()
        joints, vertices = (np.array(part, np.float64) for part in json.loads(content))
    except (KeyError, ValueError, TypeError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{os.fspath(path)} is not a prediction for FreiHAND's competition "
            f"({str(error)[:80]}); give a pred.zip or its pred.json."
        ) from None
    if joints.shape[1:] != (21, 3) or vertices.shape != (len(joints), NUM_VERTICES, 3):
        raise ValueError(
            f"{os.fspath(path)} holds joints {list(joints.shape)} and vertices "
            f"{list(vertices.shape)} where [N, 21, 3] and [N, {NUM_VERTICES}, 3] are expected."
        )
    return joints, vertices


def evaluate_predictions(
    predictions: Sequence[HandPrediction], scales: np.ndarray, true: np.ndarray | None
) -> tuple[np.ndarray, dict[str, float], dict[str, str]]:
    """Bring predictions to metres and score them, once by FreiHAND's rules and once by PeCLR's.

    Args:
        predictions: N of them; one whose depth is open takes part as it is, since the competition
            knows no missing hands.
        scales: NumPy `[N]`, length of the reference bone in metres, as FreiHAND publishes it.
        true: NumPy `[N, 21, 3]`, metres, camera frame, or None where labels are not public.

    Returns:
        Joints float64 `[N, 21, 3]` in metres; scores by key, and the protocol id of each, both empty
        without labels.

    Raises:
        ValueError: if numbers of predictions, scales and labels differ.
    """
    scales = np.asarray(scales, np.float64).reshape(-1)
    counts = {len(predictions), len(scales)} | (set() if true is None else {len(true)})
    if len(counts) != 1 or not predictions:
        raise ValueError(
            f"There are {len(predictions)} predictions, {len(scales)} scales and "
            f"{'no' if true is None else len(true)} labels; give one of each per hand."
        )
    joints = np.stack([hand.keypoints_3d for hand in predictions]) * scales[:, None, None]
    if true is None:
        return joints, {}, {}
    scores = freihand_scores(joints, true) | peclr_scores(joints, true)
    protocols = FREIHAND_PROTOCOLS | PECLR_PROTOCOLS
    return joints, scores, {key: protocols[key].id for key in scores}
