"""How a generated hand looks and is lit: skin of any tone, nails, sleeve, light."""

from dataclasses import dataclass

import numpy as np

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
_GAMMA = 2.0  # as the renderer encodes pictures


@dataclass(frozen=True)
class Look:
    """How a hand looks and is lit; colours are linear RGB from 0 to 1.

    Attributes:
        skin: float64 `[3]`, of the back of the hand.
        palm: float64 `[3]`, of the palm.
        nail: float64 `[3]`, of the nails.
        sleeve: float64 `[3]` of a sleeve, or None for a bare arm.
        sleeve_start_m: distance from the wrist at which the sleeve begins.
        to_light: float64 `[3]`, unit vector towards the light, camera frame.
        light: float64 `[3]`, colour of the light.
        ambient: float64 `[3]`, colour of the light from everywhere.
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
    """Draw the skin of a person, evenly from light to dark.

    Args:
        rng: source of the draws.

    Returns:
        Linear RGB of the back of the hand and of the palm, float64 `[3]` each.
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
    """Draw light, nails and sleeve for one picture.

    Args:
        rng: source of the draws.
        skin: float64 `[3]`, linear RGB of the person's back of the hand.
        palm: float64 `[3]`, of the palm.

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
