"""What a network is told of itself before it is published: a threshold, and how far off joints may be."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pose.codecs import PowerLaw, Uncertainty, uncertainty_evidence
from keras_pose.metrics import LEVELS, coverage, fit_power_law
from keras_pose.serving.accuracy import HeldOut
from keras_pose.serving.contract import PoseNetwork
from keras_pose.serving.held_out import plain_crops
from keras_pose.serving.presence import answers_of_crops, choose_presence

# Errors per number of the law that are at least wanted.
_PER_NUMBER = 10


@dataclasses.dataclass(frozen=True)
class MeasuredUncertainty:
    """What errors on held-out pictures tell.

    Attributes:
        uncertainty: of the network; None where there are too few pictures.
        words: the same as a sentence for the card.
    """

    uncertainty: Uncertainty | None
    words: str


def calibrate(
    networks: Sequence[PoseNetwork],
    shown: HeldOut,
    empty: np.ndarray,
    rendered: HeldOut,
    what: str,
    of_peaks: bool = True,
) -> tuple[tuple[PoseNetwork, ...], tuple[str, ...]]:
    """Tell networks from which score on somebody is there, and how far off their joints may be.

    Args:
        networks: the same network in several forms; the first one answers.
        shown: labelled crops that no training saw.
        empty: uint8 `[M, S, S, 3]`, crops of places without anybody.
        rendered: labelled crops whose depth is known exactly.
        what: `person` or `hand`.
        of_peaks: whether scores are the peaks of maps; others do not tell how far off a joint is.

    Returns:
        The networks, and sentences on both for the card.
    """
    network = networks[0]
    presence = choose_presence(network, shown.crops, empty, plain_crops(network.image_size), what)
    told: dict = {"found_threshold": presence.threshold}
    words = [presence.words]
    if of_peaks:
        measured = measure_uncertainty(network, shown, rendered)
        told["uncertainty"] = measured.uncertainty
        words.append(measured.words)
    return tuple(dataclasses.replace(one, **told) for one in networks), tuple(words)


def measure_uncertainty(
    network: PoseNetwork, shown: HeldOut, rendered: HeldOut
) -> MeasuredUncertainty:
    """Fit the laws of errors in the picture and in depth.

    Args:
        network: that answers; its scores must be peaks of maps.
        shown: labelled crops that no training saw.
        rendered: such crops whose depth is known exactly.

    Returns:
        The laws; and how many joints their regions held when they were fitted to every other crop and
        tried on the rest.
    """
    places = _errors(network, shown)
    depths = _errors(network, rendered, of_depth=True)
    fewest = min(len(errors[2]) for errors in (places, depths))
    if fewest < _PER_NUMBER * (network.num_joints + 3):
        return MeasuredUncertainty(
            None,
            f"It does not say how far off joints may be: {fewest} of them on held-out pictures are too "
            "few to tell.",
        )
    words = []
    for errors, dimensions, what in (
        (places, 2, f"the picture ({shown.name})"),
        (depths, 1, f"depth ({rendered.name})"),
    ):
        shares = [
            f"{100 * share:.0f}"
            for share in _tried_coverage(errors, network.num_joints, dimensions)
        ]
        words.append(f"{', '.join(shares)} % in {what}")
    laws = [_law(network, errors, dimensions) for errors, dimensions in ((places, 2), (depths, 1))]
    size = network.image_size
    laws[0] = PowerLaw(tuple(scale / size for scale in laws[0].scales), laws[0].exponents)
    meant = ", ".join(f"{100 * level:.0f}" for level in LEVELS)
    return MeasuredUncertainty(
        Uncertainty(*laws),
        f"sigma_2d and sigma_depth say how far off joints may be: regions meant for {meant} % of the "
        f"joints hold {' and '.join(words)}, fitted to one half of the pictures and tried on the other.",
    )


def _errors(network, truth, of_depth=False):
    """Evidence `[N, 3]`, joints `[N]`, errors `[N]` px or depth's unit, crops `[N]`."""
    answers = answers_of_crops(network, truth.crops)
    told = uncertainty_evidence(answers["keypoints_2d"], answers["score"], network.image_size)
    shape = answers["score"].shape
    evidence = np.stack([np.broadcast_to(np.asarray(one), shape) for one in told], axis=-1)
    counts = np.asarray(truth.visible) > 0
    if of_depth:
        root = network.root
        found, true = (
            depth - depth[:, root : root + 1] for depth in (answers["depth"], truth.depth)
        )
        errors = np.abs(found - true)
        counts = counts & (np.arange(network.num_joints) != root)
    else:
        errors = np.linalg.norm(answers["keypoints_2d"] - truth.keypoints_2d, axis=-1)
    crops, joints = np.nonzero(counts)
    return evidence[counts], joints, errors[counts], crops


def _law(network, errors, dimensions):
    evidence, joints, distances, _ = errors
    scales, exponents = fit_power_law(evidence, joints, distances, network.num_joints, dimensions)
    if dimensions == 1:
        scales[network.root] = 0.0
    return PowerLaw(
        tuple(float(scale) for scale in scales), tuple(float(power) for power in exponents)
    )


def _tried_coverage(errors, num_joints, dimensions):
    """Coverage of `LEVELS` on each half of the crops by the law of the other half."""
    evidence, joints, distances, crops = errors
    ratios = []
    for half in (0, 1):
        fitted, tried = crops % 2 != half, crops % 2 == half
        scales, exponents = fit_power_law(
            evidence[fitted], joints[fitted], distances[fitted], num_joints, dimensions
        )
        sigma = scales[joints[tried]] * np.exp(evidence[tried] @ exponents)
        ratios.append(distances[tried] / sigma)
    of_all = np.concatenate(ratios)
    return [coverage(of_all, np.ones_like(of_all), level, dimensions) for level in LEVELS]
