"""Pictures of generated hands: skin, nails, light and noise over a z-buffer.

Colours are linear light from 0 to 1 until the picture is encoded; a square root encodes it, which
is next to the power 1 / 2.2 of sRGB and much faster. The z-buffer has twice the picture's
resolution; pixels with an edge in them are shaded four times, all others once.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from keras_pose.data.depth_buffer import DepthBuffer, draw_depth
from keras_pose.data.hand_look import Look
from keras_pose.data.hand_surface import FOREARM, PALM, HandSurface


def render_hand(
    surface: HandSurface,
    intrinsics: np.ndarray,
    background: np.ndarray,
    look: Look,
    rng: np.random.Generator,
    supersampling: int = 2,
) -> tuple[np.ndarray, DepthBuffer]:
    """Draws a hand over a background.

    Args:
        surface: metres, camera frame.
        intrinsics: float [3, 3], pixels of the picture, without skew.
        background: uint8 [H, W, 3] RGB, left as it is.
        look: skin and light.
        rng: source of the skin's unevenness.
        supersampling: how many small pixels make the side of one.

    Returns:
        Picture uint8 [H, W, 3] RGB and the z-buffer of the small pixels.
    """
    height, width = background.shape[:2]
    fine = intrinsics * np.array([[supersampling], [supersampling], [1.0]])
    buffer = draw_depth(surface, fine, height * supersampling, width * supersampling)
    rows, columns = np.nonzero(buffer.primitive >= 0)
    if not len(rows):
        return background.copy(), buffer
    # Only the rectangle that holds the hand is shaded, on whole pixels of the picture.
    top, left = rows.min() // supersampling, columns.min() // supersampling
    bottom, right = rows.max() // supersampling + 1, columns.max() // supersampling + 1
    window = (
        slice(top * supersampling, bottom * supersampling),
        slice(left * supersampling, right * supersampling),
    )
    part = DepthBuffer(
        buffer.depth[window], buffer.primitive[window], buffer.rays[:, window[0], window[1]]
    )
    samples = _samples(part, supersampling)
    colour = _shade(surface, part, samples, look, rng)
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


@dataclass(frozen=True)
class _Samples:
    """The points of a surface that are shaded: one in each even pixel, all in those with edges."""

    spots: np.ndarray  # [P], position of the small pixel
    pixels: np.ndarray  # [P], position of the pixel of the picture
    weights: np.ndarray  # [P], share of the pixel
    shape: tuple[int, int]  # of the picture's part


# Within a pixel without edges the surface is nearly level.
_LEVEL_M = 0.003


def _samples(buffer: DepthBuffer, factor: int) -> _Samples:
    height, width = buffer.depth.shape
    shape = (height // factor, width // factor)
    blocks = buffer.depth.reshape(shape[0], factor, shape[1], factor)
    parts = [blocks[:, row, :, column] for row in range(factor) for column in range(factor)]
    nearest, farthest = parts[0], parts[0]
    for part in parts[1:]:
        nearest, farthest = np.minimum(nearest, part), np.maximum(farthest, part)
    is_hand = np.isfinite(nearest)
    is_even = farthest < nearest + np.float32(_LEVEL_M)  # false where one of them is infinite
    even = np.flatnonzero(is_even)
    row, column = np.divmod(even, shape[1])
    first = factor // 2
    even_spots = (row * factor + first) * width + column * factor + first
    edges = np.flatnonzero(is_hand & ~is_even)
    row, column = np.divmod(edges, shape[1])
    corner = row * factor * width + column * factor
    offsets = (np.arange(factor)[:, None] * width + np.arange(factor)).reshape(-1, 1)
    edge_spots = (corner + offsets).ravel()
    is_hit = np.isfinite(buffer.depth.ravel()[edge_spots])
    edge_pixels = np.tile(edges, factor**2)[is_hit]
    return _Samples(
        np.concatenate([edge_spots[is_hit], even_spots]),
        np.concatenate([edge_pixels, even]),
        np.repeat(np.array([1 / factor**2, 1.0], np.float32), [len(edge_pixels), len(even)]),
        shape,
    )


def _shade(
    surface: HandSurface,
    buffer: DepthBuffer,
    samples: _Samples,
    look: Look,
    rng: np.random.Generator,
) -> np.ndarray:
    """Returns sRGB float32 [3, P] from 0 to 1 of the samples.

    Points are columns here: arrays [3, P] are several times as fast as [P, 3].
    """
    number = buffer.primitive.ravel()[samples.spots].astype(np.intp)
    points = buffer.rays.reshape(3, -1)[:, samples.spots] * buffer.depth.ravel()[samples.spots]
    normal, share = _normals(surface, points, number)
    normal = _smoothed(normal, share, samples, number, surface)

    facing_back = (normal * _columns(surface.back)[:, number]).sum(0)
    # 1 on the back of the hand, 0 in the palm.
    backness = np.clip(facing_back * np.float32(1.6) + np.float32(0.35), 0, 1)
    palm, skin = _columns(look.palm[None]), _columns(look.skin[None])
    colour = palm + backness * (skin - palm)
    tone = _blotches(rng, samples.shape, look.blotches).ravel()[samples.pixels]
    tone *= _lines(surface, number, share, backness, look.lines)
    colour *= tone
    shine = np.full(len(number), look.shine, np.float32)
    _paint_nails(surface, look, number, share, normal, facing_back, colour, shine)
    _paint_sleeve(surface, look, number, points, colour, shine)

    toward = _columns(look.to_light[None])
    facing = (normal * toward).sum(0)
    hollow = _hollows(buffer.depth, samples)
    half = toward - points / np.sqrt((points * points).sum(0))
    gloss = np.maximum((normal * half).sum(0), 0) / np.sqrt((half * half).sum(0))
    for _ in range(5):  # to the power of 32
        gloss *= gloss
    gloss *= shine * (facing > 0)
    # A little more light from above than from below.
    sky = (np.float32(0.85) - np.float32(0.15) * normal[1]) * hollow
    hollow = np.float32(0.35) + np.float32(0.65) * hollow
    for channel in range(3):
        # Light that enters skin leaves it a little further on, reddened: shadows have soft edges.
        wrap = _WRAP[channel]
        lit = np.maximum((facing + wrap) * np.float32(1 / (1 + wrap)), 0) * hollow
        lit *= np.float32(look.light[channel])
        lit += sky * np.float32(look.ambient[channel])
        lit *= colour[channel]
        lit += gloss * np.float32(look.light[channel])
        np.sqrt(np.clip(lit, 0, 1, out=lit), out=colour[channel])
    return colour


_WRAP = np.array([0.42, 0.26, 0.22], np.float32)


def _columns(rows: np.ndarray) -> np.ndarray:
    """Returns float32 [3, N] of [N, 3]."""
    return np.ascontiguousarray(rows.T, dtype=np.float32)


def _normals(
    surface: HandSurface, points: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns unit normals [3, P] of surface points and where they lie along their cone, [P]."""
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
    axis = _columns(np.concatenate([axes / slope[:, None], np.zeros((num, 3))]))[:, number]
    offset = np.concatenate([offset / slope, np.full(num, -0.5)]).astype(np.float32)[number]
    share = np.clip((axis * points).sum(0) - offset, 0, 1)
    starts = _columns(np.concatenate([surface.starts, -1e4 * flat]))[:, number]
    whole = _columns(np.concatenate([axes, np.zeros((num, 3))]))[:, number]
    normal = points - starts
    normal -= share * whole
    normal /= np.sqrt((normal * normal).sum(0)) + np.float32(1e-12)
    return normal, share


