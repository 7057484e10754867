"""Every choice of PeCLR's supervised stage in one frozen dataclass: name, type, default, help."""

import dataclasses

from keras_pose.peclr.config import ENCODERS, PRECISIONS
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """Settings of one fine-tuning run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: when a value is out of range or two values contradict each other.
    """

    # Data.
    dataset: str = option(
        "records",
        "Source of labelled pictures: records (folders written by keras_pose.data.prepare, commas "
        "between them, in --data_dir) or generated (rendered hands, nothing needed).",
        choices=("records", "generated"),
    )
    num_generated: int = option(2000, "Hands rendered when --dataset=generated.", low=8)
    val_share: float = option(
        0.2,
        "Share of the groups (sessions, persons) kept for validation.",
        low=0.0,
        high=0.9,
    )
    split: str = option(
        "groups",
        "How validation is cut off: groups (sessions, persons) or published (PeCLR's rule for FreiHAND, "
        "which also picks the records of --train_ratio).",
        choices=("groups", "published"),
    )
    split_seed: int = option(5, "Seed of the split into training and validation.", low=0)
    train_ratio: float = option(
        1.0,
        "Share of the records whose labels are used; 0.1 to 1 in the semi-supervised runs. With "
        "--split=published alone.",
        low=0.0,
        high=1.0,
    )
    num_labels: int = option(
        0,
        "Number of training records whose labels are used, all if there are fewer; 0 leaves it to "
        "--train_ratio.",
        low=0,
    )
    label_seed: int = option(5, "Seed of the choice of labelled records.", low=0)
    crop_source: str = option(
        "box",
        "What localises the hand: joints, box or picture. Where a record lacks it, the next of joints, "
        "box, picture is taken.",
        choices=("joints", "box", "picture"),
    )
    crop_scale: float = option(
        1.0, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    assume_fov_deg: float = option(
        0.0,
        "Field of view taken for records without intrinsics, degrees over the picture's longer side; 0 "
        "trains and evaluates those without metric 3D.",
        low=0.0,
        high=150.0,
    )
    mirror_left: bool = option(True, "Show left hands as right ones, mirrored.")
    max_bad_fraction: float = option(
        0.001,
        "Share of unreadable records that is skipped before the run stops.",
        low=0.0,
        high=1.0,
    )
    # Augmentation.
    angle_range_deg: float = option(
        45.0, "Crops are rotated by up to +- this; 45 in the published runs.", low=0.0, high=180.0
    )
    scale_low: float = option(
        0.85, "Smallest side of a crop over its plain side.", low=0.1, high=10.0
    )
    scale_high: float = option(
        1.2, "Largest side of a crop over its plain side.", low=0.1, high=10.0
    )
    shift_range: float = option(
        0.08,
        "Crops are shifted by up to +- this share of their side, each way.",
        low=0.0,
        high=1.0,
    )
    color_strength: float = option(
        0.5, "Strength of colour changes; 0, the published value, is none.", low=0.0
    )
    # Networks.
    encoder: str = option("resnet50", "Encoder; must be the one of --init_from.", choices=ENCODERS)
    image_size: int = option(128, "Side of the crop in pixels; 224 in the released models.", low=16)
    init_from: str = option(
        "",
        "What to start from: the folder of a pretraining run, of a fine-tuning run on other labels (its "
        "head comes along), or a torch checkpoint (.pth). Empty starts from --init.",
    )
    init: str = option(
        "random",
        "Encoder weights without --init_from: random, imagenet (mobilenet alone) or a file of "
        "torchvision's ResNet weights (.pth).",
    )
    projection: str = option(
        "drop",
        "What becomes of the pretrained projection head: drop (published), hidden (keep its first layer) "
        "or points (keep it whole and read joints from its points).",
        choices=("drop", "hidden", "points"),
    )
    projection_width: int = option(512, "Hidden width of the projection head that is kept.", low=1)
    num_points: int = option(64, "Points of the projection head that is kept.", low=1)
    head: str = option(
        "linear",
        "Pose head: linear (released models) or mlp (one hidden layer of 512).",
        choices=("linear", "mlp"),
    )
    coordinates: str = option(
        "normalized",
        "What the head predicts: pixels (released models) or normalized (around the crop's centre, in "
        "half sides).",
        choices=("pixels", "normalized"),
    )
    root: str = option(
        "palm_middle",
        "Root joint of relative depths: wrist, palm_middle (between wrist and middle knuckle, released "
        "models) or palm_index.",
        choices=("wrist", "palm_middle", "palm_index"),
    )
    reference_bone: str = option(
        "middle",
        "Bone of unit length: middle (knuckle to first joint, FreiHAND's scale) or index (wrist to "
        "knuckle).",
        choices=("middle", "index"),
    )
    refine_root: bool = option(False, "Refine the solved root depth with a small network.")
    encoder_trainable: bool = option(True, "Train the encoder too, not the head alone.")
    freeze_batch_norm: bool = option(
        False, "Keep the encoder's batch statistics and use them in training."
    )
    synchronized_batch_norm: bool = option(
        True, "Batch normalisation sees the batch of all replicas."
    )
    # Losses.
    loss_2d_weight: float = option(1.0, "Weight of the 2D error.", low=0.0)
    loss_depth_weight: float = option(5.0, "Weight of the relative depth error.", low=0.0)
    loss_root_weight: float = option(
        1.0, "Weight of the refined root depth's error; with --refine_root alone.", low=0.0
    )
    # Optimisation.
    optimizer: str = option(
        "adamw",
        "adam (published: coupled weight decay) or adamw.",
        choices=("adam", "adamw"),
    )
    learning_rate: float = option(5e-4, "Peak learning rate; published 5e-4.", low=0.0)
    weight_decay: float = option(2e-4, "Weight decay.", low=0.0)
    batch_size: int = option(64, "Global batch size.", low=1)
    num_steps: int = option(
        4000, "Updates in all, rounded up to whole epochs of --steps_per_epoch.", low=1
    )
    warmup_steps: int = option(0, "Updates of linear warm-up.", low=0)
    steps_per_epoch: int = option(
        500, "Updates between evaluations; a checkpoint is written at each of them.", low=1
    )
    averaging_momentum: float = option(
        0.0,
        "Momentum of the averaged weights, which are what is evaluated and exported; 0 switches "
        "averaging off.",
        low=0.0,
        high=0.99999,
    )
    precision: str = option("float32", "Keras dtype policy.", choices=PRECISIONS)
    seed: int = option(0, "Seed of weights, views and order.", low=0)

    def __post_init__(self):
        check_ranges(self)
        if self.scale_low > self.scale_high:
            raise ValueError(
                f"--scale_low={self.scale_low} is above --scale_high={self.scale_high}; exchange them."
            )
        if self.warmup_steps >= self.num_steps and self.warmup_steps:
            raise ValueError(
                f"--warmup_steps={self.warmup_steps} leaves nothing of --num_steps={self.num_steps}; "
                "warm up for less."
            )
        if self.train_ratio < 1.0 and self.split != "published":
            raise ValueError(
                f"--train_ratio={self.train_ratio} belongs to --split=published; with --split=groups "
                "give --num_labels."
            )
        if self.num_labels and self.train_ratio < 1.0:
            raise ValueError(
                f"--num_labels={self.num_labels} contradicts --train_ratio={self.train_ratio}; give "
                "one of them."
            )
        if self.init_from and self.init != "random":
            raise ValueError(
                f"--init={self.init} contradicts --init_from={self.init_from}; give one of them."
            )
