"""Several answers to one pose: limbs in front and behind, weighted by how easily noise turns them.

In a picture a forearm that points at the camera looks like one that points away (Lee and Chen 1985,
Computer Vision, Graphics, and Image Processing 30). A lifter decides; where a little noise makes it
decide otherwise, both answers are given. Nothing is learnt for that, and a lifter that is surely wrong is
not corrected.
"""

import itertools

import numpy as np
from keras import ops

from keras_pose.geometry import length
from keras_pose.geometry.shapes import Tensor
from keras_pose.skeletons import H36M_17

LIMB_BONES = tuple(
    tuple(f"{side}_{joint}" for joint in pair)
    for side in ("right", "left")
    for pair in (("hip", "knee"), ("knee", "ankle"), ("shoulder", "elbow"), ("elbow", "wrist"))
)
"""Bones whose depth may have either sign, parents before children."""

NUM_COPIES = 32
"""Noisy copies of a pose that a lifter is asked about."""

# Depths below this share of a bone's length count as neither in front nor behind.
_UNDECIDED = 0.1


def noise_table() -> np.ndarray:
    """Return the noise of the copies, float32 `[M, 17, 2]`, normal of deviation 1; pairs cancel out."""
    half = np.random.default_rng(0).normal(size=(NUM_COPIES // 2, H36M_17.num_joints, 2))
    return np.concatenate([half, -half]).astype(np.float32)


def sign_patterns() -> np.ndarray:
    """Return all ways to put limb bones behind (1) or in front (0), float32 `[256, 8]`."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=len(LIMB_BONES))), np.float32)


def limb_hypotheses(own: Tensor, copies: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Make the likeliest poses of what a lifter said of one, and of noisy copies of it.

    Each limb bone lies behind with the mean over copies of a soft sign of its depth; bones are taken to
    be independent. A pose is the lifter's own; where a bone has the other sign, its depth has the size
    of the copies' root mean square.

    Args:
        own: float `[B, 17, 3]`, any unit, root at 0, z away from the camera.
        copies: float `[B, M, 17, 3]`, same unit and frame.
        count: number of poses K, at most 256.

    Returns:
        `(poses, weights)`: float `[B, K, 17, 3]`, likeliest first, and float `[B, K]`, their
        probabilities over the sum of these K.
    """
    rows = [H36M_17.indices(bone) for bone in LIMB_BONES]
    vectors = ops.stack([copies[:, :, end] - copies[:, :, start] for start, end in rows], axis=2)
    depth = vectors[..., 2]
    unit = _UNDECIDED * ops.maximum(ops.mean(length(vectors), axis=1), 1e-9)
    behind = ops.mean(ops.sigmoid(depth / unit[:, None]), axis=1)
    behind = ops.clip(behind, 1e-4, 1.0 - 1e-4)
    size = ops.sqrt(ops.mean(ops.square(depth), axis=1))
    patterns = ops.convert_to_tensor(sign_patterns())
    log_odds = ops.log(behind) - ops.log(1.0 - behind)
    likelihood = ops.matmul(log_odds, ops.transpose(patterns))
    best, number = ops.top_k(likelihood, count)
    signs = 2.0 * ops.take(patterns, number, axis=0) - 1.0
    kept = ops.stack([own[:, end, 2] - own[:, start, 2] for start, end in rows], axis=1)[:, None]
    turned = ops.where((signs > 0) == (kept >= 0), kept, signs * size[:, None])
    depths = {
        joint: ops.broadcast_to(own[:, None, joint, 2], ops.shape(best))
        for joint in range(H36M_17.num_joints)
    }
    for bone, (start, end) in enumerate(rows):
        depths[end] = depths[start] + turned[..., bone]
    z = ops.stack([depths[joint] for joint in range(H36M_17.num_joints)], axis=-1)
    plane = ops.broadcast_to(own[:, None, :, :2], (*ops.shape(z), 2))
    return ops.concatenate([plane, z[..., None]], axis=-1), ops.softmax(best, axis=-1)
