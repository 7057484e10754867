"""What the numbers were measured on, and how large its memory is: part of every result."""

import os
import platform
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

# The instruction sets that decide how fast matrices are multiplied on x86.
_MATRIX_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe(num_threads: int) -> dict:
    """Describe processor, versions and load.

    Args:
        num_threads: threads that the benchmark gives to each contestant.

    Returns:
        Dict for the result's field `machine`.
    """
    cpu = _cpu_fields()
    flags = cpu.get("flags", "").split()
    return {
        "processor": cpu.get("model name", platform.processor() or "unknown"),
        "cores": os.cpu_count(),
        "threads_used": num_threads,
        "matrix_instructions": [flag for flag in _MATRIX_FLAGS if flag in flags],
        "memory_gib": round(_memory_gib("MemTotal"), 1),
        "load_average_at_start": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }


def use_cores(count: int) -> None:
    """Keep this process and those it starts on some cores, where the system allows it.

    Frameworks count threads differently (TensorFlow has two pools); cores are the same for all.

    Args:
        count: number of cores.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def available_memory_gib() -> float:
    """Memory that can be taken without swapping, in GiB; infinite where it cannot be asked."""
    return _memory_gib("MemAvailable")


def sentence(machine: dict) -> str:
    """One line for people.

    Args:
        machine: from `describe`.

    Returns:
        Processor, cores, instruction sets, versions and load.
    """
    busy = machine["load_average_at_start"]
    warning = "" if busy < 0.7 else "; NOT QUIET, so times are too long and ratios false"
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['threads_used']} threads used, "
        f"{' '.join(machine['matrix_instructions']) or 'no vector extensions known'}, "
        f"{machine['memory_gib']} GiB; TensorFlow {machine['tensorflow']}, Keras "
        f"{machine['keras']}; load average at start {busy}{warning}"
    )


def _cpu_fields() -> dict[str, str]:
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text(encoding="utf-8").split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _memory_gib(field: str) -> float:
    path = Path("/proc/meminfo")
    if not path.exists():
        return float("inf")
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 2**20
    return float("inf")
