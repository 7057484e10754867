"""Batches of labelled bodies as a pure function of the step: so many with depth, the rest without."""

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from keras_pose import codecs
from keras_pose.bodies.options import BodyOptions
from keras_pose.bodies.record_sets import (
    BodyRecords,
    has_actions,
    mean_bone_sum,
    open_bodies,
    passes,
)
from keras_pose.data import records
from keras_pose.data.records.sets import Part
from keras_pose.data.views.batches import batch_views
from keras_pose.data.views.device_datasets import (
    augmentation_place,
    labelled_squares_dataset,
    render_labelled,
)
from keras_pose.data.views.draws import ViewRanges, plain_ranges
from keras_pose.data.views.host_datasets import labelled_view_dataset
from keras_pose.data.views.squares import lone_side
from keras_pose.geometry import project
from keras_pose.skeletons import MPII_16

_EVALUATION_BATCH = 32
_ROW_SEVEN = MPII_16.index("thorax")
_SHOULDERS = MPII_16.indices(("right_shoulder", "left_shoulder"))
_PELVIS, _NECK = MPII_16.indices(("pelvis", "upper_neck"))
# What the labels need of a record beside what views keep.
_KEPT = ("projected_2d", "depth_px", "head_size", "id_shift", "annotated")


@dataclasses.dataclass(frozen=True)
class LabelledBodies:
    """What a run sees.

    Attributes:
        batches: function of the first step to an endless dataset of augmented batches: `image` uint8
            `[B, S, S, 3]`, or in its place what `render_labelled` makes it of where views are made on the
            device; `keypoints_2d` float32 `[B, 16, 2]` px of the crop, rows of `MPII_16`;
            `visible` `[B, 16]`; `annotated` `[B, 16]`, whether anybody knows where the joint is, in the
            crop or not; `depth` `[B, 16]` half sides of the crop, relative to the spine;
            `has_depth` `[B]`; `keypoints_3d` `[B, 16, 3]` m, camera frame, rows of `MPII_16_SPINE`;
            `projected_2d` `[B, 16, 2]` px of the crop, the record's own 2D joints; `head_size` `[B]` px
            of the crop, 0 if unknown; `matrix` `[B, 2, 3]`, picture to crop; `box` `[B, 4]`, `has_box`,
            `label`, `folder`, `id` `[B]`.
        heldout: function of the share of crops that show nobody, none if omitted, to a finite dataset of
            the same, plain crops in order, with pictures; None if nothing is held out.
        body_records: the records.
        bone_sum_mm: sum of the bones' lengths that predictions are scaled to.
        accounts: for each part of the records, in training and held out, the account of unreadable ones.
    """

    batches: Callable[[int], tf.data.Dataset]
    heldout: Callable[..., tf.data.Dataset] | None
    body_records: BodyRecords
    bone_sum_mm: float
    accounts: tuple[tuple[Part, records.BadRecords], ...]

    @property
    def bad_records(self) -> tuple[records.BadRecords, ...]:
        """Accounts of unreadable records."""
        return tuple(account for _, account in self.accounts)

    @property
    def counts(self) -> dict:
        """Numbers of records per folder."""
        return self.body_records.counts

    @property
    def facts(self) -> dict:
        """What `run.json` says of them."""
        return {"bodies": self.counts, "bone_sum_mm": self.bone_sum_mm}

    @contextlib.contextmanager
    def as_sentence(self) -> Iterator[None]:
        """Turn the failure of `fit` over too many bad records into one sentence."""
        with contextlib.ExitStack() as stack:
            for account in self.bad_records:
                stack.enter_context(account.as_sentence())
            yield

    def skipped(self) -> dict[str, str]:
        """Return the records left out so far, held-out ones too: id as in batches, as text, to reason."""
        return {
            str(part.run_id(key)): reason
            for part, account in self.accounts
            for key, reason in account.reasons.items()
        }


