"""Pictures of surfaces over backgrounds: which points are shaded, their normals, their share.

The z-buffer has several times the picture's resolution; pixels with an edge in them are shaded at
each of its points, all others once. Points are columns here: arrays `[3, P]` are several times as
fast as `[P, 3]`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np

from keras_pose.data.generated.depth_buffer import DepthBuffer, draw_depth
from keras_pose.data.generated.surface import Surface


@dataclass(frozen=True)
class Samples:
    """The points of a surface that are shaded: one in each even pixel, all in those with edges.

    Attributes:
        spots: int64 `[P]`, position of the small pixel.
        pixels: int64 `[P]`, position of the pixel of the picture.
        weights: float32 `[P]`, share of the pixel.
        shape: height and width of the picture's part in pixels.
    """

    spots: np.ndarray
    pixels: np.ndarray
    weights: np.ndarray
    shape: tuple[int, int]


def paint_surface(
    surface: Surface,
    intrinsics: np.ndarray,
    background: np.ndarray,
    shade: Callable[[DepthBuffer, Samples], np.ndarray],
    supersampling: int = 2,
    level_m: float = 0.003,
) -> tuple[np.ndarray, DepthBuffer]:
    """Draw a surface over a background.

    Args:
        surface: metres, camera frame.
        intrinsics: float `[3, 3]`, pixels of the picture, without skew.
        background: uint8 `[H, W, 3]` RGB, left as it is.
        shade: gives sRGB float32 `[3, P]` from 0 to 1 of the samples of a part of the z-buffer.
        supersampling: how many small pixels make the side of one.
        level_m: within a pixel without edges the depth varies by less than this, metres.

    Returns:
        Picture uint8 `[H, W, 3]` RGB and the z-buffer of the small pixels.
    """
    height, width = background.shape[:2]
    fine = intrinsics * np.array([[supersampling], [supersampling], [1.0]])
    buffer = draw_depth(surface, fine, height * supersampling, width * supersampling)
    rows, columns = np.nonzero(buffer.primitive >= 0)
    if not len(rows):
        return background.copy(), buffer
    # Only the rectangle that holds the surface is shaded, on whole pixels of the picture.
    top, left = rows.min() // supersampling, columns.min() // supersampling
    bottom, right = rows.max() // supersampling + 1, columns.max() // supersampling + 1
    window = (
        slice(top * supersampling, bottom * supersampling),
        slice(left * supersampling, right * supersampling),
    )
    part = DepthBuffer(
        buffer.depth[window], buffer.primitive[window], buffer.rays[:, window[0], window[1]]
    )
    samples = _samples(part, supersampling, level_m)
    colour = shade(part, samples)
    num = samples.shape[0] * samples.shape[1]
    cover = np.bincount(samples.pixels, samples.weights, num)
    picture = background.copy()
    behind = picture[top:bottom, left:right]
    for channel in range(3):
        light = np.bincount(samples.pixels, samples.weights * colour[channel], num)
        mixed = behind[..., channel] * (1 - cover + 1e-9).reshape(samples.shape)
        mixed += (255.0 * light + 0.5).reshape(samples.shape)
        behind[..., channel] = np.minimum(mixed, 255)
    return picture, buffer


def columns(rows: np.ndarray) -> np.ndarray:
    """Return float32 `[3, N]` of `[N, 3]`."""
    return np.ascontiguousarray(rows.T, dtype=np.float32)


def surface_points(buffer: DepthBuffer, samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Find which primitive each sample shows, and where.

    Args:
        buffer: z-buffer of the part that the samples were taken from.
        samples: P points.

    Returns:
        Number of the primitive, int `[P]`, and the point in metres, camera frame, float32 `[3, P]`.
    """
    number = buffer.primitive.ravel()[samples.spots].astype(np.intp)
    points = buffer.rays.reshape(3, -1)[:, samples.spots] * buffer.depth.ravel()[samples.spots]
    return number, points


