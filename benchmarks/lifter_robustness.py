"""What missing joints, noise and tilted cameras cost lifters: `python -m benchmarks.lifter_robustness`.

Every lifter gets the same disturbed views of the validation split of CMU motion capture. A lifter
without the signature `lift_scored` must have all joints: a missing one stands where its nearest
neighbour along the bones is. Errors are PA-MPJPE, reflection forbidden, over the joints that are there;
docs/tips.md says how to read the table.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Iterator

import numpy as np
from keras import ops

from benchmarks.lifter_robustness_table import RIG_PITCH, curves, table
from benchmarks.results import write_result
from keras_pose import export
from keras_pose.data import motion
from keras_pose.files import write_file
from keras_pose.geometry import length, similarity_align
from keras_pose.lifter_student.config import ExportConfig
from keras_pose.lifter_student.network import lift_present
from keras_pose.lifter_student.training import load_student
from keras_pose.lifting.detector_noise import body_height, student_noise
from keras_pose.lifting.facing import lift_camera
from keras_pose.lifting.presence import HALVES, LIMBS
from keras_pose.metrics import n_mpjpe
from keras_pose.skeletons import H36M_17
from keras_pose.train import run_folder
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, listed, option

# Function of pixels `[N, 17, 2]` and presence `[N, 17]` to 3D `[N, 17, 3]`, root at 0.
Lifter = Callable[[np.ndarray, np.ndarray], np.ndarray]
# The same of pixels, presence and camera matrices `[N, 3, 3]`.
CameraLifter = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

_JOINTS = H36M_17.num_joints
# The split's own cameras, see `keras_pose.lifting.sources`.
_CAMERA_SEED = 2
_PITCHES = (-20.0, -10.0, 0.0, 10.0, RIG_PITCH, 20.0, 30.0, 45.0)
_ROLLS = (-15.0, 15.0)
_NOISES = (0.01, 0.02, 0.03, 0.04)
_MISSING = (1, 2, 3, 4, 6, 8, 10, 11)
# Heights at which the axes of Human3.6M's cameras meet the vertical through the middle.
_AIM_M = 0.5
_MASKS = 40
_BATCH = 4096


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    lifters: str = option(
        "savedmodels/tips_cmu/1",
        "Version folders of lifters, or run folders of keras_pose.lifter_student, separated by commas.",
        exists="folders",
    )
    data_dir: str = option("", "Folder of the CMU motion capture, with val.npz.", exists="folder")
    val_stride: int = option(16, "Use every n-th frame.", low=1)
    seed: int = option(0, "Seed of noise and of which joints are missing.", low=0)
    output: str = option(
        "",
        "JSON file to write; the table goes next to it as .txt, the curves as .svg; empty only prints.",
    )

    def __post_init__(self):
        check_ranges(self)


@dataclasses.dataclass(frozen=True)
class Seen:
    """Views of people and what is true of them.

    Attributes:
        points_px: float32 `[N, 17, 2]`.
        points_3d: float32 `[N, 17, 3]`, metres, camera frame, root at 0.
        px_per_m: float32 `[N]`, at the root's depth.
        camera: float32 `[N, 3, 3]`, matrix of the camera, px.
    """

    points_px: np.ndarray
    points_3d: np.ndarray
    px_per_m: np.ndarray
    camera: np.ndarray


def open_lifter(place: str) -> Lifter:
    """Open a lifter in whichever form it is.

    Args:
        place: version folder or run folder.

    Returns:
        The lifter.
    """
    if os.path.isfile(os.path.join(place, run_folder.RUN_FILE)):
        network = load_student(place)[1]
        return lambda points, present: ops.convert_to_numpy(
            lift_present(network, points, present)["points_3d"]
        )
    model = export.LoadedModel(export.version_folder(place))
    if "lift_scored" in model.signatures:
        scored = model.runner("lift_scored")
        return lambda points, present: scored({"keypoints_2d": points, "score": present})[
            "keypoints_3d"
        ]
    lift = model.runner("lift")
    return lambda points, present: lift({"keypoints_2d": fill_from_neighbours(points, present)})[
        "keypoints_3d"
    ]


def open_camera_lifter(place: str) -> CameraLifter | None:
    """Open a lifter for people before a camera that is known.

    Args:
        place: version folder or run folder.

    Returns:
        The lifter; None for an export without the signature `lift_camera`.
    """
    if os.path.isfile(os.path.join(place, run_folder.RUN_FILE)):
        network = load_student(place)[1]
        settings = {field.name: field.default for field in dataclasses.fields(ExportConfig)}
        lift = lift_camera(
            functools.partial(lift_present, network), 0.5, settings["root_elevation_deg"]
        )
        return lambda points, present, camera: ops.convert_to_numpy(
            lift(*map(ops.convert_to_tensor, (points, present, camera)))["keypoints_3d"]
        )
    model = export.LoadedModel(export.version_folder(place))
    if "lift_camera" not in model.signatures:
        return None
    seen = model.runner("lift_camera")
    return lambda points, present, camera: seen(
        {"keypoints_2d": points, "score": present, "K": camera}
    )["keypoints_3d"]


def fill_from_neighbours(points: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Put each missing joint where the nearest present one along the bones is.

    Args:
        points: float32 `[N, 17, 2]`.
        present: float `[N, 17]` in {0, 1}, at least one joint each.

    Returns:
        float32 `[N, 17, 2]`.
    """
    steps = np.full((_JOINTS, _JOINTS), 99.0)
    np.fill_diagonal(steps, 0.0)
    for joint, parent in enumerate(H36M_17.parents):
        if parent >= 0:
            steps[joint, parent] = steps[parent, joint] = 1.0
    for middle in range(_JOINTS):
        steps = np.minimum(steps, steps[:, middle, None] + steps[None, middle])
    nearest = np.argmin(steps[None] + 1e3 * (present[:, None] < 0.5), axis=-1)
    return np.take_along_axis(points, nearest[..., None], axis=1)


