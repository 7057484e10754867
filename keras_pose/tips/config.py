"""Every choice of TIPS in one frozen dataclass: name, type, default, help.

Defaults are what we recommend; the recipes `flags/tips/parity_*.flags` hold the author's values.
Section numbers in the help are those of `docs/tips.md`.
"""

import dataclasses
import math
from typing import ClassVar

from keras_pose.lifting.options import LiftingOptions
from keras_pose.serving import export_settings
from keras_pose.train.config import option

PITCH_NONE, PITCH_LEARNT = "none", "learnt"
WEIGHTS = ("last", "picked")


@dataclasses.dataclass(frozen=True)
class Config(LiftingOptions):
    """Settings of one TIPS run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "tips"
    is_faster_compiled: ClassVar[bool] = False
    groups: ClassVar[dict[str, str]] = {
        "Models": "model",
        "Geometry": "renormalize_views",
        "Networks": "split",
        "Losses": "adversary",
        "Optimisation": "batch_size",
    }
    renamed: ClassVar[dict[str, str]] = {"teacher_dir": "teacher"}

    model: str = option(
        "adversarial",
        "What to train: the adversarial lifter, the student distilled from one, or the supervised "
        "upper bound (needs 3D labels).",
        choices=("adversarial", "student", "supervised"),
    )
    # Geometry.
    renormalize_views: bool = option(
        False,
        "Scale rotated poses like real ones before the discriminator and the re-lifting see them; the "
        "author does not.",
    )
    pitch: str = option(
        "12.65",
        "Pitch of the cameras, which makes the world's vertical the axis of rotation: none "
        "(rotate about the camera's y axis, as the paper does), degrees looking down, or learnt.",
    )
    azimuth_range_deg: float = option(
        160.0,
        "Azimuth is drawn from +- this range; 8/9 pi in the author's code.",
        low=0.0,
        high=180.0,
    )
    elevation_range_deg: float = option(
        10.0, "Elevation is drawn from +- this range around the pitch.", low=0.0, high=90.0
    )
    view_draw: str = option(
        "sample",
        "Draw one rotation per sample or, like the author, per batch.",
        choices=("sample", "batch"),
    )
    mirror: str = option(
        "swap",
        "Mirroring with probability 1/2: swap (left and right are swapped too), raw (author: "
        "joints keep their names) or none.",
        choices=("swap", "raw", "none"),
    )
    mirror_draw: str = option(
        "sample",
        "Mirror single samples or, like the author, whole batches.",
        choices=("sample", "batch"),
    )
    # Networks.
    split: str = option(
        "legs_torso",
        "Independent generators: legs_torso (the paper), whole (solo baseline) or five (two legs, two "
        "arms, torso with head).",
        choices=("legs_torso", "whole", "five"),
    )
    width: int = option(1024, "Width of every hidden layer.", low=4)
    num_blocks: int = option(
        3,
        "Residual blocks of each generator. For equal capacity, the solo baseline has twice as "
        "many as legs_torso.",
        low=0,
    )
    discriminator_width: int = option(0, "Width of the discriminator; 0 means --width.", low=0)
    discriminator_blocks: int = option(3, "Residual blocks of the discriminator.", low=0)
    norm: str = option(
        "affine",
        "Normalisation in generators: affine (equivalent to the author's inactive batch "
        "normalisation), batch or none.",
        choices=("affine", "batch", "none"),
    )
    activation: str = option("relu", "Hidden activation.", choices=("relu", "leaky_relu"))
    dropout: float = option(
        0.0, "Dropout rate in the blocks; inactive in the author's runs.", low=0.0, high=0.9
    )
    depth_activation: str = option(
        "linear", "Activation of the depths: tanh (author) or linear.", choices=("tanh", "linear")
    )
    # Losses.
    prior: str = option(
        "discriminator",
        "What judges turned poses: discriminator (the paper), flow (a normalising flow over 2D poses, "
        "trained beside the lifter on real poses alone) or both.",
        choices=("discriminator", "flow", "both"),
    )
    flow_split: str = option(
        "legs_torso",
        "Parts of the body with a flow each, as --split; whole is one flow over the body.",
        choices=("legs_torso", "whole", "five"),
    )
    flow_couplings: int = option(8, "Affine couplings of each flow.", low=1)
    flow_width: int = option(128, "Width of the hidden layers of each coupling.", low=4)
    flow_noise: float = option(
        0.02, "Noise on the poses that the flow learns, in units of the pose's scale.", low=0.001
    )
    flow_steps_ahead: int = option(
        0, "Steps at the beginning in which the flow learns and the lifter rests.", low=0
    )
    flow_weight: float = option(
        0.1, "Weight of the flow's negative log-likelihood, nats per coordinate.", low=0.0
    )
    adversary: str = option(
        "least_squares", "Adversarial loss.", choices=("least_squares", "cross_entropy")
    )
    real_label: float = option(
        1.0, "Target of real poses; 0.8 in the author's cross-entropy runs.", low=0.5, high=1.0
    )
    label_exchange: float = option(
        10.0 / 99.0,
        "Probability that a batch's real and fake labels are swapped; 10/99 in the author's code.",
        low=0.0,
        high=0.5,
    )
    adversarial_weight: float = option(
        1.0,
        "Weight of the adversarial term, divided among parts by their number of joints.",
        low=0.0,
    )
    adversarial_views: str = option(
        "turned",
        "Views the generators must make look real: turned (the random one, as in the paper) or all (the "
        "three quarter turns too).",
        choices=("turned", "all"),
    )
    reprojection_weight: float = option(10.0, "Weight of the 2D self-consistency.", low=0.0)
    reprojection_error: str = option(
        "squared",
        "2D self-consistency: squared (TIPS) or absolute (ElePose).",
        choices=("squared", "absolute"),
    )
    ninety_degree_weight: float = option(
        3.0, "Weight of the consistency under rotations by 90, -90 and 180 degrees.", low=0.0
    )
    three_d_weight: float = option(0.0, "Weight of the 3D consistency of ElePose.", low=0.0)
    deformation_weight: float = option(0.0, "Weight of ElePose's deformation consistency.", low=0.0)
    bone_ratio_weight: float = option(
        0.3,
        "Weight of the prior that bone proportions are the same in every pose; 50 in ElePose.",
        low=0.0,
    )
    bone_ratios: str = option(
        "learnt",
        "Proportions of the bone-ratio prior: learnt (together with the lifter, left equal to "
        "right, without prior knowledge) or elepose, its table measured on Human3.6M.",
        choices=("learnt", "elepose"),
    )
    bone_ratio_learning_rate: float = option(
        1e-2, "Adam's learning rate of learnt bone ratios.", low=0.0
    )
    # Optimisation.
    batch_size: int = option(8192, "Global batch size.", low=2)
    accumulation_steps: int = option(
        1, "Micro-batches of --batch_size whose mean gradient makes one update.", low=1
    )
    num_steps: int = option(30000, "Training steps.", low=1)
    steps_per_epoch: int = option(
        500, "Steps between evaluations; each evaluation writes a checkpoint.", low=1
    )
    learning_rate: float = option(2e-4, "Adam's learning rate of the generators.", low=0.0)
    discriminator_learning_rate: float = option(
        0.0, "Adam's learning rate of the discriminator; 0 means --learning_rate.", low=0.0
    )
    flow_learning_rate: float = option(1e-3, "Adam's learning rate of the flow.", low=0.0)
    pitch_learning_rate: float = option(
        1e-3, "Adam's learning rate of the camera pitch with --pitch=learnt, radians.", low=0.0
    )
    learning_rate_schedule: str = option(
        "cosine",
        "constant (author) or cosine to zero over --num_steps.",
        choices=("constant", "cosine"),
    )
    adam_beta_1: float = option(0.9, "First-moment decay of every Adam.", low=0.0, high=0.999)
    ema_momentum: float = option(
        0.999,
        "Momentum of the averaged generator weights, which are then evaluated and exported; 0 "
        "switches averaging off.",
        low=0.0,
        high=0.99999,
    )
    precision: str = option(
        "float32", "Keras dtype policy.", choices=("float32", "mixed_bfloat16", "float64")
    )
    teacher_mirrored: bool = option(
        True,
        "The student learns the mean of the teacher's depths for a pose and for its mirror image, which "
        "cancels part of the teacher's noise; the author's student learns the plain depths.",
    )
    teacher: str = option("", "Run folder of the adversarial teacher for --model=student.")

    def __post_init__(self):
        super().__post_init__()
        if self.pitch not in (PITCH_NONE, PITCH_LEARNT):
            try:
                degrees = float(self.pitch)
            except ValueError:
                degrees = math.nan
            if not -60.0 <= degrees <= 60.0:
                raise ValueError(
                    f"--pitch={self.pitch} is not a pitch; give none, learnt or degrees in [-60, "
                    "60]."
                )
        if self.model == "student" and not self.teacher:
            raise ValueError("--model=student needs --teacher, the run folder of its teacher.")
        if self.model != "student" and self.teacher:
            raise ValueError(
                f"--teacher contradicts --model={self.model}; only --model=student has a teacher."
            )
        if self.geometry == "perspective" and self.depth_activation == "tanh":
            raise ValueError(
                "--depth_activation=tanh belongs to --geometry=orthographic; use "
                "--depth_activation=linear."
            )
        if self.dataset == "keypoints" and (
            self.model == "supervised" or self.input_2d == "orthographic"
        ):
            raise ValueError(
                "--dataset=keypoints has no 3D labels; use --model=adversarial or student and "
                "--input_2d=projected."
            )


@dataclasses.dataclass(frozen=True)
class ExportConfig(export_settings.ExportConfig):
    """Settings of one export; field = flag.

    Raises:
        ValueError: if a value is out of range or no format.
    """

    weights: str = option(
        "last", "Weights to export: last, or picked by the stop rule.", choices=WEIGHTS
    )
