"""Skeletons as pictures: uint8 RGB arrays drawn with OpenCV, in 2D and from any side in 3D.

Left is blue, right is vermilion, the middle is slate: colours of Okabe and Ito's palette with a
grey, which people of any colour vision tell apart. Pixels are continuous, as everywhere: the
centre of the top-left pixel is (0.5, 0.5).
"""

from collections.abc import Sequence

import numpy as np

from keras_pose.skeletons import Skeleton
from keras_pose.viz.brush import Brush

BACKGROUND = (250, 250, 252)
LEFT = (0, 114, 178)
RIGHT = (213, 94, 0)
MIDDLE = (72, 80, 94)
# Okabe and Ito's colours, one per finger.
FINGERS = {
    "thumb": (213, 94, 0),
    "index": (230, 159, 0),
    "middle": (0, 158, 115),
    "ring": (0, 114, 178),
    "pinky": (204, 121, 167),
}
_WHITE = (255, 255, 255)
_TRUTH = (84, 88, 96)
_FLOOR = (221, 223, 229)
_SHADOW = (226, 228, 233)


def limb_colours(skeleton: Skeleton) -> np.ndarray:
    """Return one colour per joint, for the limb that ends in it.

    Args:
            skeleton: joint names that begin with `left_`, `right_` or a finger are told apart.

    Returns:
            uint8 `[J, 3]`, RGB.
    """
    palette = {"left": LEFT, "right": RIGHT} | FINGERS
    colours = [palette.get(name.split("_")[0], MIDDLE) for name in skeleton.joints]
    return np.array(colours, np.uint8)


