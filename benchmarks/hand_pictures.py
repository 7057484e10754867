"""Joints that a hand network finds on held-out pictures: `python -m benchmarks.hand_pictures`.

A joint is found within a tenth of the longer side of the hand's box. Where the records have 3D joints,
the error after the best similarity is printed beside that of a hand that is flat in the picture's plane.
"""

import dataclasses
from collections.abc import Iterable

import numpy as np

from benchmarks.body_pictures import heldout
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data import records
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.metrics import pa_mpjpe
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

_TIPS = HAND_21_FREIHAND.indices(("index_tip", "ring_tip"))
_COLUMNS = ("pictures", "found_5", "found_10", "error", "tips", "pa_cm", "flat_pa_cm")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or something is not given.
    """

    saved_model: str = option("", "Version folder of an exported network.", exists="folder")
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
        if not self.saved_model or not self.data_dir:
            raise ValueError("Give --saved_model, the network, and --data_dir, the record folders.")


def measure(network: ServedPose, pictures: Iterable[records.Record]) -> dict[str, float]:
    """Compare a network with labels.

    Args:
        network: of hands.
        pictures: labelled records with boxes.

    Returns:
        `pictures`; `found_5`, `found_10`, shares of the joints within 5 and 10 % of the box;
        `error`, mean over the box's side; `tips`, median of the predicted distance of two finger
        tips over the true one; `pa_cm` and `flat_pa_cm`, errors after the best similarity of the
        network's joints and of its 2D joints in one plane, NaN without 3D labels. Where the network
        says that no hand is there, its joints count as not found.
    """
    distances, tips, deep, flat, count = [], [], [], [], 0
    for record in pictures:
        count += 1
        box = np.array(record.box)
        (found,) = network.predict(
            decode_picture(record.image, record.name), box[None], is_left=record.side == "left"
        )
        true, seen = np.array(record.keypoints_2d), np.array(record.visible) > 0
        distance = np.linalg.norm(found.keypoints_2d - true, axis=-1) / max(box[2:])
        distances.append(np.where(found.valid, distance, np.inf)[seen])
        apart = np.linalg.norm(np.subtract(*true[list(_TIPS)]))
        # Tips that touch have no distance to compare with.
        if apart > 0.1 * max(box[2:]):
            tips.append(np.linalg.norm(np.subtract(*found.keypoints_2d[list(_TIPS)])) / apart)
        if record.keypoints_3d is not None and found.keypoints_3d is not None and found.valid:
            space = np.array(record.keypoints_3d)[None]
            deep.append(float(pa_mpjpe(found.keypoints_3d[None], space)[0]))
            plane = np.pad(found.keypoints_2d, [(0, 0), (0, 1)])
            flat.append(float(pa_mpjpe(plane[None], space)[0]))
    every = np.concatenate(distances)
    return {
        "pictures": count,
        "found_5": float((every <= 0.05).mean()),
        "found_10": float((every <= 0.1).mean()),
        "error": float(every[np.isfinite(every)].mean()),
        "tips": float(np.median(tips)),
        "pa_cm": 100 * float(np.mean(deep)) if deep else float("nan"),
        "flat_pa_cm": 100 * float(np.mean(flat)) if flat else float("nan"),
    }


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    network = ServedPose(settings.saved_model)
    rows = {
        folder.rstrip("/").rsplit("/", 1)[-1]: measure(
            network, heldout(folder, settings.heldout_share, settings.split_seed)
        )
        for folder in settings.data_dir.split(",")
    }
    text = text_table(
        ["source", *_COLUMNS],
        [
            [name, f"{row['pictures']:.0f}", *(f"{row[column]:.3f}" for column in _COLUMNS[1:])]
            for name, row in rows.items()
        ],
    )
    print(text)
    if settings.output:
        kept = {"network": settings.saved_model.rstrip("/"), "sources": rows}
        kept["heldout_share"], kept["split_seed"] = settings.heldout_share, settings.split_seed
        write_result(settings.output, kept, text)


if __name__ == "__main__":
    run_binary(main, Settings)
