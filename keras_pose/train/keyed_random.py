"""Random numbers as a pure function of (seed, record, stream).

No state and no order: record 40,000 draws the same numbers whether it is read first, last, alone or
on another machine. One round of splitmix64 per word (Steele, Lea and Flood 2014).
"""

from __future__ import annotations

import numpy as np


def _mix(words: np.ndarray) -> np.ndarray:
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def keyed_uniform(seed: int, record: np.ndarray, stream: int) -> np.ndarray:
    """Draw one number of [0, 1) for every record.

    Args:
        seed: any whole number.
        record: whole numbers `[...]`, the identity of each record.
        stream: which of several independent numbers of the record.

    Returns:
        float64 `[...]` in [0, 1), the same whenever the three arguments are the same.
    """
    with np.errstate(over="ignore"):  # arithmetic modulo 2^64 is the point
        golden = np.uint64(0x9E3779B97F4A7C15)
        key = _mix(np.array([seed % 2**64], np.uint64) + golden)
        key = _mix(key ^ _mix(np.array([stream % 2**64], np.uint64) + golden + golden))
        record = np.asarray(record).astype(np.int64)
        words = _mix(_mix((record.reshape(-1).astype(np.uint64) + np.uint64(1)) * golden) ^ key)
    return ((words >> np.uint64(11)) * 2.0**-53).reshape(record.shape)
