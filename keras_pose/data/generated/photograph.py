"""What a camera adds to a generated picture: a little blur and grain."""

import cv2
import numpy as np


def photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add a little blur and grain.

    Args:
        image: uint8 `[H, W, 3]`.
        rng: source of the draws.

    Returns:
        Picture uint8 `[H, W, 3]`.
    """
    if rng.random() < 0.6:
        image = cv2.GaussianBlur(image, (0, 0), image.shape[1] / 128 * rng.uniform(0.3, 0.9))
    # The sum of two even draws is bell-shaped enough for grain, and far faster than a normal one.
    even = np.frombuffer(rng.bytes(2 * image.size), np.uint8).reshape(2, *image.shape)
    grain = np.add(even[0], even[1], dtype=np.float32) - np.float32(255)
    grain *= np.float32(rng.uniform(0.0, 6.0) / 104.5)  # its standard deviation
    grain += image
    grain += np.float32(0.5)
    return np.clip(grain, 0, 255, out=grain).astype(np.uint8)
