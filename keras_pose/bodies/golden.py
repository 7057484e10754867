"""The bodies that an export is asked about before it is published."""

import functools

import numpy as np

from keras_pose.bodies.data import load_bodies
from keras_pose.bodies.options import BodyOptions
from keras_pose.codecs import total_bone_length
from keras_pose.data.generated.bodies import GeneratedBody, generate_body
from keras_pose.data.generated.body_camera import BOX_MARGIN
from keras_pose.data.pictures.boxes import square_box
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.serving import PoseNetwork
from keras_pose.serving.accuracy import HeldOut, held_out_crops
from keras_pose.serving.golden import golden_requests
from keras_pose.serving.held_out import crops_of_batches, images_of_batches, places_beside
from keras_pose.skeletons import MPII_16

_STYLES = ("lab", "wild")
_HELD_OUT_SEED = 977_531


def golden_bodies(network: PoseNetwork, count: int = 4) -> dict[str, dict[str, np.ndarray]]:
    """Render bodies with cameras and sizes, asked for in every way; rows to refuse at the end.

    Args:
        network: what will answer.
        count: number of bodies.

    Returns:
        Signature to inputs `[N, ...]`, see `keras_pose.serving.golden.golden_requests`.
    """
    side = round(1.5 * network.image_size)
    bodies = [generate_body(n, 7, size=side, style=_STYLES[n % 2]) for n in range(count)]
    return golden_requests(
        network,
        [encode_picture(body.image) for body in bodies],
        np.array([square_box(body.box, 1.0 / BOX_MARGIN) for body in bodies]),
        np.array([body.intrinsics for body in bodies]),
        np.array([float(total_bone_length(body.keypoints_3d)) for body in bodies]),
    )


def held_out_bodies(network: PoseNetwork, count: int) -> HeldOut:
    """Render bodies of persons that no record folder holds, in places of their own.

    Args:
        network: whose crops they are to be.
        count: number of bodies.

    Returns:
        Crops and their joints inside the picture, without the row that 2D and 3D name differently;
        depth in px of a picture whose scale is that of the pelvis everywhere.
    """
    bodies = _unseen_bodies(count, round(1.5 * network.image_size))
    visible = np.stack([body.visible for body in bodies])
    visible[:, MPII_16.index("thorax")] = 0.0
    depth = np.stack([body.keypoints_3d[:, 2] for body in bodies])
    pelvis = depth[:, [MPII_16.index("pelvis")]]
    focal = np.array([[body.intrinsics[1, 1]] for body in bodies])
    return held_out_crops(
        network,
        f"{count} rendered bodies of unseen persons",
        [body.image for body in bodies],
        np.array([square_box(body.box, 1.0 / BOX_MARGIN) for body in bodies]),
        np.stack([body.keypoints_2d for body in bodies]),
        visible,
        (depth - pelvis) * focal / pelvis,
    )


def shown_and_empty(
    network: PoseNetwork, config: BodyOptions, data_dir: str, count: int
) -> tuple[HeldOut, np.ndarray]:
    """Make crops that no training saw, with somebody and with nobody in them.

    Args:
        network: whose crops they are to be.
        config: of the run.
        data_dir: record folders of the run, or empty: then bodies are rendered.
        count: number of crops of each kind.

    Returns:
        Labelled crops of held-out records, and uint8 `[R, S, S, 3]`, places beside their persons.

    Raises:
        ValueError: if the folders cannot be used.
    """
    if data_dir and config.dataset == "records":
        bodies = load_bodies(config, data_dir)
        total = sum(parts["heldout"] for parts in bodies.counts.values())
        if bodies.heldout is not None and total:
            shown = crops_of_batches(bodies.heldout(), "pictures of held-out records", total, count)
            return shown, images_of_batches(bodies.heldout(1.0), total, count)
    rendered = _unseen_bodies(count, round(1.5 * network.image_size))
    empty = places_beside(
        network,
        [body.image for body in rendered],
        np.array([square_box(body.box, 1.0 / BOX_MARGIN) for body in rendered]),
    )
    return held_out_bodies(network, count), empty


@functools.lru_cache(maxsize=1)
def _unseen_bodies(count: int, side: int) -> list[GeneratedBody]:
    # A seed of their own makes other persons than any command would.
    return [
        generate_body(number, _HELD_OUT_SEED, size=side, style="test") for number in range(count)
    ]
