"""Turns a data set into records: `python -m keras_pose.data.prepare --source=... --output=...`.

The same command resumes an unfinished folder. `prepare` is the library form, without
flags.
"""

import dataclasses
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from keras_pose.data.prepare_sources import (
    GENERATED,
    SOURCE_FLAGS,
    open_source,
    source_settings,
)
from keras_pose.data.records.index import INDEX_FILE
from keras_pose.data.records.writer import write_records
from keras_pose.train import config as configs
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class PrepareConfig:
    """What to turn into records; flags that a source does not know must keep their default.

    Raises:
        ValueError: if a value is out of range or --output is missing.
    """

    source: str = option(
        "folder",
        "Kind of data set; docs/data.md describes each.",
        choices=tuple(SOURCE_FLAGS),
    )
    input: str = option(
        "", "Folder of the data set; for keypoint_json and coco the JSON file, for mpii either."
    )
    output: str = option("", "Folder for the records; an unfinished folder is resumed.")
    name: str = option("", "Short name of the set; by default the source's or the folder's.")
    licence: str = option("", "Licence of your own pictures, recorded in the index.")
    max_bad_fraction: float = option(
        0.0, "Share of bad records that may be skipped, counted and listed.", low=0, high=1
    )
    shard_size: int = option(4096, "Maximum number of records per file.", low=1)
    num_threads: int = option(2, "Number of pictures read in parallel.", low=1)
    split: str = option(
        "",
        "freihand: training or evaluation; youtube_3d_hands: train, val or test; mpii: train or val; "
        "lsp, human36m_pictures, mpi_inf_3dhp_pictures: train or test.",
    )
    versions: str = option(
        "gs,hom,sample,auto", "freihand: which backgrounds, separated by commas."
    )
    joint_regressor: str = option("", "youtube_3d_hands: your .npy or .npz of 16 x 778 numbers.")
    mirror_left: bool = option(True, "youtube_3d_hands: turn left hands into right ones.")
    boxes: str = option("", "folder: .csv or .json file of hand boxes.")
    pictures: str = option(
        "",
        "keypoint_json, mpii, coco, lsp: folder of the pictures; by default images/ next to "
        "the file.",
    )
    joint_order: str = option(
        "hand_21_freihand",
        "keypoint_json: order of the joints in the file; coco_17, mpii_16, lsp_14, h36m_17 for bodies.",
    )
    label_field: str = option("", "keypoint_json: field of the class.")
    side_field: str = option("", "keypoint_json: field that says left or right.")
    side_is_mirrored: bool = option(
        False, "keypoint_json: sides are named as in a mirror (as in MediaPipe Hands)."
    )
    score_field: str = option("", "keypoint_json: field of a pseudo label's score.")
    box_field: str = option("bbox", "keypoint_json: field of the hand's box.")
    group_field: str = option("group", "keypoint_json, coco: field of session, person or scene.")
    where: str = option(
        "",
        "coco: only annotations whose fields have one of these values, such as "
        "licence=MIT|Apache-2.0,source=mine.",
    )
    head_field: str = option("head_size", "keypoint_json: field of the head size for PCKh, in px.")
    min_joints: int = option(6, "coco, lsp: skip people with fewer labelled joints.", low=1)
    adjusted: str = option(
        "",
        "mpii: yes or no, whether the file's centres and scales are already adjusted; detected if "
        "empty.",
        choices=("", "yes", "no"),
    )
    subjects: str = option(
        "",
        "human36m_pictures, mpi_inf_3dhp_pictures: names such as S9,S11; if empty, those of "
        "the split.",
    )
    every: int = option(
        0,
        "human36m_pictures: every n-th video frame, 5 (default) or 200 for a quick test; "
        "mpi_inf_3dhp_pictures: likewise, 25 in training and every valid frame in testing.",
        low=0,
    )
    universal: bool = option(
        True, "mpi_inf_3dhp_pictures: 3D joints scaled to one height, as in its evaluation."
    )
    style: str = option("lab", "generated_bodies: kind of scene.", choices=("lab", "wild", "test"))
    motion: str = option(
        "",
        "generated_bodies: .npz of cmu_mocap17 or a folder of BVH files; sampled poses if empty.",
    )
    labels_3d: bool = option(True, "generated_bodies: write 3D labels too, not only 2D.")
    side: str = option(
        "", "folder: right or left if all are; generated_hands: right (default), left or both."
    )
    num: int = option(10_000, "generated_hands, generated_bodies: how many.", low=1)
    seed: int = option(0, "generated_hands, generated_bodies: seed.", low=0)
    size: int = option(
        0,
        "generated_hands, generated_bodies: side of the pictures in px, 128 and 256 by default; "
        "human36m_pictures, mpi_inf_3dhp_pictures: side of the person's box, 256 by default.",
        low=0,
    )
    backgrounds: str = option(
        "", "generated_hands, generated_bodies: folder of background pictures."
    )

    def __post_init__(self):
        check_ranges(self)
        if self.size and self.size < 32:
            raise ValueError(f"--size={self.size} is too small; give at least 32.")
        if not self.output:
            raise ValueError("--output is missing; name the folder for the records.")
        if not self.input and self.source not in GENERATED:
            raise ValueError(f"--input is missing; name the data set for --source={self.source}.")
        known = (*_SHARED, *SOURCE_FLAGS[self.source])
        defaults = {field.name: field.default for field in dataclasses.fields(self)}
        for field, value in configs.to_dict(self).items():
            if field not in known and value != defaults[field]:
                raise ValueError(
                    f"--{field}={value} has no effect with --source={self.source}; omit it."
                )


