"""What a random view of a picture is: its ranges, and its draw as a pure function.

A view is a square crop about the record's own square box, turned, scaled and shifted by one affine
map, and recoloured by one 3x4 matrix. The numbers of a view depend on (seed, epoch, example, view)
only, so they are the same in any order, batch, thread and place (host or device), and after a resume.
"""

import dataclasses
import statistics
from typing import Any

import numpy as np

from keras_pose.geometry import affine2d
from keras_pose.train.keyed_random import keyed_uniform

# One record of keyed_random per (example, view) and number; both are powers of two.
_MAX_NUMBERS, _MAX_VIEWS = 32, 8
_EPOCH_STREAM, _VIEW_STREAM = 0x5EED, 0x71E3
# Positions of the numbers of a view: adding one at the end changes no earlier one.
(
    _ANGLE,
    _SCALE,
    _SHIFT_X,
    _SHIFT_Y,
    _MIRROR,
    _HUE,
    _SATURATION,
    _CONTRAST,
    _BRIGHTNESS,
    _GREY,
    _BLUR,
    _BLUR_SIGMA,
    _CUTOUT,
    _CUTOUT_SIDE,
    _CUTOUT_X,
    _CUTOUT_Y,
    _TURNED,
    _GAIN_RED,
    _GAIN_GREEN,
    _GAIN_BLUE,
    _NUM_NUMBERS,
) = range(21)

# Luma and two colour differences (NTSC); hue turns and saturation scales the plane of the latter.
_TO_YIQ = np.array(
    [[0.299, 0.587, 0.114], [0.595716, -0.274453, -0.321263], [0.211456, -0.522591, 0.311135]]
)
_FROM_YIQ = np.linalg.inv(_TO_YIQ)


@dataclasses.dataclass(frozen=True)
class ViewRanges:
    """Ranges of random views, each (low, high), drawn uniformly unless `is_bell`.

    The defaults are those that docs/peclr.md recommends: continuous angles,
    shifts to both sides, colours in both directions (D4, D5, D11).

    Attributes:
        angle_deg: turn of the content, positive counter-clockwise on screen.
        scale: side of the crop over the side of the record's box.
        shift: displacement of the box's middle from the crop's, as a fraction of the crop's side,
            along x and along y.
        mirror_probability: of exchanging left and right.
        hue_deg: turn of the colours about grey.
        saturation: factor.
        contrast: factor of the distance from mid-grey.
        brightness: added, as a fraction of white.
        grey_probability: of taking all colour out.
        blur_probability: of a Gaussian blur.
        blur_sigma: standard deviation of the blur as a fraction of the crop's side.
        cutout_probability: of a grey square.
        cutout_side: side of that square as a fraction of the crop's side.
        turn_probability: of turning at all.
        channel_gain: factor of red, of green and of blue, each its own, before all other colours.
        empty_probability: of labelled pictures: of a square beside the person, which shows nobody.
        is_bell: whether the angle and the logarithm of the scale are drawn from normal distributions
            about the middle of their ranges, clipped at two standard deviations, which are the ends.

    Raises:
        ValueError: if a range is upside down or impossible.
    """

    angle_deg: tuple[float, float] = (-45.0, 45.0)
    scale: tuple[float, float] = (0.9, 1.5)
    shift: tuple[float, float] = (-0.1, 0.1)
    mirror_probability: float = 0.0
    hue_deg: tuple[float, float] = (-30.0, 30.0)
    saturation: tuple[float, float] = (0.5, 1.5)
    contrast: tuple[float, float] = (0.6, 1.4)
    brightness: tuple[float, float] = (-0.2, 0.2)
    grey_probability: float = 0.0
    blur_probability: float = 0.0
    blur_sigma: tuple[float, float] = (0.002, 0.016)
    cutout_probability: float = 0.0
    cutout_side: tuple[float, float] = (0.1, 0.3)
    turn_probability: float = 1.0
    empty_probability: float = 0.0
    channel_gain: tuple[float, float] = (1.0, 1.0)
    is_bell: bool = False

    def __post_init__(self) -> None:
        """Refuse ranges that cannot be drawn from."""
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool):
                continue
            if field.name.endswith("_probability"):
                if not 0.0 <= value <= 1.0:
                    raise ValueError(f"{field.name} is {value}; give a number from 0 to 1.")
            elif len(value) != 2 or not np.isfinite(value).all() or value[0] > value[1]:
                raise ValueError(
                    f"{field.name} is {value}; give two finite numbers, low before high."
                )
        positive = ("scale", "saturation", "contrast", "blur_sigma", "cutout_side", "channel_gain")
        for name in positive:
            low = getattr(self, name)[0]
            if low < 0 or (name == "scale" and low == 0):
                raise ValueError(f"{name} begins at {low}; give positive numbers.")

    def with_colour_strength(self, strength: float) -> "ViewRanges":
        """Return ranges whose colour changes are so many times as strong; 0 leaves colours alone."""
        if not 0.0 <= strength < np.inf:
            raise ValueError(f"The colour strength is {strength}; give a number from 0.")
        neutral = {"hue_deg": 0.0, "saturation": 1.0, "contrast": 1.0, "brightness": 0.0}
        neutral["channel_gain"] = 1.0
        scaled: dict[str, Any] = {}
        for name, middle in neutral.items():
            low, high = (middle + strength * (end - middle) for end in getattr(self, name))
            scaled[name] = (max(low, 0.0), high) if middle else (low, high)
        return dataclasses.replace(self, **scaled)


