"""MediaPipe's finders as signatures: everybody in a picture, as boxes of the contract, in the graph."""

from collections.abc import Callable
from dataclasses import dataclass

import keras
import tensorflow as tf

from keras_pose.export import Signature
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving.picture_bytes import crop_picture_bytes
from keras_pose.weights.detections import BODIES, PALMS, FinderKind, decode_detections, suppress
from keras_pose.weights.mediapipe_regions import body_squares, palm_squares

NUM_ROWS = 16
"""How many are looked for in one picture; of those beyond, only that they are there is told."""

PALM_POINTS = (
    "wrist",
    *(f"{finger}_mcp" for finger in ("index", "middle", "ring", "pinky")),
    *("thumb_cmc", "thumb_mcp"),
)
BODY_POINTS = ("hips", "circle", "shoulders", "upper_circle")


@dataclass(frozen=True)
class Finder:
    """A finder of one kind.

    Attributes:
        kind: what its network is asked and answers.
        network: the network.
        squares: function of places px to centres, sides and angles of the squares of landmark networks.
        box_share: side of the contract's box over that of the square.
    """

    kind: FinderKind
    network: keras.Model
    squares: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]
    box_share: float


def palm_finder(network: keras.Model) -> Finder:
    """Describe the finder of hands.

    Args:
        network: of `palm_detection_full.tflite` or `palm_detection_lite.tflite`.

    Returns:
        The finder; its boxes are 0.65 as wide as the squares, as tight ones around hands are (measured).
    """
    return Finder(PALMS, network, palm_squares, 0.65)


def body_finder(network: keras.Model) -> Finder:
    """Describe the finder of persons.

    Args:
        network: of `pose_detection.tflite`.

    Returns:
        The finder; its boxes are 0.7 as wide as the squares, as tight ones around persons are (measured).
    """
    return Finder(BODIES, network, body_squares, 0.7)


def find_in_crops(finder: Finder, crops: Tensor, num_rows: int = NUM_ROWS) -> dict[str, Tensor]:
    """Find everybody in square pictures.

    Args:
        finder: the finder.
        crops: RGB in [0, 1], float32 `[N, S, S, 3]`, S as its network takes it.
        num_rows: R.

    Returns:
        `boxes` `[N, R, 4]`, x, y, width, height px; `scores` `[N, R]`, 0 to 1, falling; `rotations`
        `[N, R]` radians, clockwise on screen, by which hands or persons are turned; `points`
        `[N, R, P, 2]` px; `count` int32 `[N]`; `more` int32 `[N]`, 1 where there are more than R. Rows
        from `count` on are zero.
    """
    kind = finder.kind
    outputs = finder.network(crops * (1.0 - kind.low) + kind.low, training=False)
    places, scores = decode_detections(kind, outputs["Identity"], outputs["Identity_1"])
    places, scores = suppress(kind, places, scores, num_rows + 1)
    more = tf.cast(scores[:, num_rows] > 0, tf.int32)
    places, scores = places[:, :num_rows], scores[:, :num_rows]
    places *= float(kind.size)
    centres, sides, angles = finder.squares(places)
    sides = finder.box_share * sides[..., None]
    boxes = tf.concat([centres - sides / 2.0, sides, sides], axis=-1)
    some = scores > 0
    return {
        "boxes": tf.where(some[..., None], boxes, 0.0),
        "scores": scores,
        "rotations": tf.where(some, angles, 0.0),
        "points": tf.where(some[..., None, None], places[:, :, 2:], 0.0),
        "count": tf.reduce_sum(tf.cast(some, tf.int32), axis=1),
        "more": more,
    }


def finder_signatures(finder: Finder) -> dict[str, Signature]:
    """Build the signatures of a finder.

    Args:
        finder: the finder.

    Returns:
        `find` of `image_bytes` `[N]`, JPEG or PNG files of any sizes, to what `find_in_crops` gives, in
        px of the picture, and `valid` `[N]`, 0 where a picture cannot be decoded; `find_crop` of
        `image` uint8 `[N, S, S, 3]`, whole pictures in a square, to the same in px of the square.
    """
    size = finder.kind.size

    def find_crop(image):
        return find_in_crops(finder, tf.cast(image, tf.float32) / 255.0)

    def find(image_bytes):
        crops, matrices, _, usable = crop_picture_bytes(image_bytes, size, 1.0)
        # One row more, since some kernels end the process where there is none.
        crops = tf.pad(crops, [[0, 1], [0, 0], [0, 0], [0, 0]])
        answer = {name: value[:-1] for name, value in find_crop(crops).items()}
        identity = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
        matrices = tf.where(usable[:, None, None], matrices, identity)
        back = affine2d.invert(matrices)
        shape = tf.shape(answer["points"])
        points = tf.reshape(answer["points"], (-1, shape[1] * shape[2], 2))
        points = tf.reshape(affine2d.apply(points, back), shape)
        corners = affine2d.apply(answer["boxes"][..., :2], back)
        sides = answer["boxes"][..., 2:] / matrices[:, None, None, 1, 1]
        rows = tf.range(NUM_ROWS) < answer["count"][:, None]
        seen = rows & usable[:, None]
        return {
            "boxes": tf.where(seen[..., None], tf.concat([corners, sides], axis=-1), 0.0),
            "scores": tf.where(seen, answer["scores"], 0.0),
            "rotations": tf.where(seen, answer["rotations"], 0.0),
            "points": tf.where(seen[..., None, None], points, 0.0),
            "count": tf.where(usable, answer["count"], 0),
            "more": tf.where(usable, answer["more"], 0),
            "valid": tf.cast(usable, tf.float32),
        }

    return {
        "find": Signature(find, {"image_bytes": tf.TensorSpec((None,), tf.string)}),
        "find_crop": Signature(
            find_crop, {"image": tf.TensorSpec((None, size, size, 3), tf.uint8)}
        ),
    }
