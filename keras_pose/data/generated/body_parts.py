"""What the flesh of a generated body is collected in: cones, triangles and the frames of bones."""

import dataclasses
from typing import Self

import numpy as np

from keras_pose.data.generated.surface import Surface
from keras_pose.skeletons import H36M_17

TORSO, HIP, ARM, HAND, LEG, FOOT, NECK, HEAD, HAIR, SKIRT = range(10)
SIDES = ("right", "left")
HAIR_STYLES = ("bald", "short", "long", "bun", "cap")
# Pelvis to base of the neck, thigh and shin of a body of 1.71 m: what all girths are drawn for.
_REFERENCE_M = 1.317


@dataclasses.dataclass(frozen=True)
class BodyShape:
    """What of a person's flesh stays the same in every pose; factors of an average adult's.

    Attributes:
        girth: of everything.
        limbs: of arms and legs, beside `girth`.
        hips: width of the hips.
        chest: width of the chest.
        belly: how far the belly stands out, metres.
        bust: how far the bust stands out, metres.
        hair: one of `HAIR_STYLES`.
        loose: how much wider than the leg the trousers are, metres.
        skirt: how far down the thighs a skirt reaches, 0 for none.
    """

    girth: float = 1.0
    limbs: float = 1.0
    hips: float = 1.0
    chest: float = 1.0
    belly: float = 0.0
    bust: float = 0.0
    hair: str = "short"
    loose: float = 0.0
    skirt: float = 0.0


@dataclasses.dataclass(frozen=True)
class BodySurface(Surface):
    """Primitives of one body; metres, in the frame of the joints they were built from.

    Attributes:
        region: int64 [C + T], TORSO to SKIRT.
        frame: int64 [C + T], which of F frames each primitive belongs to.
        origins: float64 `[F, 3]`, start of the bone of each frame.
        axes: float64 `[F, 3, 3]`, rows along the bone, to the person's right, to the front.
        bases: float64 `[F]`, place along the limb at the origin: an upper arm is 0 to 1, a forearm 1
            to 2, and so on.
        lengths: float64 `[F]`, metres of the bone that raise the place by 1.
    """

    region: np.ndarray
    frame: np.ndarray
    origins: np.ndarray
    axes: np.ndarray
    bases: np.ndarray
    lengths: np.ndarray

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> Self:
        """Move the body.

        Args:
            rotation: float64 `[3, 3]`; points become R p + t.
            shift: float64 `[3]`, metres.

        Returns:
            A new surface.
        """
        return dataclasses.replace(
            super().moved(rotation, shift),
            origins=self.origins @ rotation.T + shift,
            axes=self.axes @ rotation.T,
        )


def unit(vector: np.ndarray) -> np.ndarray:
    """Return a vector float64 `[3]` at length 1; nearly 0 stays nearly 0."""
    return vector / (np.sqrt(vector @ vector) + 1e-9)


def across(vector: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the part of a vector that is upright on an axis; float64 `[3]`, the axis of length 1."""
    return vector - (vector @ axis) * axis


def body_scale(joints: np.ndarray) -> float:
    """Measure a body by its trunk and the mean of its legs.

    Args:
        joints: float `[17, 3]`, H36M_17, metres.

    Returns:
        1 for an average adult of 1.71 m, 1.05 for one who is 5 % longer.
    """
    bones = (
        (("thorax", "spine"), 1.0),
        (("spine", "pelvis"), 1.0),
        *(((f"{side}_knee", f"{side}_hip"), 0.5) for side in SIDES),
        *(((f"{side}_ankle", f"{side}_knee"), 0.5) for side in SIDES),
    )
    ends = joints[[H36M_17.indices(names) for names, _ in bones]]
    lengths = np.linalg.norm(ends[:, 0] - ends[:, 1], axis=-1)
    return float(lengths @ [weight for _, weight in bones]) / _REFERENCE_M


class BodyParts:
    """Collects cones, triangles and frames; knows the frames of hips and chest.

    Args:
        joints: float64 `[17, 3]`, H36M_17, metres.
        shape: the person.
    """

    def __init__(self, joints: np.ndarray, shape: BodyShape):
        self.place = place = dict(zip(H36M_17.joints, joints, strict=True))
        self.shape, self.scale = shape, body_scale(joints)
        pelvis, spine, thorax = place["pelvis"], place["spine"], place["thorax"]
        self.hip_axes = _trunk_axes(spine - pelvis, place["right_hip"] - place["left_hip"])
        self.chest_axes = _trunk_axes(
            thorax - spine, place["right_shoulder"] - place["left_shoulder"]
        )
        self._cones: list[tuple] = []
        self._triangles: list[tuple] = []
        self._frames: list[tuple] = []

    def frame(
        self, origin: np.ndarray, axes: np.ndarray, base: float = 0.0, length: float = 1.0
    ) -> int:
        """Add a frame: origin `[3]`, axes `[3, 3]`; return its number."""
        self._frames.append((origin, axes, base, max(length, 1e-3)))
        return len(self._frames) - 1

    def bone_frame(
        self, start: np.ndarray, end: np.ndarray, front: np.ndarray, base: float
    ) -> tuple[int, np.ndarray]:
        """Add the frame of a bone; return its number and the front upright on the bone, `[3]`."""
        along = unit(end - start)
        front = unit(across(front, along))
        # Right, down and front are right-handed, so the right is down x front.
        axes = np.stack([along, np.cross(along, front), front])
        return self.frame(start, axes, base, float(np.linalg.norm(end - start))), front

    def cone(
        self,
        start: np.ndarray,
        end: np.ndarray,
        first: float,
        last: float,
        region: int,
        frame: int,
    ) -> None:
        """Add a cone between spheres at two points float64 `[3]` of two radii, metres."""
        self._cones.append((start, end, (first, last), region, frame))

    def fan(self, corners: list, thickness: list, region: int, frame: int) -> None:
        """Add the triangles of a polygon around its first corner."""
        for second in range(1, len(corners) - 1):
            three = [0, second, second + 1]
            self._triangles.append(
                ([corners[i] for i in three], [thickness[i] for i in three], region, frame)
            )

    def surface(self) -> BodySurface:
        """Return all that was added."""
        starts, ends, radii, regions, frames = zip(*self._cones, strict=True)
        corners, thickness, flat_regions, flat_frames = zip(*self._triangles, strict=True)
        origins, axes, bases, lengths = zip(*self._frames, strict=True)
        return BodySurface(
            starts=np.array(starts),
            ends=np.array(ends),
            radii=np.array(radii),
            corners=np.array(corners),
            thickness=np.array(thickness),
            region=np.array(regions + flat_regions),
            frame=np.array(frames + flat_frames),
            origins=np.array(origins),
            axes=np.array(axes),
            bases=np.array(bases),
            lengths=np.array(lengths),
        )


def _trunk_axes(upwards: np.ndarray, rightwards: np.ndarray) -> np.ndarray:
    """Return rows up, right, front, float64 `[3, 3]`."""
    up = unit(upwards)
    front = unit(np.cross(up, rightwards))
    return np.stack([up, np.cross(front, up), front])
