"""Pictures of generated bodies: skin, hair, face, clothes and light over a z-buffer.

Colours are linear light from 0 to 1 until the picture is encoded with a square root, as for hands.
A second z-buffer, seen from the light, tells what lies in the shadow.
"""

import numpy as np

from keras_pose.data.generated.body_look import BodyLight, BodyLook, Garment
from keras_pose.data.generated.body_parts import (
    ARM,
    FOOT,
    HAIR,
    HAND,
    HEAD,
    HIP,
    LEG,
    NECK,
    SKIRT,
    TORSO,
    BodySurface,
)
from keras_pose.data.generated.depth_buffer import DepthBuffer, draw_depth
from keras_pose.data.generated.surface_shading import (
    Samples,
    columns,
    hollows,
    paint_surface,
    smoothed_normals,
    surface_normals,
    surface_points,
)

# Deep between arm and trunk.
_HOLLOW_M = 0.16
_LEVEL_M = 0.05
_SHADOW_PX = 80
_LAMP_M = 9.0
_BIAS_M = 0.035


class ShadowMap:
    """What the light sees of a body.

    Args:
        surface: metres, any frame.
        to_light: float64 `[3]`, unit vector towards the light, same frame.
    """

    def __init__(self, surface: BodySurface, to_light: np.ndarray):
        points = np.concatenate([surface.starts, surface.ends])
        middle = 0.5 * (points.max(0) + points.min(0))
        reach = float(np.linalg.norm(points - middle, axis=1).max()) + 0.13
        forward = -to_light
        helper = np.array([1.0, 0, 0]) if abs(forward[0]) < 0.7 else np.array([0, 0, 1.0])
        right = np.cross(helper, forward)
        right /= np.linalg.norm(right)
        self._rotation = np.stack([right, np.cross(forward, right), forward])
        self._shift = np.array([0, 0, _LAMP_M]) - self._rotation @ middle
        focal = 0.5 * _SHADOW_PX * (_LAMP_M - reach) / reach
        half = 0.5 * _SHADOW_PX
        self._intrinsics = np.array([[focal, 0, half], [0, focal, half], [0, 0, 1.0]])
        seen = surface.moved(self._rotation, self._shift)
        self._depth = draw_depth(seen, self._intrinsics, _SHADOW_PX, _SHADOW_PX).depth

    def share_in_shadow(self, points: np.ndarray) -> np.ndarray:
        """Find which points the body hides from the light.

        Args:
            points: float32 `[3, P]`, metres, the frame of the surface.

        Returns:
            float32 `[P]`, 0 in the light, 1 in the shadow.
        """
        rotation = self._rotation.astype(np.float32)
        seen = rotation @ points + self._shift.astype(np.float32)[:, None]
        focal, half = np.float32(self._intrinsics[0, 0]), np.float32(0.5 * _SHADOW_PX)
        column, row = seen[:2] / seen[2] * focal + half
        is_inside = (column >= 0) & (row >= 0) & (column < _SHADOW_PX) & (row < _SHADOW_PX)
        column = np.clip(column, 0, _SHADOW_PX - 1).astype(np.intp)
        row = np.clip(row, 0, _SHADOW_PX - 1).astype(np.intp)
        behind = (seen[2] - self._depth[row, column]) / np.float32(_BIAS_M) - 1
        return np.where(is_inside, np.clip(behind, 0, 1), 0).astype(np.float32)


def render_body(
    surface: BodySurface,
    intrinsics: np.ndarray,
    background: np.ndarray,
    look: BodyLook,
    light: BodyLight,
    rotation: np.ndarray,
    shadow: ShadowMap,
    rng: np.random.Generator,
    supersampling: int = 2,
) -> tuple[np.ndarray, DepthBuffer]:
    """Draw a body over a background.

    Args:
        surface: metres, camera frame.
        intrinsics: float `[3, 3]`, pixels of the picture, without skew.
        background: uint8 `[H, W, 3]` RGB, left as it is.
        look: the person.
        light: world frame.
        rotation: float64 `[3, 3]` from the world to the camera.
        shadow: of the surface, camera frame.
        rng: source of the folds of cloth.
        supersampling: how many small pixels make the side of one.

    Returns:
        Picture uint8 `[H, W, 3]` RGB and the z-buffer of the small pixels.
    """

    def shade(buffer: DepthBuffer, samples: Samples) -> np.ndarray:
        return _shade(surface, buffer, samples, look, light, rotation, shadow, rng)

    return paint_surface(surface, intrinsics, background, shade, supersampling, _LEVEL_M)


