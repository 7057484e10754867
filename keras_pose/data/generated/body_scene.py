"""Rooms and open ground behind generated bodies, seen by the camera that sees the body."""

from dataclasses import dataclass

import cv2
import numpy as np

from keras_pose.data.generated.body_camera import BodyCamera

# Faces of a room in this order; each has its picture in the atlas.
_FLOOR, _CEILING, _EAST, _WEST, _NORTH, _SOUTH = range(6)
_ROWS, _COLUMNS = 96, 192


@dataclass(frozen=True)
class Room:
    """A box around the origin, its floor at y = 0 (y down), painted inside.

    Attributes:
        half_m: float64 `[3]`, half of its length along x, its height, half of its width along z.
        atlas: float32 [6 * 96, 192, 3], sRGB from 0 to 255: floor, ceiling and four walls.
        floor_period_m: the floor's picture repeats after so many metres.
    """

    half_m: np.ndarray
    atlas: np.ndarray
    floor_period_m: float


def lab_room(rng: np.random.Generator) -> Room:
    """Draw a plain room: painted walls with a door, a skirting and little else.

    Args:
        rng: source of the draws.

    Returns:
        A room as large as Human3.6M's cameras need.
    """
    wall = rng.uniform(110, 215) * (1 + rng.normal(0, 0.04, 3))
    floor = rng.uniform(70, 150) * (1 + rng.normal(0, 0.07, 3))
    faces = [_plain(rng, floor, 5.0), _plain(rng, np.full(3, 225.0), 2.0)]
    for _ in range(4):
        face = _plain(rng, wall * rng.uniform(0.94, 1.04), 2.5)
        _rectangle(face, (rng.uniform(0.1, 0.8), 0.3), (0.1, 0.75), wall * rng.uniform(0.5, 0.8))
        face[-4:] *= 0.7
        faces.append(face)
    return _room(np.array([6.5, 3.2, 6.5]), faces, 13.0)


def random_room(rng: np.random.Generator) -> Room:
    """Draw a furnished room of any size and colour.

    Args:
        rng: source of the draws.

    Returns:
        The room; cameras stay inside if they are no farther than 9 m from its middle.
    """
    faces = [_pattern(rng), _plain(rng, rng.uniform(150, 245) * (1 + rng.normal(0, 0.05, 3)), 3.0)]
    wall = _colour(rng, 60, 230)
    for _ in range(4):
        face = _plain(rng, wall * rng.uniform(0.8, 1.1), rng.uniform(2, 14))
        for _ in range(int(rng.integers(1, 9))):
            side = rng.uniform(0.02, 0.25), rng.uniform(0.08, 0.55)
            corner = rng.uniform(0, 1), rng.uniform(0.1, 0.95)
            _rectangle(face, corner, side, _colour(rng, 10, 250))
        faces.append(face)
    half = np.array([rng.uniform(9.2, 14), rng.uniform(2.7, 5.0) + 1.8, rng.uniform(9.2, 14)])
    return _room(half, faces, rng.uniform(1.0, 6.0))


