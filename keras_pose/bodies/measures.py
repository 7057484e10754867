"""The protocols of Wild3D's numbers, and each picture's share in them.

A pose is compared in 3D without turning it, pelvis on pelvis, after it got a size: the mean of the
training records or the authors' constant. Two of the authors' own ways of counting stay under names of
their own.
"""

import numpy as np
from keras import ops

from keras_pose.codecs import ZHOU2017_BONE_SUM_MM, to_length, total_bone_length
from keras_pose.geometry.shapes import Tensor
from keras_pose.metrics import (
    ACCURACY_JOINTS,
    JOINT_GROUPS,
    LIMBS,
    Protocol,
    joint_errors,
    joint_set,
    limb_differences,
    measure,
    share_within,
    standard_protocols,
)
from keras_pose.skeletons import MPII_16, MPII_16_SPINE

_PELVIS, _NECK = MPII_16.indices(("pelvis", "upper_neck"))
_LOW = (_PELVIS, *MPII_16.indices(("right_hip", "left_hip")))
_TRAINING, _ZHOU, _TRUE = "training-bones", "bones-4296.99mm", "true-bones"
_ALL_3D = MPII_16_SPINE.name
# MPI-INF-3DHP's fourteen: head top, neck, shoulders, elbows, wrists, hips, knees, ankles.
_SCORED_3D = joint_set(MPII_16_SPINE, ("pelvis", "spine"))
_SCORED_3D_JOINTS = Protocol("mpjpe", joint_set=_SCORED_3D).kept_joints
_SCORED_2D = joint_set(MPII_16, ("pelvis", "thorax"))
SCORED_2D_JOINTS = Protocol("pckh", joint_set=_SCORED_2D).kept_joints
_UNUSED = tuple(j for n, j in enumerate(MPII_16.joints) if n not in ACCURACY_JOINTS)


def _sized(name: str, size: str, joints: str = _ALL_3D, unit: str = "mm") -> Protocol:
    return Protocol(name, "root", scale_rule=size, root="pelvis", joint_set=joints, unit=unit)


MPJPE = _sized("mpjpe", _TRAINING)
MPJPE_ZHOU2017 = _sized("mpjpe", _ZHOU)
PCK = _sized("3dpck@150mm", _TRAINING, _SCORED_3D, "percent")
AUC = _sized("3dauc@0-150mm/31", _TRAINING, _SCORED_3D, "percent")
# Errors of exactly 150 mm count; the second moves hips and pelvis towards the neck.
PCK_ZHOU2017 = _sized("3dpck-zhou2017@150mm", _ZHOU, _SCORED_3D, "percent")
PCK_ZHOU2017_3DHP = _sized("3dpck-zhou2017-3dhp@150mm", _TRUE, _SCORED_3D, "percent")
_STANDARD = standard_protocols(MPII_16_SPINE)
PA_MPJPE, PA_MPJPE_BEST = _STANDARD["pa_mpjpe"], _STANDARD["pa_mpjpe_best"]
N_MPJPE, N_MPJPE_NORM_RATIO = _STANDARD["n_mpjpe"], _STANDARD["n_mpjpe_norm_ratio"]
SYMMETRY = {
    limb: _sized(f"left-right-{limb.replace('_', '-')}", _TRAINING, MPII_16.name) for limb in LIMBS
}
PCKH = Protocol("pckh@0.5", joint_set=_SCORED_2D, unit="percent")
PCKH_ROWS = {
    row: Protocol(f"pckh@0.5-{row}", joint_set=MPII_16.name, unit="percent") for row in JOINT_GROUPS
} | {"mean": PCKH}
KEYPOINT_ERROR = Protocol("keypoint-error", joint_set=_SCORED_2D, unit="box-side")
PCK_5 = Protocol("pck@0.05", joint_set=_SCORED_2D, unit="share")
PCK_10 = Protocol("pck@0.1", joint_set=_SCORED_2D, unit="share")
# Half a tenth of the crop's side, of points where the accuracy in training takes the maps' maxima.
ACCURACY = Protocol("accuracy@0.05-crop", joint_set=joint_set(MPII_16, _UNUSED), unit="share")