def plain_ranges(scale: float = 1.25) -> ViewRanges:
    """Return the ranges of the one view used for evaluation: upright, centred, colours as they are.

    Args:
        scale: side of the crop over the side of the record's box.

    Returns:
        Ranges without width.
    """
    still = (0.0, 0.0)
    return ViewRanges(still, (scale, scale), still, 0.0, still, (1.0, 1.0), (1.0, 1.0), still)


@dataclasses.dataclass(frozen=True)
class ViewParameters:
    """Numbers of views of B examples.

    Attributes:
        angle_deg: float64 `[B]`, positive counter-clockwise on screen.
        scale: float64 `[B]`, side of the crop over the side of the box.
        shift: float64 `[B, 2]`, (x, y) displacement of the box's middle in the crop over its side.
        mirror: float64 `[B]`, 1 or 0.
        colour: float32 `[B, 3, 4]`, matrix for columns (R, G, B, 1) in grey levels 0 to 255.
        blur_sigma: float64 `[B]`, over the crop's side; 0 is no blur.
        cutout: float64 `[B, 3]`, middle (x, y) and side over the crop's side; side 0 is none.
    """

    angle_deg: np.ndarray
    scale: np.ndarray
    shift: np.ndarray
    mirror: np.ndarray
    colour: np.ndarray
    blur_sigma: np.ndarray
    cutout: np.ndarray

    def __len__(self) -> int:
        """Return the number of examples B."""
        return len(self.angle_deg)

    def row(self, number: int) -> "ViewParameters":
        """Return the view of one example, its arrays without the leading axis."""
        fields = dataclasses.fields(self)
        return ViewParameters(*(getattr(self, field.name)[number] for field in fields))


def view_parameters(
    ranges: ViewRanges, seed: int, epoch: int | np.ndarray, example_id: np.ndarray, view: int
) -> ViewParameters:
    """Draw one view of each example.

    Args:
        ranges: what to draw from.
        seed: any whole number.
        epoch: how often the examples have come before: one whole number, or whole numbers `[B]`.
        example_id: whole numbers `[B]`.
        view: number of the view, 0 to 7.

    Returns:
        Parameters of B views, the same whenever the arguments are the same.

    Raises:
        ValueError: if the view's number is out of range.
    """
    draws = uniform_draws(seed, epoch, example_id, view, _NUM_NUMBERS)

    def between(number: int, bounds: tuple[float, float]) -> np.ndarray:
        return bounds[0] + (bounds[1] - bounds[0]) * draws[:, number]

    def bell(number: int, bounds: tuple[float, float]) -> np.ndarray:
        if not ranges.is_bell:
            return between(number, bounds)
        deviations = _standard_normal(draws[:, number])
        share = 0.5 + 0.25 * np.clip(deviations, -2.0, 2.0)
        return bounds[0] + (bounds[1] - bounds[0]) * share

    angle = bell(_ANGLE, ranges.angle_deg)
    scale = between(_SCALE, ranges.scale)
    if ranges.is_bell:
        low, high = np.log(ranges.scale)
        scale = np.exp(bell(_SCALE, (low, high)))
    saturation = between(_SATURATION, ranges.saturation)
    saturation = np.where(draws[:, _GREY] < ranges.grey_probability, 0.0, saturation)
    has_blur = draws[:, _BLUR] < ranges.blur_probability
    has_cutout = draws[:, _CUTOUT] < ranges.cutout_probability
    side = np.where(has_cutout, between(_CUTOUT_SIDE, ranges.cutout_side), 0.0)
    return ViewParameters(
        angle_deg=np.where(draws[:, _TURNED] < ranges.turn_probability, angle, 0.0),
        scale=scale,
        shift=np.stack([between(n, ranges.shift) for n in (_SHIFT_X, _SHIFT_Y)], axis=1),
        mirror=(draws[:, _MIRROR] < ranges.mirror_probability).astype(np.float64),
        colour=_with_gains(
            colour_matrix(
                between(_HUE, ranges.hue_deg),
                saturation,
                between(_CONTRAST, ranges.contrast),
                between(_BRIGHTNESS, ranges.brightness),
            ),
            *(between(n, ranges.channel_gain) for n in (_GAIN_RED, _GAIN_GREEN, _GAIN_BLUE)),
        ),
        blur_sigma=np.where(has_blur, between(_BLUR_SIGMA, ranges.blur_sigma), 0.0),
        cutout=np.stack([draws[:, _CUTOUT_X], draws[:, _CUTOUT_Y], side], axis=1),
    )


