"""Throws mutated requests at a served network: `python -m benchmarks.serving_fuzz --saved_model=...`.

Every mutation knows what `valid` must be, or that nobody can say. In each batch one row is good and must
be answered as it is among good ones. Memory is watched.
"""

import dataclasses
import resource
import struct
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from keras_pose.export import saved_model_runner
from keras_pose.serving import read_metadata
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

BATCH_SIZE = 25
Runner = Callable[[Mapping[str, Any]], dict[str, np.ndarray]]


def picture(random: np.random.Generator) -> np.ndarray:
    """Draws a picture, uint8 [H, W, 3], of any shape between 8 and 90 px, sometimes grey."""
    height, width = random.integers(8, 90, 2)
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    image = cv2.resize(coarse, (int(width), int(height)), interpolation=cv2.INTER_CUBIC)
    return image[..., 0] if random.random() < 0.2 else image


def good_request(random: np.random.Generator) -> tuple[dict[str, Any], tuple[int, int]]:
    """One row that must be answered, and its picture's (height, width)."""
    image = picture(random)
    ending = str(random.choice([".jpg", ".png"]))
    height, width = image.shape[:2]
    side = random.uniform(4, 60)
    focal = random.uniform(20, 2000)
    return {
        "image_bytes": cv2.imencode(ending, image)[1].tobytes(),
        "bbox": [random.uniform(-2, width - 3), random.uniform(-2, height - 3), side, side + 1],
        "K": [[focal, 0, width / 2], [0, focal * 1.1, height / 2], [0, 0, 1.0]],
        "bone_length_m": [0.0],
    }, (height, width)


def png_of(height: int, width: int, body: bytes = b"") -> bytes:
    """Return a PNG file that claims a size, with a sound checksum and whatever body."""
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)

    def chunk(kind, content):
        crc = struct.pack(">I", zlib.crc32(content, zlib.crc32(kind)))
        return struct.pack(">I", len(content)) + kind + content + crc

    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", body) + chunk(b"IEND", b"")


def _cut(row, shape, random):
    data = row["image_bytes"]
    row["image_bytes"] = data[: int(len(data) * random.uniform(0, 0.5))]
    return False


def _noise(row, shape, random):
    row["image_bytes"] = random.bytes(int(random.integers(0, 2000)))
    return False


def _magic_and_noise(row, shape, random):
    row["image_bytes"] = row["image_bytes"][:8] + random.bytes(int(random.integers(0, 500)))
    return False


def _flips(row, shape, random):
    data = bytearray(row["image_bytes"])
    for place in random.integers(0, len(data), random.integers(1, 12)):
        data[place] ^= 1 << random.integers(0, 8)
    row["image_bytes"] = bytes(data)
    return None  # A flipped pixel is still a picture.


def _tail(row, shape, random):
    row["image_bytes"] += random.bytes(int(random.integers(1, 300)))
    return True  # Decoders stop at the end of the picture.


def _other_kind(row, shape, random):
    ending = str(random.choice([".bmp", ".webp", ".tiff"]))
    row["image_bytes"] = cv2.imencode(ending, picture(random))[1].tobytes()
    return False


def _huge_header(row, shape, random):
    if random.random() < 0.5:
        row["image_bytes"] = png_of(*(int(2 ** random.uniform(13, 31)) for _ in range(2)))
        return False
    data = bytearray(cv2.imencode(".jpg", picture(random))[1].tobytes())
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 65000, 65000)
    row["image_bytes"] = bytes(data)
    return False


def _false_header(row, shape, random):
    row["image_bytes"] = png_of(*random.integers(100, 3000, 2).tolist(), zlib.compress(b"\0" * 99))
    return False


def _bomb(row, shape, random):
    # A million pixels from a thousand bytes decode; what claims more than the limit does not.
    side = int(random.choice([1000, 9000]))
    row["image_bytes"] = png_of(side, side, zlib.compress(b"\0" * side * (side + 1)))
    row["bbox"] = [0.0, 0.0, side, side]
    return side == 1000


