"""Virtual cameras: project motion capture into pictures as the Human3.6M rig would see it.

The subject of every frame is turned to a random heading, put at a random spot near the middle of
the rig and seen by all cameras. The draw is a pure function of (seed, frame), so a training set, a
part of it and a later run agree.
"""

import dataclasses

import numpy as np

from keras_pose.data.motion.motion import MotionSet, stand_on_floor
from keras_pose.geometry import project_arrays
from keras_pose.skeletons import H36M_17
from keras_pose.train.keyed_random import keyed_uniform

_HEADING, _SPOT_RADIUS, _SPOT_DIRECTION = 0, 1, 2
# Nearer than this the perspective division blows up; no person is filmed from there.
_NEAREST_M = 0.5
_CHUNK = 16384


@dataclasses.dataclass(frozen=True)
class VirtualRig:
    """Cameras on a ring that look at the vertical line through the rig's middle.

    Attributes:
        name: name of the rig.
        azimuth_deg: per camera, direction of the camera from the middle: 0 is world x, 90 world z.
        height_m: per camera, height of its centre above the floor.
        distance_m: per camera, horizontal distance of its centre from the middle.
        pitch_deg: per camera, how far the optical axis looks down from the horizontal.
        focal_px: per camera, focal length along x and along y.
        principal_px: per camera, where the optical axis meets the picture.
        picture_px: width and height of the picture.

    Raises:
        ValueError: if the tuples differ in length or a distance or focal length is not positive.
    """

    name: str
    azimuth_deg: tuple[float, ...]
    height_m: tuple[float, ...]
    distance_m: tuple[float, ...]
    pitch_deg: tuple[float, ...]
    focal_px: tuple[tuple[float, float], ...]
    principal_px: tuple[tuple[float, float], ...]
    picture_px: tuple[int, int]

    def __post_init__(self) -> None:
        """Refuse a rig whose tuples do not describe the same cameras."""
        fields = ("azimuth_deg", "height_m", "distance_m", "pitch_deg", "focal_px", "principal_px")
        lengths = {field: len(getattr(self, field)) for field in fields}
        if len(set(lengths.values())) != 1 or not self.num_cameras:
            raise ValueError(
                f"rig '{self.name}': every field needs one entry per camera, but the numbers of "
                f"entries are {lengths}; make them equal."
            )
        if min(self.distance_m) <= 0 or np.min(self.focal_px) <= 0:
            raise ValueError(
                f"rig '{self.name}': distance_m and focal_px must be positive; correct the camera."
            )

    @property
    def num_cameras(self) -> int:
        """Number of cameras."""
        return len(self.azimuth_deg)

    def intrinsics(self) -> np.ndarray:
        """Return the camera matrices, float64 `[V, 3, 3]` in pixels, without skew."""
        matrices = np.zeros((self.num_cameras, 3, 3))
        matrices[:, [0, 1], [0, 1]] = self.focal_px
        matrices[:, :2, 2] = self.principal_px
        matrices[:, 2, 2] = 1.0
        return matrices

    def centres(self) -> np.ndarray:
        """Return the camera centres, float64 `[V, 3]` in metres, world frame (y down, floor at 0)."""
        azimuth = np.radians(self.azimuth_deg)
        distance = np.asarray(self.distance_m)
        return np.stack(
            [distance * np.cos(azimuth), -np.asarray(self.height_m), distance * np.sin(azimuth)], 1
        )

    def rotations(self) -> np.ndarray:
        """Return the rotations world to camera, float64 `[V, 3, 3]`: X_cam = R (X - centre).

        The horizon is level, and the world's vertical (0, 1, 0) becomes (0, cos pitch, sin pitch)
        in the camera frame, so R = R_x(pitch) times a turn about the vertical.
        """
        azimuth, pitch = np.radians(self.azimuth_deg), np.radians(self.pitch_deg)
        cosine, sine, zero = np.cos(pitch), np.sin(pitch), np.zeros(self.num_cameras)
        inward_x, inward_z = -np.cos(azimuth), -np.sin(azimuth)
        right = np.stack([inward_z, zero, -inward_x], 1)
        forward = np.stack([inward_x * cosine, sine, inward_z * cosine], 1)
        return np.stack([right, np.cross(forward, right), forward], 1)


@dataclasses.dataclass(frozen=True)
class Views:
    """Poses as cameras see them; row `n * V + v` is frame n of those rendered, seen by camera v.

    Attributes:
        points_px: float32 `[M, 17, 2]`, pixels (x right, y down), may lie outside the picture.
        points_3d: float32 `[M, 17, 3]`, metres, camera frame, absolute (pelvis at its true depth).
        pitch_deg: float32 `[M]`, how far the camera looks down.
        camera: int32 `[M]`, number of the camera in the rig.
        frame: int32 `[M]`, row of the pose in the MotionSet.
        intrinsics: float32 `[M, 3, 3]`, camera matrix in pixels.
    """

    points_px: np.ndarray
    points_3d: np.ndarray
    pitch_deg: np.ndarray
    camera: np.ndarray
    frame: np.ndarray
    intrinsics: np.ndarray

    def __len__(self) -> int:
        """Return the number of views M."""
        return len(self.points_px)


