"""The geometric constraint of Zhou et al. 2017: bones of a group keep the proportions of a body."""

from collections.abc import Sequence
from dataclasses import dataclass

from keras import ops

from keras_pose.geometry.bones import bone_lengths
from keras_pose.geometry.shapes import (
    Tensor,
    as_precise,
    require_choice,
    require_points,
)

FORMS = ("length", "ratio")


@dataclass(frozen=True)
class BoneGroup:
    """Bones whose lengths stand in fixed proportions.

    Args:
        name: for reports.
        bones: pairs of joint indices.
        lengths: length of each bone on a typical body, in any one unit.
        reference: length that the others are measured against, in the same unit; a bone of this length
            has weight 1.

    Raises:
        ValueError: if there is no bone, the counts differ, or a length is not above 0.
    """

    name: str
    bones: tuple[tuple[int, int], ...]
    lengths: tuple[float, ...]
    reference: float

    def __post_init__(self) -> None:
        if not self.bones or len(self.bones) != len(self.lengths):
            raise ValueError(
                f"Bone group {self.name!r} has {len(self.bones)} bones and {len(self.lengths)} "
                "lengths; give one length per bone and at least one bone."
            )
        if min(*self.lengths, self.reference) <= 0:
            raise ValueError(f"Bone group {self.name!r} has a length that is not above 0.")

    @property
    def weights(self) -> tuple[float, ...]:
        """Factor per bone that brings it to the reference length on a typical body."""
        return tuple(self.reference / length for length in self.lengths)


def bone_group_variances(
    points: Tensor, visible: Tensor, groups: Sequence[BoneGroup], form: str = "length"
) -> Tensor:
    """Compute the variance of weighted bone lengths within each group.

    Only bones with two visible ends count, the biased variance is over their number, and a group with
    one or none gives 0. Hidden joints may hold anything, NaN too. A bone of length 0 has gradient 0.
    The variance does not change when all depths are negated or shifted, and its gradient is 0 where
    both ends of every bone have one depth.

    Args:
        points: floating `[..., J, 3]`, the same unit along x, y and depth; half precision is computed
            in float32.
        visible: floating or bool `[..., J]`, above 0 where the joint counts.
        groups: G groups of bones.
        form: `length` is the authors' code, the variance of `weight * length`; `ratio` the paper's, of
            `length / typical length`, which is the former over the square of the group's reference.

    Returns:
        `[..., G]` >= 0, squared unit of the points (over the squared unit of the typical lengths).

    Raises:
        ValueError: if a shape is wrong, there is no group, or `form` is another word.

    Reference: Zhou et al. 2017, equation 3, and the authors' code.
    """
    require_choice("form", form, FORMS)
    if not len(groups):
        raise ValueError("groups is empty; give at least one group of bones.")
    points = as_precise(points)
    require_points("points", points)
    seen = ops.cast(visible, "float32") > 0
    points = ops.where(seen[..., None], points, ops.zeros_like(points))

    variances = []
    for group in groups:
        ends = list(zip(*group.bones, strict=True))
        both = ops.logical_and(*(ops.take(seen, list(end), axis=-1) for end in ends))
        share = ops.cast(both, points.dtype)
        share = share / ops.maximum(ops.sum(share, axis=-1, keepdims=True), 1.0)
        weights = ops.convert_to_tensor(group.weights, dtype=points.dtype)
        lengths = weights * bone_lengths(points, group.bones)
        mean = ops.sum(share * lengths, axis=-1, keepdims=True)
        variance = ops.sum(share * ops.square(lengths - mean), axis=-1)
        variances.append(variance if form == "length" else variance / group.reference**2)
    return ops.stack(variances, axis=-1)


def bone_variance(
    points: Tensor, visible: Tensor, groups: Sequence[BoneGroup], form: str = "length"
) -> Tensor:
    """Sum `bone_group_variances` over the groups: the geometric loss of one person.

    Args:
        points: floating `[..., J, 3]`, the same unit along x, y and depth.
        visible: floating or bool `[..., J]`, above 0 where the joint counts.
        groups: groups of bones.
        form: `length` or `ratio`, see `bone_group_variances`.

    Returns:
        `[...]` >= 0, 0 where no group has two visible bones.

    Raises:
        ValueError: if a shape is wrong, there is no group, or `form` is another word.

    Reference: Zhou et al. 2017, equation 3, and the authors' code.
    """
    return ops.sum(bone_group_variances(points, visible, groups, form), axis=-1)
