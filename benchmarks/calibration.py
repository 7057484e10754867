"""Whether joints are as far off as a network says: `python -m benchmarks.calibration`.

Of held-out pictures of each source: shares of joints inside discs that are meant for 50, 80 and 95 % of
them, how likely the errors were, and what Gaussian discs would hold, if that for 80 % is the same disc:
50 and 95 % where errors are Gaussian. Next to `--output` goes a reliability diagram, `.svg`.
"""

import numpy as np

from benchmarks.hand_pictures import Settings, heldout
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.files import write_file
from keras_pose.metrics import (
    LEVELS,
    coverage,
    expected_calibration_error,
    negative_log_likelihood,
    region_radius,
)
from keras_pose.serving import ServedPose
from keras_pose.train.binary import run_binary
from keras_pose.viz import Series, line_chart_svg

# The Gaussian disc that is meant to hold a share, over the one meant to hold eight tenths.
_GAUSSIAN = {level: np.sqrt(np.log(1.0 - level) / np.log(0.2)) for level in LEVELS}

DRAWN = tuple(level / 20.0 for level in range(1, 20))
"""Levels of the reliability diagram."""


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
    # Sets differ in what they call the thorax of a body.
    counted = np.array([joint != "thorax" for joint in network.metadata.joints])
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
        seen = (np.array(record.visible) > 0) & counted
        off = np.linalg.norm(found.keypoints_2d - np.array(record.keypoints_2d), axis=-1)
        errors.append(off[seen] / max(sides))
        sigmas.append(found.sigma_2d[seen] / max(sides))
    if not errors:
        raise ValueError("Nobody was found in any picture: give pictures of what it was made for.")
    return np.concatenate(errors), np.concatenate(sigmas)


def reliability_diagram(curves: dict[str, np.ndarray], title: str) -> str:
    """Draw what discs hold over what they are meant to hold.

    Args:
        curves: name of a source to the shares `[L]` that its discs of `DRAWN` hold.
        title: above the diagram.

    Returns:
        One `<svg>` element; on the line "as meant" discs hold what they are meant to.
    """
    meant = np.array(DRAWN)
    lines = [Series(name, 100 * meant, 100 * held) for name, held in curves.items()]
    ideal = Series("as meant", 100 * meant, 100 * meant)
    return line_chart_svg(
        [ideal, *lines], title, "joints that a disc is meant to hold, %", "joints that it holds, %"
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    network = ServedPose(settings.saved_model)
    rows, curves = {}, {}
    for folder in settings.data_dir.split(","):
        pictures = heldout(folder, settings.heldout_share, settings.split_seed)
        errors, sigma = errors_of(network, pictures)
        name = folder.rstrip("/").rsplit("/", 1)[-1]
        curves[name] = np.array([coverage(errors, sigma, level, 2) for level in DRAWN])
        rows[name] = {
            "joints": len(errors),
            **{f"held_{100 * level:.0f}": coverage(errors, sigma, level, 2) for level in LEVELS},
            **{
                f"gaussian_{100 * level:.0f}": float(
                    np.mean(errors <= _GAUSSIAN[level] * region_radius(0.8, 2) * sigma)
                )
                for level in (0.5, 0.95)
            },
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
        title = f"{network.metadata.name}/{network.metadata.version}: where joints are, by source"
        svg = reliability_diagram(curves, title)
        svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        write_file(f"{settings.output.removesuffix('.json')}.svg", svg + "\n")


if __name__ == "__main__":
    run_binary(main, Settings)
