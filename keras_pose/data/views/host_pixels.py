"""Views on the host: one warp from the picture straight to the view, one matrix for all colours.

`cv2.warpAffine` samples four neighbours, so a picture seen much smaller would alias: above a factor
of 2 the part in view is first halved by means of 2 x 2 pixels, which keeps the map exact.
OpenCV gives up Python's lock while it works, so threads of `tf.data` run in parallel.
"""

import math

import cv2
import numpy as np

from keras_pose.data.views.draws import ViewParameters, view_matrix
from keras_pose.geometry import affine2d

# tf.data has the threads; OpenCV's own would fight them for the cores.
cv2.setNumThreads(0)

# Grey level of the square that a cut-out leaves.
CUTOUT_LEVEL = 128
# A blur reaches this many standard deviations far.
_BLUR_REACH = 3.0
# From the pixels of a halved picture to those of the whole one.
DOUBLE = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])
_NO_COLOUR_CHANGE = np.eye(3, 4, dtype=np.float32)


def render_view(
    image: np.ndarray, box: np.ndarray, parameters: ViewParameters, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Render one view of a picture.

    Args:
        image: uint8 `[H, W, 3]`, RGB.
        box: `[4]`, the record's square, (x, y, side, side) in pixels of the picture.
        parameters: of one view, `ViewParameters.row`.
        size: side S of the view in pixels.

    Returns:
        uint8 `[S, S, 3]`, black where the picture does not reach; and the map, float64 `[2, 3]`, pixels
        of the picture to pixels of the view, both continuous.
    """
    matrix = view_matrix(parameters, box, size)
    view = warp(image, matrix, size)
    return retouch(view, parameters.colour, float(parameters.blur_sigma), parameters.cutout), matrix


def warp(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Warp a picture by one bilinear look-up per pixel, after halving it while it shrinks a lot.

    Args:
        image: uint8 `[H, W, 3]`.
        matrix: float64 `[2, 3]`, pixels of the picture to pixels of the output, continuous.
        size: side S of the output.

    Returns:
        uint8 `[S, S, 3]`, black where the picture does not reach.
    """
    low_x, low_y, high_x, high_y = in_view(matrix, size, image.shape)
    if low_x >= high_x or low_y >= high_y:
        return np.zeros((size, size, 3), np.uint8)
    factor = shrink_factor(matrix)
    # Only what is in view, and where most of the picture is in view not even that is worth a cut.
    if factor >= 2 or image.size > 2 * (high_x - low_x) * (high_y - low_y) * 3:
        image = image[low_y:high_y, low_x:high_x]
        matrix = affine2d.compose(matrix, np.array([[1.0, 0.0, low_x], [0.0, 1.0, low_y]]))
    while factor >= 2:
        image = halve(image)
        matrix = affine2d.compose(matrix, DOUBLE)
        factor //= 2
    # OpenCV looks up four channels at once, so a fourth one makes the warp 2.5 times faster.
    wide = cv2.cvtColor(image, cv2.COLOR_RGB2RGBA)
    wide = cv2.warpAffine(wide, affine2d.to_integer_centres(matrix), (size, size))
    return cv2.cvtColor(wide, cv2.COLOR_RGBA2RGB)


def in_view(matrix: np.ndarray, size: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Find the rectangle of a picture that a view shows.

    It begins at a multiple of 8, so that blocks of 2, 4 and 8 pixels are the same as in the whole.

    Args:
        matrix: float64 `[2, 3]`, pixels of the picture to pixels of the view.
        size: side of the view.
        shape: of the picture, height first.

    Returns:
        First column, first row, one past the last column, one past the last row; nothing is in view
        if the first is not below the last.
    """
    (a, b, x), (c, d, y) = matrix.tolist()
    determinant, half = a * d - b * c, size / 2
    middle_x = (d * (half - x) - b * (half - y)) / determinant
    middle_y = (a * (half - y) - c * (half - x)) / determinant
    # Two more pixels for the neighbours of the last look-up, at the coarsest level of the view.
    margin = 2 + 2 * shrink_factor(matrix)
    reach_x = half * (abs(d) + abs(b)) / abs(determinant) + margin
    reach_y = half * (abs(c) + abs(a)) / abs(determinant) + margin
    return (
        max(int(middle_x - reach_x) // 8 * 8, 0),
        max(int(middle_y - reach_y) // 8 * 8, 0),
        min(int(middle_x + reach_x) + 1, shape[1]),
        min(int(middle_y + reach_y) + 1, shape[0]),
    )


def halve(image: np.ndarray) -> np.ndarray:
    """Return means of blocks of 2 x 2 pixels; a lone last row or column is completed by black.

    Args:
        image: uint8 `[H, W, 3]`.

    Returns:
        uint8 [ceil(H / 2), ceil(W / 2), 3].
    """
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_CONSTANT)
    target = (image.shape[1] // 2, image.shape[0] // 2)
    return cv2.resize(image, target, interpolation=cv2.INTER_AREA)


def shrink_factor(matrix: np.ndarray) -> int:
    """Say how many source pixels fall on one output pixel along each axis, rounded down.

    Args:
        matrix: `[2, 3]`, source pixels to output pixels.

    Returns:
        Whole number, 0 when the map enlarges.
    """
    area = abs(matrix[0, 0] * matrix[1, 1] - matrix[0, 1] * matrix[1, 0])
    # A hair of slack, so that a factor of exactly 2 counts as 2 after rounding.
    return int(math.sqrt(1.0 / area) + 1e-9)


def retouch(
    view: np.ndarray, colour: np.ndarray, blur_sigma: float, cutout: np.ndarray
) -> np.ndarray:
    """Change colours, blur and cover, in this order; what is neutral is left out.

    Args:
        view: uint8 `[S, S, 3]`, may be overwritten.
        colour: float32 `[3, 4]`, for columns (R, G, B, 1) in grey levels.
        blur_sigma: standard deviation over the side; 0 is no blur.
        cutout: `[3]`, middle (x, y) and side of the covered square over the side; side 0 is none.

    Returns:
        uint8 `[S, S, 3]`.
    """
    if not np.array_equal(colour, _NO_COLOUR_CHANGE):
        view = cv2.transform(view, colour)
    if blur_sigma > 0:
        taps = blur_taps(blur_sigma * len(view))
        view = cv2.sepFilter2D(view, -1, taps, taps, borderType=cv2.BORDER_REFLECT_101)
    if cutout[2] > 0:
        (left, right), (top, bottom) = cutout_edges(cutout, len(view))
        view[top:bottom, left:right] = CUTOUT_LEVEL
    return view


def blur_taps(sigma_px: float, radius: int | None = None) -> np.ndarray:
    """Return the weights of a Gaussian along one axis, cut off at three standard deviations.

    Args:
        sigma_px: standard deviation in pixels; 0 gives a single 1.
        radius: pad with zeros to this radius; None takes the smallest.

    Returns:
        float32 `[T]`, T = 2 * radius + 1, sum 1.
    """
    reach = math.ceil(_BLUR_REACH * sigma_px)
    offsets = np.arange(-reach, reach + 1)
    weights = np.exp(-0.5 * (offsets / max(sigma_px, 1e-6)) ** 2)
    weights = (weights / weights.sum()).astype(np.float32)
    return weights if radius is None else np.pad(weights, radius - reach)


def blur_radius(sigma_px: float) -> int:
    """Return the pixels that a blur reaches to each side.

    Args:
        sigma_px: standard deviation in pixels.

    Returns:
        Whole number.
    """
    return math.ceil(_BLUR_REACH * sigma_px)


def cutout_edges(cutout: np.ndarray, size: int) -> np.ndarray:
    """Return the whole-pixel edges of the covered square, cut at the border of the view.

    Args:
        cutout: `[..., 3]`, middle (x, y) and side over the view's side.
        size: side of the view in pixels.

    Returns:
        int64 `[..., 2, 2]`: (first, one past last) column, then row; equal where nothing is covered.
    """
    cutout = np.asarray(cutout, np.float64)
    middle, half = cutout[..., :2, None], cutout[..., 2, None, None] / 2
    edges = np.rint(size * (middle + half * np.array([-1.0, 1.0])))
    return np.clip(edges, 0, size).astype(np.int64)