def surface_normals(
    surface: Surface, points: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Compute the normals of points of a surface.

    Args:
        surface: metres, camera frame.
        points: float32 `[3, P]`, metres.
        number: int `[P]`, which primitive each lies on.

    Returns:
        Unit normals towards the outside, float32 `[3, P]`, and where each point lies along its cone,
        `[P]` from 0 to 1 (0 on triangles).
    """
    axes = surface.ends - surface.starts
    shrink = surface.radii[:, 0] - surface.radii[:, 1]
    slope = np.maximum((axes**2).sum(-1) - shrink**2, 1e-12)
    offset = (axes * surface.starts).sum(-1) + shrink * surface.radii[:, 0]
    corners = surface.corners
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat *= -np.sign((flat * corners[:, 0]).sum(-1, keepdims=True))
    flat /= np.linalg.norm(flat, axis=-1, keepdims=True) + 1e-12
    # A triangle is a cone without an axis whose start lies far behind it.
    num = len(flat)
    axis = columns(np.concatenate([axes / slope[:, None], np.zeros((num, 3))]))[:, number]
    offset = np.concatenate([offset / slope, np.full(num, -0.5)]).astype(np.float32)[number]
    share = np.clip((axis * points).sum(0) - offset, 0, 1)
    starts = columns(np.concatenate([surface.starts, -1e4 * flat]))[:, number]
    whole = columns(np.concatenate([axes, np.zeros((num, 3))]))[:, number]
    normal = points - starts
    normal -= share * whole
    normal /= np.sqrt((normal * normal).sum(0)) + np.float32(1e-12)
    return normal, share


def smoothed_normals(normal: np.ndarray, weight: np.ndarray, samples: Samples) -> np.ndarray:
    """Blend the normals of neighbouring parts that are one skin or one cloth.

    Args:
        normal: float32 `[3, P]`, unit vectors.
        weight: float32 `[P]`, how much each sample takes part, 0 to 1.
        samples: P points.

    Returns:
        Unit normals, float32 `[3, P]`.
    """
    image = np.zeros((*samples.shape, 3), np.float32)
    # Where a pixel has several samples, one of them stands for all.
    image.reshape(-1, 3)[samples.pixels] = (normal * weight).T
    side = max(samples.shape) // 22 * 2 + 1
    for _ in range(2):
        image = cv2.blur(image, (side, side))
    blended = np.ascontiguousarray(image.reshape(-1, 3).T)[:, samples.pixels]
    blended /= np.sqrt((blended * blended).sum(0)) + np.float32(1e-6)
    normal = normal + (np.float32(0.85) * weight) * (blended - normal)
    normal /= np.sqrt((normal * normal).sum(0)) + np.float32(1e-12)
    return normal


def hollows(depth: np.ndarray, samples: Samples, deep_m: float) -> np.ndarray:
    """Estimate how much of the light from everywhere reaches each point.

    Args:
        depth: float32 `[H, W]` of the z-buffer's part, metres.
        samples: P points.
        deep_m: this far below its surroundings a point is dark.

    Returns:
        float32 `[P]` of 0.35 to 1.
    """
    here = depth.ravel()[samples.spots]
    filled = np.minimum(depth, here.max())
    filled = cv2.resize(filled, samples.shape[::-1], interpolation=cv2.INTER_AREA)
    side = max(samples.shape) // 14 * 2 + 1
    around = cv2.blur(filled, (side, side)).ravel()[samples.pixels]
    return np.clip(1 - (here - around) * np.float32(1 / deep_m), 0.35, 1)


def blotches(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> np.ndarray:
    """Draw slow and fine variations of brightness around 1.

    Args:
        rng: source of the draws.
        shape: height and width.
        strength: standard deviation, about.

    Returns:
        float32 `[H, W]`.
    """
    slow = rng.standard_normal((8, 8), np.float32)
    fine = rng.standard_normal((40, 40), np.float32)
    field = cv2.resize(slow, shape[::-1], interpolation=cv2.INTER_CUBIC)
    field += 0.6 * cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 + np.float32(strength) * np.clip(field, -2.5, 2.5)


def _samples(buffer: DepthBuffer, factor: int, level_m: float) -> Samples:
    height, width = buffer.depth.shape
    shape = (height // factor, width // factor)
    blocks = buffer.depth.reshape(shape[0], factor, shape[1], factor)
    parts = [blocks[:, row, :, column] for row in range(factor) for column in range(factor)]
    nearest, farthest = parts[0], parts[0]
    for part in parts[1:]:
        nearest, farthest = np.minimum(nearest, part), np.maximum(farthest, part)
    is_hit_pixel = np.isfinite(nearest)
    is_even = farthest < nearest + np.float32(level_m)  # false where one of them is infinite
    even = np.flatnonzero(is_even)
    row, column = np.divmod(even, shape[1])
    first = factor // 2
    even_spots = (row * factor + first) * width + column * factor + first
    edges = np.flatnonzero(is_hit_pixel & ~is_even)
    row, column = np.divmod(edges, shape[1])
    corner = row * factor * width + column * factor
    offsets = (np.arange(factor)[:, None] * width + np.arange(factor)).reshape(-1, 1)
    edge_spots = (corner + offsets).ravel()
    is_hit = np.isfinite(buffer.depth.ravel()[edge_spots])
    edge_pixels = np.tile(edges, factor**2)[is_hit]
    return Samples(
        np.concatenate([edge_spots[is_hit], even_spots]),
        np.concatenate([edge_pixels, even]),
        np.repeat(np.array([1 / factor**2, 1.0], np.float32), [len(edge_pixels), len(even)]),
        shape,
    )
