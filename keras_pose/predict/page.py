"""Found poses as one HTML page that needs nothing else: a skeleton to turn, a film to scrub, pictures."""

import base64
import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.skeletons import Skeleton
from keras_pose.viz import limb_colours
from keras_pose.viz.viewer import VIEWER_SCRIPT, css_colour

# A longer film is thinned out: a page must open.
_MOST_FRAMES = 3000
# Fingers and limbs of a person who walks past must not tremble: a ten-thousandth of the scene.
_DIGITS = 4
# Width of fingers over that of a body's limbs.
_FINGER = 0.3
# Room for the next person where all stand at the origin, over the size of one.
_APART = 1.3


@dataclass(frozen=True)
class PageFrame:
    """One picture of the page.

    Attributes:
        name: of the picture, or the frame's number.
        poses: what was found in it.
        thumbnail: a small JPEG of it, or None.
    """

    name: str
    poses: Sequence[FoundPose]
    thumbnail: bytes | None = None


def page_html(
    title: str,
    facts: Mapping[str, str],
    frames: Sequence[PageFrame],
    frames_per_second: float = 0.0,
) -> str:
    """Write the page.

    Args:
        title: above it.
        facts: what must be known: camera, size and so on, as words.
        frames: the pictures; of a film's frames without a thumbnail the one before is shown.
        frames_per_second: of a film, which keeps one place and one scale; 0 for single pictures, each
            shown about its own middle.

    Returns:
        A whole HTML document without an address to anything outside.

    Raises:
        ValueError: if there is no 3D pose in any picture.
    """
    step = max(-(-len(frames) // _MOST_FRAMES), 1)
    names = [frame.name for frame in frames[::step]]
    films, bones, colours, widths = _slots(frames[::step])
    films, floors, square = _placed(films, is_film=frames_per_second > 0)
    thumbnails, which = _thumbnails(frames, step, frames_per_second > 0)
    scene = {
        "poses": [_listed(film) for film in films],
        "truth": [],
        "bones": bones,
        "colours": colours,
        "widths": widths,
        "floor": max(floors),
        "floors": floors,
        "rate": frames_per_second / step if frames_per_second else 2.0,
        "paused": True,
    }
    content = json.dumps(
        {"names": names, "thumbnails": thumbnails, "which": which, "squares": square},
        separators=(",", ":"),
    ).replace("<", "\\u003c")
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(str(words))}</td></tr>"
        for name, words in facts.items()
    )
    several = "" if len(names) > 1 else " hidden"
    poses = [pose for frame in frames for pose in frame.poses]
    return _PAGE.format(
        title=html.escape(title),
        style=_STYLE,
        scene=html.escape(json.dumps(scene, separators=(",", ":"), allow_nan=False)),
        content=content,
        last=len(names) - 1,
        several=several,
        sides=_SIDES if any(pose.kind == "body" for pose in poses) else "",
        no_picture="" if thumbnails else " hidden",
        facts=rows,
        script=VIEWER_SCRIPT + _SCRIPT,
    )


def _slots(frames):
    """Points `[T, J, 3]`, NaN where nothing is, of all persons and hands, with bones and colours."""
    slots: dict[tuple[int, str, str], Skeleton] = {}
    for frame in frames:
        for pose in frame.poses:
            if pose.keypoints_3d is not None:
                slots.setdefault((pose.person, pose.kind, pose.side), pose.skeleton)
    if not slots:
        raise ValueError("There is no 3D pose to show.")
    starts, bones, colours, widths, count = {}, [], [], [], 0
    for key, skeleton in slots.items():
        starts[key] = count
        bones += [[count + parent, count + child] for parent, child in skeleton.bones]
        colours += [css_colour(colour) for colour in limb_colours(skeleton).tolist()]
        is_beside_body = key[1] == "hand" and any(kind == "body" for _, kind, _ in slots)
        widths += [_FINGER if is_beside_body else 1.0] * skeleton.num_joints
        count += skeleton.num_joints
    film = np.full((len(frames), count, 3), np.nan)
    for number, frame in enumerate(frames):
        for pose in frame.poses:
            if pose.keypoints_3d is None:
                continue
            key = (pose.person, pose.kind, pose.side)
            points = np.array(pose.keypoints_3d, np.float64)
            if pose.is_root_relative:
                size = np.ptp(points, axis=0).max() if pose.kind == "hand" else 1.0
                points[:, 0] += _APART * pose.person * size
            film[number, starts[key] : starts[key] + len(points)] = points
    return film, bones, colours, widths


def _placed(film, is_film):
    """Return the film about its middle in units of its size, floors, and metres of a grid square."""
    parts = [film] if is_film else [film[number : number + 1] for number in range(len(film))]
    out, squares, floors = [], [], []
    for part in parts:
        points = part[np.isfinite(part).all(-1)]
        if not len(points):
            out.append(part)
            squares += [0.0] * len(part)
            floors += [0.0] * len(part)
            continue
        # Not the outermost joint of a film decides: one frame may have gone wrong.
        low, high = (
            np.percentile(points, [1, 99], axis=0) if is_film else (points.min(0), points.max(0))
        )
        middle = (low + high) / 2
        far = np.linalg.norm(points - middle, axis=-1)
        extent = max(np.percentile(far, 99) if is_film else far.max(), 1e-9)
        out.append((part - middle) / extent)
        # Of single pictures each stands on a floor of its own.
        floors += [round(float((high[1] - middle[1]) / extent), 3)] * len(part)
        squares += [round(float(extent) / 4, 3)] * len(part)
    return np.concatenate(out), floors, squares


def _listed(points):
    known = np.isfinite(points).all(-1)
    return [
        point if good else None
        for point, good in zip(np.round(points, _DIGITS).tolist(), known, strict=True)
    ]


def _thumbnails(frames, step, is_film):
    """Return data addresses of the pictures, and which one each shown frame has, or -1."""
    addresses, which, last = [], [], -1
    for number, frame in enumerate(frames):
        if frame.thumbnail is not None:
            data = base64.b64encode(frame.thumbnail).decode()
            addresses.append(f"data:image/jpeg;base64,{data}")
            last = len(addresses) - 1
        elif not is_film:
            last = -1
        if number % step == 0:
            which.append(last)
    return addresses, which


# The colours of `keras_pose.viz.draw`.
_SIDES = " A person's left is blue, the right orange."

_PAGE = (resources.files(__package__) / "page.html").read_text("utf-8")

_STYLE = (resources.files(__package__) / "page.css").read_text("utf-8")

_SCRIPT = (resources.files(__package__) / "page.js").read_text("utf-8")
