"""Which 2D joints of a file are none: the place that programs write for a joint they did not see."""

import numpy as np

# Detectors, annotation programs and COCO write the corner for what was not seen; MPII's lists and some
# detectors the place beyond it.
_NO_PLACES = ((0.0, 0.0), (-1.0, -1.0))


def missing_joints(points: np.ndarray) -> np.ndarray:
    """Find joints at exactly (0, 0) or (-1, -1) beside joints that are elsewhere.

    A joint that stands there in every one of several poses, with others on both sides of it along
    both axes, is the origin of the poses and not missing.

    Args:
        points: float `[..., J, 2]`, px; what is not finite is not missing here.

    Returns:
        bool `[..., J]`. Nothing of a pose is missing where all its joints are in one such place.
    """
    points = np.asarray(points)[..., :2]
    missing = np.zeros(points.shape[:-1], bool)
    for place in _NO_PLACES:
        missing |= (points == place).all(-1)
    missing &= ~missing.all(-1, keepdims=True)
    return missing & ~_origins(points)


def _origins(points: np.ndarray) -> np.ndarray:
    """Joints about which all poses are centred, bool `[J]`."""
    poses = points.reshape(-1, *points.shape[-2:])
    if len(poses) < 2:
        return np.zeros(points.shape[-2], bool)
    with np.errstate(invalid="ignore"):
        around = ((poses < 0).any(1) & (poses > 0).any(1)).all()
    return (poses == 0).all((0, 2)) & around


def missing_note(count: int) -> str:
    """Word how many joints of a set stand where missing ones are written.

    Args:
        count: number of joints.

    Returns:
        A sentence.
    """
    return (
        f"{count} joints at exactly (0, 0) were treated as not labelled, whatever their flag says."
    )
