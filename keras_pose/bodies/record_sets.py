"""The records of a run: body records with depth labels and without, for training and held out."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from keras_pose.bodies.options import BodyOptions
from keras_pose.codecs import total_bone_length
from keras_pose.data import records
from keras_pose.data.generated.bodies import body_source
from keras_pose.data.records.sets import Part, folder_names, open_folders, read_joints_3d
from keras_pose.skeletons import MPII_16, MPII_16_SPINE
from keras_pose.train.config import listed

# Bone sums of more records than this change nothing that can be seen.
_MOST_MEASURED = 2000
_GENERATED = {"lab": True, "wild": False}


@dataclasses.dataclass(frozen=True)
class BodyRecords:
    """What a run trains on and is measured on.

    Attributes:
        train_3d: training records with depth labels.
        train_2d: training records with 2D labels alone.
        heldout: held-out records, those with depth labels first.
        names: name of every folder.
        action_names: names of the classes (actions) of the folders that name them, all alike.
        temporary: folders of rendered bodies that live as long as this object.
    """

    train_3d: Part
    train_2d: Part
    heldout: tuple[Part, ...]
    names: tuple[str, ...]
    action_names: tuple[str, ...] = ()
    temporary: tuple[records.TemporaryRecords, ...] = ()

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Number of training and held-out records per folder, for `run.json`."""
        table = {name: {"train_3d": 0, "train_2d": 0, "heldout": 0} for name in self.names}
        parts = {"train_3d": [self.train_3d], "train_2d": [self.train_2d], "heldout": self.heldout}
        for kind, members in parts.items():
            for part in members:
                for folder, positions in zip(part.folders, part.positions, strict=True):
                    table[self.names[folder]][kind] += len(positions)
        return table


def open_bodies(config: BodyOptions, data_dir: str) -> BodyRecords:
    """Open the records of a run and sort them by what is known of them.

    Args:
        config: the run's settings.
        data_dir: record folders, separated by commas; unused when bodies are generated.

    Returns:
        The records.

    Raises:
        ValueError: if no folder is named, one is unfinished or of hands, or a kind that the config
            asks for is missing.
    """
    temporary: tuple[records.TemporaryRecords, ...] = ()
    if config.dataset == "generated":
        temporary = tuple(_render(config, style) for style in _GENERATED)
        readers = [records.RecordReader(folder.path) for folder in temporary]
        names = tuple(f"generated_{style}" for style in _GENERATED)
    else:
        readers = open_folders(data_dir, (MPII_16.name, MPII_16_SPINE.name))
        names = folder_names(readers)
    splits = [
        _split(reader, name, config, names) for reader, name in zip(readers, names, strict=True)
    ]
    train, heldout = ([split[side] for split in splits] for side in (0, 1))
    bodies = BodyRecords(
        train_3d=_part(readers, train, "depth"),
        train_2d=_part(readers, train, "2d"),
        heldout=tuple(
            part for kind in ("depth", "2d") if len(part := _part(readers, heldout, kind))
        ),
        names=names,
        action_names=_action_names(readers),
        temporary=temporary,
    )
    _check(bodies, config, data_dir)
    return bodies


def mean_bone_sum(part: Part) -> float:
    """Return the mean over records of the sum of the 14 bones' lengths.

    Args:
        part: records with depth labels.

    Returns:
        Metres.

    Raises:
        ValueError: if there is no record.
    """
    points = read_joints_3d(part.readers, part.positions, _MOST_MEASURED)
    if not len(points):
        raise ValueError("No record has 3D joints to measure bones on; give --bone_sum_mm.")
    return float(np.mean(np.asarray(total_bone_length(points))))


def _render(config, style):
    folder = records.TemporaryRecords()
    side = max(64, round(1.25 * config.image_size))
    source = body_source(
        config.num_generated, config.split_seed, size=side, style=style, labels_3d=_GENERATED[style]
    )
    records.write_records(source, folder.path, f"generated_{style}")
    return folder


def has_actions(reader: records.RecordReader) -> bool:
    """Return whether the classes of a folder are named actions."""
    return bool(reader.index.get("label_names"))


def _action_names(readers):
    named = {tuple(reader.index["label_names"]) for reader in readers if has_actions(reader)}
    if len(named) > 1:
        raise ValueError(
            "Folders of --data_dir name different actions; measure them in separate runs."
        )
    return named.pop() if named else ()


def _split(reader, name, config, names):
    chosen = listed(config.val_folders)
    unknown = [folder for folder in chosen if folder not in names]
    if unknown:
        raise ValueError(
            f"--val_folders={config.val_folders} names {unknown[0]}, which is not among the folders "
            f"of --data_dir ({', '.join(names)})."
        )
    everything = np.arange(len(reader))
    if chosen:
        nothing = everything[:0]
        return (nothing, everything) if name in chosen else (everything, nothing)
    return records.split_records(reader, config.val_share, config.split_seed)


def _part(readers: Sequence[records.RecordReader], positions, kind) -> Part:
    """Return the records with depth labels, or those with 2D labels and no more."""
    chosen: list[tuple[records.RecordReader, np.ndarray, int]] = []
    for number, (reader, among) in enumerate(zip(readers, positions, strict=True)):
        has_depth = reader.has("depth")
        has = has_depth if kind == "depth" else reader.has("2d") & ~has_depth
        mine = among[has[among]]
        if len(mine):
            chosen.append((reader, mine, number))
    skeletons = {reader.index["skeleton"] for reader, _, _ in chosen}
    if len(skeletons) > 1:
        raise ValueError(
            f"Folders whose records have {'depth' if kind == 'depth' else 'only 2D labels'} have "
            f"different joint orders ({', '.join(sorted(skeletons))}); prepare them all in the "
            "same order."
        )
    return Part([r for r, _, _ in chosen], [p for _, p, _ in chosen], [n for _, _, n in chosen])


def _check(bodies, config, data_dir):
    if config.num_3d and not len(bodies.train_3d):
        raise ValueError(
            f"--share_3d={config.share_3d} asks for pictures with depth labels, but no training "
            f"record of --data_dir={data_dir} has them; give such a folder or --share_3d=0."
        )
    if config.num_3d < config.batch_size and not len(bodies.train_2d):
        raise ValueError(
            f"--share_3d={config.share_3d} asks for pictures with only 2D labels, but "
            f"--data_dir={data_dir} has no such training record; give such a folder or "
            "--share_3d=1."
        )


def passes(part: Part, **settings) -> tf.data.Dataset:
    """Return one pass over a part in order, each record at most once.

    Args:
        part: the records.
        **settings: passed to `records_dataset`.

    Returns:
        Dataset of single records (dicts); those whose bytes are damaged are missing.
    """
    stream = records.records_dataset(
        part.readers, sampler="in_order", subsets=part.positions, **settings
    )
    own = [
        reader.ids[positions] + number * records.SOURCE_STRIDE
        for number, (reader, positions) in enumerate(zip(part.readers, part.positions, strict=True))
    ]
    ids = tf.constant(np.concatenate(own), tf.int64)
    # Another record stands in for a damaged one, and would be measured twice.
    return stream.filter(lambda record: record["id"] == tf.gather(ids, record["position"]))
