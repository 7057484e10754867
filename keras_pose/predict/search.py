"""Where to look in a picture: boxes that were given, boxes that a finder finds, or all of it."""

from pathlib import Path

import numpy as np

from keras_pose.predict.regions import Regions, shows_something
from keras_pose.predict.settings import PredictConfig
from keras_pose.serving.found_boxes import ServedFinder

_FINDERS = {"hand": "find_hands", "body": "find_people"}
_HOW = "python -m keras_pose.weights.mediapipe --output={root} writes one"


class Search:
    """Boxes for the network of --saved_model.

    Args:
        config: the command.
        kind: of the network, "hand" or "body".

    Attributes:
        regions: the boxes that were given.
        words: for the head of a file: what says where to look.
        num_empty: pictures in which nobody was found.
        num_crowded: pictures with more than the finder has rows for.

    Raises:
        ValueError: if --boxes or --finder cannot be used.
    """

    def __init__(self, config: PredictConfig, kind: str) -> None:
        self.regions = Regions(config.boxes)
        self.num_empty = self.num_crowded = 0
        self._finder: ServedFinder | None = None
        if config.boxes:
            self.words = "boxes that were given"
            return
        self.words = "whole pictures"
        place = config.finder
        if place == "auto":
            root = _root_of(Path(config.saved_model))
            found = root / _FINDERS[kind]
            if not found.is_dir():
                self.words += f"; {found} is not there: {_HOW.format(root=root)}"
                return
            place = str(found)
        if place == "none":
            return
        self._finder = ServedFinder(place)
        name = self._finder.metadata.name
        if self._finder.metadata.kind != kind:
            raise ValueError(
                f"--finder={config.finder} finds boxes for a {self._finder.metadata.kind} network, "
                f"but --saved_model is a {kind} network; give {_FINDERS[kind]}."
            )
        self.words = f"found by {name}, version {self._finder.metadata.version}"

    def of(self, name: str, image: np.ndarray) -> list[tuple[np.ndarray, str]]:
        """Say where to look in one picture.

        Args:
            name: of the picture.
            image: uint8 `[H, W, 3]` RGB.

        Returns:
            Boxes with sides as `Regions.of`; empty where a finder finds nobody.

        Raises:
            ValueError: if `Regions.of` refuses the boxes.
        """
        if self._finder is None:
            return self.regions.of(name, image.shape)
        found, is_crowded = self._finder.find_most(image)
        self.num_crowded += is_crowded
        boxes = [one.box for one in found]
        boxes = [box for box in boxes if shows_something(box, image.shape)]
        self.num_empty += not boxes
        return [(box, "") for box in boxes]

    def notes(self) -> list[str]:
        """Word what was not found."""
        notes = []
        if self.num_empty:
            notes.append(
                f"The finder saw nobody in {_pictures(self.num_empty)}; --finder=none uses whole "
                "pictures."
            )
        if self.num_crowded:
            notes.append(
                f"The finder saw more in {_pictures(self.num_crowded)} than it has rows for and left "
                "the least sure out; cut the pictures up, or give --boxes."
            )
        return notes


def _pictures(number: int) -> str:
    return f"{number} {'picture' if number == 1 else 'pictures'}"


def _root_of(folder: Path) -> Path:
    """Return the folder of all models: above a model's, or two above a version's."""
    return folder.parent.parent if folder.name.isdigit() else folder.parent
