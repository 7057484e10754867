"""Joints that a body network finds on held-out pictures: `python -m benchmarks.body_pictures`.

A joint is found within a tenth of the longer side of the person's box, without the room that records
have about it. Twelve main joints count: shoulders, elbows, wrists, hips, knees, ankles. Where the records
have depth, its error is set against that of a flat figure, which says 0 everywhere.
"""

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose import codecs
from keras_pose.data import records
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.views.host_pixels import warp
from keras_pose.geometry import affine2d
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import MPII_16
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d.training import load_pose

MAIN_JOINTS = MPII_16.indices(
    [
        f"{side}_{part}"
        for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
        for side in ("right", "left")
    ]
)
_SHOULDERS = MPII_16.indices(("right_shoulder", "left_shoulder"))
_HIPS = MPII_16.indices(("right_hip", "left_hip"))
_COLUMNS = ("pictures", "found_5", "found_10", "error", "shoulders", "hips", "depth_ratio")
# Function of a picture and a square box to joints `[16, 2]` px of the picture and depth `[16]` px.
Finder = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or there is not one network.
    """

    saved_model: str = option("", "Version folder of an exported network.")
    model_dir: str = option("", "Run folder of a network, in place of --saved_model.")
    data_dir: str = option("", "Record folders, separated by commas.")
    heldout_share: float = option(
        0.1,
        "Share of each folder's groups that is held out, as --val_share of the training.",
        low=0.01,
        high=0.99,
    )
    split_seed: int = option(5, "Seed of that split, as in the training.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        if bool(self.saved_model) == bool(self.model_dir):
            raise ValueError("Give either --saved_model or --model_dir, the network to measure.")
        if not self.data_dir:
            raise ValueError("--data_dir is empty; name the record folders, separated by commas.")


def served_finder(folder: str) -> Finder:
    """Take an exported network.

    Args:
        folder: version folder.

    Returns:
        What finds a person's joints.
    """
    model = ServedPose(folder)

    def find(image, box):
        side = box[2] / PERSON_MARGIN
        tight = [*(box[:2] + (box[2] - side) / 2), side, side]
        found = model.predict(image, boxes=np.array([tight]))[0]
        return found.keypoints_2d, found.depth

    return find


def run_finder(model_dir: str) -> Finder:
    """Take the network of a finished run.

    Args:
        model_dir: run folder.

    Returns:
        What finds a person's joints.
    """
    config, pose = load_pose(model_dir)

    def find(image, box):
        side = config.crop_scale * box[2]
        matrix = affine2d.crop_matrix(box[:2] + box[2:] / 2, side, 0.0, config.image_size)
        crop = warp(image, matrix, config.image_size).astype(np.float32)[None] / 255.0
        outputs = pose(crop, training=False)
        points = affine2d.apply(
            np.array(outputs["keypoints_2d"][0], np.float64), affine2d.invert(matrix)
        )
        return points, np.array(outputs["depth"][0]) * side / 2

    return find


def heldout(folder: str, share: float, seed: int) -> Iterator[records.Record]:
    """Read the held-out records of a folder.

    Args:
        folder: of records with boxes.
        share: of the groups.
        seed: of the split.

    Yields:
        Records.
    """
    reader = records.RecordReader(folder)
    for position in records.split_records(reader, share, seed)[1]:
        yield reader.record(int(position))


def measure(find: Finder, pictures: Iterator[records.Record]) -> dict[str, float]:
    """Compare a network with labels.

    Args:
        find: the network.
        pictures: labelled records.

    Returns:
        `pictures`; `found_5`, `found_10`, shares of the main joints within 5 and 10 % of the box;
        `error`, mean over the box's side; `shoulders`, `hips`, medians of the predicted distance of left
        and right over the true one; `depth_ratio`, mean depth error over a flat figure's, NaN without
        depth labels.
    """
    errors: list[np.ndarray] = []
    ratios: dict[str, list[float]] = {"shoulders": [], "hips": []}
    deep, flat, count = [], [], 0
    for record in pictures:
        count += 1
        side = record.box[2] / PERSON_MARGIN
        points, depth = find(decode_picture(record.image, record.name), np.array(record.box))
        true, seen = np.array(record.keypoints_2d), np.array(record.visible) > 0
        distance = np.linalg.norm(points - true, axis=-1) / side
        rows = [row for row in MAIN_JOINTS if seen[row]]
        errors.append(distance[rows])
        for name, (right, left) in (("shoulders", _SHOULDERS), ("hips", _HIPS)):
            apart = np.linalg.norm(true[right] - true[left])
            # People seen from the side have none to compare with.
            if seen[right] and seen[left] and apart > 0.05 * side:
                ratios[name].append(np.linalg.norm(points[right] - points[left]) / apart)
        if record.keypoints_3d is not None and record.intrinsics is not None:
            _, true_depth, _ = codecs.weak_perspective(true, np.array(record.keypoints_3d))
            true_depth = np.array(true_depth)[rows]
            deep.append(np.abs(_centred(depth[rows]) - _centred(true_depth)))
            flat.append(np.abs(_centred(true_depth)))
    every = np.concatenate(errors)
    return {
        "pictures": count,
        "found_5": float((every <= 0.05).mean()),
        "found_10": float((every <= 0.1).mean()),
        "error": float(every.mean()),
        **{name: float(np.median(values)) for name, values in ratios.items()},
        "depth_ratio": float(np.concatenate(deep).mean() / np.concatenate(flat).mean())
        if deep
        else float("nan"),
    }


def _centred(depth):
    return depth - depth.mean() if len(depth) else depth


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    find = (served_finder if settings.saved_model else run_finder)(
        settings.saved_model or settings.model_dir
    )
    rows = {
        folder.rstrip("/").rsplit("/", 1)[-1]: measure(
            find, heldout(folder, settings.heldout_share, settings.split_seed)
        )
        for folder in settings.data_dir.split(",")
    }
    text = text_table(
        ["source", *_COLUMNS],
        [
            [name, *(f"{row[column]:.3f}" if column != "pictures" else f"{row[column]:.0f}"
                     for column in _COLUMNS)]
            for name, row in rows.items()
        ],
    )  # fmt: skip
    print(text)
    if settings.output:
        network = settings.saved_model or settings.model_dir
        kept = {"network": network.rstrip("/").rsplit("/", 1)[-1], "sources": rows}
        kept["heldout_share"], kept["split_seed"] = settings.heldout_share, settings.split_seed
        write_result(settings.output, kept, text)


if __name__ == "__main__":
    run_binary(main, Settings)
