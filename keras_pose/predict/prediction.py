"""From a command to files: pictures one by one, or a film with everybody in it followed."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from keras_pose.data.pictures.frames import VIDEO_ENDINGS
from keras_pose.data.pictures.picture import decode_picture, encode_picture
from keras_pose.data.pictures.videos import VideoReader, VideoWriter
from keras_pose.files import check_writable, write_file
from keras_pose.predict.cuts import CutFinder
from keras_pose.predict.finder import Finder
from keras_pose.predict.lifter import FoundLifter, depth_unit, lens_words, size_words
from keras_pose.predict.overlay import draw_beside, draw_on_picture
from keras_pose.predict.places import DRAWN, find_pictures, unused_boxes_notes
from keras_pose.predict.results import Results
from keras_pose.predict.search import Search
from keras_pose.predict.settings import PredictConfig
from keras_pose.predict.smoothing import PoseSmoother
from keras_pose.predict.tracking import BoxTracker
from keras_pose.train.binary import finish_after_stop
from keras_pose.train.progress import ProgressBar

# While a film shows nobody, one frame of so many is looked at closely.
_RARELY = 10


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a command came to.

    Attributes:
        failures: picture to the sentence on why it could not be predicted.
        notes: what a reader of the files should know.
        num_predicted: pictures or frames that the files tell of; 0 where nothing was written.
    """

    failures: dict[str, str]
    notes: list[str]
    num_predicted: int


def predict_files(config: PredictConfig, capture: Callable[..., Any] = cv2.VideoCapture) -> Outcome:
    """Predict all pictures, or all frames, and write their files.

    A picture that cannot be predicted does not stop the others, and Ctrl-C keeps what was found.

    Args:
        config: what to predict.
        capture: opens videos and cameras; anything with `cv2.VideoCapture`'s manner.

    Returns:
        What could not be predicted, and what should be known.

    Raises:
        ValueError: if nothing can be predicted at all: model, pictures or boxes are missing.
        OSError: if something cannot be written.
        KeyboardInterrupt: if by Ctrl-C before anything was found.
    """
    config.check_command()
    # A long film is not predicted for files that cannot be written.
    check_writable(config.output, "--output")
    place = Path(config.pictures)
    is_one = is_film(config)
    root, names, notes = (place.parent, [place.name], []) if is_one else find_pictures(place)
    if config.smooth and not is_one:
        raise ValueError(
            "--smooth is for videos and cameras; single pictures have no previous frame, so omit it."
        )
    finder = Finder(config)
    lifter = FoundLifter(config, finder.main.skeleton, is_one) if config.lift else None
    search = Search(config, finder.main.kind)
    if place.is_dir() and not is_one:
        notes += unused_boxes_notes(search.regions.names, names, place)
    failures: dict[str, str] = {}
    if is_one:
        source: str | int = config.webcam if config.webcam >= 0 else str(place)
        results = _follow(config, finder, search, source, capture, failures, notes, lifter)
    else:
        results = Results(config, 0.0, "")
        try:
            for name, image, poses in _find_all(finder, search, root, names, failures):
                camera = finder.lens.of(*image.shape[:2])
                if lifter:
                    poses = lifter.lift(poses, camera)
                drawing = _drawn(config, image, poses)
                if config.overlay:
                    shown = [pose for pose in poses if pose.is_valid]
                    picture = encode_picture(draw_beside(drawing, shown, config.min_score))
                    write_file(Path(config.output) / f"{name}{DRAWN}", picture)
                results.add(name, image.shape, camera, poses, drawing if config.page else None)
        except KeyboardInterrupt:
            # First, since the command's last words are the first of these.
            failures = {"": _stopped(results, len(names), "pictures")} | failures
    notes += finder.lens.notes
    if len(results):
        notes += [*search.notes(), *results.write(_facts(config, finder, search, lifter))]
    return Outcome(failures, notes, len(results))


def is_film(config: PredictConfig) -> bool:
    """Return whether a command is about a video or a camera instead of pictures."""
    place = Path(config.pictures)
    is_video = place.is_file() and place.suffix.lower() in VIDEO_ENDINGS
    return is_video or config.webcam >= 0


def _facts(config, finder, search, lifter):
    facts: dict[str, Any] = {
        "source": config.pictures or f"camera {config.webcam}",
        "saved_model": f"{config.saved_model} ({finder.main.name}, version {finder.main.version})",
    }
    if finder.hands is not None:
        facts["hands"] = f"{config.hands} ({finder.hands.name}, version {finder.hands.version})"
    networks = [network for network in (finder.main, finder.hands) if network is not None]
    facts["depth_unit"] = {network.kind: network.depth_unit for network in networks}
    smoothing = "none"
    if config.smooth:
        smoothing = (
            f"One-Euro filter, cutoff {config.smooth_min_cutoff:g} Hz, beta {config.smooth_beta:g}; "
            "do not measure accuracy on these poses"
        )
    facts |= {
        "boxes": search.words,
        "camera": finder.lens.words,
        "size": finder.size_words,
        "smoothing": smoothing,
    }
    if lifter:
        facts |= {
            "lifter": lifter.lifter.words,
            "depth_unit": {"body": depth_unit(finder.lens.is_known, "picture")},
            "camera": lens_words(finder.lens),
            "size": size_words(config),
        }
    return facts


