"""From pixels to metres: a pose gets its size from its bones, its place from a camera.

A picture alone fixes neither. The size comes from outside; the place is where a person of that size has
bones that look, through the known lens, as long as they do: the rule that depth labels are made by
(`keras_pose.codecs.weak_perspective`), turned round.
"""

from keras import ops

from keras_pose.codecs import camera_rays, total_bone_length
from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import MPII_16

# The 14 bones of Human3.6M's training subjects sum to 4.07 m (evaluation code of Zhou et al. 2017), and
# adults measure about 1.70 m. Persons differ by some 5 %, so a measured bone sum is worth more.
BONE_SUM_PER_HEIGHT = 2.4
# In metres: from newborn to giant. What lies outside is a mistake in units.
BONE_SUM_RANGE_M = (0.5, 8.0)
_LARGEST = 1e6
# Below this many pixels, all bones together, there is no pose.
_MIN_EXTENT_PX = 1e-2
# Each round leaves of the error what the pose is deep over how far it is away, a tenth or so.
_ROUNDS = 10
# No nearer than this share of the distance may a joint come, or its pixels would go through infinity.
_NEAREST = 0.1
_PELVIS, _NECK = MPII_16.indices(("pelvis", "upper_neck"))


def camera_pose(
    keypoints_2d: Tensor, depth: Tensor, intrinsics: Tensor, bone_sum: Tensor
) -> tuple[Tensor, Tensor]:
    """Place weak-perspective poses of known size before a camera.

    The pose is exact in shape, being scaled as a whole. In labels its spine, about the middle of pelvis
    and neck, is on its true ray, and the scale makes the bones as long as in the picture; the distance
    at which that is so is found by repeated division. A pose of true labels comes back exactly if the
    spine is the middle of pelvis and neck, else to some millimetres.

    Args:
        keypoints_2d: floating `[N, 16, 2]`, px, rows of `MPII_16`.
        depth: floating `[N, 16]`, px, away from the camera, relative to anything.
        intrinsics: floating `[N, 3, 3]`, usable camera matrices in the pixels of `keypoints_2d`.
        bone_sum: floating `[N]`, m, positive: the lengths of `SUMMED_BONES` together.

    Returns:
        `(keypoints_3d, valid)`: `[N, 16, 3]`, m, camera frame, rows of `MPII_16`, zeros where not
        valid; bool `[N]`, false for a pose without extent or of no finite place.
    """
    points = ops.concatenate([keypoints_2d, depth[..., None]], axis=-1)
    extent = total_bone_length(points)
    some = extent > _MIN_EXTENT_PX
    rate = bone_sum / ops.where(some, extent, ops.ones_like(extent))
    shape = (points - points[:, _PELVIS : _PELVIS + 1]) * rate[:, None, None]
    # The middle of pelvis and neck; the pelvis is at 0.
    spine = 0.5 * shape[:, _NECK]
    spine_px = 0.5 * (keypoints_2d[:, _PELVIS] + keypoints_2d[:, _NECK])
    ray = camera_rays(spine_px[:, None], intrinsics)[:, 0]
    ray = ops.concatenate([ray, ops.ones_like(ray[:, :1])], axis=-1)
    wanted = total_bone_length(keypoints_2d)
    wanted = ops.where(wanted > _MIN_EXTENT_PX, wanted, ops.ones_like(wanted))
    about = shape - spine[:, None]
    distance = rate * ops.sqrt(intrinsics[:, 0, 0] * intrinsics[:, 1, 1])
    for _ in range(_ROUNDS):
        placed = about + (distance[:, None] * ray)[:, None]
        away = ops.maximum(placed[..., 2:], _NEAREST * distance[:, None, None])
        seen = placed[..., :2] / away
        # Bones of the picture plane: where the camera's centre is does not matter.
        seen = ops.matmul(seen, ops.swapaxes(intrinsics[:, :2, :2], -1, -2))
        distance = distance * total_bone_length(seen) / wanted
    placed = about + (distance[:, None] * ray)[:, None]
    sane = ops.all(ops.absolute(placed) < _LARGEST, axis=(-2, -1))
    valid = ops.logical_and(ops.logical_and(some, sane), distance > 0)
    return ops.where(valid[:, None, None], placed, ops.zeros_like(placed)), valid
