"""Body pose networks as they are served: what a version folder says of itself, and persons in pictures.

The network knows square crops. Here a box becomes such a crop, cut as in training, and a camera matrix K
that of the crop, M K; what comes back is in the picture's own pixels and in its camera's frame again.
"""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from keras_pose.data.augment_host import warp
from keras_pose.data.view_boxes import square_box
from keras_pose.export import saved_model_runner
from keras_pose.geometry import affine2d
from keras_pose.skeletons import MPII_16

_CARD = "card.md"
_SIGNATURE = "serve_crop"
# Crops that go through the network together.
_MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Trained:
    """What an exported network tells of its training.

    Attributes:
        image_size: side S of the crop in px.
        crop_scale: side of the crop over the side of the box.
        bone_sum_m: mean sum of the 14 bones of the training records, m; 0 if unknown.
    """

    image_size: int
    crop_scale: float
    bone_sum_m: float


def read_trained(folder: str | os.PathLike) -> Trained:
    """Reads what a network was trained with from its card.

    Args:
        folder: version folder that `keras_pose.wild3d.export` wrote.

    Returns:
        The facts.

    Raises:
        ValueError: if there is no card or it holds no settings, naming it.
    """
    path = Path(folder) / _CARD
    if not path.is_file():
        raise ValueError(
            f"{path} is missing; give the version folder that keras_pose.wild3d.export wrote."
        )
    found = re.search(r"```json\n(.*?)\n```", path.read_text(encoding="utf-8"), re.DOTALL)
    try:
        recipe = json.loads(found[1]) if found else {}
        return Trained(
            image_size=int(recipe["image_size"]),
            crop_scale=float(recipe["crop_scale"]),
            bone_sum_m=float(recipe["training_bone_sum_mm"]) / 1000.0,
        )
    except (json.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} holds no settings of a body pose network; export the network again."
        ) from error


@dataclass(frozen=True)
class Body:
    """One person in a picture, 2D joints in the order `MPII_16`.

    Attributes:
        box: float64 [4], (x, y, side, side), the square that the network saw, pixels of the picture.
        keypoints_2d: float64 [16, 2], pixels of the picture.
        score: float64 [16], the maps' peaks.
        depth: float64 [16], away from the camera relative to the pelvis, half sides of the square.
        points: float64 [16, 3], half sides of the square, its middle at 0; depth as in `depth`.
        keypoints_3d: float64 [16, 3] metres, axes of the camera, pelvis at 0, order `MPII_16_SPINE`;
            None without a size.
        position: float64 [3] metres, the pelvis in the camera frame, approximate; None without a size
            or a camera.
        valid: False where the box shows nothing of the picture; all numbers are then 0.
    """

    box: np.ndarray
    keypoints_2d: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    points: np.ndarray
    keypoints_3d: np.ndarray | None
    position: np.ndarray | None
    valid: bool


class ExportedPose:
    """A served network as a function of pictures and boxes.

    Args:
        folder: version folder that `keras_pose.wild3d.export` wrote.

    Attributes:
        trained: what the network tells of its training.

    Raises:
        ValueError: if there is no such model or it has other signatures.
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self._serve = saved_model_runner(folder, _SIGNATURE)
        self.trained = read_trained(folder)

    def predict(
        self,
        image: np.ndarray,
        boxes: np.ndarray | None = None,
        intrinsics: np.ndarray | None = None,
        bone_sum_m: float = 0.0,
        height_m: float = 0.0,
    ) -> list[Body]:
        """Predicts the persons of one picture.

        Args:
            image: uint8 [H, W, 3] RGB.
            boxes: [N, 4], (x, y, width, height) in continuous pixels; the square of the longer side
                about the middle is what the network sees, so leave a quarter more room than the
                person needs. None takes the whole picture.
            intrinsics: [3, 3], the camera matrix in pixels of the picture, or None.
            bone_sum_m: length of the person's 14 bones together, m; 0 if unknown.
            height_m: the person's height, m; counts where the bone sum is unknown.

        Returns:
            N persons; a box that shows nothing of the picture gives one that is not valid.

        Raises:
            ValueError: if picture or boxes have another shape.
        """
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"image is {image.dtype} of shape {list(image.shape)}; give uint8 [H, W, 3] RGB."
            )
        height, width = image.shape[:2]
        if boxes is None:
            boxes = np.array([[0.0, 0.0, width, height]])
        boxes = np.asarray(boxes, np.float64)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(
                f"boxes have the shape {list(boxes.shape)}; give [N, 4]: x, y, width, height."
            )
        bodies: list[Body] = []
        for start in range(0, len(boxes), _MOST_AT_ONCE):
            part = boxes[start : start + _MOST_AT_ONCE]
            bodies += self._predict(image, part, intrinsics, bone_sum_m, height_m)
        return bodies

    def _predict(self, image, boxes, intrinsics, bone_sum_m, height_m):
        size, count = self.trained.image_size, len(boxes)
        shown = np.array([shows_something(box, image.shape) for box in boxes])
        whole = [0.0, 0.0, image.shape[1], image.shape[0]]
        squares = square_box(np.where(shown[:, None], boxes, whole))
        matrices = np.asarray(
            affine2d.crop_matrix(
                squares[:, :2] + squares[:, 2:] / 2.0, squares[:, 2], np.zeros(count), size
            )
        )
        cameras = np.zeros((count, 3, 3))
        if intrinsics is not None:
            camera = np.broadcast_to(np.asarray(intrinsics, np.float64), (count, 3, 3))
            cameras = np.asarray(affine2d.transform_intrinsics(camera, matrices))
        outputs = self._serve(
            {
                "image": np.stack([warp(image, matrix, size) for matrix in matrices]),
                "intrinsics": cameras.astype(np.float32),
                "bone_sum": np.full(count, bone_sum_m, np.float32),
                "body_height": np.full(count, height_m, np.float32),
            }
        )
        found = {name: np.asarray(value, np.float64) for name, value in outputs.items()}
        found["keypoints_2d"] = np.asarray(
            affine2d.apply(found["keypoints_2d"], affine2d.invert(matrices))
        )
        return [
            _body(squares[row], {name: value[row] for name, value in found.items()})
            if shown[row]
            else _nobody(boxes[row])
            for row in range(count)
        ]


def shows_something(box: np.ndarray, shape: tuple[int, ...]) -> bool:
    """Tells whether a box is finite, has an area and lies over a picture.

    Args:
        box: [4], (x, y, width, height) in px.
        shape: of the picture, height first.
    """
    x, y, width, height = np.asarray(box, np.float64)
    if not (np.isfinite([x, y, width, height]).all() and width > 0 and height > 0):
        return False
    return bool(x < shape[1] and y < shape[0] and x + width > 0 and y + height > 0)


def _body(square, found):
    is_valid = bool(found["valid"] > 0)
    pelvis = MPII_16.index("pelvis")
    depth = found["depth"] - found["depth"][pelvis]
    return Body(
        box=square,
        keypoints_2d=found["keypoints_2d"],
        score=found["score"],
        depth=depth,
        points=np.concatenate([found["points"][:, :2], depth[:, None]], axis=-1),
        keypoints_3d=found["keypoints_3d"] if found["valid_3d"] > 0 else None,
        position=found["position"] if found["valid_position"] > 0 else None,
        valid=is_valid,
    )


def _nobody(box):
    nothing = np.zeros(MPII_16.num_joints)
    plane, space = np.zeros((MPII_16.num_joints, 2)), np.zeros((MPII_16.num_joints, 3))
    return Body(np.array(box, np.float64), plane, nothing, nothing, space, None, None, False)
