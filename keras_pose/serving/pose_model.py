"""A served network as a function of pictures and boxes: the Python side of the contract."""

import os
import warnings
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from keras_pose.data.views.graph_crops import crop_matrices, cut_crop, usable_boxes
from keras_pose.export import saved_model_runner, version_folder
from keras_pose.geometry import affine2d, other_picture
from keras_pose.serving.cameras import assumed_camera
from keras_pose.serving.metadata import read_metadata

_SIGNATURE = "serve_crop"
# Crops that go through the network together.
_MOST_AT_ONCE = 16


@dataclass(frozen=True)
class Found:
    """One hand or person in a picture; the joint order is that of the model's metadata.

    Attributes:
        box: float64 `[4]`, (x, y, side, side), the square that the network saw, px of the picture.
        keypoints_2d: float64 `[J, 2]`, px of the picture; zeros where nobody is there.
        score: float64 `[J]`, see the metadata.
        depth: float64 `[J]`, relative to the root, in the metadata's unit, px being those of the picture.
        keypoints_3d: float64 `[J, 3]`, metres in the camera's frame; None where `valid` is False.
        is_root_relative: whether the camera was assumed and the root is the origin.
        valid: whether picture, box, camera, length and pose settle all of it.
        sigma_2d: float64 `[J]`, px of the picture: standard deviation along x and along y; None where the
            model does not say.
        sigma_depth: float64 `[J]`, standard deviation of `depth`; None likewise.
    """

    box: np.ndarray
    keypoints_2d: np.ndarray
    score: np.ndarray
    depth: np.ndarray
    keypoints_3d: np.ndarray | None
    is_root_relative: bool
    valid: bool
    sigma_2d: np.ndarray | None = None
    sigma_depth: np.ndarray | None = None