def _shade(
    surface: BodySurface,
    buffer: DepthBuffer,
    samples: Samples,
    look: BodyLook,
    light: BodyLight,
    rotation: np.ndarray,
    shadow: ShadowMap,
    rng: np.random.Generator,
) -> np.ndarray:
    """Return sRGB float32 `[3, P]` from 0 to 1 of the samples."""
    number, points = surface_points(buffer, samples)
    normal, _ = surface_normals(surface, points, number)
    region = surface.region[number]
    is_cloth = np.isin(region, (TORSO, HIP, SKIRT)).astype(np.float32)
    is_limb = np.isin(region, (ARM, LEG, NECK)).astype(np.float32)
    normal = smoothed_normals(normal, 0.8 * is_cloth + 0.3 * is_limb, samples)

    frame = surface.frame[number]
    local = points - columns(surface.origins)[:, frame]
    along, right, front = (
        (local * columns(surface.axes[:, axis])[:, frame]).sum(0) for axis in range(3)
    )
    lengths, bases = surface.lengths.astype(np.float32), surface.bases.astype(np.float32)
    place = along / lengths[frame] + bases[frame]
    around = np.arctan2(right, front) * np.float32(0.5 / np.pi)
    colour = _paint(look, region, place, around, place * lengths[frame])
    _paint_face(look, region == HEAD, along, right, front, lengths[frame], colour)

    folds = rng.standard_normal((64, 64)).astype(np.float32)
    row = (place * np.float32(9) + around * np.float32(5)).astype(np.intp) % 64
    column = (around * np.float32(16) - place * np.float32(3)).astype(np.intp) % 64
    is_dressed = np.isin(region, (TORSO, HIP, LEG, ARM, SKIRT))
    colour *= 1 + np.float32(look.folds) * is_dressed * np.clip(folds[row, column], -2, 2)

    facing = (normal * columns((rotation @ light.to_light)[None])).sum(0)
    lit_share = 1 - np.float32(0.85) * shadow.share_in_shadow(points)
    hollow = hollows(buffer.depth, samples, _HOLLOW_M)
    # More light from above than from below; the world's up is minus its y.
    upness = -(normal * columns(rotation[:, 1][None])).sum(0)
    sky = (np.float32(0.78) + np.float32(0.22) * upness) * hollow
    wrap = np.float32(0.18)
    lit = np.maximum((facing + wrap) * (1 / (1 + wrap)), 0) * lit_share
    for channel in range(3):
        total = lit * np.float32(light.light[channel]) + sky * np.float32(light.ambient[channel])
        total *= colour[channel]
        np.sqrt(np.clip(total, 0, 1, out=total), out=colour[channel])
    return colour


def _paint(
    look: BodyLook, region: np.ndarray, place: np.ndarray, around: np.ndarray, metres: np.ndarray
) -> np.ndarray:
    """Return linear RGB float32 `[3, P]`: skin, cloth, hair and shoes by region and place."""
    colour = np.repeat(columns(look.skin[None]), len(region), axis=1)
    is_trunk = (region == TORSO) | (region == HIP)
    is_top = (is_trunk & (place >= look.waist)) | ((region == ARM) & (place < look.sleeve))
    is_bottom = is_trunk & (place < look.waist)
    is_bottom |= ((region == LEG) & (place < look.leg)) | (region == SKIRT)
    is_sock = (region == LEG) & (place >= max(look.sock, look.leg))
    _wear(look.top, is_top, around, metres, colour)
    _wear(look.bottom, is_bottom, around, metres, colour)
    for cloth, covered in (
        (look.socks, is_sock),
        (look.shoes, region == FOOT),
        (look.hair, region == HAIR),
        (0.93 * look.skin, region == HAND),
    ):
        colour[:, covered] = columns(cloth[None])
    return colour


def _wear(
    garment: Garment,
    covered: np.ndarray,
    around: np.ndarray,
    metres: np.ndarray,
    colour: np.ndarray,
) -> None:
    """Paint cloth where it covers, in place."""
    spots = np.flatnonzero(covered)
    size = garment.texture.shape[0]
    row = (metres[spots] * np.float32(size / garment.period_m)).astype(np.intp) % size
    turn = (around[spots] + np.float32(1)) * np.float32(size * garment.repeats)
    colour[:, spots] = garment.texture[row, turn.astype(np.intp) % size].T


def _paint_face(
    look: BodyLook,
    is_head: np.ndarray,
    up: np.ndarray,
    right: np.ndarray,
    front: np.ndarray,
    radius: np.ndarray,
    colour: np.ndarray,
) -> None:
    """Paint eyes, brows, mouth and beard, in place."""
    spots = np.flatnonzero(is_head & (front > 0.35 * radius))
    if not len(spots):
        return
    height, aside = up[spots] / radius[spots], np.abs(right[spots]) / radius[spots]
    face = colour[:, spots]
    hair = columns(look.hair[None] if look.shape.hair != "cap" else 0.3 * look.skin[None])
    if look.beard:
        is_beard = (height < -0.62) | ((height < -0.35) & (aside > 0.55))
        face += look.beard * is_beard * (hair - face)
    is_brow = (np.abs(height - 0.13) < 0.055) & (np.abs(aside - 0.36) < 0.2)
    face += np.float32(0.75) * is_brow * (hair - face)
    white = ((height + 0.06) / 0.09) ** 2 + ((aside - 0.36) / 0.17) ** 2 < 1
    face[:, white] = 0.6
    iris = ((height + 0.06) / 0.1) ** 2 + ((aside - 0.36) / 0.09) ** 2 < 1
    face[:, iris] = 0.02
    mouth = (np.abs(height + 0.72) < 0.055) & (aside < 0.27)
    face[:, mouth] *= np.array([[0.62], [0.32], [0.32]], np.float32)
    colour[:, spots] = face
