"""MediaPipe's hand landmark network under the contract: the palm is looked for inside the box's crop.

Zhang et al. 2020, "MediaPipe Hands: On-device Real-time Hand Tracking", arXiv 2006.10214.
"""

import keras
import tensorflow as tf

from keras_pose import codecs
from keras_pose.export import Signature
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving import BoneLength, PoseNetwork
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.weights.detections import PALMS, decode_detections, suppress
from keras_pose.weights.mediapipe_regions import (
    cut_squares,
    hand_squares,
    palm_squares,
    repeat_borders,
    square_matrices,
)

CROP_SIZE, CROP_SCALE = 320, 2.6
BONE = codecs.REFERENCE_BONES["index"]
# Mean of the network's own world landmarks, which are those of an average adult.
BONE_LENGTH = BoneLength((("wrist", "index_mcp"),), 0.094, "from the wrist to the index knuckle")
BONE_LENGTH_RANGE_M = (1e-3, 1.0)
DEPTH_UNIT = "lengths of the reference bone, relative to the wrist"

# Side of the square that a landmark network sees over the longer side of the hand's box.
_SQUARE_SCALE = 1.5
# With a box there is a hand, so less is asked of the palm than in a whole picture.
_MIN_PALM_SCORE = 0.2
_MOST_PALMS = 3
_OUTPUTS = ("Identity", "Identity_1", "Identity_2", "Identity_3")
_SHORTEST_M = 1e-3


def hand_network(palm: keras.Model, hand: keras.Model, num_looks: int = 1) -> PoseNetwork:
    """Describe the two networks together to the contract.

    The palm nearest to the middle of the box says how the hand is turned; the landmark network sees it
    upright.

    Args:
        palm: of `palm_detection_full.tflite` or `palm_detection_lite.tflite`.
        hand: of `hand_landmark_full.tflite` or `hand_landmark_lite.tflite`.
        num_looks: how often the landmark network looks: after the first time in the square about what it
            found, as MediaPipe follows a hand through a film.

    Returns:
        The network, of hands of both sides; its score is the same for all joints, the probability that a
        hand is there.
    """

    def pose(image, camera, bone_length):
        squares = find_hand_squares(palm, image)
        points, world, score = read_hands(hand, image, squares)
        for _ in range(1, num_looks):
            points, world, score = read_hands(hand, image, hand_squares(points))
        depth, unit = _depth(world)
        points_3d, valid = lift(points, depth, camera, bone_length)
        return {
            "keypoints_2d": points,
            "depth": depth,
            "score": tf.tile(score[:, None], (1, HAND_21_FREIHAND.num_joints)),
            "keypoints_3d": points_3d,
            "valid": valid & (unit > _SHORTEST_M),
        }

    def lift(keypoints_2d, depth, camera, bone_length):
        points = tf.concat([keypoints_2d, depth[..., None]], axis=-1)
        root, valid = codecs.root_depth(points, camera, BONE)
        return codecs.decode(points, root, camera, bone_length), valid

    return PoseNetwork(
        image_size=CROP_SIZE,
        crop_scale=CROP_SCALE,
        num_joints=HAND_21_FREIHAND.num_joints,
        root=HAND_21_FREIHAND.root,
        typical_bone_length_m=BONE_LENGTH.typical_m,
        bone_length_range_m=BONE_LENGTH_RANGE_M,
        depth_is_in_px=False,
        is_sided=False,
        pose=pose,
        lift=lift,
    )


