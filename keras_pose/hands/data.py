"""Batches of labelled hand crops as a pure function of the step."""

import dataclasses
import functools
from collections.abc import Callable

import tensorflow as tf

from keras_pose.data import records
from keras_pose.data.records.sets import RecordSet, choose_labelled
from keras_pose.data.views.batches import batch_views
from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset
from keras_pose.geometry import focal_of_view, intrinsics_matrix
from keras_pose.hands.options import HandOptions
from keras_pose.hands.record_sets import RunRecords, open_records
from keras_pose.skeletons import HAND_21_FREIHAND

# Ends of the bone whose length FreiHAND calls `scale`.
_SCALE_BONE = HAND_21_FREIHAND.indices(("middle_mcp", "middle_pip"))
_EVALUATION_BATCH = 64
# Lens taken for records without intrinsics when none is assumed: their 3D is not used then, but a
# camera matrix of zeros would put infinities beside the numbers that are.
_PLACEHOLDER_FOV_DEG = 60.0


@dataclasses.dataclass(frozen=True)
class LabelledHands(RunRecords):
    """What a fine-tuning run sees.

    Attributes:
        batches: function of the first step to an endless dataset of augmented batches: `image` uint8
            `[B, S, S, 3]`, `keypoints_2d` float32 `[B, 21, 2]` px of the crop, `visible` `[B, 21]`,
            `keypoints_3d` `[B, 21, 3]` m, `intrinsics` `[B, 3, 3]` of the crop, `scale` `[B]` m (the
            middle finger's proximal bone), `has_2d`, `has_3d`, `has_depth`, `has_intrinsics` `[B]`.
        heldout: function of the share of crops that show no hand, none if omitted, to a finite dataset of
            the same, plain crops in order; None if no labelled record is held out.
    """

    batches: Callable[[int], tf.data.Dataset]
    heldout: Callable[..., tf.data.Dataset] | None

    @property
    def facts(self) -> dict:
        """What `run.json` says of them."""
        return {"hands": self.counts}


def load_hands(
    config: HandOptions,
    data_dir: str,
    choose: Callable[[RecordSet], RecordSet] = choose_labelled,
    empty_probability: float = 0.0,
) -> LabelledHands:
    """Open the hands of a run.

    Args:
        config: the run's settings.
        data_dir: record folders, separated by commas; unused when hands are generated.
        choose: function of all records to those of the run; what it keeps without 2D joints, a teacher
            must label.
        empty_probability: how often a training crop shows a place beside the hand instead.

    Returns:
        The hands.

    Raises:
        ValueError: if a folder is unfinished or no training record has 2D joints.
    """
    record_set = choose(
        open_records(
            config.dataset,
            data_dir,
            config.num_generated,
            config.val_share,
            config.split_seed,
            config.image_size,
            seed=1,
        )
    )
    if not record_set.num_train:
        raise ValueError(
            f"--data_dir={data_dir} has no training record with 2D joints; prepare labelled "
            "records, or use keras_pose.peclr.train for unlabelled ones."
        )
    bad_records = records.BadRecords(record_set.num_train, config.max_bad_fraction)
    ranges = ViewRanges(
        angle_deg=(-config.angle_range_deg, config.angle_range_deg),
        scale=(config.crop_scale * config.scale_low, config.crop_scale * config.scale_high),
        shift=(-config.shift_range, config.shift_range),
        grey_probability=config.grey_probability,
        empty_probability=empty_probability,
    ).with_colour_strength(config.color_strength)

    def batches(first_step, stride=1):
        start = first_step * config.batch_size
        stream = records.records_dataset(
            record_set.readers,
            seed=config.seed,
            start=start,
            subsets=record_set.train,
            bad_records=bad_records,
            rows=config.batch_size,
            stride=stride,
        )

        views = _views(stream, config, ranges, config.seed, "epoch", bad_records)
        return batch_views(views, config.batch_size).prefetch(2)

    heldout_positions = [
        positions[reader.has("2d")[positions]]
        for reader, positions in zip(record_set.readers, record_set.heldout, strict=True)
    ]
    num_heldout = sum(len(positions) for positions in heldout_positions)
    # No bad held-out record stops a run.
    bad_heldout = records.BadRecords(num_heldout, 1.0)

    # Every epoch asks for it, and building it is seconds of tracing.
    @functools.cache
    def heldout(empty_probability=0.0):
        plain = plain_ranges(config.crop_scale)
        ranges = dataclasses.replace(plain, empty_probability=empty_probability)
        stream = records.records_dataset(
            record_set.readers,
            sampler="in_order",
            subsets=heldout_positions,
            bad_records=bad_heldout,
        )
        views = _views(stream, config, ranges, 0, 0, bad_heldout)
        return batch_views(views, _EVALUATION_BATCH)

    record_set = dataclasses.replace(record_set, heldout=heldout_positions)
    return LabelledHands(
        record_set, bad_records, bad_heldout, batches, heldout if num_heldout else None
    )


def _views(stream, config, ranges, seed, epoch, bad_records):
    assumed = config.assume_fov_deg or _PLACEHOLDER_FOV_DEG

    @tf.autograph.experimental.do_not_convert
    def complete(record):
        return record | {
            "intrinsics": _intrinsics(record, assumed),
            "scale": _scale(record),
            "has_intrinsics": tf.maximum(
                record["has_intrinsics"], 1.0 if config.assume_fov_deg else 0.0
            ),
        }

    return labelled_view_dataset(
        stream.map(complete),
        ranges,
        seed,
        epoch=epoch,
        size=config.image_size,
        crop_source=config.crop_source,
        mirror_left=config.mirror_left,
        bad_records=bad_records,
    )


def _intrinsics(record, fov_deg):
    """Return the record's camera matrix, or that of a lens with a field of view over the longer side."""
    height, width = tf.cast(record["height"], tf.float32), tf.cast(record["width"], tf.float32)
    focal = focal_of_view(tf.maximum(height, width), fov_deg)
    assumed = intrinsics_matrix(tf.stack([focal, focal]), tf.stack([width, height]) / 2.0)
    return tf.where(record["has_intrinsics"] > 0, record["intrinsics"], assumed)


def _scale(record):
    """Return the reference bone's length, from the 3D joints where the record does not tell."""
    ends = tf.gather(record["keypoints_3d"], _SCALE_BONE)
    measured = tf.norm(ends[0] - ends[1])
    return tf.where(record["scale"] > 0, record["scale"], measured)
