"""The choices that lifters share: which poses, how they are scaled, which camera sees them."""

import dataclasses
import math
import re
from typing import Any, ClassVar

from keras_pose.skeletons import H36M_17
from keras_pose.train.config import check_ranges, listed, option

JOINT_ORDERS = (
    "coco_17",
    "mpii_16",
    "h36m_17",
    "mpii_16_spine",
    "h36m_17_right_arm_first",
    "h36m_32",
    "mpi_inf_3dhp_17",
    "mpi_inf_3dhp_28",
    "body_33_mediapipe",
)
"""Joint orders from which Human3.6M's 17 can be made."""

NOISE_OF_JOINTS = "0.8,0.9,1,1.2,0.9,1,1.2,0.8,0.8,0.8,0.9,0.8,1.1,1.4,0.8,1.1,1.4"
"""Relative noise of joints, Human3.6M-17: small at the trunk, large at hands and feet. Guessed, not
measured; benchmarks.detector_noise measures a detector's."""


def parse_joint_noise(text: str) -> tuple[float, ...]:
    """Read the numbers of `--noise_of_joints`.

    Args:
        text: one number per joint of Human3.6M-17, separated by commas.

    Returns:
        The numbers.

    Raises:
        ValueError: if these are not 17 numbers of at least 0.
    """
    try:
        values = [float(word) for word in text.split(",")]
    except ValueError:
        values = []
    if len(values) != H36M_17.num_joints or not all(0.0 <= value < math.inf for value in values):
        raise ValueError(
            f"--noise_of_joints={text} is not {H36M_17.num_joints} numbers of at least 0; give one "
            "per joint of Human3.6M-17, separated by commas."
        )
    return tuple(values)


class TaughtChoices:
    """What follows from the choices of a lifter that learns from teachers; it has no choices of its own.

    Attributes:
        teachers: folders, separated by commas.
        noise_of_joints: as `parse_joint_noise` takes it.
    """

    teachers: str
    noise_of_joints: str

    def check_command(self, *others: Any) -> None:
        """Refuse a command without a teacher, before TensorFlow is imported.

        Args:
            *others: further settings of the command.

        Raises:
            ValueError: if no teacher is named.
        """
        if not self.teachers:
            raise ValueError("--teachers is empty; name a lifter, such as savedmodels/tips_cmu/1.")

    @property
    def teacher_folders(self) -> tuple[str, ...]:
        """The folders in `teachers`, each once."""
        return listed(self.teachers)

    @property
    def joint_noise(self) -> tuple[float, ...]:
        """The numbers in `noise_of_joints`."""
        return parse_joint_noise(self.noise_of_joints)


@dataclasses.dataclass(frozen=True)
class LiftingOptions:
    """Settings of a lifter's data and camera; field = flag = attribute.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    groups: ClassVar[dict[str, str]] = {
        "Data": "dataset",
        "Geometry": "geometry",
        "Optimisation": "seed",
    }

    # Data.
    dataset: str = option(
        "cmu",
        "Source of poses: cmu (train.npz and val.npz in --data_dir), generated (no data needed), "
        "bvh (folder), h36m, mpi_inf_3dhp or keypoints (only 2D poses).",
        choices=("cmu", "generated", "bvh", "h36m", "mpi_inf_3dhp", "keypoints"),
    )
    picture_size: str = option(
        "",
        "For --dataset=keypoints with coordinates between 0 and 1, as MediaPipe writes them: the "
        "pictures' width and height in pixels, such as 640x480.",
    )
    skeleton: str = option(
        "auto",
        "For --dataset=keypoints: joint order of the files. auto takes the joints' names where the "
        "files have them, else COCO's order for JSON, MPII's for 16 joints and Human3.6M's for 17.",
        choices=("auto", *JOINT_ORDERS),
    )
    input_2d: str = option(
        "projected",
        "2D poses that the lifter sees: projected (camera pixels) or orthographic (x, y of the 3D "
        "label, as the author trains and evaluates).",
        choices=("projected", "orthographic"),
    )
    train_stride: int = option(1, "Use every n-th training frame.", low=1)
    val_stride: int = option(4, "Use every n-th validation frame.", low=1)
    num_generated_frames: int = option(
        20000, "Frames of generated motion with --dataset=generated.", low=100
    )
    allow_pickle: bool = option(
        False, "Read pickled arrays in Human3.6M and 3DHP files, with the restricted unpickler."
    )
    # Geometry.
    geometry: str = option(
        "perspective",
        "Camera model of the lifting cycle: orthographic (the paper) or perspective (the pose stands "
        "--camera_distance in front of the camera).",
        choices=("orthographic", "perspective"),
    )
    camera_distance: float = option(
        6.0,
        "Distance of the pelvis from the camera in the lifter's unit (the pose's scale); only "
        "with perspective geometry. ElePose uses 10 with the head-root length as the unit.",
        low=2.0,
    )
    root_elevation_deg: float = option(
        0.0,
        "Mean angle of people's root above the optical axis; only with perspective geometry. "
        "Known from the cameras of the training set, like the pitch.",
        low=-45.0,
        high=45.0,
    )
    scale_rule: str = option(
        "max_abs",
        "Scale of each 2D pose: max_abs (author) or root_mean_square (smooth).",
        choices=("max_abs", "root_mean_square"),
    )
    # Order.
    seed: int = option(0, "Seed of weights, views, shuffling and virtual cameras.", low=0)

    def __post_init__(self):
        check_ranges(self)
        if self.geometry == "perspective" and self.input_2d == "orthographic":
            raise ValueError(
                "--geometry=perspective contradicts --input_2d=orthographic; use --input_2d=projected."
            )
        if self.picture_size and not self.picture_width_height:
            raise ValueError(
                f"--picture_size={self.picture_size} is not a width and height; give two numbers such "
                "as 640x480."
            )
        for name in ("picture_size", "skeleton"):
            value = getattr(self, name)
            # The default may turn out to be keypoints, see `keras_pose.lifting.sources`.
            if value not in ("", "auto") and self.dataset not in ("keypoints", "cmu"):
                raise ValueError(
                    f"--{name}={value} is only for --dataset=keypoints, not for "
                    f"--dataset={self.dataset}; omit it."
                )

    @property
    def picture_width_height(self) -> tuple[int, int] | None:
        """Width and height of `picture_size`, px; None where it says none."""
        parts = re.fullmatch(r"\s*([1-9]\d{0,5})\s*[x,]\s*([1-9]\d{0,5})\s*", self.picture_size)
        return (int(parts[1]), int(parts[2])) if parts else None