def load_bodies(config: BodyOptions, data_dir: str) -> LabelledBodies:
    """Open the bodies of a run.

    Args:
        config: the run's settings.
        data_dir: record folders, separated by commas; unused when bodies are generated.

    Returns:
        The bodies.

    Raises:
        ValueError: if a folder is unfinished or a kind of record that the config asks for is missing.
    """
    bodies = open_bodies(config, data_dir)
    mixture = [
        (bodies.train_3d, config.num_3d),
        (bodies.train_2d, config.batch_size - config.num_3d),
    ]
    mixture = [(part, count) for part, count in mixture if count]
    side = None
    if augmentation_place(config.augment_on) == "device":
        # One for both kinds, since they share batches.
        side = max(
            lone_side(view_ranges(config, part is bodies.train_3d), config.image_size)
            for part, _ in mixture
        )
    accounts = [records.BadRecords(len(part), config.max_bad_fraction) for part, _ in mixture]
    # No bad held-out record stops a run: results only say what they are of.
    heldout_accounts = [records.BadRecords(len(part), 1.0) for part in bodies.heldout]

    def batches(first_step, stride=1):
        streams = []
        for (part, count), account in zip(mixture, accounts, strict=True):
            has_depth = part is bodies.train_3d
            # Else the k-th records of two folders of one size would always meet, turned alike.
            seed = 2 * config.seed + has_depth
            stream = records.records_dataset(
                part.readers,
                seed=seed,
                start=first_step * count,
                subsets=part.positions,
                bad_records=account,
                rows=count,
                stride=stride,
            )
            ranges = view_ranges(config, has_depth)
            views = _views(stream, part, config, ranges, seed, "epoch", account, side)
            streams.append(batch_views(views, count).map(_label_batch(config)))
        if len(streams) == 1:
            return streams[0].prefetch(2)
        order = _interleaving([count for _, count in mixture])
        return tf.data.Dataset.zip(*streams).map(_joined(order)).prefetch(2)

    # Every epoch asks for it, and building it is seconds of tracing.
    @functools.cache
    def heldout(empty_probability=0.0):
        plain = plain_ranges(config.crop_scale)
        ranges = dataclasses.replace(plain, empty_probability=empty_probability)
        streams = []
        for part, account in zip(bodies.heldout, heldout_accounts, strict=True):
            views = _views(
                passes(part, bad_records=account),
                part,
                config,
                ranges,
                0,
                0,
                account,
            )
            # What cannot be read is left out, since a stand-in would count twice.
            readable = views.filter(lambda view: view["ok"])
            streams.append(batch_views(readable, _EVALUATION_BATCH).map(_label_batch(config)))
        whole = streams[0]
        for stream in streams[1:]:
            whole = whole.concatenate(stream)
        return whole

    bone_sum_mm = config.bone_sum_mm
    if not bone_sum_mm and len(bodies.train_3d):
        bone_sum_mm = 1000.0 * mean_bone_sum(bodies.train_3d)
    return LabelledBodies(
        batches=batches,
        heldout=heldout if bodies.heldout else None,
        body_records=bodies,
        # Without any 3D record the size is a convention.
        bone_sum_mm=bone_sum_mm or codecs.ZHOU2017_BONE_SUM_MM,
        accounts=(
            *zip((part for part, _ in mixture), accounts, strict=True),
            *zip(bodies.heldout, heldout_accounts, strict=True),
        ),
    )


def example_batch(config: BodyOptions, bodies: LabelledBodies) -> dict[str, tf.Tensor]:
    """Return one batch to look at.

    Args:
        config: the run's settings.
        bodies: of the run.

    Returns:
        The first held-out batch, or the first of training where nothing is held out; with `image` uint8
        `[B, S, S, 3]` in any case.
    """
    batch = next(iter(bodies.heldout() if bodies.heldout else bodies.batches(0)))
    if "square" in batch:
        batch = render_labelled(batch, config.image_size)
        batch["image"] = tf.cast(tf.round(255.0 * batch["image"]), tf.uint8)
    return batch


def view_ranges(config: BodyOptions, has_depth: bool) -> ViewRanges:
    """Return the ranges of random views; the colours and geometry of the authors' 2D policy.

    Args:
        config: the run's settings.
        has_depth: whether the pictures have depth labels, see `augment_3d`.

    Returns:
        The ranges: bell-shaped, as in the published training code of Zhou et al. 2017.
    """
    plain = dataclasses.replace(
        plain_ranges(config.crop_scale), empty_probability=config.empty_probability
    )
    if has_depth and not config.augment_3d:
        return plain
    angle, octaves = config.angle_range_deg, config.scale_range
    return dataclasses.replace(
        plain,
        angle_deg=(-angle, angle),
        turn_probability=config.turn_probability,
        scale=(config.crop_scale * 2.0**-octaves, config.crop_scale * 2.0**octaves),
        is_bell=True,
        mirror_probability=config.mirror_probability,
        channel_gain=(1.0 - config.channel_gain, 1.0 + config.channel_gain),
        cutout_probability=config.cutout_probability,
        grey_probability=config.grey_probability,
        shift=(-config.shift_range, config.shift_range),
    )


def _views(stream, part: Part, config, ranges, seed, epoch, bad_records, side=None):
    """Crop, or squares of a side, in the order of the stream; some labels still in picture pixels."""
    has_thorax = part.skeleton == MPII_16.name
    folders = tf.constant(part.folders, tf.int64)
    id_shifts = tf.constant(part.id_shifts, tf.int64)
    has_names = tf.constant([has_actions(reader) for reader in part.readers])

    @tf.autograph.experimental.do_not_convert
    def complete(record):
        # Classes of other folders are no actions.
        is_named = tf.gather(has_names, record["folder"])
        return _with_depth(record, config, has_thorax) | {
            "folder": tf.gather(folders, record["folder"]),
            # Added at last, since accounts of bad records have ids as the stream has them.
            "id_shift": tf.gather(id_shifts, record["folder"]),
            "label": tf.where(is_named, record["label"], -tf.ones_like(record["label"])),
        }

    make = labelled_view_dataset
    if side is not None:
        make = functools.partial(labelled_squares_dataset, side=side)
    return make(
        stream.map(complete),
        ranges,
        seed,
        epoch=epoch,
        size=config.image_size,
        crop_source=config.crop_source,
        mirror_left=False,
        bad_records=bad_records,
        flip_permutation=MPII_16.flip_permutation,
        passed_on=_KEPT,
    )


