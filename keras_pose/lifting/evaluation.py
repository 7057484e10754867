"""What a lifter is worth: errors against 3D labels, and what can be seen without any.

Both are reported side by side; nothing that uses 3D labels feeds back into training or selection.
"""

import keras
import numpy as np
from keras import ops

from keras_pose.codecs import decode_root_relative
from keras_pose.geometry import bone_lengths
from keras_pose.lifting.data import LiftingData, Poses
from keras_pose.metrics import bone_symmetry_error, chirality, evaluate_poses, standard_protocols
from keras_pose.skeletons import H36M_17

_BATCH = 4096
# Scale and place are not observable without labels, so plain MPJPE would be noise.
MEASURES = ("pa_mpjpe", "pa_mpjpe_best", "n_mpjpe", "n_mpjpe_norm_ratio", "n_pck", "n_auc")


def protocols() -> dict:
    """Return the short name of each reported measure to its `keras_pose.metrics.Protocol`."""
    standard = standard_protocols()
    return {name: standard[name] for name in MEASURES}


def protocol_ids() -> dict[str, str]:
    """Return the short name of each reported measure to its protocol id."""
    return {name: protocol.id for name, protocol in protocols().items()}


def lift_poses(model: keras.Model, points_2d: np.ndarray) -> np.ndarray:
    """Lift normalised poses in batches.

    Args:
        model: any lifter of this room.
        points_2d: float32 `[N, 16, 2]`, normalised.

    Returns:
        float32 `[N, 17, 3]`, root-relative with the root at 0, in units of the pose's scale.
    """
    parts = []
    for start in range(0, len(points_2d), _BATCH):
        lifted = model(ops.convert_to_tensor(points_2d[start : start + _BATCH]), training=False)
        parts.append(decode_root_relative(lifted, ops.ones_like(lifted[:, 0, 0])))
    return np.concatenate([ops.convert_to_numpy(part) for part in parts])


def depth_sign(points_3d: np.ndarray) -> tuple[float, float]:
    """Choose one depth sign for all poses: most bodies have their nose in front.

    Args:
        points_3d: float `[N, 17, 3]`, Human3.6M-17, camera frame.

    Returns:
        `(sign, share)`: 1.0 or -1.0, and the share of poses whose nose is in front as they are.

    Reference: `docs/tips.md`, depth sign; no label is used.
    """
    share = float(np.mean(ops.convert_to_numpy(chirality(points_3d))))
    return (1.0 if share >= 0.5 else -1.0), share


def evaluate_labelled(model: keras.Model, poses: Poses) -> dict[str, float]:
    """Return the errors against 3D labels, after the label-free choice of the depth sign.

    Args:
        model: any lifter of this room.
        poses: `keras_pose.lifting.data.Poses` with `points_3d`.

    Returns:
        Short measure name to value (millimetres, or per cent for `n_pck` and `n_auc`), and
        `chirality`, the share of poses with the nose in front before the choice.

    Raises:
        ValueError: if there are no labels.
    """
    if poses.points_3d is None:
        raise ValueError(f"{poses.source}: there are no 3D labels to measure against; add them.")
    predicted = lift_poses(model, poses.points_2d) * poses.scale[:, None, None]
    sign, share = depth_sign(predicted)
    predicted[..., 2] *= sign
    values = evaluate_poses(predicted, poses.points_3d, protocols().values())
    measured = {name: values[protocol] for name, protocol in protocol_ids().items()}
    return measured | {"chirality": share}


def evaluate_unlabelled(model: keras.Model, points_2d: np.ndarray) -> dict[str, float]:
    """Return the plausibility of lifted poses, from held-out 2D alone.

    Args:
        model: any lifter of this room.
        points_2d: float32 `[N, 16, 2]`, normalised.

    Returns:
        dict: `bone_symmetry`, mean relative difference of left and right bones; `bone_spread`, mean
        over bones of the standard deviation of relative bone length over its mean, across poses. Both
        are 0 for one rigid symmetric body. `heldout_chirality`, share of noses in front.
    """
    lifted = lift_poses(model, points_2d)
    lengths = ops.convert_to_numpy(bone_lengths(lifted, H36M_17.bones))
    ratios = lengths / np.maximum(lengths.mean(axis=1, keepdims=True), 1e-9)
    return {
        "bone_symmetry": float(np.mean(ops.convert_to_numpy(bone_symmetry_error(lifted)))),
        "bone_spread": float(np.mean(ratios.std(axis=0) / np.maximum(ratios.mean(axis=0), 1e-9))),
        "heldout_chirality": depth_sign(lifted)[1],
    }


def run_results(config: object, model: keras.Model, data: LiftingData) -> dict[str, float]:
    """Measure a finished run on its held-out poses, as `run_session` asks for it.

    Args:
        config: of the run; any lifter is measured alike.
        model: any lifter of this room.
        data: what the run saw.

    Returns:
        Protocol id to value; nothing without labels.
    """
    if data.heldout.points_3d is None:
        return {}
    values = evaluate_labelled(model, data.heldout)
    return {id: values[name] for name, id in protocol_ids().items()}
