"""The choices that every hand network is trained with: records, crops, augmentation, optimisation."""

import dataclasses
from typing import ClassVar

from keras_pose.train.choices import PRECISIONS
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class HandRunOptions:
    """Settings that pretraining, pose network and phone student share; field = flag = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    groups: ClassVar[dict[str, str]] = {
        "Data": "dataset",
        "Augmentation": "angle_range_deg",
        "Networks": "image_size",
        "Optimisation": "learning_rate",
    }

    # Data.
    dataset: str = option(
        "records",
        "Source of pictures: records (folders written by keras_pose.data.prepare, separated by "
        "commas, in --data_dir) or generated (rendered hands; no data needed).",
        choices=("records", "generated"),
    )
    num_generated: int = option(2000, "Number of hands to render with --dataset=generated.", low=8)
    val_share: float = option(
        0.2,
        "Share of the groups (sessions, persons) kept for validation; runs with the same share and "
        "seed hold out the same ones.",
        low=0.0,
        high=0.9,
    )
    split_seed: int = option(5, "Seed of the split into training and validation.", low=0)
    crop_source: str = option(
        "box",
        "What localises the hand: joints (needs 2D labels), box or picture. If a record lacks it, the "
        "next of joints, box, picture is used.",
        choices=("joints", "box", "picture"),
    )
    max_bad_fraction: float = option(
        0.001,
        "Share of unreadable records that may be skipped before the run stops.",
        low=0.0,
        high=1.0,
    )
    # Augmentation.
    angle_range_deg: float = option(
        45.0, "Crops are rotated by up to +- this; 45 in the published runs.", low=0.0, high=180.0
    )
    scale_low: float = option(
        0.85, "Smallest side of a crop over its side without augmentation.", low=0.1, high=10.0
    )
    scale_high: float = option(
        1.2, "Largest side of a crop over its side without augmentation.", low=0.1, high=10.0
    )
    shift_range: float = option(
        0.08,
        "Crops are shifted by up to +- this share of their side along x and y.",
        low=0.0,
        high=1.0,
    )
    color_strength: float = option(
        0.5, "Strength of colour changes; 0 (published) means none.", low=0.0
    )
    # Network.
    image_size: int = option(
        128,
        "Side of the crop in pixels; 128 in the published pretraining, 224 in the released models.",
        low=16,
    )
    synchronized_batch_norm: bool = option(
        True, "Batch normalisation uses the statistics of all replicas together."
    )
    # Optimisation.
    learning_rate: float = option(5e-4, "Peak learning rate; published 5e-4.", low=0.0)
    weight_decay: float = option(2e-4, "Weight decay.", low=0.0)
    batch_size: int = option(64, "Global batch size.", low=1)
    accumulation_steps: int = option(
        1, "Micro-batches of --batch_size whose mean gradient makes one update.", low=1
    )
    num_steps: int = option(
        4000, "Total number of updates, rounded up to whole epochs of --steps_per_epoch.", low=1
    )
    warmup_steps: int = option(0, "Updates of linear warm-up.", low=0)
    steps_per_epoch: int = option(
        500, "Updates between evaluations; each evaluation writes a checkpoint.", low=1
    )
    precision: str = option("float32", "Keras dtype policy.", choices=PRECISIONS)
    seed: int = option(0, "Seed of weights, views and order.", low=0)

    def __post_init__(self):
        check_ranges(self)
        if self.scale_low > self.scale_high:
            raise ValueError(
                f"--scale_low={self.scale_low} is above --scale_high={self.scale_high}; swap them."
            )
        if self.warmup_steps >= self.num_steps and self.warmup_steps:
            raise ValueError(
                f"--warmup_steps={self.warmup_steps} leaves no steps of "
                f"--num_steps={self.num_steps}; use a shorter warm-up."
            )


@dataclasses.dataclass(frozen=True)
class HandOptions(HandRunOptions):
    """Settings that networks with labels share: the pose network and the phone student.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    groups: ClassVar[dict[str, str]] = {
        "Data": "crop_scale",
        "Augmentation": "grey_probability",
        "Networks": "reference_bone",
    }

    crop_scale: float = option(
        1.0, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    assume_fov_deg: float = option(
        0.0,
        "Field of view assumed for records without intrinsics, in degrees over the picture's "
        "longer side; 0 trains and evaluates them without metric 3D.",
        low=0.0,
        high=150.0,
    )
    mirror_left: bool = option(True, "Mirror left hands into right ones.")
    grey_probability: float = option(
        0.0, "How often a crop becomes grey; 0 in the published runs.", low=0.0, high=1.0
    )
    reference_bone: str = option(
        "middle",
        "Bone of unit length: middle (knuckle to first joint, FreiHAND's scale) or index (wrist to "
        "knuckle).",
        choices=("middle", "index"),
    )
