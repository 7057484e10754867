"""2D poses as a file has them, before anybody judged what is a valid pose."""

from typing import NamedTuple

import numpy as np

LAYOUT_ADVICE = (
    "give [N, 17, 2] in Human3.6M-17 order as .npy or as 'keypoints_2d' in .npz, COCO-style JSON, "
    "or CSV with x0,y0,x1,y1,... per row (docs/data.md)"
)


class KeypointTable(NamedTuple):
    """What a reader of 2D poses found.

    Attributes:
        values: numbers `[N, J, 2 or 3]`, x, y and confidence.
        confidence: `[N, J]`, or None.
        names: what the file calls its J joints; None where it does not name them.
        num_left_out: people that have no joints at all.
    """

    values: np.ndarray
    confidence: np.ndarray | None = None
    names: tuple[str, ...] | None = None
    num_left_out: int = 0