_SHARED = (
    *("source", "input", "output", "name", "licence"),
    *("max_bad_fraction", "shard_size", "num_threads"),
)


def prepare(
    config: PrepareConfig,
    on_progress: Callable[[int, int], None] | None = None,
    on_bad: Callable[[str, str], None] | None = None,
) -> dict[str, Any]:
    """Write the records of a data set, or finish a folder that was begun.

    Args:
        config: what to read and where to write.
        on_progress: called with (positions done, records written) now and then.
        on_bad: called with (position, reason) for each bad record.

    Returns:
        The index.

    Raises:
        ValueError: if the input is bad or too many records are, in one sentence.
        OSError: if something cannot be written.
    """
    source = open_source(config)
    return write_records(
        source,
        config.output,
        config.name,
        licence=config.licence,
        shard_size=config.shard_size,
        max_bad_fraction=config.max_bad_fraction,
        # Where the input lies and how fast it is read does not change the records.
        settings=source_settings(config) | {"count": len(source)},
        num_threads=config.num_threads,
        on_progress=on_progress,
        on_bad=on_bad,
    )


def print_summary(index: dict[str, Any], folder: str) -> None:
    """Print what a folder of records holds.

    Args:
        index: from `prepare`.
        folder: where it lies.
    """
    counts = index["counts"]
    known = ", ".join(f"{counts[key]} {key.replace('_', ' ')}" for key in counts if counts[key])
    print(f"{index['name']}: {index['num_records']} records in {folder}")
    print(f"  {len(index['shards'])} files, {index['num_bytes'] / 2**20:.1f} MiB; {known}")
    print(f"  licence: {index['licence']}")
    for note in index["notes"]:
        print(f"  note: {note}")
    if index["num_bad"]:
        print(f"  {index['num_bad']} bad records were left out; index.json lists them")


def main(config: PrepareConfig) -> None:
    """Do what the settings ask for."""
    begin, shows_line = time.monotonic(), sys.stderr.isatty()
    last = [begin]

    def progress(done: int, written: int) -> None:
        now = time.monotonic()
        if now - last[0] < (0.5 if shows_line else 30):
            return
        last[0] = now
        line = f"{done} read, {written} written, {now - begin:.0f} s"
        print(f"\r{line}" if shows_line else line, end="" if shows_line else "\n", file=sys.stderr)

    def bad(position: str, reason: str) -> None:
        print(f"{os.linesep if shows_line else ''}bad record {position}: {reason}", file=sys.stderr)

    was_finished = os.path.isfile(os.path.join(config.output, INDEX_FILE))
    index = prepare(config, progress, bad)
    if was_finished:
        print(
            f"{config.output} is already finished, so no picture was read again; if the input has "
            "changed since, remove the folder and run this again."
        )
    if shows_line and last[0] > begin:
        print(file=sys.stderr)
    print_summary(index, config.output)


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary(main, PrepareConfig)


if __name__ == "__main__":
    run_main()
