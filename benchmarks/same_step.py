"""Proof that all contestants train with the same step, without which their times mean nothing."""

from benchmarks.eager_keras_step import EagerKerasStep
from benchmarks.lifter_step import LifterStep, random_poses, shake_weights, weights
from benchmarks.torch_process import TorchProcess
from keras_pose.tips.config import Config

# Largest relative difference of any loss in three steps on equal weights and draws; 4e-6 was seen.
SAME_STEP = 1e-4


def check_same_step(recipe: Config, torch: TorchProcess | None, seed: int = 0) -> dict[str, float]:
    """Train three small steps everywhere on equal weights, poses and draws, and compare all losses.

    Args:
        recipe: the author's recipe.
        torch: the PyTorch process, or None to leave it out.
        seed: seed of weights and poses.

    Returns:
        Contestant to its largest relative difference from this package's losses.

    Raises:
        ValueError: if a difference is above `SAME_STEP`.
    """
    width, batch_size, num_steps = 48, 96, 3
    poses = random_poses(batch_size, seed)
    ours = LifterStep(recipe, width, "float32")
    shake_weights(ours.model, seed)
    arrays = weights(ours.model)
    draws = [ours.draw(batch_size, step) for step in range(num_steps)]
    sizes = {"width": width, "num_blocks": recipe.num_blocks, "learning_rate": recipe.learning_rate}
    eager = EagerKerasStep(**sizes)
    eager.load(arrays)
    logs = {
        "eager_keras": [
            {name: float(value) for name, value in eager(poses, draw).items()} for draw in draws
        ]
    }
    if torch is not None:
        torch.ask("build", **sizes)
        paths = [
            torch.save(f"draw{step}", draw | {"points_2d": poses})
            for step, draw in enumerate(draws)
        ]
        logs["pytorch"] = torch.ask("losses", weights=torch.save("weights", arrays), draws=paths)[
            "losses"
        ]
    return largest_differences(logs, [ours.losses(poses) for _ in draws])


def largest_differences(
    logs: dict[str, list[dict[str, float]]], expected: list[dict[str, float]]
) -> dict[str, float]:
    """Compare the losses of several steps.

    Args:
        logs: contestant to losses by name, one dict per step.
        expected: this package's, which may name more.

    Returns:
        Contestant to its largest relative difference.

    Raises:
        ValueError: if a difference is above `SAME_STEP`.
    """
    differences = {}
    for name, steps in logs.items():
        differences[name] = max(
            abs(step[loss] - reference[loss]) / abs(reference[loss])
            for step, reference in zip(steps, expected, strict=True)
            for loss in step
        )
        if not differences[name] <= SAME_STEP:
            raise ValueError(
                f"{name} does not compute the same step: its losses differ by up to "
                f"{differences[name]:.1e}; make the two equal before timing them."
            )
    return differences
