"""The networks of TIPS: independent part generators, one discriminator, one student."""

import keras
from keras import ops

from keras_pose.layers import ResidualMLP
from keras_pose.lifting.geometry import make_geometry
from keras_pose.lifting.splits import LIFTED_JOINTS, part_slices

NUM_JOINTS = len(LIFTED_JOINTS)


class PartLifter(keras.Model):
    """Depth of every joint from a 2D pose, by generators that each see their own joints only.

    Args:
        config: `keras_pose.tips.config.Config`; uses split, width, num_blocks, norm, activation,
            dropout, depth_activation.
        **kwargs: passed to `keras.Model` (name, dtype).

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised, J = 16 joints of `LIFTED_JOINTS`.
        training: whether dropout and batch statistics are live.

    Returns:
        float `[B, J]`, depths in the pose's scale.

    Reference: TIPS-GAN, legs and torso generators; `split="whole"` is its solo baseline.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.slices = part_slices(config.split)
        self.generators = [
            ResidualMLP(
                part.stop - part.start,
                width=config.width,
                num_blocks=config.num_blocks,
                norm=config.norm,
                activation=config.activation,
                dropout=config.dropout,
                output_activation=config.depth_activation,
                name=name,
                dtype=self.dtype_policy,
            )
            for name, part in self.slices.items()
        ]
        for generator, part in zip(self.generators, self.slices.values(), strict=True):
            generator.build((None, 2 * (part.stop - part.start)))
        self.built = True

    def call(self, points_2d, training=False):
        depths = [
            generator(_flat(points_2d[:, part]), training=training)
            for generator, part in zip(self.generators, self.slices.values(), strict=True)
        ]
        return ops.concatenate(depths, axis=-1) if len(depths) > 1 else depths[0]


class PoseLifter(keras.Model):
    """A trained lifter with its camera model: what is evaluated and exported.

    Args:
        config: `keras_pose.tips.config.Config`.
        lifter: trained `PartLifter`, or None to build one in float32.
        **kwargs: passed to `keras.Model`.

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised, J = 16.

    Returns:
        float `[B, J, 3]`, root-relative, in units of the pose's scale.
    """

    def __init__(self, config, lifter=None, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        # Mixed-precision graphs do not convert to TFLite; the weights are float32 anyway.
        self.lifter = lifter or PartLifter(config, name="lifter", dtype="float32")
        self.geometry = make_geometry(config)
        self.built = True

    def call(self, points_2d, training=False):
        depth = ops.cast(self.lifter(points_2d, training=training), self.compute_dtype)
        return self.geometry.lift(points_2d, depth)


class PoseDiscriminator(keras.Model):
    """Score of a whole 2D pose, linear; the sigmoid of the cross-entropy version is in its loss.

    Args:
        config: `keras_pose.tips.config.Config`; uses width, discriminator_width,
            discriminator_blocks, activation.
        **kwargs: passed to `keras.Model` (name, dtype).

    Call arguments:
        points_2d: float `[B, J, 2]`, normalised, J = 16.
        training: unused, as the discriminator has neither normalisation nor live dropout.

    Returns:
        float `[B, 1]`.

    Reference: TIPS-GAN, discriminator over the whole pose, without batch normalisation.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = config
        self.network = ResidualMLP(
            1,
            width=config.discriminator_width or config.width,
            num_blocks=config.discriminator_blocks,
            norm="none",
            activation=config.activation,
            name="whole_pose",
            dtype=self.dtype_policy,
        )
        self.network.build((None, 2 * NUM_JOINTS))
        self.built = True

    def call(self, points_2d, training=False):
        return self.network(_flat(points_2d), training=training)


def _flat(points_2d):
    return ops.reshape(points_2d, (-1, points_2d.shape[-2] * points_2d.shape[-1]))
