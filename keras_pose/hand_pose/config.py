"""Every choice of PeCLR's supervised stage in one frozen dataclass: name, type, default, help."""

import dataclasses
from typing import ClassVar

from keras_pose.hands.options import HandOptions
from keras_pose.train.choices import ENCODERS, IMPORTED_ENCODER
from keras_pose.train.config import option


@dataclasses.dataclass(frozen=True)
class FinetuneConfig(HandOptions):
    """Settings of one fine-tuning run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "hand_pose"
    is_faster_compiled: ClassVar[bool] = False
    groups: ClassVar[dict[str, str]] = {
        "Data": "split",
        "Networks": "encoder",
        "Losses": "loss_2d_weight",
        "Optimisation": "optimizer",
    }

    # Data.
    split: str = option(
        "groups",
        "How validation is split off: groups (sessions, persons) or published (PeCLR's rule for "
        "FreiHAND, which also picks the records of --train_ratio).",
        choices=("groups", "published"),
    )
    train_ratio: float = option(
        1.0,
        "Share of the records whose labels are used; 0.1 to 1 in the semi-supervised runs. Only "
        "with --split=published.",
        low=0.0,
        high=1.0,
    )
    num_labels: int = option(
        0,
        "Number of training records whose labels are used (all if there are fewer); 0 uses "
        "--train_ratio.",
        low=0,
    )
    label_seed: int = option(5, "Seed of the choice of labelled records.", low=0)
    # Networks.
    encoder: str = option(
        "resnet50",
        "Encoder; must be the same as in --init_from. hand_landmark is MediaPipe's, of its "
        "hand_mediapipe.",
        choices=(*ENCODERS, IMPORTED_ENCODER),
    )
    image_size: int = option(128, "Side of the crop in pixels; 224 in the released models.", low=16)
    init_from: str = option(
        "",
        "What to start from: the folder of a pretraining run, of a fine-tuning run on other "
        "labels (including its head), of an imported hand_mediapipe (its head too), or a torch "
        "checkpoint (.pth). Empty starts from --init.",
    )
    init: str = option(
        "random",
        "Encoder weights without --init_from: random, imagenet (not for ResNets) or a file of "
        "torchvision's ResNet weights (.pth).",
    )
    projection: str = option(
        "drop",
        "What to do with the pretrained projection head: drop it (published), hidden (keep its "
        "first layer) or points (keep all of it and read joints from its points).",
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
        "What the head predicts: pixels (released models) or normalized (relative to the crop's "
        "centre, in half sides).",
        choices=("pixels", "normalized"),
    )
    root: str = option(
        "palm_middle",
        "Root joint of relative depths: wrist, palm_middle (between wrist and middle knuckle, released "
        "models) or palm_index.",
        choices=("wrist", "palm_middle", "palm_index"),
    )
    refine_root: bool = option(False, "Refine the solved root depth with a small network.")
    encoder_trainable: bool = option(True, "Train the encoder too, not only the head.")
    freeze_batch_norm: bool = option(
        False, "Keep the encoder's batch statistics and use them in training."
    )
    # Losses.
    loss_2d_weight: float = option(1.0, "Weight of the 2D error.", low=0.0)
    loss_depth_weight: float = option(5.0, "Weight of the relative depth error.", low=0.0)
    loss_root_weight: float = option(
        1.0, "Weight of the refined root depth's error; only with --refine_root.", low=0.0
    )
    # Optimisation.
    optimizer: str = option(
        "adamw",
        "adam (published: coupled weight decay) or adamw.",
        choices=("adam", "adamw"),
    )
    learning_rate: float = option(5e-4, "Peak learning rate; published 5e-4.", low=0.0)
    averaging_momentum: float = option(
        0.0,
        "Momentum of the averaged weights, which are then evaluated and exported; 0 switches "
        "averaging off.",
        low=0.0,
        high=0.99999,
    )

    def __post_init__(self):
        super().__post_init__()
        if self.train_ratio < 1.0 and self.split != "published":
            raise ValueError(
                f"--train_ratio={self.train_ratio} belongs to --split=published; with --split=groups "
                "give --num_labels."
            )
        if self.num_labels and self.train_ratio < 1.0:
            raise ValueError(
                f"--num_labels={self.num_labels} contradicts --train_ratio={self.train_ratio}; "
                "give only one of them."
            )
        if self.encoder == IMPORTED_ENCODER and self.projection != "drop":
            raise ValueError(
                f"--projection={self.projection} contradicts --encoder={self.encoder}, which has no "
                "projection head; omit it."
            )
        if self.init_from and self.init != "random":
            raise ValueError(
                f"--init={self.init} contradicts --init_from={self.init_from}; give only one of "
                "them."
            )
