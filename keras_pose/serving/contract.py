"""The signatures that every exported network of hands or bodies has, in the words of `docs/serving.md`.

A method says how its network answers a crop; pictures, boxes, cameras and lengths are checked here, so
that an unusable row gets zeros and a flag of 0, and its neighbours do not notice.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from keras import ops

from keras_pose.codecs import Uncertainty
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops, usable_boxes
from keras_pose.export import ConstantWeights, Signature
from keras_pose.geometry import affine2d
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving.cameras import assumed_camera, usable_cameras
from keras_pose.serving.picture_bytes import crop_picture_bytes
from keras_pose.serving.propagation import propagate

# Sides of the crop beyond which a network's answer is none, and metres from here to the next town.
_MOST_SIDES, _MOST_METRES = 1e3, 1e6


@dataclass(frozen=True)
class PoseNetwork:
    """What a method says of its network; its functions are traced, on batches of any size N.

    `pose` and `embed` are graphs that signatures call, not text that each of them repeats.

    Attributes:
        image_size: side S of the crop in px.
        crop_scale: side of the square that is seen over the longer side of the box.
        num_joints: J.
        root: row of the root, which is the origin where there is no camera.
        typical_bone_length_m: taken where no length is given.
        bone_length_range_m: smallest and largest length that is no mistake in units.
        depth_is_in_px: whether depths are in px of the crop, and not in lengths of the person's own.
        is_sided: whether left ones are to be shown mirrored.
        pose: function of RGB crops in [0, 1] float32 `[N, S, S, 3]`, usable camera matrices of the crops
            `[N, 3, 3]` and usable lengths `[N]` m to a dict: `keypoints_2d` `[N, J, 2]` px of the crop,
            `depth` and `score` `[N, J]`, `keypoints_3d` `[N, J, 3]` m in the camera frame, `valid` bool
            `[N]`, false where the pose leaves its depth open.
        lift: function of `keypoints_2d`, `depth`, camera matrices and lengths, all of one plane, to
            `keypoints_3d` and `valid`.
        embed: function of RGB crops in [0, 1] to features `[N, F]`; None where there are none.
        weights: those that become constants of every graph; None leaves them variables.
        found_threshold: mean score of the joints below which nobody is there; None where scores cannot
            tell.
        uncertainty: how far off joints may be; None where nobody measured it.
    """

    image_size: int
    crop_scale: float
    num_joints: int
    root: int
    typical_bone_length_m: float
    bone_length_range_m: tuple[float, float]
    depth_is_in_px: bool
    is_sided: bool
    pose: Callable[[Tensor, Tensor, Tensor], Mapping[str, Tensor]]
    lift: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    embed: Callable[[Tensor], Tensor] | None = None
    weights: ConstantWeights | None = None
    found_threshold: float | None = None
    uncertainty: Uncertainty | None = None

    def __post_init__(self) -> None:
        # Seven copies of the network made `saved_model.pb` larger than the weights of a phone's.
        for name in ("pose", "embed"):
            function = getattr(self, name)
            if function is not None:
                inside = self.weights.inside(function) if self.weights else function
                object.__setattr__(self, name, tf.function(inside, autograph=False))


def contract_signatures(network: PoseNetwork) -> dict[str, Signature]:
    """Build the signatures of the contract.

    Args:
        network: what answers crops.

    Returns:
        `serving_default`, `serve_image`, `serve_bytes`, `serve_box`, `serve_crop`, `lift`, and
        `serve_sided` and `embed` where the network knows sides and features, `lift_sigma` where it says
        how far off joints may be.
    """
    size = network.image_size
    bytes_spec = {"image_bytes": tf.TensorSpec((None,), tf.string)}
    box = {"bbox": tf.TensorSpec((None, 4), tf.float32)}
    known = {
        "K": tf.TensorSpec((None, 3, 3), tf.float32),
        "bone_length_m": tf.TensorSpec((None, 1), tf.float32),
    }
    side = {"is_left": tf.TensorSpec((None, 1), tf.int32)}
    crop = {"image": tf.TensorSpec((None, size, size, 3), tf.uint8)}
    picture = {"image": tf.TensorSpec((None, None, None, 3), tf.uint8)}
    joints = {
        "keypoints_2d": tf.TensorSpec((None, network.num_joints, 2), tf.float32),
        "depth": tf.TensorSpec((None, network.num_joints), tf.float32),
    }

    def serve(image_bytes, bbox, K, bone_length_m, is_left=None):
        is_left = None if is_left is None else is_left[:, 0] > 0
        seen = crop_picture_bytes(image_bytes, size, network.crop_scale, bbox, is_left)
        return answer_pictures(network, seen, K, bone_length_m, is_left)

    def serve_box(image_bytes, bbox):
        return _without_camera(
            network, crop_picture_bytes(image_bytes, size, network.crop_scale, bbox)
        )

    def serve_bytes(image_bytes):
        return _without_camera(network, crop_picture_bytes(image_bytes, size, network.crop_scale))

    def serve_image(image, bbox, K, bone_length_m):
        seen = _crop_pictures(network, image, bbox)
        return answer_pictures(network, seen, K, bone_length_m, None)

    def serve_crop(image, K, bone_length_m):
        everywhere = tf.ones(tf.shape(image)[:1], tf.bool)
        answer = _answer_crops(network, image, everywhere, K, usable_cameras(K), bone_length_m)
        del answer["seen"]
        return answer

    def lift(keypoints_2d, depth, K, bone_length_m):
        return _lift(network, keypoints_2d, depth, K, bone_length_m)

    signatures = {
        "serving_default": Signature(serve, bytes_spec | box | known),
        "serve_image": Signature(serve_image, picture | box | known),
        "serve_bytes": Signature(serve_bytes, bytes_spec),
        "serve_box": Signature(serve_box, bytes_spec | box),
        "serve_crop": Signature(serve_crop, crop | known),
        "lift": Signature(lift, joints | known),
    }
    if network.is_sided:
        signatures["serve_sided"] = Signature(serve, bytes_spec | box | known | side)
    if network.uncertainty is not None:
        sigmas = dict.fromkeys(("sigma_2d", "sigma_depth"), joints["depth"])
        signatures["lift_sigma"] = Signature(
            lambda **given: _lift_sigma(network, **given), joints | sigmas | known
        )
    if network.embed is not None:
        signatures["embed"] = Signature(lambda image: _embed(network, image), crop)
    return signatures


def _crop_pictures(network, image, bbox):
    """As `crop_picture_bytes`, of decoded pictures."""
    shape = tf.cast(tf.shape(image)[1:3], tf.float32)
    usable = usable_boxes(bbox, shape[0], shape[1])
    any_box = tf.constant([[0.0, 0.0, 1.0, 1.0]])
    matrices = crop_matrices(
        tf.where(usable[:, None], bbox, any_box), network.image_size, network.crop_scale
    )
    crops = cut_crops(image, matrices, network.image_size)
    shapes = tf.broadcast_to(shape, (tf.shape(image)[0], 2))
    return crops, matrices, shapes, usable


def answer_pictures(
    network: PoseNetwork,
    seen: tuple[Tensor, Tensor, Tensor, Tensor],
    K: Tensor,  # noqa: N803 - the contract's own word
    bone_length_m: Tensor,
    is_left: Tensor | None,
) -> dict[str, Tensor]:
    """Answer crops of pictures in px of the pictures.

    Args:
        network: what answers crops.
        seen: as `crop_picture_bytes` returns it; the third is not looked at.
        K: camera matrices of the pictures, float32 `[N, 3, 3]` px.
        bone_length_m: float32 `[N, 1]` m.
        is_left: bool `[N]`, whose crops were mirrored; None where none were.

    Returns:
        The outputs of `serving_default`.
    """
    crops, matrices, _, usable = seen
    K = same_rows(tf.shape(crops)[0], K, bone_length_m)
    identity = tf.constant([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    matrices = tf.where(usable[:, None, None], matrices, identity)
    # The mirrored picture is what this camera sees of the mirrored hand, x -> -x in space.
    side = tf.ones_like(bone_length_m[:, 0])
    side = side if is_left is None else tf.where(is_left, -side, side)
    flips = tf.stack([side, tf.ones_like(side), tf.ones_like(side)], axis=-1)
    is_camera = usable_cameras(K)
    safe = tf.where(is_camera[:, None, None], K, tf.eye(3))
    cameras = affine2d.transform_intrinsics(safe * flips[:, None, :], matrices)
    answer = _answer_crops(network, crops, usable, cameras, is_camera, bone_length_m)
    points = affine2d.apply(answer["keypoints_2d"], affine2d.invert(matrices))
    answer["keypoints_2d"] = tf.where(answer.pop("seen")[:, None, None], points, 0.0)
    answer["keypoints_3d"] *= flips[:, None, :]
    zoom = tf.sqrt(tf.abs(tf.linalg.det(matrices[:, :, :2])))[:, None]
    if network.uncertainty is not None:
        answer["sigma_2d"] /= zoom
    if network.depth_is_in_px:
        answer["depth"] /= matrices[:, 1, 1, None]
        if network.uncertainty is not None:
            answer["sigma_depth"] /= zoom
    return answer


def same_rows(
    count: Tensor,
    K: Tensor,  # noqa: N803 - the contract's own word
    bone_length_m: Tensor,
) -> Tensor:
    """Return camera matrices once it is sure that there are as many as pictures and lengths.

    Args:
        count: number of pictures, int32 `[]`.
        K: `[N, 3, 3]`.
        bone_length_m: `[N, 1]`.

    Raises:
        tf.errors.InvalidArgumentError: on running, if there are not.
    """
    same = tf.reduce_all(tf.stack([tf.shape(K)[0], tf.shape(bone_length_m)[0]]) == count)
    words = "every input must have as many rows as there are pictures"
    with tf.control_dependencies([tf.debugging.Assert(same, [words])]):
        return tf.identity(K)


def usable_lengths(network: PoseNetwork, bone_length_m: Tensor) -> Tensor:
    """Tell lengths that are no mistake in units, bool `[N]`.

    Args:
        network: which knows the range.
        bone_length_m: float32 `[N, 1]` m.
    """
    low, high = network.bone_length_range_m
    return (bone_length_m[:, 0] >= low) & (bone_length_m[:, 0] <= high)


def _without_camera(network, seen):
    shapes, usable = seen[2], seen[3]
    shapes = tf.where(usable[:, None], shapes, 1.0)
    length = tf.fill((tf.shape(shapes)[0], 1), network.typical_bone_length_m)
    answer = answer_pictures(network, seen, assumed_camera(shapes), length, None)
    points = answer["keypoints_3d"]
    answer["keypoints_3d"] = points - points[:, network.root : network.root + 1]
    return answer


def _answer_crops(network, crops, usable, cameras, is_camera, bone_length_m):
    """Return the outputs in px of the crop, and `seen`, which says where 2D joints are known."""
    size = network.image_size
    length = bone_length_m[:, 0]
    is_length = usable_lengths(network, bone_length_m)
    shape = tf.fill((tf.shape(crops)[0], 2), float(size))
    outputs = _never_empty(
        network.pose,
        tf.cast(crops, tf.float32) / 255.0,
        tf.where(is_camera[:, None, None], cameras, assumed_camera(shape)),
        tf.where(is_length, length, network.typical_bone_length_m),
    )
    points_2d, points_3d = outputs["keypoints_2d"], outputs["keypoints_3d"]
    depth, score = outputs["depth"], outputs["score"]
    seen = usable & _is_within(points_2d, _MOST_SIDES * size)
    seen &= _is_within(depth[..., None], _MOST_SIDES * size) & _is_within(score[..., None], 1e3)
    found = seen
    if network.found_threshold is not None:
        found = seen & (ops.mean(score, axis=-1) >= network.found_threshold)
    valid = found & is_camera & is_length & outputs["valid"] & _is_within(points_3d, _MOST_METRES)
    sigmas = {}
    if network.uncertainty is not None:
        said = network.uncertainty.sigmas(points_2d, score, size)
        sigmas = {name: tf.where(found[:, None], sigma, 0.0) for name, sigma in said.items()}
    return sigmas | {
        "keypoints_2d": tf.where(found[:, None, None], points_2d, 0.0),
        "keypoints_3d": tf.where(valid[:, None, None], points_3d, 0.0),
        "depth": tf.where(found[:, None], depth, 0.0),
        # Told also where nobody is there, for clients that want to know how nearly.
        "score": tf.where(seen[:, None], score, 0.0),
        "valid": tf.cast(valid, tf.float32),
        "seen": found,
    }


def _lift(network, keypoints_2d, depth, K, bone_length_m):
    def lift(given, *known):
        return network.lift(given[..., :2], given[..., 2], *known)

    given = tf.concat([keypoints_2d, depth[..., None]], axis=-1)
    return _lift_by(network, lift, "keypoints_3d", K, bone_length_m, given)


def _lift_sigma(network, keypoints_2d, depth, sigma_2d, sigma_depth, K, bone_length_m):
    def lift(given, sigma, *known):
        return propagate(network.lift, given, sigma, *known)

    given = tf.concat([keypoints_2d, depth[..., None]], axis=-1)
    sigma = tf.stack([sigma_2d, sigma_2d, sigma_depth], axis=-1)
    return _lift_by(network, lift, "sigma_3d", K, bone_length_m, given, sigma)


def _lift_by(network, lift, name, K, bone_length_m, *given):
    """Call a lift with rows that can be used, `[N, J, 3]`, and clear the others' answers."""
    usable = usable_lengths(network, bone_length_m) & usable_cameras(K)
    for one in given:
        usable &= _is_within(one, 1e6)
    rows = usable[:, None, None]
    answer, valid = _never_empty(
        lift,
        *(tf.where(rows, one, 0.0) for one in given),
        tf.where(rows, K, tf.eye(3)),
        tf.where(usable, bone_length_m[:, 0], network.typical_bone_length_m),
    )
    valid = usable & valid & _is_within(answer, _MOST_METRES)
    return {
        name: tf.where(valid[:, None, None], answer, 0.0),
        "valid": tf.cast(valid, tf.float32),
    }


