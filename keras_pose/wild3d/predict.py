"""Predicts persons in pictures and videos: `python -m keras_pose.wild3d.predict --saved_model=... ...`.

    --pictures=<picture, folder or video> --output=<folder> [--boxes=...] [--height_m=...]

Writes `poses.json` (or `.csv`, `.npz`) with units and frames in front, and overlays:
`<picture>.overlay.jpg` or `<video>.overlay.mp4`. In a video one person is followed from the box of the
first frame.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_pose.data.body_boxes import PERSON_MARGIN, square_box
from keras_pose.data.picture import ENDINGS, decode_picture, encode_picture
from keras_pose.data.picture_folder import list_pictures, read_boxes
from keras_pose.data.video_frames import VIDEO_ENDINGS
from keras_pose.export import write_file
from keras_pose.train import config as configs
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d import pose_files
from keras_pose.wild3d.exported import Body, ExportedPose, shows_something
from keras_pose.wild3d.metric_pose import BONE_SUM_RANGE_M
from keras_pose.wild3d.overlay import draw_picture_bodies
from keras_pose.wild3d.pose_files import FoundBody
from keras_pose.wild3d.progress import ProgressBar
from keras_pose.wild3d.tracking import BoxTracker
from keras_pose.wild3d.videos import VideoReader, VideoWriter


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """What is predicted, and what is known of person and camera; field = flag.

    Raises:
        ValueError: when a value is out of range or two values contradict each other.
    """

    saved_model: str = option("", "Version folder that keras_pose.wild3d.export wrote.")
    pictures: str = option(
        "", "A picture, a folder of pictures (with all folders below), or a video."
    )
    output: str = option("", "Folder to write to.")
    boxes: str = option(
        "",
        "Boxes of whole persons: a .csv of rows name,x,y,width,height or a .json, as "
        "keras_pose.data.prepare takes them, or x,y,width,height itself for all pictures, or for the "
        "first frame of a video; empty looks at the whole picture.",
    )
    box_margin: float = option(
        PERSON_MARGIN,
        "Side of the square that is looked at over the longer side of the box, before the network's own "
        "crop scale; 1 for boxes that have room already.",
        low=0.1,
        high=10.0,
    )
    focal_px: float = option(
        0.0, "Focal length in pixels of the picture; its middle is the principal point.", low=0.0
    )
    assume_fov_deg: float = option(
        0.0,
        "Instead: assume a lens with this field of view over the picture's longer side, degrees. "
        "Positions are then as wrong as the assumption.",
        low=0.0,
        high=150.0,
    )
    bone_sum_m: float = option(
        0.0, "The persons' bone sum in metres: the lengths of 14 bones together.", low=0.0
    )
    height_m: float = option(
        0.0,
        "Instead: the persons' height in metres. Without either the mean bone sum of the training "
        "records is taken.",
        low=0.0,
        high=3.0,
    )
    format: str = option("json", "Of the poses' file.", choices=pose_files.FORMATS)
    overlay: bool = option(True, "Draw the persons.")
    min_score: float = option(
        0.2,
        "Joints with a lower score are not drawn and do not lead a video's box.",
        low=0.0,
        high=1.0,
    )

    def __post_init__(self):
        check_ranges(self)
        if self.focal_px and self.assume_fov_deg:
            raise ValueError(
                "--focal_px and --assume_fov_deg contradict each other; give the one that you know."
            )
        if self.bone_sum_m and self.height_m:
            raise ValueError(
                "--bone_sum_m and --height_m contradict each other; give the one that you know."
            )
        low, high = BONE_SUM_RANGE_M
        if self.bone_sum_m and not low <= self.bone_sum_m <= high:
            raise ValueError(
                f"--bone_sum_m={self.bone_sum_m} is no length of a person's bones; give metres between "
                f"{low} and {high}."
            )


def camera_matrix(config: PredictConfig, height: int, width: int) -> np.ndarray | None:
    """Returns the camera of a picture, or None where the command names none.

    Args:
        config: `focal_px` and `assume_fov_deg` are used.
        height: of the picture in px.
        width: of the picture in px.

    Returns:
        float64 [3, 3] in px, principal point in the middle.
    """
    focal = config.focal_px
    if config.assume_fov_deg:
        focal = max(height, width) / (2.0 * np.tan(np.radians(config.assume_fov_deg) / 2.0))
    if not focal:
        return None
    return np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])


def predict_files(config: PredictConfig) -> dict[str, str]:
    """Predicts all pictures or all frames and writes their files.

    A picture that cannot be predicted does not stop the others.

    Args:
        config: what to predict.

    Returns:
        Picture to the sentence on why it could not be predicted; empty if all could.

    Raises:
        ValueError: if nothing can be predicted at all: model, pictures or boxes are missing.
        OSError: if something cannot be written.
    """
    for flag in ("saved_model", "pictures", "output"):
        if not getattr(config, flag):
            raise ValueError(f"--{flag} is empty; say what --{flag} is.")
    place = Path(config.pictures)
    is_video = place.is_file() and place.suffix.lower() in VIDEO_ENDINGS
    root, names = (place.parent, [place.name]) if is_video else _pictures(place)
    boxes = _boxes(config.boxes, names)
    model = ExportedPose(config.saved_model)
    if not (config.bone_sum_m or config.height_m):
        known = {"bone_sum_m": model.trained.bone_sum_m}
    else:
        known = {"bone_sum_m": config.bone_sum_m, "height_m": config.height_m}
    work = _Work(config, model, known)
    failures: dict[str, str] = {}
    if is_video:
        found = _follow(work, place, boxes, failures)
    else:
        found = list(_predict_pictures(work, root, names, boxes, failures))
    head = pose_files.header(
        saved_model=config.saved_model,
        source=config.pictures,
        image_size=model.trained.image_size,
        size=_size_words(config, model),
        camera=_camera_words(config),
    )
    if found:
        pose_files.write_poses(Path(config.output) / f"poses.{config.format}", head, found)
    return failures


@dataclasses.dataclass(frozen=True)
class _Work:
    """What every picture is predicted with."""

    config: PredictConfig
    model: ExportedPose
    known: dict[str, float]

    def find(self, image: np.ndarray, squares: np.ndarray) -> list[Body]:
        camera = camera_matrix(self.config, *image.shape[:2])
        return self.model.predict(image, squares, camera, **self.known)

    def squares(self, boxes, shape, name) -> np.ndarray:
        """What the network looks at; the whole picture where there is no box."""
        scale = self.model.trained.crop_scale
        if boxes is None:
            return square_box(np.array([0.0, 0.0, shape[1], shape[0]]), scale)[None]
        for box in boxes:
            if not shows_something(np.array(box), shape):
                words = "{:g},{:g},{:g},{:g}".format(*box)
                raise ValueError(
                    f"{name}: the box {words} has no area or lies outside the picture of {shape[1]} x "
                    f"{shape[0]} px; give x,y,width,height in pixels of the upright picture."
                )
        margin = self.config.box_margin * scale
        return np.array([square_box(np.array(box), margin) for box in boxes])


def _predict_pictures(work, root, names, boxes, failures) -> Iterator[FoundBody]:
    bar = ProgressBar("pictures", len(names))
    for number, name in enumerate(names):
        bar.show(number)
        if boxes is not None and name not in boxes:
            failures[name] = f"{name}: --boxes has no box for this picture; add one or remove it."
            continue
        try:
            image = decode_picture((root / name).read_bytes(), name)
            squares = work.squares(None if boxes is None else boxes[name], image.shape, name)
        except (ValueError, OSError) as error:
            failures[name] = str(error)
            continue
        bodies = work.find(image, squares)
        if work.config.overlay:
            drawing = draw_picture_bodies(image, bodies, work.config.min_score)
            write_file(Path(work.config.output) / f"{name}.overlay.jpg", encode_picture(drawing))
        yield from (FoundBody(name, person, body) for person, body in enumerate(bodies))
    bar.close()


def _follow(work, path, boxes, failures) -> list[FoundBody]:
    """One person through a video."""
    config, found = work.config, []
    tracker = None
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(VideoReader(path))
        bar, writer = ProgressBar("frames", video.num_frames), None
        for number, image in enumerate(video):
            bar.show(number)
            if tracker is None:
                start = work.squares(boxes and boxes[path.name][:1], image.shape, path.name)[0]
                tracker = BoxTracker(start, work.model.trained.crop_scale, config.min_score)
            was_lost = tracker.is_lost
            body = work.find(image, tracker.box[None])[0]
            if tracker.update(body, image.shape) and was_lost:
                # The first look is coarse; the second one is as good as those that follow.
                body = work.find(image, tracker.box[None])[0]
                tracker.update(body, image.shape)
            found.append(FoundBody(str(number), 0, body))
            if config.overlay:
                drawing = draw_picture_bodies(image, [body], config.min_score)
                if writer is None:
                    target = Path(config.output) / f"{path.stem}.overlay.mp4"
                    writer = VideoWriter(target, drawing.shape, video.frames_per_second)
                    stack.enter_context(writer)
                writer.write(drawing)
        bar.close()
        if not found:
            raise ValueError(f"--pictures={path} is no video that OpenCV reads; convert it to mp4.")
        if len(found) < video.num_frames:
            failures[path.name] = (
                f"{path.name}: the video ends after {len(found)} of {video.num_frames} frames; it may "
                "be cut off, get it again."
            )
    return found


def _pictures(place):
    """The folder of the pictures and their names in it."""
    if place.is_file():
        return place.parent, [place.name]
    if not place.is_dir():
        raise ValueError(f"--pictures={place} does not exist; give a picture, a folder or a video.")
    names = list_pictures(place)
    if not names:
        raise ValueError(f"--pictures={place} holds no picture ({', '.join(ENDINGS)}).")
    return place, names


def _boxes(text, names):
    """Name to boxes, or None for whole pictures."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return read_boxes(text)
    if len(numbers) != 4:
        raise ValueError(f"--boxes={text} has {len(numbers)} numbers; give x,y,width,height.")
    return dict.fromkeys(names, [tuple(numbers)])


