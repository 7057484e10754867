"""Depth labels under weak perspective, and predicted poses to a size.

A picture fixes no size, so a person's camera points are scaled by one number per person until their
bones look as long as in the picture; the scaled depth has the unit of a pixel. On the way back a pose
is given the size at which its bones sum to a known length.
Joint orders: camera points come as `MPII_16_SPINE` (row 7 is the spine), labels leave as `MPII_16`
(row 7 lies between the shoulders).
"""

from keras import ops

from keras_pose.geometry.bones import bone_lengths
from keras_pose.geometry.shapes import Tensor, as_precise, require_last_axes
from keras_pose.skeletons import MPII_16

# Human3.6M test skeletons, as the authors' evaluation has it (Zhou et al. 2017).
ZHOU2017_BONE_SUM_MM = 4296.99233013

_BONE_NAMES = (
    ("right_ankle", "right_knee"),
    ("right_knee", "right_hip"),
    ("right_hip", "pelvis"),
    ("pelvis", "left_hip"),
    ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
    ("right_wrist", "right_elbow"),
    ("right_elbow", "right_shoulder"),
    ("right_shoulder", "upper_neck"),
    ("upper_neck", "left_shoulder"),
    ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"),
    ("pelvis", "upper_neck"),
    ("upper_neck", "head_top"),
)
# The bones that are summed; row 7, which means different joints in different data, is in none.
SUMMED_BONES = tuple((MPII_16.index(a), MPII_16.index(b)) for a, b in _BONE_NAMES)
# `spine` in `MPII_16_SPINE`.
_SPINE = MPII_16.index("thorax")
_PELVIS, _NECK = MPII_16.indices(("pelvis", "upper_neck"))
_SHOULDERS = MPII_16.indices(("right_shoulder", "left_shoulder"))


def total_bone_length(points: Tensor) -> Tensor:
    """Sum the lengths of 14 bones: legs, hips, arms, shoulders to the neck, trunk, head.

    Args:
        points: floating `[..., 16, D]`, any unit, rows of `MPII_16` or `MPII_16_SPINE`.

    Returns:
        Sums `[...]` >= 0, same unit.

    Raises:
        ValueError: if the shape is wrong.

    Reference: the evaluation code of Zhou et al. 2017.
    """
    points = as_precise(points)
    require_last_axes("points", points, (MPII_16.num_joints, None))
    return ops.sum(bone_lengths(points, SUMMED_BONES), axis=-1)


def _with_row_seven(points, place):
    pieces = [points[..., :_SPINE, :], place[..., None, :], points[..., _SPINE + 1 :, :]]
    return ops.concatenate(pieces, axis=-2)


def weak_perspective(points_2d: Tensor, points_3d: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Make the labels of a person with known camera points: weak-perspective pixels and depths.

    The pixels differ from the projection, by 15 output pixels of 64 in the worst synthetic case, since
    the nearer joints are not enlarged; they are what agrees with the depths. In labels the pose is
    anchored at the spine, and row 7 becomes the middle of the shoulders in place and in depth.

    Args:
        points_2d: floating `[..., 16, 2]`, pixels of the crop, rows of `MPII_16_SPINE`.
        points_3d: floating `[..., 16, 3]`, camera frame, any unit, the same joints.

    Returns:
        `(points_2d, depth, scale)`: `[..., 16, 2]`, pixels of the crop, rows of `MPII_16`;
        `[..., 16]`, pixels, relative to the spine, growing away from the camera (times 2 over the
        crop's side it is the depth label); `[...]`, pixels per unit of `points_3d`, 0 for points
        without extent across the view.

    Raises:
        ValueError: if a shape is wrong.

    Reference: Zhou et al. 2017, section 3 (weak perspective), and the authors' preprocessing.
    """
    points_2d, points_3d = as_precise(points_2d, points_3d)
    require_last_axes("points_2d", points_2d, (MPII_16.num_joints, 2))
    require_last_axes("points_3d", points_3d, (MPII_16.num_joints, 3))
    centred = points_3d - points_3d[..., _SPINE : _SPINE + 1, :]
    extent = total_bone_length(centred[..., :2])
    some = extent > 0
    scale = total_bone_length(points_2d) / ops.where(some, extent, ops.ones_like(extent))
    scale = ops.where(some, scale, ops.zeros_like(scale))
    scaled = scale[..., None, None] * centred
    right, left = (scaled[..., joint, :] for joint in _SHOULDERS)
    scaled = _with_row_seven(scaled, 0.5 * (right + left))
    places = scaled[..., :2] + points_2d[..., _SPINE : _SPINE + 1, :]
    return places, scaled[..., 2], scale


def to_length(points: Tensor, bone_sum: float | Tensor) -> Tensor:
    """Give predicted poses the size of a person whose 14 bones sum to a known length.

    The pelvis moves to the origin; nothing is turned. Row 7 becomes the middle of pelvis and neck,
    which stands for the spine of 3D data. A pose without extent becomes zeros.

    Args:
        points: floating `[..., 16, 3]`, any unit that is the same along x, y and z, rows of `MPII_16`.
        bone_sum: number or floating `[...]`, the length; `ZHOU2017_BONE_SUM_MM` for the
            authors' protocol.

    Returns:
        `[..., 16, 3]`, in the unit of that length, rows of `MPII_16_SPINE`.

    Raises:
        ValueError: if the shape is wrong.

    Reference: the evaluation code of Zhou et al. 2017.
    """
    points = as_precise(points)
    require_last_axes("points", points, (MPII_16.num_joints, 3))
    centred = points - points[..., _PELVIS : _PELVIS + 1, :]
    extent = total_bone_length(centred)
    some = extent > 0
    # A Python number would pass through single precision on its way to `cast`.
    wanted = ops.convert_to_tensor(bone_sum, dtype=points.dtype)
    factor = wanted / ops.where(some, extent, ops.ones_like(extent))
    factor = ops.where(some, factor, ops.zeros_like(factor))
    sized = factor[..., None, None] * centred
    # The pelvis is at the origin.
    return _with_row_seven(sized, 0.5 * sized[..., _NECK, :])
