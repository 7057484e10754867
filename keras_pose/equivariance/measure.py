"""How far an encoder, its projected points and predicted joints are from equivariant, as numbers.

Every picture is seen through probes: known rotations, shifts, scales, a flip and changes of colour. An
equivariant function moves with the view: 0 is perfect in every measure, and none can be had by
answering always the same.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pose.data.pictures.boxes import square_box
from keras_pose.data.views.draws import ViewParameters, colour_matrix
from keras_pose.data.views.host_pixels import render_view
from keras_pose.geometry import affine2d
from keras_pose.peclr.inverse import spread_points, undo_views

KINDS = ("rotation", "translation", "scale", "flip", "colour")
MEASURES = {
    "keypoints": "predicted joints: mean distance between the joints of the view, mapped back by its "
    "exact matrix, and those of the plain view, over the side of the box",
    "projections": "projected points: distance between undone unit rows of view and plain view, over "
    "the mean distance between those of different pictures",
    "projections_not_undone": "the same without undoing the view: what an invariant network has small",
    "features": "features: root mean square residual of the best linear map from the view's features to "
    "the plain view's, fitted on one half and tested on the other, over their deviation",
    "features_invariance": "features: root mean square change, over the one between different pictures",
}
# Ridge strengths over the mean eigenvalue; the last leaves the identity as it is.
_RIDGES = (1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0, 1e3, 1e6)
# One fitted direction for so many pictures at least, and never more directions than this.
_PICTURES_PER_DIRECTION, _MOST_DIRECTIONS = 4, 64
_COLLAPSED = 1e-7

Function = Callable[[np.ndarray], Any]


@dataclasses.dataclass(frozen=True)
class Probe:
    """One known change of a view.

    Attributes:
        kind: one of `KINDS`.
        value: place on the chart's axis: degrees; length of the shift over the crop's side; zoom; 1;
            strength of the change of colour.
        angle_deg: turn of the content, positive counter-clockwise on screen.
        zoom: above 1 the hand is larger.
        shift: (x, y) of the content over the crop's side.
        mirror: 1 exchanges left and right.
        colour: hue in degrees, factor of saturation, factor of contrast, added brightness.
    """

    kind: str
    value: float
    angle_deg: float = 0.0
    zoom: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    mirror: float = 0.0
    colour: tuple[float, float, float, float] = (0.0, 1.0, 1.0, 0.0)


PLAIN = Probe("plain", 0.0)


@dataclasses.dataclass(frozen=True)
class Equivariance:
    """What was measured.

    Attributes:
        probes: the P probes.
        errors: measure -> float64 `[P]`, a name out of `MEASURES`; infinite where the function answers
            (almost) the same for every picture.
        numbers: "measure/kind" -> mean over its probes, and "measure/different_pictures" ->
            the length that errors are divided by, or to compare them with.
        num_pictures: how many pictures.
        views: uint8 [P + 1, S, S, 3], the first picture: plain, then through every probe.
        points: float [P + 1, K, 2], joints predicted on these, pixels; None without `predict`.
        matrices: float64 [P + 1, 2, 3], pixels of the plain view to those of each.
    """

    probes: tuple[Probe, ...]
    errors: dict[str, np.ndarray]
    numbers: dict[str, float]
    num_pictures: int
    views: np.ndarray
    points: np.ndarray | None
    matrices: np.ndarray

    def curve(self, measure: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Return values `[V]` in rising order and the mean error at each, `[V]`."""
        rows = [number for number, probe in enumerate(self.probes) if probe.kind == kind]
        values = np.array([self.probes[row].value for row in rows])
        axis = np.unique(values)
        errors = self.errors[measure][rows]
        return axis, np.array([errors[values == value].mean() for value in axis])


