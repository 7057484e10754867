"""The machine: versions that fit together, devices, limits and disk."""

import importlib.metadata
import os
import re
import resource
import shutil
from collections.abc import Mapping, Sequence

from keras_pose.doctor.findings import BROKEN, NOTE, OK, Finding

# What setup.py asks for where the package itself is not installed, in a checkout for instance.
_NEEDED = ("tensorflow", "keras", "numpy")
_FEW_FILES, _SMALL_SHARED_GIB, _SMALL_DISK_GIB = 1024, 1.0, 5.0


def check_versions(
    requirements: Sequence[str], installed: Mapping[str, str], python: tuple[int, int]
) -> list[Finding]:
    """Compare what is installed with what the package asks for.

    Args:
        requirements: as in a wheel's metadata, `tensorflow>=2.21,<2.22`.
        installed: version by name.
        python: of the interpreter.
    """
    found = []
    if python < (3, 11):
        found.append(
            Finding("Python", BROKEN, f"{python[0]}.{python[1]}", "install Python 3.11 or newer")
        )
    for requirement in requirements:
        match = re.match(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*\(?([^;)]*)", requirement)
        if match is None or "extra ==" in requirement:
            continue
        name, bounds = match[1], match[2].strip()
        version = installed.get(name.lower())
        if version is None:
            found.append(
                Finding(name, BROKEN, "not installed", f"python -m pip install '{name}{bounds}'")
            )
        elif not _fits(version, bounds):
            found.append(
                Finding(
                    name,
                    BROKEN,
                    f"version {version}, where {bounds} is needed",
                    f"python -m pip install '{name}{bounds}'",
                )
            )
        elif name in _NEEDED:
            found.append(Finding(name, OK, version))
    return found


def installed_versions() -> tuple[list[str], dict[str, str]]:
    """Return what keras_pose asks for, and every installed version by name."""
    try:
        requirements = importlib.metadata.requires("keras_pose") or []
    except importlib.metadata.PackageNotFoundError:
        requirements = list(_NEEDED)
    distributions = importlib.metadata.distributions()
    return requirements, {one.metadata["Name"].lower(): one.version for one in distributions}


def check_devices(
    gpus: Sequence[str], has_driver: bool, built_with_cuda: bool, computes: bool = True
) -> Finding:
    """Say which GPUs TensorFlow can use, and why not where there is one that it cannot.

    Args:
        gpus: names of those that TensorFlow sees.
        has_driver: whether a driver of NVIDIA is loaded.
        built_with_cuda: whether TensorFlow was built for GPUs.
        computes: whether a small product on the first GPU came out right.
    """
    if gpus and not computes:
        return Finding(
            "GPU",
            BROKEN,
            f"{len(gpus)} seen, but a product on the first fails",
            "python -m pip install 'tensorflow[and-cuda]' and look at nvidia-smi",
        )
    if gpus:
        return Finding("GPU", OK, f"{len(gpus)} usable ({', '.join(gpus)})")
    if has_driver:
        library = (
            "python -m pip install 'tensorflow[and-cuda]', whose CUDA libraries are missing or do not "
            "fit the driver"
            if built_with_cuda
            else "install tensorflow, not tensorflow-cpu"
        )
        return Finding("GPU", BROKEN, "there is a driver, but TensorFlow sees no GPU", library)
    return Finding("GPU", OK, "none; training runs on the CPU")


def check_litert(error: Exception | None) -> Finding:
    """Say whether LiteRT can be loaded.

    Args:
        error: what importing it raised, or None.
    """
    if error is None:
        return Finding("LiteRT", OK, "ai_edge_litert loads")
    return Finding(
        "LiteRT",
        BROKEN,
        f"ai_edge_litert does not load ({error})",
        "python -m pip install --force-reinstall ai-edge-litert; exports need it",
    )


def check_limits(open_files: int, shared_gib: float | None) -> list[Finding]:
    """Judge the limit of open files and the shared memory.

    Args:
        open_files: soft limit, -1 for none.
        shared_gib: size of /dev/shm; None if there is none.
    """
    few = 0 <= open_files < _FEW_FILES
    files = Finding(
        "open files",
        BROKEN if few else OK,
        f"at most {open_files}" if open_files >= 0 else "no limit",
        f"ulimit -n {4 * _FEW_FILES}, since every shard and connection is one" if few else "",
    )
    small = shared_gib is not None and shared_gib < _SMALL_SHARED_GIB
    shared = Finding(
        "shared memory",
        NOTE if small else OK,
        "none" if shared_gib is None else f"{shared_gib:.1f} GiB",
        "several GPUs exchange gradients through it: docker run --shm-size=8g" if small else "",
    )
    return [files, shared]


def measured_limits() -> tuple[int, float | None]:
    """Return the soft limit of open files and GiB of /dev/shm."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    try:
        return limit, shutil.disk_usage("/dev/shm").total / 2**30
    except OSError:
        return limit, None


def check_disk(folder: str, free_gib: float, is_writable: bool) -> Finding:
    """Judge the place where a run would be written.

    Args:
        folder: of the run, or the one it would be made in.
        free_gib: space left there.
        is_writable: whether something can be written there.
    """
    name = f"disk at {folder}"
    if not is_writable:
        return Finding(name, BROKEN, "nothing may be written there", "name another --model_dir")
    if free_gib < _SMALL_DISK_GIB:
        remedy = f"free some, a run with pictures may need {_SMALL_DISK_GIB:.0f} GiB"
        return Finding(name, BROKEN, f"{free_gib:.1f} GiB free", remedy)
    return Finding(name, OK, f"{free_gib:.1f} GiB free")


def measured_disk(folder: str) -> tuple[str, float, bool]:
    """Return the nearest folder that exists, GiB free there, and whether it may be written in."""
    place = os.path.abspath(folder)
    while not os.path.isdir(place):
        place = os.path.dirname(place)
    return place, shutil.disk_usage(place).free / 2**30, os.access(place, os.W_OK | os.X_OK)


def _fits(version, bounds):
    """Whether a version lies within bounds like `>=2.21,<2.22`."""
    mine = _numbers(version)
    for bound in filter(None, (one.strip() for one in bounds.split(","))):
        match = re.match(r"(~=|==|!=|<=|>=|<|>)\s*(.+)", bound)
        if match is None:
            continue
        sign, text = match.groups()
        theirs = _numbers(text.replace(".*", ""))
        if sign == "~=":
            holds = mine >= theirs and mine[: len(theirs) - 1] == theirs[:-1]
        elif sign in ("==", "!="):
            count = len(theirs) if text.endswith(".*") else max(len(mine), len(theirs))
            same = _padded(mine, count)[:count] == _padded(theirs, count)
            holds = same == (sign == "==")
        else:
            count = max(len(mine), len(theirs))
            one, other = _padded(mine, count), _padded(theirs, count)
            holds = {"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[
                sign
            ]
        if not holds:
            return False
    return True


def _numbers(version):
    release = re.match(r"[\d.]+", version)
    return tuple(int(one) for one in release[0].strip(".").split(".")) if release else ()


def _padded(numbers, count):
    return (*numbers, *([0] * (count - len(numbers))))
