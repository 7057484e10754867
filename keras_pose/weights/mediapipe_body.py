"""MediaPipe's body landmark network under the contract: the person is looked for inside the box's crop.

Bazarevsky et al. 2020, "BlazePose: On-device Real-time Body Pose Tracking", arXiv 2006.10204.
"""

import keras
import tensorflow as tf

from keras_pose.export import Signature
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving import BoneLength, PoseNetwork
from keras_pose.skeletons import BODY_33_MEDIAPIPE
from keras_pose.weights.body_lift import BONE_NAMES, lift_body
from keras_pose.weights.detections import BODIES, decode_detections, suppress
from keras_pose.weights.mediapipe_regions import (
    body_squares,
    cut_squares,
    picture_squares,
    repeat_borders,
    square_matrices,
)

CROP_SIZE, CROP_SCALE = 320, 1.5
# Mean of the network's own world landmarks, which are those of an average adult.
BONE_LENGTH = BoneLength(
    BONE_NAMES,
    3.9,
    "the sum of 12 bones: thighs, shanks, upper arms, forearms, both sides of the trunk, the widths of "
    "hips and shoulders",
)
BONE_LENGTH_RANGE_M = (0.5, 8.0)
DEPTH_UNIT = "pixels of the picture, relative to the middle of the hips (weak perspective)"

# With a box there is a person, so less is asked than in a whole picture.
_MIN_BODY_SCORE = 0.2
_MOST_BODIES = 3
_NUM_POINTS = BODY_33_MEDIAPIPE.num_joints
# Six more points help to follow a person; each has x, y, z, visibility and presence.
_ALL_POINTS, _NUMBERS = 39, 5
_HIPS = BODY_33_MEDIAPIPE.indices(("left_hip", "right_hip"))
# Of `RefineLandmarksFromHeatmapCalculator` in the published graph: pixels to each side, and what the
# best of them must be sure of.
_REACH, _MIN_PEAK = 3.0, 0.5
_SMALLEST = 1e-6


def body_network(finder: keras.Model, body: keras.Model) -> PoseNetwork:
    """Describe the two networks together to the contract.

    The person nearest to the middle of the box says how the picture is to be turned.

    Args:
        finder: of `pose_detection.tflite`.
        body: of `pose_landmark_full.tflite`.

    Returns:
        The network of 33 joints; its scores are the probabilities that joints are seen.
    """

    def pose(image, camera, bone_length):
        squares = find_body_squares(finder, image)
        points, world, score = read_bodies(body, image, squares)
        depth = _depth(points, world)
        points_3d, valid = lift_body(points, depth, camera, bone_length)
        return {
            "keypoints_2d": points,
            "depth": depth,
            "score": score,
            "keypoints_3d": points_3d,
            "valid": valid,
        }

    return PoseNetwork(
        image_size=CROP_SIZE,
        crop_scale=CROP_SCALE,
        num_joints=_NUM_POINTS,
        root=BODY_33_MEDIAPIPE.root,
        typical_bone_length_m=BONE_LENGTH.typical_m,
        bone_length_range_m=BONE_LENGTH_RANGE_M,
        depth_is_in_px=True,
        is_sided=False,
        pose=pose,
        lift=lift_body,
    )


