"""An exported lifter as the predictor sees it: of single frames or of films, and behind a network."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from keras_pose.codecs import total_bone_length
from keras_pose.export import LoadedModel, version_folder
from keras_pose.predict.attachment import BONE_SUM_PER_HEIGHT
from keras_pose.predict.lens import Lens
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving import read_metadata
from keras_pose.skeletons import H36M_17, MPII_16, Skeleton, convert, converters

# An adult's, where nobody says.
_TYPICAL_HEIGHT_M = 1.70
_BATCH = 4096
_WINDOWS = 512


class Lifter:
    """An exported lifter.

    Args:
        place: version folder, or the folder of a model.

    Attributes:
        name: of the model.
        version: of the model.
        fills: whether it takes poses with joints missing.
        num_frames: frames that it sees at once, 1 of a lifter of single frames.
        answered: which of them it lifts, from 0.
        words: name and version, for the head of a file.

    Raises:
        ValueError: if there is no exported lifter.
    """

    def __init__(self, place: str) -> None:
        folder = version_folder(place)
        metadata = read_metadata(folder)
        if metadata.image_size or metadata.joints != H36M_17.joints:
            raise ValueError(
                f"--lift={place} is a network of pictures, not a lifter; give one such as "
                "savedmodels/tips_cmu."
            )
        self.name, self.version = metadata.name, metadata.version
        self.words = f"{place} ({self.name}, version {self.version})"
        model = LoadedModel(folder)
        self.num_frames, self.answered = 1, 0
        self._run_camera: Callable[[Mapping[str, Any]], dict[str, np.ndarray]] | None = None
        self._run_next: Callable[[Mapping[str, Any]], dict[str, np.ndarray]] | None = None
        if "lift_frames" in model.signatures:
            shape = model.signatures["lift_frames"][0]["keypoints_2d"].shape
            self.num_frames = int(shape[1])
            self.answered = int(metadata.settings["answered"])
            self.fills = True
            self._run = model.runner("lift_frames")
            self._run_next = model.runner("lift_next")
            return
        self.fills = "lift_scored" in model.signatures
        self._run = model.runner("lift_scored" if self.fills else "lift")
        if "lift_camera" in model.signatures:
            self._run_camera = model.runner("lift_camera")

    @property
    def sees_camera(self) -> bool:
        """Whether it answers in the frame of a camera that is known."""
        return self._run_camera is not None

    @property
    def is_causal(self) -> bool:
        """Whether it needs no frames that come after the answered one."""
        return self.answered == self.num_frames - 1

    def lift(
        self, points_px: np.ndarray, score: np.ndarray, camera: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """Lift poses that have nothing to do with each other.

        Args:
            points_px: float32 `[N, 17, 2]`.
            score: float32 `[N, 17]`, 0 where missing.
            camera: `[3, 3]`, matrix of the camera in px, of a lifter that `sees_camera`.

        Returns:
            `keypoints_3d` `[N, 17, 3]`, px, pelvis at 0; `filled_2d` `[N, 17, 2]`, px; `valid` bool
            `[N]`. With a camera `keypoints_3d` is in distances of the pelvis, in its axes, and there is
            `direction` `[N, 3]`, from the camera to the pelvis, unit length.
        """
        if camera is not None and self._run_camera is not None:
            return _lift_seen(self._run_camera, points_px, score, camera)
        if self.num_frames > 1:
            rows = np.repeat(np.arange(len(points_px))[:, None], self.num_frames, axis=1)
            alone = np.zeros(rows.shape, bool)
            alone[:, self.answered] = True
            return self._lift_windows(points_px, score, rows, alone)
        answers = []
        for start in range(0, len(points_px), _BATCH):
            part = slice(start, start + _BATCH)
            given = {"keypoints_2d": points_px[part]}
            if self.fills:
                given["score"] = score[part]
            answer = self._run(given)
            valid = answer["valid"] > 0
            if not self.fills:
                valid &= (score[part] > 0).all(axis=1)
            filled = answer.get("filled_2d", points_px[part])
            answers.append((answer["keypoints_3d"], filled, valid))
        return _joined(answers)

    def lift_film(self, points_px: np.ndarray, score: np.ndarray) -> dict[str, np.ndarray]:
        """Lift one person in successive frames.

        Args:
            points_px: float32 `[F, 17, 2]`.
            score: float32 `[F, 17]`, 0 where missing.

        Returns:
            As `lift`, of every frame.
        """
        if self.num_frames == 1:
            return self.lift(points_px, score)
        rows = np.arange(len(points_px))[:, None] + np.arange(self.num_frames) - self.answered
        is_there = (rows >= 0) & (rows < len(points_px))
        return self._lift_windows(points_px, score, np.clip(rows, 0, len(points_px) - 1), is_there)

    def lift_next(
        self,
        points_px: np.ndarray,
        score: np.ndarray,
        state: np.ndarray | None,
        camera: np.ndarray | None = None,
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """Lift the newest frame of one person in a stream.

        Args:
            points_px: float32 `[17, 2]`.
            score: float32 `[17]`, 0 where missing.
            state: what the last call gave; None at first and after a cut.
            camera: as in `lift`.

        Returns:
            As `lift`, of one row; and the state for the next call.
        """
        if self._run_next is None:
            return self.lift(points_px[None], score[None], camera), None
        if state is None:
            state = np.zeros((1, self.num_frames - 1, H36M_17.num_joints, 3), np.float32)
        given = {"keypoints_2d": points_px[None], "score": score[None], "state": state}
        answer = self._run_next(given)
        lifted = _joined([(answer["keypoints_3d"], answer["filled_2d"], answer["valid"] > 0)])
        return lifted, answer["state"]

    def _lift_windows(self, points_px, score, rows, is_there):
        answers = []
        for start in range(0, len(rows), _WINDOWS):
            some = rows[start : start + _WINDOWS]
            there = is_there[start : start + _WINDOWS, :, None]
            given = {
                "keypoints_2d": points_px[some],
                "score": (score[some] * there).astype(np.float32),
            }
            answer = self._run(given)
            answers.append((answer["keypoints_3d"], answer["filled_2d"], answer["valid"] > 0))
        return _joined(answers)


class FoundLifter:
    """The lifter of --lift behind the network of --saved_model.

    Args:
        config: the command.
        skeleton: joint order of the network.
        is_film: whether pictures follow each other.

    Attributes:
        lifter: the lifter.

    Raises:
        ValueError: if there is no such lifter, it does not fit pictures of this kind, or the network's
            joints do not make Human3.6M's.
    """

    def __init__(self, config: PredictConfig, skeleton: Skeleton, is_film: bool) -> None:
        self._config, self._skeleton = config, skeleton
        if skeleton != H36M_17 and (skeleton.name, H36M_17.name) not in converters():
            raise ValueError(
                f"--saved_model={config.saved_model} finds {skeleton.name}, of which a lifter's joints "
                "cannot be made; give a network of whole bodies."
            )
        self.lifter = Lifter(config.lift)
        if is_film and not self.lifter.is_causal:
            raise ValueError(
                f"--lift={config.lift} needs frames that come later, which a video does not give it; "
                "give a lifter trained with --answer=last, or the film's 2D poses by --keypoints."
            )
        check_lens(config, self.lifter)
        # A joint made of others is as sure as the least sure of them.
        made_of = np.eye(H36M_17.num_joints)
        if skeleton != H36M_17:
            made_of, _ = convert(np.eye(skeleton.num_joints), skeleton, H36M_17)
        self._makes = np.asarray(made_of) != 0
        self._states: dict[int, np.ndarray | None] = {}

    def lift(self, poses: Sequence[FoundPose], camera: np.ndarray | None = None) -> list[FoundPose]:
        """Lift everybody in a single picture.

        Args:
            poses: bodies that the network found.
            camera: `[3, 3]`, its matrix in px, where it is known.

        Returns:
            The same with Human3.6M's joints; where they were lifted, metres from the camera if that is
            known, else relative to the pelvis.
        """
        if not poses:
            return []
        given = [self._joints(pose) for pose in poses]
        points, score = (np.stack(parts) for parts in zip(*given, strict=True))
        lifted = self.lifter.lift(points, score, camera)
        return [self._lifted(pose, score[row], lifted, row) for row, pose in enumerate(poses)]

    def lift_next(
        self, poses: Sequence[FoundPose], camera: np.ndarray | None = None
    ) -> list[FoundPose]:
        """Lift everybody in the next frame of a film; who is not there is missing in their film.

        Args:
            poses: bodies that the network found, the same persons with the same numbers.
            camera: `[3, 3]`, as in `lift`.

        Returns:
            As `lift`.
        """
        found = []
        for pose in poses:
            points, score = self._joints(pose)
            state = self._states.get(pose.person)
            lifted, self._states[pose.person] = self.lifter.lift_next(points, score, state, camera)
            found.append(self._lifted(pose, score, lifted, 0))
        return found

    def forget(self) -> None:
        """Begin a new film: what comes owes nothing to what was before."""
        self._states.clear()

    def _joints(self, pose):
        points, score = pose.keypoints_2d, np.clip(np.nan_to_num(pose.score), 0.0, 1.0)
        if self._skeleton != H36M_17:
            points, _ = convert(points, self._skeleton, H36M_17)
        of_sources = np.where(self._makes, score, np.inf)
        score = of_sources.min(axis=-1) * pose.is_valid
        return np.asarray(points, np.float32), score.astype(np.float32)

    def _lifted(self, pose, score, lifted, row):
        space = lifted["keypoints_3d"][row].astype(np.float64)
        is_lifted = bool(lifted["valid"][row]) and pose.is_valid
        return dataclasses.replace(
            pose,
            skeleton=H36M_17,
            keypoints_2d=lifted["filled_2d"][row].astype(np.float64)
            if is_lifted
            else self._joints(pose)[0].astype(np.float64),
            score=score.astype(np.float64),
            depth=space[:, 2],
            keypoints_3d=in_metres(lifted, row, self._config) if is_lifted else None,
            is_root_relative="direction" not in lifted,
            # What the network said is of its own joints and depth.
            sigma_2d=None,
            sigma_depth=None,
        )


def check_lens(config: PredictConfig, lifter: Lifter) -> None:
    """Refuse a camera that the lifter would not look at.

    Args:
        config: focal_px, assume_fov_deg and intrinsics are used.
        lifter: of the command.

    Raises:
        ValueError: if a camera is given to a lifter without the signature `lift_camera`.
    """
    for name in ("focal_px", "assume_fov_deg", "intrinsics"):
        if getattr(config, name) and not lifter.sees_camera:
            raise ValueError(
                f"--{name} is of no use with --lift={config.lift}, which does not know cameras; give a "
                "lifter with the signature lift_camera, such as savedmodels/tips_cmu, or omit it."
            )


def in_metres(lifted: Mapping[str, np.ndarray], row: int, config: PredictConfig) -> np.ndarray:
    """Give a pose its size: bones as long as those of a person of the known or typical height.

    Args:
        lifted: of `Lifter.lift`.
        row: whose pose.
        config: height_m or bone_length_m, where somebody knows them.

    Returns:
        float64 `[17, 3]`, m, pelvis at 0; before a known camera at its place there, whose distance
        follows from the size.
    """
    space = lifted["keypoints_3d"][row].astype(np.float64)
    length_m = config.bone_length_m or BONE_SUM_PER_HEIGHT * (config.height_m or _TYPICAL_HEIGHT_M)
    bones, _ = convert(space, H36M_17, MPII_16)
    unit_m = length_m / max(float(np.asarray(total_bone_length(bones))), 1e-9)
    if "direction" in lifted:
        space = space + lifted["direction"][row]
    return space * unit_m


def lens_words(lens: Lens) -> str:
    """Say for the head of a file what lifted people know of the camera.

    Args:
        lens: of the pictures.
    """
    if not lens.is_known:
        return "none: 3D is relative to the pelvis, and who stands aside is turned by that angle"
    return f"{lens.words}; how far away somebody is follows from the size below"


def depth_unit(is_seen: bool, what: str) -> str:
    """Name the unit of a lifted pose's depth.

    Args:
        is_seen: whether the camera is known.
        what: whose pixels they are otherwise.
    """
    return "distances of the pelvis from the camera" if is_seen else f"pixels of the {what}"


def size_words(config: PredictConfig) -> str:
    """Say for the head of a file where the size of lifted people comes from.

    Args:
        config: height_m or bone_length_m, where somebody knows them.
    """
    if config.bone_length_m:
        return f"given: bones of {config.bone_length_m:g} m"
    if config.height_m:
        return f"given: a height of {config.height_m:g} m"
    return f"assumed: a height of {_TYPICAL_HEIGHT_M} m; give --height_m"


def _lift_seen(run, points_px, score, camera):
    answers = []
    for start in range(0, len(points_px), _BATCH):
        part = slice(start, start + _BATCH)
        cameras = np.repeat(camera[None].astype(np.float32), len(score[part]), axis=0)
        answers.append(run({"keypoints_2d": points_px[part], "score": score[part], "K": cameras}))
    names = ("keypoints_3d", "filled_2d", "valid", "direction")
    lifted = {name: np.concatenate([answer[name] for answer in answers]) for name in names}
    return lifted | {"valid": lifted["valid"] > 0}


def _joined(answers):
    space, plane, valid = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return {"keypoints_3d": space, "filled_2d": plane, "valid": valid}