class ServedPose:
    """A version folder that keeps the contract, loaded.

    Args:
        folder: version folder that an export of this package wrote, or the folder of a model, whose
            highest version counts.

    Attributes:
        metadata: what the model says of itself.

    Raises:
        ValueError: if there is no such model or metadata.

    Example:
        >>> import numpy as np
        >>> from keras_pose.serving import ServedPose
        >>> model = ServedPose("savedmodels/hand_student")
        >>> picture = np.full((120, 160, 3), 128, np.uint8)
        >>> hand = model.predict(picture, boxes=np.array([[40, 20, 80, 80]]))[0]
        >>> hand.keypoints_2d.shape
        (21, 2)
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        folder = version_folder(folder)
        self.metadata = read_metadata(folder)
        if _SIGNATURE not in self.metadata.signatures:
            raise ValueError(
                f"{os.fspath(folder)} takes no pictures (no signature {_SIGNATURE}): give a "
                "network of hands or bodies in pictures."
            )
        self._serve = saved_model_runner(folder, _SIGNATURE)
        self._cut = tf.function(
            lambda image, matrix: cut_crop(image, matrix, self.metadata.image_size),
            input_signature=[
                tf.TensorSpec((None, None, 3), tf.uint8),
                tf.TensorSpec((2, 3), tf.float32),
            ],
        )

    def predict(
        self,
        image: np.ndarray,
        boxes: np.ndarray | None = None,
        intrinsics: np.ndarray | None = None,
        bone_length_m: float | None = None,
        is_left: bool = False,
    ) -> list[Found]:
        """Predict what is in boxes of one picture.

        Args:
            image: uint8 `[H, W, 3]`, RGB, upright.
            boxes: `[N, 4]`, (x, y, width, height) in px, around what is to be found; None takes the whole
                picture.
            intrinsics: `[3, 3]`, the camera matrix in px of the picture; None assumes one, and 3D joints
                are then relative to the root.
            bone_length_m: length of the metadata's bones in metres; None takes the typical one.
            is_left: whether these are left hands; a body has no side.

        Returns:
            N findings.

        Raises:
            ValueError: if picture, boxes or camera matrix have another shape. A camera matrix whose
                principal point is far from the picture's middle gives a warning.
        """
        # What is no picture at all, such as the None of a file that OpenCV did not find, has a shape too.
        image = np.asarray(image)
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise ValueError(
                f"image is {image.dtype} of shape {list(image.shape)}; give uint8 [H, W, 3] RGB."
            )
        if boxes is None:
            boxes = np.array([[0.0, 0.0, image.shape[1], image.shape[0]]])
        if not image.size:
            raise ValueError(
                f"image has the shape {list(image.shape)} and no pixel; give a picture."
            )
        if intrinsics is not None and np.shape(intrinsics) != (3, 3):
            raise ValueError(
                f"intrinsics have the shape {list(np.shape(intrinsics))}; give one camera matrix [3, 3]."
            )
        if intrinsics is not None and (other := other_picture(intrinsics, *image.shape[:2])):
            warnings.warn(
                f"intrinsics: {other}; positions would be wrong, so give the matrix of this "
                "picture.",
                stacklevel=2,
            )
        boxes = np.asarray(boxes, np.float32)
        if boxes.ndim != 2 or boxes.shape[1] != 4:
            raise ValueError(
                f"boxes have the shape {list(boxes.shape)}; give [N, 4]: x, y, width, height."
            )
        is_left = is_left and self.metadata.side is not None
        found: list[Found] = []
        for start in range(0, len(boxes), _MOST_AT_ONCE):
            part = boxes[start : start + _MOST_AT_ONCE]
            found += self._predict(image, part, intrinsics, bone_length_m, is_left)
        return found

    def _predict(self, image, boxes, intrinsics, bone_length_m, is_left):
        size, count = self.metadata.image_size, len(boxes)
        height, width = image.shape[:2]
        is_square = np.asarray(usable_boxes(tf.constant(boxes), height, width))
        shown = is_square.copy()
        whole = np.array([0.0, 0.0, width, height], np.float32)
        sides = tf.fill((count,), is_left)
        matrices = crop_matrices(
            tf.constant(np.where(shown[:, None], boxes, whole)),
            size,
            self.metadata.crop_scale,
            sides,
        ).numpy()
        crops = np.stack([self._cut(image, matrix).numpy() for matrix in matrices])
        if intrinsics is None:
            camera = np.asarray(assumed_camera(tf.constant([[height, width]], tf.float32)))[0]
        else:
            camera = np.asarray(intrinsics, np.float32)
        # The mirrored picture is what this camera sees of the mirrored hand, x -> -x in space.
        flip = np.array([-1.0 if is_left else 1.0, 1.0, 1.0], np.float32)
        length = self.metadata.bone_length
        typical = 0.0 if length is None else length.typical_m
        outputs = self._serve(
            {
                "image": crops,
                "K": affine2d.transform_intrinsics(np.tile(camera * flip, (count, 1, 1)), matrices),
                "bone_length_m": np.full(
                    (count, 1), typical if bone_length_m is None else bone_length_m, np.float32
                ),
            }
        )
        answer = {name: np.asarray(value, np.float64) for name, value in outputs.items()}
        back = affine2d.invert(matrices.astype(np.float64))
        points = np.asarray(affine2d.apply(answer["keypoints_2d"], back))
        sigmas = sorted(answer.keys() & {"sigma_2d", "sigma_depth"})
        zoom = np.sqrt(np.abs(np.linalg.det(matrices[:, :, :2].astype(np.float64))))[:, None]
        for name in sigmas:
            if name == "sigma_2d" or "pixels" in self.metadata.depth_unit:
                answer[name] /= zoom
        if "pixels" in self.metadata.depth_unit:
            answer["depth"] /= matrices[:, 1, 1, None]
        # Where nobody is there the crop's joints are zeros, which no picture's need be.
        shown &= np.any(answer["keypoints_2d"], axis=(1, 2))
        root = self.metadata.joints.index(self.metadata.root)
        found = []
        for row in range(count):
            valid = bool(answer["valid"][row] > 0 and shown[row])
            points_3d = None
            if valid:
                points_3d = flip * answer["keypoints_3d"][row]
                # An assumed camera says nothing about where the root is.
                points_3d -= points_3d[root] * (intrinsics is None)
            found.append(
                Found(
                    box=_square(matrices[row], size),
                    keypoints_2d=points[row] * shown[row],
                    score=answer["score"][row] * is_square[row],
                    depth=answer["depth"][row] * shown[row],
                    keypoints_3d=points_3d,
                    is_root_relative=intrinsics is None,
                    valid=valid,
                    **{name: answer[name][row] * shown[row] for name in sigmas},
                )
            )
        return found


def _square(matrix, size):
    side = size / matrix[1, 1]
    x, y = np.asarray(
        affine2d.apply(np.array([[size / 2.0, size / 2.0]]), affine2d.invert(matrix))
    )[0]
    return np.array([x - side / 2.0, y - side / 2.0, side, side], np.float64)
