"""A user's own 2D poses: `.npy`, `.npz`, COCO-style JSON and CSV, brought to Human3.6M-17 joints.

Whatever a detector wrote, what comes out is complete poses in pixels, y down. People with a joint
that was not seen are left out and counted, since a lifter needs all joints.
"""

import dataclasses
import os
import warnings

import numpy as np

from keras_pose.data.labels.missing_joints import missing_joints
from keras_pose.data.labels.picture_shares import in_pixels
from keras_pose.data.motion.keypoint_files import READERS
from keras_pose.data.motion.keypoint_table import LAYOUT_ADVICE, KeypointTable
from keras_pose.files.arrays import check_is_file
from keras_pose.skeletons import (
    COCO_17,
    H36M_17,
    MPII_16,
    Skeleton,
    by_name,
    convert,
    converters,
    first_difference,
    order_by_name,
)

# Length of all bones in the right joint order over that in a wrong one, at most.
_MUCH_SHORTER = 0.85
# Bones over the mean distance of joints: median 0.41 of mocap poses, 0.38 of COCO people, 0.58 at most of
# 95 % of these; 1 of joints in any order.
_NEIGHBOURS = 0.7


@dataclasses.dataclass(frozen=True)
class Keypoints2D:
    """Complete 2D poses.

    Attributes:
        points_px: float32 `[N, 17, 2]`, Human3.6M-17 joints, pixels, x right, y down.
        source: where they come from, in words.
        confidence: float32 `[N, 17]` of the detector, or None where the file has none.
        known: bool `[17]`, False for joints that the file's joint order does not have and that were
            estimated from others.
        num_dropped: number of people left out because a joint was missing.

    Raises:
        ValueError: if the shape is wrong, there is no pose or a coordinate is not finite.
    """

    points_px: np.ndarray
    source: str
    confidence: np.ndarray | None = None
    known: np.ndarray = dataclasses.field(default_factory=lambda: np.ones(H36M_17.num_joints, bool))
    num_dropped: int = 0

    def __post_init__(self) -> None:
        """Bring the arrays to their dtypes and refuse what is not a set of poses."""
        points = np.asarray(self.points_px, np.float32)
        if points.ndim != 3 or points.shape[1:] != (H36M_17.num_joints, 2) or not len(points):
            raise ValueError(f"{self.source}: 2D poses have shape {points.shape}; {LAYOUT_ADVICE}.")
        finite = np.isfinite(points).all(axis=(1, 2))
        if not finite.all():
            raise ValueError(
                f"{self.source}: pose {int(np.argmin(finite))} is not finite; remove such poses."
            )
        object.__setattr__(self, "points_px", points)
        if self.confidence is not None:
            object.__setattr__(self, "confidence", np.asarray(self.confidence, np.float32))

    def __len__(self) -> int:
        """Return the number of poses."""
        return len(self.points_px)