def see(data_dir: str, stride: int, pitch_deg: float | None = None, roll_deg: float = 0.0) -> Seen:
    """Show the validation split to Human3.6M's cameras, as they are or moved round the middle.

    Args:
        data_dir: folder with `val.npz`.
        stride: use every n-th frame.
        pitch_deg: pitch of all cameras, which then look at the same spot from the same distance; None
            leaves them as they are.
        roll_deg: turn of the picture, from x to y.

    Returns:
        The views.
    """
    rig = motion.h36m_rig()
    if pitch_deg is not None:
        away = np.hypot(rig.distance_m, np.asarray(rig.height_m) - _AIM_M)
        angle = np.radians(pitch_deg)
        rig = dataclasses.replace(
            rig,
            pitch_deg=(pitch_deg,) * rig.num_cameras,
            distance_m=tuple(away * np.cos(angle)),
            height_m=tuple(_AIM_M + away * np.sin(angle)),
        )
    people = motion.load_cmu_mocap17(os.path.join(data_dir, "val.npz"))
    views = motion.render_views(people, rig, seed=_CAMERA_SEED, stride=stride)
    cosine, sine = np.cos(np.radians(roll_deg)), np.sin(np.radians(roll_deg))
    turn = np.array([[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]], np.float32)
    middle = views.intrinsics[:, None, :2, 2]
    points_px = (views.points_px - middle) @ turn[:2, :2].T + middle
    points_3d = (views.points_3d - views.points_3d[:, :1]) @ turn.T
    px_per_m = views.intrinsics[:, 0, 0] / views.points_3d[:, 0, 2]
    return Seen(points_px, points_3d, px_per_m, views.intrinsics)


def conditions(settings: Settings) -> Iterator[tuple[str, float, Seen, np.ndarray, np.ndarray]]:
    """Make every disturbance.

    Args:
        settings: what to run.

    Yields:
        Name and strength of the disturbance, the views, what is seen of them `[N, 17, 2]` px and
        presence `[N, 17]`.
    """
    random = np.random.default_rng(settings.seed)
    seen = see(settings.data_dir, settings.val_stride)
    count = len(seen.points_px)
    everything = np.ones((count, _JOINTS), np.float32)
    yield "exact", 0.0, seen, seen.points_px, everything
    for number in _MISSING:
        masks = np.ones((_MASKS, _JOINTS), np.float32)
        for mask in masks:
            mask[random.choice(_JOINTS, number, replace=False)] = 0.0
        yield "joints missing", number, seen, seen.points_px, masks[np.arange(count) % _MASKS]
    for name, groups in (("limb missing", LIMBS), ("half missing", HALVES)):
        for number, joints in enumerate(groups.values()):
            present = everything.copy()
            present[:, list(H36M_17.indices(joints))] = 0.0
            yield name, number, seen, seen.points_px, present
    unit = (seen.px_per_m * ops.convert_to_numpy(body_height(seen.points_3d)))[:, None, None]
    for level in _NOISES:
        noise = random.normal(size=seen.points_px.shape).astype(np.float32) * unit
        yield "normal noise", level, seen, seen.points_px + level * noise, everything
    for level in _NOISES:
        uniform = random.uniform(size=(2, count, _JOINTS)).astype(np.float32)
        noise = ops.convert_to_numpy(student_noise(uniform, 4.0)) * unit
        yield "noise of heavy tails", level, seen, seen.points_px + level * noise, everything
    for pitch in _PITCHES:
        tilted = see(settings.data_dir, settings.val_stride, pitch)
        yield "pitch", pitch, tilted, tilted.points_px, everything
    for roll in _ROLLS:
        tilted = see(settings.data_dir, settings.val_stride, RIG_PITCH, roll)
        yield "roll", roll, tilted, tilted.points_px, everything


