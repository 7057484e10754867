"""Pictures of generated hands: skin, nails, light and noise over a z-buffer.

Colours are linear light from 0 to 1 until the picture is encoded. The hand is drawn at twice the
size and reduced, which smooths its edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from keras_pose.data.depth_buffer import DepthBuffer, draw_depth
from keras_pose.data.hand_surface import FOREARM, PALM, HandSurface

# Skin from light to dark, sRGB of the back of the hand in even light.
_SKIN_SRGB = (
    (246, 214, 192),
    (236, 188, 158),
    (219, 166, 128),
    (190, 133, 96),
    (150, 98, 68),
    (106, 67, 47),
    (70, 45, 34),
)
_GAMMA = 2.2


@dataclass(frozen=True)
class Look:
    """How a hand looks and is lit; colours are linear RGB from 0 to 1.

    Attributes:
        skin: float64 [3], of the back of the hand.
        palm: float64 [3], of the palm.
        nail: float64 [3], of the nails.
        sleeve: float64 [3] of a sleeve, or None for a bare arm.
        sleeve_start_m: distance from the wrist at which the sleeve begins.
        to_light: float64 [3], unit vector towards the light, camera frame.
        light: float64 [3], colour of the light.
        ambient: float64 [3], colour of the light from everywhere.
        shine: how much the skin mirrors the light, 0 to about 0.3.
        lines: how dark the lines at the joints are, 0 to 1.
        blotches: how uneven the skin is, as a share.
    """

    skin: np.ndarray
    palm: np.ndarray
    nail: np.ndarray
    sleeve: np.ndarray | None
    sleeve_start_m: float
    to_light: np.ndarray
    light: np.ndarray
    ambient: np.ndarray
    shine: float
    lines: float
    blotches: float


def random_skin(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Draws the skin of a person, evenly from light to dark.

    Args:
        rng: source of the draws.

    Returns:
        Linear RGB of the back of the hand and of the palm, float64 [3] each.
    """
    tone = rng.uniform(0, len(_SKIN_SRGB) - 1)
    table = (np.array(_SKIN_SRGB) / 255.0) ** _GAMMA
    low = min(int(tone), len(table) - 2)
    skin = table[low] + (tone - low) * (table[low + 1] - table[low])
    skin = skin * rng.uniform(0.9, 1.1, 3) * rng.uniform(0.9, 1.1)
    # Palms hold little melanin: dark hands have much lighter palms, light hands redder ones.
    pale = np.array([0.72, 0.42, 0.30])
    share = rng.uniform(0.25, 0.55)
    palm = skin + share * (pale - skin) * (0.35 + 0.65 * tone / (len(table) - 1))
    return np.clip(skin, 0.01, 1.0), np.clip(palm * (1.0, 0.93, 0.93), 0.01, 1.0)


def random_look(rng: np.random.Generator, skin: np.ndarray, palm: np.ndarray) -> Look:
    """Draws light, nails and sleeve for one picture.

    Args:
        rng: source of the draws.
        skin: float64 [3], linear RGB of the person's back of the hand.
        palm: float64 [3], of the palm.

    Returns:
        The look.
    """
    # From anywhere in front of the picture plane, seldom a little from behind.
    to_light = rng.standard_normal(3)
    to_light[2] = -abs(to_light[2]) + 0.25
    to_light /= np.linalg.norm(to_light)
    warmth = rng.normal(0.0, 0.09)
    colour = np.array([1.0 + warmth, 1.0, 1.0 - warmth])
    share = rng.uniform(0.25, 0.65)
    exposure = np.exp(rng.normal(0.0, 0.22))
    nail = 0.6 * palm + 0.4 * np.array([0.75, 0.45, 0.40])
    if rng.random() < 0.08:
        nail = rng.uniform(0.02, 0.8, 3)
    sleeve = rng.uniform(0.01, 0.7, 3) if rng.random() < 0.35 else None
    return Look(
        skin,
        palm,
        np.clip(nail, 0.01, 1.0),
        sleeve,
        float(rng.uniform(0.02, 0.10)),
        to_light,
        colour * exposure * (1.0 - share) * 1.35,
        colour[::-1] ** 0.5 * exposure * share,
        float(rng.uniform(0.02, 0.22)),
        float(rng.uniform(0.2, 0.7)),
        float(rng.uniform(0.02, 0.09)),
    )


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
    is_hand = buffer.primitive >= 0
    rows, columns = np.nonzero(is_hand)
    if not len(rows):
        return background.copy(), buffer
    # Only the rectangle that holds the hand is shaded, on whole pixels of the picture.
    top, left = rows.min() // supersampling, columns.min() // supersampling
    bottom, right = rows.max() // supersampling + 1, columns.max() // supersampling + 1
    window = (
        slice(top * supersampling, bottom * supersampling),
        slice(left * supersampling, right * supersampling),
    )
    part = DepthBuffer(buffer.depth[window], buffer.primitive[window], buffer.rays[window])
    colour = _shade(surface, part, look, rng)
    size = (right - left, bottom - top)
    colour = cv2.resize(colour, size, interpolation=cv2.INTER_AREA)
    cover = is_hand[window].astype(np.float32)
    cover = cv2.resize(cover, size, interpolation=cv2.INTER_AREA)[..., None]
    picture = background.copy()
    behind = picture[top:bottom, left:right]
    blended = behind * (1 - cover) + 255.0 * colour
    picture[top:bottom, left:right] = np.clip(blended + 0.5, 0, 255).astype(np.uint8)
    return picture, buffer


