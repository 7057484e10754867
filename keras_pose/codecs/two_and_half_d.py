"""The 2.5D pose of a hand: pixels and root-relative depth, and the way back to camera space.

encode: camera points `[..., J, 3]` and intrinsics -> (u px, v px, r) `[..., J, 3]`.
root_depth: finds the depth of the root from the one bone whose length is the unit.
decode: (u, v, r), root depth and intrinsics -> camera points `[..., J, 3]` in bone lengths.
Intrinsics are those of the picture that holds the pixels: after a crop by M they are M K, which may
contain a rotation. Half precision is computed in float32; float64 stays.
"""

from dataclasses import dataclass

from keras import ops

from keras_pose.geometry.length import length
from keras_pose.geometry.shapes import (
    Tensor,
    as_precise,
    require_choice,
    require_last_axes,
    require_points,
)
from keras_pose.skeletons import HAND_21_FREIHAND, Skeleton

ROOTS = ("wrist", "palm_middle", "palm_index")
_PALM_PARTNER = {"palm_middle": "middle_mcp", "palm_index": "index_mcp"}


@dataclass(frozen=True)
class ReferenceBone:
    """The bone whose length is the unit of depth, and the constants of its solver.

    Args:
        parent: joint name.
        child: joint name.
        epsilon: floor of the discriminant and of the quadratic coefficient.
        depth_range: smallest and largest root depth in bone lengths, or None to leave it free.
    """

    parent: str
    child: str
    epsilon: float
    depth_range: tuple[float, float] | None = None

    def indices(self, skeleton: Skeleton) -> tuple[int, int]:
        """Find both ends in a joint order.

        Args:
            skeleton: joint order of the points.

        Returns:
            Index of the parent and of the child.

        Raises:
            ValueError: if the skeleton lacks one of them.
        """
        return skeleton.index(self.parent), skeleton.index(self.child)


# PeCLR publishes two sets of constants: its label utility and its released fine-tuned model.
WRIST_TO_INDEX = ReferenceBone("wrist", "index_mcp", 1e-6)
MIDDLE_PHALANX = ReferenceBone("middle_mcp", "middle_pip", 1e-8, (4.0, 50.0))
REFERENCE_BONES = {"middle": MIDDLE_PHALANX, "index": WRIST_TO_INDEX}


def _replace_joint(points: Tensor, joint: int, place: Tensor) -> Tensor:
    """Points `[..., J, D]` with one joint moved to place `[..., 1, D]`, without assignment."""
    pieces = [points[..., :joint, :], place, points[..., joint + 1 :, :]]
    return ops.concatenate([piece for piece in pieces if piece.shape[-2] != 0], axis=-2)


def move_root(points: Tensor, root: str = "wrist", skeleton: Skeleton = HAND_21_FREIHAND) -> Tensor:
    """Put the root of the 2.5D pose in the wrist's row: the wrist itself or a place in the palm.

    Args:
        points: floating `[..., J, D]`, any unit and frame.
        root: `wrist`; `palm_middle` or `palm_index`, half-way from the wrist to that finger's mcp.
        skeleton: joint order of the points.

    Returns:
        Points `[..., J, D]`.

    Raises:
        ValueError: if the shape is wrong or the root unknown.
    """
    require_choice("root", root, ROOTS)
    points = as_precise(points)
    require_points("points", points, None)
    if root == "wrist":
        return points
    wrist, other = skeleton.indices(("wrist", _PALM_PARTNER[root]))
    middle = 0.5 * (points[..., wrist : wrist + 1, :] + points[..., other : other + 1, :])
    return _replace_joint(points, wrist, middle)


def restore_wrist(
    points: Tensor, root: str = "wrist", skeleton: Skeleton = HAND_21_FREIHAND
) -> Tensor:
    """Undo `move_root`: wrist = 2 palm - mcp.

    Exact for camera points and for depths; in a picture, perspective makes it an approximation.

    Args:
        points: floating `[..., J, D]`, with the root in the wrist's row.
        root: see `move_root`.
        skeleton: joint order of the points.

    Returns:
        Points `[..., J, D]` with the wrist in the wrist's row.

    Raises:
        ValueError: if the shape is wrong or the root unknown.
    """
    require_choice("root", root, ROOTS)
    points = as_precise(points)
    require_points("points", points, None)
    if root == "wrist":
        return points
    wrist, other = skeleton.indices(("wrist", _PALM_PARTNER[root]))
    place = 2.0 * points[..., wrist : wrist + 1, :] - points[..., other : other + 1, :]
    return _replace_joint(points, wrist, place)