def default_probes() -> tuple[Probe, ...]:
    """Return rotations to 180 degrees, shift to 20 %, zooms of 0.7 to 1.4, a flip, three colours."""
    turns = (-90, -45, -30, -15, 15, 30, 45, 90, 180)
    probes = [Probe("rotation", float(angle), angle_deg=angle) for angle in turns]
    for length, sign in itertools.product((0.05, 0.1, 0.15, 0.2), (1, -1)):
        step = length / np.sqrt(2.0)
        probes.append(Probe("translation", length, shift=(step, sign * step)))
        probes.append(Probe("translation", length, shift=(-step, sign * step)))
    probes += [Probe("scale", zoom, zoom=zoom) for zoom in (0.7, 0.85, 1.2, 1.4)]
    probes.append(Probe("flip", 1.0, mirror=1.0))
    for strength, sign in itertools.product((0.25, 0.5, 1.0), (1, -1)):
        part = sign * strength
        hue = (60.0 * part, 1.0 - 0.6 * part, 1.0, 0.0)
        light = (0.0, 1.0, 1.0 - 0.4 * part, 0.2 * part)
        probes += [Probe("colour", strength, colour=hue), Probe("colour", strength, colour=light)]
    return tuple(probes)


def measure_equivariance(
    pictures: Sequence[np.ndarray],
    boxes: np.ndarray,
    image_size: int,
    *,
    predict: Function | None = None,
    project: Function | None = None,
    embed: Function | None = None,
    inverse: str = "affine",
    undo_options: Mapping[str, Any] | None = None,
    probes: Sequence[Probe] | None = None,
    crop_scale: float = 1.3,
    batch_size: int = 64,
) -> Equivariance:
    """Measure what is given of predictor, projection and encoder.

    All three take float32 `[B, S, S, 3]`, RGB in [0, 1].

    Args:
        pictures: N pictures, uint8 `[H, W, 3]` RGB.
        boxes: `[N, 4]`, (x, y, width, height) in continuous pixels.
        image_size: side S of the views in pixels.
        predict: gives points `[B, K, 2]` in pixels of the view.
        project: gives projections `[B, D]` as the head gives them.
        embed: gives features `[B, F]`; its linear map needs some tens of pictures at least.
        inverse: how projections are undone, one of `inverse.INVERSES`.
        undo_options: more arguments of `undo_views`.
        probes: what to do to the views; `default_probes` if None.
        crop_scale: side of the plain view over the side of the box.
        batch_size: views given to a function at once.

    Returns:
        Errors, numbers and one example.

    Raises:
        ValueError: if no function is given, there are fewer than 4 pictures, or a function returns
            another shape than it should.
    """
    given = {"keypoints": predict, "projections": project, "features": embed}
    functions = {name: function for name, function in given.items() if function is not None}
    boxes = square_box(np.asarray(boxes, np.float64))
    if not functions or len(pictures) < 4 or len(boxes) != len(pictures):
        raise ValueError(
            f"{len(pictures)} pictures with {len(boxes)} boxes and {len(functions)} functions were "
            "given; give at least 4 pictures, a box for each, and one of predict, project and embed."
        )
    probes = tuple(default_probes() if probes is None else probes)
    arguments = (image_size, crop_scale, batch_size)
    plain = _answers(functions, pictures, boxes, PLAIN, *arguments)
    seen = [plain]
    found: list[dict[str, float]] = []
    for probe in probes:
        one = _answers(functions, pictures, boxes, probe, *arguments)
        found.append({})
        if predict is not None:
            found[-1] |= _keypoint_error(plain, one, boxes)
        if embed is not None:
            # Features are large and not needed again.
            found[-1] |= _feature_errors(plain["features"], one.pop("features"))
        seen.append(one)
    numbers: dict[str, float] = {}
    if predict is not None:
        places = (_in_picture(plain) - boxes[:, None, :2]) / boxes[:, None, 2:]
        apart = [_mean_distance(places[:, joint]) for joint in range(places.shape[1])]
        numbers["keypoints/different_pictures"] = float(np.mean(apart))
    if project is not None:
        for measure, undo in (("projections", inverse), ("projections_not_undone", "none")):
            moved, apart_rows = _projection_errors(
                seen, (PLAIN, *probes), boxes, undo, undo_options or {}
            )
            numbers[f"{measure}/different_pictures"] = apart_rows
            for errors_of_probe, error in zip(found, moved, strict=True):
                errors_of_probe[measure] = error
    errors = {
        measure: np.array([one[measure] for one in found])
        for measure in MEASURES
        if found and measure in found[0]
    }
    for measure, kind in itertools.product(errors, KINDS):
        rows = [number for number, probe in enumerate(probes) if probe.kind == kind]
        if rows:
            numbers[f"{measure}/{kind}"] = float(errors[measure][rows].mean())
    first = np.stack([one["matrices"][0] for one in seen])
    return Equivariance(
        probes,
        errors,
        numbers,
        len(pictures),
        np.stack([one["view"] for one in seen]),
        np.stack([one["keypoints"][0] for one in seen]) if predict is not None else None,
        affine2d.compose(first, affine2d.invert(first[0])),
    )


