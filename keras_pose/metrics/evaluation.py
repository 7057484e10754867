"""From a protocol to its number: one path for single measures, Keras metrics and reports."""

import re
from collections.abc import Iterable

import numpy as np
from keras import ops

from keras_pose.geometry.procrustes import similarity_align
from keras_pose.geometry.shapes import Tensor, require_last_axes
from keras_pose.metrics.plausibility import FRONT_JOINTS, bone_symmetry_error, chirality
from keras_pose.metrics.position import joint_errors, pose_pair, root_relative, scale_align
from keras_pose.metrics.protocol import OWN_SIZES, Protocol, joint_set
from keras_pose.metrics.threshold import share_below
from keras_pose.metrics.units import convert_length
from keras_pose.skeletons import H36M_17, Skeleton

_POSITION = ("mpjpe", "pa-mpjpe", "n-mpjpe")
_PCK = re.compile(r"3dpck@([0-9.]+)mm")
_AUC = re.compile(r"3dauc@0-([0-9.]+)mm/([0-9]+)")


def measure(protocol: Protocol, predicted: Tensor, true: Tensor, input_unit: str = "m") -> Tensor:
    """Measure each pose under a protocol.

    The root is aligned before joints are left out; scale and Procrustes see only scored joints.
    `chirality` and `bone-symmetry` look at the prediction alone, with all its joints. Under a scale rule
    of `OWN_SIZES` the prediction must have that size already.

    Args:
        protocol: what to measure; measures are `mpjpe`, `pa-mpjpe`, `n-mpjpe`, `3dpck@<t>mm`,
            `3dauc@0-<t>mm/<n>` (n evenly spaced thresholds, both ends included), `chirality`,
            `bone-symmetry`.
        predicted: floating `[..., J, 3]`, in `input_unit`, camera frame.
        true: floating `[..., J, 3]`, in `input_unit`, camera frame.
        input_unit: `m`, `cm` or `mm`.

    Returns:
        One value per pose `[...]`, in the protocol's unit.

    Raises:
        ValueError: if a shape is wrong, the shapes differ, or the measure or a unit is unknown.
    """
    predicted, true = pose_pair(predicted, true)
    skeleton, name = protocol.skeleton, protocol.measure
    require_last_axes("predicted", predicted, (skeleton.num_joints, 3))
    if name == "chirality":
        return ops.cast(chirality(predicted, skeleton), predicted.dtype)
    if name == "bone-symmetry":
        return bone_symmetry_error(predicted, skeleton)

    root = None if protocol.root == "none" else skeleton.index(protocol.root)
    predicted, true = root_relative(predicted, root), root_relative(true, root)
    if len(protocol.kept_joints) < skeleton.num_joints:
        predicted = ops.take(predicted, protocol.kept_joints, axis=-2)
        true = ops.take(true, protocol.kept_joints, axis=-2)
    if protocol.alignment == "similarity":
        predicted = similarity_align(predicted, true, protocol.reflection)
    elif protocol.scale_rule not in ("none", *OWN_SIZES):
        rule = protocol.scale_rule.replace("-", "_")
        predicted, true = scale_align(predicted, true, rule, root=None)
    errors = joint_errors(predicted, true)

    if name in _POSITION:
        factor = convert_length("input_unit", input_unit, "Protocol field unit", protocol.unit)
        return factor * ops.mean(errors, axis=-1)
    errors_mm = convert_length("input_unit", input_unit, "unit", "mm") * errors
    if match := _PCK.fullmatch(name):
        return share_below(errors_mm, (float(match[1]),))
    if match := _AUC.fullmatch(name):
        return share_below(errors_mm, np.linspace(0.0, float(match[1]), int(match[2])).tolist())
    raise ValueError(
        f"There is no measure {name!r}; the measures are mpjpe, pa-mpjpe, n-mpjpe, 3dpck@<t>mm, "
        "3dauc@0-<t>mm/<n>, chirality and bone-symmetry."
    )


