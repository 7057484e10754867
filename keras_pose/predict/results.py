"""All that a command found, and the files that it becomes."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from keras_pose.data.motion.bvh_writer import bvh_text
from keras_pose.files import write_file
from keras_pose.predict.coco import poses_coco
from keras_pose.predict.frame_times import are_variable, constant_rate, mean_rate, resampled
from keras_pose.predict.overlay import is_drawn
from keras_pose.predict.page import PageFrame, page_html
from keras_pose.predict.pose import FoundPose, with_hands
from keras_pose.predict.pose_files import header, poses_csv, poses_json, poses_npz
from keras_pose.predict.settings import PredictConfig

# Longer side of a picture on the page, px, and how many pictures a page carries.
_THUMBNAIL, _MOST_THUMBNAILS = 480, 240
_QUALITY = 75
# Files of which a folder has one of each.
_NAMES = ("poses.json", "poses.csv", "poses.npz", "poses.coco.json", "poses.html")
# A joint that BVH puts this far from where it was found is worth a sentence, m.
_BVH_TOLERANCE_M = 1e-3


class Results:
    """Poses of one picture after the other.

    Args:
        config: the command.
        frames_per_second: of a film; 0 for single pictures.
        name: what files of a film begin with.
    """

    def __init__(self, config: PredictConfig, frames_per_second: float, name: str) -> None:
        self._config, self._rate, self._name = config, frames_per_second, name
        self._names: list[str] = []
        self._poses: list[list[FoundPose]] = []
        self._sizes: dict[str, tuple[int, int]] = {}
        self._cameras: dict[str, np.ndarray] = {}
        self._times_s: list[float] = []
        self._thumbnails: dict[int, bytes] = {}
        self._stride = 1

    def __len__(self) -> int:
        """Return how many pictures there are."""
        return len(self._names)

    def add(
        self,
        name: str,
        shape: tuple[int, ...],
        camera: np.ndarray | None,
        poses: Sequence[FoundPose],
        drawing: np.ndarray | None,
        time_s: float = 0.0,
    ) -> None:
        """Take in a picture.

        Args:
            name: of the picture.
            shape: of the picture, height first.
            camera: its matrix `[3, 3]` in px, or None.
            poses: what was found in it.
            drawing: uint8 `[H, W, 3]`, for the page; None for none.
            time_s: when a film's frame was seen, seconds after its first one, rising.
        """
        number = len(self._names)
        self._names.append(name)
        self._times_s.append(time_s)
        self._poses.append(list(poses))
        self._sizes[name] = (int(shape[0]), int(shape[1]))
        if camera is not None:
            self._cameras[name] = camera
        if drawing is None or number % self._stride:
            return
        if len(self._thumbnails) >= _MOST_THUMBNAILS:
            if not self._rate:
                return
            # Of a long film every other picture goes, again and again.
            self._stride *= 2
            self._thumbnails = {
                kept: data for kept, data in self._thumbnails.items() if kept % self._stride == 0
            }
            if number % self._stride:
                return
        self._thumbnails[number] = _thumbnail(drawing)

    def write(self, facts: dict) -> list[str]:
        """Write all files that the command asks for, each in full or not at all.

        Args:
            facts: for the heads of the files.

        Returns:
            Sentences on what a reader of the files should know.

        Raises:
            OSError: if something cannot be written.
        """
        config, folder, notes = self._config, Path(self._config.output), self._time_notes()
        poses = [pose for row in self._poses for pose in row]
        facts = facts | self._pictures()
        head = header(facts, poses)
        writers: dict[str, Callable[[], tuple[str, str | bytes]]] = {
            "json": lambda: ("poses.json", poses_json(head, poses)),
            "csv": lambda: ("poses.csv", poses_csv(head, poses)),
            "npz": lambda: ("poses.npz", poses_npz(head, poses)),
            "coco": lambda: (
                "poses.coco.json",
                poses_coco(head, poses, self._sizes, config.min_score, self._cameras),
            ),
        }
        written = set()
        for kind in config.formats:
            if kind in writers:
                name, content = writers[kind]()
                write_file(folder / name, content)
                written.add(name)
        nobody = sum(not pose.is_valid for pose in poses)
        lacking = sum(pose.is_valid and pose.keypoints_3d is None for pose in poses)
        has_metres = lacking + nobody < len(poses)
        is_shown = any(
            pose.keypoints_3d is not None and is_drawn(pose, config.min_score) for pose in poses
        )
        if "bvh" in config.formats:
            notes += self._write_bvh(folder)
        if config.page and is_shown:
            write_file(folder / "poses.html", self._page(facts))
            written.add("poses.html")
        older = [name for name in _NAMES if name not in written and (folder / name).exists()]
        if older:
            notes.append(
                f"{', '.join(older)} in {folder}: from an earlier run, not from this one; remove "
                "files that would mislead."
            )
        nothing = "" if has_metres else ", so there is no page and no BVH file"
        if nobody:
            places = f"{nobody} of {len(poses)} places" if nobody < len(poses) else "any place"
            notes.append(
                f"Nobody was found in {places} that was looked at{'' if lacking else nothing}."
            )
        if lacking:
            notes.append(
                f"{lacking} of {len(poses)} poses have no metres{nothing}: the pose's depth is "
                "undetermined, or the camera or the known length cannot be right."
            )
        if config.page and has_metres and not is_shown:
            notes.append(
                f"No joint has a score of --min_score={config.min_score:g}, so nothing is drawn and "
                "there is no page."
            )
        return notes

    def _pictures(self):
        """Size and camera of every picture, once where all are alike."""
        entries = {}
        for name, (height, width) in self._sizes.items():
            camera = self._cameras.get(name)
            matrix = None if camera is None else camera.tolist()
            entries[name] = {"height": height, "width": width, "intrinsics_px": matrix}
        if self._rate:
            first = next(iter(entries.values()), {})
            times = [round(time, 4) for time in self._times_s]
            rate = mean_rate(times) if self._is_variable else self._rate
            return {"frames": len(entries), "frames_per_second": rate, "times_s": times, **first}
        return {"pictures": entries}

    @property
    def _is_variable(self):
        return bool(self._rate) and are_variable(self._times_s)

    def _time_notes(self):
        if not self._is_variable:
            return []
        steps = 1000 * np.diff(self._times_s)
        words = (
            f"{self._name}: the frame rate varies, with frames {steps.min():.0f} to "
            f"{steps.max():.0f} ms apart: the files have the times as times_s"
        )
        if "bvh" in self._config.formats:
            rate = constant_rate(self._times_s)
            words += f", BVH files are resampled to {rate:.4g} frames per second"
        if self._config.overlay or self._config.page:
            words += ", drawings and page play at the mean rate"
        return [f"{words}."]

    def _page(self, facts):
        least = self._config.min_score
        frames = [
            PageFrame(
                f"frame {name}, {time_s:.2f} s" if self._rate else f"picture {name}",
                [pose for pose in poses if is_drawn(pose, least)],
                self._thumbnails.get(number),
            )
            for number, (name, poses, time_s) in enumerate(
                zip(self._names, self._poses, self._times_s, strict=True)
            )
        ]
        shown = {name: words for name, words in facts.items() if isinstance(words, str)}
        rate = mean_rate(self._times_s) if self._is_variable else self._rate
        return page_html(f"Poses in {Path(facts['source']).name}", shown, frames, rate)

    def _write_bvh(self, folder):
        notes = []
        films = (
            [(self._name, self._poses)]
            if self._rate
            else [(name, [poses]) for name, poses in zip(self._names, self._poses, strict=True)]
        )
        for name, film in films:
            for suffix, skeleton, points in _actors(film):
                if all(frame is None for frame in points):
                    continue
                path = folder / f"{name}.{suffix}.bvh"
                rate = self._rate or 1.0
                if self._is_variable:
                    rate = constant_rate(self._times_s)
                    points = resampled(points, self._times_s, rate)
                text, error = bvh_text(points, skeleton, rate, self._config.bvh_positions)
                write_file(path, text)
                if error > _BVH_TOLERANCE_M:
                    notes.append(
                        f"{path.name}: bone lengths change from frame to frame, but BVH stores one "
                        f"per bone: joints are up to {1000 * error:.0f} mm off; --bvh_positions "
                        "makes it exact."
                    )
        return notes


def _actors(film):
    """Each body with its hands, and each single hand, as (file's name, joint order, film)."""
    keys: dict[tuple[int, str, str], None] = {}
    for poses in film:
        for pose in poses:
            side = "" if pose.is_attached else pose.side
            kind = "body" if pose.is_attached else pose.kind
            keys.setdefault((pose.person, kind, side))
    for person, kind, side in keys:
        rows = [[pose for pose in poses if pose.person == person] for poses in film]
        if kind == "hand":
            found = [_only(row, kind, side, False) for row in rows]
            skeleton = next(pose.skeleton for pose in found if pose is not None)
            points = [None if pose is None else pose.keypoints_3d for pose in found]
            yield f"{side}_hand{person}", skeleton, points
            continue
        bodies = [_only(row, kind, "", False) for row in rows]
        skeleton = next(pose.skeleton for pose in bodies if pose is not None)
        points = [None if pose is None else pose.keypoints_3d for pose in bodies]
        hands = {}
        for which in ("left", "right"):
            found = [_only(row, "hand", which, True) for row in rows]
            if any(pose is not None for pose in found):
                hands[which] = found
        if hands:
            points = _with_fingers(points, skeleton, hands)
            orders = {
                which: next(pose.skeleton for pose in found if pose is not None)
                for which, found in hands.items()
            }
            skeleton = with_hands(skeleton, orders)
        yield f"person{person}", skeleton, points


def _only(row, kind, side, is_attached):
    for pose in row:
        if (pose.kind, pose.side, pose.is_attached) == (kind, side, is_attached):
            return pose
    return None


def _with_fingers(points, skeleton, hands):
    """Add fingers to each frame of a body; a hand that was not found keeps its last shape."""
    joined = list(points)
    for side, found in hands.items():
        wrist = skeleton.index(f"{side}_wrist")
        shapes = [None if pose is None else _fingers(pose) for pose in found]
        shape = next(one for one in shapes if one is not None)
        for number, one in enumerate(shapes):
            shape = shape if one is None else one
            if joined[number] is not None:
                fingers = points[number][wrist] + shape
                joined[number] = np.concatenate([joined[number], fingers])
    return joined


def _fingers(pose):
    root = pose.skeleton.root
    return np.delete(pose.keypoints_3d - pose.keypoints_3d[root], root, axis=0)


def _thumbnail(drawing):
    factor = min(_THUMBNAIL / max(drawing.shape[:2]), 1.0)
    size = tuple(max(round(length * factor), 1) for length in drawing.shape[1::-1])
    small = cv2.resize(drawing, size, interpolation=cv2.INTER_AREA)
    bgr = cv2.cvtColor(small, cv2.COLOR_RGB2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])[1].tobytes()