def find_body_squares(finder: keras.Model, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the turned square of the person in the middle of each crop.

    Args:
        finder: the network of persons.
        image: RGB crops in [0, 1], float32 `[N, S, S, 3]`, of the contract.

    Returns:
        Centres `[N, 2]` px, sides and angles `[N]`; the whole crop where nobody is found.
    """
    size = float(CROP_SIZE)
    count = tf.shape(image)[0]
    middle = tf.fill((count, 2), size / 2.0)
    looked = picture_squares(image)
    seen = cut_squares(image, square_matrices(looked, BODIES.size), BODIES.size)
    outputs = finder(seen * (1.0 - BODIES.low) + BODIES.low, training=False)
    places, scores = decode_detections(BODIES, outputs["Identity"], outputs["Identity_1"])
    places, scores = suppress(BODIES, places, scores, _MOST_BODIES, _MIN_BODY_SCORE)
    # Of two in one crop the larger is meant, unless it stands aside.
    corner = looked[0] - looked[1][:, None] / 2.0
    places = corner[:, None, None] + places * looked[1][:, None, None, None]
    centres, sides, angles = body_squares(places)
    away = tf.norm(centres - size / 2.0, axis=-1) / size - sides / size
    best = tf.argmin(tf.where(scores > 0, away, tf.float32.max), axis=1)
    some = tf.reduce_max(scores, axis=1) > 0
    centre, side, angle = (
        tf.gather(values, best, batch_dims=1) for values in (centres, sides, angles)
    )
    return (
        tf.where(some[:, None], centre, middle),
        tf.where(some, side, size),
        tf.where(some, angle, 0.0),
    )


def read_bodies(
    body: keras.Model, image: Tensor, squares: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Look at persons in turned squares.

    Args:
        body: the network of landmarks.
        image: RGB pictures in [0, 1], float32 `[N, H, W, 3]`.
        squares: centres `[N, 2]` px, sides and angles `[N]`.

    Returns:
        2D joints `[N, 33, 2]` px of the pictures, 3D joints of the turned person `[N, 33, 3]` m, and the
        probabilities `[N, 33]` that joints are seen, 0 where nobody is.
    """
    size = body.input_shape[1]
    centre, side, angle = squares
    matrices = square_matrices((centre, tf.maximum(side, 1.0), angle), size)
    points, world, score = _read(
        body, cut_squares(repeat_borders(image), matrices, size, "NEAREST")
    )
    return affine2d.apply(points, affine2d.invert(matrices)), world, score


def square_signature(body: keras.Model) -> Signature:
    """Build the signature for apps that cut the turned square themselves, which phones' kernels cannot.

    Args:
        body: the network of landmarks.

    Returns:
        Of `image` uint8 `[N, T, T, 3]`, the turned square, to `keypoints_2d` `[N, 33, 2]` and `depth`
        `[N, 33]` px of it, and `score` `[N, 33]` as of the contract.
    """
    size = body.input_shape[1]

    def keypoints(image):
        points, world, score = _read(body, tf.cast(image, tf.float32) / 255.0)
        return {"keypoints_2d": points, "depth": _depth(points, world), "score": score}

    return Signature(keypoints, {"image": tf.TensorSpec((None, size, size, 3), tf.uint8)})


def _read(body, crops):
    """Return 2D joints px of the turned squares, 3D joints m, and probabilities of being seen."""
    size = body.input_shape[1]
    outputs = body(crops, training=False)
    numbers = tf.reshape(outputs["Identity"], (-1, _ALL_POINTS, _NUMBERS))[:, :_NUM_POINTS]
    points = refine_points(numbers[..., :2] / size, outputs["Identity_3"][..., :_NUM_POINTS])
    world = tf.reshape(outputs["Identity_4"], (-1, _ALL_POINTS, 3))[:, :_NUM_POINTS]
    score = tf.sigmoid(numbers[..., 3]) * outputs["Identity_1"]
    return points * size, world, score


def _depth(points, world):
    """Return depths from the middle of the hips `[N, 33]`, px."""
    depth = world[..., 2] * _pixels_per_metre(points, world)[:, None]
    return depth - tf.reduce_mean(tf.gather(depth, _HIPS, axis=1), axis=1, keepdims=True)


def refine_points(points: Tensor, heatmaps: Tensor) -> Tensor:
    """Move points to the middle of what their maps show around them.

    Args:
        points: `[N, J, 2]`, over the side of the map.
        heatmaps: logits `[N, M, M, J]`.

    Returns:
        `[N, J, 2]`; points outside the map, and those that no pixel near them is sure of, stay.
    """
    size = heatmaps.shape[1]
    cell = tf.floor(points * size)
    along = tf.range(size, dtype=points.dtype)
    near = tf.cast(tf.abs(along - cell[..., None]) <= _REACH, points.dtype)
    weights = tf.transpose(tf.sigmoid(heatmaps), (0, 3, 1, 2))
    weights *= near[:, :, 1, :, None] * near[:, :, 0, None, :]
    total = tf.reduce_sum(weights, axis=(2, 3))
    x = tf.reduce_sum(tf.reduce_sum(weights, axis=2) * along, axis=-1)
    y = tf.reduce_sum(tf.reduce_sum(weights, axis=3) * along, axis=-1)
    mean = tf.math.divide_no_nan(tf.stack([x, y], axis=-1), total[..., None]) / size
    inside = tf.reduce_all((cell >= 0.0) & (cell < float(size)), axis=-1)
    sure = inside & (tf.reduce_max(weights, axis=(2, 3)) >= _MIN_PEAK)
    return tf.where(sure[..., None], mean, points)


def _pixels_per_metre(points, world):
    """Return the scale of weak perspective `[N]`: extents in the picture over those in space."""
    # The person was turned about the camera's axis, which changes no extent.

    def extent(values):
        return tf.sqrt(tf.reduce_sum(tf.square(values - tf.reduce_mean(values, 1, True)), (1, 2)))

    return extent(points) / tf.maximum(extent(world[..., :2]), _SMALLEST)
