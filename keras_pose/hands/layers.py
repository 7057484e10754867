"""What stands behind the linear head of the hand pose: coordinates, root depth, refinement, lifting.

None of these has weights but the refinement. All compute in the policy's variable dtype, since half a
pixel of a 224 px crop is below the resolution of bfloat16 and the root's quadratic needs more still.
"""

from typing import Any

import keras
import numpy as np
from keras import layers, ops

from keras_pose import codecs
from keras_pose.geometry import centred_intrinsics, project
from keras_pose.layers.batch_norm import BatchNorm
from keras_pose.skeletons import HAND_21_FREIHAND, by_name


class _PreciseLayer(layers.Layer):
    """A layer in full precision that keeps its constructor's arguments for `get_config`."""

    def __init__(self, arguments: dict[str, Any], **kwargs: Any):
        super().__init__(**{"dtype": keras.config.dtype_policy().variable_dtype, **kwargs})
        self._arguments = arguments
        for name, value in arguments.items():
            setattr(self, name, value)

    def get_config(self):
        return super().get_config() | self._arguments


@keras.saving.register_keras_serializable("keras_pose")
class AssumedCamera(_PreciseLayer):
    """Intrinsics of a camera that was never measured: a field of view and the picture's middle.

    Args:
        image_size: side of the crop, px.
        fov_deg: field of view over the crop's side, degrees.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        image: float `[B, S, S, 3]`; only its batch size is used.

    Returns:
        float `[B, 3, 3]`.
    """

    def __init__(self, image_size: int, fov_deg: float, **kwargs: Any):
        super().__init__({"image_size": image_size, "fov_deg": fov_deg}, **kwargs)

    def call(self, image):
        matrix = centred_intrinsics(self.image_size, self.image_size, fov_deg=self.fov_deg)
        matrix = ops.convert_to_tensor(matrix[None], dtype=self.compute_dtype)
        return ops.tile(matrix, (ops.shape(image)[0], 1, 1))


@keras.saving.register_keras_serializable("keras_pose")
class PoseCoordinates(_PreciseLayer):
    """Reads 63 numbers as 21 x (u, v, r) and sets the root's r to zero.

    Args:
        image_size: side of the crop, px.
        coordinates: `pixels`, or `normalized`: around the crop's middle, in half sides.
        skeleton: name of the joint order.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        values: float `[B, 63]`.

    Returns:
        float `[B, 21, 3]`: pixels of the crop and relative depth in bone lengths.
    """

    def __init__(self, image_size: int, coordinates: str, skeleton: str, **kwargs: Any):
        super().__init__(
            {"image_size": image_size, "coordinates": coordinates, "skeleton": skeleton}, **kwargs
        )

    def call(self, values):
        hand = by_name(self.skeleton)
        # A constant mask rather than an assignment, which phones lack.
        kept = np.ones((hand.num_joints, 3))
        kept[hand.index("wrist"), 2] = 0.0
        shift = np.zeros(3)
        if self.coordinates == "normalized":
            middle = self.image_size / 2
            kept, shift = kept * [middle, middle, 1.0], np.array([middle, middle, 0.0])
        points = ops.reshape(values, (-1, hand.num_joints, 3))
        kept = ops.convert_to_tensor(kept, dtype=points.dtype)
        return points * kept + ops.convert_to_tensor(shift, dtype=points.dtype)


@keras.saving.register_keras_serializable("keras_pose")
class RootSolver(_PreciseLayer):
    """Solves the root's depth and the camera's rays, see `codecs.root_depth`.

    Args:
        reference_bone: key of `codecs.REFERENCE_BONES`.
        skeleton: name of the joint order.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        points_25d: float `[B, 21, 3]`.
        intrinsics: float `[B, 3, 3]`, of the crop.

    Returns:
        Root depth float `[B, 1]` in bone lengths, and validity bool `[B]`.
    """

    def __init__(self, reference_bone: str, skeleton: str, **kwargs: Any):
        super().__init__({"reference_bone": reference_bone, "skeleton": skeleton}, **kwargs)

    def call(self, points_25d, intrinsics):
        bone = codecs.REFERENCE_BONES[self.reference_bone]
        depth, valid = codecs.root_depth(points_25d, intrinsics, bone, by_name(self.skeleton))
        return depth[..., None], valid


