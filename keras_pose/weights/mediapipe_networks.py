"""The four models that are made of MediaPipe's networks, and what each says of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from keras_pose import codecs
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.generated.hands import generate_hand
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.export import Signature
from keras_pose.serving import Metadata, PoseNetwork, contract_signatures, describe_skeleton
from keras_pose.serving.found_poses import found_signature
from keras_pose.serving.golden import golden_requests
from keras_pose.skeletons import BODY_33_MEDIAPIPE, HAND_21_FREIHAND
from keras_pose.weights import mediapipe_body, mediapipe_hand
from keras_pose.weights.mediapipe_finders import (
    BODY_POINTS,
    PALM_POINTS,
    Finder,
    body_finder,
    finder_signatures,
    palm_finder,
)

_GOLDEN_SEED, _GOLDEN_SIDE, _GOLDEN_COUNT = 7, 480, 4
_SQUARES = (
    "One hand or person per box, the one in its middle; a crowd in one box is not told apart."
)
_PSEUDO = (
    "Depth and 3D are guesses from one picture, in the proportions of an average adult; metres are as "
    "right as the camera matrix and the length that are given."
)


@dataclass(frozen=True)
class Model:
    """One model.

    Attributes:
        files: names of the networks that it takes, in the order of `build`.
        summary: what it does, for its card.
        limits: what it cannot do, for its card.
        paper: of the method, for its card.
        phone_signature: what becomes files for phones.
        build: function of the networks to signatures, golden requests and metadata without version and
            signatures.
    """

    files: tuple[str, ...]
    summary: str
    limits: tuple[str, ...]
    paper: str
    phone_signature: str
    build: Callable[
        ..., tuple[dict[str, Signature], dict[str, dict[str, np.ndarray]], dict[str, Any]]
    ]


def models(size: str) -> Mapping[str, Model]:
    """List the models.

    Args:
        size: `full` or `lite`, of the networks of hands; bodies come in one size.

    Returns:
        Name to model.
    """
    return {
        "hand_mediapipe": Model(
            (f"palm_detection_{size}", f"hand_landmark_{size}"),
            "21 joints of a hand of either side from a picture and its box: 2D, depth relative to the "
            "wrist, and metric 3D where the camera and one bone's length are given.",
            (_SQUARES, _PSEUDO, "Which side a hand is of is not answered."),
            "Zhang et al. 2020, MediaPipe Hands, arXiv 2006.10214",
            "keypoints",
            _hand,
        ),
        "body_mediapipe": Model(
            ("pose_detection", "pose_landmark_full"),
            "33 joints of a person from a picture and a box: 2D, depth relative to the hips, and metric "
            "3D where the camera and the sum of 12 bones are given; `keras_pose.skeletons.convert` makes "
            "coco_17, h36m_17 and mpii_16 of them.",
            (_SQUARES, _PSEUDO),
            "Bazarevsky et al. 2020, BlazePose, arXiv 2006.10204",
            "keypoints",
            _body,
        ),
        "find_hands": Model(
            (f"palm_detection_{size}",),
            "Boxes of up to 16 hands in a picture, with scores and the turn of each.",
            ("Hands much smaller than a twentieth of the picture are not seen.",),
            "Zhang et al. 2020, MediaPipe Hands, arXiv 2006.10214",
            "find_crop",
            lambda network: _finder(palm_finder(network), "hand", PALM_POINTS),
        ),
        "find_people": Model(
            ("pose_detection",),
            "Boxes of up to 16 persons in a picture, with scores and the turn of each.",
            (
                "Made for one or two persons near the camera: small ones in a crowd are missed.",
                "A person is known by the face: backs of heads and persons without one may be missed.",
            ),
            "Bazarevsky et al. 2020, BlazePose, arXiv 2006.10204",
            "find_crop",
            lambda network: _finder(body_finder(network), "body", BODY_POINTS),
        ),
    }


def golden_pictures(kind: str) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Render what an export is asked about.

    Args:
        kind: `hand` or `body`.

    Returns:
        Pictures uint8 `[H, W, 3]` of one size, boxes float64 `[R, 4]` px, cameras `[R, 3, 3]` px, and 3D
        joints `[R, J, 3]` m in the order of the generator.
    """
    numbers = range(_GOLDEN_COUNT)
    side = _GOLDEN_SIDE
    if kind == "hand":
        made: list[Any] = [generate_hand(number, _GOLDEN_SEED, size=side) for number in numbers]
    else:
        made = [generate_body(number, _GOLDEN_SEED, size=side, style="test") for number in numbers]
    return (
        [one.image for one in made],
        np.array([one.box for one in made]),
        np.array([one.intrinsics for one in made]),
        np.array([one.keypoints_3d for one in made]),
    )


