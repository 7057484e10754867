"""Refuses to ship a network of pictures whose answers cannot be right, whatever its mean error.

`python -m tools.check_shipped` looks at every hand and body network of `savedmodels/`;
`python -m tools.check_shipped <version folder> ...` at some. What `accuracy.json` says is judged;
`--data_dir=<record folders>` measures anew on their records, `--rendered` on rendered pictures, and
`--write` keeps that. Exit code 1 if one must not ship.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from keras_pose.files import sha256_of, write_file
from keras_pose.serving.answers import answer_facts, answer_faults, measure_answers

ROOT = Path(__file__).parents[1]
MARK = "example of the file formats and nothing else"
"""What the card of a network says that is there for its formats alone."""
_KINDS = ("hand", "body")
# What a run says of its split.
_SPLIT = ("val_share", "split_seed", "val_folders", "crop_source", "share_3d")
_COUNT = 200


def shipped_folders(root: Path) -> list[Path]:
    """List the version folders of networks that see pictures and tell joints.

    Args:
        root: a folder of models.
    """
    folders = []
    for path in sorted(root.glob("*/*/metadata.json")):
        metadata = json.loads(path.read_text(encoding="utf-8"))
        if metadata["image_size"] and metadata["kind"] in _KINDS and metadata["joints"]:
            if "serve_crop" in metadata["signatures"]:
                folders.append(path.parent)
    return folders


def is_example(folder: Path) -> bool:
    """Return whether a version folder says of itself that it is an example alone."""
    card = folder / "card.md"
    return card.is_file() and MARK in card.read_text(encoding="utf-8")


def faults_of(folder: Path, answers: Mapping[str, Any] | None = None) -> tuple[str, ...]:
    """Return why a version folder must not ship.

    Args:
        folder: the version folder.
        answers: measured anew; None takes those of `accuracy.json`.

    Returns:
        One sentence per fault; none of a network that may ship.
    """
    if answers is None:
        path = folder / "accuracy.json"
        content = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
        answers = content.get("answers")
    if not answers:
        return (
            "accuracy.json says nothing of its answers: export it again, or give --data_dir to measure.",
        )
    return answer_faults(answers)


def measured_answers(folder: Path, data_dir: str = "", count: int = _COUNT) -> dict[str, Any]:
    """Measure the answers of a version folder anew.

    Args:
        folder: the version folder.
        data_dir: record folders, separated by commas, whose held-out part is taken as the network's run
            cut it; empty renders people or hands that no training saw.
        count: number of pictures.

    Returns:
        What `keras_pose.serving.answers.measure_answers` returns.

    Raises:
        ValueError: if a folder cannot be used.
    """
    # Slow to import, and not needed for what is written down already.
    from keras_pose.bodies.golden import shown_and_empty as shown_bodies
    from keras_pose.bodies.options import BodyOptions
    from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
    from keras_pose.export import LoadedModel
    from keras_pose.hands.golden import shown_and_empty as shown_hands
    from keras_pose.hands.options import HandOptions
    from keras_pose.serving.metadata import read_metadata

    metadata = read_metadata(folder)
    is_body = metadata.kind == "body"
    options, shown = (BodyOptions, shown_bodies) if is_body else (HandOptions, shown_hands)
    trained = metadata.settings.get("config", {})
    split = {name: trained[name] for name in _SPLIT if name in trained}
    config = options(
        image_size=metadata.image_size,
        # Boxes of records of bodies have room about the person already.
        crop_scale=metadata.crop_scale / (PERSON_MARGIN if is_body else 1.0),
        **split,
    )
    network = SimpleNamespace(
        image_size=metadata.image_size,
        crop_scale=metadata.crop_scale,
        num_joints=len(metadata.joints),
        depth_is_in_px="pixels" in metadata.depth_unit,
    )
    crops, _ = shown(network, config, data_dir, count)
    return measure_answers(LoadedModel(folder).runner("serve_crop"), metadata, crops)


def write_answers(folder: Path, answers: Mapping[str, Any]) -> None:
    """Add answers to `accuracy.json` and `card.md` of a version folder that was exported without them.

    Args:
        folder: the version folder.
        answers: of `measured_answers`.

    Raises:
        ValueError: if the card has no table of accuracy or of files.
    """
    path, card_path = folder / "accuracy.json", folder / "card.md"
    content = json.loads(path.read_text(encoding="utf-8"))
    old_row = _file_row(path)
    content["answers"] = dict(answers)
    write_file(path, json.dumps(content, indent=1, allow_nan=False) + "\n")
    card = card_path.read_text(encoding="utf-8")
    table, found, rest = card.partition("\n\n## Limits\n")
    if not found or old_row not in rest:
        raise ValueError(f"{card_path} is not the card of {path}: export the network again.")
    rows = [f"| `{fact.protocol}` | {fact.data} | {fact.value} |" for fact in answer_facts(answers)]
    # Measured again, the rows replace those of before.
    measures = {row.split("` |")[0] for row in rows}
    kept = [line for line in table.split("\n") if line.split("` |")[0] not in measures]
    card = "\n".join([*kept, *rows]) + found + rest.replace(old_row, _file_row(path))
    write_file(card_path, card)


def _file_row(path):
    return f"| `{path.name}` | {path.stat().st_size:,} | `{sha256_of(path)}` |"


def main(arguments: list[str] | None = None) -> int:
    """Print what must not ship; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="*", type=Path, help="version folders")
    parser.add_argument("--data_dir", default="", help="record folders to measure anew on")
    parser.add_argument("--rendered", action="store_true", help="measure anew on rendered pictures")
    parser.add_argument("--write", action="store_true", help="keep what was measured in the folder")
    parser.add_argument("--num", type=int, default=_COUNT, help="number of pictures")
    chosen = parser.parse_args(arguments)
    refused = 0
    for folder in chosen.folders or shipped_folders(ROOT / "savedmodels"):
        answers = None
        if chosen.data_dir or chosen.rendered:
            answers = measured_answers(folder, chosen.data_dir, chosen.num)
            print(json.dumps(answers, indent=1))
            if chosen.write:
                write_answers(folder, answers)
        faults = faults_of(folder, answers)
        if faults and is_example(folder):
            print(f"{folder}: {MARK}, as its card says: {' '.join(faults)}")
            continue
        refused += bool(faults)
        print(f"{folder}: {' '.join(faults) or 'may ship.'}")
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main())