def load_keypoints_2d(
    path: str | os.PathLike[str],
    skeleton: str | None = None,
    min_confidence: float = 0.0,
    picture_size: tuple[float, float] | None = None,
) -> Keypoints2D:
    """Read 2D poses of a file.

    Layouts: `.npy` `[N, J, 2]` or `[N, J, 3]` (third: confidence); `.npz` with such an array named
    `keypoints_2d`, and optionally `confidence` `[N, J]`; `.json` COCO annotations or COCO results (a
    `keypoints` list of 51 numbers per person); `.csv` with 2J or 3J numbers per row, an optional
    header, which is obeyed, and an optional name in the first column.

    Args:
        path: the file; its ending says which layout it has.
        skeleton: joint order of the file (`keras_pose.skeletons.by_name`). If None: as the file
            names its joints; where it names none, COCO-17 for JSON, else Human3.6M-17 for 17 joints
            and MPII-16 for 16. An array of 17 whose limbs are short in COCO's order alone is read as
            COCO's, with a warning.
        min_confidence: people with a needed joint of this confidence or less are left out; only
            used where the file has confidences. So are people with a needed joint at exactly (0, 0).
        picture_size: width and height in px by which coordinates between 0 and 1 are multiplied, as
            MediaPipe writes them; None where the file has pixels.

    Returns:
        Keypoints2D in Human3.6M-17 order.

    Raises:
        ValueError: if the file is missing, empty, damaged or in another layout, holds a coordinate
            that is not finite or a pose whose joints all coincide, has coordinates between 0 and 1
            without `picture_size` or pixels with it, or nobody is left.

    Example:
        >>> import pathlib, tempfile
        >>> import numpy as np
        >>> from keras_pose.data.motion import generate_motion, load_keypoints_2d, render_views
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "poses.npy"
        >>> np.save(path, render_views(generate_motion(30)).points_px)
        >>> load_keypoints_2d(path).points_px.shape[1:]
        (17, 2)
    """
    name = check_is_file(path, LAYOUT_ADVICE)
    ending = os.path.splitext(name)[1].lower()
    if ending not in READERS:
        raise ValueError(
            f"{name} ends in '{ending}', which is not .npy, .npz, .json or .csv; {LAYOUT_ADVICE}."
        )
    table = READERS[ending](name)
    is_guessed = skeleton is None and table.names is None
    if table.names is not None:
        guess = MPII_16 if len(table.names) == MPII_16.num_joints else H36M_17
        source, table = _by_name(name, table, skeleton, COCO_17 if ending == ".json" else guess)
    else:
        source = _skeleton(name, ending, table.values, skeleton)
    values, confidence = table.values, table.confidence
    values, confidence = _split(name, values, confidence)
    kept: np.ndarray = np.ones(len(values), bool)
    needed = _needed_joints(source)
    if confidence is not None:
        kept = np.all(confidence[:, needed] > min_confidence, axis=1)
        if not kept.any():
            raise ValueError(
                f"{name}: none of its {len(kept)} people has all needed joints with a confidence "
                f"above {min_confidence}; lower min_confidence or give complete poses."
            )
    kept &= _has_places(name, values, kept, source, needed)
    _check_poses(name, values, kept)
    values = in_pixels(values, values[kept][:, needed], picture_size, name)
    if is_guessed and source == H36M_17:
        if is_coco_order(values[kept]):
            warnings.warn(
                f"{name}: limbs are short in COCO's joint order and long in Human3.6M's, so its 17 "
                "joints are read as COCO's; name the joint order (--skeleton) if that is wrong.",
                stacklevel=2,
            )
            source = COCO_17
    points, known = convert(values[kept], source, H36M_17)
    if confidence is not None:
        confidence, _ = convert(confidence[kept][..., None], source, H36M_17)
        confidence = np.clip(confidence[..., 0], 0.0, None)
    _warn_if_upside_down(name, points)
    return Keypoints2D(
        points_px=points,
        source=os.path.basename(name),
        confidence=confidence,
        known=known,
        num_dropped=int((~kept).sum()) + table.num_left_out,
    )


def _by_name(
    path: str, table: KeypointTable, name: str | None, guess: Skeleton
) -> tuple[Skeleton, KeypointTable]:
    """Rearrange joints that the file names into an order that Human3.6M-17 can be made of."""
    assert table.names is not None
    assumed = by_name(name) if name else None
    sources = [by_name(source) for source, target in converters() if target == H36M_17.name]
    wanted = [assumed] if assumed else [H36M_17, *sources]
    found = order_by_name(table.names, wanted) or order_by_name(table.names, wanted, True)
    if found is None:
        guess = assumed or guess
        raise ValueError(
            f"{path}: {first_difference(table.names, guess)}, and its joints belong to no "
            f"supported order ({', '.join(order.name for order in (H36M_17, *sources))}); give the "
            "joints of one of them."
        )
    source, rows = found
    confidence = None if table.confidence is None else table.confidence[:, rows]
    return source, table._replace(values=table.values[:, rows], confidence=confidence, names=None)


def _skeleton(path: str, ending: str, values: np.ndarray, name: str | None) -> Skeleton:
    """Choose the joint order, and refuse an array that has another shape."""
    if values.ndim != 3 or values.shape[2] not in (2, 3):
        hint = ""
        if values.ndim == 3 and values.shape[1] in (2, 3):
            hint = " (coordinates before joints: use numpy.swapaxes(array, 1, 2))"
        elif values.ndim == 2 and values.shape[1] in (34, 32):
            hint = (
                f" (if a row is x0,y0,x1,y1,...: use array.reshape(-1, {values.shape[1] // 2}, 2))"
            )
        elif values.ndim == 2 and values.shape[0] in (16, 17):
            hint = " (for a single pose: use array[None])"
        raise ValueError(f"{path}: 2D poses have shape {values.shape}{hint}; {LAYOUT_ADVICE}.")
    if values.dtype.kind not in "fiu":
        raise ValueError(
            f"{path}: 2D poses are of type {values.dtype}, not numbers; {LAYOUT_ADVICE}."
        )
    if not len(values):
        raise ValueError(f"{path} holds no pose; {LAYOUT_ADVICE}.")
    if name is not None:
        skeleton = by_name(name)
    elif ending == ".json":
        skeleton = COCO_17
    else:
        skeleton = MPII_16 if values.shape[1] == MPII_16.num_joints else H36M_17
    if values.shape[1] != skeleton.num_joints:
        raise ValueError(
            f"{path}: poses have {values.shape[1]} joints, but {skeleton.name} has "
            f"{skeleton.num_joints}; name the joint order of the file or convert it. Otherwise "
            f"{LAYOUT_ADVICE}."
        )
    return skeleton