def _with_depth(record, config, has_thorax):
    """Weak-perspective labels of one record, in pixels of its picture, whatever the crop will be."""
    points_3d = record["keypoints_3d"]
    if has_thorax:
        # A set of one's own, without a spine: its place is taken as evaluation takes it.
        spine = 0.5 * (points_3d[_PELVIS] + points_3d[_NECK])
        points_3d = tf.tensor_scatter_nd_update(points_3d, [[_ROW_SEVEN]], spine[None])
    labelled = record["keypoints_2d"]
    # Joints outside the picture have no 2D label in some sets, but the camera knows where they are.
    is_placed = record["has_3d"] * record["has_intrinsics"] > 0
    safe_depth = tf.where(is_placed, points_3d, tf.ones_like(points_3d))
    source_2d = tf.where(is_placed, project(safe_depth, record["intrinsics"]), labelled)
    has_2d = record["has_2d"] > 0
    labelled = tf.where(has_2d, labelled, source_2d)
    weak_2d, depth_px, _ = codecs.weak_perspective(source_2d, points_3d)
    # Without a camera the picture's scale is measured on the 2D joints, and that takes all of them.
    is_measured = is_placed | (record["has_2d"] * tf.reduce_min(record["visible"]) > 0)
    has_depth = (record["has_depth"] > 0) & is_measured
    uses_weak = has_depth & (config.labels_2d == "weak_perspective")
    visible = record["visible"]
    if has_thorax:
        row_seven = labelled
    else:
        # The label of row 7 is the middle of the shoulders; such a set has the spine there.
        middle = tf.reduce_mean(tf.gather(labelled, _SHOULDERS), axis=0)
        row_seven = tf.tensor_scatter_nd_update(labelled, [[_ROW_SEVEN]], middle[None])
        both = tf.reduce_min(tf.gather(visible, _SHOULDERS))
        visible = tf.tensor_scatter_nd_update(visible, [[_ROW_SEVEN]], both[None])
    return record | {
        "annotated": tf.where(is_placed, tf.ones_like(visible), visible),
        "keypoints_3d": points_3d,
        "has_depth": tf.cast(has_depth, tf.float32),
        "keypoints_2d": tf.where(uses_weak, weak_2d, row_seven),
        "projected_2d": row_seven,
        "visible": visible,
        "has_2d": tf.cast(has_2d | is_placed, tf.float32),
        "depth_px": tf.where(has_depth, depth_px, tf.zeros_like(depth_px)),
    }


def _label_batch(config):
    """Return a function of a batch that brings the last labels to the crops' pixels and units."""
    permutation = tf.constant(MPII_16.flip_permutation)

    @tf.autograph.experimental.do_not_convert
    def label(batch):
        batch = dict(batch)
        is_mirrored = batch["mirrored"] > 0
        matrix = batch["matrix"]
        zoom = tf.sqrt(tf.abs(tf.linalg.det(matrix[:, :, :2])))

        def flipped(rows):
            return tf.gather(rows, permutation, axis=1)

        depth_px = batch.pop("depth_px")
        depth_px = tf.where(is_mirrored[:, None], flipped(depth_px), depth_px)
        annotated = batch["annotated"]
        annotated = tf.where(is_mirrored[:, None], flipped(annotated), annotated)
        own = batch["projected_2d"]
        own = tf.where(is_mirrored[:, None, None], flipped(own), own)
        own = tf.einsum("bjd,bcd->bjc", own, matrix[:, :, :2]) + matrix[:, None, :, 2]
        has_2d = batch["has_2d"][:, None, None]
        has_depth = batch["has_depth"]
        if config.empty_probability:
            # Nothing can be said of the depth of somebody who is not there.
            has_depth *= tf.reduce_max(batch["visible"], axis=1)
        id_shift = batch.pop("id_shift")
        return batch | {
            # The unit of x and y, so that a person twice as large in the crop is twice as deep.
            "depth": depth_px * (2.0 * zoom / config.image_size)[:, None],
            "projected_2d": own * has_2d,
            "annotated": annotated,
            "has_depth": has_depth,
            "head_size": batch["head_size"] * zoom,
            "id": batch["id"] + id_shift,
        }

    return label


def _joined(order):
    """Return the function of batches that makes one of them, its kinds spread evenly over the rows.

    Replicas take rows from the top, so each gets its share of both kinds.
    """

    @tf.autograph.experimental.do_not_convert
    def join(*parts):
        return {
            name: tf.gather(tf.concat([part[name] for part in parts], axis=0), order)
            for name in parts[0]
        }

    return join


def _interleaving(counts):
    """Return the order of rows in which each kind comes at even distances."""
    places = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    return np.argsort(places, kind="stable")