def bone_length(
    points_3d: Tensor,
    root: str = "wrist",
    bone: ReferenceBone = MIDDLE_PHALANX,
    skeleton: Skeleton = HAND_21_FREIHAND,
) -> Tensor:
    """Measure the reference bone between the rows that `encode` writes.

    Args:
        points_3d: floating `[..., J, 3]`, any unit.
        root: see `move_root`; with a palm root a bone that begins at the wrist begins there.
        bone: the bone.
        skeleton: joint order of the points.

    Returns:
        Lengths `[...]`, same unit.

    Raises:
        ValueError: if the shape is wrong or a name unknown.
    """
    points_3d = move_root(points_3d, root, skeleton)
    require_points("points_3d", points_3d)
    parent, child = bone.indices(skeleton)
    return length(points_3d[..., parent, :] - points_3d[..., child, :])


def encode(
    points_3d: Tensor,
    intrinsics: Tensor,
    root: str = "wrist",
    bone: ReferenceBone = MIDDLE_PHALANX,
    skeleton: Skeleton = HAND_21_FREIHAND,
) -> Tensor:
    """Turn camera points into pixels and root-relative depths.

    A point on the camera's plane and a hand without extent give finite numbers that mean nothing;
    callers mask examples without 3D labels.

    Reference: Iqbal et al. 2018 (arXiv 1804.09534), as Spurr et al. 2021 use it.

    Args:
        points_3d: floating `[..., J, 3]`, camera frame, any length unit.
        intrinsics: floating `[..., 3, 3]`, last row 0 0 1, pixels.
        root: what stands in the wrist's row, see `move_root`.
        bone: reference bone; its length is the unit of depth.
        skeleton: joint order of the points.

    Returns:
        `[..., J, 3]`: u and v in pixels, depth minus the root's depth in bone lengths.

    Raises:
        ValueError: if a shape is wrong or a name unknown.
    """
    points_3d, intrinsics = as_precise(points_3d, intrinsics)
    require_points("points_3d", points_3d)
    require_last_axes("intrinsics", intrinsics, (3, 3))
    points_3d = move_root(points_3d, root, skeleton)
    depth = points_3d[..., 2:]
    in_front = ops.where(ops.equal(depth, 0), ops.ones_like(depth), depth)
    rays = ops.concatenate([points_3d[..., :2] / in_front, ops.ones_like(depth)], axis=-1)
    pixels = ops.matmul(rays, ops.swapaxes(intrinsics[..., :2, :], -1, -2))
    unit = bone_length(points_3d, "wrist", bone, skeleton)[..., None, None]
    unit = ops.where(unit > 0, unit, ops.ones_like(unit))
    wrist = skeleton.index("wrist")
    relative = (depth - depth[..., wrist : wrist + 1, :]) / unit
    return ops.concatenate([pixels, relative], axis=-1)


def camera_rays(points_px: Tensor, intrinsics: Tensor) -> Tensor:
    """Find where the rays of pixels meet the plane at depth 1: the first two rows of K^-1 (u, v, 1).

    The 2x2 block is inverted in closed form, which phones can run. Where it has no inverse the
    result is finite and `root_depth` calls the pose invalid.

    Args:
        points_px: floating `[..., J, 2]`, continuous pixels.
        intrinsics: floating `[..., 3, 3]`, last row 0 0 1; may hold a skew or a rotation.

    Returns:
        `[..., J, 2]`, x / z and y / z.

    Raises:
        ValueError: if a shape is wrong.
    """
    points_px, intrinsics = as_precise(points_px, intrinsics)
    require_points("points_px", points_px, 2)
    require_last_axes("intrinsics", intrinsics, (3, 3))
    k = intrinsics[..., None, :2, :]
    determinant = _determinant(k)
    safe = ops.where(ops.equal(determinant, 0), ops.ones_like(determinant), determinant)
    u, v = points_px[..., 0] - k[..., 0, 2], points_px[..., 1] - k[..., 1, 2]
    x = (k[..., 1, 1] * u - k[..., 0, 1] * v) / safe
    y = (k[..., 0, 0] * v - k[..., 1, 0] * u) / safe
    return ops.stack([x, y], axis=-1)