def _answers(
    functions: dict[str, Function],
    pictures: Sequence[np.ndarray],
    boxes: np.ndarray,
    probe: Probe,
    size: int,
    crop_scale: float,
    batch_size: int,
) -> dict[str, np.ndarray]:
    """Render all pictures through a probe; return what the functions say, and the matrices."""
    parameters = ViewParameters(
        angle_deg=np.array(probe.angle_deg, np.float64),
        scale=np.array(crop_scale / probe.zoom),
        shift=np.array(probe.shift),
        mirror=np.array(probe.mirror, np.float64),
        colour=colour_matrix(*(np.array(part, np.float64) for part in probe.colour)),
        blur_sigma=np.zeros(()),
        cutout=np.zeros(3),
    )
    found: dict[str, list[np.ndarray]] = {name: [] for name in (*functions, "matrices")}
    first_view = np.zeros(0)
    for start in range(0, len(pictures), batch_size):
        rows = range(start, min(start + batch_size, len(pictures)))
        rendered = [render_view(pictures[row], boxes[row], parameters, size) for row in rows]
        views = np.stack([view for view, _ in rendered])
        first_view = first_view if start else views[0].copy()
        found["matrices"].append(np.stack([matrix for _, matrix in rendered]))
        images = views.astype(np.float32) / np.float32(255.0)
        for name, function in functions.items():
            answer = np.asarray(function(images), np.float64)
            _check(name, answer, len(rows))
            found[name].append(answer)
    answers = {name: np.concatenate(parts) for name, parts in found.items()}
    return answers | {"view": first_view, "size": np.array(float(size))}


def _check(name: str, answer: np.ndarray, count: int) -> None:
    is_points = name == "keypoints"
    right = answer.ndim == (3 if is_points else 2) and len(answer) == count
    if not right or (is_points and answer.shape[-1] != 2):
        wanted = f"[{count}, K, 2]" if is_points else f"[{count}, D]"
        raise ValueError(
            f"The function for {name} returned {list(answer.shape)} for {count} pictures; it must "
            f"return {wanted}."
        )


def _in_picture(answers: dict[str, np.ndarray]) -> np.ndarray:
    return affine2d.apply(answers["keypoints"], affine2d.invert(answers["matrices"]))


def _keypoint_error(
    plain: dict[str, np.ndarray], seen: dict[str, np.ndarray], boxes: np.ndarray
) -> dict[str, float]:
    distance = np.linalg.norm(_in_picture(seen) - _in_picture(plain), axis=-1).mean(-1)
    return {"keypoints": float((distance / boxes[:, 2]).mean())}


def _projection_errors(
    seen: list[dict[str, np.ndarray]],
    probes: Sequence[Probe],
    boxes: np.ndarray,
    inverse: str,
    undo_options: Mapping[str, Any],
) -> tuple[list[float], float]:
    """Return the error of every probe but the first, the plain one, and the length they are over."""
    frames = [affine2d.normalized(one["matrices"], boxes, one["size"]) for one in seen]
    projections = [one["projections"] for one in seen]
    if inverse == "affine":
        unit = _unit_of_points(projections, frames, probes)
        projections = [unit * one for one in projections]
    rows = []
    for probe, frame, projection in zip(probes, frames, projections, strict=True):
        parameters = {
            "angle_deg": np.full(len(boxes), probe.angle_deg),
            "jitter": np.tile(np.array(probe.shift), (len(boxes), 1)),
            "canonical": frame,
        }
        undone = undo_views(projection, inverse, parameters, **undo_options)
        rows.append(np.asarray(undone, np.float64))
    apart = _mean_distance(rows[0])
    moved = [float(np.linalg.norm(one - rows[0], axis=-1).mean()) for one in rows[1:]]
    return [error / apart if apart > _COLLAPSED else np.inf for error in moved], apart