def _smoothed(
    normal: np.ndarray,
    share: np.ndarray,
    samples: _Samples,
    number: np.ndarray,
    surface: HandSurface,
) -> np.ndarray:
    """Blends the normals of palm, arm and the roots of fingers, whose many parts are one skin."""
    is_palm = (surface.region >= PALM).astype(np.float32)[number]
    is_root = surface.is_root.astype(np.float32)[number]
    weight = np.maximum(is_palm, is_root * np.clip(1 - 2.0 * share, 0, 1)).astype(np.float32)
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


def _hollows(depth: np.ndarray, samples: _Samples) -> np.ndarray:
    """Returns how much of the light from everywhere reaches each point, [P] of 0.35 to 1."""
    here = depth.ravel()[samples.spots]
    filled = np.minimum(depth, here.max())
    filled = cv2.resize(filled, samples.shape[::-1], interpolation=cv2.INTER_AREA)
    side = max(samples.shape) // 14 * 2 + 1
    around = cv2.blur(filled, (side, side)).ravel()[samples.pixels]
    # 25 mm below the surroundings is deep between fingers.
    return np.clip(1 - (here - around) * np.float32(1 / 0.025), 0.35, 1)


def _lines(
    surface: HandSurface,
    number: np.ndarray,
    share: np.ndarray,
    backness: np.ndarray,
    depth: float,
) -> np.ndarray:
    """Returns the darkening by the lines across the joints of the fingers, [P] of 0 to 1."""
    has_line = surface.has_lines.astype(np.float32)
    is_tip = surface.is_tip.astype(np.float32)[number]
    near = np.minimum(share, 1 - share + is_tip) * np.float32(1 / 0.055)
    line = np.maximum(1 - near * near, 0) * has_line[number]
    # Deep in the palm, faint over the knuckles.
    return 1 - np.float32(depth) * line * (np.float32(0.42) - np.float32(0.30) * backness)


