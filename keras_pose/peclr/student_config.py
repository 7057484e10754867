"""Every choice of the phone-sized hand network in one frozen dataclass: name, type, default, help."""

import dataclasses

from keras_pose.peclr.config import PRECISIONS
from keras_pose.peclr.student_network import BACKBONES, MULTIPLE
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class StudentConfig:
    """Settings of one distillation run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: when a value is out of range or two values contradict each other.
    """

    # Data; fields of the same names as those of `FinetuneConfig`, with the same meaning.
    dataset: str = option(
        "records",
        "Source of pictures: records (folders written by keras_pose.data.prepare, commas between them, "
        "in --data_dir) or generated (rendered hands, nothing needed).",
        choices=("records", "generated"),
    )
    num_generated: int = option(2000, "Hands rendered when --dataset=generated.", low=8)
    val_share: float = option(
        0.2, "Share of the groups (sessions, persons) kept for validation.", low=0.0, high=0.9
    )
    split_seed: int = option(5, "Seed of the split into training and validation.", low=0)
    use_unlabelled: bool = option(
        True, "Train on pictures without labels too: the teacher's answer is their label."
    )
    crop_source: str = option(
        "box",
        "What localises the hand: joints, box or picture. Where a record lacks it, the next of joints, "
        "box, picture is taken.",
        choices=("joints", "box", "picture"),
    )
    crop_scale: float = option(
        1.3, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    assume_fov_deg: float = option(
        0.0,
        "Field of view taken for records without intrinsics, degrees over the picture's longer side; 0 "
        "evaluates those without metric 3D.",
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
        45.0, "Crops are rotated by up to +- this.", low=0.0, high=180.0
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
    color_strength: float = option(0.5, "Strength of colour changes; 0 is none.", low=0.0)
    # Network.
    backbone: str = option("mobilenet_v3_small", "Backbone.", choices=BACKBONES)
    image_size: int = option(128, "Side of the crop in pixels, a multiple of 32.", low=MULTIPLE)
    width: int = option(64, "Channels of the upsampled maps.", low=1)
    depth_width: int = option(128, "Hidden width of the depth head.", low=1)
    reference_bone: str = option(
        "middle",
        "Bone of unit length: middle (knuckle to first joint, FreiHAND's scale) or index (wrist to "
        "knuckle).",
        choices=("middle", "index"),
    )
    synchronized_batch_norm: bool = option(
        True, "Batch normalisation sees the batch of all replicas."
    )
    # Teacher.
    teacher: str = option(
        "",
        "Folder of a finished run of keras_pose.peclr.finetune whose answers are imitated; it sees the "
        "same crops at its own size. Empty learns from labels alone.",
    )
    teacher_tolerance: float = option(
        0.1,
        "Where a label is, a joint's imitation is weighed by exp(-(d / this)^2), d the teacher's "
        "distance from it over the crop's side.",
        low=1e-3,
    )
    # Targets and losses. Weights of maps, points and depth are the labels'; `imitation` is beside them.
    coordinates: str = option(
        "soft_argmax",
        "How maps become points where the network is evaluated and exported: soft_argmax or argmax.",
        choices=("soft_argmax", "argmax"),
    )
    sharpness: float = option(
        10.0, "Factor of the maps under soft_argmax's exponential.", low=0.01, high=1e4
    )
    sigma: float = option(2.0, "Standard deviation of a target's blob in map pixels.", low=0.1)
    imitation: float = option(
        0.5, "Weight of the teacher's maps, points and depth over that of the labels'.", low=0.0
    )
    heatmap_weight: float = option(1.0, "Weight of the maps' squared error.", low=0.0)
    coordinate_weight: float = option(
        0.01, "Weight of the absolute error of points by soft arg-max, in map pixels.", low=0.0
    )
    depth_weight: float = option(
        0.02, "Weight of the absolute error of relative depth, in bone lengths.", low=0.0
    )
    feature_weight: float = option(
        0.003,
        "Weight of 1 minus the cosine of pooled features, through a linear map, and the teacher's.",
        low=0.0,
    )
    # Optimisation.
    learning_rate: float = option(1e-3, "Peak learning rate.", low=0.0)
    weight_decay: float = option(2e-4, "Weight decay.", low=0.0)
    batch_size: int = option(32, "Global batch size.", low=1)
    num_steps: int = option(
        20_000, "Updates in all, rounded up to whole epochs of --steps_per_epoch.", low=1
    )
    warmup_steps: int = option(0, "Updates of linear warm-up.", low=0)
    steps_per_epoch: int = option(
        1000, "Updates between evaluations; a checkpoint is written at each of them.", low=1
    )
    precision: str = option("float32", "Keras dtype policy.", choices=PRECISIONS)
    seed: int = option(0, "Seed of weights, views and order.", low=0)

    def __post_init__(self):
        check_ranges(self)
        if self.image_size % MULTIPLE:
            raise ValueError(
                f"--image_size={self.image_size} is no multiple of {MULTIPLE}; use "
                f"{max(1, round(self.image_size / MULTIPLE)) * MULTIPLE}."
            )
        if self.scale_low > self.scale_high:
            raise ValueError(
                f"--scale_low={self.scale_low} is above --scale_high={self.scale_high}; exchange them."
            )
        if self.warmup_steps >= self.num_steps and self.warmup_steps:
            raise ValueError(
                f"--warmup_steps={self.warmup_steps} leaves nothing of --num_steps={self.num_steps}; "
                "warm up for less."
            )