def _split(
    path: str, values: np.ndarray, confidence: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """Take x and y and the confidence apart."""
    if values.shape[2] == 3 and confidence is None:
        confidence = values[..., 2]
    if confidence is not None and confidence.shape != values.shape[:2]:
        raise ValueError(
            f"{path}: 'confidence' has shape {confidence.shape} beside poses {values.shape}; give "
            "one number per joint."
        )
    if confidence is not None and confidence.dtype.kind not in "fiu":
        raise ValueError(f"{path}: 'confidence' is of type {confidence.dtype}; give numbers.")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite and is refused
        return values[..., :2].astype(np.float32), confidence


def _has_places(
    path: str, values: np.ndarray, kept: np.ndarray, source: Skeleton, needed: list[int]
) -> np.ndarray:
    """Tell which people have every needed joint somewhere; say how many do not."""
    missing = np.zeros(values.shape[:2], bool)
    missing[kept] = missing_joints(values[kept])
    complete: np.ndarray = ~np.any(missing[:, needed], axis=1)
    if complete.all():
        return complete
    joint = source.joints[max(needed, key=lambda joint: int(missing[:, joint].sum()))]
    said = (
        f"{path}: {int((~complete).sum())} of {len(values)} people have joints at exactly (0, 0), "
        f"which is written for joints that were not seen, most often '{joint}'"
    )
    if not complete[kept].any():
        raise ValueError(f"{said}; nobody is left, so give complete poses.")
    warnings.warn(f"{said}; they were left out.", stacklevel=3)
    return complete


def _needed_joints(source: Skeleton) -> list[int]:
    """Joints of the file from which Human3.6M-17 is built."""
    probe = np.zeros((source.num_joints, source.num_joints, 1), np.float32)
    probe[np.arange(source.num_joints), np.arange(source.num_joints)] = np.nan
    converted, _ = convert(probe, source, H36M_17)
    return np.flatnonzero(np.isnan(converted).any(axis=(1, 2))).tolist()


def _check_poses(path: str, values: np.ndarray, kept: np.ndarray) -> None:
    finite = np.isfinite(values).all(axis=(1, 2)) | ~kept
    if not finite.all():
        raise ValueError(
            f"{path}: {int((~finite).sum())} poses, the first in row {int(np.argmin(finite))}, "
            "have coordinates that are not finite; remove them or give them confidence 0."
        )
    spread = np.ptp(values, axis=1).max(axis=1)
    flat = kept & ~(spread > 0)
    if flat.any():
        raise ValueError(
            f"{path}: {int(flat.sum())} poses, the first in row {int(np.argmax(flat))}, have all "
            "joints in one point; remove them."
        )


def is_coco_order(points: np.ndarray) -> bool:
    """Tell whether 17 joints without names are COCO's and not Human3.6M's.

    In the right order limbs join neighbours, so that bones are short together, and shorter than joints
    are apart that are not neighbours: numbers that are no pose at all are nobody's order.

    Args:
        points: `[N, 17, 2]`, px.

    Returns:
        Whether bones in COCO's order are much shorter than both, of most poses.
    """
    lengths = [
        np.linalg.norm(
            order[:, [child for _, child in H36M_17.bones]]
            - order[:, [parent for parent, _ in H36M_17.bones]],
            axis=-1,
        ).sum(axis=1)
        for order in (convert(points, COCO_17, H36M_17)[0], points)
    ]
    pairs = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)
    # Of two different joints, over as many pairs as there are bones.
    apart = pairs.sum(axis=(1, 2)) / (17 * 16) * len(H36M_17.bones)
    in_coco, in_h36m = lengths
    is_shorter = np.median(in_coco / np.maximum(in_h36m, 1e-9)) < _MUCH_SHORTER
    return bool(is_shorter and np.median(in_coco / np.maximum(apart, 1e-9)) < _NEIGHBOURS)


def _warn_if_upside_down(path: str, points: np.ndarray) -> None:
    head = points[:, H36M_17.index("head"), 1]
    ankles = points[:, H36M_17.indices(("left_ankle", "right_ankle")), 1].mean(axis=1)
    if len(points) >= 20 and (head > ankles).mean() > 0.9:
        warnings.warn(
            f"{path}: nearly all people stand on their heads; y must point down, so negate y if "
            "your tool counts from the bottom.",
            stacklevel=3,
        )
