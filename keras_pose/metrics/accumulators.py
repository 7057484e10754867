"""Keras metrics of 3D poses; each carries the protocol of the number it reports.

They average over poses, weighted if asked, so uneven batches give the exact mean.
"""

from typing import Any

import keras
from keras import ops

from keras_pose.geometry.shapes import require_choice
from keras_pose.metrics.evaluation import measure
from keras_pose.metrics.position import SCALE_RULES
from keras_pose.metrics.protocol import Protocol, joint_set
from keras_pose.metrics.units import convert_length
from keras_pose.skeletons import by_name


class PoseMetric(keras.metrics.Mean):
    """Mean of one protocol over poses; the concrete metrics below choose the protocol.

    Args:
        protocol: what is measured.
        name: name in logs.
        skeleton: name of the joint order.
        exclude: names of joints that are not scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        dtype: dtype of the sums; inputs are cast to it.
    """

    def __init__(
        self,
        protocol: Protocol,
        name: str,
        skeleton: str,
        exclude: tuple[str, ...],
        input_unit: str,
        dtype: Any,
    ):
        super().__init__(name=name, dtype=dtype)
        convert_length("input_unit", input_unit, "unit", "mm")
        self.protocol = protocol
        self.skeleton = skeleton
        self.exclude = tuple(exclude)
        self.input_unit = input_unit
        self._direction = "up" if protocol.unit == "percent" else "down"

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Add a batch.

        Args:
            y_true: poses `[..., J, 3]`, in `input_unit`, camera frame.
            y_pred: poses `[..., J, 3]`, in `input_unit`, camera frame.
            sample_weight: None, or one weight per pose `[...]`. A pose of weight 0 may be NaN.

        Raises:
            ValueError: a shape is wrong or the weights are not one per pose.
        """
        y_true, y_pred = ops.cast(y_true, self.dtype), ops.cast(y_pred, self.dtype)
        values = measure(self.protocol, y_pred, y_true, self.input_unit)
        if sample_weight is not None:
            sample_weight = ops.cast(sample_weight, self.dtype)
            if len(sample_weight.shape) != len(values.shape):
                raise ValueError(
                    f"sample_weight must have one weight per pose, {list(values.shape)}, but it "
                    f"has the shape {list(sample_weight.shape)}."
                )
            values = ops.where(ops.equal(sample_weight, 0), ops.zeros_like(values), values)
        super().update_state(values, sample_weight)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "skeleton": self.skeleton,
            "exclude": list(self.exclude),
            "input_unit": self.input_unit,
        }


def _rooted(root: str | None, skeleton: str, exclude: tuple[str, ...]) -> dict[str, str]:
    order = by_name(skeleton)
    return {
        "alignment": "none" if root is None else "root",
        "root": "none" if root is None else order.joints[order.index(root)],
        "joint_set": joint_set(order, tuple(exclude)),
    }


def _scale_rule(scale: str | None) -> str:
    if scale is None:
        return "none"
    require_choice("scale", scale, SCALE_RULES)
    return scale.replace("_", "-")


@keras.saving.register_keras_serializable("keras_pose")
class MeanPerJointPositionError(PoseMetric):
    """MPJPE.

    Args:
        root: name of the joint moved to the origin in both poses; None compares as they are.
        skeleton: name of the joint order.
        exclude: names of joints that are not scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        unit: unit of the report, `m`, `cm` or `mm`.
        name: name in logs.
        dtype: dtype of the sums; inputs are cast to it.

    Raises:
        ValueError: a joint, skeleton or unit is unknown.
    """

    def __init__(
        self,
        root: str | None = "pelvis",
        skeleton: str = "h36m_17",
        exclude: tuple[str, ...] = (),
        input_unit: str = "m",
        unit: str = "mm",
        name: str = "mpjpe",
        dtype: Any = None,
    ):
        convert_length("input_unit", input_unit, "unit", unit)
        protocol = Protocol("mpjpe", **_rooted(root, skeleton, exclude), unit=unit)
        super().__init__(protocol, name, skeleton, exclude, input_unit, dtype)
        self.root = root
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"root": self.root, "unit": self.unit}


@keras.saving.register_keras_serializable("keras_pose")
class ProcrustesMeanPerJointPositionError(PoseMetric):
    """PA-MPJPE: MPJPE after the best similarity per pose.

    Args:
        reflection: `forbid` (VideoPose3D) or `best` (ElePose, LInKs and the TIPS authors).
        skeleton: name of the joint order.
        exclude: names of joints that are neither aligned nor scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        unit: unit of the report, `m`, `cm` or `mm`.
        name: name in logs.
        dtype: dtype of the sums; inputs are cast to it.

    Raises:
        ValueError: a joint, skeleton, unit or reflection rule is unknown.
    """

    def __init__(
        self,
        reflection: str = "forbid",
        skeleton: str = "h36m_17",
        exclude: tuple[str, ...] = (),
        input_unit: str = "m",
        unit: str = "mm",
        name: str = "pa_mpjpe",
        dtype: Any = None,
    ):
        convert_length("input_unit", input_unit, "unit", unit)
        protocol = Protocol(
            "pa-mpjpe",
            alignment="similarity",
            reflection=reflection,
            scale_rule="per-pose",
            joint_set=joint_set(by_name(skeleton), tuple(exclude)),
            unit=unit,
        )
        super().__init__(protocol, name, skeleton, exclude, input_unit, dtype)
        self.reflection = reflection
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"reflection": self.reflection, "unit": self.unit}


@keras.saving.register_keras_serializable("keras_pose")
class NormalizedMeanPerJointPositionError(PoseMetric):
    """N-MPJPE: MPJPE after root alignment and one scale per pose.

    Args:
        scale: `least_squares` (VideoPose3D) or `norm_ratio` (ElePose, LInKs).
        root: name of the joint moved to the origin in both poses.
        skeleton: name of the joint order.
        exclude: names of joints that neither enter the scale nor are scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        unit: unit of the report, `m`, `cm` or `mm`.
        name: name in logs.
        dtype: dtype of the sums; inputs are cast to it.

    Raises:
        ValueError: a joint, skeleton, unit or scale rule is unknown.
    """

    def __init__(
        self,
        scale: str = "least_squares",
        root: str = "pelvis",
        skeleton: str = "h36m_17",
        exclude: tuple[str, ...] = (),
        input_unit: str = "m",
        unit: str = "mm",
        name: str = "n_mpjpe",
        dtype: Any = None,
    ):
        convert_length("input_unit", input_unit, "unit", unit)
        protocol = Protocol(
            "n-mpjpe",
            **_rooted(root, skeleton, exclude),
            scale_rule=_scale_rule(scale),
            unit=unit,
        )
        super().__init__(protocol, name, skeleton, exclude, input_unit, dtype)
        self.scale = scale
        self.root = root
        self.unit = unit

    def get_config(self) -> dict[str, Any]:
        own = {"scale": self.scale, "root": self.root, "unit": self.unit}
        return super().get_config() | own


@keras.saving.register_keras_serializable("keras_pose")
class PercentageOfCorrectKeypoints3D(PoseMetric):
    """3DPCK in percent; with `scale="norm_ratio"` the N-PCK of ElePose and LInKs.

    Args:
        threshold_mm: limit in millimetres, strict.
        scale: None, `least_squares` or `norm_ratio`.
        root: name of the joint moved to the origin in both poses; None compares as they are.
        skeleton: name of the joint order.
        exclude: names of joints that are not scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        name: name in logs.
        dtype: dtype of the sums; inputs are cast to it.

    Raises:
        ValueError: a joint, skeleton, unit or scale rule is unknown.
    """

    def __init__(
        self,
        threshold_mm: float = 150.0,
        scale: str | None = None,
        root: str | None = "pelvis",
        skeleton: str = "h36m_17",
        exclude: tuple[str, ...] = (),
        input_unit: str = "m",
        name: str = "pck_3d",
        dtype: Any = None,
    ):
        protocol = Protocol(
            f"3dpck@{threshold_mm:g}mm",
            **_rooted(root, skeleton, exclude),
            scale_rule=_scale_rule(scale),
            unit="percent",
        )
        super().__init__(protocol, name, skeleton, exclude, input_unit, dtype)
        self.threshold_mm = threshold_mm
        self.scale = scale
        self.root = root

    def get_config(self) -> dict[str, Any]:
        own = {"threshold_mm": self.threshold_mm, "scale": self.scale, "root": self.root}
        return super().get_config() | own


@keras.saving.register_keras_serializable("keras_pose")
class AreaUnderCurve3D(PoseMetric):
    """Area under the 3DPCK curve in percent, the mean over evenly spaced thresholds.

    Args:
        max_threshold_mm: last threshold in millimetres; the first is 0.
        num_thresholds: 31 (MPI-INF-3DHP, ElePose) or 150 (LInKs).
        scale: None, `least_squares` or `norm_ratio`.
        root: name of the joint moved to the origin in both poses; None compares as they are.
        skeleton: name of the joint order.
        exclude: names of joints that are not scored.
        input_unit: unit of the poses, `m`, `cm` or `mm`.
        name: name in logs.
        dtype: dtype of the sums; inputs are cast to it.

    Raises:
        ValueError: a joint, skeleton, unit or scale rule is unknown.
    """

    def __init__(
        self,
        max_threshold_mm: float = 150.0,
        num_thresholds: int = 31,
        scale: str | None = None,
        root: str | None = "pelvis",
        skeleton: str = "h36m_17",
        exclude: tuple[str, ...] = (),
        input_unit: str = "m",
        name: str = "auc_3d",
        dtype: Any = None,
    ):
        protocol = Protocol(
            f"3dauc@0-{max_threshold_mm:g}mm/{num_thresholds}",
            **_rooted(root, skeleton, exclude),
            scale_rule=_scale_rule(scale),
            unit="percent",
        )
        super().__init__(protocol, name, skeleton, exclude, input_unit, dtype)
        self.max_threshold_mm = max_threshold_mm
        self.num_thresholds = num_thresholds
        self.scale = scale
        self.root = root

    def get_config(self) -> dict[str, Any]:
        own = {
            "max_threshold_mm": self.max_threshold_mm,
            "num_thresholds": self.num_thresholds,
            "scale": self.scale,
            "root": self.root,
        }
        return super().get_config() | own