def _embed(network, image):
    features = _never_empty(network.embed, tf.cast(image, tf.float32) / 255.0)
    features = tf.cast(features, tf.float32)
    valid = tf.reduce_all(tf.math.is_finite(features), axis=-1)
    return {
        "features": tf.where(valid[:, None], features, 0.0),
        "valid": tf.cast(valid, tf.float32),
    }


def _never_empty(function, *arguments):
    """Call a function with a row of zeros where there is none: some kernels end the process at that."""
    count = tf.shape(arguments[0])[0]

    # No `tf.cond`: phones have no branches.
    missing = tf.maximum(1 - count, 0)

    def padded(value):
        shape = tf.concat([tf.reshape(missing, (1,)), value.shape[1:]], axis=0)
        return tf.concat([value, tf.zeros(shape, value.dtype)], axis=0)

    outputs = function(*(padded(value) for value in arguments))
    return tf.nest.map_structure(lambda value: value[:count], outputs)


def _is_within(points, limit):
    """Bool `[N]`; what is not finite is beyond every limit."""
    return ops.all(ops.absolute(points) < limit, axis=(-2, -1))


def hostile_inputs(picture: bytes, height: int, width: int) -> dict[str, np.ndarray]:
    """Return the inputs that a server may get and must answer with a flag of 0; the last row is good.

    Args:
        picture: a JPEG or PNG file.
        height: its height in px.
        width: its width in px.

    Returns:
        `image_bytes` object `[12]`, `bbox` float32 `[12, 4]`, `K` float32 `[12, 3, 3]`, `bone_length_m`
        float32 `[12, 1]` with NaN in the row that has an unusable length: give good ones to the others.
    """
    count = 12
    focal = float(max(height, width))
    camera = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]], np.float32)
    given = {
        "image_bytes": np.array([picture] * count, object),
        "bbox": np.tile(np.array([0.0, 0.0, width, height], np.float32), (count, 1)),
        "K": np.repeat(camera[None], count, axis=0),
        "bone_length_m": np.zeros((count, 1), np.float32),
    }
    given["image_bytes"][:3] = [b"", b"no picture", picture[: len(picture) // 3]]
    given["bbox"][3:7] = [
        [np.nan, 0, 50, 50],
        [10, 10, 0, 0],
        [width + 1, 0, 20, 20],
        [0, 0, np.inf, 9],
    ]
    given["K"][7], given["K"][8, 0, 0], given["K"][9, 1, 1] = 0.0, np.inf, -focal
    given["bone_length_m"][10] = np.nan
    return given
