"""What lies behind generated hands and bodies: gradients, noise, shapes, or the user's pictures."""

import os
import zlib
from pathlib import Path

import cv2
import numpy as np

from keras_pose.data.pictures.picture import decode_picture

_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
# Pictures are kept at this size at most; larger ones cost memory and show no more behind a hand.
_LARGEST_PX = 640


class Backgrounds:
    """Backgrounds as a pure function of the random generator given to `draw`.

    Args:
        folder: folder of pictures, searched with its sub-folders; None for generated grounds only.
        picture_share: how many backgrounds out of all are pictures, if there is a folder.
        part: (k, n) keeps the pictures whose name has a CRC-32 of k modulo n, so that several sets
            share a folder and no picture; None keeps all.

    Raises:
        OSError: if the folder does not exist or holds no picture.
    """

    def __init__(
        self,
        folder: str | os.PathLike | None = None,
        picture_share: float = 0.7,
        part: tuple[int, int] | None = None,
    ):
        self._pictures: list[Path] = []
        self._share = picture_share
        self._decoded: dict[int, np.ndarray] = {}
        if folder is not None:
            found = Path(folder).rglob("*")
            self._pictures = sorted(path for path in found if path.suffix.lower() in _SUFFIXES)
            if not self._pictures:
                raise OSError(
                    f"{folder}: there is no picture ({', '.join(_SUFFIXES)}) to put behind hands "
                    "or bodies; give another folder, or none for generated backgrounds."
                )
            if part is not None:
                which, count = part
                names = ((path, zlib.crc32(path.name.encode())) for path in self._pictures)
                self._pictures = [path for path, code in names if code % count == which]
                if not self._pictures:
                    raise OSError(
                        f"{folder}: no picture belongs to part {which} of {count} by the CRC-32 of "
                        "its name; add pictures."
                    )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the pictures in use."""
        return tuple(path.name for path in self._pictures)

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Draw one background.

        Args:
            rng: source of the draws.
            height: in pixels.
            width: in pixels.

        Returns:
            uint8 `[H, W, 3]` RGB.

        Raises:
            OSError: if a picture of the folder cannot be read.
        """
        if self._pictures and rng.random() < self._share:
            return _cut(rng, self._picture(int(rng.integers(len(self._pictures)))), height, width)
        ground = _gradient(rng, height, width)
        kind = rng.random()
        if kind < 0.55:
            ground += _noise(rng, height, width)
        if kind > 0.35:
            _shapes(rng, ground)
        if rng.random() < 0.5:
            ground = cv2.GaussianBlur(ground, (0, 0), width * rng.uniform(0.004, 0.03))
        return np.clip(ground, 0, 255).astype(np.uint8)

    def _picture(self, number: int) -> np.ndarray:
        if number not in self._decoded:
            path = self._pictures[number]
            try:
                picture = decode_picture(path.read_bytes(), str(path))
            except ValueError as error:
                raise OSError(
                    f"{path}: this background cannot be read; remove it from the folder."
                ) from error
            factor = _LARGEST_PX / max(picture.shape[:2])
            if factor < 1:
                picture = cv2.resize(
                    picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA
                )
            if len(self._decoded) >= 256:  # some 300 MB
                self._decoded.clear()
            self._decoded[number] = np.ascontiguousarray(picture)
        return self._decoded[number]


def _cut(rng: np.random.Generator, picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """Return a random part of a picture at the size asked for, perhaps mirrored, brighter, blurred."""
    rows, columns = picture.shape[:2]
    largest = min(rows / height, columns / width)
    side = largest * rng.uniform(0.35, 1.0)
    part_height, part_width = max(int(side * height), 1), max(int(side * width), 1)
    top = int(rng.integers(rows - part_height + 1))
    left = int(rng.integers(columns - part_width + 1))
    part = picture[top : top + part_height, left : left + part_width]
    way = cv2.INTER_AREA if side > 1 else cv2.INTER_LINEAR
    part = cv2.resize(part, (width, height), interpolation=way)
    if rng.random() < 0.5:
        part = part[:, ::-1]
    if rng.random() < 0.5:
        part = cv2.GaussianBlur(part, (0, 0), width * rng.uniform(0.004, 0.02))
    gain = rng.uniform(0.6, 1.2)
    return np.clip(part * np.float32(gain), 0, 255).astype(np.uint8)


def _colour(rng: np.random.Generator) -> np.ndarray:
    """Return sRGB `[3]`: often a grey or the colour of wood or skin, sometimes a bright one."""
    if rng.random() < 0.3:
        return rng.uniform(0, 255, 3)
    return np.clip(rng.uniform(10, 245) * (1 + rng.normal(0.0, 0.18, 3) + (0.08, 0, -0.08)), 0, 255)


def _gradient(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return float32 `[H, W, 3]` from one colour to another in a random direction."""
    corners = np.stack([_colour(rng)] * 4)
    corners += rng.normal(0.0, 30.0, (4, 1)) + rng.normal(0.0, 10.0, (4, 3))
    return cv2.resize(
        corners.reshape(2, 2, 3).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR
    )


def _noise(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Return float32 `[H, W, 3]` of coloured noise on several scales."""
    total = np.zeros((height, width, 3), np.float32)
    strength = rng.uniform(5, 45)
    for cells in (3, 6, 13, 27, 54):
        stretch = rng.uniform(0.5, 2.0)
        shape = (max(int(cells * stretch), 2), max(int(cells / stretch), 2), 1)
        grid = rng.standard_normal(shape, np.float32) * rng.normal(1.0, 0.3, 3).astype(np.float32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_LINEAR)
        total += np.float32(strength * rng.uniform(0.1, 0.6)) * layer
    return total


def _shapes(rng: np.random.Generator, ground: np.ndarray) -> None:
    """Paint ellipses, polygons and bars over a ground, in place."""
    height, width = ground.shape[:2]
    for _ in range(int(rng.integers(2, 12))):
        colour = tuple(float(part) for part in _colour(rng))
        x, y = rng.uniform(-0.1, 1.1, 2) * (width, height)
        size = rng.uniform(0.04, 0.5, 2) * max(height, width)
        kind = rng.integers(3)
        if kind == 0:
            axes = (int(size[0] / 2) + 1, int(size[1] / 2) + 1)
            angle = float(rng.uniform(0, 180))
            cv2.ellipse(ground, (int(x), int(y)), axes, angle, 0, 360, colour, -1, cv2.LINE_AA)
        elif kind == 1:
            corners = (rng.uniform(-0.6, 0.6, (4, 2)) * size + (x, y)).astype(np.int32)
            cv2.fillConvexPoly(ground, cv2.convexHull(corners), colour, cv2.LINE_AA)
        else:
            end = np.array([x, y]) + rng.uniform(-1, 1, 2) * width
            thick = int(rng.uniform(0.01, 0.14) * width) + 1
            # Fingers and arms of other colours are what a hand is most easily confused with.
            cv2.line(
                ground, (int(x), int(y)), (int(end[0]), int(end[1])), colour, thick, cv2.LINE_AA
            )
