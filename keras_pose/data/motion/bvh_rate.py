"""The `Frame Time` of BVH files: seconds, and what programs write there instead."""

import warnings

# Rates of film, video, cameras and motion capture, frames per second.
_RATES = (
    *(12, 12.5, 15, 23.976, 24, 25, 29.97, 30, 48, 50, 59.94, 60, 72, 75, 90, 100, 119.88, 120),
    *(125, 144, 150, 180, 200, 240, 250, 300, 360, 400, 480, 500, 960, 1000),
)
# Milliseconds are often cut to whole ones, 33 for 30 frames per second.
_NEAR = 0.025
# Slowest and fastest that a frame time in seconds is believed: one still a minute is no motion.
_SLOWEST_S, _FASTEST_S = 2.0, 1.0 / 2000.0
_SLOW_S = 0.4


def frame_seconds(value: float, path: str, num_frames: int) -> float:
    """Read a frame time, in seconds unless only another reading is plausible.

    Args:
        value: what the file says, above 0.
        path: the file, for messages.
        num_frames: of the file; one alone has no rate to judge.

    Returns:
        Seconds between two frames. A warning says where the number was taken as frames per second or as
        milliseconds, and where the rate is hardly one of motion.

    Raises:
        ValueError: if no reading, or more than one, is plausible.
    """
    if _FASTEST_S <= value <= _SLOWEST_S:
        if value > _SLOW_S and num_frames > 1:
            warnings.warn(
                f"{path}: 'Frame Time: {value:g}' means {1 / value:.3g} frames per second; correct "
                "it if this is wrong.",
                stacklevel=4,
            )
        return value
    readings = {}
    if _is_rate(value):
        readings["frames per second"] = 1.0 / value
    if _is_rate(1000.0 / value):
        readings["milliseconds"] = value / 1000.0
    if len(readings) != 1:
        raise ValueError(
            f"{path}: 'Frame Time: {value:g}' means {1 / value:.3g} frames per second, which is "
            "not a plausible rate; write the seconds between two frames there, such as 0.0333333."
        )
    ((unit, seconds),) = readings.items()
    warnings.warn(
        f"{path}: 'Frame Time: {value:g}' was read as {unit}, that is {1 / seconds:.4g} frames per "
        "second; write seconds there.",
        stacklevel=4,
    )
    return seconds


def _is_rate(value: float) -> bool:
    return any(abs(value / rate - 1) <= _NEAR for rate in _RATES)
