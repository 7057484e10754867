"""Which records of a run have their labels used: by number, by share, or by the published split."""

import dataclasses

import numpy as np

from keras_pose.data import records
from keras_pose.data.records.sets import choose_labelled
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hands.data import LabelledHands, load_hands


def load_labelled_hands(config: FinetuneConfig, data_dir: str) -> LabelledHands:
    """Open the hands of a fine-tuning run.

    Args:
        config: the run's settings.
        data_dir: record folders, separated by commas; unused when hands are generated.

    Returns:
        The hands, those alone whose labels are used.

    Raises:
        ValueError: if a folder is unfinished or no training record has 2D joints.
    """

    def choose(record_set):
        if config.split == "published":
            record_set = _published(record_set, config)
        chosen = choose_labelled(record_set, config.num_labels, config.label_seed)
        if config.train_ratio < 1.0 and not chosen.num_train:
            raise ValueError(
                f"--data_dir={data_dir} has no training record with 2D joints; prepare labelled "
                f"records, or raise --train_ratio={config.train_ratio}."
            )
        return chosen

    return load_hands(config, data_dir, choose)


def _published(record_set, config):
    """Return the published split; labelled parts of growing shares contain each other."""
    train, heldout = [], []
    for reader in record_set.readers:
        everything, left = records.split_published(
            reader, 1.0 - config.val_share, config.split_seed
        )
        share = min(config.train_ratio, 1.0 - config.val_share)
        labelled, _ = records.split_published(reader, share, config.split_seed)
        train.append(np.intersect1d(labelled, everything))
        heldout.append(left)
    return dataclasses.replace(record_set, train=train, heldout=heldout)
