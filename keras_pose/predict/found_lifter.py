"""Bodies that a network found in pictures, their joints lifted to 3D by a lifter."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from keras_pose.predict.lifter import Lifter, in_metres
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.settings import PredictConfig
from keras_pose.skeletons import H36M_17, Skeleton, convert, converters


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
        # A joint made of others is as sure as the least sure of them.
        made_of = np.eye(H36M_17.num_joints)
        if skeleton != H36M_17:
            made_of, _ = convert(np.eye(skeleton.num_joints), skeleton, H36M_17)
        self._makes = np.asarray(made_of) != 0
        self._states: dict[int, np.ndarray | None] = {}

    def lift(self, poses: Sequence[FoundPose]) -> list[FoundPose]:
        """Lift everybody in a single picture.

        Args:
            poses: bodies that the network found.

        Returns:
            The same with Human3.6M's joints; metres relative to the pelvis where they were lifted.
        """
        if not poses:
            return []
        given = [self._joints(pose) for pose in poses]
        points, score = (np.stack(parts) for parts in zip(*given, strict=True))
        lifted = self.lifter.lift(points, score)
        return [self._lifted(pose, score[row], lifted, row) for row, pose in enumerate(poses)]

    def lift_next(self, poses: Sequence[FoundPose]) -> list[FoundPose]:
        """Lift everybody in the next frame of a film; who is not there is missing in their film.

        Args:
            poses: bodies that the network found, the same persons with the same numbers.

        Returns:
            As `lift`.
        """
        found = []
        for pose in poses:
            points, score = self._joints(pose)
            state = self._states.get(pose.person)
            lifted, self._states[pose.person] = self.lifter.lift_next(points, score, state)
            found.append(self._lifted(pose, score, lifted, 0))
        return found

    def forget(self) -> None:
        """Begin a new film: what comes owes nothing to what was before."""
        self._states.clear()

    def _joints(self, pose):
        points, score = pose.keypoints_2d, np.clip(np.nan_to_num(pose.score), 0.0, 1.0)
        if self._skeleton != H36M_17:
            points, _ = convert(points, self._skeleton, H36M_17)
        score = np.where(self._makes, score, np.inf).min(axis=-1) * pose.is_valid
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
            keypoints_3d=in_metres(space, self._config) if is_lifted else None,
            is_root_relative=True,
        )
