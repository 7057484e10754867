"""A z-buffer of cones with round ends and thick triangles, ray by ray, without a mesh.

Each primitive is intersected with the rays of its own bounding box only. A ray is (u, v, 1), so
the distance along it is the depth z itself, and all that enters the intersection is linear in u
and v or the same for every primitive.
"""

from dataclasses import dataclass

import numpy as np

from keras_pose.data.generated.surface import Surface

_NEAREST_M = 0.02


@dataclass(frozen=True)
class DepthBuffer:
    """What the camera sees of a surface.

    Attributes:
        depth: float32 `[H, W]`, z in metres of the nearest surface; infinite where there is none.
        primitive: int16 `[H, W]`, number of the cone, or C plus the number of the triangle; -1 none.
        rays: float32 `[3, H, W]`, direction (u, v, 1) of each pixel's centre.
    """

    depth: np.ndarray
    primitive: np.ndarray
    rays: np.ndarray


def draw_depth(surface: Surface, intrinsics: np.ndarray, height: int, width: int) -> DepthBuffer:
    """Draw a surface into a z-buffer.

    Args:
        surface: metres, camera frame.
        intrinsics: float `[3, 3]`, pixels of this picture, continuous (first centre at 0.5), no skew.
        height: of the picture in pixels.
        width: of the picture in pixels.

    Returns:
        Depth `[H, W]` and which primitive is seen.
    """
    focal, centre = intrinsics[[0, 1], [0, 1]], intrinsics[:2, 2]
    u = ((np.arange(width) + 0.5 - centre[0]) / focal[0]).astype(np.float32)
    v = ((np.arange(height) + 0.5 - centre[1]) / focal[1]).astype(np.float32)[:, None]
    squared = u * u + v * v + np.float32(1)
    depth = np.full((height, width), np.inf, np.float32)
    primitive = np.full((height, width), -1, np.int16)

    def keep(window: tuple[slice, slice], z: np.ndarray, is_hit: np.ndarray, number: int) -> None:
        seen = depth[window]
        is_hit &= z < seen
        np.copyto(seen, z, where=is_hit)
        np.copyto(primitive[window], number, where=is_hit)

    def windows(points: np.ndarray, radii: np.ndarray) -> list[tuple[slice, slice] | None]:
        return _windows(points, radii, focal, centre, height, width)

    ends = np.stack([surface.starts, surface.ends], axis=1)
    # Rays that miss give roots of negative numbers: not a number, which compares as false.
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        cones = _Cones(surface, u, v)
        for number, window in enumerate(windows(ends, surface.radii)):
            if window is not None and cones.is_long[number]:
                keep(window, *cones.hit(number, window, squared[window]), number)
        spheres = _Spheres(surface, u, v)
        around = windows(spheres.places[:, None], spheres.radii[:, None])
        for number, window in enumerate(around):
            if window is not None:
                hit = spheres.hit(number, window, squared[window])
                keep(window, *hit, spheres.owners[number])
        triangles = _Triangles(surface, u, v)
        lifted = triangles.lifted
        for number, window in enumerate(windows(lifted, np.zeros(lifted.shape[:2]))):
            if window is not None and triangles.is_flat[number]:
                keep(window, *triangles.hit(number, window), len(surface.starts) + number)
    rays = np.ones((3, height, width), np.float32)
    rays[0], rays[1] = u, v
    return DepthBuffer(depth, primitive, rays)


class _Dots:
    """Products of many vectors with the rays (u, v, 1), half worked out for all of them at once."""

    def __init__(self, vectors: np.ndarray, u: np.ndarray, v: np.ndarray):
        vectors = vectors.astype(np.float32)
        self._across = vectors[:, 0, None] * u
        self._down = (vectors[:, 1, None] * v[:, 0] + vectors[:, 2, None])[..., None]

    def at(self, number: int, window: tuple[slice, slice]) -> np.ndarray:
        """Return the product of one vector with the rays of a window, float32 [h, w]."""
        return self._across[number, window[1]] + self._down[number, window[0]]