def open_ground(rng: np.random.Generator) -> Room:
    """Draw ground, horizon and sky with trees or houses far away.

    Args:
        rng: source of the draws.

    Returns:
        A large room whose ceiling and upper walls are the sky.
    """
    zenith = np.array([rng.uniform(70, 150), rng.uniform(120, 180), rng.uniform(190, 245)])
    horizon = zenith + rng.uniform(0.3, 0.9) * (235 - zenith)
    if rng.random() < 0.4:
        zenith = horizon = np.full(3, rng.uniform(150, 235))
    faces = [_pattern(rng), _plain(rng, zenith, 6.0)]
    far = _colour(rng, 30, 150) * np.array([0.95, 1.05, 0.8])
    for _ in range(4):
        rise = np.linspace(0, 1, _ROWS)[:, None, None]
        face = (zenith + rise * (horizon - zenith)) * np.ones((1, _COLUMNS, 1))
        face = face.astype(np.float32)
        for _ in range(int(rng.integers(3, 14))):
            high, wide = rng.uniform(0.05, 0.4), rng.uniform(0.03, 0.25)
            tone = far * rng.uniform(0.6, 1.5)
            _rectangle(face, (rng.uniform(-0.1, 1.0), 1 - high), (wide, high), tone)
        noise = cv2.resize(rng.standard_normal((24, 48), np.float32), (_COLUMNS, _ROWS))
        face[_ROWS // 2 :] += 9 * noise[_ROWS // 2 :, :, None]
        faces.append(face)
    return _room(np.array([30.0, 22.0, 30.0]), faces, rng.uniform(2.0, 8.0))


def draw_room(
    room: Room, camera: BodyCamera, intrinsics: np.ndarray, size: int, brightness: float = 1.0
) -> np.ndarray:
    """Draw what a camera in the room sees.

    Args:
        room: the room.
        camera: inside it.
        intrinsics: float64 `[3, 3]` of the picture.
        size: side of the picture in pixels.
        brightness: factor of all colours.

    Returns:
        uint8 `[H, W, 3]` RGB.
    """
    ahead = world_rays(camera, intrinsics, size)
    start = camera.centre.astype(np.float32)
    half = room.half_m.astype(np.float32)
    low, high = np.array([-half[0], -half[1], -half[2]]), np.array([half[0], 0, half[2]])
    # A ray along a wall meets it nowhere; a tiny slant spares the division by 0.
    ahead[np.abs(ahead) < 1e-6] = 1e-6
    ends = [
        (np.where(ahead[axis] > 0, high[axis], low[axis]) - start[axis]) / ahead[axis]
        for axis in range(3)
    ]
    reach = np.minimum(np.minimum(ends[0], ends[1]), ends[2])
    x, y, z = (start[axis] + reach * ahead[axis] for axis in range(3))
    is_level = ends[1] <= reach
    is_side = ~is_level & (ends[0] <= reach)
    face = np.where(
        is_level,
        np.where(ahead[1] > 0, _FLOOR, _CEILING),
        np.where(
            is_side, np.where(ahead[0] > 0, _EAST, _WEST), np.where(ahead[2] > 0, _NORTH, _SOUTH)
        ),
    )
    period = np.float32(room.floor_period_m)
    across = np.where(is_side, z / (2 * half[2]) + 0.5, x / (2 * half[0]) + 0.5)
    across = np.where(is_level, (x / period) % 1, across)
    down = np.where(is_level, (z / period) % 1, y / half[1] + 1)
    column = np.clip(across, 0, 1) * np.float32(_COLUMNS - 1)
    row = np.clip(down, 0, 1) * np.float32(_ROWS - 1) + (face * _ROWS).astype(np.float32)
    picture = cv2.remap(
        room.atlas, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR
    )
    # The far end of a room is a little darker.
    picture *= np.float32(brightness) * (1 - 0.015 * np.minimum(reach, 12))[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def world_rays(camera: BodyCamera, intrinsics: np.ndarray, size: int) -> np.ndarray:
    """Return the world's directions of the pixels' rays (u, v, 1), float32 `[3, H, W]`."""
    places = np.arange(size) + 0.5
    u = ((places - intrinsics[0, 2]) / intrinsics[0, 0]).astype(np.float32)
    v = ((places - intrinsics[1, 2]) / intrinsics[1, 1]).astype(np.float32)[:, None]
    turn = camera.rotation.astype(np.float32)
    return np.stack([turn[0, axis] * u + turn[1, axis] * v + turn[2, axis] for axis in range(3)])


def floor_points(
    camera: BodyCamera, intrinsics: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Find the floor y = 0 in a picture.

    Args:
        camera: above the floor.
        intrinsics: float64 `[3, 3]` of the picture.
        size: side of the picture in pixels.

    Returns:
        Positions int `[P]` of the pixels that look at the floor, and its points in the camera frame,
        float32 `[3, P]`, metres.
    """
    drop = world_rays(camera, intrinsics, size)[1].ravel()
    spots = np.flatnonzero(drop > 0.02)
    reach = np.float32(-camera.centre[1]) / drop[spots]
    row, column = np.divmod(spots, size)
    u = (column + 0.5 - intrinsics[0, 2]) / intrinsics[0, 0]
    v = (row + 0.5 - intrinsics[1, 2]) / intrinsics[1, 1]
    return spots, np.stack([u * reach, v * reach, reach]).astype(np.float32)


def _room(half: np.ndarray, faces: list[np.ndarray], period: float) -> Room:
    return Room(half, np.concatenate(faces).astype(np.float32), float(period))


def _plain(rng: np.random.Generator, colour: np.ndarray, noise: float) -> np.ndarray:
    """Return a face of one colour with slow and fine unevenness, float32 `[96, 192, 3]`."""
    field = cv2.resize(rng.standard_normal((6, 9), np.float32), (_COLUMNS, _ROWS))
    field += 0.5 * rng.standard_normal((_ROWS, _COLUMNS), np.float32)
    return (colour + noise * field[..., None]).astype(np.float32)


def _pattern(rng: np.random.Generator) -> np.ndarray:
    """Return a floor: plain, tiles, planks or grass."""
    colour = _colour(rng, 40, 200)
    face = _plain(rng, colour, rng.uniform(3, 16))
    kind = rng.integers(4)
    row, column = np.mgrid[0:_ROWS, 0:_COLUMNS]
    if kind == 0:
        tile = (row // (_ROWS // 4) + column // (_COLUMNS // 4)) % 2
        face *= (1 - rng.uniform(0.1, 0.6) * tile)[..., None]
    elif kind == 1:
        face *= (1 - rng.uniform(0.1, 0.4) * (column % (_COLUMNS // 8) < 3))[..., None]
    elif kind == 2:
        face += (
            14 * cv2.resize(rng.standard_normal((48, 48), np.float32), (_COLUMNS, _ROWS))[..., None]
        )
    return face


def _rectangle(
    face: np.ndarray, corner: tuple[float, float], side: tuple[float, float], colour: np.ndarray
) -> None:
    """Fill a rectangle given as shares of a face, in place."""
    left, top = int(corner[0] * _COLUMNS), int(corner[1] * _ROWS)
    right, bottom = left + int(side[0] * _COLUMNS) + 1, top + int(side[1] * _ROWS) + 1
    face[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = colour


def _colour(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Draw sRGB `[3]` from 0 to 255, seldom vivid."""
    return np.clip(rng.uniform(low, high) * (1 + rng.normal(0.0, 0.16, 3)), 0, 255)
