"""The camera that pictures were taken with: given, assumed, or not known."""

import json
import os

import numpy as np

from keras_pose.files.arrays import check_is_file
from keras_pose.geometry import centred_intrinsics, other_picture
from keras_pose.predict.settings import PredictConfig

_ADVICE = "give three rows of three numbers: fx, 0, cx; 0, fy, cy; 0, 0, 1, in pixels"


class Lens:
    """The camera matrix of any picture.

    Args:
        config: `focal_px`, `assume_fov_deg` and `intrinsics` are used.

    Attributes:
        words: for the head of a file: what is known of the camera.

    Raises:
        ValueError: if the file of the matrix is missing or holds none.
    """

    def __init__(self, config: PredictConfig) -> None:
        self._matrix = read_intrinsics(config.intrinsics) if config.intrinsics else None
        self._path, self._others = config.intrinsics, dict[tuple[int, int], str]()
        self._focal, self._angle = config.focal_px, config.assume_fov_deg
        if self._matrix is not None:
            self.words = f"given: the camera matrix of {config.intrinsics}"
        elif self._focal:
            self.words = (
                f"given: a focal length of {self._focal:g} px, principal point in the centre"
            )
        elif self._angle:
            self.words = (
                f"assumed: a lens of {self._angle:g} degrees over the longer side; positions are "
                "only as accurate as this"
            )
        else:
            self.words = (
                "none, so 3D is relative to the root; give --focal_px or --intrinsics, or "
                "--assume_fov_deg to assume a lens"
            )

    @property
    def is_known(self) -> bool:
        """Whether something is given or assumed."""
        return self._matrix is not None or bool(self._focal or self._angle)

    @property
    def notes(self) -> list[str]:
        """Sentences on pictures that the given camera matrix cannot be of, so far."""
        if not self._others:
            return []
        first, *more = self._others.values()
        sizes = f" (likewise for {len(more)} other picture sizes)" if more else ""
        return [
            f"--intrinsics={self._path} seems to belong to other pictures: {first}{sizes}; "
            "positions would be wrong, so give the matrix in pixels of these pictures."
        ]

    def of(self, height: int, width: int) -> np.ndarray | None:
        """Return the camera matrix of a picture.

        Args:
            height: of the picture in px.
            width: of the picture in px.

        Returns:
            float64 `[3, 3]` in px, or None where nothing is known.
        """
        if self._matrix is not None:
            if other := other_picture(self._matrix, height, width):
                self._others[height, width] = other
            return self._matrix
        if not self.is_known:
            return None
        return centred_intrinsics(height, width, self._focal, self._angle)


def read_intrinsics(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a camera matrix.

    Args:
        path: `.json`, a list of three rows or an object that has it as `intrinsics` or `K`; or text, a
            row per line, parted by blanks or commas.

    Returns:
        float64 `[3, 3]` in px.

    Raises:
        ValueError: if the file is missing or holds no camera matrix.
    """
    name = check_is_file(path, _ADVICE)
    try:
        with open(name, encoding="utf-8") as file:
            text = file.read()
        if name.lower().endswith(".json"):
            content = json.loads(text)
            if isinstance(content, dict):
                content = content.get("intrinsics", content.get("K"))
            matrix = np.array(content, np.float64)
        else:
            rows = [row for row in text.replace(",", " ").splitlines() if row.strip()]
            matrix = np.array([row.split() for row in rows], np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{name} holds no camera matrix ({str(error)[:60]}); {_ADVICE}."
        ) from error
    is_camera = matrix.shape == (3, 3) and np.isfinite(matrix).all()
    if not is_camera or matrix[0, 0] <= 0 or matrix[1, 1] <= 0 or list(matrix[2]) != [0, 0, 1]:
        raise ValueError(f"{name} holds no camera matrix; {_ADVICE}.")
    return matrix
