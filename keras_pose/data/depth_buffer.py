"""A z-buffer of cones with round ends and thick triangles, ray by ray, without a mesh.

Each primitive is intersected with the rays of its own bounding box only. A ray is (u, v, 1), so
the distance along it is the depth z itself, and all that enters the intersection is linear in u
and v or the same for every primitive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from keras_pose.data.hand_surface import HandSurface

_NEAREST_M = 0.02


@dataclass(frozen=True)
class DepthBuffer:
    """What the camera sees of a surface.

    Attributes:
        depth: float32 [H, W], z in metres of the nearest surface; infinite where there is none.
        primitive: int16 [H, W], number of the cone, or C plus the number of the triangle; -1 none.
        rays: float32 [H, W, 3], direction (u, v, 1) of each pixel's centre.
    """

    depth: np.ndarray
    primitive: np.ndarray
    rays: np.ndarray


def draw_depth(
    surface: HandSurface, intrinsics: np.ndarray, height: int, width: int
) -> DepthBuffer:
    """Draws a surface into a z-buffer.

    Args:
        surface: metres, camera frame.
        intrinsics: float [3, 3], pixels of this picture, continuous (first centre at 0.5), no skew.
        height: of the picture in pixels.
        width: of the picture in pixels.

    Returns:
        Depth [H, W] and which primitive is seen.
    """
    focal = intrinsics[[0, 1], [0, 1]]
    centre = intrinsics[:2, 2]
    u = ((np.arange(width) + 0.5 - centre[0]) / focal[0]).astype(np.float32)
    v = ((np.arange(height) + 0.5 - centre[1]) / focal[1]).astype(np.float32)[:, None]
    squared = u * u + v * v + np.float32(1)
    depth = np.full((height, width), np.inf, np.float32)
    primitive = np.full((height, width), -1, np.int16)

    def box(points: np.ndarray, radii: np.ndarray) -> tuple[slice, slice] | None:
        z = points[:, 2] - radii
        if z.min() < _NEAREST_M:
            return slice(0, height), slice(0, width)
        spread = 1.08 * radii[:, None] / z[:, None] + 1e-9
        # Off the axis a sphere is seen as an ellipse, a little longer than the round one.
        places = points[:, :2] / points[:, 2:]
        spread = spread * (1 + 0.6 * np.abs(places))
        low = ((places - spread) * focal + centre).min(0)
        high = ((places + spread) * focal + centre).max(0)
        x = slice(max(int(low[0]), 0), min(int(high[0]) + 1, width))
        y = slice(max(int(low[1]), 0), min(int(high[1]) + 1, height))
        return (y, x) if x.start < x.stop and y.start < y.stop else None

    def keep(window: tuple, z: np.ndarray, is_hit: np.ndarray, number: int) -> None:
        seen = depth[window]
        is_hit &= z < seen
        np.copyto(seen, z, where=is_hit)
        np.copyto(primitive[window], number, where=is_hit)

    with np.errstate(invalid="ignore", divide="ignore"):
        for number, (start, end, radii) in enumerate(
            zip(surface.starts, surface.ends, surface.radii, strict=True)
        ):
            window = box(np.stack([start, end]), radii)
            if window is None:
                continue
            hit = _cone(start, end, radii, u[window[1]], v[window[0]], squared[window])
            keep(window, *hit, number)
            for place, radius in ((start, radii[0]), (end, radii[1])):
                window = box(place[None], radius[None])
                if window is not None:
                    hit = _sphere(place, radius, u[window[1]], v[window[0]], squared[window])
                    keep(window, *hit, number)
        for number, (corners, thickness) in enumerate(
            zip(surface.corners, surface.thickness, strict=True)
        ):
            window = box(corners, thickness)
            if window is not None:
                hit = _triangle(corners, thickness, u[window[1]], v[window[0]])
                if hit is not None:
                    keep(window, *hit, len(surface.starts) + number)
    rays = np.ones((height, width, 3), np.float32)
    rays[..., 0], rays[..., 1] = u, v
    return DepthBuffer(depth, primitive, rays)


def _sphere(
    place: np.ndarray, radius: float, u: np.ndarray, v: np.ndarray, squared: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns depth [h, w] of the near side of a sphere, and where the ray meets it."""
    x, y, z = (np.float32(part) for part in place)
    ahead = u * x + (v * y + z)
    inside = ahead * ahead - squared * np.float32(place @ place - radius * radius)
    is_hit = inside > 0
    return (ahead - np.sqrt(inside)) / squared, is_hit


def _cone(
    start: np.ndarray,
    end: np.ndarray,
    radii: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    squared: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns depth [h, w] of the part of a round cone between the circles where spheres touch it.

    The cone is the envelope of spheres from `start` to `end`: |P - start - s axis|^2 =
    (r0 + s (r1 - r0))^2 where s makes the left side less the right one smallest; a quadratic in z.
    """
    axis = end - start
    shrink = radii[0] - radii[1]
    length = axis @ axis
    slope = np.float32(length - shrink * shrink)
    if slope <= 0:
        return np.full(squared.shape, np.inf, np.float32), np.zeros(squared.shape, bool)
    ax, ay, az = (np.float32(part) for part in axis)
    sx, sy, sz = (np.float32(part) for part in start)
    along = u * ax + (v * ay + az)
    ahead = u * sx + (v * sy + sz)
    # s = (along z - offset) / slope
    offset = np.float32(axis @ start + shrink * radii[0])
    rest = np.float32(start @ start - radii[0] ** 2)
    a = squared - along * along / slope
    b = ahead - along * (offset / slope)
    c = rest - offset * offset / slope
    inside = b * b - a * c
    z = (b - np.sqrt(inside)) / a
    share = along * z - offset
    is_hit = (share > 0) & (share < slope)  # false as well where there is no root
    return z, is_hit


def _triangle(
    corners: np.ndarray, thickness: np.ndarray, u: np.ndarray, v: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns depth [h, w] of the side of a thick triangle that faces the camera."""
    normal = np.cross(corners[1] - corners[0], corners[2] - corners[0])
    size = np.linalg.norm(normal)
    if size < 1e-12:
        return None
    normal /= size if normal @ corners[0] < 0 else -size
    lifted = corners + normal * thickness[:, None]
    volume = np.linalg.det(lifted)
    if abs(volume) < 1e-15:
        return None
    weights = np.linalg.inv(lifted.T).astype(np.float32)
    w0, w1, w2 = (u * x + (v * y + z) for x, y, z in weights)
    is_hit = (w0 >= 0) & (w1 >= 0) & (w2 >= 0)
    return 1.0 / (w0 + w1 + w2), is_hit
