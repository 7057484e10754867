"""Served networks and finders on labelled photographs: `python -m benchmarks.networks`.

A network is given each label's box. A finder is given the whole picture. With `--reference`, which
`benchmarks.mediapipe_reference` writes, finder and network answer together, and their joints are set
beside those of MediaPipe's own chain.
"""

import dataclasses
import json
import os
import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.serving.found_boxes import ServedFinder
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import SKELETONS
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

_OVERLAP = 0.5


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: if a value is out of range or a folder is not given.
    """

    pictures: str = option("", "Folder with annotations.json, in COCO's format, and images.")
    skeleton: str = option("coco_17", "Joint order of the labels.", choices=tuple(SKELETONS))
    saved_models: str = option("", "Version folders of networks, separated by commas.")
    finder: str = option("", "Version folder of a finder of the same kind.")
    reference: str = option("", "File of benchmarks.mediapipe_reference on the same pictures.")
    num: int = option(200, "Labels that are drawn.", low=1)
    seed: int = option(3, "Seed of the draw.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        if not self.pictures or not (self.saved_models or self.finder):
            raise ValueError(
                "Give --pictures, a labelled folder, and --saved_models or --finder to measure."
            )


@dataclasses.dataclass(frozen=True)
class Labelled:
    """One label.

    Attributes:
        file: name of its picture.
        image: uint8 `[H, W, 3]` RGB.
        box: float64 `[4]`, px.
        points: float64 `[J, 2]`, px.
        visible: bool `[J]`.
        is_left: whether it is a left hand.
    """

    file: str
    image: np.ndarray
    box: np.ndarray
    points: np.ndarray
    visible: np.ndarray
    is_left: bool


def drawn_labels(folder: str, num: int, seed: int) -> Iterator[Labelled]:
    """Draw labels of a folder.

    Args:
        folder: with `annotations.json` and `images`.
        num: how many.
        seed: of the draw, of Python's own generator.

    Yields:
        Labels with their pictures.
    """
    content = json.loads((Path(folder) / "annotations.json").read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    rows = list(content["annotations"])
    random.Random(seed).shuffle(rows)
    for row in rows[:num]:
        name = names[row["image_id"]]
        joints = np.array(row["keypoints"], np.float64).reshape(-1, 3)
        image = decode_picture((Path(folder) / "images" / name).read_bytes(), name)
        is_left = row.get("handedness") == "left"
        yield Labelled(name, image, np.array(row["bbox"]), joints[:, :2], joints[:, 2] > 0, is_left)


def measure_network(folder: str, labels: list[Labelled], skeleton: str) -> dict[str, Any]:
    """Compare a network that is told where to look with labels.

    Args:
        folder: version folder.
        labels: what it is compared with.
        skeleton: joint order of the labels.

    Returns:
        `joints` that both name; `within`, the share of joints within a tenth of the box's longer
        side; `median`, of the pictures' mean distance over that side; `ms`, median time of a picture;
        `megabytes` of the SavedModel.
    """
    network = ServedPose(folder)
    known, given = SKELETONS[skeleton], SKELETONS[network.metadata.skeleton]
    shared = [joint for joint in known.joints if joint in given.joints]
    distances, milliseconds = [], []
    for label in labels:
        begin = time.perf_counter()
        (found,) = network.predict(label.image, [label.box], is_left=label.is_left)
        milliseconds.append(1e3 * (time.perf_counter() - begin))
        points = found.keypoints_2d[list(given.indices(shared))]
        rows = list(known.indices(shared))
        distance = np.linalg.norm(points - label.points[rows], axis=-1) / max(label.box[2:])
        distances.append(distance[label.visible[rows]])
    every = np.concatenate(distances)
    return {
        "network": network.metadata.name,
        "joints": len(shared),
        "within": float((every <= 0.1).mean()),
        "median": statistics.median(float(one.mean()) for one in distances if len(one)),
        "ms": statistics.median(milliseconds),
        "megabytes": _megabytes(folder),
    }


def measure_finder(folder: str, labels: list[Labelled]) -> dict[str, Any]:
    """Compare a finder's boxes with the squares of labels.

    Args:
        folder: version folder.
        labels: what it is compared with, one to a picture.

    Returns:
        `found`, pictures in which it sees somebody; `overlapping`, those with a box of intersection over
        union 0.5 or more with the square about the label's box; `ms`; `megabytes`.
    """
    finder = ServedFinder(folder)
    found, overlapping, milliseconds = 0, 0, []
    for label in labels:
        begin = time.perf_counter()
        boxes = [one.box for one in finder.find(label.image)]
        milliseconds.append(1e3 * (time.perf_counter() - begin))
        side = max(label.box[2:])
        square = np.array([*(label.box[:2] + label.box[2:] / 2 - side / 2), side, side])
        found += bool(boxes)
        overlapping += any(overlap(box, square) >= _OVERLAP for box in boxes)
    return {
        "network": finder.metadata.name,
        "pictures": len(labels),
        "found": found,
        "overlapping": overlapping,
        "ms": statistics.median(milliseconds),
        "megabytes": _megabytes(folder),
    }


def measure_chain(
    finder: str, network: str, labels: list[Labelled], reference: dict[str, Any]
) -> dict[str, Any]:
    """Compare finder and network together with what MediaPipe itself finds.

    Args:
        finder: version folder.
        network: version folder of the network that gives the joints.
        labels: pictures; the labels themselves are not looked at.
        reference: file name to joints `[J, 2]` px, or None where it finds nobody.

    Returns:
        `theirs`, `ours`, `both`: pictures with somebody; `median` over those of both of the mean distance
        of joints over the longer side of their extent.
    """
    find, pose = ServedFinder(finder), ServedPose(network)
    theirs = ours = 0
    distances = []
    for label in labels:
        expected = reference[label.file]
        boxes = [one.box for one in find.find(label.image)]
        theirs += expected is not None
        if not boxes:
            continue
        (found,) = pose.predict(label.image, [boxes[0]])
        if not found.score.max() > _OVERLAP:
            continue
        ours += 1
        if expected is not None:
            points = np.array(expected)
            distance = np.linalg.norm(found.keypoints_2d - points, axis=-1).mean()
            distances.append(float(distance / max(np.ptp(points, axis=0))))
    return {
        "network": pose.metadata.name,
        "theirs": theirs,
        "ours": ours,
        "both": len(distances),
        "median": statistics.median(distances),
    }


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Return the intersection of two boxes over their union.

    Args:
        one: `[4]`, (x, y, width, height).
        other: `[4]`.

    Returns:
        0 to 1.
    """
    corner = np.maximum(one[:2], other[:2])
    opposite = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    shared = float(np.prod(np.maximum(opposite - corner, 0.0)))
    return shared / float(np.prod(one[2:]) + np.prod(other[2:]) - shared)