def _bad_box(row, shape, random):
    height, width = shape
    row["bbox"] = [
        [np.nan, 0, 9, 9],
        [0, np.inf, 9, 9],
        [0, 0, -np.inf, 9],
        [0, 0, 0, 9],
        [0, 0, 9, -9],
        [width + 1.0, 0, 9, 9],
        [0, -30.0, 9, 20],
        [0, 0, 1e30, 1e30],
        [3e38, 3e38, 3e38, 3e38],
        [0, 0, 1e-3, 1e-3],
    ][random.integers(0, 10)]
    return False


def _odd_box(row, shape, random):
    height, width = shape
    row["bbox"] = [-5000.0, -5000.0, 10000.0 + width, 10000.0 + height]
    return True


def _bad_camera(row, shape, random):
    camera = np.array(row["K"])
    place = tuple(random.integers(0, 3, 2))
    camera[place] = random.choice([np.nan, np.inf, -np.inf, 1e30])
    row["K"] = [
        camera,
        np.zeros((3, 3)),
        np.ones((3, 3)),
        -np.array(row["K"]),
        np.array(row["K"]).T * [[1, 1, 1], [1, 1, 1], [0.5, 0.5, 0.5]],
        np.diag([0.1, 100.0, 1.0]),
        np.diag([1e9, 1e9, 1.0]),
    ][random.integers(0, 7)]
    return False


def _bad_length(row, shape, random):
    row["bone_length_m"] = [random.choice([np.nan, np.inf, -np.inf, -1.0, 1e9, -1e-30])]
    return False


MUTATIONS: dict[str, Callable] = {
    "none": lambda row, shape, random: True,
    "cut file": _cut,
    "random bytes": _noise,
    "right magic, random bytes": _magic_and_noise,
    "flipped bits": _flips,
    "bytes behind the end": _tail,
    "another kind of file": _other_kind,
    "huge header": _huge_header,
    "false header": _false_header,
    "decompression bomb": _bomb,
    "bad box": _bad_box,
    "box far larger than the picture": _odd_box,
    "bad camera": _bad_camera,
    "bad length": _bad_length,
}
SIGNATURES = ("serving_default", "serve_found")
_OF_BOXES = ("bad box", "box far larger than the picture")


def fuzz(
    runner: Runner,
    length_m: float,
    num_inputs: int,
    seed: int,
    settles: bool = True,
    signature: str = "serving_default",
    control: bytes = b"",
) -> dict[str, Any]:
    """Asks for `num_inputs` mutated rows and checks every answer.

    Args:
        runner: of the signature.
        length_m: a usable `bone_length_m`.
        num_inputs: mutated rows.
        seed: of the mutations.
        settles: whether every pose of the network has a depth. Where a hand's may not, a good row that
            is not valid must still have 2D joints.
        signature: one of `SIGNATURES`; `serve_found` gets no boxes, its `valid` says nothing of poses.
        control: file of the picture of the good row; empty draws one. That of `serve_found` must show
            somebody.

    Returns:
        `inputs`, `by_mutation` (count, and how many were valid), `seconds`, `memory_growth_mib`.

    Raises:
        AssertionError: naming the row, if an answer is not finite, has a wrong `valid`, or a neighbour
            was changed.
    """
    random = np.random.default_rng(seed)
    is_found = signature == "serve_found"
    names = [name for name in MUTATIONS if not (is_found and name in _OF_BOXES)]
    # Bombs take time; a few suffice.
    weights = np.array([0.1 if name == "decompression bomb" else 1.0 for name in names])

    def batch(rows):
        asked = _batch(rows)
        return {key: asked[key] for key in asked if not (is_found and key == "bbox")}

    good, _ = good_request(random)
    good["bone_length_m"] = [length_m]
    good["image_bytes"] = control or good["image_bytes"]
    # Kernels may add up in another order in a batch of another size.
    among_good = runner(batch([good] * (BATCH_SIZE + 1)))
    assert among_good["keypoints_2d"][0].any(), "the good request is not answered"
    counts: Counter[str] = Counter()
    valid: Counter[str] = Counter()
    memory, start = _memory_mib(), time.perf_counter()
    while counts.total() < num_inputs:
        rows, expected, chosen = [], [], []
        for _ in range(min(BATCH_SIZE, num_inputs - counts.total())):
            name = str(random.choice(names, p=weights / weights.sum()))
            row, shape = good_request(random)
            row["bone_length_m"] = [length_m]
            expected.append(MUTATIONS[name](row, shape, random))
            rows.append(row)
            chosen.append(name)
            counts[name] += 1
        place = int(random.integers(0, len(rows) + 1))
        answer = runner(batch([*rows[:place], good, *rows[place:]]))
        for key, value in answer.items():
            assert np.isfinite(value).all(), f"{key} is not finite in a batch of {chosen}"
            same = np.allclose(value[place], among_good[key][0], rtol=1e-4, atol=1e-4)
            assert same, f"{key} of a good row was changed"
        flags_ = np.delete(answer["valid"], place)
        points = np.delete(answer["keypoints_3d"], place, axis=0)
        seen = np.delete(answer["keypoints_2d"], place, axis=0)
        seen = seen.reshape(len(seen), -1).any(axis=1)
        answers = zip(chosen, expected, flags_, seen, points, strict=True)
        for name, wanted, flag, is_seen, joints in answers:
            is_right = flag == wanted or (wanted and is_seen and not settles)
            assert wanted is None or is_right, f"valid is {flag} after {name!r}"
            assert flag == 1.0 or not joints.any(), f"3D joints of a refused row after {name!r}"
            valid[name] += int(flag)
    return {
        "inputs": counts.total(),
        "by_mutation": {name: [counts[name], valid[name]] for name in names},
        "seconds": round(time.perf_counter() - start, 1),
        "memory_growth_mib": round(_memory_mib() - memory, 1),
    }