def _unit_of_points(
    projections: list[np.ndarray], frames: list[np.ndarray], probes: Sequence[Probe]
) -> float:
    """Settle how many half sides of the view a projection's unit is; `affine` needs to know.

    The training loss gives all points one magnitude. Here one number is fitted to how far points follow
    the shifts, at most twice and at least an eighth of that: points that were far outside the picture
    would make every shift negligible.
    """
    usual = np.asarray(spread_points(projections[0]), np.float64)
    unit = float(np.linalg.norm(usual)) / max(float(np.linalg.norm(projections[0])), 1e-30)
    along = square = 0.0
    for probe, frame, projection in zip(probes, frames, projections, strict=True):
        if probe.kind == "translation":
            moved = (projection - projections[0]).reshape(len(projection), -1, 2)
            shift = (frame[:, :, 2] - frames[0][:, :, 2])[:, None]
            along, square = along + (moved * shift).sum(), square + (moved**2).sum()
    fitted = along / square if square > 0 else unit
    return float(np.clip(fitted, unit / 8.0, unit * 2.0))


def _feature_errors(plain: np.ndarray, seen: np.ndarray) -> dict[str, float]:
    # Mean square distance of two different rows: twice the variance.
    apart = 2.0 * ((plain - plain.mean(0)) ** 2).sum() / (len(plain) - 1)
    if apart <= _COLLAPSED**2 * (plain**2).sum(-1).mean():
        return {"features": np.inf, "features_invariance": np.inf}
    changed = ((seen - plain) ** 2).sum(-1).mean()
    return {
        "features": linear_map_error(seen, plain),
        "features_invariance": float(np.sqrt(changed / apart)),
    }


def linear_map_error(source: np.ndarray, target: np.ndarray) -> float:
    """Measure what the best affine map from one set of features to another leaves over.

    The map is the identity plus a ridge regression among the target's main directions (one for every
    four pictures, at most 64), its strength chosen by leaving out one picture at a time; fitted on
    pictures of even number and tested on the others, and the other way round.

    Args:
        source: float `[N, F]`, features of the views, N at least 4.
        target: float `[N, F]`, features of the same pictures.

    Returns:
        Root of the mean square residual over that of the mean of the training half; 0 is perfect.
    """
    residual = total = 0.0
    for train, test in (
        (slice(0, None, 2), slice(1, None, 2)),
        (slice(1, None, 2), slice(0, None, 2)),
    ):
        middle = target[train].mean(0)
        _, _, directions = np.linalg.svd(target[train] - middle, full_matrices=False)
        most = max(len(target[train]) // _PICTURES_PER_DIRECTION, 1)
        directions = directions[: min(most, _MOST_DIRECTIONS)].T
        x, y = (source - middle) @ directions, (target - middle) @ directions
        guess = x[test] + _ridge(x[train], (y - x)[train], x[test])
        residual += ((y[test] - guess) ** 2).sum()
        total += (y[test] ** 2).sum()
    return float(np.sqrt(residual / total)) if total > 0 else np.inf


def _ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Ridge regression with an intercept: fits y `[N, R]` from x `[N, R]`, returns values at `new`."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    left, spectrum, right = np.linalg.svd(x - x_mean, full_matrices=False)
    inside = left.T @ (y - y_mean)
    power = spectrum**2
    best, chosen = np.inf, np.zeros_like(spectrum)
    for strength in _RIDGES:
        share = power / (power + strength * max(power.mean(), 1e-300))
        left_over = y - y_mean - left @ (share[:, None] * inside)
        lever = (left**2 @ share) + 1.0 / len(x)
        error = ((left_over / np.maximum(1.0 - lever, 1e-9)[:, None]) ** 2).sum()
        if error < best:
            best, chosen = error, share
    slope = np.where(spectrum > 1e-12 * max(spectrum.max(), 1e-300), 1.0, 0.0) * chosen
    slope = slope / np.maximum(spectrum, 1e-300)
    return (new - x_mean) @ right.T @ (slope[:, None] * inside) + y_mean


def _mean_distance(rows: np.ndarray) -> float:
    """Mean distance of two different rows of `[N, D]`."""
    squared = (rows**2).sum(-1)
    distances = np.sqrt(np.maximum(squared[:, None] + squared - 2.0 * rows @ rows.T, 0.0))
    np.fill_diagonal(distances, 0.0)
    return float(distances.sum() / (len(rows) * (len(rows) - 1)))
