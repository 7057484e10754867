"""Courses of angles over time, for many people at once: noise, key postures, bumps."""

import numpy as np

Angles = dict[str, np.ndarray]


def smooth_noise(rng: np.random.Generator, num_people: int, times: np.ndarray) -> np.ndarray:
    """Draw slow random curves `[C, T]` with variance 1: four sine waves of 0.1 to 0.9 Hz."""
    frequency = rng.uniform(0.1, 0.9, (num_people, 4, 1))
    phase = rng.uniform(0.0, 2 * np.pi, (num_people, 4, 1))
    return np.sin(2 * np.pi * frequency * times + phase).sum(axis=1) / np.sqrt(2.0)


def move_between(
    rng: np.random.Generator, keys: np.ndarray, times: np.ndarray, hold: float = 0.35
) -> np.ndarray:
    """Move through key postures with a still moment at each.

    Between two keys the course is 10 u^3 - 15 u^4 + 6 u^5, the minimum-jerk course of a human
    reaching movement (Flash and Hogan 1985).

    Args:
        rng: source of the durations.
        keys: `[C, K, A]`, K postures of A angles each, taken in turn.
        times: seconds `[T]`, evenly spaced or not.
        hold: share of the time between two keys that is spent at rest.

    Returns:
        float64 `[C, T, A]`.
    """
    num_people, num_keys, _ = keys.shape
    # All keys are reached within the clip; people differ by up to a factor of three in tempo.
    durations = rng.uniform(0.6, 1.8, (num_people, num_keys - 1))
    stamps = np.cumsum(durations, axis=1)
    stamps = np.concatenate([np.zeros((num_people, 1)), stamps], axis=1)
    stamps *= (times[-1] - times[0] + 1e-6) / stamps[:, -1:]
    elapsed = (times - times[0])[None, :, None]
    segment = (elapsed >= stamps[:, None, 1:-1]).sum(axis=-1)
    people = np.arange(num_people)[:, None]
    start, stop = stamps[people, segment], stamps[people, segment + 1]
    share = np.clip((elapsed[..., 0] - start) / (stop - start) / (1.0 - hold), 0.0, 1.0)[..., None]
    blend = share**3 * (10.0 - 15.0 * share + 6.0 * share**2)
    return keys[people, segment] * (1.0 - blend) + keys[people, segment + 1] * blend


def bump(phase: np.ndarray, centre: float, width: float) -> np.ndarray:
    """Return a periodic bump `[C, T]` of height 1 at `centre` (in turns) of a phase in radians."""
    return np.exp((np.cos(phase - 2 * np.pi * centre) - 1.0) / width)


def column(rng: np.random.Generator, low: float, high: float, num_people: int) -> np.ndarray:
    """Draw one value per person, `[C, 1]`."""
    return rng.uniform(low, high, (num_people, 1))


def course(
    rng: np.random.Generator, low: float, high: float, num_people: int, times: np.ndarray
) -> np.ndarray:
    """Move one angle between random values of a range, `[C, T]`."""
    keys = rng.uniform(low, high, (num_people, 4, 1))
    return move_between(rng, keys, times)[..., 0]
