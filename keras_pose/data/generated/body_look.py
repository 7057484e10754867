"""How generated bodies look and are lit: build, skin, hair, clothes with patterns, light."""

from dataclasses import dataclass

import numpy as np

from keras_pose.data.generated.body_parts import HAIR_STYLES, BodyShape
from keras_pose.data.generated.hand_look import random_skin

PATTERNS = ("plain", "stripes", "pinstripes", "checks", "dots", "blots", "print")
_TEXTURE = 32
_GAMMA = 2.0  # as the renderer encodes pictures
# sRGB of hair, from black to white, and of a cap's cloth in its stead.
_HAIR_SRGB = (
    (22, 18, 16),
    (48, 32, 24),
    (84, 56, 36),
    (150, 110, 66),
    (140, 62, 34),
    (190, 188, 184),
)


@dataclass(frozen=True)
class Garment:
    """Cloth with a pattern that repeats along and around the limbs.

    Attributes:
        texture: float32 `[32, 32, 3]`, linear RGB from 0 to 1, rows along, columns around.
        period_m: metres along after which the pattern repeats.
        repeats: how often it repeats around.
        pattern: one of `PATTERNS`.
    """

    texture: np.ndarray
    period_m: float
    repeats: int
    pattern: str


@dataclass(frozen=True)
class BodyLook:
    """A person's build, colours and clothes; colours are linear RGB from 0 to 1, float64 `[3]`.

    Attributes:
        shape: build and hair style.
        skin: of face, hands and whatever is bare.
        hair: of the hair or the cap.
        top: garment of the upper body.
        bottom: garment of the lower body.
        shoes: of the shoes.
        socks: of the socks.
        sleeve: how far down the arm the top reaches: 1 is the elbow, 2 the wrist.
        waist: where on the trunk the bottom begins: 0 is the pelvis, 1 the base of the neck.
        leg: how far down the leg the bottom reaches: 1 is the knee, 2 the ankle.
        sock: from where on the leg on the socks reach, 1 is the knee.
        beard: share of the beard's colour in the lower face.
        folds: how uneven the cloth is lit, as a share.
    """

    shape: BodyShape
    skin: np.ndarray
    hair: np.ndarray
    top: Garment
    bottom: Garment
    shoes: np.ndarray
    socks: np.ndarray
    sleeve: float
    waist: float
    leg: float
    sock: float
    beard: float
    folds: float


@dataclass(frozen=True)
class BodyLight:
    """One light and the light from everywhere; linear RGB.

    Attributes:
        to_light: float64 `[3]`, unit vector towards the light, world frame (y down).
        light: float64 `[3]`, its colour.
        ambient: float64 `[3]`, colour of the light from everywhere.
        shadow: how much of the floor's light the body's shadow takes, 0 to 1.
    """

    to_light: np.ndarray
    light: np.ndarray
    ambient: np.ndarray
    shadow: float


def random_body_look(rng: np.random.Generator, plain: bool) -> BodyLook:
    """Draw a person.

    Args:
        rng: source of the draws.
        plain: tight clothes of one colour each, as worn in laboratories; else anything.

    Returns:
        The look.
    """
    skin, _ = random_skin(rng)
    woman = rng.random() < 0.5
    hair = HAIR_STYLES[
        int(rng.choice(5, p=(0.05, 0.2, 0.4, 0.2, 0.15) if woman else (0.12, 0.6, 0.06, 0.02, 0.2)))
    ]
    if plain and hair == "cap":
        hair = "short"
    heavy = rng.gamma(2.0, 0.05)
    shape = BodyShape(
        girth=float(np.clip(rng.normal(0.93, 0.05) + heavy, 0.82, 1.3)),
        limbs=float(np.clip(rng.normal(0.98 - 0.06 * woman, 0.06), 0.8, 1.2)),
        hips=float(rng.normal(1.0 + 0.04 * woman, 0.03)),
        chest=float(rng.normal(1.0 - 0.05 * woman, 0.03)),
        belly=float(np.clip(0.25 * (heavy - 0.06), 0.0, 0.08)),
        bust=float(rng.uniform(0.01, 0.03)) if woman else 0.0,
        hair=hair,
        loose=0.0 if plain else float(rng.choice([0.0, 0.006, 0.018, 0.03])),
        skirt=float(rng.uniform(0.45, 0.98)) if woman and not plain and rng.random() < 0.2 else 0.0,
    )
    shades = np.array(_HAIR_SRGB) / 255.0
    tint = shades[int(rng.integers(len(shades)))] * rng.uniform(0.75, 1.25)
    if hair == "cap":
        tint = _cloth_colour(rng)
    if plain:
        top, bottom = _garment(rng, "plain"), _garment(rng, "plain")
        sleeve, leg = float(rng.choice([0.35, 0.55, 1.9])), float(rng.choice([0.55, 1.88, 1.95]))
        sock = 2.0
    else:
        kinds = rng.choice(PATTERNS, 2, p=(0.28, 0.17, 0.07, 0.14, 0.1, 0.12, 0.12))
        top = _garment(rng, str(kinds[0]))
        bottom = _garment(rng, str(kinds[1]) if rng.random() < 0.35 else "plain")
        sleeve = float(
            rng.choice([0.0, 0.3, 0.5, 0.8, 1.3, 1.95], p=(0.08, 0.2, 0.27, 0.1, 0.1, 0.25))
        )
        leg = float(
            rng.choice([0.4, 0.7, 0.95, 1.4, 1.92, 2.1], p=(0.1, 0.15, 0.1, 0.1, 0.3, 0.25))
        )
        if shape.skirt:
            leg = 0.2
        sock = float(rng.choice([2.0, 1.85, 1.5], p=(0.5, 0.35, 0.15)))
        if rng.random() < 0.1:  # overalls and dresses
            bottom = top
    return BodyLook(
        shape=shape,
        skin=skin,
        hair=np.clip(tint, 0.01, 1.0) ** _GAMMA,
        top=top,
        bottom=bottom,
        shoes=_cloth_colour(rng) ** _GAMMA,
        socks=(np.full(3, rng.choice([0.85, 0.12])) * rng.uniform(0.9, 1.1, 3)) ** _GAMMA,
        sleeve=sleeve,
        waist=float(rng.uniform(0.02, 0.16)),
        leg=leg,
        sock=sock,
        beard=float(rng.uniform(0.4, 0.9)) if not woman and rng.random() < 0.35 else 0.0,
        folds=0.06 if plain else float(rng.uniform(0.05, 0.16)),
    )


