"""The published chain of views, step by step as it was released, quirks included.

Turn the whole picture, cut out a square by slicing, resize, jitter colours: four passes where
`keras_pose.data` needs one, with rounded centres, a crop that is stretched where it leaves the picture
and jitter in source pixels (docs/peclr.md). Kept for parity with the published runs; new
runs are better off with `--augmentation=exact`. Single quirks can be put right (`config.CORRECTIONS`),
to see what each of them costs.
"""

import dataclasses
from collections.abc import Collection

import cv2
import numpy as np
import tensorflow as tf

from keras_pose.data.pictures.boxes import record_box
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.views.chunks import Epoch, map_chunks
from keras_pose.data.views.draws import ViewRanges, uniform_draws, view_parameters
from keras_pose.data.views.host_pixels import retouch
from keras_pose.geometry import affine2d

# training_config.json: angle, crop margin, jitter of the crop, hue, saturation, value factor, value lift.
_ANGLE_RANGE_DEG = 45.0
_MARGIN = (0.9, 1.5)
_JITTER_PX = 15
_COLOUR_LOW = np.array([0.01, 0.01, 0.5, 5.0])
_COLOUR_HIGH = np.array([1.0, 1.0, 1.0, 20.0])
_NUM_DRAWS = 8
_UNCOVERED = np.zeros(3)
_KEYS = (
    "image",
    "name",
    "id",
    "height",
    "width",
    "box",
    "has_box",
    "keypoints_2d",
    "visible",
    "has_2d",
)


@dataclasses.dataclass(frozen=True)
class OfficialDraw:
    """Random numbers of one view; None leaves its step out.

    Attributes:
        angle_deg: turn, whole degrees in the published runs.
        margin: half side of the crop over the distance of the farthest joint from the mean.
        jitter: shift of the crop (x, y), whole source pixels, from 0 on.
        colour: factors of hue, saturation and value, and what is added to value.
    """

    angle_deg: float | None = None
    margin: float | None = None
    jitter: tuple[int, int] = (0, 0)
    colour: tuple[float, float, float, float] | None = None


@dataclasses.dataclass(frozen=True)
class OfficialView:
    """One view with its parameters in official units.

    Attributes:
        picture: uint8 `[S, S, 3]`, RGB.
        matrix: float64 `[3, 3]`, source to view pixels as the release counts them: corners for the
            crop and the resize, pixel centres 0, 1, 2, ... for the turn.
        exact: float64 `[2, 3]`, the map between continuous pixels that the pixels really went through.
        jitter: (x, y) displacement of the hand, source pixels; minus the drawn one unless the crop
            met the top or left border.
        sides: (width, height) of the crop in source pixels, unequal where the border cut it off.
    """

    picture: np.ndarray
    matrix: np.ndarray
    exact: np.ndarray
    jitter: tuple[int, int]
    sides: tuple[int, int]


def official_view(
    image: np.ndarray, joints: np.ndarray, draw: OfficialDraw, size: int, has_border: bool = False
) -> OfficialView:
    """Render one view as the release does.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        joints: `[J, 2]`, pixels of the image.
        draw: the view's random numbers.
        size: side S of the view in pixels.
        has_border: put black where the crop leaves the picture; the release moves it back in at the
            top and left, and cuts it off at the right and bottom and stretches what is left.

    Returns:
        The view.

    Raises:
        ValueError: if the crop misses the picture.
    """
    joints = np.asarray(joints, np.float64)
    turn = np.eye(2, 3)
    if draw.angle_deg is not None:
        middle_x, middle_y = (max(int(value), 0) for value in joints.mean(0))
        turn = cv2.getRotationMatrix2D((middle_x, middle_y), draw.angle_deg, 1)
        image = cv2.warpAffine(image, turn, (image.shape[1], image.shape[0]))
        joints = affine2d.apply(joints, turn)
    left = top = 0
    displaced = (0, 0)
    if draw.margin is not None:
        middle_x, middle_y = (int(value) for value in joints.mean(0))
        farthest = np.sqrt(((joints - [middle_x, middle_y]) ** 2).sum(1).max())
        radius = int(farthest * draw.margin)
        left, top = middle_x - radius + draw.jitter[0], middle_y - radius + draw.jitter[1]
        if not has_border:
            left, top = max(left, 0), max(top, 0)
        displaced = (middle_x - radius - left, middle_y - radius - top)
        image = _cut(image, left, top, 2 * radius, has_border)
    sides = (image.shape[1], image.shape[0])
    zoom = np.diag([size / sides[0], size / sides[1]])
    image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    if draw.colour is not None:
        image = official_colour(image, draw.colour)
    crop = zoom @ np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]])
    return OfficialView(
        picture=image,
        matrix=np.vstack([affine2d.compose(crop, turn), [0.0, 0.0, 1.0]]),
        exact=affine2d.compose(crop, affine2d.from_integer_centres(turn)),
        jitter=displaced,
        sides=sides,
    )


