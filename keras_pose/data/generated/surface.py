"""Flesh as cones with round ends and thick triangles: what the z-buffer draws."""

import dataclasses
from typing import Self

import numpy as np


@dataclasses.dataclass(frozen=True)
class Surface:
    """Primitives of one body or hand; metres, in the frame of the joints they were built from.

    C cones come first, T triangles after them wherever both are counted.

    Attributes:
        starts: float64 `[C, 3]`, centre of the sphere at the start of each cone.
        ends: float64 `[C, 3]`, centre of the sphere at its end.
        radii: float64 `[C, 2]`, radii of the two spheres.
        corners: float64 `[T, 3, 3]`, corners of triangles.
        thickness: float64 `[T, 3]`, how far a triangle's surface lies off each corner, on both sides.
    """

    starts: np.ndarray
    ends: np.ndarray
    radii: np.ndarray
    corners: np.ndarray
    thickness: np.ndarray

    def moved(self, rotation: np.ndarray, shift: np.ndarray) -> Self:
        """Move the surface.

        Args:
            rotation: float64 `[3, 3]`; points become R p + t.
            shift: float64 `[3]`, metres.

        Returns:
            A new surface.
        """
        return dataclasses.replace(
            self,
            starts=self.starts @ rotation.T + shift,
            ends=self.ends @ rotation.T + shift,
            corners=self.corners @ rotation.T + shift,
        )
