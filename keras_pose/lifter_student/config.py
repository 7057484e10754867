"""Every choice of the lifter for detected poses in one frozen dataclass: name, type, default, help."""

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

    method: ClassVar[str] = "lifter_student"
    groups: ClassVar[dict[str, str]] = {
        "Teachers": "teachers",
        "Cameras": "pitch",
        "Detector": "missing_share",
        "Network": "width",
        "Losses": "plane_weight",
        "Optimisation": "batch_size",
    }

    # Teachers.
    teachers: str = option(
        "",
        "Lifters to learn from, separated by commas: run folders of keras_pose.tips.train, or version "
        "folders of exported lifters. Of several, the mean is learnt.",
        exists="folders",
    )
    teacher_pitch_deg: float = option(
        12.65,
        "Pitch of the cameras that the teachers and the training poses know, degrees looking down.",
        low=-60.0,
        high=60.0,
    )
    # Cameras.
    pitch: str = option(
        "-20,45",
        "Pitch of the cameras that the lifter must answer for, degrees looking down: one number, or "
        "the lowest and the highest separated by a comma.",
    )
    roll_range_deg: float = option(
        15.0, "Roll of these cameras is drawn from +- this range.", low=0.0, high=90.0
    )
    azimuth_range_deg: float = option(
        20.0, "Poses are turned about the vertical by +- this range.", low=0.0, high=180.0
    )
    other_cameras_share: float = option(
        0.6,
        "Share of the poses that are shown by such a camera: the teachers' 3D, projected. The others "
        "are those of the data as they are.",
        low=0.0,
        high=1.0,
    )
    # Detector.
    missing_share: float = option(
        0.5,
        "Share of the poses that lose joints: half of these at random, half whole limbs and halves.",
        low=0.0,
        high=1.0,
    )
    max_missing: int = option(11, "Most joints that go missing one by one.", low=1, high=11)
    noise_share: float = option(0.5, "Share of the poses that get noise.", low=0.0, high=1.0)
    noise_level: float = option(
        0.03,
        "Noise of a noisy pose is drawn up to this scale, a share of the body's height.",
        low=0.0,
        high=0.2,
    )
    noise_degrees_of_freedom: float = option(
        4.0,
        "Weight of the noise's tails: degrees of freedom of Student's t; 100 is nearly normal.",
        low=1.0,
        high=1000.0,
    )
    noise_of_joints: str = option(
        NOISE_OF_JOINTS, "Noise of each joint relative to the level, in the order of Human3.6M-17."
    )
    # Network.
    width: int = option(256, "Width of every hidden layer.", low=4)
    num_blocks: int = option(3, "Residual blocks.", low=0)
    # Losses.
    plane_weight: float = option(
        0.5, "Weight of the distance in the picture, which fills missing joints in 2D.", low=0.0
    )
    gravity_weight: float = option(
        0.1, "Weight of 1 minus the cosine between estimated and true gravity.", low=0.0
    )
    # Optimisation.
    batch_size: int = option(512, "Global batch size.", low=2)
    num_steps: int = option(20000, "Training steps.", low=1)
    steps_per_epoch: int = option(
        1000, "Steps between evaluations; each evaluation writes a checkpoint.", low=1
    )
    learning_rate: float = option(
        1e-3, "Adam's first learning rate, which falls to 0 along a cosine.", low=0.0
    )
    ema_momentum: float = option(
        0.999, "Momentum of the averaged weights that are exported.", low=0.0, high=0.99999
    )

    def __post_init__(self):
        super().__post_init__()
        low, high = self.pitch_range_deg
        if not -60.0 <= low <= high <= 60.0:
            raise ValueError(
                f"--pitch={self.pitch} is no pitch; give degrees in [-60, 60], or the lowest and the "
                "highest separated by a comma."
            )
        parse_joint_noise(self.noise_of_joints)
        if self.input_2d == "orthographic":
            raise ValueError(
                "--input_2d=orthographic has no cameras that could be tilted; use "
                "--input_2d=projected."
            )

    @property
    def pitch_range_deg(self) -> tuple[float, float]:
        """Lowest and highest pitch in degrees; (nan, nan) where `pitch` holds no one or two numbers."""
        try:
            ends = [float(word) for word in self.pitch.split(",")]
        except ValueError:
            ends = []
        return (ends[0], ends[-1]) if len(ends) in (1, 2) else (float("nan"), float("nan"))


@dataclasses.dataclass(frozen=True)
class ExportConfig(export_settings.ExportConfig):
    """Settings of one export; field = flag.

    Raises:
        ValueError: if a value is out of range or no format.
    """

    min_score: float = option(
        0.2,
        "Joints with a lower score count as missing in the signatures that take scores.",
        low=0.0,
        high=1.0,
    )
    root_elevation_deg: float = option(
        2.0,
        "How far above the optical axis the lifter is used to see people, degrees: lift_camera turns a "
        "known camera until they stand there. Between the 4 of the training set's cameras and the 0 of "
        "those that were made.",
        low=-45.0,
        high=45.0,
    )
    flip_test: bool = option(
        True,
        "Answer the mean over a pose and its mirror image, which takes up to twice as long.",
    )
    num_hypotheses: int = option(
        5, "Answers of the signature lift_many, likeliest first.", low=1, high=256
    )
    hypothesis_noise: float = option(
        0.02,
        "Noise that decides in lift_many which limbs might be in front or behind, a share of the body's "
        "height.",
        low=0.0,
        high=0.2,
    )