def draw_pose_2d(
    canvas: np.ndarray | tuple[int, int],
    points_px: np.ndarray,
    skeleton: Skeleton,
    thickness: float | None = None,
    depth: np.ndarray | None = None,
    radius: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a 2D pose over a picture or an empty canvas.

    Args:
            canvas: uint8 `[H, W, 3]` RGB, or (height, width) for an empty one.
            points_px: `[J, 2]` in pixels of the canvas; joints that are not finite are left out together
            with their limbs.
            skeleton: the joint order.
            thickness: of limbs in pixels; None suits it to the size of the pose.
            depth: `[J]` away from the camera, any unit: near limbs cover far ones; None keeps the
            skeleton's order.
            radius: `[J]` px, of a circle around each joint in which it is likely to lie; None draws
            none, nor does what is hidden by the joint's own mark.

    Returns:
            A new uint8 `[H, W, 3]` RGB array.

    Raises:
            ValueError: if the shapes do not fit.
    """
    points = _checked_points(points_px, skeleton, 2)
    seen = np.all(np.isfinite(points), axis=-1)
    if thickness is None:
        span = np.ptp(points[seen], axis=0).max() if seen.any() else 0.0
        thickness = float(np.clip(span / 55, 1.5, 12))
    colours = limb_colours(skeleton)
    brush = Brush(_canvas(canvas))
    far = np.zeros(len(points)) if depth is None else np.asarray(depth, np.float64)
    bones = [bone for bone in skeleton.bones if seen[list(bone)].all()]
    bones.sort(key=lambda bone: -far[list(bone)].mean())
    joints = sorted(np.flatnonzero(seen), key=lambda joint: -far[joint])
    around = np.zeros(len(points)) if radius is None else np.asarray(radius, np.float64)
    for joint in joints:
        if around[joint] > thickness * 1.25:
            for width, colour in ((thickness * 0.7, _WHITE), (thickness * 0.35, colours[joint])):
                brush.ring(points[joint], around[joint], width, colour)
    # A white rim keeps every limb visible on any picture; all rims lie under all limbs.
    for parent, child in bones:
        brush.limb(points[parent], points[child], thickness * 1.8, _WHITE)
    for joint in joints:
        brush.dot(points[joint], thickness * 2.5, _WHITE)
    for parent, child in bones:
        brush.limb(points[parent], points[child], thickness, colours[child])
    for joint in joints:
        brush.dot(points[joint], thickness * 1.8, colours[joint])
        brush.dot(points[joint], thickness * 0.9, _WHITE)
    return brush.picture()


def view_points(points_3d: np.ndarray, azimuth_deg: float, elevation_deg: float) -> np.ndarray:
    """Turn camera-frame points into the frame of a viewer who walked around them.

    Args:
            points_3d: `[..., J, 3]`, x right, y down, z forward.
            azimuth_deg: 0 is the camera's own view; 90 looks from the camera's right, along -x, with
            what is far from the camera on the right of the picture; 180 looks from behind.
            elevation_deg: how far the viewer stands above the horizontal, looking down.

    Returns:
            float64 `[..., J, 3]` in the unit of the input: right, down, and away from the viewer.
    """
    azimuth, elevation = np.deg2rad(azimuth_deg), np.deg2rad(elevation_deg)
    right = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])
    level = np.array([-np.sin(azimuth), 0.0, np.cos(azimuth)])
    vertical = np.array([0.0, 1.0, 0.0])
    forward = np.cos(elevation) * level + np.sin(elevation) * vertical
    down = np.cos(elevation) * vertical - np.sin(elevation) * level
    return np.asarray(points_3d, np.float64) @ np.stack([right, down, forward]).T


def draw_pose_3d(
    points_3d: np.ndarray,
    skeleton: Skeleton,
    azimuth_deg: float = 0.0,
    elevation_deg: float = 0.0,
    size: tuple[int, int] = (320, 320),
    truth: np.ndarray | None = None,
    centre: Sequence[float] | None = None,
    extent: float | None = None,
    floor: bool = True,
    widths: np.ndarray | None = None,
    is_shown: np.ndarray | None = None,
) -> np.ndarray:
    """Draw a 3D pose from one side, without perspective: near limbs over far, paler ones.

    Args:
            points_3d: `[J, 3]`, x right, y down, z forward, in any unit.
            skeleton: the joint order.
            azimuth_deg: as in `view_points`.
            elevation_deg: as in `view_points`.
            size: (height, width) of the picture.
            truth: `[J, 3]`, drawn as thin grey lines on top, in the same view; None for none.
            centre: point `[3]` in the middle of the picture; None means the middle of what is drawn.
            extent: length from the middle of the picture to its nearest edge, in the unit of the
            points; None chooses it so that the pose stays inside from every side.
            floor: whether to draw a level grid below the lowest joint, with the pose's shadow on it.
            widths: `[J]`, factor on the thickness of the limb that ends in each joint; None means 1.
            is_shown: bool `[J]`, joints that are drawn, at least one of them; None means all. A limb
            needs both its ends, and size and floor follow what is drawn.

    Returns:
            uint8 `[H, W, 3]` RGB.

    Raises:
            ValueError: if the shapes do not fit or a point is not finite.
    """
    points = _checked_points(points_3d, skeleton, 3)
    shown = np.ones(len(points), bool) if is_shown is None else np.asarray(is_shown, bool)
    bones = [bone for bone in skeleton.bones if shown[list(bone)].all()]
    drawn = points[shown]
    if truth is not None:
        truth = _checked_points(truth, skeleton, 3)
        drawn = np.concatenate([drawn, truth])
    if not np.all(np.isfinite(drawn)):
        raise ValueError("A 3D pose to be drawn holds values that are not finite: leave it out.")
    middle = (drawn.min(0) + drawn.max(0)) / 2 if centre is None else np.asarray(centre, float)
    if extent is None:
        extent = float(max(np.linalg.norm(drawn - middle, axis=-1).max() * 1.08, 1e-9))

    def see(positions: np.ndarray) -> np.ndarray:
        viewed = view_points(positions - middle, azimuth_deg, elevation_deg) / extent
        viewed[..., :2] = viewed[..., :2] * min(size) / 2 + np.array([size[1], size[0]]) / 2
        return viewed

    brush = Brush(_canvas(size))
    thickness = max(min(size) / 45, 1.5)
    if floor:
        ground = np.array([middle[0], drawn[:, 1].max(), middle[2]])
        for line in _grid(ground, extent * 0.75):
            start, end = see(line)
            brush.limb(start, end, thickness * 0.12, _FLOOR)
        shadow = see(np.where([False, True, False], ground, points))
        for parent, child in bones:
            brush.limb(shadow[parent], shadow[child], thickness * 0.8, _SHADOW)
    colours = limb_colours(skeleton)
    seen = see(points)
    # 0 at the nearest joint; a pose that is nearly flat from here is not made to look deep.
    depth = seen[shown, 2]
    seen[:, 2] = (seen[:, 2] - depth.min()) / max(np.ptp(depth), 0.3)
    for bone in sorted(bones, key=lambda bone: -seen[list(bone), 2].mean()):
        width = thickness if widths is None else thickness * float(widths[bone[1]])
        _draw_tube(brush, seen[list(bone)], width, colours[bone[1]])
    if truth is not None:
        thin = see(truth)
        for parent, child in skeleton.bones:
            brush.limb(thin[parent], thin[child], max(thickness * 0.22, 1), _TRUTH)
    return brush.picture()


def _draw_tube(brush: Brush, ends: np.ndarray, thickness: float, colour: np.ndarray) -> None:
    """Draw one limb, its colour fading with depth, with a rim that parts it from those behind."""
    points = ends[0] + np.linspace(0, 1, 9)[:, None] * (ends[1] - ends[0])
    # Not at the joints, where the rim would cut into the limbs it belongs to.
    brush.limb(points[2], points[-3], thickness * 1.6, BACKGROUND)
    for lightness, width in ((0.0, 1.0), (0.3, 0.4)):
        for first, second in zip(points[:-1], points[1:], strict=True):
            fog = 0.55 * (first[2] + second[2]) / 2
            tone = colour * (1 - lightness) + 255.0 * lightness
            tone = tone * (1 - fog) + np.array(BACKGROUND) * fog
            brush.limb(first, second, thickness * width, tone)


def _grid(ground: np.ndarray, half: float) -> list[np.ndarray]:
    """Return the level lines `[2, 3]` of a square around a point, seven in each direction."""
    lines = []
    for offset in np.linspace(-half, half, 7):
        lines.append(ground + np.array([[offset, 0, -half], [offset, 0, half]]))
        lines.append(ground + np.array([[-half, 0, offset], [half, 0, offset]]))
    return lines


def _checked_points(points: np.ndarray, skeleton: Skeleton, axes: int) -> np.ndarray:
    points = np.asarray(points, np.float64)
    if points.shape != (skeleton.num_joints, axes):
        raise ValueError(
            f"A pose to be drawn has shape {list(points.shape)}, but skeleton {skeleton.name!r} "
            f"needs [{skeleton.num_joints}, {axes}]: draw one pose at a time in that joint order."
        )
    return points


def _canvas(canvas: np.ndarray | tuple[int, int]) -> np.ndarray:
    if not isinstance(canvas, np.ndarray):
        return np.full((*canvas, 3), BACKGROUND, np.uint8)
    if canvas.dtype != np.uint8 or canvas.ndim != 3 or canvas.shape[-1] != 3:
        raise ValueError(
            f"A picture to draw on is {canvas.dtype} {list(canvas.shape)}, but must be uint8 "
            "[H, W, 3]: convert it first."
        )
    return canvas
