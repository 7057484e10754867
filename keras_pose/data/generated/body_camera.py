"""Cameras that look at generated bodies, and the window of their picture that is kept."""

import dataclasses

import numpy as np

from keras_pose.data.motion.virtual_cameras import h36m_rig

# Nearer than this the perspective is one that nobody photographs.
_NEAREST_M = 0.6
_LOWEST_M, _HIGHEST_M = 0.2, 4.3
BOX_MARGIN = 1.25


@dataclasses.dataclass(frozen=True)
class BodyCamera:
    """Where a camera stands; X_cam = R (X - centre), world frame with y down and the floor at 0.

    Attributes:
        rotation: float64 `[3, 3]`.
        centre: float64 `[3]`, metres.
    """

    rotation: np.ndarray
    centre: np.ndarray

    def see(self, points: np.ndarray) -> np.ndarray:
        """Return points `[..., 3]` of the world in the camera frame, metres."""
        return (points - self.centre) @ self.rotation.T


def lab_cameras() -> tuple[BodyCamera, ...]:
    """Return the four fixed cameras of a laboratory, as Human3.6M's stand."""
    rig = h36m_rig()
    return tuple(
        BodyCamera(rotation, centre)
        for rotation, centre in zip(rig.rotations(), rig.centres(), strict=True)
    )


def random_camera(
    rng: np.random.Generator,
    points: np.ndarray,
    pitch_deg: tuple[float, float],
    distance_m: tuple[float, float],
    roll_deg: float,
) -> BodyCamera:
    """Draw a camera that looks about at a body.

    Args:
        rng: source of the draws.
        points: float64 `[J, 3]`, joints in metres, world frame.
        pitch_deg: least and greatest angle of looking down.
        distance_m: least and greatest distance, drawn evenly in its logarithm.
        roll_deg: standard deviation of the turn about the optical axis.

    Returns:
        The camera, between 0.2 and 4.3 m above the floor and at least 0.6 m from every joint.
    """
    target = 0.5 * (points.max(0) + points.min(0))
    azimuth = rng.uniform(0, 2 * np.pi)
    pitch = np.radians(rng.uniform(*pitch_deg))
    distance = np.exp(rng.uniform(*np.log(distance_m)))
    jitter = np.radians(rng.normal(0.0, 3.0, 2))
    roll = np.radians(rng.normal(0.0, roll_deg))
    rise = -target[1]
    if pitch < 0:
        distance = min(distance, max((rise - _LOWEST_M) / np.sin(-pitch), 1.5))
    while True:
        height = np.clip(rise + distance * np.sin(pitch), _LOWEST_M, _HIGHEST_M)
        seen = np.arcsin(np.clip((height - rise) / distance, -0.95, 0.95))
        level = distance * np.cos(seen)
        centre = np.array(
            [
                target[0] - level * np.cos(azimuth),
                -height,
                target[2] - level * np.sin(azimuth),
            ]
        )
        rotation = _looking(
            azimuth + jitter[0], np.clip(seen + jitter[1], *np.radians(pitch_deg)), roll
        )
        camera = BodyCamera(rotation, centre)
        if camera.see(points)[:, 2].min() > _NEAREST_M:
            return camera
        distance += 0.4


def _looking(azimuth: float, pitch: float, roll: float) -> np.ndarray:
    """Return rows right, down, forward of a camera that looks towards an azimuth and down."""
    ahead = np.array([np.cos(azimuth), 0.0, np.sin(azimuth)])
    right = np.array([ahead[2], 0.0, -ahead[0]])
    forward = np.cos(pitch) * ahead + np.sin(pitch) * np.array([0.0, 1.0, 0.0])
    down = np.cross(forward, right)
    turned = np.cos(roll) * right + np.sin(roll) * down
    return np.stack([turned, np.cos(roll) * down - np.sin(roll) * right, forward])


def window_intrinsics(
    rng: np.random.Generator,
    points: np.ndarray,
    size: int,
    widen: tuple[float, float],
    shift: float,
) -> np.ndarray:
    """Choose the square window around a body that becomes the picture.

    Args:
        rng: source of the draws.
        points: float64 `[J, 3]`, joints in metres, camera frame, in front of the camera.
        size: side of the picture in pixels.
        widen: least and greatest side of the window over that of the body's box.
        shift: how far the window moves at most, as a share of the box.

    Returns:
        Intrinsics of the picture, float64 `[3, 3]`: the optical axis meets the full picture in its
        middle, the window lies where the body is.
    """
    flat = points[:, :2] / points[:, 2:]
    low, high = flat.min(0), flat.max(0)
    box = BOX_MARGIN * (high - low).max()
    side = box * rng.uniform(*widen)
    corner = 0.5 * (low + high - side) + box * rng.uniform(-shift, shift, 2)
    focal = size / side
    return np.array([[focal, 0, -corner[0] * focal], [0, focal, -corner[1] * focal], [0, 0, 1.0]])
