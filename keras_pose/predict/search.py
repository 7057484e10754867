"""Where to look in a picture: boxes that were given, boxes that a finder finds, or all of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.predict.regions import Regions, shows_something
from keras_pose.predict.settings import PredictConfig
from keras_pose.predict.tracking import tight_box
from keras_pose.serving.found_boxes import ServedFinder

_FINDERS = {"hand": "find_hands", "body": "find_people"}
# Function of a picture's name, the picture, boxes and sides to poses, as `Finder.look`.
Look = Callable[[str, np.ndarray, Sequence[np.ndarray], Sequence[str]], list[FoundPose]]
# Sides of the squares that are looked at more closely, over the picture's longer side; what is found
# with them stands in docs/networks.md.
_SHARES = (0.5, 0.35)
# Who is so large leaves little room for others.
_FILLS = 0.8
# Boxes of one look that overlap more are of one person.
_SAME_LOOK = 0.7
# So are tight boxes of which more of the smaller lies in the larger: halves and limbs of a person.
_INSIDE = 0.8
# Mean score of a pose's joints; shadows, and halves of persons, have less.
_SURE = 0.5
_BATCH = 16
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
        self._kind = kind
        self._closer, self._min_score = config.look_closer, config.min_score
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

    def of(
        self, name: str, image: np.ndarray, look: Look, is_hasty: bool = False
    ) -> list[tuple[np.ndarray, str]]:
        """Say where to look in one picture.

        Args:
            name: of the picture.
            image: uint8 `[H, W, 3]` RGB.
            look: the network that the boxes are for; where the finder looks closer, its joints tell
                persons apart.
            is_hasty: never look closer.

        Returns:
            Boxes with sides as `Regions.of`; empty where a finder finds nobody.

        Raises:
            ValueError: if `Regions.of` refuses the boxes.
        """
        if self._finder is None:
            return self.regions.of(name, image.shape)
        found, is_crowded = self._finder.find_most(image)
        self.num_crowded += is_crowded
        boxes = [one.box for one in found if shows_something(one.box, image.shape)]
        if not is_hasty and self._looks_closer(boxes, image.shape):
            boxes = self._look_closer(self._finder, name, image, look, found) or boxes
        self.num_empty += not boxes
        return [(box, "") for box in boxes]

    def _looks_closer(self, boxes, shape):
        if self._closer == "never" or self._kind != "body":
            return False
        largest = max((box[3] for box in boxes), default=0.0)
        fills = largest >= _FILLS * max(shape[:2])
        return self._closer == "always" or not fills

    def _look_closer(self, finder, name, image, look, found):
        """Return tight boxes around the persons of a picture, the surest first."""
        looks = [found, *(finder.find_closer(image, share) for share in _SHARES)]
        seen = [
            one.box
            for some in looks
            for one in _apart([(one.box, one.score, one) for one in some], _SAME_LOOK)
            if shows_something(one.box, image.shape)
        ]
        persons = []
        for start in range(0, len(seen), _BATCH):
            part = seen[start : start + _BATCH]
            for pose in look(name, image, part, [""] * len(part)):
                box = tight_box(pose, self._min_score, image.shape)
                score = float(pose.score.mean())
                if box is not None and score >= _SURE:
                    persons.append((score, box))
        persons.sort(key=lambda person: -person[0])
        apart: list[np.ndarray] = []
        for _, box in persons:
            if all(_share_inside(box, other) <= _INSIDE for other in apart):
                apart.append(box)
        return apart

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


def _apart(rows, most):
    """Return what boxes are of, the surest first, without those that overlap a surer one by more."""
    if not rows:
        return []
    boxes, scores, things = zip(*rows, strict=True)
    kept = cv2.dnn.NMSBoxes([box.tolist() for box in boxes], scores, 0.0, most)
    return [things[row] for row in kept]


def _share_inside(one, other):
    """Return the area that two boxes share over that of the smaller."""
    low = np.maximum(one[:2], other[:2])
    high = np.minimum(one[:2] + one[2:], other[:2] + other[2:])
    return np.prod(np.maximum(high - low, 0.0)) / min(np.prod(one[2:]), np.prod(other[2:]))


def _pictures(number: int) -> str:
    return f"{number} {'picture' if number == 1 else 'pictures'}"


def _root_of(folder: Path) -> Path:
    """Return the folder of all models: above a model's, or two above a version's."""
    return folder.parent.parent if folder.name.isdigit() else folder.parent