def position_measures(
    points: Tensor, true_mm: Tensor, bone_sum_mm: float
) -> dict[Protocol, np.ndarray]:
    """Measure predicted poses in 3D, each picture by itself.

    Args:
        points: floating `[N, 16, 3]`, half sides of the crop, rows of `MPII_16`.
        true_mm: floating `[N, 16, 3]`, mm, camera frame, rows of `MPII_16_SPINE`.
        bone_sum_mm: mean bone sum of the training records.

    Returns:
        Protocol to float64 values `[N]`: MPJPE at both sizes, PA-MPJPE without and with reflection,
        N-MPJPE by both rules, 3DPCK and AUC, the authors' two 3DPCK.

    Raises:
        ValueError: if a shape is wrong.

    Reference: Zhou et al. 2017, section 4, and their evaluation code.
    """
    points, true_mm = np.asarray(points, np.float64), np.asarray(true_mm, np.float64)
    sizes = {
        size: to_length(points, bone_sum)
        for size, bone_sum in ((_TRAINING, bone_sum_mm), (_ZHOU, ZHOU2017_BONE_SUM_MM))
    }
    values = {
        protocol: measure(protocol, sizes[protocol.scale_rule], true_mm, "mm")
        for protocol in (MPJPE, MPJPE_ZHOU2017, PCK, AUC)
    }
    # Free of size.
    for protocol in (PA_MPJPE, PA_MPJPE_BEST, N_MPJPE, N_MPJPE_NORM_RATIO):
        values[protocol] = measure(protocol, sizes[_TRAINING], true_mm, "mm")
    for protocol, predicted in (
        (PCK_ZHOU2017, sizes[_ZHOU]),
        (PCK_ZHOU2017_3DHP, low_hip_poses(points, true_mm)),
    ):
        errors = joint_errors(predicted, true_mm, _PELVIS)
        values[protocol] = share_within(ops.take(errors, _SCORED_3D_JOINTS, axis=-1), 150.0)
    return {protocol: ops.convert_to_numpy(value) for protocol, value in values.items()}


def low_hip_poses(points: Tensor, true_mm: Tensor) -> Tensor:
    """Write predicted poses as the authors compare them with MPI-INF-3DHP.

    Hips and pelvis move a fifth of the trunk towards the neck, where that set has them, then the pose
    takes the bone sum of the truth.

    Args:
        points: floating `[N, 16, 3]`, any unit, rows of `MPII_16`.
        true_mm: floating `[N, 16, 3]`, mm, rows of `MPII_16_SPINE`.

    Returns:
        `[N, 16, 3]`, mm, pelvis at the origin.

    Reference: Zhou et al. 2017, section 4, and their evaluation code.
    """
    moved = np.array(points, np.float64)
    moved[:, _LOW] += 0.2 * (moved[:, _NECK] - moved[:, _PELVIS])[:, None]
    return to_length(moved, total_bone_length(true_mm))


def symmetry_measures(points: Tensor, bone_sum_mm: float) -> dict[Protocol, np.ndarray]:
    """Measure how much left and right limbs differ once a pose has its size.

    Args:
        points: floating `[N, 16, 3]`, half sides of the crop, rows of `MPII_16`.
        bone_sum_mm: mean bone sum of the training records.

    Returns:
        Protocol to float64 values `[N]` in mm, one protocol per limb.

    Raises:
        ValueError: if the shape is wrong.

    Reference: Zhou et al. 2017, section 4, geometric validity.
    """
    sized = to_length(np.asarray(points, np.float64), bone_sum_mm)
    differences = ops.convert_to_numpy(limb_differences(sized, MPII_16))
    return {SYMMETRY[limb]: differences[:, column] for column, limb in enumerate(LIMBS)}
