"""From crop units to metres: a pose gets its size from bones or height, its place from a camera.

A picture alone fixes neither. The size comes from outside; the place follows from how large a person of
that size looks through a known lens, under the weak perspective that depth labels are made with.
"""

from keras import ops

from keras_pose.codecs import to_length, total_bone_length
from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import MPII_16

# The 14 bones of Human3.6M's training subjects sum to 4.07 m (section 9 of Wild3D's specification), and
# adults measure about 1.70 m. Persons differ by some 5 %, so a measured bone sum is worth more.
BONE_SUM_PER_HEIGHT = 2.4
# In metres: from newborn to giant. What lies outside is a mistake in units.
BONE_SUM_RANGE_M = (0.5, 8.0)
# A lens of less than a pixel, or of more than a million, is a mistake in units.
_MIN_FOCAL, _MAX_FOCAL = 1.0, 1e6
_LARGEST = 1e6
# Below this many half sides of the crop, all bones together, there is no pose.
_MIN_EXTENT = 1e-3
# Row 7 is another joint in metres than in pixels.
_PLACED = [joint for joint in range(MPII_16.num_joints) if joint != MPII_16.index("thorax")]


def chosen_bone_sum(bone_sum: Tensor, body_height: Tensor) -> Tensor:
    """Takes the bone sum, or where it is 0 what a person of the height has.

    Args:
        bone_sum: floating `[N]`, m; 0 if unknown.
        body_height: floating `[N]`, m; 0 if unknown.

    Returns:
        `[N]`, m; 0 where both are unknown or the one that counts lies outside `BONE_SUM_RANGE_M`.
    """
    unknown = ops.equal(bone_sum, ops.zeros_like(bone_sum))
    length = ops.where(unknown, BONE_SUM_PER_HEIGHT * body_height, bone_sum)
    low, high = BONE_SUM_RANGE_M
    usable = ops.logical_and(length >= low, length <= high)
    return ops.where(usable, length, ops.zeros_like(length))


def metric_pose(points: Tensor, bone_sum: Tensor) -> tuple[Tensor, Tensor]:
    """Gives poses their size.

    Args:
        points: floating `[N, 16, 3]`, finite, half sides of the crop, rows of `MPII_16`.
        bone_sum: floating `[N]`, m, from `chosen_bone_sum`; 0 if unknown.

    Returns:
        `(keypoints_3d, scale)`: `[N, 16, 3]`, m, axes of the camera, pelvis at the origin, rows of
        `MPII_16_SPINE`; `[N]`, metres per half side. Both are 0 where the size is unknown or the pose
        has no extent.
    """
    extent = total_bone_length(points)
    known = ops.logical_and(bone_sum > 0, extent > _MIN_EXTENT)
    length = ops.where(known, bone_sum, ops.zeros_like(bone_sum))
    scale = length / ops.where(known, extent, ops.ones_like(extent))
    return to_length(points, length), scale


def camera_position(
    keypoints_2d: Tensor, keypoints_3d: Tensor, pixels_per_metre: Tensor, intrinsics: Tensor
) -> tuple[Tensor, Tensor]:
    """Places poses before a camera by the weak perspective that they obey; approximate.

    Weak perspective takes all joints to be as far away as their mean. A person of known size that shows
    s pixels per metre is then f / s away, f the focal length, and the mean joint lies on the ray through
    the mean pixel. Seen that way the placed pose is the 2D pose exactly; through the true lens, near
    joints look larger, and whatever error the size has the distance has too.

    Args:
        keypoints_2d: floating `[N, 16, 2]`, px, rows of `MPII_16`.
        keypoints_3d: floating `[N, 16, 3]`, m, pelvis at the origin, from `metric_pose`.
        pixels_per_metre: floating `[N]`, 0 where the size is unknown.
        intrinsics: floating `[N, 3, 3]`, camera matrices in the pixels of `keypoints_2d`, upper
            triangular; anything unusable, such as zeros, means unknown.

    Returns:
        `(position, valid)`: `[N, 3]`, m, the pelvis in the camera frame, zeros where it is not valid;
        bool `[N]`.
    """
    usable = _usable_cameras(intrinsics)
    valid = ops.logical_and(usable, pixels_per_metre > 0)
    identity = ops.broadcast_to(ops.eye(3, dtype=intrinsics.dtype), ops.shape(intrinsics))
    camera = ops.where(valid[:, None, None], intrinsics, identity)
    focal = ops.sqrt(camera[:, 0, 0] * camera[:, 1, 1])
    rate = ops.where(valid, pixels_per_metre, ops.ones_like(pixels_per_metre))
    mean_2d = ops.mean(ops.take(keypoints_2d, _PLACED, axis=1), axis=1)
    mean_3d = ops.mean(ops.take(keypoints_3d, _PLACED, axis=1), axis=1)
    away = focal / rate
    y = (mean_2d[:, 1] - camera[:, 1, 2]) / camera[:, 1, 1]
    x = (mean_2d[:, 0] - camera[:, 0, 2] - camera[:, 0, 1] * y) / camera[:, 0, 0]
    position = ops.stack([x * away, y * away, away], axis=-1) - mean_3d
    # Something as far as another town, or behind the lens, is no person.
    sane = ops.all(ops.absolute(position) < _LARGEST, axis=-1)
    valid = ops.logical_and(valid, ops.logical_and(sane, position[:, 2] > 0))
    return ops.where(valid[:, None], position, ops.zeros_like(position)), valid


def _usable_cameras(intrinsics):
    """Which cameras are finite and have a lens, bool [N]."""
    finite = ops.all(ops.absolute(intrinsics) < 1e9, axis=(-2, -1))
    across, down = intrinsics[:, 0, 0], intrinsics[:, 1, 1]
    focals = ops.stack([across, down], axis=-1)
    has_lens = ops.all(ops.logical_and(focals > _MIN_FOCAL, focals < _MAX_FOCAL), axis=-1)
    return ops.logical_and(finite, has_lens)
