"""How far a detector is from itself on the same person: `python -m benchmarks.detector_noise`.

Every picture is seen again mirrored, at half its size, and in a larger and a shifted box. What then
differs is noise of the detector, though not all of it: an error made every time does not show. A
bivariate Student's t is fitted to it, in shares of the body's height; its numbers are settings of
`keras_pose.lifter_student.train`.
"""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.files import read_json
from keras_pose.lifting.detector_noise import body_height
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import H36M_17, by_name, convert
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

# Two looks err independently, so their difference is wider than the error of one.
_TWO_LOOKS = np.sqrt(2.0)
_FREEDOMS = np.geomspace(1.0, 100.0, 400)
_MIN_SCORE = 0.5


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    saved_model: str = option("", "Version folder of a body network.", exists="folder")
    data_dir: str = option("", "Folder with images and annotations.json (COCO).", exists="folder")
    num_pictures: int = option(200, "Pictures, taken evenly.", low=1)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def people(data_dir: str, count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read pictures with the box of their person.

    Args:
        data_dir: folder of the set.
        count: how many, taken evenly.

    Yields:
        uint8 `[H, W, 3]` RGB, and x, y, width, height in px.
    """
    folder = Path(data_dir)
    content = read_json(folder / "annotations.json")
    names = {image["id"]: image["file_name"] for image in content["images"]}
    entries = content["annotations"]
    for row in np.unique(np.linspace(0, len(entries) - 1, count).astype(int)):
        path = folder / "images" / Path(names[entries[row]["image_id"]]).name
        yield decode_picture(path.read_bytes(), path.name), np.array(entries[row]["bbox"], float)


def looks(model: ServedPose, image: np.ndarray, box: np.ndarray) -> Iterator[tuple]:
    """Find a person again and again.

    Args:
        model: the detector.
        image: uint8 `[H, W, 3]`.
        box: of the person, px.

    Yields:
        Joints float64 `[17, 2]`, px, their scores `[17]`, and height of the body in px: first plainly,
        then mirrored, at half size, in a larger box, in a shifted box.
    """
    skeleton = by_name(model.metadata.skeleton)
    larger = np.concatenate([box[:2] - 0.1 * box[2:], 1.2 * box[2:]])
    shifted = np.concatenate([box[:2] + 0.08 * box[2:], box[2:]])
    small = cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    factor = np.array(small.shape[1::-1]) / image.shape[1::-1]
    turned = np.array([image.shape[1] - box[0] - box[2], *box[1:]])
    for kind, picture, where in (
        ("plain", image, box),
        ("mirrored", np.ascontiguousarray(image[:, ::-1]), turned),
        ("half", small, box * np.tile(factor, 2)),
        ("larger", image, larger),
        ("shifted", image, shifted),
    ):
        found = model.predict(picture, boxes=where[None])[0]
        points, score, space = found.keypoints_2d, found.score, found.keypoints_3d
        if not found.valid or space is None:
            return
        if kind == "mirrored":
            points = points * [-1.0, 1.0] + [image.shape[1], 0.0]
            order = list(skeleton.flip_permutation)
            points, score = points[order], score[order]
        if kind == "half":
            points = points / factor
        plane, _ = convert(points, skeleton, H36M_17)
        made_of, _ = convert(np.eye(skeleton.num_joints), skeleton, H36M_17)
        sure = np.where(made_of != 0, score, np.inf).min(axis=-1)
        body, _ = convert(space, skeleton, H36M_17)
        seen, flat = plane - plane.mean(0), body[:, :2] - body[:, :2].mean(0)
        px_per_m = np.sqrt(np.sum(seen**2) / max(np.sum(flat**2), 1e-9))
        yield plane, sure, px_per_m * float(np.asarray(body_height(body)))


def fit(radii: np.ndarray) -> tuple[float, float]:
    """Fit the radius of a bivariate Student's t by its median and its 95th percentile.

    Args:
        radii: `[N]`, above 0.

    Returns:
        Degrees of freedom, from 1 to 100, and scale.
    """
    middle, far = np.quantile(radii, [0.5, 0.95])

    def quantile(share):
        return np.sqrt(_FREEDOMS * ((1.0 - share) ** (-2.0 / _FREEDOMS) - 1.0))

    best = int(np.argmin(np.abs(quantile(0.95) / quantile(0.5) - far / middle)))
    return float(_FREEDOMS[best]), float(middle / quantile(0.5)[best])


def run(settings: Settings) -> tuple[dict, str]:
    """Measure and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.

    Raises:
        ValueError: if nobody was found.
    """
    model = ServedPose(settings.saved_model)
    differences: list[np.ndarray] = []
    for image, box in people(settings.data_dir, settings.num_pictures):
        seen = list(looks(model, image, box))
        if len(seen) < 5:
            continue
        first, sure, height = seen[0]
        for plane, again, _ in seen[1:]:
            radius = np.linalg.norm(plane - first, axis=-1) / height
            differences.append(np.where((sure > _MIN_SCORE) & (again > _MIN_SCORE), radius, np.nan))
    if not differences:
        raise ValueError(f"--data_dir={settings.data_dir}: nobody was found; give other pictures.")
    table = np.array(differences)
    medians = np.nanmedian(table, axis=0)
    pooled = (table / medians)[np.isfinite(table)]
    freedom, unit = fit(pooled[pooled > 0])
    scales = medians * unit / _TWO_LOOKS
    level = float(scales.mean())
    rows = [
        (
            joint,
            f"{100 * scales[row]:.2f}",
            f"{scales[row] / level:.2f}",
            f"{np.isfinite(table[:, row]).sum()}",
        )
        for row, joint in enumerate(H36M_17.joints)
    ]
    text = text_table(("joint", "scale, % of height", "over the mean", "looks"), rows)
    factors = ",".join(f"{value:.2f}" for value in scales / level)
    text += f"\n\nmean scale {100 * level:.2f} % of the height"
    text += f"\n--noise_degrees_of_freedom={freedom:.2f}\n--noise_of_joints={factors}"
    print(text)
    result = {
        "command": "python -m benchmarks.detector_noise",
        "pictures": settings.num_pictures,
        "looks": len(table),
        "degrees_of_freedom": freedom,
        "level": level,
        "noise_of_joints": factors,
    }
    return result, text


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
