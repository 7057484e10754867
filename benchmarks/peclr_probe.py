"""Linear probes of frozen encoders on the human labels of record folders.

    python -m benchmarks.peclr_probe --runs_dir=<folder> --data_dir=<records>,<records> \
        --output=docs/results/peclr_probe

For each `pretrain_<start>_s<seed>` of the folder, and for an encoder of random weights: accuracy of a
linear classifier of the record's class (digit, number of fingers), trained on the groups that
pretraining saw, tested on the groups that it kept out. One plain crop per picture.
"""

import argparse
import json
import os
import re

import keras
import numpy as np
import tensorflow as tf

from benchmarks.linear_probe import probe_classes
from keras_pose.data import records
from keras_pose.data.records import split_records
from keras_pose.data.views.draws import plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset
from keras_pose.files import write_file
from keras_pose.hands.pretrained import encoder_path
from keras_pose.layers.encoders import build_encoder
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.training import load_model
from keras_pose.train import runs


def read_crops(
    reader: records.RecordReader, positions: np.ndarray, config: PretrainConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Plain crops and classes of records.

    Args:
        reader: open record folder.
        positions: int `[N]`.
        config: image size and crop source are used.

    Returns:
        uint8 `[N, S, S, 3]` and int `[N]`.
    """
    stream = records.records_dataset(reader, sampler="in_order", subsets=[positions])
    views = labelled_view_dataset(
        stream,
        plain_ranges(1.0),
        seed=0,
        epoch=0,
        size=config.image_size,
        crop_source=config.crop_source,
        mirror_left=False,
    )
    rows = list(views.batch(128))
    return (
        np.concatenate([row["image"].numpy() for row in rows]),
        np.concatenate([row["label"].numpy() for row in rows]),
    )


def features_of(encoder: keras.Model, crops: np.ndarray) -> np.ndarray:
    """Features `[N, F]` of uint8 crops `[N, S, S, 3]`."""
    embed = tf.function(lambda x: encoder(tf.cast(x, tf.float32) / 255.0, training=False))
    return np.concatenate([embed(crops[i : i + 128]).numpy() for i in range(0, len(crops), 128)])


def probe(encoder: keras.Model, config: PretrainConfig, folders: list[str]) -> dict[str, dict]:
    """Accuracy on each folder's held-out groups.

    Args:
        encoder: frozen encoder.
        config: of its pretraining: split and crops.
        folders: record folders with classes.

    Returns:
        Folder name to accuracy, chance (share of the commonest class), counts and ridge.
    """
    results = {}
    for folder in folders:
        reader = records.RecordReader(folder)
        parts = split_records(reader, config.val_share, config.split_seed)
        train, test = (part[reader.labels[part] >= 0] for part in parts)
        crops, labels = zip(
            *(read_crops(reader, part, config) for part in (train, test)), strict=True
        )
        features = [features_of(encoder, part) for part in crops]
        found = probe_classes(
            features[0], labels[0], features[1], labels[1], train_groups=reader.groups[train]
        )
        counts = np.bincount(labels[1])
        results[reader.folder.name] = {
            "accuracy": found.accuracy,
            "ridge": found.ridge,
            "commonest_class": float(counts.max() / counts.sum()),
            "train": len(train),
            "test": len(test),
        }
    return results


def main() -> None:
    """Write JSON and Markdown, print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs_dir", required=True)
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--output", default="docs/results/peclr_probe")
    arguments = parser.parse_args()
    folders = arguments.data_dir.split(",")
    entries = []
    for name in sorted(os.listdir(arguments.runs_dir)):
        match = re.fullmatch(r"pretrain_(.+)_s(\d+)", name)
        folder = os.path.join(arguments.runs_dir, name)
        if not match or not os.path.exists(encoder_path(folder)):
            continue
        config = runs.read_config(folder, PretrainConfig)
        if not entries:
            keras.utils.set_random_seed(0)
            untrained = build_encoder(config.encoder, config.image_size)
            entries.append(
                {"start": "none", "seed": 0, "results": probe(untrained, config, folders)}
            )
        results = probe(load_model(folder).encoder, config, folders)
        entries.append({"start": match[1], "seed": int(match[2]), "results": results})
    if not entries:
        raise SystemExit(f"{arguments.runs_dir}: no finished pretraining run is here; train first.")
    names = list(entries[0]["results"])
    lines = [["frozen encoder", "seed", *names], ["---"] * (2 + len(names))]
    for entry in entries:
        shares = [f"{100 * entry['results'][name]['accuracy']:.1f} %" for name in names]
        lines.append([entry["start"], str(entry["seed"]), *shares])
    chance = [f"{100 * entries[0]['results'][name]['commonest_class']:.1f} %" for name in names]
    lines.append(["(commonest class)", "-", *chance])
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    write_file(f"{arguments.output}.json", json.dumps(entries, indent=1) + "\n")
    write_file(f"{arguments.output}.md", text)
    print(text)


if __name__ == "__main__":
    main()