def _cut(image, left, top, side, has_border):
    part = image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)]
    if not part.size:
        raise ValueError(
            "the crop around its joints or box contains nothing of the picture; check them."
        )
    if not has_border:
        return part
    above, before = max(-top, 0), max(-left, 0)
    below, behind = side - above - part.shape[0], side - before - part.shape[1]
    return cv2.copyMakeBorder(part, above, below, before, behind, cv2.BORDER_CONSTANT)


def official_colour(
    image: np.ndarray, colour: tuple[float, float, float, float] | np.ndarray
) -> np.ndarray:
    """Jitter colours as the release does, which reads RGB as BGR.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        colour: factors of hue, saturation and value, and what is added to value.

    Returns:
        uint8 `[H, W, 3]`.
    """
    hue, saturation, alpha, beta = colour
    planes = cv2.cvtColor(image, cv2.COLOR_BGR2HSV).astype(np.float64)
    planes = planes * [hue, saturation, alpha] + [0.0, 0.0, beta]
    # The cast truncates, as the release's does.
    return cv2.cvtColor(np.clip(planes, 0, 255).astype(np.uint8), cv2.COLOR_HSV2BGR)


def official_draws(
    seed: int,
    epoch: int | np.ndarray,
    example_id: np.ndarray,
    view: int,
    angle_range_deg: float = _ANGLE_RANGE_DEG,
    has_colour: bool = True,
    corrections: Collection[str] = (),
) -> list[OfficialDraw]:
    """Draw from the published ranges, as a pure function.

    Args:
        seed: any whole number.
        epoch: whole number, or whole numbers `[B]`.
        example_id: whole numbers `[B]`.
        view: number of the view, 0 to 7.
        angle_range_deg: R, a whole number; 0 leaves the turn out, as SimCLR's published views do.
        has_colour: whether colours are jittered.
        corrections: of `config.CORRECTIONS`; "angle" turns by any fraction of a degree in [-R, R],
            "jitter_sides" jitters by -14 to 14 px.

    Returns:
        One draw per example: whole degrees in [-R, R - 1], margin U(0.9, 1.5), jitters of 0 to 14 px
        to one side, colour factors that only darken and desaturate.
    """
    draws = uniform_draws(seed, epoch, example_id, view, _NUM_DRAWS)
    angles = angle_range_deg - 2 * angle_range_deg * draws[:, 0]
    if "angle" not in corrections:
        # U(45, -45) can come out as 45 itself, once in 2^53 draws.
        angles = np.minimum(np.floor(angles), angle_range_deg - 1)
    margins = _MARGIN[0] + (_MARGIN[1] - _MARGIN[0]) * draws[:, 1]
    first = 1 - _JITTER_PX if "jitter_sides" in corrections else 0
    jitters = first + ((_JITTER_PX - first) * draws[:, 2:4]).astype(int)
    colours = _COLOUR_LOW + (_COLOUR_HIGH - _COLOUR_LOW) * draws[:, 4:]
    return [
        OfficialDraw(
            float(angle) if angle_range_deg else None,
            float(margin),
            (int(jitter[0]), int(jitter[1])),
            tuple(colour) if has_colour else None,
        )
        for angle, margin, jitter, colour in zip(angles, margins, jitters, colours, strict=True)
    ]


