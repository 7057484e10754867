"""The lifting cycle: lift -> turn to another camera -> project -> re-lift -> turn back -> compare."""

import math
from typing import Any

import keras
from keras import ops

from keras_pose import losses
from keras_pose.codecs import pose_scale
from keras_pose.geometry import bone_lengths, invert_rotation, rotate
from keras_pose.geometry.shapes import Tensor
from keras_pose.lifting.bone_ratios import BoneRatioPrior
from keras_pose.lifting.geometry import Orthographic, Perspective, quarter_turns
from keras_pose.skeletons import H36M_17
from keras_pose.tips.config import PITCH_NONE, Config
from keras_pose.tips.networks import NUM_JOINTS, PartLifter


class LiftingCycle(keras.Model):
    """What a lifter that learns from its own cycle needs besides what judges the poses.

    Attributes:
        config: the run's settings.
        geometry: camera model.
        camera_pitch: learnt pitch in radians; None where it is known.
        bone_ratios: prior of proportions; None without.
        pose_flow: `PoseFlow`; None without.
        part_mean: weight of each joint in its part's mean.
        adversarial_share: factor of each joint in the discriminator's gradient.
    """

    config: Config
    geometry: Orthographic | Perspective
    camera_pitch: keras.Variable | None
    bone_ratios: BoneRatioPrior | None
    pose_flow: Any
    part_mean: list[float]
    adversarial_share: list[float]

    def pitch_rad(self) -> Tensor:
        """Return the downward pitch of the cameras in radians, a float scalar."""
        if self.camera_pitch is not None:
            return ops.convert_to_tensor(self.camera_pitch)
        if self.config.pitch == PITCH_NONE:
            return ops.convert_to_tensor(0.0, dtype=self.compute_dtype)
        degrees = float(self.config.pitch)
        return ops.convert_to_tensor(math.radians(degrees), dtype=self.compute_dtype)

    def normalized_views(self, points_2d: Tensor) -> tuple[Tensor, Tensor]:
        """Return rotated poses `[..., J, 2]` as networks see them, and the scale taken out, `[...]`."""
        if not self.config.renormalize_views:
            return points_2d, ops.ones_like(points_2d[..., 0, 0])
        scale = ops.maximum(pose_scale(points_2d, self.config.scale_rule), 1e-3)
        return points_2d / scale[..., None, None], scale

    def cycle(
        self,
        lifter: PartLifter,
        points_2d: Tensor,
        lifted: Tensor,
        rotation: Tensor,
        pitch_rad: Tensor,
        training: bool,
    ) -> dict[str, Tensor]:
        """Return one turn of the lifting cycle.

        Args:
            lifter: the `PartLifter` that lifts the turned poses again.
            points_2d: float `[B, J, 2]`.
            lifted: float `[B, J, 3]`, `points_2d` lifted.
            rotation: float `[B, 3, 3]`, view of the adversarial half.
            pitch_rad: float scalar, for the quarter turns.
            training: as in `call`.

        Returns:
            dict: `view` float `[V B, J, 2]`, turned and projected poses with the adversarial share of
            each part in its gradient; `reprojection`, `ninety_degree`, `three_d`, `deformation`,
            `bone_ratio` float `[B]`, `flow` float `[V B]`, nats per coordinate; all unweighted.

        Reference: TIPS-GAN, cycle and 90-degree consistency; ElePose for the other four.
        """
        config = self.config
        turned = rotate(lifted, rotation)[None]
        if config.ninety_degree_weight:
            quarters = quarter_turns(pitch_rad, dtype=lifted.dtype)
            turned = ops.concatenate([turned, rotate(lifted[None], quarters[:, None])], axis=0)
        images = self.geometry.project(turned)
        seen, scale = self.normalized_views(images)
        # One product for all re-liftings: four times the batch keeps small networks busy.
        depth = lifter(ops.reshape(seen, (-1, NUM_JOINTS, 2)), training=training)
        depth = ops.reshape(depth, ops.shape(seen)[:-1])
        relifted = self.geometry.lift(seen, depth) * scale[..., None, None]
        back = rotate(relifted[0], invert_rotation(rotation))
        error = {"squared": losses.squared_error, "absolute": losses.absolute_error}
        reprojection = error[config.reprojection_error](self.geometry.project(back), points_2d)
        terms = {"reprojection": losses.weighted_joint_sum(reprojection, self.part_mean)}
        if config.ninety_degree_weight:
            # What was depth becomes an image coordinate and vice versa; both sides carry gradients.
            quarter_error = losses.squared_error(relifted[1:, ..., 2:], turned[1:, ..., 2:])
            terms["ninety_degree"] = ops.sum(
                losses.weighted_joint_sum(quarter_error, self.part_mean), axis=0
            )
        if config.three_d_weight:
            terms["three_d"] = losses.weighted_joint_sum(
                losses.distance(relifted[0], turned[0]), self.part_mean
            )
        if config.deformation_weight:
            terms["deformation"] = losses.weighted_joint_sum(
                losses.deformation(lifted, back), self.part_mean
            )
        if self.bone_ratios is not None:
            rooted = ops.pad(lifted, [(0, 0), (1, 0), (0, 0)])
            terms["bone_ratio"] = self.bone_ratios(bone_lengths(rooted, H36M_17.bones))
        shown = images if config.adversarial_views == "all" else images[:1]
        if self.pose_flow is not None:
            natural = ops.reshape(self.normalized_views(shown)[0], (-1, NUM_JOINTS, 2))
            terms["flow"] = self.unlikeliness(natural)
        view, _ = self.normalized_views(losses.scale_gradient(shown, self.adversarial_share))
        view = ops.reshape(view, (-1, NUM_JOINTS, 2))
        return {"view": view, **terms}

    def unlikeliness(self, points_2d: Tensor) -> Tensor:
        """Return the flow's negative log-likelihood of `[B, J, 2]`, float `[B]`, nats per coordinate."""
        # The parts are independent, so a part's generator learns from its own density alone.
        return -ops.sum(self.pose_flow(points_2d), axis=-1) / (2 * NUM_JOINTS)
