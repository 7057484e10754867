"""When the frames of a film were seen, and poses at a constant rate where they came at varying times."""

from collections.abc import Sequence

import numpy as np

# Files round their times to milliseconds: 8 and 9 ms at 120 frames per second are one rate.
_VARIES = 0.3
_HIGHEST_RATE = 240.0


def are_variable(times_s: Sequence[float]) -> bool:
    """Tell whether frames came at varying times.

    Args:
        times_s: rising, seconds.
    """
    steps = np.diff(times_s)
    if len(steps) < 2:
        return False
    middle = float(np.median(steps))
    return bool(np.abs(steps - middle).max() > _VARIES * middle)


def mean_rate(times_s: Sequence[float]) -> float:
    """Return frames per second over the whole film.

    Args:
        times_s: rising, seconds, at least two.
    """
    return (len(times_s) - 1) / float(times_s[-1] - times_s[0])


def constant_rate(times_s: Sequence[float]) -> float:
    """Return a rate, frames per second, that keeps what the closest frames show.

    Args:
        times_s: rising, seconds, at least two.
    """
    rate = 1.0 / float(np.percentile(np.diff(times_s), 10))
    # Times are rounded, rates hardly ever broken.
    rate = round(rate) if abs(rate - round(rate)) < 0.02 * rate and rate >= 1 else rate
    return min(rate, _HIGHEST_RATE)


def resampled(
    film: Sequence[np.ndarray | None], times_s: Sequence[float], rate: float
) -> list[np.ndarray | None]:
    """Give the poses of a film at a constant rate, in straight lines between its frames.

    Args:
        film: per frame float `[J, 3]`, or None where nobody was found; such frames stay without a pose
            until the next one.
        times_s: of the frames, rising, seconds.
        rate: frames per second wanted.

    Returns:
        Per wanted frame float `[J, 3]` or None, from the first frame's time to the last one's.
    """
    times = np.asarray(times_s, np.float64) - times_s[0]
    poses: list[np.ndarray | None] = []
    for time in np.arange(int(np.floor(times[-1] * rate + 1e-6)) + 1) / rate:
        before = min(int(np.searchsorted(times, time + 1e-9, side="right")) - 1, len(film) - 1)
        here, following = film[before], film[min(before + 1, len(film) - 1)]
        if here is None or following is None or before + 1 >= len(film):
            poses.append(here)
            continue
        share = (time - times[before]) / (times[before + 1] - times[before])
        poses.append(here + max(share, 0.0) * (following - here))
    return poses
