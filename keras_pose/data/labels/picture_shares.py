"""Coordinates as shares of the picture's sides, which MediaPipe writes, and pixels made of them."""

import warnings

import numpy as np

# A pose of so few pixels shows nobody; the largest coordinates of shares are a little above 1.
_MOST_SHARE = 2.0


def in_pixels(
    points: np.ndarray, certain: np.ndarray, picture_size: tuple[float, float] | None, path: str
) -> np.ndarray:
    """Multiply shares of the picture's sides by its size, and refuse what is taken for the other kind.

    A share of the width and one of the height are different lengths, so a pose in shares is squeezed.

    Args:
        points: float `[N, J, 2]`, as the file has them.
        certain: float `[M, K, 2]`, those among them that are joints for certain; they tell the kind.
        picture_size: width and height, px; None if the points should be pixels.
        path: the file, for messages.

    Returns:
        float32 `[N, J, 2]`, px.

    Raises:
        ValueError: if the points are shares and there is no size, or pixels and there is one.
    """
    finite = certain[np.isfinite(certain)]
    is_small = bool(finite.size) and float(np.abs(finite).max()) <= _MOST_SHARE
    within = float(((finite >= 0) & (finite <= 1)).mean()) if finite.size else 0.0
    if picture_size is not None:
        if finite.size and not is_small:
            raise ValueError(
                f"{path}: coordinates reach {np.abs(finite).max():.4g}, so they are already "
                "pixels; omit --picture_size (picture_size=)."
            )
        return (points * np.asarray(picture_size, np.float64)).astype(np.float32)
    if is_small and within > 0.9:
        raise ValueError(
            f"{path}: coordinates lie between 0 and 1, so they are fractions of the picture, which "
            "distort the poses; give the pictures' size: --picture_size=640x480 "
            "(picture_size=(640, 480))."
        )
    if is_small:
        warnings.warn(
            f"{path}: coordinates only reach {np.abs(finite).max():.3g}, so they are not pixels; x "
            "and y must have the same unit, unlike fractions of a picture's width and height.",
            stacklevel=4,
        )
    return points
