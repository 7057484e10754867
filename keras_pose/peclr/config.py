"""Every choice of PeCLR's pretraining in one frozen dataclass: name, type, default, help.

Defaults are what we recommend; the recipes `flags/peclr/parity_*.flags` hold the published values.
Fine-tuning has its own, `keras_pose.hand_pose.config`.
"""

import dataclasses
from typing import ClassVar

from keras_pose.hands.options import HandRunOptions
from keras_pose.train.choices import ENCODERS
from keras_pose.train.config import listed, option

INVERSES = ("none", "official", "centered", "affine")
# What can be put right of the published views: D4, D5, D2, D6 and D11 of docs/peclr.md.
CORRECTIONS = ("angle", "jitter_sides", "jitter_unit", "border", "color")
_EXACT_VIEWS_ONLY = (
    "scale_low",
    "scale_high",
    "shift_range",
    "blur_probability",
    "cutout_probability",
)


@dataclasses.dataclass(frozen=True)
class PretrainConfig(HandRunOptions):
    """Settings of one pretraining run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "peclr"
    is_faster_compiled: ClassVar[bool] = False
    groups: ClassVar[dict[str, str]] = {
        "Data": "sampler",
        "Augmentation": "augmentation",
        "Networks": "encoder",
        "Losses": "inverse",
        "Optimisation": "optimizer",
    }

    # Data.
    sampler: str = option(
        "shuffle",
        "shuffle (each epoch visits every record once), weighted (as published: every source "
        "equally often, with replacement) or grouped (like shuffle, but each micro-batch comes "
        "from one session or person, so that the place does not distinguish pictures).",
        choices=("shuffle", "weighted", "grouped"),
    )
    # Augmentation.
    augmentation: str = option(
        "exact",
        "exact (one warp, recorded as a matrix) or official (the published chain of OpenCV calls, "
        "with its rounding and its colour jitter). Of the ranges below, official uses only "
        "--angle_range_deg, in whole degrees, and --color_strength, 0 or 1.",
        choices=("exact", "official"),
    )
    corrections: str = option(
        "",
        "Corrections of --augmentation=official, separated by commas: angle (any fraction of a "
        "degree), jitter_sides (shifts to both sides), jitter_unit (shifts as shares of the "
        "crop's side), border (black, not stretched, beyond the picture), color (as in exact "
        "views). Empty is as published.",
    )
    augment_on: str = option(
        "auto",
        "Where views are made: host, device (in the graph) or auto (device if there is a GPU).",
        choices=("auto", "host", "device"),
    )
    scale_low: float = option(
        0.8, "Smallest side of a view's crop over the box's side.", low=0.1, high=10.0
    )
    scale_high: float = option(
        1.3, "Largest side of a view's crop over the box's side.", low=0.1, high=10.0
    )
    shift_range: float = option(
        0.12,
        "Views are shifted by up to +- this share of the crop's side along x and y.",
        low=0.0,
        high=1.0,
    )
    color_strength: float = option(
        1.0, "Strength of hue, saturation, contrast and brightness changes; 0 means none.", low=0.0
    )
    blur_probability: float = option(0.0, "Probability that a view is blurred.", low=0.0, high=1.0)
    cutout_probability: float = option(
        0.0, "Probability that a rectangle of a view is covered.", low=0.0, high=1.0
    )
    # Networks.
    encoder: str = option("resnet50", "Encoder to pretrain.", choices=ENCODERS)
    init: str = option(
        "random",
        "Initial weights: random, imagenet (mobilenets: downloaded by Keras; efficientnet_lite0: from "
        "keras-pose[pretrained]) or a file of torchvision's ResNet weights (.pth), as in the published "
        "runs.",
    )
    num_points: int = option(
        64, "Number of 2D points that the projection head predicts; m in Equation 3.", low=1
    )
    projection_width: int = option(512, "Hidden width of the projection head.", low=1)
    # Loss.
    inverse: str = option(
        "affine",
        "How a view is undone on its points: none (SimCLR), official (rotation about the points' mean, "
        "shift by their extent), centered (rotation, points centred) or affine (the exact inverse of "
        "the view's own matrix).",
        choices=INVERSES,
    )
    translation_scale: str = option(
        "extent",
        "What --inverse=official multiplies a shift by: extent of the points (published) or unit, 1.",
        choices=("extent", "unit"),
    )
    center_points: bool = option(
        False, "With --inverse=official: subtract each row's mean point before rows are compared."
    )
    temperature: float = option(
        0.5, "Temperature of NT-Xent; 0.5 in the published code.", low=1e-3, high=100.0
    )
    negatives: str = option(
        "global",
        "Negatives of a row: micro (its own micro-batch on its own replica, as published), global "
        "(all replicas' micro-batches) or bank (global plus a memory of earlier rows).",
        choices=("micro", "global", "bank"),
    )
    bank_size: int = option(4096, "Rows of the memory with --negatives=bank.", low=2)
    # Optimisation.
    optimizer: str = option(
        "adamw",
        "lars_adam (published), lars_sgd or adamw.",
        choices=("lars_adam", "lars_sgd", "adamw"),
    )
    decay_filter: str = option(
        "rank",
        "Which weights are not decayed: rank (all vectors) or names (the published filter).",
        choices=("rank", "names"),
    )
    learning_rate: float = option(
        1e-3,
        "Peak learning rate; published: 1e-4 times the square root of batch times accumulation, "
        "4.5e-3.",
        low=0.0,
    )
    weight_decay: float = option(1e-4, "Weight decay; 1e-6 in the published runs.", low=0.0)
    schedule_end: str = option(
        "clamp",
        "What the cosine does after its end: clamp (stay at zero) or overshoot (rise again, as "
        "published).",
        choices=("clamp", "overshoot"),
    )
    batch_size: int = option(
        128, "Pictures per micro-batch over all replicas, with two views each.", low=2
    )
    accumulation_steps: int = option(
        1, "Micro-batches per update; 16 in the published runs.", low=1
    )
    num_steps: int = option(
        10000, "Total number of updates, rounded up to whole epochs of --steps_per_epoch.", low=1
    )
    warmup_steps: int = option(500, "Updates of linear warm-up.", low=0)

    def __post_init__(self):
        super().__post_init__()
        if self.augmentation == "official" and self.augment_on == "device":
            raise ValueError(
                "--augmentation=official runs on the host; use --augment_on=auto or host."
            )
        if self.augmentation == "official" and self.inverse == "affine":
            raise ValueError(
                "--inverse=affine needs the exact matrix of a view, which --augmentation=official "
                "rounds away; use --augmentation=exact or --inverse=official."
            )
        if self.augmentation == "official":
            self._check_official_views()
        elif self.corrections:
            raise ValueError(
                f"--corrections={self.corrections} needs --augmentation=official; exact views "
                "include all corrections, so omit it."
            )
        if self.inverse != "official" and (
            self.center_points or self.translation_scale != "extent"
        ):
            raise ValueError(
                "--translation_scale and --center_points change only --inverse=official, not "
                f"--inverse={self.inverse}; omit them."
            )
        if self.init == "imagenet" and self.encoder.startswith("resnet"):
            raise ValueError(
                f"--init=imagenet is not available for ResNets; for --encoder={self.encoder} "
                "give the path of torchvision's weights (.pth)."
            )

    @property
    def correction_names(self) -> tuple[str, ...]:
        """What is put right of the published views, of `CORRECTIONS`."""
        return listed(self.corrections)

    def _check_official_views(self):
        """Refuse ranges that the published chain would ignore."""
        fields = type(self).__dataclass_fields__
        for name in _EXACT_VIEWS_ONLY:
            if getattr(self, name) != fields[name].default:
                raise ValueError(
                    f"--{name}={getattr(self, name)} changes only exact views; omit it, or use "
                    "--augmentation=exact."
                )
        corrections = self.correction_names
        unknown = [name for name in corrections if name not in CORRECTIONS]
        if unknown:
            raise ValueError(
                f"--corrections={self.corrections}: {unknown[0]!r} is not one of "
                f"{', '.join(CORRECTIONS)}; correct it."
            )
        if self.angle_range_deg % 1 and "angle" not in corrections:
            raise ValueError(
                f"--angle_range_deg={self.angle_range_deg} must be whole with --augmentation=official; "
                "change it, add --corrections=angle or use --augmentation=exact."
            )
        if self.color_strength not in (0.0, 1.0) and "color" not in corrections:
            raise ValueError(
                f"--color_strength={self.color_strength} must be 0 or 1 with --augmentation=official; "
                "change it, add --corrections=color or use --augmentation=exact."
            )