def random_body_light(rng: np.random.Generator, plain: bool) -> BodyLight:
    """Draw the light of a scene.

    Args:
        rng: source of the draws.
        plain: white light from high above, as in laboratories; else any but from below.

    Returns:
        The light, world frame.
    """
    to_light = rng.standard_normal(3)
    to_light[1] = -abs(to_light[1]) - (1.6 if plain else 0.35)
    to_light /= np.linalg.norm(to_light)
    warmth = 0.0 if plain else rng.normal(0.0, 0.12)
    colour = np.array([1.0 + warmth, 1.0, 1.0 - warmth])
    share = 0.5 if plain else rng.uniform(0.25, 0.7)
    exposure = 1.0 if plain else np.exp(rng.normal(0.0, 0.25))
    return BodyLight(
        to_light=to_light,
        light=colour * exposure * (1 - share) * 1.45,
        ambient=colour[::-1] ** 0.6 * exposure * share * 0.95,
        shadow=float(0.45 if plain else rng.uniform(0.15, 0.65) * (1 - share)),
    )


def _cloth_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw sRGB `[3]` from 0 to 1: often grey, dark or white, sometimes bright."""
    kind = rng.random()
    if kind < 0.4:
        return np.clip(rng.uniform(0.06, 0.9) * (1 + rng.normal(0.0, 0.08, 3)), 0.02, 1)
    if kind < 0.6:  # jeans
        return np.clip(rng.uniform(0.35, 1.0) * np.array([0.35, 0.45, 0.65]), 0.02, 1)
    hue = rng.uniform(0, 2 * np.pi) + np.array([0, 2.0944, 4.1888])
    vivid = rng.uniform(0.15, 0.5)
    return np.clip(rng.uniform(0.25, 0.75) + vivid * np.cos(hue), 0.02, 1)


def _garment(rng: np.random.Generator, pattern: str) -> Garment:
    """Draw the colours and sizes of a pattern."""
    ground, figure = _cloth_colour(rng), _cloth_colour(rng)
    row, column = np.mgrid[0:_TEXTURE, 0:_TEXTURE] / _TEXTURE
    share = rng.uniform(0.3, 0.6)
    is_figure = {
        "plain": np.zeros_like(row, bool),
        "stripes": row < share,
        "pinstripes": column < 0.4 * share,
        "checks": (row < share) ^ (column < share),
        "dots": (row - 0.5) ** 2 + (column - 0.5) ** 2 < 0.1 * (0.6 + share),
        "blots": _blots(rng),
        # Once on the front (column 0 looks forwards, and columns wrap) of the chest.
        "print": (np.minimum(column, 1 - column) < 0.08) & (row > 0.25) & (row < 0.6),
    }[pattern]
    texture = np.where(is_figure[..., None], figure, ground)
    period = {"print": 0.5, "blots": 0.4}.get(pattern, float(rng.uniform(0.06, 0.16)))
    repeats = {"print": 1, "blots": 1, "pinstripes": int(rng.integers(8, 15))}.get(
        pattern, int(rng.integers(4, 9))
    )
    return Garment((texture**_GAMMA).astype(np.float32), period, repeats, pattern)


def _blots(rng: np.random.Generator) -> np.ndarray:
    """Draw spots as of camouflage or flowers, bool `[32, 32]`, that repeat without a seam."""
    spectrum = np.fft.rfft2(rng.standard_normal((_TEXTURE, _TEXTURE)))
    fast = np.fft.fftfreq(_TEXTURE)[:, None] ** 2 + np.fft.rfftfreq(_TEXTURE)[None] ** 2
    field = np.fft.irfft2(spectrum * np.exp(-fast * 180.0), (_TEXTURE, _TEXTURE))
    return field > rng.uniform(-0.3, 0.5) * field.std()
