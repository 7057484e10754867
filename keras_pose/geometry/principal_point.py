"""Whether a camera matrix can be of a picture: the principal point lies about in the middle."""

import numpy as np

# Of the picture's side. Lenses are centred to some hundredths; 1280 px for 1920 px are 0.17 off.
_MOST = 0.15


def other_picture(intrinsics: np.ndarray, height: int, width: int, most: float = _MOST) -> str:
    """Word why a camera matrix is of a picture of another size, or of a part of one.

    Args:
        intrinsics: [3, 3], px.
        height: of the picture, px.
        width: of the picture, px.
        most: how far from the middle, in sides of the picture, the principal point may lie.

    Returns:
        Words such as "the principal point (960, 540) is the middle of a picture of 1920 x 1080 px, not of
        224 x 224 px"; empty where it lies about in the middle.
    """
    x, y = (float(value) for value in np.asarray(intrinsics)[:2, 2])
    is_centred = abs(x / width - 0.5) <= most and abs(y / height - 0.5) <= most
    if is_centred or not np.isfinite([x, y]).all():
        return ""
    return (
        f"the principal point ({x:g}, {y:g}) is the centre of a picture of {2 * x:.0f} x "
        f"{2 * y:.0f} px, not of {width} x {height} px"
    )
