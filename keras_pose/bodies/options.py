"""The choices that body networks share: records, crops, augmentation, and the size of a person."""

import dataclasses
from typing import ClassVar

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class BodyOptions:
    """Settings of a body network's data; field = flag = attribute.

    Raises:
        ValueError: if a value is out of range.
    """

    groups: ClassVar[dict[str, str]] = {
        "Data": "dataset",
        "Augmentation": "augment_on",
        "Networks": "image_size",
        "Evaluation": "bone_sum_mm",
    }

    # Data.
    dataset: str = option(
        "records",
        "Source of pictures: records (folders written by keras_pose.data.prepare, separated by "
        "commas, in --data_dir) or generated (rendered bodies; no data needed).",
        choices=("records", "generated"),
    )
    num_generated: int = option(
        512, "Number of bodies of each kind to render with --dataset=generated.", low=16
    )
    val_share: float = option(
        0.1,
        "Share of the groups (subjects, pictures) of each folder that is held out for validation.",
        low=0.0,
        high=0.9,
    )
    val_folders: str = option(
        "",
        "Names of folders of --data_dir, separated by commas, that are used only for validation; "
        "the others are then used only for training.",
    )
    split_seed: int = option(5, "Seed of the split into training and validation.", low=0)
    share_3d: float = option(
        0.5,
        "Share of each batch that is drawn from the records with depth labels; the rest comes "
        "from records with only 2D labels. 0.5 in the published runs.",
        low=0.0,
        high=1.0,
    )
    crop_source: str = option(
        "box",
        "What localises the person: joints, box or picture. If a record lacks it, the next of "
        "joints, box, picture is used.",
        choices=("joints", "box", "picture"),
    )
    crop_scale: float = option(
        1.0, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    labels_2d: str = option(
        "weak_perspective",
        "2D labels of pictures with depth labels: weak_perspective (published; consistent with "
        "the depth) or projected (where the joints appear).",
        choices=("weak_perspective", "projected"),
    )
    max_bad_fraction: float = option(
        0.001,
        "Share of unreadable records that may be skipped before the run stops.",
        low=0.0,
        high=1.0,
    )
    # Augmentation.
    augment_on: str = option(
        "auto",
        "Where views are made: host, device (in the graph) or auto (device if there is a GPU).",
        choices=("auto", "host", "device"),
    )
    augment_3d: bool = option(
        True, "Augment pictures with depth labels too; the published runs do not."
    )
    scale_range: float = option(
        0.5, "Crops are scaled by up to 2 to the power of +- this.", low=0.0, high=3.0
    )
    angle_range_deg: float = option(
        60.0, "Crops are rotated by up to +- this.", low=0.0, high=180.0
    )
    turn_probability: float = option(0.4, "How often crops are rotated.", low=0.0, high=1.0)
    mirror_probability: float = option(0.5, "How often crops are mirrored.", low=0.0, high=1.0)
    channel_gain: float = option(
        0.4, "Red, green and blue are multiplied by 1 +- this.", low=0.0, high=1.0
    )
    grey_probability: float = option(0.0, "How often a crop becomes grey.", low=0.0, high=1.0)
    empty_probability: float = option(
        0.0,
        "How often a crop shows a place beside the person instead, so that the network learns that "
        "there may be nobody; needs --absent_outside. Only for pictures of single persons.",
        low=0.0,
        high=0.9,
    )
    shift_range: float = option(
        0.0,
        "Crops are moved along x and y by up to +- this share of their side.",
        low=0.0,
        high=1.0,
    )
    cutout_probability: float = option(
        0.0, "How often a grey square covers part of the crop.", low=0.0, high=1.0
    )
    # Network and order.
    image_size: int = option(256, "Side of the crop in pixels, a multiple of 64.", low=32)
    batch_size: int = option(6, "Global batch size; published 6.", low=1)
    accumulation_steps: int = option(
        1, "Micro-batches of --batch_size whose mean gradient makes one update.", low=1
    )
    seed: int = option(0, "Seed of weights, views and order.", low=0)
    # Evaluation.
    bone_sum_mm: float = option(
        0.0,
        "Sum of the lengths of all bones, in millimetres, that converts the network's units into "
        "metres; 0 uses the mean of the training records.",
        low=0.0,
    )

    def __post_init__(self):
        check_ranges(self)

    @property
    def num_3d(self) -> int:
        """Pictures of a batch that have depth labels."""
        return round(self.batch_size * self.share_3d)
