"""What `python -m keras_pose.predict` can be told."""

import dataclasses
import os
import re
from typing import Any

from keras_pose.export.versions import version_folder
from keras_pose.train.config import check_ranges, listed, option

POSE_FORMATS = ("json", "csv", "npz", "coco", "bvh")
KEYPOINT_TOOLS = ("mediapipe", "openpose", "alphapose", "coco", "deeplabcut", "sleap")


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """What is predicted, and what is known of person and camera; field = flag.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    saved_model: str = option(
        "",
        "Hand or body network: savedmodels/<name>, or one <version> folder in it.",
        exists="folder",
    )
    hands: str = option(
        "",
        "The same for a hand network, used together with a body network in --saved_model: hands "
        "are searched for at the ends of the forearms and attached to the wrists.",
        exists="folder",
    )
    pictures: str = option(
        "",
        "A picture, a folder of pictures (with its subfolders), or a video.",
        exists="either",
    )
    lift: str = option(
        "",
        "Lifter, savedmodels/tips_cmu or one of its versions: lifts the 2D poses that the body network "
        "in --saved_model finds, or those in --keypoints.",
        exists="folder",
    )
    keypoints: str = option(
        "",
        "With --lift, instead of pictures: what a detector wrote. MediaPipe landmarks, OpenPose's file "
        "or folder, AlphaPose's or COCO results (.json), DeepLabCut's or SLEAP's table (.csv).",
        exists="either",
    )
    keypoints_tool: str = option(
        "auto", "Whose --keypoints are; auto finds out.", choices=("auto", *KEYPOINT_TOOLS)
    )
    picture_size: str = option(
        "",
        "Width and height in pixels of the pictures that --keypoints belong to, such as 640x480; "
        "MediaPipe's need it.",
    )
    frames_per_second: float = option(30.0, "Rate of a film of --keypoints.", low=0.1, high=1000.0)
    webcam: int = option(-1, "Instead: the number of a camera; -1 for none.", low=-1, high=99)
    max_frames: int = option(0, "Maximum number of frames of a video or camera; 0 for all.", low=0)
    output: str = option("", "Folder to write to.")
    boxes: str = option(
        "",
        "Tight boxes of hands or whole persons: a .csv with rows name,x,y,width,height, "
        "optionally followed by left or right, or a .json, as for keras_pose.data.prepare, or one "
        "x,y,width,height for all pictures, or for the first frame of a video; empty uses the "
        "whole picture.",
    )
    finder: str = option(
        "auto",
        "Without --boxes: folder of a finder, whose boxes are used; auto uses find_hands or "
        "find_people next to --saved_model if there is one; none uses whole pictures.",
    )
    look_closer: str = option(
        "auto",
        "Where a finder looks for persons: auto and always look at parts of the picture too, where the "
        "smaller ones of a crowd are found, auto unless one person fills the picture; never looks at the "
        "whole picture once.",
        choices=("auto", "always", "never"),
    )
    side: str = option(
        "auto",
        "Which hands: auto means right for a hand network alone and both with a body; for both "
        "with a hand network alone, the boxes say which.",
        choices=("auto", "right", "left", "both"),
    )
    focal_px: float = option(
        0.0,
        "Focal length in pixels of the picture; the picture's centre is the principal point.",
        low=0.0,
    )
    assume_fov_deg: float = option(
        0.0,
        "Instead: assume a lens with this field of view over the picture's longer side, in "
        "degrees. Positions are only as accurate as this assumption.",
        low=0.0,
        high=150.0,
    )
    intrinsics: str = option(
        "",
        "Instead: file of the camera matrix, a .json or a text file with 3 rows of 3 numbers, in "
        "pixels of the upright picture, where the first pixel's centre is (0.5, 0.5). Without any "
        "of the three, 3D is relative to the root.",
        exists="file",
    )
    bone_length_m: float = option(
        0.0,
        "Known length in metres, as described in --saved_model's metadata.json: one bone of a "
        "hand, or 14 bones of a body together. By default the typical length is assumed.",
        low=0.0,
        high=10.0,
    )
    height_m: float = option(0.0, "For a body, instead: its height in metres.", low=0.0, high=3.0)
    hand_bone_length_m: float = option(
        0.0,
        "Known length in metres, as described in the metadata.json of --hands. By default hands "
        "scale with the body: 0.108 of the height.",
        low=0.0,
        high=1.0,
    )
    format: str = option(
        "json", f"Formats of the pose files, separated by commas: {', '.join(POSE_FORMATS)}."
    )
    bvh_positions: bool = option(
        False, "Position channels for every joint of a BVH file: exact even if bone lengths change."
    )
    overlay: bool = option(True, "Draw what was found: a .jpg per picture, an .mp4 per video.")
    page: bool = option(True, "Write poses.html, in which the poses can be rotated.")
    smooth: bool = option(
        False,
        "Smooth the poses of a video with a One-Euro filter. Do not use this to measure accuracy.",
    )
    smooth_min_cutoff: float = option(
        1.0, "Cutoff of the filter at rest, Hz; lower is smoother.", low=0.001, high=1000.0
    )
    smooth_beta: float = option(
        2.0,
        "Increase of the filter's cutoff, Hz, with speed in pose sizes per second; higher lags "
        "less.",
        low=0.0,
        high=1000.0,
    )
    min_score: float = option(
        0.2,
        "Joints with a lower score are not drawn, do not guide a video's box, and get COCO's flag "
        "1.",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self):
        check_ranges(self)
        _only_one(self, "focal_px", "assume_fov_deg", "intrinsics")
        _only_one(self, "bone_length_m", "height_m")
        if self.pictures and self.webcam >= 0:
            raise ValueError(
                "--pictures and --webcam contradict each other; give only one of them."
            )
        unknown = [name for name in self.formats if name not in POSE_FORMATS]
        if unknown or not self.formats:
            raise ValueError(
                f"--format={self.format} names no format; give one or more of "
                f"{', '.join(POSE_FORMATS)}, separated by commas."
            )
        if self.picture_size and not self.picture_width_height:
            raise ValueError(
                f"--picture_size={self.picture_size} is not a width and height; write it like 640x480."
            )
        if self.hand_bone_length_m and not self.hands:
            raise ValueError("--hand_bone_length_m needs --hands; give --bone_length_m instead.")

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which there are none.

        Raises:
            ValueError: if model, pictures or output are not named, or there is no such model.
        """
        needed = ("saved_model", "output") + (("pictures",) if self.webcam < 0 else ())
        is_looking = bool(self.saved_model or self.pictures) or self.webcam >= 0
        if self.keypoints or (self.lift and not is_looking):
            self._check_lifting()
            needed = ("lift", "keypoints", "output")
        elif self.lift:
            self.check_lifted_pictures()
        for flag in needed:
            if not getattr(self, flag):
                raise ValueError(f"--{flag} is empty; give a value.")
        for flag in ("saved_model", "hands", "finder", "lift"):
            place = getattr(self, flag)
            if place and not (flag == "finder" and place in ("auto", "none")):
                try:
                    version_folder(place)
                except ValueError as error:
                    raise ValueError(f"--{flag}={error}") from None
        if self.boxes.endswith((".csv", ".json")) and not os.path.isfile(self.boxes):
            raise ValueError(f"--boxes={self.boxes}: there is no such file; correct the path.")

    def _check_lifting(self):
        given = [
            f"--{name}" for name in ("saved_model", "hands", "pictures") if getattr(self, name)
        ]
        given += ["--webcam"] if self.webcam >= 0 else []
        if given:
            raise ValueError(
                f"{given[0]} is for pictures, and --keypoints has 2D poses already; give only one of "
                "them."
            )

    def check_lifted_pictures(self) -> None:
        """Refuse what cannot be lifted.

        Raises:
            ValueError: if hands are wanted too.
        """
        if self.hands:
            raise ValueError(
                "--hands are attached to a body with metres of its own, not to one of --lift; omit one."
            )

    @property
    def picture_width_height(self) -> tuple[int, int] | None:
        """Width and height of `picture_size`, px; None where it says none."""
        parts = re.fullmatch(r"\s*([1-9]\d{0,5})\s*[x,]\s*([1-9]\d{0,5})\s*", self.picture_size)
        return (int(parts[1]), int(parts[2])) if parts else None

    @property
    def formats(self) -> tuple[str, ...]:
        """The names in `format`, each once."""
        return listed(self.format)


def _only_one(config, *names):
    given = [f"--{name}" for name in names if getattr(config, name)]
    if len(given) > 1:
        raise ValueError(
            f"{' and '.join(given)} contradict each other; give only the one that you know."
        )
