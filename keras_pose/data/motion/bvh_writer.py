"""Poses as motion for animation programs: one Biovision hierarchy (BVH) file per person.

Centimetres and degrees, y up: camera points (x right, y down, z forward) become (x, -y, -z), so that the
person faces a viewer who looks along -z. At rest the skeleton stands as in its first frame, with each
bone's mean length. A joint with several children gets a `<joint>_to_<child>` joint of no length before
each of them, as motion capture files have for hips, since bones that part there turn freely.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from keras_pose.skeletons import Skeleton

_TO_BVH = np.array([100.0, -100.0, -100.0])
_ROTATIONS = ("Zrotation", "Xrotation", "Yrotation")
_POSITIONS = ("Xposition", "Yposition", "Zposition")


@dataclass(frozen=True)
class _Node:
    """One joint of the file: a joint of the skeleton, or one of no length before a child."""

    name: str
    parent: int
    joint: int
    # The joint at the far end of the bone that this node turns; -1 for several or none.
    turns: int


def bvh_text(
    points_3d: Sequence[np.ndarray | None],
    skeleton: Skeleton,
    frames_per_second: float,
    with_positions: bool = False,
) -> tuple[str, float]:
    """Write a film of one person as BVH.

    Args:
        points_3d: per frame `[J, 3]` in metres, x right, y down, z forward, or None where the person
            was not found: the last pose is then held, before the first one the first.
        skeleton: the joint order.
        frames_per_second: of the film.
        with_positions: give every joint position channels, so that joints come back exactly where
            bone lengths change from frame to frame. Without, only the root has them, and every bone
            has its mean length.

    Returns:
        The file's text, and the largest distance in metres between a joint and where forward
        kinematics of the file puts it.

    Raises:
        ValueError: if there is no pose at all, or one does not fit the skeleton.
    """
    known = [points for points in points_3d if points is not None]
    if not known:
        raise ValueError("There is no 3D pose to write as BVH.")
    for points in known:
        if np.shape(points) != (skeleton.num_joints, 3) or not np.isfinite(points).all():
            raise ValueError(
                f"A pose for BVH has shape {list(np.shape(points))} or holds no numbers; skeleton "
                f"{skeleton.name!r} needs [{skeleton.num_joints}, 3]."
            )
    held: list[np.ndarray] = []
    for pose in points_3d:
        held.append(pose if pose is not None else held[-1] if held else known[0])
    film = np.array(held, np.float64) * _TO_BVH
    nodes, rest = _nodes(skeleton), _rest(np.array(known, np.float64) * _TO_BVH, skeleton)
    offsets = np.array([_offset(nodes, number, rest) for number in range(len(nodes))])
    rotations, locations = _solve(film, skeleton, nodes, rest, offsets, with_positions)
    lines = ["HIERARCHY", *_hierarchy(nodes, offsets, with_positions), "MOTION"]
    lines += [f"Frames: {len(film)}", f"Frame Time: {1.0 / frames_per_second:.8f}"]
    ends = set(range(len(nodes))) - {node.parent for node in nodes}
    columns = []
    for number, node in enumerate(nodes):
        if node.parent < 0 or with_positions:
            columns.append(locations[:, number])
        if number not in ends or with_positions:
            columns.append(_angles(rotations[:, number]))
    for row in np.concatenate(columns, axis=1):
        lines.append(" ".join(f"{value:.5f}" for value in row))
    error = _error(film, nodes, offsets, rotations, locations, with_positions)
    return "\n".join(lines) + "\n", error / 100.0


def _children(skeleton):
    return {
        joint: [child for child, parent in enumerate(skeleton.parents) if parent == joint]
        for joint in range(skeleton.num_joints)
    }


def _nodes(skeleton):
    """Return the file's joints, parents before children."""
    children, nodes = _children(skeleton), []

    def add(joint, parent):
        below = children[joint]
        nodes.append(
            _Node(skeleton.joints[joint], parent, joint, below[0] if len(below) == 1 else -1)
        )
        here = len(nodes) - 1
        for child in below:
            above = here
            if len(below) > 1:
                name = f"{skeleton.joints[joint]}_to_{skeleton.joints[child]}"
                nodes.append(_Node(name, here, joint, child))
                above = len(nodes) - 1
            add(child, above)

    add(skeleton.root, -1)
    return nodes


def _rest(film, skeleton):
    """Bones at rest, `[J, 3]`: the first frame's directions, the mean lengths; the root's row is 0."""
    rest = np.zeros((skeleton.num_joints, 3))
    for parent, child in skeleton.bones:
        bones = film[:, child] - film[:, parent]
        lengths = np.linalg.norm(bones, axis=-1)
        if lengths.max() > 0:
            first = int(np.argmax(lengths > 1e-9))
            rest[child] = bones[first] / lengths[first] * lengths.mean()
    return rest


def _offset(nodes, number, rest):
    node = nodes[number]
    is_bridge = node.parent >= 0 and nodes[node.parent].joint == node.joint
    return np.zeros(3) if is_bridge else rest[node.joint]


