"""What must hold of a network before it is shipped, measured on pictures that its training never saw.

A small mean error can hide left and right on one pixel, or one answer for every picture. So three things
are measured: how far apart joints come out over how far apart they are, how many pictures are answered
alike, and what a grey copy of a picture changes.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from keras_pose.export import MetricFact
from keras_pose.metrics import mean_move, share_alike, spread_ratios
from keras_pose.serving.accuracy import HeldOut
from keras_pose.serving.metadata import Metadata

SPREAD_RANGE = (0.7, 1.3)
"""Predicted over true distance of two joints, beyond which a network is not shipped."""
NEAREST = 0.05
"""Mean distance of two joints over the box's longer side, below which their ratio is not judged: half of
the distance at which a joint counts as found."""
MOST_MISSED, MOST_ALIKE, MOST_GREY = 0.2, 0.1, 0.05
"""Largest shares of pictures in which nobody is found and that are answered alike; largest move by a grey
copy, over the box's longer side."""

_SPREAD = "spread[sum of predicted over sum of true 2D distances]"
_ALIKE = "answered-alike[share of pictures less than half as far from the usual as the truth]"
_MISSED = "missed[share of pictures in which nobody is found, in colour or grey]"
_MEASURED = ("alike", "grey_px", "grey_share")
_GREY = "grey-copy[mean move of the joints in px of the crop]"
# Fingers that lie beside each other, which a collapsed network puts on one point.
_FINGERS = ("thumb", "index", "middle", "ring", "pinky")


def joint_pairs(metadata: Metadata) -> dict[str, tuple[int, int]]:
    """List the pairs of joints whose distance is measured.

    Args:
        metadata: of the network.

    Returns:
        Name of the pair to its rows: left and right joints of one name, neighbouring fingers, and bones.
    """
    joints = metadata.joints
    pairs = []
    for row, joint in enumerate(joints):
        if joint.startswith("left_") and (other := joint.replace("left_", "right_")) in joints:
            pairs.append((row, joints.index(other)))
    for first, second in zip(_FINGERS, _FINGERS[1:], strict=False):
        for end in ("mcp", "tip"):
            names = (f"{first}_{end}", f"{second}_{end}")
            if set(names) <= set(joints):
                pairs.append((joints.index(names[0]), joints.index(names[1])))
    pairs += [(int(first), int(second)) for first, second in metadata.bones]
    return {f"{joints[first]} to {joints[second]}": (first, second) for first, second in pairs}


def measure_answers(
    find: Callable[[dict], Mapping[str, np.ndarray]], metadata: Metadata, truth: HeldOut
) -> dict[str, Any]:
    """Measure what must hold of a network that is shipped.

    Args:
        find: the signature `serve_crop` as a function of its inputs to its outputs, arrays `[N, ...]`.
        metadata: of the network.
        truth: labelled crops that no training saw.

    Returns:
        What `accuracy.json` says under `answers`: `set`; `spread`, pair to ratio, without those of
        which too few pictures tell or that lie too near each other; `missed`, the share in which nobody
        is found, in colour or grey, and which the others leave out; `alike`, a share; `grey_px` and
        `grey_share`, the mean move by a grey copy in px of the crop and over the box's longer side.
    """
    count, size = len(truth.crops), truth.crops.shape[1]
    camera = np.array([[size, 0, size / 2], [0, size, size / 2], [0, 0, 1]], np.float32)
    known = {"K": np.repeat(camera[None], count, 0), "bone_length_m": np.ones((count, 1), "f")}
    found, of_grey = (
        np.asarray(find({"image": crops, **known})["keypoints_2d"], np.float64)
        for crops in (truth.crops, grey_copies(truth.crops))
    )
    # Where nobody is said to be there all joints are 0: a fault of its own.
    is_answered = np.any(found, axis=(1, 2)) & np.any(of_grey, axis=(1, 2))
    missed = 1.0 - float(is_answered.mean())
    if not is_answered.any():
        return {"set": truth.name, "spread": {}, "missed": missed} | dict.fromkeys(_MEASURED, 0.0)
    found, of_grey = found[is_answered], of_grey[is_answered]
    true, visible = truth.keypoints_2d[is_answered], truth.visible[is_answered]
    pairs = joint_pairs(metadata)
    nearest = NEAREST * float(np.mean(truth.sides[is_answered]))
    ratios = spread_ratios(found, true, visible, list(pairs.values()), min_distance=nearest)
    moves = mean_move(found, of_grey)
    return {
        "set": truth.name,
        "spread": {
            name: float(ratio)
            for name, ratio in zip(pairs, ratios, strict=True)
            if np.isfinite(ratio)
        },
        "missed": missed,
        "alike": share_alike(found, true, visible),
        "grey_px": float(moves.mean()),
        "grey_share": float((moves / truth.sides[is_answered]).mean()),
    }


def grey_copies(crops: np.ndarray) -> np.ndarray:
    """Take the colour out of pictures.

    Args:
        crops: uint8 `[N, S, S, 3]`, RGB.

    Returns:
        uint8 `[N, S, S, 3]`, luma in every channel.

    Reference: ITU-R BT.601, section 2.5.1.
    """
    luma = np.round(crops.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))
    return np.repeat(luma.astype(np.uint8)[..., None], 3, axis=-1)


def answer_facts(answers: Mapping[str, Any]) -> tuple[MetricFact, ...]:
    """Return the rows of a card about a network's answers.

    Args:
        answers: of `measure_answers`.
    """
    spread, where = answers["spread"], answers["set"]
    rows = [(_SPREAD, f"{where}; {pair}", ratio) for pair, ratio in spread.items()]
    rows += [
        (measure, where, answers[name])
        for measure, name in ((_MISSED, "missed"), (_ALIKE, "alike"), (_GREY, "grey_px"))
    ]
    return tuple(MetricFact(measure, data, f"{value:.4f}") for measure, data, value in rows)


def answer_faults(answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return why a network must not be shipped.

    Args:
        answers: of `measure_answers`.

    Returns:
        One sentence per fault; none for a network that may be shipped.
    """
    faults = []
    low, high = SPREAD_RANGE
    wrong = {pair: ratio for pair, ratio in answers["spread"].items() if not low <= ratio <= high}
    if wrong:
        worst = max(wrong, key=lambda pair: abs(np.log(max(wrong[pair], 1e-6))))
        faults.append(
            f"{len(wrong)} of {len(answers['spread'])} distances between joints are not {low} to {high} "
            f"times the true ones, the worst {worst}: {wrong[worst]:.3f} times."
        )
    if answers["missed"] > MOST_MISSED:
        faults.append(
            f"Nobody is found in {100 * answers['missed']:.0f} % of the pictures with somebody, in "
            f"colour or grey; {100 * MOST_MISSED:.0f} % are allowed."
        )
    if not answers["spread"]:
        faults.append("Too few pictures show two joints that belong together: measure on more.")
    if answers["alike"] > MOST_ALIKE:
        faults.append(
            f"{100 * answers['alike']:.0f} % of the pictures are answered alike, whatever they show; "
            f"{100 * MOST_ALIKE:.0f} % are allowed."
        )
    if answers["grey_share"] > MOST_GREY:
        faults.append(
            f"A grey copy of a picture moves its joints by {answers['grey_px']:.1f} px of the crop, "
            f"{100 * answers['grey_share']:.1f} % of the box's side; {100 * MOST_GREY:.0f} % are allowed."
        )
    return tuple(faults)