def _shade(
    surface: HandSurface, buffer: DepthBuffer, look: Look, rng: np.random.Generator
) -> np.ndarray:
    """Returns sRGB float32 [h, w, 3] from 0 to 1, black where there is no hand."""
    shape = buffer.primitive.shape
    spots = np.flatnonzero(buffer.primitive.ravel() >= 0)
    number = buffer.primitive.ravel()[spots]
    points = buffer.rays.reshape(-1, 3)[spots] * buffer.depth.ravel()[spots][:, None]
    normal, share = _normals(surface, points, number)
    normal = _smoothed(normal, spots, number, surface, shape)

    back = surface.back.astype(np.float32)[number]
    # 1 on the back of the hand, 0 in the palm.
    backness = np.clip(np.einsum("ij,ij->i", normal, back) * 1.6 + 0.35, 0, 1)[:, None]
    palm, skin = look.palm.astype(np.float32), look.skin.astype(np.float32)
    colour = palm + backness * (skin - palm)
    colour *= _lines(surface, number, share, backness[:, 0], look.lines)[:, None]
    colour *= _blotches(rng, shape, look.blotches).ravel()[spots][:, None]
    shine = np.full(len(number), look.shine, np.float32)
    _paint_nails(surface, look, number, share, normal, back, colour, shine)
    _paint_sleeve(surface, look, number, points, colour, shine)

    toward = look.to_light.astype(np.float32)
    facing = normal @ toward
    # Light that enters skin leaves it a little further on, reddened: the shadow's edge is soft.
    wrapped = np.clip((facing[:, None] + _WRAP) / (1 + _WRAP), 0, 1)
    hollow = _hollows(buffer.depth, spots)[:, None]
    view = -points / np.linalg.norm(points, axis=1, keepdims=True)
    half = view + toward
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    gloss = np.clip(np.einsum("ij,ij->i", normal, half), 0, 1) ** 24 * shine
    # A little more light from above than from below.
    sky = (0.85 - 0.15 * normal[:, 1:2]) * hollow
    light, ambient = look.light.astype(np.float32), look.ambient.astype(np.float32)
    colour *= wrapped * light * (0.35 + 0.65 * hollow) + sky * ambient
    colour += (gloss * (facing > 0))[:, None] * light
    picture = np.zeros((shape[0] * shape[1], 3), np.float32)
    picture[spots] = np.clip(colour, 0, 1) ** np.float32(1 / _GAMMA)
    return picture.reshape(*shape, 3)


_WRAP = np.array([0.42, 0.26, 0.22], np.float32)