def _solve(film, skeleton, nodes, rest, offsets, with_positions):
    """Local rotations `[F, N, 3, 3]` and local places `[F, N, 3]` of all nodes."""
    count = len(film)
    world = np.tile(np.eye(3), (count, len(nodes), 1, 1))
    local, places = world.copy(), np.zeros((count, len(nodes), 3))
    children = _children(skeleton)
    for number, node in enumerate(nodes):
        above = world[:, node.parent] if node.parent >= 0 else np.tile(np.eye(3), (count, 1, 1))
        turned = above
        below = children[node.joint]
        if node.turns >= 0:
            bones = film[:, node.turns] - film[:, node.joint]
            turned = _least_turn((above @ rest[node.turns]), bones) @ above
        elif len(below) > 1:
            bones = film[:, below] - film[:, [node.joint]]
            turned = _best_turn(rest[below], bones)
        world[:, number] = turned
        local[:, number] = above.swapaxes(1, 2) @ turned
        if node.parent < 0:
            places[:, number] = film[:, node.joint]
        elif with_positions:
            shift = film[:, node.joint] - film[:, nodes[node.parent].joint]
            places[:, number] = (above.swapaxes(1, 2) @ shift[..., None])[..., 0]
        else:
            places[:, number] = offsets[number]
    return local, places


def _least_turn(start, end):
    """Rotations `[F, 3, 3]` that turn directions `[F, 3]` into others by the shortest way."""
    first, second = (
        vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
        for vectors in (start, end)
    )
    # A bone without length has no direction: it stays.
    gone = (np.abs(second).sum(-1) < 0.5) | (np.abs(first).sum(-1) < 0.5)
    second = np.where(gone[:, None], first, second)
    cosine = np.clip((first * second).sum(-1), -1.0, 1.0)
    # Turned right round: any axis across the bone will do.
    across = np.cross(first, np.eye(3)[np.argmin(np.abs(first), axis=-1)])
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-12)
    axis = np.cross(first, second)
    sine = np.linalg.norm(axis, axis=-1)
    axis = np.where(sine[:, None] > 1e-9, axis / np.maximum(sine, 1e-12)[:, None], across)
    cross = np.zeros((len(axis), 3, 3))
    for row, column, part, sign in ((0, 1, 2, -1), (0, 2, 1, 1), (1, 2, 0, -1)):
        cross[:, row, column] = sign * axis[:, part]
        cross[:, column, row] = -sign * axis[:, part]
    sine, cosine = sine[:, None, None], cosine[:, None, None]
    return np.eye(3) + sine * cross + (1.0 - cosine) * cross @ cross


def _best_turn(rest, bones):
    """Rotations `[F, 3, 3]` that bring several bones `[C, 3]` nearest to `[F, C, 3]`, least squares."""
    left, _, right = np.linalg.svd(np.einsum("fci,cj->fij", bones, rest))
    sign = np.sign(np.linalg.det(left @ right))
    left[:, :, 2] *= np.where(sign == 0, 1.0, sign)[:, None]
    return left @ right


def _angles(rotations):
    """Degrees `[F, 3]` about z, x, y of R = Rz Rx Ry."""
    sine = np.clip(rotations[:, 2, 1], -1.0, 1.0)
    x = np.arcsin(sine)
    free = np.abs(sine) < 1.0 - 1e-9
    z = np.where(free, np.arctan2(-rotations[:, 0, 1], rotations[:, 1, 1]), 0.0)
    y = np.where(free, np.arctan2(-rotations[:, 2, 0], rotations[:, 2, 2]), 0.0)
    # With x at a right angle, z and y turn about one axis: y takes all of it.
    locked = np.arctan2(rotations[:, 0, 2], rotations[:, 0, 0])
    y = np.where(free, y, locked)
    return np.degrees(np.stack([z, x, y], axis=-1))


def _hierarchy(nodes, offsets, with_positions):
    lines: list[str] = []
    below: dict[int, list[int]] = {number: [] for number in range(-1, len(nodes))}
    for number, node in enumerate(nodes):
        below[node.parent].append(number)

    def add(number, depth):
        pad, node = "  " * depth, nodes[number]
        words = " ".join(f"{value:.5f}" for value in offsets[number])
        is_end = not below[number] and not with_positions
        kind = "ROOT" if node.parent < 0 else "End" if is_end else "JOINT"
        lines.append(f"{pad}{kind} {'Site' if is_end else node.name}")
        lines.append(f"{pad}{{")
        lines.append(f"{pad}  OFFSET {words}")
        if not is_end:
            placed = _POSITIONS if node.parent < 0 or with_positions else ()
            channels = (*placed, *_ROTATIONS)
            lines.append(f"{pad}  CHANNELS {len(channels)} {' '.join(channels)}")
        for child in below[number]:
            add(child, depth + 1)
        if not below[number] and not is_end:
            # Programs expect every chain to end in one.
            lines.extend([f"{pad}  End Site", f"{pad}  {{", f"{pad}    OFFSET 0 0 0", f"{pad}  }}"])
        lines.append(f"{pad}}}")

    add(0, 0)
    return lines


def _error(film, nodes, offsets, rotations, locations, with_positions):
    """Largest distance of a joint from where the file puts it, in the film's unit."""
    if with_positions:
        return 0.0
    world, places, worst = rotations.copy(), locations.copy(), 0.0
    for number, node in enumerate(nodes):
        if node.parent >= 0:
            above = world[:, node.parent]
            places[:, number] = places[:, node.parent] + (above @ offsets[number])
            world[:, number] = above @ rotations[:, number]
        gap = np.linalg.norm(places[:, number] - film[:, node.joint], axis=-1)
        worst = max(worst, float(gap.max()))
    return worst
