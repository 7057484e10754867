"""Batches of view pairs as a pure function of the step."""

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from keras_pose.data import records
from keras_pose.data.views.batches import batch_views
from keras_pose.data.views.device_datasets import (
    augmentation_place,
    render_views,
    squares_dataset,
)
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.host_datasets import two_views_dataset
from keras_pose.hands.record_sets import RunRecords, open_records
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.official_views import official_pairs_dataset

# Colours are taken out of every fifth view at full strength, as is common in contrastive learning.
_GREY_PROBABILITY = 0.2


@dataclasses.dataclass(frozen=True)
class PretrainingPictures(RunRecords):
    """What a pretraining run sees.

    Attributes:
        batches: function of the first micro-batch (and of a stride, to leave out those between) to an
            endless dataset of them: `views` uint8
            `[B, 2, S, S, 3]`, `canonical` float32 `[B, 2, 2, 3]`, `angle_deg` float32 `[B, 2]`, `jitter`
            float32 `[B, 2, 2]`, `id` int64 `[B]`, one micro-batch.
        heldout: finite dataset of the same with fixed views, or None if nothing is held out.
        make_views: where views are made on the device, the function that makes them of a batch, which
            then holds squares in place of `views`; None on the host.
    """

    batches: Callable[[int], tf.data.Dataset]
    heldout: tf.data.Dataset | None
    make_views: Callable[[dict], dict] | None

    @property
    def facts(self) -> dict:
        """What `run.json` says of them."""
        return {"pictures": self.counts}


def load_pictures(config: PretrainConfig, data_dir: str) -> PretrainingPictures:
    """Open the pictures of a pretraining run.

    Args:
        config: the run's settings.
        data_dir: record folders, separated by commas; unused when hands are generated.

    Returns:
        The pictures.

    Raises:
        ValueError: if a folder is unfinished, or fewer pictures than a micro-batch are left.
    """
    record_set = open_records(
        config.dataset,
        data_dir,
        config.num_generated,
        config.val_share,
        config.split_seed,
        config.image_size,
        seed=0,
    )
    if record_set.num_train < config.batch_size:
        raise ValueError(
            f"--batch_size={config.batch_size} is more than the {record_set.num_train} training "
            "pictures; a picture would be its own negative, so use a smaller batch."
        )
    bad_records = records.BadRecords(record_set.num_train, config.max_bad_fraction)
    ranges = view_ranges(config)

    def batches(first_step, stride=1):
        start = first_step * config.batch_size
        stream = records.records_dataset(
            record_set.readers,
            seed=config.seed,
            start=start,
            sampler=config.sampler,
            subsets=record_set.train,
            bad_records=bad_records,
            rows=config.batch_size,
            stride=stride,
        )

        # Drawn with replacement, a record may come twice in an epoch; then every draw is its own.
        epoch = "position" if config.sampler == "weighted" else "epoch"
        views = _views(stream, config, ranges, config.seed, epoch, bad_records)
        return batch_views(views, config.batch_size).prefetch(2)

    num_heldout = sum(len(positions) for positions in record_set.heldout)
    heldout = None
    # No bad held-out record stops a run.
    bad_heldout = records.BadRecords(num_heldout, 1.0)
    if num_heldout >= 2:
        stream = records.records_dataset(
            record_set.readers,
            sampler="in_order",
            subsets=record_set.heldout,
            bad_records=bad_heldout,
        )
        views = _views(stream, config, ranges, 0, 0, bad_heldout)
        heldout = batch_views(views, min(config.batch_size, num_heldout))
        # Equal batches: the loss depends on the number of negatives.
        count = max(1, num_heldout // config.batch_size)
        heldout = heldout.take(count).apply(tf.data.experimental.assert_cardinality(count))
    make_views = None
    if _on_device(config):
        make_views = functools.partial(render_views, size=config.image_size)
    return PretrainingPictures(record_set, bad_records, bad_heldout, batches, heldout, make_views)


def view_ranges(config: PretrainConfig) -> ViewRanges:
    """Return the ranges of random views that the config asks for."""
    ranges = ViewRanges(
        angle_deg=(-config.angle_range_deg, config.angle_range_deg),
        scale=(config.scale_low, config.scale_high),
        shift=(-config.shift_range, config.shift_range),
        grey_probability=_GREY_PROBABILITY * min(config.color_strength, 1.0),
        blur_probability=config.blur_probability,
        cutout_probability=config.cutout_probability,
    )
    return ranges.with_colour_strength(config.color_strength)


def _views(stream, config, ranges, seed, epoch, bad_records):
    common = {"size": config.image_size, "crop_source": config.crop_source}
    common |= {"bad_records": bad_records}
    if config.augmentation == "official":
        return official_pairs_dataset(
            stream,
            seed,
            epoch,
            angle_range_deg=config.angle_range_deg,
            has_colour=config.color_strength > 0,
            corrections=config.correction_names,
            colour_ranges=ranges,
            **common,
        )
    make = squares_dataset if _on_device(config) else two_views_dataset
    return make(stream, ranges, seed, epoch, **common)


def _on_device(config):
    return config.augmentation == "exact" and augmentation_place(config.augment_on) == "device"
