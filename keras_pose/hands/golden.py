"""The hands that an export is asked about, measured on and scaled by before it is published."""

import functools

import numpy as np

from keras_pose import codecs
from keras_pose.data.generated.hands import GeneratedHand, generate_hand
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.data.records.sets import open_folders, read_joints_3d
from keras_pose.hands.data import load_hands
from keras_pose.hands.options import HandOptions
from keras_pose.serving import PoseNetwork
from keras_pose.serving.accuracy import HeldOut, held_out_crops
from keras_pose.serving.golden import golden_requests
from keras_pose.serving.held_out import crops_of_batches, images_of_batches, places_beside

# Seeds of their own make other persons than any command would.
_HELD_OUT_SEED = 977_531
_EXAMPLE_SEED = 977_532


def held_out_hands(network: PoseNetwork, count: int, reference_bone: str = "middle") -> HeldOut:
    """Render hands of persons that no record folder holds.

    Args:
        network: whose crops they are to be.
        count: number of hands.
        reference_bone: key of `codecs.REFERENCE_BONES`, the unit of depth.

    Returns:
        Crops and their joints; hidden ones count, since a hand hides some in every picture.
    """
    hands = _unseen_hands(count, max(64, round(1.5 * network.image_size)))
    points = np.stack([hand.keypoints_2d for hand in hands])
    points_3d = np.stack([hand.keypoints_3d for hand in hands])
    bone = codecs.REFERENCE_BONES[reference_bone]
    return held_out_crops(
        network,
        f"{count} rendered hands of unseen persons",
        [hand.image for hand in hands],
        np.array([hand.box for hand in hands]),
        points,
        np.ones(points.shape[:2]),
        points_3d[..., 2] / np.asarray(codecs.bone_length(points_3d, bone=bone))[:, None],
    )


def shown_and_empty(
    network: PoseNetwork, config: HandOptions, data_dir: str, count: int
) -> tuple[HeldOut, np.ndarray]:
    """Make crops that no training saw, with a hand and with none in them.

    Args:
        network: whose crops they are to be.
        config: of the run.
        data_dir: record folders of the run, or empty: then hands are rendered.
        count: number of crops of each kind.

    Returns:
        Labelled crops of held-out records, and uint8 `[R, S, S, 3]`, places beside their hands.

    Raises:
        ValueError: if the folders cannot be used.
    """
    if data_dir and config.dataset == "records":
        hands = load_hands(config, data_dir)
        total = sum(len(positions) for positions in hands.record_set.heldout)
        if hands.heldout is not None and total:
            shown = crops_of_batches(hands.heldout(), "pictures of held-out records", total, count)
            return shown, images_of_batches(hands.heldout(1.0), total, count)
    rendered = _unseen_hands(count, max(64, round(1.5 * network.image_size)))
    empty = places_beside(
        network, [hand.image for hand in rendered], np.array([hand.box for hand in rendered])
    )
    return held_out_hands(network, count, config.reference_bone), empty


@functools.lru_cache(maxsize=1)
def _unseen_hands(count: int, side: int) -> list[GeneratedHand]:
    return [generate_hand(number, _HELD_OUT_SEED, size=side) for number in range(count)]


def golden_hands(
    network: PoseNetwork, reference_bone: str = "middle", count: int = 8
) -> dict[str, dict[str, np.ndarray]]:
    """Render hands with their cameras, asked for in every way; rows to refuse at the end.

    Args:
        network: what will answer.
        reference_bone: key of `codecs.REFERENCE_BONES`.
        count: number of hands.

    Returns:
        Signature to inputs `[N, ...]`, see `keras_pose.serving.golden.golden_requests`.
    """
    side = max(64, round(1.5 * network.image_size))
    hands = [generate_hand(number, 7, size=side) for number in range(count)]
    bone = codecs.REFERENCE_BONES[reference_bone]
    requests = golden_requests(
        network,
        [encode_picture(hand.image) for hand in hands],
        np.array([hand.box for hand in hands]),
        np.array([hand.intrinsics for hand in hands]),
        np.array([float(codecs.bone_length(hand.keypoints_3d, bone=bone)) for hand in hands]),
    )
    requests["keypoints"] = {"image": requests["serve_crop"]["image"]}
    return requests


def mean_bone_length(data_dir: str, reference_bone: str, count: int = 512) -> float:
    """Return the mean length of the reference bone in records, m.

    Data sets differ in where a knuckle is: a network's own is that of its records.

    Args:
        data_dir: record folders, separated by commas.
        reference_bone: key of `codecs.REFERENCE_BONES`.
        count: hands with 3D joints that are looked at.

    Returns:
        The mean; 0 if no record has 3D joints.

    Raises:
        ValueError: if a folder cannot be used.
    """
    readers = open_folders(data_dir)
    subsets = [np.flatnonzero(reader.has("3d")) for reader in readers]
    points = read_joints_3d(readers, subsets, count)
    if not len(points):
        return 0.0
    bone = codecs.REFERENCE_BONES[reference_bone]
    return float(np.mean(np.asarray(codecs.bone_length(points, bone=bone))))


def example_hands(network: PoseNetwork, data_dir: str, count: int) -> np.ndarray:
    """Return crops like those that the network will see, for the scales of integers.

    Args:
        network: whose crops they are to be.
        data_dir: record folders, separated by commas, or empty: then hands are rendered.
        count: number of crops C.

    Returns:
        float32 `[C, S, S, 3]`, RGB in [0, 1].

    Raises:
        ValueError: if a folder cannot be used.
    """
    size = network.image_size
    if data_dir:
        config = HandOptions(image_size=size, crop_scale=network.crop_scale, batch_size=16)
        hands = load_hands(config, data_dir, choose=lambda record_set: record_set)
        batches = hands.batches(0).take(-(-count // config.batch_size))
        crops = np.concatenate([batch["image"] for batch in batches])[:count]
    else:
        crops = np.stack(
            [generate_hand(number, _EXAMPLE_SEED, size=size).image for number in range(count)]
        )
    return crops.astype(np.float32) / np.float32(255.0)