def _windows(
    points: np.ndarray,
    radii: np.ndarray,
    focal: np.ndarray,
    centre: np.ndarray,
    height: int,
    width: int,
) -> list[tuple[slice, slice] | None]:
    """Return the part of the picture that holds each group of spheres; None where it is empty.

    Args: spheres `[N, K, 3]` with radii `[N, K]`; a group too near for a bound takes the whole picture.
    """
    near = points[..., 2] - radii
    is_near = near.min(1) < _NEAREST_M
    near = np.maximum(near, _NEAREST_M)[..., None]
    places = points[..., :2] / np.maximum(points[..., 2:], _NEAREST_M)
    # Off the axis a sphere is seen as an ellipse, longer than the round one on the axis.
    spread = 1.04 * radii[..., None] / near * np.sqrt(1 + places**2)
    size = np.array([width, height])
    low = np.clip(((places - spread) * focal + centre).min(1).astype(int), 0, size)
    high = np.clip(((places + spread) * focal + centre).max(1).astype(int) + 1, 0, size)
    low[is_near], high[is_near] = 0, size
    return [
        (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None
        for (left, top), (right, bottom) in zip(low.tolist(), high.tolist(), strict=True)
    ]


class _Spheres:
    """The round ends of all cones, each once: two bones of a finger share the one at their joint."""

    def __init__(self, surface: Surface, u: np.ndarray, v: np.ndarray):
        places = np.concatenate([surface.starts, surface.ends])
        radii = surface.radii.T.ravel()
        keys = np.round(np.concatenate([places, radii[:, None]], axis=1) * 1e7).astype(np.int64)
        first: dict[bytes, int] = {}
        for number, key in enumerate(keys):
            first.setdefault(key.tobytes(), number)
        kept = list(first.values())
        self.places, self.radii = places[kept], radii[kept]
        self.owners = [number % len(surface.starts) for number in kept]
        self._ahead = _Dots(self.places, u, v)
        self._constant = ((self.places**2).sum(-1) - self.radii**2).astype(np.float32)

    def hit(
        self, number: int, window: tuple[slice, slice], squared: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return depth [h, w] of the near side, and where the ray meets it."""
        ahead = self._ahead.at(number, window)
        inside = ahead * ahead
        inside -= squared * self._constant[number]
        np.sqrt(inside, out=inside)
        ahead -= inside
        ahead /= squared
        return ahead, ahead > 0


class _Cones:
    """The sides of round cones between the circles where the spheres at their ends touch them.

    A cone is the envelope of spheres from start to end: |P - start - s axis|^2 =
    (r0 + s (r1 - r0))^2 where s makes the left side less the right one smallest; with P = z ray
    this is a quadratic equation a z^2 - 2 b z + c = 0.
    """

    def __init__(self, surface: Surface, u: np.ndarray, v: np.ndarray):
        axis, start, radii = surface.ends - surface.starts, surface.starts, surface.radii
        shrink = radii[:, 0] - radii[:, 1]
        slope = (axis**2).sum(-1) - shrink**2
        self.is_long = slope > 1e-12  # else one end lies inside the other
        slope = np.where(self.is_long, slope, 1.0)
        # s = (along z - offset) / slope
        offset = (axis * start).sum(-1) + shrink * radii[:, 0]
        rest = (start**2).sum(-1) - radii[:, 0] ** 2
        self._along, self._ahead = _Dots(axis, u, v), _Dots(start, u, v)
        self._slope, self._offset = slope.astype(np.float32), offset.astype(np.float32)
        self._inverse = (1.0 / slope).astype(np.float32)
        self._share = (offset / slope).astype(np.float32)
        self._constant = (rest - offset**2 / slope).astype(np.float32)

    def hit(
        self, number: int, window: tuple[slice, slice], squared: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return depth [h, w] of the near side, and where the ray meets it."""
        along, b = self._along.at(number, window), self._ahead.at(number, window)
        b -= along * self._share[number]
        a = along * along
        a *= -self._inverse[number]
        a += squared
        inside = b * b
        inside -= a * self._constant[number]
        np.sqrt(inside, out=inside)
        b -= inside
        b /= a
        along *= b
        along -= self._offset[number]
        return b, (along > 0) & (along < self._slope[number])


class _Triangles:
    """The sides of thick triangles that face the camera."""

    def __init__(self, surface: Surface, u: np.ndarray, v: np.ndarray):
        corners = surface.corners
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        size = np.linalg.norm(normal, axis=-1, keepdims=True)
        normal /= np.where((normal * corners[:, 0]).sum(-1, keepdims=True) < 0, size, -size) + 1e-30
        lifted = corners + normal[:, None] * surface.thickness[..., None]
        self.is_flat = (size[:, 0] > 1e-9) & (np.abs(np.linalg.det(lifted)) > 1e-15)
        lifted[~self.is_flat] = np.eye(3)
        self.lifted = lifted
        # Rows give the weights of the three corners over z, each linear in the ray.
        weights = np.linalg.inv(lifted.swapaxes(1, 2))
        self._weights = [_Dots(weights[:, corner], u, v) for corner in range(3)]

    def hit(self, number: int, window: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
        """Return depth [h, w] of the near side, and where the ray meets it."""
        w0, w1, w2 = (weight.at(number, window) for weight in self._weights)
        is_hit = np.minimum(np.minimum(w0, w1), w2) >= 0
        w0 += w1
        w0 += w2
        return np.divide(1.0, w0, out=w0), is_hit
