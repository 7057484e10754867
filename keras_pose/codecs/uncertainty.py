"""How far off each joint may be, from what a network says: its scores and the extent of its pose.

A joint's error grows where the peak of its map is low, where the peaks of the other joints are low, and
where the pose fills little of the crop. A power law of the three, with a scale per joint, says by how
much; its numbers are fitted to errors on held-out pictures (`keras_pose.metrics.fit_power_law`), so
no network is trained anew for it and none gets worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_precise, require_points

# Below a twentieth scores and extents tell no more, and logarithms stay finite.
_LEAST = 0.05


@dataclass(frozen=True)
class PowerLaw:
    """A standard deviation per joint: `scales[j] * exp(sum_k exponents[k] * told[k][j])`.

    Attributes:
        scales: J numbers >= 0, in the unit of the result.
        exponents: of the joint's own score, of the mean score and of the pose's extent.
    """

    scales: tuple[float, ...]
    exponents: tuple[float, ...]

    def __call__(self, told: Sequence[Tensor]) -> Tensor:
        """Return standard deviations.

        Args:
            told: three float tensors that broadcast to `[..., J]`, of `uncertainty_evidence`.

        Returns:
            float `[..., J]`.
        """
        # Planes of their own: phones have no product with a matrix of three columns.
        terms = [power * one for power, one in zip(self.exponents, told, strict=True)]
        scales = ops.convert_to_tensor(self.scales, dtype=told[0].dtype)
        return scales * ops.exp(terms[0] + (terms[1] + terms[2]))


@dataclass(frozen=True)
class Uncertainty:
    """What a network's answers are worth.

    Attributes:
        keypoints_2d: standard deviation along either axis of the picture, over the crop's side.
        depth: standard deviation of depth, in the unit of the network's depth; 0 at the root, from which
            depth is counted.
    """

    keypoints_2d: PowerLaw
    depth: PowerLaw

    def sigmas(self, keypoints_2d: Tensor, score: Tensor, image_size: int) -> dict[str, Tensor]:
        """Say how far off an answer may be.

        Args:
            keypoints_2d: float `[..., J, 2]`, px of the crop.
            score: float `[..., J]`.
            image_size: side of the crop in px.

        Returns:
            `sigma_2d` `[..., J]` px of the crop, of an isotropic Laplace distribution, and `sigma_depth`
            `[..., J]`, of a Gaussian one.
        """
        evidence = uncertainty_evidence(keypoints_2d, score, image_size)
        return {
            "sigma_2d": self.keypoints_2d(evidence) * image_size,
            "sigma_depth": self.depth(evidence),
        }


def uncertainty_evidence(
    keypoints_2d: Tensor, score: Tensor, image_size: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Collect what tells how far off joints may be.

    Args:
        keypoints_2d: float `[..., J, 2]`, px of the crop.
        score: float `[..., J]`, peaks of the maps; below 0 counts as 0.
        image_size: side of the crop in px.

    Returns:
        Logarithms of the joint's score `[..., J]`, of the mean score `[..., 1]`, and of the root mean
        square distance of the joints from their middle over the crop's side `[..., 1]`; each plus 0.05.

    Raises:
        ValueError: if a shape is wrong.
    """
    keypoints_2d, score = as_precise(keypoints_2d, score)
    require_points("keypoints_2d", keypoints_2d, 2)
    score = ops.maximum(score, 0.0)
    places = keypoints_2d * (1.0 / image_size)
    apart = ops.square(places - ops.mean(places, axis=-2, keepdims=True))
    extent = ops.sqrt(2.0 * ops.mean(apart, axis=(-2, -1), keepdims=True))[..., 0]
    mean = ops.mean(score, axis=-1, keepdims=True)
    return ops.log(score + _LEAST), ops.log(mean + _LEAST), ops.log(extent + _LEAST)