def _requests(network: PoseNetwork, kind: str, lengths: Callable[[np.ndarray], np.ndarray]):
    images, boxes, cameras, points = golden_pictures(kind)
    pictures = [encode_picture(image) for image in images]
    requests = golden_requests(network, pictures, boxes, cameras, lengths(points))
    # With its rows that must be refused, but for those of boxes.
    given = requests["serving_default"]
    return requests | {"serve_found": {key: given[key] for key in given if key != "bbox"}}


def _hand(palm: keras.Model, hand: keras.Model):
    network = mediapipe_hand.hand_network(palm, hand)
    requests = _requests(
        network,
        "hand",
        lambda points: np.asarray(codecs.bone_length(points, bone=mediapipe_hand.BONE)),
    )
    known = {
        "kind": "hand",
        **describe_skeleton(HAND_21_FREIHAND),
        "bone_length": mediapipe_hand.BONE_LENGTH,
        "depth_unit": mediapipe_hand.DEPTH_UNIT,
    }
    signatures = _signatures(network, palm_finder(palm))
    signatures["keypoints"] = mediapipe_hand.square_signature(hand)
    requests["keypoints"] = _squares(signatures["keypoints"], requests["serve_crop"])
    return signatures, requests, known | _of_contract(network)


def _body(finder: keras.Model, body: keras.Model):
    network = mediapipe_body.body_network(finder, body)
    typical = mediapipe_body.BONE_LENGTH.typical_m
    requests = _requests(network, "body", lambda points: np.full(len(points), typical))
    known = {
        "kind": "body",
        **describe_skeleton(BODY_33_MEDIAPIPE),
        "bone_length": mediapipe_body.BONE_LENGTH,
        "depth_unit": mediapipe_body.DEPTH_UNIT,
    }
    signatures = _signatures(network, body_finder(finder))
    signatures["keypoints"] = mediapipe_body.square_signature(body)
    requests["keypoints"] = _squares(signatures["keypoints"], requests["serve_crop"])
    return signatures, requests, known | _of_contract(network)


def _squares(signature, request):
    """Ask about the middle of the contract's crops, which is upright enough for a comparison."""
    size = signature.inputs["image"].shape[1]
    first = (request["image"].shape[1] - size) // 2
    rows = slice(first, first + size)
    return {"image": np.ascontiguousarray(request["image"][:, rows, rows])}


def _signatures(network: PoseNetwork, finder: Finder) -> dict[str, Signature]:
    find = finder_signatures(finder)["find"].function
    return contract_signatures(network) | {"serve_found": found_signature(network, find)}


def _of_contract(network):
    return {"image_size": network.image_size, "crop_scale": network.crop_scale}


def _finder(finder: Finder, kind: str, points: tuple[str, ...]):
    images = golden_pictures(kind)[0]
    data = np.empty(len(images), object)
    data[:] = [encode_picture(image) for image in images]
    # One that no decoder takes: its row must be refused, and no other.
    data[-1] = b"no picture"
    step = _GOLDEN_SIDE // finder.kind.size
    crops = [image[::step, ::step][: finder.kind.size, : finder.kind.size] for image in images]
    requests = {"find": {"image_bytes": data}, "find_crop": {"image": np.stack(crops)}}
    known = {
        "kind": kind,
        "skeleton": f"found_{kind}",
        "joints": points,
        "bones": (),
        "root": points[0],
        "image_size": finder.kind.size,
        "crop_scale": 1.0,
        "bone_length": None,
        "depth_unit": "none",
    }
    return finder_signatures(finder), requests, known


def metadata_of(name: str, version: int, known: Mapping[str, Any]) -> Metadata:
    """Write down what a model says of itself.

    Args:
        name: of the model.
        version: its number.
        known: of `Model.build`.

    Returns:
        The content of `metadata.json`, but for the signatures.
    """
    fields: dict[str, Any] = {
        "name": name,
        "version": version,
        "method": "mediapipe",
        "side": None,
        "score": "presence",
        **known,
    }
    return Metadata(**fields)