@keras.saving.register_keras_serializable("keras_pose")
class RootRefiner(_PreciseLayer):
    """Corrects the solved root depth by a small network: Zr + MLP(r, rays, Zr).

    The solved depth is a constant for the gradient, since its slope is huge where the bone points at
    the camera; so are rays and relative depths if `detach`, as in the supervised recipe.

    Args:
        detach: keep the correction's error from training the head.
        synchronized: batch statistics over all replicas of a strategy.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        points_25d: float `[B, 21, 3]`.
        depth: float `[B, 1]`, solved root depth in bone lengths.
        intrinsics: float `[B, 3, 3]`, of the crop.
        training: whether batch statistics are live.

    Returns:
        float `[B, 1]`, bone lengths.

    Reference: the fine-tuned model that Spurr et al. 2021 released.
    """

    def __init__(self, detach: bool = True, synchronized: bool = False, **kwargs: Any):
        super().__init__({"detach": detach, "synchronized": synchronized}, **kwargs)
        precise = {"dtype": self.dtype_policy}
        self.hidden = [layers.Dense(128, name=f"dense_{i}", **precise) for i in range(2)]
        self.norms = [
            BatchNorm(synchronized=synchronized, name=f"norm_{i}", **precise) for i in range(2)
        ]
        self.correction = layers.Dense(1, name="correction", **precise)

    def build(self, points_25d_shape, depth_shape=None, intrinsics_shape=None):
        size = 3 * points_25d_shape[-2] + 1
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            dense.build((None, size))
            size = dense.units
            norm.build((None, size))
        self.correction.build((None, size))

    def call(self, points_25d, depth, intrinsics, training=None):
        depth = ops.stop_gradient(depth)
        hidden = self.features(points_25d, depth, intrinsics)
        if self.detach:
            hidden = ops.stop_gradient(hidden)
        for dense, norm in zip(self.hidden, self.norms, strict=True):
            hidden = ops.leaky_relu(norm(dense(hidden), training=training), 0.01)
        return depth + self.correction(hidden)

    def features(self, points_25d: Any, depth: Any, intrinsics: Any) -> Any:
        """Lay out what the network sees.

        Args:
            points_25d: float `[B, 21, 3]`.
            depth: float `[B, 1]`.
            intrinsics: float `[B, 3, 3]`.

        Returns:
            float `[B, 64]`: 21 relative depths, 42 ray coordinates x, y, x, y, ..., root depth.
        """
        rays = codecs.camera_rays(points_25d[..., :2], intrinsics)
        flat = ops.reshape(rays, (-1, 2 * points_25d.shape[-2]))
        return ops.concatenate([points_25d[..., 2], flat, depth], axis=-1)


@keras.saving.register_keras_serializable("keras_pose")
class Lifting(_PreciseLayer):
    """Lifts to camera space, restores the wrist and reorders the joints.

    Args:
        root: root of the 2.5D pose, one of `codecs.ROOTS`.
        skeleton: name of the joint order of the 2.5D pose.
        **kwargs: passed to `keras.layers.Layer`.

    Call arguments:
        points_25d: float `[B, 21, 3]`.
        depth: float `[B, 1]`, root depth in bone lengths.
        intrinsics: float `[B, 3, 3]`, of the crop.

    Returns:
        In FreiHAND's order: pixels `[B, 21, 2]`, depths `[B, 21]` relative to the root, camera points
        `[B, 21, 3]`, both in bone lengths; and the root's own pixel `[B, 2]`.
    """

    def __init__(self, root: str, skeleton: str, **kwargs: Any):
        super().__init__({"root": root, "skeleton": skeleton}, **kwargs)

    def call(self, points_25d, depth, intrinsics):
        hand = by_name(self.skeleton)
        # Lift first, reorder last: bone and root are named in the head's own order.
        points_3d = codecs.decode(points_25d, depth[..., 0], intrinsics)
        order = hand.indices(HAND_21_FREIHAND.joints)
        wrist = HAND_21_FREIHAND.index("wrist")
        if order != tuple(range(hand.num_joints)):
            points_25d = ops.take(points_25d, order, axis=-2)
            points_3d = ops.take(points_3d, order, axis=-2)
        root_2d = points_25d[..., wrist, :2]
        if self.root == "wrist":
            return points_25d[..., :2], points_25d[..., 2], points_3d, root_2d
        points_3d = codecs.restore_wrist(points_3d, self.root)
        plain = codecs.restore_wrist(points_25d, self.root)
        behind = points_3d[..., wrist : wrist + 1, 2:] <= 0
        place = points_3d[..., wrist : wrist + 1, :]
        place = ops.where(behind, ops.ones_like(place), place)
        # Perspective moves the wrist off the straight continuation in the picture.
        pixel = project(place, intrinsics)
        pixel = ops.where(behind, plain[..., wrist : wrist + 1, :2], pixel)
        points_2d = ops.concatenate([pixel, plain[..., wrist + 1 :, :2]], axis=-2)
        return points_2d, plain[..., 2], points_3d, root_2d