def _batch(rows):
    data = np.empty(len(rows), object)
    data[:] = [row["image_bytes"] for row in rows]
    numbers = {
        name: np.array([row[name] for row in rows], np.float32)
        for name in ("bbox", "K", "bone_length_m")
    }
    return {"image_bytes": data, **numbers}


def _memory_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    saved_model: str = option("", "Version folder that keeps the contract.")
    signature: str = option("serving_default", "Which is asked.", choices=SIGNATURES)
    picture: str = option(
        "", "JPEG or PNG file that shows somebody, for the good row; serve_found needs one."
    )
    num_inputs: int = option(10_000, "Mutated inputs.", low=1)
    seed: int = option(0, "Of the mutations.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        if self.signature == "serve_found" and not self.picture:
            raise ValueError(
                "--signature=serve_found needs --picture, a file in which the model finds somebody."
            )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    metadata = read_metadata(settings.saved_model)
    length = metadata.bone_length
    if length is None:
        raise ValueError(f"{settings.saved_model} takes no pictures; give a hand or body network.")
    runner = saved_model_runner(settings.saved_model, settings.signature)
    # The depth of a hand is solved from one bone, which may point at the camera.
    settles = metadata.kind == "body"
    control = Path(settings.picture).read_bytes() if settings.picture else b""
    result = fuzz(
        runner,
        length.typical_m,
        settings.num_inputs,
        settings.seed,
        settles,
        settings.signature,
        control,
    )
    lines = [
        f"{count:6d} {valid:6d}  {name}" for name, (count, valid) in result["by_mutation"].items()
    ]
    lines.append(
        f"{result['inputs']} inputs in {result['seconds']} s; memory grew by "
        f"{result['memory_growth_mib']} MiB; no answer was wrong or not finite, no neighbour changed"
    )
    text = "\n".join([" asked  valid  mutation", *lines])
    print(text)
    if settings.output:
        model = "/".join(Path(settings.saved_model).parts[-2:])
        command = f"python -m benchmarks.serving_fuzz --saved_model={model}"
        if settings.signature != "serving_default":
            command += f" --signature={settings.signature} --picture=<of somebody>"
        described = {"command": command, "machine": machine.describe(2), "seed": settings.seed}
        write_result(settings.output, described | {"results": result}, text)


if __name__ == "__main__":
    run_binary(main, Settings)
