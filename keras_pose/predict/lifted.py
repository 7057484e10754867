"""2D poses of any detector, lifted to 3D and written like predictions."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.data.motion import Detections, load_detections
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.data.pictures.videos import VideoWriter
from keras_pose.files import check_writable, write_file
from keras_pose.predict.cuts import cut_rows
from keras_pose.predict.lens import Lens
from keras_pose.predict.lifter import (
    Lifter,
    check_lens,
    depth_unit,
    in_metres,
    lens_words,
    size_words,
)
from keras_pose.predict.overlay import draw_beside, draw_on_picture
from keras_pose.predict.places import DRAWN
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.results import Results
from keras_pose.predict.settings import PredictConfig
from keras_pose.skeletons import H36M_17

_PAPER = 255
# Room around poses where no picture's size is known, a share of their extent.
_MARGIN = 0.1


def lift_files(config: PredictConfig) -> tuple[list[str], int]:
    """Lift everybody in a detector's file and write what the command asks for.

    Args:
        config: `lift`, `keypoints`, `keypoints_tool`, `picture_size`, `frames_per_second`, `height_m`
            and the flags of files.

    Returns:
        Sentences on what a reader should know, and the number of frames written.

    Raises:
        ValueError: if the file or the lifter cannot be read.
        OSError: if something cannot be written.
    """
    check_writable(config.output, "--output")
    found = load_detections(config.keypoints, config.keypoints_tool, config.picture_width_height)
    lifter = Lifter(config.lift)
    check_lens(config, lifter)
    lens = Lens(config)
    lifted, num_cuts = lift_found(lifter, found, _camera(config, lens))
    poses = [_pose(found, lifted, row, config) for row in range(len(found))]
    rate = config.frames_per_second if found.is_film else 0.0
    stem = Path(config.keypoints).stem
    results = Results(config, rate, stem)
    shape = _shape(config, lifted["filled_2d"][lifted["valid"]])
    with contextlib.ExitStack() as stack:
        writer = None
        for number, (frame, persons) in enumerate(_frames(found, poses)):
            drawing = _drawn(config, shape, persons)
            # Frames without anybody are not in the file, so their numbers count where there are any.
            time_s = (int(frame) if frame.isdigit() else number) / rate if rate else 0.0
            shown = drawing if config.page else None
            results.add(frame, (*shape, 3), lens.of(*shape), persons, shown, time_s)
            if drawing is None or not config.overlay:
                continue
            # A film's drawings are of one size, with the first person alone beside it.
            board = draw_beside(drawing, persons[:1] if rate else persons)
            if not rate:
                picture = encode_picture(board)
                write_file(Path(config.output) / f"{Path(frame).name}{DRAWN}", picture)
                continue
            if writer is None:
                target = Path(config.output) / f"{stem}.overlay.mp4"
                writer = VideoWriter(target, board.shape, rate)
                stack.enter_context(writer)
            writer.write(board)
    notes = results.write(_facts(config, lens, lifter, found))
    notes = [*_notes(lifter, found, lifted["valid"], num_cuts), *lens.notes, *notes]
    return notes, len(results)


def lift_found(
    lifter: Lifter, found: Detections, camera: np.ndarray | None = None
) -> tuple[dict[str, np.ndarray], int]:
    """Lift everybody that a detector found, each person of a film as a film of their own.

    Args:
        lifter: the lifter; one of single frames looks at each by itself.
        found: everybody.
        camera: as in `Lifter.lift`.

    Returns:
        As `Lifter.lift`, `keypoints_3d` `[N, 17, 3]` and so on, in the order of `found`; and the number
        of cuts, at which a film was lifted in pieces.
    """
    if lifter.num_frames == 1 or not found.is_film:
        return lifter.lift(found.points_px, found.score, camera), 0
    count, joints = found.score.shape
    lifted = {
        "keypoints_3d": np.zeros((count, joints, 3), np.float32),
        "filled_2d": found.points_px.copy(),
        "valid": np.zeros(count, bool),
    }
    times = _frame_numbers(found)
    num_cuts = 0
    for person in sorted(set(found.persons)):
        rows = np.array([row for row in range(count) if found.persons[row] == person])
        rows = rows[np.argsort(times[rows], kind="stable")]
        is_next = np.diff(times[rows]) == 1
        cuts = [
            row
            for row in cut_rows(found.points_px[rows], found.score[rows])
            if is_next[row - 1]  # after a gap a person may be anywhere
        ]
        num_cuts += len(cuts)
        gaps = 1 + np.flatnonzero(np.diff(times[rows]) >= lifter.num_frames)
        for piece in np.split(rows, sorted({*cuts, *gaps.tolist()})):
            place = times[piece] - times[piece[0]]
            points = np.zeros((place[-1] + 1, joints, 2), np.float32)
            score = np.zeros((place[-1] + 1, joints), np.float32)
            points[place], score[place] = found.points_px[piece], found.score[piece]
            for name, value in lifter.lift_film(points, score).items():
                lifted[name][piece] = value[place]
    return lifted, num_cuts


def _frame_numbers(found):
    """Return the number of the frame of each row, int `[N]`; counted where frames have names."""
    if all(frame.isdigit() for frame in found.frames):
        return np.array([int(frame) for frame in found.frames])
    order = {frame: number for number, frame in enumerate(dict.fromkeys(found.frames))}
    return np.array([order[frame] for frame in found.frames])


def _drawn(config: PredictConfig, shape: tuple[int, int], persons: list[FoundPose]):
    """Return poses drawn on white paper; nothing where nobody wants it."""
    if not (config.overlay or config.page):
        return None
    return draw_on_picture(np.full((*shape, 3), _PAPER, np.uint8), persons, 0.0)


def _frames(found: Detections, poses: list[FoundPose]) -> Iterator[tuple[str, list[FoundPose]]]:
    """Everybody of each frame, frames in the file's order."""
    frames: dict[str, list[FoundPose]] = {}
    for pose, frame in zip(poses, found.frames, strict=True):
        frames.setdefault(frame, []).append(pose)
    yield from frames.items()


