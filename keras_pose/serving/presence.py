"""The score below which a served network says that nobody is there, chosen on held-out pictures."""

import dataclasses

import numpy as np
import tensorflow as tf

from keras_pose.metrics import presence_threshold
from keras_pose.serving.contract import PoseNetwork

LEAST_SHARE = 0.9
"""Share of pictures with somebody that must be kept, and without anybody refused, for a threshold."""
_BATCH = 32


@dataclasses.dataclass(frozen=True)
class Presence:
    """What a network's scores can tell.

    Attributes:
        threshold: mean score of the joints below which nobody is there; None where scores cannot tell.
        words: the same as a sentence for the card.
    """

    threshold: float | None
    words: str


def choose_presence(
    network: PoseNetwork, present: np.ndarray, nobody: np.ndarray, plain: np.ndarray, what: str
) -> Presence:
    """Choose the threshold of a network's mean score.

    Args:
        network: that answers.
        present: uint8 `[N, S, S, 3]`, crops with somebody that no training saw.
        nobody: uint8 `[M, S, S, 3]`, crops of places without anybody.
        plain: uint8 `[P, S, S, 3]`, pictures of nothing.
        what: `person` or `hand`.

    Returns:
        The threshold with the largest sum of both shares, or none if it keeps too few of the one, lets
        too many of the other pass, or any of the plain pictures.
    """
    with_somebody = mean_scores(network, present)
    without, of_nothing = mean_scores(network, nobody), mean_scores(network, plain)
    finite = all(np.isfinite(scores).all() for scores in (with_somebody, without, of_nothing))
    cannot = f"It does not say whether there is a {what}"
    if not finite:
        return Presence(None, f"{cannot}: its scores are not finite.")
    threshold, kept, refused = presence_threshold(
        with_somebody, np.concatenate([without, of_nothing])
    )
    measured = (
        f"on {len(with_somebody)} held-out pictures with and {len(without) + len(of_nothing)} without "
        f"a {what}, a mean score of {threshold:.3f} keeps {100 * kept:.0f} % of the first and refuses "
        f"{100 * refused:.0f} % of the second"
    )
    if min(kept, refused) < LEAST_SHARE or (of_nothing >= threshold).any():
        return Presence(None, f"{cannot}, since its scores do not tell: {measured}.")
    return Presence(
        threshold, f"It says that there is no {what} by valid 0 and no joints: {measured}."
    )


def mean_scores(network: PoseNetwork, crops: np.ndarray) -> np.ndarray:
    """Return the mean score of all joints of each crop.

    Args:
        network: that answers.
        crops: uint8 `[N, S, S, 3]`.

    Returns:
        float64 `[N]`.
    """
    return answers_of_crops(network, crops)["score"].mean(axis=-1)


def answers_of_crops(network: PoseNetwork, crops: np.ndarray) -> dict[str, np.ndarray]:
    """Ask a network about crops, under a camera that looks at their middle.

    Args:
        network: that answers.
        crops: uint8 `[N, S, S, 3]`.

    Returns:
        `keypoints_2d`, `depth` and `score` of `PoseNetwork.pose`, float64 `[N, ...]`.
    """
    size = float(network.image_size)
    camera = tf.constant([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]])
    answers: dict[str, list[np.ndarray]] = {"keypoints_2d": [], "depth": [], "score": []}
    for start in range(0, len(crops), _BATCH):
        part = crops[start : start + _BATCH].astype(np.float32) / np.float32(255.0)
        # Of one size, since every other one is traced anew.
        whole = np.zeros((_BATCH, *part.shape[1:]), np.float32)
        whole[: len(part)] = part
        length = tf.fill((_BATCH,), network.typical_bone_length_m)
        answer = network.pose(whole, tf.tile(camera[None], (_BATCH, 1, 1)), length)
        for name, parts in answers.items():
            parts.append(np.asarray(answer[name], np.float64)[: len(part)])
    return {name: np.concatenate(parts) for name, parts in answers.items()}