def _determinant(intrinsics: Tensor) -> Tensor:
    return (
        intrinsics[..., 0, 0] * intrinsics[..., 1, 1]
        - intrinsics[..., 0, 1] * intrinsics[..., 1, 0]
    )


def root_depth(
    points_25d: Tensor,
    intrinsics: Tensor,
    bone: ReferenceBone = MIDDLE_PHALANX,
    skeleton: Skeleton = HAND_21_FREIHAND,
) -> tuple[Tensor, Tensor]:
    """Solve the quadratic that makes the reference bone one unit long.

    Both ends on one pixel leave the depth open: such a pose keeps the clamped value, carries no
    gradient and is not valid, nor is a hand behind the camera. A negative discriminant (no depth
    fits) is raised to epsilon, the depth at which the bone comes nearest to its length. Of two
    depths that fit, the larger is taken: the right one unless perspective shortens the bone more
    than it recedes, (X_n - X_m) . (ray_n - ray_m) < 0.

    Reference: Iqbal et al. 2018 (arXiv 1804.09534), section 3; constants of Spurr et al. 2021.

    Args:
        points_25d: floating `[..., J, 3]`, u px, v px, root-relative depth in bone lengths.
        intrinsics: floating `[..., 3, 3]`, last row 0 0 1, pixels.
        bone: reference bone with its constants.
        skeleton: joint order of the points.

    Returns:
        Root depth `[...]` in bone lengths within the bone's range, and validity `bool [...]`.

    Raises:
        ValueError: if a shape is wrong or a joint unknown.
    """
    points_25d, intrinsics = as_precise(points_25d, intrinsics)
    require_points("points_25d", points_25d)
    parent, child = bone.indices(skeleton)
    rays = camera_rays(points_25d[..., :2], intrinsics)
    first, second = rays[..., parent, :], rays[..., child, :]
    first_r, second_r = points_25d[..., parent, 2], points_25d[..., child, 2]

    step = first - second
    a = ops.sum(ops.square(step), axis=-1)
    b = 2.0 * (
        first_r * ops.sum(first * step, axis=-1) - second_r * ops.sum(second * step, axis=-1)
    )
    shift = first_r[..., None] * first - second_r[..., None] * second
    c = ops.sum(ops.square(shift), axis=-1) + ops.square(first_r - second_r) - 1.0
    discriminant = ops.maximum(b * b - 4.0 * a * c, bone.epsilon)
    depth = (ops.sqrt(discriminant) - b) / (2.0 * ops.maximum(a, bone.epsilon))

    solvable = ops.logical_and(a > bone.epsilon, ops.not_equal(_determinant(intrinsics), 0))
    valid = ops.logical_and(solvable, ops.logical_and(depth > 0, ops.isfinite(depth)))
    # Huge slopes of a hopeless pose would drown the batch.
    depth = ops.where(valid, depth, ops.stop_gradient(depth))
    if bone.depth_range is not None:
        depth = ops.clip(depth, *bone.depth_range)
    return depth, valid


def decode(
    points_25d: Tensor, depth: Tensor, intrinsics: Tensor, scale: Tensor | None = None
) -> Tensor:
    """Lift pixels and relative depths to camera space.

    Args:
        points_25d: floating `[..., J, 3]`, u px, v px, root-relative depth in bone lengths.
        depth: floating `[...]`, depth of the root in bone lengths.
        intrinsics: floating `[..., 3, 3]`, last row 0 0 1, pixels.
        scale: floating `[...]`, length of the reference bone; None keeps bone lengths.

    Returns:
        Points `[..., J, 3]`, camera frame, in bone lengths or in the unit of `scale`.

    Raises:
        ValueError: if a shape is wrong.
    """
    points_25d, depth, intrinsics = as_precise(points_25d, depth, intrinsics)
    require_points("points_25d", points_25d)
    rays = camera_rays(points_25d[..., :2], intrinsics)
    depths = points_25d[..., 2:] + depth[..., None, None]
    points_3d = ops.concatenate([rays * depths, depths], axis=-1)
    if scale is None:
        return points_3d
    return points_3d * ops.cast(scale, points_3d.dtype)[..., None, None]
