"""Things that stand between the camera and a generated body."""

import cv2
import numpy as np

# At most this many of the joints may be covered.
_MOST_COVERED = 0.4


def occlude(image: np.ndarray, rng: np.random.Generator, pixels: np.ndarray) -> np.ndarray:
    """Paint a pole, a board or a bush over a picture.

    Args:
        image: uint8 `[H, W, 3]` RGB, left as it is.
        rng: source of the draws.
        pixels: float64 `[J, 2]`, joints, of which at most two fifths get covered.

    Returns:
        uint8 `[H, W, 3]`; the picture itself where no thing would fit.
    """
    size = image.shape[0]
    low, high = np.clip(pixels.min(0), 0, size), np.clip(pixels.max(0), 0, size)
    inside = np.clip(pixels, 0, size - 1).astype(int)
    for _ in range(4):
        mask = np.zeros((size, size), np.uint8)
        centre = rng.uniform(low, high + 1)
        reach = rng.uniform(0.06, 0.25, 2) * (high - low).max()
        kind = rng.integers(4)
        if kind == 0:  # a pole from top to bottom
            width = max(int(0.25 * reach[0]), 2)
            slant = rng.normal(0, 0.05) * size
            ends = (int(centre[0] - slant), -5), (int(centre[0] + slant), size + 5)
            cv2.line(mask, *ends, 255, width, cv2.LINE_AA)
        elif kind == 1:  # a table or wall below
            top = int(rng.uniform(0.6, 0.95) * (high[1] - low[1]) + low[1])
            mask[top:, max(int(centre[0] - 3 * reach[0]), 0) : int(centre[0] + 3 * reach[0])] = 255
        elif kind == 2:  # a board
            corners = centre + rng.uniform(-1, 1, (5, 2)) * reach
            cv2.fillConvexPoly(mask, cv2.convexHull(corners.astype(np.int32)), 255, cv2.LINE_AA)
        else:  # a bush
            for _ in range(14):
                spot = (centre + rng.normal(0, 0.45, 2) * reach).astype(int)
                radius = int(rng.uniform(0.15, 0.5) * reach.min()) + 1
                cv2.circle(mask, (int(spot[0]), int(spot[1])), radius, 255, -1, cv2.LINE_AA)
        if np.mean(mask[inside[:, 1], inside[:, 0]] > 127) <= _MOST_COVERED:
            break
    else:
        return image
    colour = rng.uniform(20, 220) * (1 + rng.normal(0.0, 0.2, 3))
    cells = rng.standard_normal((12, 12, 1), np.float32) * np.float32(rng.uniform(2, 22))
    paint = np.clip(colour + cv2.resize(cells, (size, size))[..., None], 0, 255)
    share = (mask.astype(np.float32) / 255)[..., None]
    return (image + share * (paint - image)).astype(np.uint8)
