"""A served finder as a function of pictures: boxes for networks that keep the contract."""

import os
from dataclasses import dataclass

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.views.graph_crops import crop_matrices, cut_crop
from keras_pose.export import saved_model_runner, version_folder
from keras_pose.geometry import affine2d
from keras_pose.serving.metadata import read_metadata

_SIGNATURE = "find_crop"
# Squares of a picture that are looked at together.
_BATCH = 16


@dataclass(frozen=True)
class FoundBox:
    """One hand or person that a finder sees.

    Attributes:
        box: float64 `[4]`, (x, y, width, height), px of the picture.
        score: probability, 0 to 1.
        rotation_rad: turn, radians clockwise on screen; 0 is upright.
    """

    box: np.ndarray
    score: float
    rotation_rad: float


class ServedFinder:
    """A version folder of a finder, loaded.

    Args:
        folder: version folder, or the folder of a model, whose highest version counts.

    Attributes:
        metadata: what the model says of itself.

    Raises:
        ValueError: if there is no such model, or it finds nothing.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        folder = version_folder(folder)
        self.metadata = read_metadata(folder)
        if _SIGNATURE not in self.metadata.signatures:
            raise ValueError(
                f"{os.fspath(folder)} is not a finder (no signature {_SIGNATURE}): give find_hands "
                "or find_people, which python -m keras_pose.weights.mediapipe writes."
            )
        self._find = saved_model_runner(folder, _SIGNATURE)

    def find(self, image: np.ndarray) -> list[FoundBox]:
        """Find everybody in one picture.

        Args:
            image: uint8 `[H, W, 3]`, RGB, upright.

        Returns:
            What is found, the surest first; empty where nobody is.
        """
        return self.find_most(image)[0]

    def find_most(self, image: np.ndarray) -> tuple[list[FoundBox], bool]:
        """Find as many as the finder has rows for, and say whether there are more.

        Args:
            image: uint8 `[H, W, 3]`, RGB, upright.

        Returns:
            As `find`; and whether somebody was left out, False of finders that cannot tell.
        """
        height, width = image.shape[:2]
        size = self.metadata.image_size
        matrix = crop_matrices(tf.constant([0.0, 0.0, width, height]), size)
        crop = cut_crop(tf.constant(image), matrix, size).numpy()
        (found,), more = self._look([crop], [matrix.numpy()])
        return found, more

    def find_closer(self, image: np.ndarray, share: float) -> list[FoundBox]:
        """Find who is too small in the whole picture: look at squares of it that overlap by half.

        Args:
            image: uint8 `[H, W, 3]`, RGB, upright.
            share: side of the squares over the picture's longer side, in (0, 1).

        Returns:
            What each of the squares shows, those of one square the surest first; who is in several
            squares is there several times.
        """
        squares = np.round(look_squares(image.shape, share)).astype(int)
        # A picture of one pixel has squares too, and rounding must not carry one over the border.
        size, side = self.metadata.image_size, max(int(squares[0, 2]), 1)
        room = [max(side - length, 0) for length in image.shape[:2]]
        padded = np.pad(image, [(0, room[0]), (0, room[1]), (0, 0)])
        last = [padded.shape[1] - side, padded.shape[0] - side]
        squares[:, :2] = np.minimum(squares[:, :2], last)
        zoom = size / side
        # OpenCV's resampling: that of the served graph takes longer than the network.
        how = cv2.INTER_AREA if zoom < 1.0 else cv2.INTER_LINEAR
        crops = [
            cv2.resize(padded[y : y + side, x : x + side], (size, size), interpolation=how)
            for x, y, _, _ in squares
        ]
        matrices = [
            np.array([[zoom, 0.0, -zoom * x], [0.0, zoom, -zoom * y]]) for x, y, _, _ in squares
        ]
        return sum(self._look(crops, matrices)[0], [])

    def _look(self, crops, matrices):
        """Return what each of the crops shows, and whether any showed more."""
        found, more = [], False
        for start in range(0, len(crops), _BATCH):
            answer = self._find({"image": np.stack(crops[start : start + _BATCH])})
            more = more or bool(np.any(answer.get("more", 0)))
            for place, matrix in enumerate(matrices[start : start + _BATCH]):
                rows = {name: answer[name][place] for name in ("boxes", "scores", "rotations")}
                found.append(_boxes(rows, int(answer["count"][place]), matrix))
        return found, more


def look_squares(shape: tuple[int, ...], share: float) -> np.ndarray:
    """Cover a picture with squares that overlap by half at least.

    Args:
        shape: of the picture, height first.
        share: side of the squares over the picture's longer side, in (0, 1].

    Returns:
        float64 `[N, 4]`, (x, y, side, side) in px; they reach beyond a picture that is less wide or high.
    """
    side = share * max(shape[:2])
    places = []
    for length in (shape[1], shape[0]):
        room = max(length - side, 0.0)
        places.append(np.linspace(0.0, room, int(np.ceil(2.0 * room / side - 1e-9)) + 1))
    return np.array([(x, y, side, side) for y in places[1] for x in places[0]])


def _boxes(rows, count, matrix):
    back = affine2d.invert(matrix.astype(np.float64))
    boxes = rows["boxes"].astype(np.float64)
    corners = np.asarray(affine2d.apply(boxes[:, :2], back))
    return [
        FoundBox(
            np.concatenate([corners[row], boxes[row, 2:] / float(matrix[1, 1])]),
            float(rows["scores"][row]),
            float(rows["rotations"][row]),
        )
        for row in range(count)
    ]
