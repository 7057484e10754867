"""Timing several contestants in turn, so that a noisy machine is noisy for all of them.

A ratio is taken within a round and its median over rounds: what slows the machine for seconds or
minutes slows both sides of the ratio.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np

# A contestant runs this many steps and says how long it took, in seconds by the wall clock.
Timer = Callable[[int], float]


def time_calls(call: Callable[[], object], num_calls: int) -> float:
    """Time a function that blocks until it is done.

    Args:
        call: the function.
        num_calls: how often to call it.

    Returns:
        Seconds by the wall clock for all calls.
    """
    start = time.perf_counter()
    for _ in range(num_calls):
        call()
    return time.perf_counter() - start


def interleave(
    timers: Mapping[str, Timer],
    num_rounds: int,
    seconds_per_turn: float,
    deadline: float = float("inf"),
    warm_up: Collection[str] = (),
) -> dict[str, list[float]]:
    """Let every contestant run in every round.

    Args:
        timers: name to timer.
        num_rounds: rounds at most, at least 1.
        seconds_per_turn: a contestant repeats its step until about so much time has passed.
        deadline: no round is begun that would probably end after this `time.monotonic`; the first is
            always run.
        warm_up: who runs one step before the first round; the others' first turn is one step.

    Returns:
        Name to seconds per step, one value per round.
    """
    estimate = {name: timers[name](1) for name in warm_up}
    seconds: dict[str, list[float]] = {name: [] for name in timers}
    names = list(timers)
    for number in range(num_rounds):
        start = time.monotonic()
        for name in names:
            # The first call may have been slow for reasons of its own, so trust the latest turn.
            latest = seconds[name][-1] if seconds[name] else estimate.get(name, seconds_per_turn)
            count = max(1, round(seconds_per_turn / latest))
            seconds[name].append(timers[name](count) / count)
        names = names[1:] + names[:1]  # Nobody always follows the same neighbour.
        now = time.monotonic()
        if number + 1 < num_rounds and now + (now - start) > deadline:
            break
    return seconds


def median_ratio(slower: Sequence[float], faster: Sequence[float]) -> float:
    """Median over rounds of how many times faster one contestant is than another.

    Args:
        slower: seconds per step of the one, by round.
        faster: seconds per step of the other, by round.

    Returns:
        Ratio of times, above 1 if `faster` deserves its name.
    """
    return float(np.median(np.divide(slower, faster)))
