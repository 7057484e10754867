"""2D poses of any detector as Human3.6M-17 joints with scores, missing joints and all.

`keypoints_2d` reads complete poses to train on; here nobody is left out, since a lifter that is told
what is missing fills it in.
"""

import dataclasses
import os
from collections.abc import Sequence

import numpy as np

from keras_pose.data.labels.missing_joints import missing_joints
from keras_pose.data.motion.detection_files import ADVICE, Detection, read_detection_file
from keras_pose.skeletons import (
    COCO_17,
    H36M_17,
    MPII_16,
    Skeleton,
    by_name,
    convert,
    converters,
    plain_joint_name,
)


@dataclasses.dataclass(frozen=True)
class Detections:
    """People in frames, as a detector saw them.

    Attributes:
        points_px: float32 `[N, 17, 2]`, Human3.6M-17, px, x right, y down; 0 where missing.
        score: float32 `[N, 17]` in [0, 1]; 0 where missing.
        frames: name of the picture or number of the frame of each, as text.
        persons: number of the person of each, from 0.
        tool: which tool wrote them.
        is_film: whether frames follow each other in time.
    """

    points_px: np.ndarray
    score: np.ndarray
    frames: tuple[str, ...]
    persons: tuple[int, ...]
    tool: str
    is_film: bool

    def __len__(self) -> int:
        """Return the number of people in all frames."""
        return len(self.points_px)


def load_detections(
    path: str | os.PathLike[str],
    tool: str = "auto",
    picture_size: tuple[float, float] | None = None,
) -> Detections:
    """Read the people that a detector found.

    Args:
        path: MediaPipe landmarks, OpenPose's file or folder, AlphaPose's or COCO results (.json), or
            DeepLabCut's or SLEAP's table (.csv).
        tool: as in `detection_files.DetectionFile`, or "auto".
        picture_size: width and height in px of the pictures, by which MediaPipe's shares are multiplied.

    Returns:
        Everybody in it. A joint is missing where the tool wrote nothing, (0, 0), (-1, -1) or a score of
        0; joints that Human3.6M has and the tool has not are made from the others or missing.

    Raises:
        ValueError: if the file is missing, damaged, of another tool or of none, has scores above 1 or
            below 0, names joints of no known order, or lacks `picture_size` where it needs one.

    Example:
        >>> import json, pathlib, tempfile
        >>> from keras_pose.data.motion import load_detections
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "results.json"
        >>> keypoints = [100.0, 50.0, 0.9] * 16 + [0.0, 0.0, 0.0]
        >>> people = [{"image_id": 7, "category_id": 1, "keypoints": keypoints, "score": 0.8}]
        >>> _ = path.write_text(json.dumps(people))
        >>> found = load_detections(path)
        >>> found.tool, found.frames, int((found.score[0] == 0).sum())
        ('coco', ('7',), 1)
    """
    file = read_detection_file(path, tool)
    if file.tool == "mediapipe" and picture_size is None:
        raise ValueError(
            f"{path}: MediaPipe writes shares of the picture; give --picture_size, such as 640x480."
        )
    unit = (
        np.ones(2) if file.tool != "mediapipe" or picture_size is None else np.array(picture_size)
    )
    poses = [_to_h36m(os.fspath(path), detection, unit) for detection in file.detections]
    points = np.stack([points for points, _ in poses]).astype(np.float32)
    score = np.stack([score for _, score in poses]).astype(np.float32)
    return Detections(
        points,
        score,
        tuple(detection.frame for detection in file.detections),
        tuple(detection.person for detection in file.detections),
        file.tool,
        file.is_film,
    )


def _to_h36m(path: str, detection: Detection, unit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Joints `[17, 2]` in px and their scores `[17]`, zeros where missing."""
    source, rows = _order(path, detection.names)
    table = np.full((source.num_joints, 3), np.nan)
    for joint, row in rows.items():
        table[joint] = detection.values[row]
    points, score = table[:, :2] * unit, table[:, 2]
    known = np.isfinite(points).all(axis=-1)
    known &= ~missing_joints(np.where(known[:, None], points, np.inf))
    score = np.where(known, np.where(np.isnan(score), 0.0, score), 0.0)
    if (score < 0).any() or (score > 1).any():
        raise ValueError(
            f"{path}: frame {detection.frame} has the score {score[np.argmax(np.abs(score - 0.5))]:g}; "
            "scores lie between 0 and 1, so give another file or divide them."
        )
    points[score == 0] = np.nan
    # A joint made of others is as sure as the least sure of them.
    made_of, _ = convert(np.eye(source.num_joints), source, H36M_17)
    converted, _ = convert(points, source, H36M_17)
    scores = np.where(made_of != 0, score, np.inf).min(axis=-1)
    is_there = np.isfinite(converted).all(axis=-1) & (scores > 0)
    return np.where(is_there[:, None], converted, 0.0), np.where(is_there, scores, 0.0)


def _order(path: str, names: Sequence[str]) -> tuple[Skeleton, dict[int, int]]:
    """Find the joint order that has most of the names: its rows to the file's."""
    plain = {plain_joint_name(name): row for row, name in enumerate(names)}
    sources = [by_name(source) for source, target in converters() if target == H36M_17.name]
    best: tuple[Skeleton, dict[int, int]] = (H36M_17, {})
    # COCO and MPII before their relatives, since among equals the first counts.
    for skeleton in (COCO_17, H36M_17, MPII_16, *sources):
        found = {
            joint: plain[plain_joint_name(name)]
            for joint, name in enumerate(skeleton.joints)
            if plain_joint_name(name) in plain
        }
        if len(found) > len(best[1]):
            best = (skeleton, found)
    if len(best[1]) < 6:
        raise ValueError(
            f"{path}: its joints ({', '.join(list(names)[:4])}, ...) are not those of a person; name 6 "
            f"or more like left_elbow, or {ADVICE}."
        )
    return best