def _megabytes(folder):
    files = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(os.path.getsize(file) for file in files if not file.endswith(".tflite")) / 1e6


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    labels = list(drawn_labels(settings.pictures, settings.num, settings.seed))
    networks = [folder for folder in settings.saved_models.split(",") if folder]
    result: dict[str, Any] = {
        "command": "python -m benchmarks.networks",
        "pictures": Path(settings.pictures).name,
        "num": len(labels),
        "seed": settings.seed,
        "machine": machine.describe(1),
        "networks": [measure_network(folder, labels, settings.skeleton) for folder in networks],
    }
    if settings.finder:
        result["finder"] = measure_finder(settings.finder, labels)
    if settings.reference and settings.finder and networks:
        reference = json.loads(Path(settings.reference).read_text())
        result["chain"] = measure_chain(settings.finder, networks[0], labels, reference["joints"])
    text = _words(result)
    print(text)
    if settings.output:
        write_result(settings.output, result, text)


def _words(result):
    head = f"{result['num']} labels of {result['pictures']}, seed {result['seed']}"
    rows = [
        [
            row["network"],
            str(row["joints"]),
            f"{row['within']:.3f}",
            f"{row['median']:.2%}",
            f"{row['ms']:.1f}",
            f"{row['megabytes']:.1f}",
        ]
        for row in result["networks"]
    ]
    titles = ["network", "joints", "within 0.1", "median", "ms a picture", "MB"]
    parts = [head, text_table(titles, rows)] if rows else [head]
    if "finder" in result:
        row = result["finder"]
        parts.append(
            f"{row['network']} sees somebody in {row['found']} of {row['pictures']}, overlapping the "
            f"label in {row['overlapping']}; {row['ms']:.1f} ms a picture, {row['megabytes']:.1f} MB."
        )
    if "chain" in result:
        row = result["chain"]
        parts.append(
            f"From whole pictures: MediaPipe finds {row['theirs']}, {row['network']} {row['ours']}, both "
            f"{row['both']}; joints of these are {row['median']:.2%} of their extent apart (median)."
        )
    return "\n".join(parts)


if __name__ == "__main__":
    run_binary(main, Settings)
