"""Where MediaPipe's networks come from: a wheel, an installed package or PyPI; files known by hash."""

import hashlib
import importlib.metadata
import importlib.util
import os
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

VERSION = "0.10.14"
"""The last version whose wheel holds all of these networks."""

# Any wheel of this version holds the same networks; this one can be had for every machine that asks.
_WHEEL_SHA256 = "a807328339e7356fda0bb14df12fedbf1d33bdf81649c5f8666b0026b1cc30b4"
_PLATFORM = (
    *("--only-binary=:all:", "--implementation=cp", "--python-version=3.11", "--abi=cp311"),
    "--platform=manylinux_2_17_x86_64",
)
_LICENCE = f"mediapipe-{VERSION}.dist-info/LICENSE"
_SECONDS = 600

FILES = {
    "hand_landmark_full": (
        "hand_landmark",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
    ),
    "hand_landmark_lite": (
        "hand_landmark",
        "048edd3645c9bf7397d19a9f6e3a42957d6e414c9bea6598030a2e9b624156e6",
    ),
    "pose_landmark_full": (
        "pose_landmark",
        "e9a5c5cb17f736fafd4c2ec1da3b3d331d6edbe8a0d32395855aeb2cdfd64b9f",
    ),
    "palm_detection_full": (
        "palm_detection",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
    ),
    "palm_detection_lite": (
        "palm_detection",
        "e9a4aaddf90dda56a87235303cf00e4c2d3fb28725f68fd88772997dac905c18",
    ),
    "pose_detection": (
        "pose_detection",
        "9ba9dd3d42efaaba86b4ff0122b06f29c4122e756b329d89dca1e297fd8f866c",
    ),
}
"""Name of a network to its folder in the package and the SHA-256 of its file."""


@dataclass(frozen=True)
class Networks:
    """The files of MediaPipe that are read.

    Attributes:
        origin: where they are from, for people.
        files: name, a key of `FILES`, to content.
        licence: text of the licence that came with them.
    """

    origin: str
    files: dict[str, bytes]
    licence: str


def fetch_networks(wheel: str | os.PathLike = "") -> Networks:
    """Get the networks from where they are.

    Args:
        wheel: a wheel of MediaPipe 0.10.14; empty takes the installed package, or pip where none of this
            version is installed.

    Returns:
        The files, each of the known hash.

    Raises:
        ValueError: if the wheel cannot be read, is of another version or damaged, or pip gets none.
    """
    if wheel:
        return read_wheel(wheel)
    installed = _installed()
    if installed is not None:
        return installed
    with tempfile.TemporaryDirectory(prefix="keras_pose_mediapipe_") as folder:
        return read_wheel(_download(folder), f"mediapipe {VERSION} from PyPI")


def read_wheel(wheel: str | os.PathLike, origin: str = "") -> Networks:
    """Read the networks out of a wheel.

    Args:
        wheel: the file.
        origin: where it is from, for people; its name if empty.

    Returns:
        The files.

    Raises:
        ValueError: if it cannot be read, is of another version, or damaged.
    """
    path = Path(wheel)
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())

            def read(name: str) -> bytes:
                if name not in names:
                    raise ValueError(
                        f"{path} holds no {name}: give a wheel of mediapipe {VERSION}."
                    )
                return archive.read(name)

            return _networks(read, origin or f"{path.name}", str(path), _LICENCE)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(f"--wheel={path} cannot be read ({reason}): give a wheel.") from error
    # Its parts are compressed: zlib has an error of its own for what was cut or changed.
    except (zipfile.BadZipFile, EOFError, NotImplementedError, zlib.error) as error:
        raise ValueError(f"{path} is not a wheel or is damaged: get it again.") from error


def _networks(read: Callable[[str], bytes], origin: str, place: str, licence: str) -> Networks:
    text = read(licence).decode("utf-8", "replace")
    files = {}
    for name, (folder, wanted) in FILES.items():
        content = read(f"mediapipe/modules/{folder}/{name}.tflite")
        if hashlib.sha256(content).hexdigest() != wanted:
            raise ValueError(
                f"{place} has a different {name}.tflite from mediapipe {VERSION}: give its wheel."
            )
        files[name] = content
    return Networks(origin, files, text)


def _installed() -> Networks | None:
    """Return the networks of an installed package; None where there is none of this version."""
    try:
        distribution = importlib.metadata.distribution("mediapipe")
    except importlib.metadata.PackageNotFoundError:
        return None
    if distribution.version != VERSION:
        return None
    root = Path(str(distribution.locate_file("")))

    def read(name: str) -> bytes:
        try:
            return (root / name).read_bytes()
        except OSError as error:
            raise ValueError(
                f"The installed mediapipe {VERSION} lacks {root / name}: install it again, or give "
                "--wheel."
            ) from error

    return _networks(read, f"the installed mediapipe {VERSION}", str(root), _LICENCE)


def _download(folder: str) -> Path:
    """Fetch the wheel without what it depends on; pip refuses one of another hash."""
    asked = Path(folder) / "asked.txt"
    asked.write_text(f"mediapipe=={VERSION} --hash=sha256:{_WHEEL_SHA256}\n", encoding="utf-8")
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"]
    command += [*_PLATFORM, "--quiet", f"--dest={folder}", f"--requirement={asked}"]
    words = f"pip could not download mediapipe {VERSION}"
    advice = "check the network, or download the wheel elsewhere and give it as --wheel"
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ValueError(f"{words} ({type(error).__name__}): {advice}.") from error
    wheels = sorted(Path(folder).glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        reason = said[-1].removeprefix("ERROR:").strip().rstrip(".") if said else "no wheel came"
        if "No module named pip" in done.stderr:
            reason = "this Python has no pip"
        raise ValueError(f"{words} ({reason}): {advice}.")
    return wheels[0]
