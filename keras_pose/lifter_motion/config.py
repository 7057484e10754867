"""Every choice of the lifter of films in one frozen dataclass: name, type, default, help."""

import dataclasses
from typing import ClassVar

from keras_pose.lifting.options import (
    NOISE_OF_JOINTS,
    LiftingOptions,
    TaughtChoices,
    parse_joint_noise,
)
from keras_pose.serving import export_settings
from keras_pose.train.config import option


@dataclasses.dataclass(frozen=True)
class Config(LiftingOptions, TaughtChoices):
    """Settings of one run; field = flag = constructor argument = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    method: ClassVar[str] = "lifter_motion"
    groups: ClassVar[dict[str, str]] = {
        "Teachers": "teachers",
        "Films": "num_frames",
        "Detector": "missing_share",
        "Network": "num_waves",
        "Losses": "plane_weight",
        "Optimisation": "batch_size",
    }

    # Data, of which only motion makes films.
    dataset: str = option(
        "cmu",
        "Source of motion: cmu (train.npz and val.npz in --data_dir), generated (no data needed), bvh "
        "(folder) or h36m.",
        choices=("cmu", "generated", "bvh", "h36m"),
    )
    train_stride: int = option(1, "Use every n-th window of frames for training.", low=1)
    val_stride: int = option(1, "Use every n-th film for validation.", low=1)
    # Teachers.
    teachers: str = option(
        "",
        "Lifters of single frames to learn from, separated by commas: run folders of "
        "keras_pose.tips.train, or version folders of exported lifters. Of several, the mean is learnt.",
        exists="folders",
    )
    # Films.
    num_frames: int = option(
        27, "Frames that the lifter sees at once; 1 is a lifter of single frames.", low=1, high=243
    )
    answer: str = option(
        "last",
        "Frame of the window that is lifted: last (causal, for streams) or middle (centred, for films).",
        choices=("last", "middle"),
    )
    frames_per_second: float = option(
        30.0, "Rate of the films; data of a higher rate are thinned to the nearest.", low=1.0
    )
    num_headings: int = option(
        1,
        "Times that each training clip is filmed, the person facing another way each time.",
        low=1,
    )
    # Detector.
    missing_share: float = option(
        0.3,
        "Share of the windows that lose joints: half of these at random, half whole limbs and halves.",
        low=0.0,
        high=1.0,
    )
    max_missing: int = option(8, "Most joints that go missing one by one.", low=1, high=11)
    dropped_share: float = option(
        0.03, "Share of the earlier and later frames that are dropped.", low=0.0, high=1.0
    )
    edge_share: float = option(
        0.15,
        "Share of the windows that reach beyond the beginning or end of a film.",
        low=0.0,
        high=1.0,
    )
    noise_share: float = option(0.9, "Share of the windows that get noise.", low=0.0, high=1.0)
    noise_level: float = option(
        0.04,
        "Noise of a noisy window is drawn up to this scale, a share of the body's height.",
        low=0.0,
        high=0.2,
    )
    noise_degrees_of_freedom: float = option(
        4.0,
        "Weight of the noise's tails: degrees of freedom of Student's t; 100 is nearly normal.",
        low=1.0,
        high=1000.0,
    )
    noise_memory: float = option(
        0.8,
        "Correlation of the noise of two successive frames is drawn up to this; detectors err alike on "
        "frames that look alike.",
        low=0.0,
        high=0.999,
    )
    noise_of_joints: str = option(
        NOISE_OF_JOINTS, "Noise of each joint relative to the level, in the order of Human3.6M-17."
    )
    # Network.
    num_waves: int = option(
        8,
        "Cosines over the window in which the network sees how joints move, beside the answered frame: "
        "noise that is quicker does not reach it.",
        low=1,
    )
    width: int = option(512, "Width of every hidden layer.", low=4)
    num_blocks: int = option(2, "Residual blocks.", low=0)
    # Losses.
    plane_weight: float = option(
        0.5, "Weight of the distance in the picture, which fills missing joints in 2D.", low=0.0
    )
    bone_weight: float = option(
        0.1,
        "Weight of the squared deviation of bone proportions from those of the film's person.",
        low=0.0,
    )
    smooth_weight: float = option(
        0.5, "Weight of the acceleration of successive answers, in sizes of the pose.", low=0.0
    )
    # Optimisation.
    batch_size: int = option(64, "Global batch size, each of three successive windows.", low=2)
    num_steps: int = option(20000, "Training steps.", low=1)
    steps_per_epoch: int = option(
        5000, "Steps between evaluations; each evaluation writes a checkpoint.", low=1
    )
    learning_rate: float = option(
        1e-3, "Adam's first learning rate, which falls to 0 along a cosine.", low=0.0
    )
    ema_momentum: float = option(
        0.999, "Momentum of the averaged weights that are exported.", low=0.0, high=0.99999
    )

    def __post_init__(self):
        super().__post_init__()
        parse_joint_noise(self.noise_of_joints)
        if self.input_2d == "orthographic":
            raise ValueError(
                "--input_2d=orthographic is no film of a camera; use --input_2d=projected."
            )
        if self.answer == "middle" and not self.num_frames % 2:
            raise ValueError(
                f"--num_frames={self.num_frames} has no middle frame; give an odd number, or "
                "--answer=last."
            )

    @property
    def answered(self) -> int:
        """Index of the frame in a window that is lifted."""
        return self.num_frames - 1 if self.answer == "last" else self.num_frames // 2


@dataclasses.dataclass(frozen=True)
class ExportConfig(export_settings.ExportConfig):
    """Settings of one export; field = flag.

    Raises:
        ValueError: if a value is out of range or no format.
    """

    min_score: float = option(0.2, "Joints with a lower score count as missing.", low=0.0, high=1.0)