def _pose(found: Detections, lifted: dict, row: int, config: PredictConfig) -> FoundPose:
    is_valid = bool(lifted["valid"][row])
    points = lifted["filled_2d"][row].astype(np.float64)
    space = lifted["keypoints_3d"][row].astype(np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    return FoundPose(
        picture=found.frames[row],
        person=found.persons[row],
        kind="body",
        side="",
        skeleton=H36M_17,
        box=np.concatenate([low, high - low]),
        keypoints_2d=points,
        score=found.score[row].astype(np.float64),
        depth=space[:, 2],
        keypoints_3d=in_metres(lifted, row, config) if is_valid else None,
        is_root_relative="direction" not in lifted,
        is_valid=is_valid,
    )


def _shape(config, points):
    """Height and width of the paper that poses are drawn on, px."""
    if config.picture_width_height:
        width, height = config.picture_width_height
        return int(height), int(width)
    far = points.reshape(-1, 2).max(axis=0) * (1 + _MARGIN) if len(points) else np.full(2, 64.0)
    width, height = np.clip(np.ceil(far), 64, 4096).astype(int)
    return int(height), int(width)


def _camera(config, lens):
    """Return the camera of the pictures, whose size its middle follows from; None where unknown."""
    if not lens.is_known:
        return None
    if not config.picture_width_height:
        raise ValueError(
            "--picture_size is empty: a camera needs the size of the pictures that --keypoints belong "
            "to; give it, such as 1920x1080."
        )
    width, height = config.picture_width_height
    return lens.of(height, width)


def _facts(config, lens, lifter, found):
    facts: dict[str, Any] = {
        "source": config.keypoints,
        "tool": found.tool,
        "lifter": lifter.words,
        "depth_unit": {"body": depth_unit(lens.is_known, "input")},
        "camera": lens_words(lens),
        "size": size_words(config),
        "smoothing": "none",
    }
    return facts


def _notes(lifter, found, valid, num_cuts):
    notes = []
    if num_cuts:
        notes.append(
            f"People jump {num_cuts} time{'s' * (num_cuts > 1)}: taken for cuts, at which the film was "
            "lifted in pieces."
        )
    gaps = int((found.score == 0).any(axis=1).sum())
    if gaps and lifter.fills:
        notes.append(
            f"{gaps} of {len(found)} poses lack joints, which the lifter filled in; their score is 0."
        )
    lost = int((~valid).sum())
    if lost:
        why = "have fewer than 6 joints" if lifter.fills else "lack joints, which it cannot fill in"
        notes.append(f"{lost} of {len(found)} poses were not lifted by {lifter.name}: they {why}.")
    return notes
