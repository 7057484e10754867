"""Whether errors are as large as they were said to be: coverage of regions, and laws fitted to errors.

In the picture errors follow an isotropic Laplace distribution, in depth a Gaussian one: on held-out
pictures of hands and bodies these were the likelier of the two (docs/networks.md).
"""

from statistics import NormalDist

import numpy as np

LEVELS = (0.5, 0.8, 0.95)
"""Shares of joints that regions are meant to hold."""
_RIDGE = 1e-3
_MOST_STEPS = 100


def region_radius(level: float, dimensions: int) -> float:
    """Return the radius of the region that is meant to hold a share of joints.

    Args:
        level: the share, between 0 and 1.
        dimensions: 2, a disc in the picture, of an isotropic Laplace distribution; 1, an interval of
            depth, of a Gaussian one.

    Returns:
        Radius, or half the interval, in standard deviations (along one axis).

    Raises:
        ValueError: if the level or the number of dimensions is something else.
    """
    if not 0.0 < level < 1.0 or dimensions not in (1, 2):
        raise ValueError(
            f"level {level} in {dimensions} dimensions has no region; take 0 to 1, in 1 or 2."
        )
    if dimensions == 1:
        return NormalDist().inv_cdf(0.5 + level / 2.0)
    # The distance over the scale b has the density r exp(-r); b is the standard deviation over sqrt(3).
    low, high = 0.0, 800.0
    for _ in range(200):
        middle = (low + high) / 2.0
        inside = 1.0 - (1.0 + middle) * np.exp(-middle)
        low, high = (middle, high) if inside < level else (low, middle)
    return float(low / np.sqrt(3.0))


def coverage(errors: np.ndarray, sigma: np.ndarray, level: float, dimensions: int) -> float:
    """Return the share of errors inside the region that is meant to hold a share of them.

    Args:
        errors: float `[N]`, distances >= 0.
        sigma: float `[N]` > 0, standard deviations that were said, same unit.
        level: the share that is meant.
        dimensions: see `region_radius`.

    Returns:
        0 to 1; NaN where there is no error.
    """
    errors, sigma = np.asarray(errors, np.float64), np.asarray(sigma, np.float64)
    if not errors.size:
        return float("nan")
    return float(np.mean(errors <= region_radius(level, dimensions) * sigma))


def expected_calibration_error(
    errors: np.ndarray, sigma: np.ndarray, dimensions: int, num_levels: int = 19
) -> float:
    """Return how far coverage is from what is meant, in the mean over levels.

    Args:
        errors: float `[N]`, distances >= 0.
        sigma: float `[N]` > 0, standard deviations that were said, same unit.
        dimensions: see `region_radius`.
        num_levels: levels at even distances between 0 and 1.

    Returns:
        float `[]`, 0 to 1; NaN where there is no error.

    Reference: Kuleshov et al. 2018 (arXiv 1807.00263), section 3.5, with the absolute difference.
    """
    levels = np.arange(1, num_levels + 1) / (num_levels + 1.0)
    return float(
        np.mean([abs(coverage(errors, sigma, level, dimensions) - level) for level in levels])
    )


def negative_log_likelihood(errors: np.ndarray, sigma: np.ndarray, dimensions: int) -> float:
    """Return the mean surprise at errors.

    Args:
        errors: float `[N]`, distances >= 0.
        sigma: float `[N]` > 0, standard deviations that were said, same unit.
        dimensions: 2, of an isotropic Laplace distribution; 1, of a Gaussian one.

    Returns:
        Nats per error, of its vector (2) or number (1).
    """
    errors, sigma = np.asarray(errors, np.float64), np.asarray(sigma, np.float64)
    if dimensions == 1:
        return float(np.mean((errors / sigma) ** 2 / 2.0 + np.log(sigma * np.sqrt(2.0 * np.pi))))
    scale = sigma / np.sqrt(3.0)
    return float(np.mean(errors / scale + np.log(2.0 * np.pi * scale**2)))


def fit_power_law(
    evidence: np.ndarray, joints: np.ndarray, errors: np.ndarray, num_joints: int, dimensions: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the law under which errors are likeliest, then scale it to hold eight tenths of them.

    The surprise is convex in the logarithms of the scales and in the exponents, so Newton's method
    finds its only minimum. Joints of few errors are drawn to the others by a weak pull.

    Args:
        evidence: float `[N, K]`, logarithms of what tells errors.
        joints: int `[N]`, number of the joint.
        errors: float `[N]`, distances >= 0.
        num_joints: J.
        dimensions: see `negative_log_likelihood`.

    Returns:
        `scales` `[J]` and `exponents` `[K]`: the standard deviation is
        `scales[joint] * exp(evidence @ exponents)`.

    Raises:
        ValueError: if there are fewer errors than numbers to find, or an entry is not finite.
    """
    evidence, errors = np.asarray(evidence, np.float64), np.asarray(errors, np.float64)
    count, width = evidence.shape
    if count < num_joints + width:
        raise ValueError(
            f"{count} errors settle no law of {num_joints + width} numbers; hold out more pictures."
        )
    if not (np.isfinite(evidence).all() and np.isfinite(errors).all()):
        raise ValueError("An error or score is not finite; train the network anew.")
    middle = evidence.mean(axis=0)
    columns = np.concatenate([evidence - middle, np.eye(num_joints)[joints]], axis=1)
    power = 3 - dimensions
    # An error's part of the likelihood is `weights exp(-power s) + dimensions s`, s = log sigma.
    weights = np.sqrt(3.0) * errors if dimensions == 2 else errors**2 / 2.0
    pull = np.zeros((width + num_joints,) * 2)
    pull[width:, width:] = np.eye(num_joints) - 1.0 / num_joints
    # Slopes that nothing in the data settles stay small.
    pull[:width, :width] = np.eye(width)
    pull *= 2.0 * _RIDGE

    def value(found):
        with np.errstate(over="ignore"):
            surprise = weights * np.exp(-power * (columns @ found))
        return np.mean(surprise + dimensions * (columns @ found)) + found @ pull @ found / 2.0

    found = np.zeros(width + num_joints)
    found[width:] = np.log(max(np.sqrt(np.mean(errors**2) / dimensions), 1e-12))
    for _ in range(_MOST_STEPS):
        surprise = weights * np.exp(-power * (columns @ found))
        slope = columns.T @ (dimensions - power * surprise) / count + pull @ found
        curve = (columns * (power**2 * surprise)[:, None]).T @ columns / count + pull
        step = np.linalg.solve(curve + 1e-9 * np.eye(len(found)), slope)
        size = 1.0
        while value(found - size * step) > value(found) and size > 1e-6:
            size /= 2.0
        found = found - size * step
        if np.abs(step).max() < 1e-9:
            break
    sigma = np.exp(columns @ found)
    temperature = np.quantile(errors / sigma, 0.8) / region_radius(0.8, dimensions)
    exponents = found[:width]
    return np.exp(found[width:] - middle @ exponents) * temperature, exponents
