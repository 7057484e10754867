"""Pictures of generated hands: skin, nails, light and noise over a z-buffer.

Colours are linear light from 0 to 1 until the picture is encoded; a square root encodes it, which
is next to the power 1 / 2.2 of sRGB and much faster.
"""

import numpy as np

from keras_pose.data.generated.depth_buffer import DepthBuffer
from keras_pose.data.generated.hand_look import Look
from keras_pose.data.generated.hand_surface import FOREARM, PALM, HandSurface
from keras_pose.data.generated.surface_shading import (
    Samples,
    blotches,
    columns,
    hollows,
    paint_surface,
    smoothed_normals,
    surface_normals,
    surface_points,
)

# Deep between fingers.
_HOLLOW_M = 0.025


def render_hand(
    surface: HandSurface,
    intrinsics: np.ndarray,
    background: np.ndarray,
    look: Look,
    rng: np.random.Generator,
    supersampling: int = 2,
) -> tuple[np.ndarray, DepthBuffer]:
    """Draw a hand over a background.

    Args:
        surface: metres, camera frame.
        intrinsics: float `[3, 3]`, pixels of the picture, without skew.
        background: uint8 `[H, W, 3]` RGB, left as it is.
        look: skin and light.
        rng: source of the skin's unevenness.
        supersampling: how many small pixels make the side of one.

    Returns:
        Picture uint8 `[H, W, 3]` RGB and the z-buffer of the small pixels.
    """

    def shade(buffer: DepthBuffer, samples: Samples) -> np.ndarray:
        return _shade(surface, buffer, samples, look, rng)

    return paint_surface(surface, intrinsics, background, shade, supersampling)


def _shade(
    surface: HandSurface,
    buffer: DepthBuffer,
    samples: Samples,
    look: Look,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return sRGB float32 `[3, P]` from 0 to 1 of the samples."""
    number, points = surface_points(buffer, samples)
    normal, share = surface_normals(surface, points, number)
    # The many parts of palm, arm and the roots of fingers are one skin.
    is_palm = (surface.region >= PALM).astype(np.float32)[number]
    is_root = surface.is_root.astype(np.float32)[number]
    weight = np.maximum(is_palm, is_root * np.clip(1 - 2.0 * share, 0, 1)).astype(np.float32)
    normal = smoothed_normals(normal, weight, samples)

    facing_back = (normal * columns(surface.back)[:, number]).sum(0)
    # 1 on the back of the hand, 0 in the palm.
    backness = np.clip(facing_back * np.float32(1.6) + np.float32(0.35), 0, 1)
    palm, skin = columns(look.palm[None]), columns(look.skin[None])
    colour = palm + backness * (skin - palm)
    tone = blotches(rng, samples.shape, look.blotches).ravel()[samples.pixels]
    tone *= _lines(surface, number, share, backness, look.lines)
    colour *= tone
    shine = np.full(len(number), look.shine, np.float32)
    _paint_nails(surface, look, number, share, normal, facing_back, colour, shine)
    _paint_sleeve(surface, look, number, points, colour, shine)

    toward = columns(look.to_light[None])
    facing = (normal * toward).sum(0)
    hollow = hollows(buffer.depth, samples, _HOLLOW_M)
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


def _lines(
    surface: HandSurface,
    number: np.ndarray,
    share: np.ndarray,
    backness: np.ndarray,
    depth: float,
) -> np.ndarray:
    """Return the darkening by the lines across the joints of the fingers, `[P]` of 0 to 1."""
    has_line = surface.has_lines.astype(np.float32)
    is_tip = surface.is_tip.astype(np.float32)[number]
    near = np.minimum(share, 1 - share + is_tip) * np.float32(1 / 0.055)
    line = np.maximum(1 - near * near, 0) * has_line[number]
    # Deep in the palm, faint over the knuckles.
    return 1 - np.float32(depth) * line * (np.float32(0.42) - np.float32(0.30) * backness)


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
    """Colour the nails, in place."""
    tips = np.flatnonzero(surface.is_tip[number])
    if not len(tips):
        return
    axis = surface.ends - surface.starts
    axis = columns(axis / np.linalg.norm(axis, axis=1, keepdims=True))[:, number[tips]]
    ahead = (normal[:, tips] * axis).sum(0)
    # From the middle of the last bone round the tip, and half way down its sides.
    place = share[tips] + np.float32(0.35) * np.maximum(ahead, 0)
    edge = np.minimum((facing_back[tips] - 0.62) / 0.1, (place - 0.5) / 0.12)
    edge = np.minimum(edge, (1.27 - place) / 0.06).astype(np.float32)
    cover = np.clip(edge, 0, 1)
    # The fold of skin around it is a little darker.
    fold = np.maximum(1 - (2 * edge) ** 2, 0) * (1 - cover)
    nail = columns(look.nail[None])
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
    """Colour the arm from the sleeve's edge on, in place."""
    arms = np.flatnonzero(surface.region[: len(surface.starts)] == FOREARM)
    if look.sleeve is None or not len(arms):
        return
    start = surface.starts[arms].mean(0)
    axis = surface.ends[arms].mean(0) - start
    axis /= np.linalg.norm(axis)
    along = axis.astype(np.float32) @ points - np.float32(axis @ start)
    covered = np.flatnonzero((surface.region[number] == FOREARM) & (along > look.sleeve_start_m))
    colour[:, covered] = columns(look.sleeve[None])
    shine[covered] = 0.0