_normal_quantile = np.vectorize(statistics.NormalDist().inv_cdf, otypes=[np.float64])


def _standard_normal(uniform: np.ndarray) -> np.ndarray:
    # Uniform numbers include 0, whose quantile is minus infinity.
    return _normal_quantile(np.clip(uniform, 1e-12, 1.0 - 1e-12))


def _with_gains(colour: np.ndarray, *gains: np.ndarray) -> np.ndarray:
    factors = np.stack([*gains, np.ones_like(gains[0])], axis=-1)
    return (colour * factors[..., None, :]).astype(np.float32)


def uniform_draws(
    seed: int, epoch: int | np.ndarray, example_id: np.ndarray, view: int, count: int
) -> np.ndarray:
    """Draw numbers of [0, 1) for each example.

    Args:
        seed: any whole number.
        epoch: one whole number, or whole numbers `[B]`.
        example_id: whole numbers `[B]`.
        view: number of the view, 0 to 7.
        count: numbers per example, at most 32.

    Returns:
        float64 `[B, count]`.

    Raises:
        ValueError: if there are too many views or numbers.
    """
    if not 0 <= view < _MAX_VIEWS or not 0 < count <= _MAX_NUMBERS:
        raise ValueError(
            f"view {view} with {count} numbers cannot be drawn; there are {_MAX_VIEWS} views of "
            f"{_MAX_NUMBERS} numbers."
        )
    example_id = np.asarray(example_id, np.int64)
    # Sixty-three bits of hash keep the epochs of one example, and examples of one epoch, apart.
    epoch_key = np.int64(keyed_uniform(seed, np.asarray(epoch), _EPOCH_STREAM) * 2.0**63)
    key = (example_id ^ epoch_key)[..., None] * np.int64(_MAX_VIEWS * _MAX_NUMBERS)
    return keyed_uniform(seed, key + (view * _MAX_NUMBERS + np.arange(count)), _VIEW_STREAM)


def colour_matrix(
    hue_deg: np.ndarray, saturation: np.ndarray, contrast: np.ndarray, brightness: np.ndarray
) -> np.ndarray:
    """Write a change of colours as one linear map, with luma and colour apart (YIQ).

    Args:
        hue_deg: `[B]`, turn of the colour plane.
        saturation: `[B]`, factor of the colour plane; 0 leaves greys.
        contrast: `[B]`, factor of the distance from mid-grey, after hue and saturation.
        brightness: `[B]`, added at the end, as a fraction of white.

    Returns:
        float32 `[B, 3, 4]`, for columns (R, G, B, 1) in grey levels 0 to 255.
    """
    hue = np.radians(hue_deg)
    turn = np.zeros((*np.shape(hue), 3, 3))
    turn[..., 0, 0] = 1.0
    turn[..., 1, 1] = turn[..., 2, 2] = saturation * np.cos(hue)
    turn[..., 2, 1] = saturation * np.sin(hue)
    turn[..., 1, 2] = -turn[..., 2, 1]
    contrast, brightness = np.asarray(contrast), np.asarray(brightness)
    # Written as a difference from doing nothing, so that nothing is exactly the identity.
    linear = np.eye(3) + _FROM_YIQ @ (turn - np.eye(3)) @ _TO_YIQ
    linear = contrast[..., None, None] * linear
    offset = 127.5 * (1.0 - contrast) + 255.0 * brightness
    column = np.broadcast_to(offset[..., None, None], (*np.shape(hue), 3, 1))
    return np.concatenate([linear, column], axis=-1).astype(np.float32)


def view_matrix(
    parameters: ViewParameters, box: np.ndarray, size: int, mirror: np.ndarray | None = None
) -> np.ndarray:
    """Return the exact map of views.

    Args:
        parameters: of B views, or one row.
        box: `[B, 4]` or `[4]`, the record's square, (x, y, side, side) in source pixels.
        size: side of the view in pixels.
        mirror: `[B]` or scalar, 1 or 0 instead of the parameters' own.

    Returns:
        float64 `[B, 2, 3]` or `[2, 3]`, source pixels to view pixels, both continuous.
    """
    box = np.asarray(box, np.float64)
    return affine2d.crop_matrix(
        box[..., :2] + box[..., 2:] / 2.0,
        parameters.scale * np.maximum(box[..., 2], box[..., 3]),
        np.radians(parameters.angle_deg),
        size,
        parameters.shift,
        parameters.mirror if mirror is None else mirror,
    )
