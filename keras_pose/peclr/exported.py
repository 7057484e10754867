"""Hand pose networks as they are served: what a version folder says of itself, and hands in pictures.

The network knows square crops of right hands. Here a box becomes such a crop, a left hand its mirror
image, and a camera matrix K that of the crop, M K; what comes back is in the picture's own pixels and
in its camera's frame again.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

from keras_pose.data.augment_host import warp
from keras_pose.data.view_boxes import square_box
from keras_pose.export import saved_model_runner
from keras_pose.geometry import affine2d
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.train import config as configs

_CARD = "card.md"
SIDES = ("right", "left")


def trained_settings(folder: str | os.PathLike) -> FinetuneConfig | None:
    """Reads the settings that an exported network was trained with from its card.

    Args:
        folder: version folder that `keras_pose.peclr.export` wrote.

    Returns:
        The settings; None if there is no card.

    Raises:
        ValueError: if the card holds no settings, naming it.
    """
    path = Path(folder) / _CARD
    if not path.is_file():
        return None
    found = re.search(r"```json\n(.*?)\n```", path.read_text(encoding="utf-8"), re.DOTALL)
    try:
        recipe = json.loads(found[1]) if found else None
    except json.JSONDecodeError:
        recipe = None
    if not isinstance(recipe, dict):
        raise ValueError(
            f"{path} holds no settings as JSON; export the network again, or remove the card to go on "
            "with the settings of the flags."
        )
    # What it was pretrained with is for people.
    recipe.pop("pretraining", None)
    return configs.from_dict(FinetuneConfig, recipe, os.fspath(path))


def crop_size(folder: str | os.PathLike, signature: str) -> int:
    """Returns the side of the square crops that a signature takes as `image`, in pixels.

    Args:
        folder: version folder.
        signature: `serve_image`, `keypoints` or `embed`.

    Raises:
        ValueError: if it takes no square pictures.
    """
    signatures = tf.saved_model.load(os.fspath(folder)).signatures
    inputs = signatures[signature].structured_input_signature[1] if signature in signatures else {}
    shape = inputs["image"].shape.as_list() if "image" in inputs else []
    if len(shape) != 4 or shape[1] is None or shape[1] != shape[2]:
        raise ValueError(
            f"{folder}: signature {signature!r} takes no square 'image' of a fixed size; give a folder "
            "that keras_pose.peclr.export wrote."
        )
    return shape[1]


@dataclass(frozen=True)
class Hand:
    """One hand in its picture, joints in FreiHAND's order.

    Attributes:
        side: "right" or "left".
        matrix: float64 [2, 3], pixels of the picture to those of the crop, mirrored for a left hand.
        keypoints_2d: float64 [21, 2], pixels of the picture.
        depth: float64 [21], away from the camera relative to the root, in reference bones.
        keypoints_3d: float64 [21, 3] metres in the camera's frame; None without a camera, and where
            `valid` is False.
        valid: whether camera, bone and pose settle the depth; None without a camera.
    """

    side: str
    matrix: np.ndarray
    keypoints_2d: np.ndarray
    depth: np.ndarray
    keypoints_3d: np.ndarray | None
    valid: bool | None


class ExportedHandPose:
    """A served network as a function of pictures and boxes.

    Args:
        folder: version folder that `keras_pose.peclr.export` wrote.
        crop_scale: side of a crop over the longer side of its box; 0 takes what was trained.

    Attributes:
        image_size: side of a crop in pixels.
        crop_scale: the one in use.
        settings: what the network was trained with, or None if its folder does not tell.

    Raises:
        ValueError: if there is no such model or it has other signatures.
    """

    def __init__(self, folder: str | os.PathLike, crop_scale: float = 0.0) -> None:
        self._lift = saved_model_runner(folder, "serve_image")
        self._find = saved_model_runner(folder, "keypoints")
        self.image_size = crop_size(folder, "keypoints")
        self.settings = trained_settings(folder)
        trained = FinetuneConfig() if self.settings is None else self.settings
        self.crop_scale = crop_scale or trained.crop_scale
        self._mirrors_left = trained.mirror_left

    def crop_matrix(self, box: np.ndarray, side: str) -> np.ndarray:
        """Returns the map from a picture to the crop that the network sees.

        Args:
            box: [4], (x, y, width, height) in continuous pixels of the picture.
            side: "right" or "left"; a left hand is shown mirrored, as in training.

        Returns:
            float64 [2, 3], pixels of the picture to those of the crop.
        """
        square = square_box(box)
        return np.asarray(
            affine2d.crop_matrix(
                square[:2] + square[2:] / 2.0,
                self.crop_scale * square[2],
                0.0,
                self.image_size,
                mirror=float(side == "left" and self._mirrors_left),
            )
        )

    def predict(
        self,
        image: np.ndarray,
        boxes: np.ndarray,
        side: str,
        intrinsics: np.ndarray | None,
        bone_length_m: float,
    ) -> list[Hand]:
        """Predicts the hands of one picture.

        Args:
            image: uint8 [H, W, 3] RGB.
            boxes: [N, 4], (x, y, width, height) in continuous pixels.
            side: "right" or "left".
            intrinsics: [3, 3], the camera matrix in pixels of the picture, or None: then depth stays
                relative.
            bone_length_m: length of the network's reference bone in metres.

        Returns:
            N hands.
        """
        matrices = np.stack([self.crop_matrix(box, side) for box in np.asarray(boxes, np.float64)])
        crops = np.stack([warp(image, matrix, self.image_size) for matrix in matrices])
        if intrinsics is None:
            outputs = self._find({"image": crops})
        else:
            # The mirrored picture is what this camera sees of the mirrored hand, x -> -x in space.
            mirror = np.linalg.det(matrices[:, :, :2]) < 0
            flips = np.where(mirror[:, None], [-1.0, 1.0, 1.0], [1.0, 1.0, 1.0])
            cameras = affine2d.transform_intrinsics(
                np.asarray(intrinsics, np.float64) * flips[:, None, :], matrices
            )
            outputs = self._lift(
                {
                    "image": crops,
                    "intrinsics": np.asarray(cameras, np.float32),
                    "bone_length": np.full(len(crops), bone_length_m, np.float32),
                }
            )
        points_2d = np.asarray(outputs["keypoints_2d"], np.float64)
        points_2d = np.asarray(affine2d.apply(points_2d, affine2d.invert(matrices)))
        depth = np.asarray(outputs["depth"], np.float64)
        hands = []
        for row, matrix in enumerate(matrices):
            valid, points_3d = None, None
            if intrinsics is not None:
                valid = bool(outputs["valid"][row] > 0)
                points_3d = flips[row] * outputs["keypoints_3d"][row] if valid else None
            hands.append(Hand(side, matrix, points_2d[row], depth[row], points_3d, valid))
        return hands
