"""Priors on bone lengths, one value per example."""

from keras import ops

from keras_pose.geometry.shapes import Tensor


def bone_ratio_prior(bone_lengths: Tensor, ratios: Tensor) -> Tensor:
    """Return the squared deviation of relative bone lengths from a table, summed over bones.

    Each length is divided by the pose's mean bone length, so the prior knows proportions, not size.
    A pose whose bones all have length zero scores `sum(ratios**2)`.

    Args:
        bone_lengths: float `[..., N]`, any unit, not negative.
        ratios: float `[N]`, expected length of each bone over the mean bone length.

    Returns:
        float `[...]`, dimensionless.

    Reference: ElePose (Wandt et al. 2022), bone lengths prior.
    """
    mean = ops.mean(bone_lengths, axis=-1, keepdims=True)
    safe = ops.where(mean > 0, mean, ops.ones_like(mean))
    return ops.sum(ops.square(bone_lengths / safe - ratios), axis=-1)
