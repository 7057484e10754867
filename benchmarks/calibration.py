"""Whether joints are as far off as a network says: `python -m benchmarks.calibration`.

Of held-out pictures of each source: the shares of joints inside regions that are meant for 50, 80 and
95 % of them, and how likely the errors were.
"""

import dataclasses

import numpy as np

from benchmarks.hand_pictures import heldout
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.metrics import (
    LEVELS,
    coverage,
    expected_calibration_error,
    negative_log_likelihood,
)
from keras_pose.serving import ServedPose
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or a folder is missing.
    """

    saved_model: str = option("", "Version folder of an exported network.")
    data_dir: str = option("", "Record folders, separated by commas.")
    heldout_share: float = option(
        0.1, "Share of each folder's groups that is held out.", low=0.01, high=0.99
    )
    split_seed: int = option(5, "Seed of that split, as in the training.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        if not self.saved_model or not self.data_dir:
            raise ValueError("Give --saved_model, the network, and --data_dir, its pictures.")


def errors_of(network: ServedPose, pictures) -> tuple[np.ndarray, np.ndarray]:
    """Return how far joints are off, and what was said of it.

    Args:
        network: that says how far off it may be.
        pictures: records with a box and joints.

    Returns:
        Distances and `sigma_2d`, both `[N]`, over the box's longer side, of labelled joints of the
        pictures in which somebody is found.

    Raises:
        ValueError: if the network does not say it, or finds nobody.
    """
    errors, sigmas = [], []
    # Boxes of body records have room about the person, of which the network adds its own.
    room = PERSON_MARGIN if network.metadata.kind == "body" else 1.0
    for record in pictures:
        x, y, width, height = record.box
        middle = np.array([x + width / 2.0, y + height / 2.0])
        sides = np.array([width, height]) / room
        box = np.concatenate([middle - sides / 2.0, sides])
        (found,) = network.predict(
            decode_picture(record.image, record.name), box[None], is_left=record.side == "left"
        )
        if found.sigma_2d is None:
            raise ValueError("This network does not say how far off its joints may be.")
        if not np.any(found.keypoints_2d):
            continue
        seen = np.array(record.visible) > 0
        off = np.linalg.norm(found.keypoints_2d - np.array(record.keypoints_2d), axis=-1)
        errors.append(off[seen] / max(sides))
        sigmas.append(found.sigma_2d[seen] / max(sides))
    if not errors:
        raise ValueError("Nobody was found in any picture: give pictures of what it was made for.")
    return np.concatenate(errors), np.concatenate(sigmas)


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    network = ServedPose(settings.saved_model)
    rows = {}
    for folder in settings.data_dir.split(","):
        pictures = heldout(folder, settings.heldout_share, settings.split_seed)
        errors, sigma = errors_of(network, pictures)
        rows[folder.rstrip("/").rsplit("/", 1)[-1]] = {
            "joints": len(errors),
            **{f"held_{100 * level:.0f}": coverage(errors, sigma, level, 2) for level in LEVELS},
            "calibration_error": expected_calibration_error(errors, sigma, 2),
            "surprise": negative_log_likelihood(errors, sigma, 2),
        }
    columns = list(next(iter(rows.values())))
    text = text_table(
        ["source", *columns],
        [
            [name, str(row["joints"]), *(f"{row[column]:.3f}" for column in columns[1:])]
            for name, row in rows.items()
        ],
    )
    print(text)
    if settings.output:
        kept = {"network": settings.saved_model.rstrip("/"), "sources": rows}
        kept |= {"heldout_share": settings.heldout_share, "split_seed": settings.split_seed}
        write_result(settings.output, kept, text)


if __name__ == "__main__":
    run_binary(main, Settings)