def measure(
    lifter: Lifter,
    seen: Seen,
    points: np.ndarray,
    present: np.ndarray,
    camera_lifter: CameraLifter | None = None,
) -> dict:
    """Measure one lifter under one disturbance.

    Args:
        lifter: the lifter.
        seen: the truth.
        points: float32 `[N, 17, 2]` px, what it gets.
        present: float32 `[N, 17]`.
        camera_lifter: the same lifter told the camera, where it can be.

    Returns:
        Millimetres: `present`, PA-MPJPE over the joints that are there; `missing`, mean error of the
        others when the whole poses are aligned; `n_mpjpe`, least squares, whole poses; `sign`, share
        of poses that fit better than with their depths negated; with a camera lifter `n_mpjpe_camera` and
        `pa_mpjpe_camera` of its whole poses.
    """
    lifted = np.concatenate(
        [
            lifter(points[start : start + _BATCH], present[start : start + _BATCH])
            for start in range(0, len(points), _BATCH)
        ]
    ).astype(np.float64)
    true = seen.points_3d.astype(np.float64)
    there, gone = [], []
    for mask in np.unique(present, axis=0):
        rows = np.all(present == mask, axis=1)
        joints, others = np.flatnonzero(mask), np.flatnonzero(mask == 0)
        there.append(_distances(lifted[rows][:, joints], true[rows][:, joints]).mean(-1))
        if len(others):
            gone.append(_distances(lifted[rows], true[rows])[:, others].mean(-1))
    plain = 1e3 * ops.convert_to_numpy(n_mpjpe(lifted, true))
    negated = 1e3 * ops.convert_to_numpy(n_mpjpe(lifted * [1.0, 1.0, -1.0], true))
    told = {}
    if camera_lifter:
        lifted = np.concatenate(
            [
                camera_lifter(points[part], present[part], seen.camera[part])
                for part in (
                    slice(start, start + _BATCH) for start in range(0, len(points), _BATCH)
                )
            ]
        ).astype(np.float64)
        told["n_mpjpe_camera"] = float(1e3 * np.mean(ops.convert_to_numpy(n_mpjpe(lifted, true))))
        told["pa_mpjpe_camera"] = float(_distances(lifted, true).mean())
    return told | {
        "present": float(np.mean(np.concatenate(there))),
        "missing": float(np.mean(np.concatenate(gone))) if gone else None,
        "n_mpjpe": float(np.mean(plain)),
        "sign": float(np.mean(plain < negated)),
    }


def _distances(lifted, true):
    """Joint errors after similarity alignment, mm `[N, J]`."""
    return 1e3 * ops.convert_to_numpy(length(similarity_align(lifted, true) - true))


def run(settings: Settings) -> tuple[dict, str]:
    """Measure every lifter under every disturbance, and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.
    """
    places = listed(settings.lifters)
    lifters = [(open_lifter(place), open_camera_lifter(place)) for place in places]
    rows: list[dict] = []
    for name, strength, seen, points, present in conditions(settings):
        # Set against the same joints of whole poses: the cost, not which joints are hard.
        whole = name in ("limb missing", "half missing", "joints missing")
        for place, (lifter, camera_lifter) in zip(places, lifters, strict=True):
            row = {"lifter": place, "disturbance": name, "strength": float(strength)}
            row |= measure(lifter, seen, points, present, camera_lifter)
            if whole:
                row["present_whole"] = _whole(lifter, seen, present)
            rows.append(row)
    text = table(places, rows)
    print(text)
    result = {
        "command": "python -m benchmarks.lifter_robustness",
        "settings": {"val_stride": settings.val_stride, "seed": settings.seed},
        "views": len(see(settings.data_dir, settings.val_stride).points_px),
        "results": rows,
    }
    return result, text


def _whole(lifter, seen, present):
    """Error of the joints that are there when no joint is missing."""
    lifted = lifter(seen.points_px, np.ones_like(present)).astype(np.float64)
    true, errors = seen.points_3d.astype(np.float64), []
    for mask in np.unique(present, axis=0):
        rows, joints = np.all(present == mask, axis=1), np.flatnonzero(mask)
        errors.append(_distances(lifted[rows][:, joints], true[rows][:, joints]).mean(-1))
    return float(np.mean(np.concatenate(errors)))


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)
        for end, svg in curves(result["results"]).items():
            svg = svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
            write_file(f"{settings.output.removesuffix('.json')}_{end}.svg", svg + "\n")


if __name__ == "__main__":
    run_binary(main, Settings)
