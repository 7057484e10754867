"""Multiply-adds of one training step per pose, counted layer by layer.

Only matrix products count: everything else together is below 1 % of them. One multiply-add is two
floating-point operations. The backward pass of a dense layer costs one product for its weights and
one for its inputs; the latter is not needed where nothing before the layer is trained.
"""

import dataclasses
from collections.abc import Iterable


@dataclasses.dataclass(frozen=True)
class Products:
    """Multiply-adds per pose of one pass through one or several networks.

    Attributes:
        stem: of the first layers.
        rest: of all other layers.
    """

    stem: int
    rest: int

    @property
    def forward(self) -> int:
        """Forward pass; as much again gives the gradients of the weights."""
        return self.stem + self.rest

    @property
    def inner_gradients(self) -> int:
        """Gradients of all inner activations, but not of the network's own inputs."""
        return self.rest

    @property
    def all_gradients(self) -> int:
        """Gradients of all activations and of the network's inputs."""
        return self.stem + self.rest

    def __add__(self, other: "Products") -> "Products":
        return Products(self.stem + other.stem, self.rest + other.rest)


def residual_mlp(num_inputs: int, width: int, num_blocks: int, num_outputs: int) -> Products:
    """Count a `keras_pose.layers.ResidualMLP`.

    Args:
        num_inputs: size of a flattened input.
        width: of all hidden layers.
        num_blocks: residual blocks of two layers each.
        num_outputs: size of the head.

    Returns:
        Its `Products`.
    """
    return Products(num_inputs * width, 2 * num_blocks * width * width + width * num_outputs)


def shared_step(generators: Iterable[Products], discriminator: Products) -> int:
    """Count the step of `keras_pose.tips.adversarial`.

    The poses are lifted once for both halves of the step, and one backward pass serves all parts.

    Args:
        generators: one `Products` per part.
        discriminator: the discriminator's.

    Returns:
        Multiply-adds per pose.
    """
    lifter = sum(generators, Products(0, 0))
    lift = 2 * lifter.forward + lifter.inner_gradients
    # The turned pose and three quarter turns are lifted again, in one batch.
    relift = 4 * (2 * lifter.forward + lifter.all_gradients)
    return lift + relift + _discriminator_half(discriminator) + _judge(discriminator, 1)


def separate_step(generators: Iterable[Products], discriminator: Products) -> int:
    """Count the step as its author wrote it: nothing shared, one backward pass per generator's loss.

    Args:
        generators: one `Products` per part.
        discriminator: the discriminator's.

    Returns:
        Multiply-adds per pose.
    """
    generators = list(generators)
    lifter = sum(generators, Products(0, 0))
    lift = lifter.forward + 2 * lifter.forward + lifter.inner_gradients
    relift = 3 * (2 * lifter.forward + lifter.all_gradients)
    # The half turn shows (-x, y), which no network has made.
    relift += 2 * lifter.forward + lifter.inner_gradients
    half = _discriminator_half(discriminator)
    return lift + relift + half + _judge(discriminator, len(generators))


def _discriminator_half(discriminator: Products) -> int:
    """Forward and backward on one generated and one real pose."""
    return 2 * (2 * discriminator.forward + discriminator.inner_gradients)


def _judge(discriminator: Products, backward_passes: int) -> int:
    """Return the adversarial term: one view judged, its gradient taken back to the pose."""
    return discriminator.forward + backward_passes * discriminator.all_gradients