def _size_words(config, model):
    if config.height_m:
        return f"given: a height of {config.height_m:g} m"
    if config.bone_sum_m:
        return f"given: a bone sum of {config.bone_sum_m:g} m"
    return (
        f"assumed: the training records' mean bone sum of {model.trained.bone_sum_m:.3f} m; metres are "
        "as wrong as this is, so give --height_m or --bone_sum_m"
    )


def _camera_words(config):
    if config.focal_px:
        return f"given: a focal length of {config.focal_px:g} px, principal point in the middle"
    if config.assume_fov_deg:
        return (
            f"assumed: a lens of {config.assume_fov_deg:g} degrees over the longer side; positions are "
            "as wrong as this is"
        )
    return "none, so there are no positions; give --focal_px, or --assume_fov_deg to assume a lens"


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to files."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    config = configs.from_flags(PredictConfig)
    failures = predict_files(config)
    print(f"Written to {os.path.abspath(config.output)}.")
    for sentence in failures.values():
        print(f"not predicted: {sentence}")
    if len(failures) == 1:
        raise ValueError(next(iter(failures.values())))
    if failures:
        raise ValueError(
            f"{len(failures)} pictures could not be predicted, the first: "
            f"{next(iter(failures.values()))}"
        )


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(PredictConfig)
    configs.run_binary(main)


if __name__ == "__main__":
    run_main()
