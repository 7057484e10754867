"""Everybody in a picture, in one line of Python: `Pose("body+hands")(picture)`."""

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.data.pictures.picture import decode_picture
from keras_pose.predict.finder import Finder
from keras_pose.predict.lifter import FoundLifter
from keras_pose.predict.pose import FoundPose
from keras_pose.predict.search import Search
from keras_pose.predict.settings import PredictConfig
from keras_pose.train.shipped import shipped_path

# Those that work best on photographs first; `make models` writes them.
_NETWORKS = {
    "body": ("body_mediapipe", "body_student"),
    "hands": ("hand_mediapipe", "hand_student"),
}
# What only the command does something with.
_OF_COMMAND = frozenset(
    "keypoints keypoints_tool picture_size frames_per_second webcam max_frames output format "
    "bvh_positions overlay page smooth smooth_min_cutoff smooth_beta".split()
)
_KINDS = ("body", "hands", "body+hands")


class Pose:
    """Finds persons, hands, or persons with their hands in pictures.

    Takes the best networks and the finder that are there: those of `make models`, else those that come
    with the package. Without a finder the whole picture is taken to show one person or hand.

    Args:
        what: "body", "hands" or "body+hands".
        models: folder of the networks.
        **settings: what is known of persons and camera, such as `height_m` and `focal_px`, and `lift`,
            the folder of a lifter for what="body": fields of `PredictConfig`.

    Attributes:
        words: which networks look, and where.

    Raises:
        ValueError: if `what` is unknown, there is no such network or a setting is out of range.
        TypeError: if there is no such setting.

    Example:
        >>> import numpy as np
        >>> import keras_pose
        >>> pose = keras_pose.Pose("body", height_m=1.75)
        >>> everybody = pose(np.full((240, 320, 3), 128, np.uint8))
    """

    def __init__(
        self, what: str = "body+hands", models: str | os.PathLike = "savedmodels", **settings: Any
    ) -> None:
        if what not in _KINDS:
            raise ValueError(f"what={what!r} is unknown; choose one of {', '.join(_KINDS)}.")
        if unused := [name for name in settings if name in _OF_COMMAND]:
            raise ValueError(
                f"{', '.join(unused)}: settings of the command, of files and films; omit them."
            )
        folders = {kind: _network(kind, models) for kind in what.split("+")}
        main = folders.get("body") or folders["hands"]
        hands = folders["hands"] if len(folders) > 1 else ""
        config = PredictConfig(saved_model=main, hands=hands, pictures="picture", **settings)
        if config.lift:
            config = dataclasses.replace(config, lift=shipped_path(config.lift))
            config.check_lifted_pictures()
        self._finder = Finder(config)
        self._lifter = (
            FoundLifter(config, self._finder.main.skeleton, False) if config.lift else None
        )
        self._search = Search(config, self._finder.main.kind)
        names = " and ".join(Path(folder).name for folder in folders.values())
        lifted = f", lifted by {self._lifter.lifter.words}" if self._lifter else ""
        self.words = f"{names}{lifted}; {self._search.words}"

    def __call__(self, picture: np.ndarray | str | os.PathLike) -> list[FoundPose]:
        """Find everybody in a picture.

        Args:
            picture: uint8 `[H, W, 3]` RGB, upright, or the place of a JPEG or PNG file.

        Returns:
            Poses, the surest person first; the hands of a person follow it. Empty where nobody is.

        Raises:
            ValueError: if it is no such picture.
            OSError: if the file cannot be read.
        """
        if isinstance(picture, np.ndarray):
            name, image = "picture", picture
            if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
                raise ValueError(
                    f"The picture is {image.dtype} {list(image.shape)}; give uint8 [H, W, 3] in RGB."
                )
        else:
            name = os.path.basename(picture)
            image = decode_picture(Path(picture).read_bytes(), name)
        found = self._finder.everybody(name, image, self._search.of(name, image, self._finder.look))
        found = [pose for pose in found if pose.is_valid]
        if self._lifter is None:
            return found
        return self._lifter.lift(found, self._finder.lens.of(*image.shape[:2]))


def _network(kind: str, models: str | os.PathLike) -> str:
    names = _NETWORKS[kind]
    for name in names:
        folder = shipped_path(os.path.join(models, name))
        if os.path.isdir(folder):
            return folder
    raise ValueError(
        f"{os.fspath(models)} holds neither {' nor '.join(names)}; make models writes them, or give "
        "models, the folder that holds yours."
    )
