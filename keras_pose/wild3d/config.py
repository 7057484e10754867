"""Every choice of Wild3D in one frozen dataclass: name, type, default, help.

Defaults are what we recommend; `flags/wild3d` holds the published stages. A stage is a recipe: which
weights the losses have, how much of a batch has depth labels, what it starts from.
"""

import dataclasses
from typing import ClassVar

from keras_pose.train.choices import PRECISIONS
from keras_pose.train.config import check_ranges, option

# Also the order of help texts; `keras_pose.wild3d.network` builds each.
BACKBONES = ("hourglass", "resnet50", "mobilenet_v3_small", "mobilenet_v3_large")
# The network's maps have a pixel for so many of the picture, and its depth layers halve four times more.
STRIDE, MULTIPLE = 4, 64


@dataclasses.dataclass(frozen=True)
class Config:
    """Settings of one run, that is of one stage; field = flag = constructor argument = attribute.

    Raises:
        ValueError: when a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "wild3d"

    # Data.
    dataset: str = option(
        "records",
        "Source of pictures: records (folders written by keras_pose.data.prepare, commas between them, "
        "in --data_dir) or generated (rendered bodies, nothing needed).",
        choices=("records", "generated"),
    )
    num_generated: int = option(
        512, "Bodies rendered of each kind when --dataset=generated.", low=16
    )
    val_share: float = option(
        0.1,
        "Share of the groups (subjects, pictures) of each folder that is kept for validation.",
        low=0.0,
        high=0.9,
    )
    val_folders: str = option(
        "",
        "Names of folders of --data_dir, commas between them, that serve for validation alone; the "
        "others then serve for training alone.",
    )
    split_seed: int = option(5, "Seed of the split into training and validation.", low=0)
    share_3d: float = option(
        0.5,
        "Share of each batch that is drawn from the records with depth labels; the rest comes from those "
        "with 2D labels alone. The published runs have 0.5.",
        low=0.0,
        high=1.0,
    )
    crop_source: str = option(
        "box",
        "What localises the person: joints, box or picture. Where a record lacks it, the next of joints, "
        "box, picture is taken.",
        choices=("joints", "box", "picture"),
    )
    crop_scale: float = option(
        1.0, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    labels_2d: str = option(
        "weak_perspective",
        "2D labels of pictures with depth labels: weak_perspective (published; consistent with the "
        "depth) or projected (where the joints are seen).",
        choices=("weak_perspective", "projected"),
    )
    max_bad_fraction: float = option(
        0.001,
        "Share of unreadable records that is skipped before the run stops.",
        low=0.0,
        high=1.0,
    )
    # Augmentation.
    augment_on: str = option(
        "auto",
        "Where views are made: host, device (inside the graph) or auto, device where there is a GPU.",
        choices=("auto", "host", "device"),
    )
    augment_3d: bool = option(
        True, "Augment pictures with depth labels too; the published runs do not."
    )
    scale_range: float = option(
        0.5, "Crops are scaled by up to 2 to the power of +- this.", low=0.0, high=3.0
    )
    angle_range_deg: float = option(60.0, "Crops are turned by up to +- this.", low=0.0, high=180.0)
    turn_probability: float = option(0.4, "How often crops are turned.", low=0.0, high=1.0)
    mirror_probability: float = option(0.5, "How often crops are mirrored.", low=0.0, high=1.0)
    channel_gain: float = option(
        0.4, "Red, green and blue are multiplied by 1 +- this.", low=0.0, high=1.0
    )
    cutout_probability: float = option(
        0.0, "How often a grey square covers part of the crop.", low=0.0, high=1.0
    )
    # Network.
    backbone: str = option("hourglass", "Backbone.", choices=BACKBONES)
    image_size: int = option(256, "Side of the crop in pixels, a multiple of 64.", low=MULTIPLE)
    num_stacks: int = option(2, "Hourglasses in a row; of the hourglass backbone alone.", low=1)
    num_modules: int = option(
        2, "Residual modules at each place of an hourglass; of that backbone alone.", low=1
    )
    width: int = option(256, "Channels of the hourglass; of that backbone alone.", low=8)
    stem_width: int = option(
        64, "Channels of the hourglass's first layer; of that backbone alone.", low=4
    )
    depth_head: str = option(
        "vector",
        "What says depth: vector (published: one number per joint from all pixels) or map (one map per "
        "joint, read at the joint; takes any picture size).",
        choices=("vector", "map"),
    )
    num_depth_modules: int = option(
        2, "Residual modules before each halving on the way to the depth vector.", low=1
    )
    init: str = option(
        "torch",
        "Random weights: torch (uniform, as published) or he (normal, fan in).",
        choices=("torch", "he"),
    )
    init_from: str = option(
        "",
        "What to start from: the folder of a run (of the stage before), or empty for random weights.",
    )
    bn_momentum: float = option(
        0.9, "Share of the old batch statistics that stays.", low=0.0, high=0.9999
    )
    synchronized_batch_norm: bool = option(
        True, "Batch normalisation sees the batch of all replicas."
    )
    # Targets and losses.
    coordinates: str = option(
        "argmax",
        "How maps become points: argmax (published) or soft_argmax (differentiable; then the points "
        "have a loss of their own, --coordinate_weight).",
        choices=("argmax", "soft_argmax"),
    )
    sharpness: float = option(
        10.0, "Factor of the maps under soft_argmax's exponential.", low=0.01, high=1e4
    )
    sigma: float = option(1.75, "Standard deviation of a target's blob in map pixels.", low=0.1)
    radius: int = option(3, "A target's blob ends so many map pixels from its middle.", low=1)
    subpixel: bool = option(
        False, "Targets are centred on the joint itself, not on the middle of its map pixel."
    )
    mask_missing: bool = option(
        False, "Leave maps of joints without label out of the loss; published: trained to zero."
    )
    heatmap_weight: float = option(1.0, "Weight of the maps' squared error.", low=0.0)
    depth_weight: float = option(
        0.1, "Weight of the depth error of pictures with depth labels; published 0.1.", low=0.0
    )
    geometric_weight: float = option(
        0.01, "Weight of the geometric loss; published 0.01, in the last stage alone.", low=0.0
    )
    geometric_form: str = option(
        "length",
        "What should not vary within a group of bones: length (the released code, weighted lengths) or "
        "ratio (the paper, lengths over canonical lengths).",
        choices=("length", "ratio"),
    )
    geometric_on: str = option(
        "unlabelled",
        "Pictures with a geometric loss: unlabelled (those without depth labels, published) or all.",
        choices=("unlabelled", "all"),
    )
    coordinate_weight: float = option(
        0.0, "Weight of the points' absolute error; with --coordinates=soft_argmax alone.", low=0.0
    )
    divergence_weight: float = option(
        0.0,
        "Weight of the Jensen-Shannon divergence of the maps' softmax from the targets (DSNT); with "
        "--coordinates=soft_argmax alone.",
        low=0.0,
    )
    # Distillation; of no effect without --teacher.
    teacher: str = option(
        "",
        "Folder of a finished run whose answers the network imitates beside the labels; it sees the same "
        "crops at its own size. Empty is none.",
    )
    teacher_map_weight: float = option(
        1.0, "Weight of the squared difference from the teacher's maps.", low=0.0
    )
    teacher_point_weight: float = option(
        0.0,
        "Weight of the absolute difference from the teacher's points in map pixels; with "
        "--coordinates=soft_argmax alone.",
        low=0.0,
    )
    teacher_depth_weight: float = option(
        0.1, "Weight of the absolute difference from the teacher's depth, on all pictures.", low=0.0
    )
    teacher_feature_weight: float = option(
        0.01,
        "Weight of 1 minus the cosine of pooled features, through a linear map, and the teacher's.",
        low=0.0,
    )
    teacher_tolerance: float = option(
        0.1,
        "Where a label is, a joint's imitation is weighed by exp(-(d / this)^2), d the teacher's "
        "distance from it over the crop's side.",
        low=1e-3,
    )
    # Optimisation.
    optimizer: str = option(
        "rmsprop",
        "rmsprop (published, epsilon outside the root) or adamw.",
        choices=("rmsprop", "adamw"),
    )
    learning_rate: float = option(2.5e-4, "Learning rate at first; published 2.5e-4.", low=0.0)
    decay_steps: int = option(
        0, "Update after which the learning rate is multiplied by --decay_factor; 0 never.", low=0
    )
    decay_factor: float = option(0.1, "See --decay_steps.", low=0.0, high=1.0)
    weight_decay: float = option(0.0, "Weight decay of adamw.", low=0.0)
    batch_size: int = option(6, "Global batch size; published 6.", low=1)
    num_steps: int = option(40_000, "Updates in all.", low=1)
    steps_per_epoch: int = option(
        4000, "Updates between evaluations; a checkpoint is written at each of them.", low=1
    )
    precision: str = option("float32", "Keras dtype policy.", choices=PRECISIONS)
    seed: int = option(0, "Seed of weights, views and order.", low=0)
    # Evaluation.
    bone_sum_mm: float = option(
        0.0,
        "Sum of the lengths of all bones in millimetres that turns the network's units into metres; 0 "
        "takes the mean of the training records.",
        low=0.0,
    )
    flip_test: bool = option(False, "Evaluate the mean over a picture and its mirror image.")

    def __post_init__(self):
        check_ranges(self)
        if self.image_size % MULTIPLE:
            raise ValueError(
                f"--image_size={self.image_size} is no multiple of {MULTIPLE}; use "
                f"{max(1, round(self.image_size / MULTIPLE)) * MULTIPLE}."
            )
        for name in ("coordinate_weight", "divergence_weight", "teacher_point_weight"):
            if getattr(self, name) and self.coordinates != "soft_argmax":
                raise ValueError(
                    f"--{name}={getattr(self, name)} needs --coordinates=soft_argmax; arg-max has no "
                    "gradient."
                )
        if self.weight_decay and self.optimizer != "adamw":
            raise ValueError(
                f"--weight_decay={self.weight_decay} belongs to --optimizer=adamw; leave it out."
            )
        num_3d = self.num_3d
        if self.share_3d > 0 and not num_3d:
            raise ValueError(
                f"--share_3d={self.share_3d} of --batch_size={self.batch_size} is no whole picture; use "
                "a larger batch or 0."
            )
        if num_3d == self.batch_size and self.geometric_weight and self.geometric_on != "all":
            # Harmless, but whoever asks for it expects something to happen.
            raise ValueError(
                "--geometric_weight has nothing to act on, since every picture of a batch has depth "
                "labels; use --geometric_on=all or --geometric_weight=0."
            )

    @property
    def num_3d(self) -> int:
        """Pictures with depth labels in a batch."""
        return round(self.batch_size * self.share_3d)

    @property
    def heatmap_size(self) -> int:
        """Side of the maps in pixels."""
        return self.image_size // STRIDE
