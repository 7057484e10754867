"""A 3D skeleton that the reader of a report turns with mouse, finger or arrow keys.

Plain inline JavaScript on a canvas, of which a report holds one copy; the poses are in the page.
"""

import html
import json
from dataclasses import dataclass
from importlib import resources

import numpy as np

from keras_pose.skeletons import Skeleton
from keras_pose.viz.draw import MIDDLE, limb_colours

_MIDDLE = (128, 136, 150)  # Lighter than in pictures: it must stand out on a dark page too.


@dataclass(frozen=True)
class PoseViewer:
    """One pose, or several played as a film.

    Attributes:
            points_3d: `[T, J, 3]` (or `[J, 3]`) in one unit, x right, y down, z forward.
            skeleton: the joint order.
            caption: a sentence below.
            truth: of the same shape, drawn as thin lines; None for none.
            frames_per_second: speed of the film.
            size: width and height in pixels.
    """

    points_3d: np.ndarray
    skeleton: Skeleton
    caption: str = ""
    truth: np.ndarray | None = None
    frames_per_second: float = 25.0
    size: int = 420


def viewer_html(viewer: PoseViewer) -> str:
    """Return the canvas element of a viewer; `VIEWER_SCRIPT` must follow it once on the page.

    Args:
            viewer: the poses, `[T, J, 3]` or `[J, 3]`.

    Returns:
            HTML text.

    Raises:
            ValueError: if the poses do not fit the skeleton or are not finite.
    """
    arrays = [viewer.points_3d] if viewer.truth is None else [viewer.points_3d, viewer.truth]
    films = [np.asarray(array, np.float64) for array in arrays]
    films = [film[None] if film.ndim == 2 else film for film in films]
    joints = viewer.skeleton.num_joints
    for film in films:
        if film.shape[1:] != (joints, 3) or film.shape != films[0].shape or not film.size:
            raise ValueError(
                f"Poses of shape {list(film.shape)} do not fit skeleton {viewer.skeleton.name!r}: "
                f"give [T, {joints}, 3], and the truth likewise."
            )
        if not np.all(np.isfinite(film)):
            raise ValueError("A pose for the viewer is not finite: leave it out.")
    low = np.min([film.min((0, 1)) for film in films], axis=0)
    high = np.max([film.max((0, 1)) for film in films], axis=0)
    middle = (low + high) / 2
    extent = max(max(np.linalg.norm(film - middle, axis=-1).max() for film in films), 1e-9)
    # Three digits behind the point are a thousandth of the picture's half.
    films = [np.round((film - middle) / extent, 3).tolist() for film in films]
    scene = {
        "poses": films[0],
        "truth": films[1] if len(films) > 1 else [],
        "bones": viewer.skeleton.bones,
        "colours": [css_colour(colour) for colour in limb_colours(viewer.skeleton).tolist()],
        "floor": round(float((high[1] - middle[1]) / extent), 3),
        "rate": viewer.frames_per_second,
    }
    text = html.escape(json.dumps(scene, separators=(",", ":"), allow_nan=False))
    name = html.escape(viewer.caption or "3D pose")
    return (
        f'<canvas class="viewer" width="{viewer.size}" height="{viewer.size}" tabindex="0" '
        f'role="img" aria-label="{name}" data-scene="{text}"></canvas>'
    )


def css_colour(colour: list[int]) -> str:
    """Word a limb's colour for a page, which may be light or dark.

    Args:
            colour: red, green and blue, 0 to 255, from `limb_colours`.

    Returns:
            A colour as CSS has it.
    """
    red, green, blue = _MIDDLE if tuple(colour) == MIDDLE else colour
    return f"rgb({red},{green},{blue})"


VIEWER_SCRIPT = (resources.files(__package__) / "viewer.js").read_text("utf-8")