def _normals(
    surface: HandSurface, points: np.ndarray, number: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns unit normals [P, 3] of surface points and where they lie along their cone, [P]."""
    num_cones = len(surface.starts)
    is_cone = number < num_cones
    axes = surface.ends - surface.starts
    shrink = surface.radii[:, 0] - surface.radii[:, 1]
    slope = (axes**2).sum(-1) - shrink**2
    offset = ((axes * surface.starts).sum(-1) + shrink * surface.radii[:, 0]).astype(np.float32)
    cone = np.where(is_cone, number, 0)
    axis, slope = axes.astype(np.float32), np.maximum(slope, 1e-12).astype(np.float32)
    share = (np.einsum("ij,ij->i", axis[cone], points) - offset[cone]) / slope[cone]
    share = np.clip(share, 0, 1)
    normal = points - surface.starts.astype(np.float32)[cone] - share[:, None] * axis[cone]
    corners = surface.corners
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    flat *= -np.sign((flat * corners[:, 0]).sum(-1, keepdims=True))
    if not is_cone.all():
        normal[~is_cone] = flat.astype(np.float32)[number[~is_cone] - num_cones]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-12
    return normal, np.where(is_cone, share, 0.5)


def _smoothed(
    normal: np.ndarray,
    spots: np.ndarray,
    number: np.ndarray,
    surface: HandSurface,
    shape: tuple[int, int],
) -> np.ndarray:
    """Blends the normals of palm and arm, whose many parts are one skin."""
    is_palm = surface.region[number] >= PALM
    image = np.zeros((shape[0] * shape[1], 3), np.float32)
    image[spots[is_palm]] = normal[is_palm]
    side = max(shape) // 22 * 2 + 1
    image = image.reshape(*shape, 3)
    for _ in range(2):
        image = cv2.blur(image, (side, side))
    blended = image.reshape(-1, 3)[spots[is_palm]]
    result = normal.copy()
    blended += 0.15 * normal[is_palm]
    result[is_palm] = blended / (np.linalg.norm(blended, axis=1, keepdims=True) + 1e-12)
    return result


def _hollows(depth: np.ndarray, spots: np.ndarray) -> np.ndarray:
    """Returns how much of the light from everywhere reaches each point, [P] of 0.35 to 1."""
    flat = depth.ravel()
    filled = np.where(np.isfinite(depth), depth, flat[spots].max())
    side = max(depth.shape) // 14 * 2 + 1
    around = cv2.blur(filled, (side, side)).ravel()[spots]
    # 25 mm below the surroundings is deep between fingers.
    return np.clip(1.0 - (flat[spots] - around) / 0.025, 0.35, 1.0)


def _lines(
    surface: HandSurface,
    number: np.ndarray,
    share: np.ndarray,
    backness: np.ndarray,
    depth: float,
) -> np.ndarray:
    """Returns the darkening by the lines across the joints of the fingers, [P] of 0 to 1."""
    digits = np.concatenate([surface.digit, [-1]])[number]
    near = np.minimum(share, 1 - share * (~surface.is_tip[number]))
    line = np.exp(-((near / 0.05) ** 2)) * (digits >= 0)
    # Deep in the palm, faint and broad over the knuckles.
    return (1.0 - depth * line * (0.55 * (1 - backness) + 0.16 * backness)).astype(np.float32)


def _blotches(rng: np.random.Generator, shape: tuple[int, int], strength: float) -> np.ndarray:
    """Returns slow and fine variations of brightness around 1, [h, w]."""
    slow = rng.standard_normal((8, 8), np.float32)
    fine = rng.standard_normal((40, 40), np.float32)
    field = cv2.resize(slow, shape[::-1], interpolation=cv2.INTER_CUBIC)
    field += 0.6 * cv2.resize(fine, shape[::-1], interpolation=cv2.INTER_LINEAR)
    return 1.0 + np.float32(strength) * np.clip(field, -2.5, 2.5)


def _paint_nails(
    surface: HandSurface,
    look: Look,
    number: np.ndarray,
    share: np.ndarray,
    normal: np.ndarray,
    back: np.ndarray,
    colour: np.ndarray,
    shine: np.ndarray,
) -> None:
    """Colours the nails, in place."""
    tips = np.flatnonzero(surface.is_tip[number])
    if not len(tips):
        return
    cone = number[tips]
    axis = surface.ends[cone] - surface.starts[cone]
    axis = (axis / np.linalg.norm(axis, axis=1, keepdims=True)).astype(np.float32)
    facing = np.einsum("ij,ij->i", normal[tips], back[tips])
    ahead = np.einsum("ij,ij->i", normal[tips], axis)
    # From the middle of the last bone round the tip, and half way down its sides.
    place = share[tips] + 0.35 * np.clip(ahead, 0, 1)
    edge = np.minimum((facing - 0.62) / 0.1, (place - 0.5) / 0.12)
    edge = np.minimum(edge, (1.27 - place) / 0.06)
    cover = np.clip(edge, 0, 1).astype(np.float32)
    colour[tips] += cover[:, None] * (look.nail.astype(np.float32) - colour[tips])
    # The fold of skin around it is a little darker.
    fold = np.exp(-((np.clip(edge, -9, 9) / 0.5) ** 2)) * (1 - cover)
    colour[tips] *= (1.0 - 0.18 * fold)[:, None].astype(np.float32)
    shine[tips] += 0.12 * cover


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
    along = (points - start.astype(np.float32)) @ axis.astype(np.float32)
    covered = (surface.region[number] == FOREARM) & (along > look.sleeve_start_m)
    colour[covered] = look.sleeve
    shine[covered] = 0.0
