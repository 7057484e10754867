"""A served finder as a function of pictures: boxes for networks that keep the contract."""

import os
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_pose.data.views.graph_crops import crop_matrices, cut_crop
from keras_pose.export import saved_model_runner, version_folder
from keras_pose.geometry import affine2d
from keras_pose.serving.metadata import read_metadata

_SIGNATURE = "find_crop"


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
        answer = self._find({"image": crop[None]})
        back = affine2d.invert(matrix.numpy().astype(np.float64))
        scale = float(matrix[1, 1])
        found = []
        for row in range(int(answer["count"][0])):
            box = answer["boxes"][0, row].astype(np.float64)
            corner = np.asarray(affine2d.apply(box[None, :2], back))[0]
            found.append(
                FoundBox(
                    np.concatenate([corner, box[2:] / scale]),
                    float(answer["scores"][0, row]),
                    float(answer["rotations"][0, row]),
                )
            )
        return found, bool(answer.get("more", [0])[0])