def find_hand_squares(palm: keras.Model, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Find the turned square of the hand in the middle of each crop.

    Args:
        palm: the network of palms.
        image: RGB crops in [0, 1], float32 `[N, S, S, 3]`, of the contract.

    Returns:
        As `palm_squares`: centres `[N, 2]`, sides and angles `[N]`; upright about the middle where no
        palm is found.
    """
    size = float(CROP_SIZE)
    count = tf.shape(image)[0]
    whole = (tf.fill((count, 2), size / 2.0), tf.fill((count,), size), tf.zeros((count,)))
    seen = cut_squares(image, square_matrices(whole, PALMS.size), PALMS.size)
    outputs = palm(seen, training=False)
    places, scores = decode_detections(PALMS, outputs[_OUTPUTS[0]], outputs[_OUTPUTS[1]])
    places, scores = suppress(PALMS, places, scores, _MOST_PALMS, _MIN_PALM_SCORE)
    centres, sides, angles = palm_squares(places * size)
    side = _SQUARE_SCALE * size / CROP_SCALE
    away = tf.norm(centres - size / 2.0, axis=-1) / side
    away += 0.5 * tf.abs(tf.math.log(tf.maximum(sides, 1.0) / side))
    best = tf.argmin(tf.where(scores > 0, away, tf.float32.max), axis=1)
    some = tf.reduce_max(scores, axis=1) > 0

    def chosen(values, otherwise):
        values = tf.gather(values, best, batch_dims=1)
        shape = (-1,) + (1,) * (len(values.shape) - 1)
        return tf.where(tf.reshape(some, shape), values, otherwise)

    middle = whole[0]
    return chosen(centres, middle), chosen(sides, side), chosen(angles, 0.0)


def read_hands(
    hand: keras.Model, image: Tensor, squares: tuple[Tensor, Tensor, Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    """Look at hands in turned squares.

    Args:
        hand: the network of landmarks.
        image: RGB pictures in [0, 1], float32 `[N, H, W, 3]`.
        squares: centres `[N, 2]` px, sides and angles `[N]`.

    Returns:
        2D joints `[N, 21, 2]` px of the pictures, 3D joints of the turned hand `[N, 21, 3]` m, of which z
        alone is the picture's, and the probability of a hand `[N]`.
    """
    size = hand.input_shape[1]
    centre, side, angle = squares
    matrices = square_matrices((centre, tf.maximum(side, 1.0), angle), size)
    points, world, score = _read(
        hand, cut_squares(repeat_borders(image), matrices, size, "NEAREST")
    )
    return affine2d.apply(points, affine2d.invert(matrices)), world, score


def square_signature(hand: keras.Model) -> Signature:
    """Build the signature for apps that cut the turned square themselves, which phones' kernels cannot.

    Args:
        hand: the network of landmarks.

    Returns:
        Of `image` uint8 `[N, T, T, 3]`, the turned square, to `keypoints_2d` `[N, 21, 2]` px of it, and
        `depth` and `score` `[N, 21]` as of the contract.
    """
    size = hand.input_shape[1]

    def keypoints(image):
        points, world, score = _read(hand, tf.cast(image, tf.float32) / 255.0)
        ones = tf.ones((1, HAND_21_FREIHAND.num_joints))
        return {
            "keypoints_2d": points,
            "depth": _depth(world)[0],
            "score": score[:, None] * ones,
        }

    return Signature(keypoints, {"image": tf.TensorSpec((None, size, size, 3), tf.uint8)})


def _read(hand, crops):
    """Return 2D joints px of the turned squares, 3D joints m, and the probability of a hand."""
    outputs = hand(crops, training=False)
    shape = (-1, HAND_21_FREIHAND.num_joints, 3)
    points = tf.reshape(outputs[_OUTPUTS[0]], shape)[..., :2]
    return points, tf.reshape(outputs[_OUTPUTS[3]], shape), outputs[_OUTPUTS[1]][:, 0]


def _depth(world):
    """Return depths from the wrist in lengths of the bone `[N, 21]`, and that length `[N]` m."""
    parent, child = BONE.indices(HAND_21_FREIHAND)
    unit = tf.norm(world[:, parent] - world[:, child], axis=-1)
    relative = world[..., 2] - world[:, :1, 2]
    return relative / tf.maximum(unit, _SHORTEST_M)[:, None], unit