def _blotches(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> np.ndarray:
    """Returns slow and fine variations of brightness around 1, float32 [h, w]."""
    slow = rng.standard_normal((8, 8), np.float32)
    fine = rng.standard_normal((40, 40), np.float32)
    field = cv2.resize(slow, shape[::-1], interpolation=cv2.INTER_CUBIC)
    field += 0.6 * cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1 + np.float32(strength) * np.clip(field, -2.5, 2.5)


def _paint_nails(
    surface: HandSurface,
    look: Look,
    number: np.ndarray,
    share: np.ndarray,
    normal: np.ndarray,
    facing_back: np.ndarray,
    colour: np.ndarray,
    shine: np.ndarray,
) -> None:
    """Colours the nails, in place."""
    tips = np.flatnonzero(surface.is_tip[number])
    if not len(tips):
        return
    axis = surface.ends - surface.starts
    axis = _columns(axis / np.linalg.norm(axis, axis=1, keepdims=True))[:, number[tips]]
    ahead = (normal[:, tips] * axis).sum(0)
    # From the middle of the last bone round the tip, and half way down its sides.
    place = share[tips] + np.float32(0.35) * np.maximum(ahead, 0)
    edge = np.minimum((facing_back[tips] - 0.62) / 0.1, (place - 0.5) / 0.12)
    edge = np.minimum(edge, (1.27 - place) / 0.06).astype(np.float32)
    cover = np.clip(edge, 0, 1)
    # The fold of skin around it is a little darker.
    fold = np.maximum(1 - (2 * edge) ** 2, 0) * (1 - cover)
    nail = _columns(look.nail[None])
    tip = colour[:, tips]
    colour[:, tips] = (tip + cover * (nail - tip)) * (1 - np.float32(0.18) * fold)
    shine[tips] += np.float32(0.12) * cover


def _paint_sleeve(
    surface: HandSurface,
    look: Look,
    number: np.ndarray,
    points: np.ndarray,
    colour: np.ndarray,
    shine: np.ndarray,
) -> None:
    """Colours the arm from the sleeve's edge on, in place."""
    arms = np.flatnonzero(surface.region[: len(surface.starts)] == FOREARM)
    if look.sleeve is None or not len(arms):
        return
    start = surface.starts[arms].mean(0)
    axis = surface.ends[arms].mean(0) - start
    axis /= np.linalg.norm(axis)
    along = axis.astype(np.float32) @ points - np.float32(axis @ start)
    covered = np.flatnonzero((surface.region[number] == FOREARM) & (along > look.sleeve_start_m))
    colour[:, covered] = _columns(look.sleeve[None])
    shine[covered] = 0.0