def h36m_rig() -> VirtualRig:
    """Return four cameras as in Human3.6M.

    Azimuth, height, distance and pitch are those measured for subject 1; focal lengths and
    principal points are the published calibration rounded, on 1000 x 1000 px, without distortion.
    """
    return VirtualRig(
        name="h36m",
        azimuth_deg=(69.6, -70.9, 109.5, -115.7),
        height_m=(1.56, 1.61, 1.49, 1.57),
        distance_m=(5.3, 5.4, 5.5, 4.1),
        pitch_deg=(10.7, 12.4, 12.4, 16.0),
        focal_px=((1145.0, 1143.8), (1149.7, 1147.6), (1149.1, 1148.8), (1145.5, 1144.8)),
        principal_px=((512.5, 515.5), (508.8, 508.1), (519.8, 501.4), (515.0, 501.9)),
        picture_px=(1000, 1000),
    )


def render_views(
    motion: MotionSet,
    rig: VirtualRig | None = None,
    seed: int = 0,
    stride: int = 1,
    per: str = "frame",
    spot_radius_m: float = 1.0,
) -> Views:
    """Show every `stride`-th pose to every camera of the rig.

    Each clip is put on the floor first (over all its frames, so that a stride changes nothing).
    The subject then gets a heading uniform over the full turn and a spot uniform over a disc, both
    a pure function of (seed, row of the pose), or of (seed, clip) for whole clips.

    Args:
        motion: poses in the world frame.
        rig: the cameras; the Human3.6M rig if None.
        seed: whole number.
        stride: every how manyth row of `motion` is rendered, from row 0; at least 1.
        per: "frame" draws for each pose and puts its pelvis over the spot; "clip" draws once per
            clip and puts the clip's mean pelvis there, so that the motion stays smooth in the
            picture.
        spot_radius_m: radius of the disc in metres.

    Returns:
        Views with M = ceil(N / stride) * V rows: all cameras of the first frame, then of the next.

    Raises:
        ValueError: if an argument is out of range, or a body comes within half a metre of a camera.
    """
    rig = h36m_rig() if rig is None else rig
    if stride < 1:
        raise ValueError(f"stride is {stride}, but must be at least 1; use 1 for every frame.")
    if per not in ("frame", "clip"):
        raise ValueError(f"per is '{per}'; use 'frame' or 'clip'.")
    if spot_radius_m < 0:
        raise ValueError(f"spot_radius_m is {spot_radius_m}; use 0 or more metres.")
    motion = stand_on_floor(motion)
    frames = np.arange(0, len(motion), stride, dtype=np.int32)
    pivots = _pivots(motion, frames, per)
    key = frames if per == "frame" else motion.clip[frames]
    heading = 2.0 * np.pi * keyed_uniform(seed, key, _HEADING)
    radius = spot_radius_m * np.sqrt(keyed_uniform(seed, key, _SPOT_RADIUS))
    direction = 2.0 * np.pi * keyed_uniform(seed, key, _SPOT_DIRECTION)
    spots = np.stack([radius * np.cos(direction), radius * np.sin(direction)], axis=1)

    rotations, centres, intrinsics = rig.rotations(), rig.centres(), rig.intrinsics()
    shape = (len(frames), rig.num_cameras, H36M_17.num_joints)
    points_3d, points_px = np.empty((*shape, 3), np.float32), np.empty((*shape, 2), np.float32)
    for first in range(0, len(frames), _CHUNK):  # float64 inside, without a copy of everything
        part = slice(first, first + _CHUNK)
        placed = _place(motion.poses_m[frames[part]], pivots[part], heading[part], spots[part])
        seen = (placed[:, None] - centres[:, None]) @ np.swapaxes(rotations, -1, -2)
        near = seen[..., 2].min(axis=(1, 2)) < _NEAREST_M
        if near.any():
            row = int(frames[first + int(np.argmax(near))])
            raise ValueError(
                f"{motion.source}: the body of frame {row} comes within {_NEAREST_M} m of a camera "
                f"of rig '{rig.name}'; use per='frame' or a wider rig."
            )
        points_3d[part] = seen
        points_px[part] = project_arrays(seen, intrinsics)
    count = len(frames)
    return Views(
        points_px=points_px.reshape(-1, *points_px.shape[2:]),
        points_3d=points_3d.reshape(-1, *points_3d.shape[2:]),
        pitch_deg=np.tile(np.array(rig.pitch_deg, np.float32), count),
        camera=np.tile(np.arange(rig.num_cameras, dtype=np.int32), count),
        frame=np.repeat(frames, rig.num_cameras),
        intrinsics=np.tile(np.float32(intrinsics), (count, 1, 1)),
    )


def _pivots(motion: MotionSet, frames: np.ndarray, per: str) -> np.ndarray:
    """Return the horizontal point (x, z) that is put over the spot, float64 `[F, 2]`."""
    pelvis = motion.poses_m[:, H36M_17.root, ::2].astype(np.float64)
    if per == "frame":
        return pelvis[frames]
    _, number = np.unique(motion.clip, return_inverse=True)
    number = number.reshape(-1)
    count = np.bincount(number)
    mean = np.stack([np.bincount(number, pelvis[:, axis]) / count for axis in (0, 1)], axis=1)
    return mean[number[frames]]


def _place(
    poses: np.ndarray, pivots: np.ndarray, heading: np.ndarray, spots: np.ndarray
) -> np.ndarray:
    """Turn poses `[F, 17, 3]` about the vertical through the pivots and put those over the spots."""
    cosine, sine = np.cos(heading)[:, None], np.sin(heading)[:, None]
    placed = poses.astype(np.float64)
    x, z = placed[..., 0] - pivots[:, :1], placed[..., 2] - pivots[:, 1:]
    placed[..., 0] = cosine * x + sine * z + spots[:, :1]
    placed[..., 2] = cosine * z - sine * x + spots[:, 1:]
    return placed