def official_pairs_dataset(
    records: tf.data.Dataset,
    seed: int,
    epoch: Epoch,
    size: int,
    crop_source: str = "joints",
    chunk: int = 16,
    parallel_calls: int = tf.data.AUTOTUNE,
    bad_records: BadRecords | None = None,
    angle_range_deg: float = _ANGLE_RANGE_DEG,
    has_colour: bool = True,
    corrections: Collection[str] = (),
    colour_ranges: ViewRanges | None = None,
) -> tf.data.Dataset:
    """Turn records into pairs of views of the published chain.

    Args:
        records: dataset of single records (dicts).
        seed: any whole number.
        epoch: as in `two_views_dataset`.
        size: side S of a view in pixels.
        crop_source: "joints", as published; for "box" and "picture", and records without joints, the
            middles of the square's sides stand in for joints.
        chunk: records per call into Python; the order and the views do not depend on it.
        parallel_calls: calls at a time.
        bad_records: account of pictures that cannot be read or whose joints lie outside.
        angle_range_deg: as in `official_draws`.
        has_colour: as in `official_draws`.
        corrections: of `config.CORRECTIONS`, what is put right.
        colour_ranges: changes of colour under the correction "color"; its other ranges do nothing.

    Returns:
        Dataset of dicts as `two_views_dataset` gives them, where `angle_deg` is whole and `jitter` is
        in official units: source pixels over S, which is no share of the crop (D2); each unless it is
        put right.
    """
    ranges = colour_ranges or ViewRanges()
    changes_colour = has_colour and "color" in corrections
    jitters_colour = has_colour and not changes_colour

    def render(epochs: np.ndarray, *columns: np.ndarray) -> tuple[np.ndarray, ...]:
        rows = dict(zip(_KEYS, columns, strict=True))
        draws = [
            official_draws(
                seed, epochs, rows["id"], view, angle_range_deg, jitters_colour, corrections
            )
            for view in range(2)
        ]
        pairs = _render(rows, draws, size, crop_source, corrections, bad_records)
        if changes_colour:
            for view in range(2):
                colours = view_parameters(ranges, seed, epochs, rows["id"], view).colour
                for picture, colour in zip(pairs[0][:, view], colours, strict=True):
                    picture[:] = retouch(picture, colour, 0.0, _UNCOVERED)
        return pairs

    shapes = {
        "views": (tf.uint8, (2, size, size, 3)),
        "canonical": (tf.float32, (2, 2, 3)),
        "angle_deg": (tf.float32, (2,)),
        "jitter": (tf.float32, (2, 2)),
        "ok": (tf.bool, ()),
    }
    passed_on = ("id", "position")
    return map_chunks(records, render, _KEYS, shapes, passed_on, epoch, chunk, parallel_calls)


def _joints_and_box(
    records: dict[str, np.ndarray], row: int, crop_source: str
) -> tuple[np.ndarray, np.ndarray]:
    has_2d = bool(records["has_2d"][row])
    points, visible = records["keypoints_2d"][row], records["visible"][row]
    box = record_box(
        crop_source,
        records["box"][row] if records["has_box"][row] else None,
        points if has_2d else None,
        visible,
        (int(records["height"][row]), int(records["width"][row])),
    )
    if crop_source == "joints" and has_2d and (visible > 0).sum() > 1:
        return points[visible > 0], box
    half = box[2] / 2
    offsets = np.array([[half, 0.0], [-half, 0.0], [0.0, half], [0.0, -half]])
    return box[:2] + half + offsets, box


def _render(records, draws, size, crop_source, corrections, bad_records):
    count = len(records["id"])
    pictures = np.zeros((count, 2, size, size, 3), np.uint8)
    canonical = np.tile(np.eye(2, 3, dtype=np.float32), (count, 2, 1, 1))
    jitter = np.zeros((count, 2, 2), np.float32)
    ok = np.ones(count, bool)
    for row in range(count):
        name = records["name"][row].decode()
        try:
            image = decode_picture(records["image"][row], name)
            joints, box = _joints_and_box(records, row, crop_source)
            pair = [
                official_view(image, joints, draws[view][row], size, "border" in corrections)
                for view in range(2)
            ]
        except (ValueError, OSError, cv2.error) as error:
            ok[row] = False
            if bad_records is not None:
                bad_records.note(int(records["id"][row]), f"{name}: {error}")
            continue
        for view, rendered in enumerate(pair):
            pictures[row, view] = rendered.picture
            canonical[row, view] = affine2d.normalized(rendered.exact, box, size)
            unit = rendered.sides if "jitter_unit" in corrections else size
            jitter[row, view] = np.array(rendered.jitter) / unit
    angles = np.array([[draw.angle_deg or 0.0 for draw in one] for one in draws], np.float32).T
    return pictures, canonical, angles, jitter, ok