def _drawn(config, image, poses):
    """Return the picture with joints; nothing where nobody wants it."""
    if not (config.overlay or config.page):
        return None
    return draw_on_picture(image, poses, config.min_score)


def _find_all(finder, search, root, names, failures) -> Iterator[tuple[str, np.ndarray, list]]:
    bar = ProgressBar("pictures", len(names))
    for number, name in enumerate(names):
        bar.show(number)
        try:
            image = decode_picture((root / name).read_bytes(), name)
            entries = search.of(name, image, finder.look)
            poses = finder.everybody(name, image, entries)
        except (ValueError, OSError) as error:
            failures[name] = str(error)
            continue
        yield name, image, poses
    bar.close()


def _follow(config, finder, search, source, capture, failures, notes, lifter) -> Results:
    """Everybody through a film, from the boxes of its first frame."""
    is_camera = isinstance(source, int)
    stem = "camera" if is_camera else Path(source).stem
    name = "camera" if is_camera else Path(source).name
    with contextlib.ExitStack() as stack:
        video = stack.enter_context(VideoReader(source, config.max_frames, capture))
        results = Results(config, video.frames_per_second, stem)
        bar, writer = ProgressBar("frames", video.num_frames), None
        tracks: list[_Track] = []
        smoother = PoseSmoother(config.smooth_min_cutoff, config.smooth_beta)
        is_stopped = False
        cuts: list[int] = []
        num_vain = 0
        cut_finder = CutFinder()
        try:
            for number, image in enumerate(video):
                bar.show(number)
                if lifter and cut_finder.is_cut(image):
                    # Others may be there now, and nobody moved from where they were.
                    cuts.append(number)
                    tracks, num_vain = [], 0
                    lifter.forget()
                    smoother = PoseSmoother(config.smooth_min_cutoff, config.smooth_beta)
                if not tracks:
                    is_hasty = num_vain % _RARELY > 0
                    entries = search.of(name, image, finder.look, is_hasty)
                    tracks = _tracks(config, finder, entries, name)
                    num_vain = 0 if tracks else num_vain + 1
                poses = _next(finder, tracks, str(number), image)
                camera = finder.lens.of(*image.shape[:2])
                if lifter:
                    poses = lifter.lift_next(poses, camera)
                hands = finder.add_hands(str(number), image, poses)
                if config.smooth:
                    poses = smoother.smooth(poses, finder.main.kind, video.time_s)
                    if finder.hands is not None:
                        hands = smoother.smooth(hands, "hand", video.time_s)
                poses = finder.attach(poses, hands)
                drawing = _drawn(config, image, poses)
                shown = drawing if config.page else None
                results.add(str(number), image.shape, camera, poses, shown, video.time_s)
                if config.overlay:
                    board = draw_beside(drawing, poses, config.min_score)
                    if writer is None:
                        target = Path(config.output) / f"{stem}.overlay.mp4"
                        writer = VideoWriter(target, board.shape, video.frames_per_second)
                        stack.enter_context(writer)
                    writer.write(board)
        except KeyboardInterrupt:
            is_stopped = True
        bar.close()
        if cuts:
            notes.append(
                f"{name}: cut at frame {', '.join(map(str, cuts))}; it was lifted in pieces."
            )
        if is_stopped:
            words = _stopped(results, video.num_frames, "frames")
            # A camera has no other end.
            failures |= {} if is_camera else {name: words}
            return results
        if not len(results):
            if is_camera:
                raise ValueError(
                    f"--webcam={source} gives no picture; plug in the camera or give another "
                    "number."
                )
            raise ValueError(
                f"--pictures={source} is not a video that OpenCV can read; convert it to mp4."
            )
        if not is_camera and video.is_cut_off(len(results)):
            failures[name] = (
                f"{name}: the video ends after {len(results)} of {video.num_frames} frames; it may "
                "be cut off, get it again."
            )
    return results


def _stopped(results, total, what):
    """Say how far Ctrl-C let it come, or lets it end everything where nothing was found yet."""
    if not len(results):
        raise KeyboardInterrupt
    finish_after_stop()
    of_all = f" of {total}" if total else ""
    return f"Ended by Ctrl-C after {len(results)}{of_all} {what}; the files contain these."


@dataclasses.dataclass(frozen=True)
class _Track:
    """One hand or person that is followed."""

    tracker: BoxTracker
    side: str


def _tracks(config, finder, entries, name):
    if finder.hands is not None and any(side for _, side in entries):
        raise ValueError(
            f"{name}: in a video hands are searched for at the forearms; remove boxes with a side."
        )
    return [
        _Track(BoxTracker(box, config.min_score), finder.side_of(side, name))
        for box, side in entries
    ]


def _next(finder, tracks, name, image):
    boxes, sides = [track.tracker.box for track in tracks], [track.side for track in tracks]
    poses = finder.look(name, image, boxes, sides)
    for number, track in enumerate(tracks):
        was_lost = track.tracker.is_lost
        if track.tracker.update(poses[number], image.shape) and was_lost:
            # The first look is coarse; the second one is as good as those that follow.
            (again,) = finder.look(name, image, [track.tracker.box], [track.side])
            poses[number] = dataclasses.replace(again, person=number)
            track.tracker.update(again, image.shape)
    return poses