def standard_protocols(
    skeleton: Skeleton = H36M_17, root: str = "pelvis", exclude: tuple[str, ...] = ()
) -> dict[str, Protocol]:
    """List the protocols of a full report under short names.

    Args:
        skeleton: joint order of the poses.
        root: name of the root joint.
        exclude: names of joints that are not scored.

    Returns:
        Short name to protocol: `mpjpe`, `pa_mpjpe` (reflection forbidden), `pa_mpjpe_best`,
        `n_mpjpe` (least squares), `n_mpjpe_norm_ratio`, `pck`, `auc` (31 thresholds, root
        alignment only), `n_pck`, `n_auc`, `n_auc_150` (norm-ratio scale; 31 and 150 thresholds),
        `chirality` and `bone_symmetry` where the skeleton has the joints for them.

    Raises:
        ValueError: if the root or an excluded joint does not exist.
    """
    joints = joint_set(skeleton, exclude)
    rooted = {"alignment": "root", "root": skeleton.joints[skeleton.index(root)]}
    ratio = rooted | {"scale_rule": "norm-ratio"}
    similar = {"alignment": "similarity", "scale_rule": "per-pose"}
    share = {"joint_set": joints, "unit": "percent"}
    protocols = {
        "mpjpe": Protocol("mpjpe", **rooted, joint_set=joints),
        "pa_mpjpe": Protocol("pa-mpjpe", **similar, reflection="forbid", joint_set=joints),
        "pa_mpjpe_best": Protocol("pa-mpjpe", **similar, reflection="best", joint_set=joints),
        "n_mpjpe": Protocol("n-mpjpe", **rooted, scale_rule="least-squares", joint_set=joints),
        "n_mpjpe_norm_ratio": Protocol("n-mpjpe", **ratio, joint_set=joints),
        "pck": Protocol("3dpck@150mm", **rooted, **share),
        "auc": Protocol("3dauc@0-150mm/31", **rooted, **share),
        "n_pck": Protocol("3dpck@150mm", **ratio, **share),
        "n_auc": Protocol("3dauc@0-150mm/31", **ratio, **share),
        "n_auc_150": Protocol("3dauc@0-150mm/150", **ratio, **share),
    }
    if set(FRONT_JOINTS) <= set(skeleton.joints):
        protocols["chirality"] = Protocol("chirality", joint_set=skeleton.name, unit="share")
    if skeleton.flip_pairs:
        protocols["bone_symmetry"] = Protocol(
            "bone-symmetry", joint_set=skeleton.name, unit="ratio"
        )
    return protocols


def evaluate_poses(
    predicted: np.ndarray,
    true: np.ndarray,
    protocols: Iterable[Protocol] | None = None,
    input_unit: str = "m",
    batch_size: int = 4096,
) -> dict[str, float]:
    """Average every protocol over a set of poses, in float64.

    Args:
        predicted: `[N, J, 3]`, in `input_unit`, camera frame, finite.
        true: `[N, J, 3]`, in `input_unit`, camera frame, finite.
        protocols: what to measure; None measures `standard_protocols()`.
        input_unit: `m`, `cm` or `mm`.
        batch_size: poses per slice; changes memory, not numbers.

    Returns:
        Protocol id to mean over poses.

    Raises:
        ValueError: if a shape is wrong, the set is empty, or a pose is not finite.

    Example:
        >>> import numpy as np
        >>> from keras_pose.metrics import evaluate_poses, standard_protocols
        >>> true = np.random.default_rng(0).normal(size=(4, 17, 3))
        >>> report = evaluate_poses(true, true)
        >>> report[standard_protocols()["mpjpe"].id]
        0.0
    """
    chosen = list(standard_protocols().values() if protocols is None else protocols)
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    for argument, points in (("predicted", predicted), ("true", true)):
        if points.ndim != 3 or points.shape[-1] != 3:
            raise ValueError(
                f"{argument} must have the shape [poses, joints, 3], but it has the shape "
                f"{list(points.shape)}."
            )
    if predicted.shape != true.shape:
        raise ValueError(
            "predicted and true must have the same shape, but they have the shapes "
            f"{list(predicted.shape)} and {list(true.shape)}."
        )
    if not len(predicted):
        raise ValueError("predicted holds no poses; there is nothing to evaluate.")
    for argument, points in (("predicted", predicted), ("true", true)):
        broken = np.flatnonzero(~np.isfinite(points).all(axis=(1, 2)))
        if len(broken):
            raise ValueError(
                f"{argument} holds {len(broken)} poses that are not finite, the first at index "
                f"{broken[0]}; remove them and say so in the report."
            )
    totals = dict.fromkeys((protocol.id for protocol in chosen), 0.0)
    for start in range(0, len(predicted), batch_size):
        part = slice(start, start + batch_size)
        for protocol in chosen:
            values = measure(protocol, predicted[part], true[part], input_unit)
            totals[protocol.id] += float(ops.convert_to_numpy(values).sum())
    return {name: total / len(predicted) for name, total in totals.items()}
