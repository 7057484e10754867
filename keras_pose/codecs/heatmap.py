"""Joints as heat maps: Gaussians at their pixels, and three ways back to coordinates.

encode: pixels of the map `[..., J, 2]` -> maps `[..., H, W, J]` with peak 1.
decode: the maximum, moved a quarter of a pixel towards the higher neighbour; the same from sums and
products alone; the mean under a softmax, which has a gradient.
Pixels are continuous, so the pixel (column i, row k) covers [i, i + 1) x [k, k + 1). Half precision is
computed in float32; float64 stays.
"""

from keras import ops

from keras_pose.geometry.shapes import Tensor, as_precise, require_last_axes, require_points

# The blob that `hmGauss = 1` draws in Zhou et al. 2017's code, a quarter of 7 pixels wide.
SIGMA = 1.75
RADIUS = 3

# Largest power of two whose product with numbers up to 1 half precision still holds exactly.
_STEEP = 2.0**14


def _maps(heatmaps):
    heatmaps = as_precise(heatmaps)
    require_last_axes("heatmaps", heatmaps, (None, None, None))
    height, width, joints = heatmaps.shape[-3:]
    if None in (height, width, joints):
        raise ValueError(
            "heatmaps must have fixed sizes [..., height, width, joints], but they have the shape "
            f"{list(heatmaps.shape)}; build the network for one picture size."
        )
    columns = ops.cast(ops.arange(width), heatmaps.dtype)[None, :, None]
    rows = ops.cast(ops.arange(height), heatmaps.dtype)[:, None, None]
    return heatmaps, columns, rows


def encode_heatmaps(
    points: Tensor,
    visible: Tensor,
    size: int,
    sigma: float = SIGMA,
    radius: int = RADIUS,
    subpixel: bool = False,
) -> Tensor:
    """Draw a Gaussian for every visible joint, cut to a square window.

    The window is centred on the joint's pixel and clipped by the map, so a joint just outside still
    draws the part of its window that lies inside. A joint that is hidden, farther outside or not finite
    leaves its map zero.

    Args:
        points: floating `[..., J, 2]`, continuous pixels of the map; the joint's pixel is their floor.
        visible: floating or bool `[..., J]`, above 0 where the joint is annotated.
        size: height and width of the map.
        sigma: standard deviation in pixels of the map.
        radius: half side of the window; it has 2 radius + 1 pixels.
        subpixel: centre the Gaussian on the point itself instead of on the centre of its pixel. The
            largest pixel is then below 1.

    Returns:
        `[..., H, W, J]`, 0 to 1, H = W = size.

    Raises:
        ValueError: if a shape is wrong or a number is not positive.

    Reference: Zhou et al. 2017; constants of the authors' code.

    Example:
        >>> import numpy as np
        >>> from keras_pose.codecs import decode_heatmaps, encode_heatmaps
        >>> maps = encode_heatmaps(np.array([[12.5, 30.5]]), np.ones(1), size=64)
        >>> points, score = decode_heatmaps(maps)
        >>> np.asarray(points).tolist(), np.asarray(score).tolist()
        ([[12.5, 30.5]], [1.0])
    """
    if size < 1 or sigma <= 0 or radius < 0:
        raise ValueError(
            f"size={size} and sigma={sigma} must be above 0 and radius={radius} must not be "
            "negative; give the map a side and the Gaussian a width."
        )
    points = as_precise(points)
    require_points("points", points, 2)
    seen = ops.cast(visible, "float32") > 0
    pixels = ops.cast(ops.arange(size), points.dtype)
    pixel = ops.floor(points)[..., None]
    centre = points[..., None] - 0.5 if subpixel else pixel
    # [..., J, 2, size]: one profile per axis; what lies outside the window never enters a product.
    inside = ops.absolute(pixels - pixel) <= radius
    profile = ops.exp(-ops.square(pixels - centre) / (2.0 * sigma**2))
    profile = ops.where(inside, profile, ops.zeros_like(profile))
    profile = ops.where(seen[..., None, None], profile, ops.zeros_like(profile))
    along_x, along_y = profile[..., 0, :], profile[..., 1, :]
    maps = along_y[..., :, None] * along_x[..., None, :]
    return ops.moveaxis(maps, -3, -1)


def decode_heatmaps(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Find the maximum of each map, moved a quarter of a pixel towards its higher neighbour.

    The first of several equal maxima counts, row by row. Maxima on the border are not moved, nor along
    an axis whose two neighbours are equal. Only the score has a gradient.

    Args:
        heatmaps: floating `[..., H, W, J]`, any scale.

    Returns:
        `(points, score)`: `[..., J, 2]`, continuous pixels of the map, the maximum's centre moved by
        -0.25, 0 or 0.25; `[..., J]`, the maximum. A map without a joint has a low score and a point
        that means nothing.

    Raises:
        ValueError: if the shape is wrong or not known.

    Reference: the Torch7 rule of Zhou et al. 2017's code.
    """
    heatmaps, columns, rows = _maps(heatmaps)
    height, width = heatmaps.shape[-3:-1]
    dtype = heatmaps.dtype

    def pick(values, grid, place, axis):
        chosen = ops.equal(grid, place)
        return ops.sum(ops.where(chosen, values, ops.zeros_like(values)), axis=axis, keepdims=True)

    def first_maximum(values, grid, count, axis):
        # `ops.argmax` asks for bits, which no TFLite operation has.
        largest = ops.equal(values, ops.max(values, axis=axis, keepdims=True))
        last = ops.full_like(values, count - 1)
        return ops.min(ops.where(largest, grid, last), axis=axis, keepdims=True)

    def sign(values):
        return ops.cast(values > 0, dtype) - ops.cast(values < 0, dtype)

    # Row by row: an arg-max over all pixels would need integer division to take it apart again.
    row_maxima = ops.max(heatmaps, axis=-2, keepdims=True)
    y = first_maximum(row_maxima, rows, height, -3)
    row = pick(heatmaps, rows, y, -3)
    x = first_maximum(row, columns, width, -2)
    column = pick(heatmaps, columns, x, -2)

    step_x = sign(pick(row, columns, x + 1, -2) - pick(row, columns, x - 1, -2))
    step_y = sign(pick(column, rows, y + 1, -3) - pick(column, rows, y - 1, -3))
    in_x = ops.logical_and(x > 0, x < width - 1)
    inner = ops.cast(ops.logical_and(in_x, ops.logical_and(y > 0, y < height - 1)), dtype)
    score = ops.max(row_maxima, axis=-3, keepdims=True)
    return _points(x + 0.25 * inner * step_x, y + 0.25 * inner * step_y), _flat(score)


def decode_heatmaps_by_products(heatmaps: Tensor) -> tuple[Tensor, Tensor]:
    """Do what `decode_heatmaps` does with sums, products, maxima and minima alone.

    Chips that run neural networks often know no arg-max and no comparison. The maximum is told by
    `relu(1 - steep * gap)` of its gap to the largest value, which is 1 there and 0 elsewhere, and the
    first place among equals by the largest distance from the end. Points and scores equal those of
    `decode_heatmaps`, equal maxima included, unless two values differ by less than 2^-42 (about 2e-13):
    then the point lies between the two or moves by less than a quarter. Float32 numbers from 1e-5 up
    cannot be that near without being equal. The maps must be finite.

    Args:
        heatmaps: floating `[..., H, W, J]`, finite, gaps up to about 1e4.

    Returns:
        `(points, score)` as `decode_heatmaps` returns them.

    Raises:
        ValueError: if the shape is wrong or not known.
    """
    heatmaps, columns, rows = _maps(heatmaps)
    height, width = heatmaps.shape[-3:-1]

    def saturated(values):
        # min(1, 2^42 values) for values >= 0, in steps that half precision survives.
        for _ in range(3):
            values = ops.minimum(1.0, _STEEP * values)
        return values

    def first_maximum(values, grid, count, axis):
        largest = ops.max(values, axis=axis, keepdims=True)
        is_largest = 1.0 - saturated(largest - values)
        return count - ops.max(is_largest * (count - grid), axis=axis, keepdims=True), largest

    def pick(values, grid, place, axis):
        # 1 where the whole numbers agree, 0 where they do not.
        chosen = ops.relu(1.0 - ops.square(grid - place))
        return ops.sum(chosen * values, axis=axis, keepdims=True)

    def sign(values):
        return saturated(ops.relu(values)) - saturated(ops.relu(-values))

    y, score = first_maximum(ops.max(heatmaps, axis=-2, keepdims=True), rows, height, -3)
    row = pick(heatmaps, rows, y, -3)
    x, _ = first_maximum(row, columns, width, -2)
    column = pick(heatmaps, columns, x, -2)

    step_x = sign(pick(row, columns, x + 1, -2) - pick(row, columns, x - 1, -2))
    step_y = sign(pick(column, rows, y + 1, -3) - pick(column, rows, y - 1, -3))
    # Whole numbers: the product is 0 on the border and at least 1 inside.
    inner = ops.minimum(1.0, x * (width - 1 - x)) * ops.minimum(1.0, y * (height - 1 - y))
    return _points(x + 0.25 * inner * step_x, y + 0.25 * inner * step_y), _flat(score)


def spatial_softmax(heatmaps: Tensor, sharpness: float = 1.0) -> Tensor:
    """Turn each map into a probability of every pixel.

    Args:
        heatmaps: floating `[..., H, W, J]`.
        sharpness: factor before the exponential, above 0.

    Returns:
        `[..., H, W, J]` >= 0, the sum of each map is 1.

    Raises:
        ValueError: if the shape is wrong or the sharpness is not positive.
    """
    if sharpness <= 0:
        raise ValueError(f"sharpness={sharpness} must be above 0.")
    heatmaps, _, _ = _maps(heatmaps)
    largest = ops.stop_gradient(ops.max(heatmaps, axis=(-3, -2), keepdims=True))
    exponentials = ops.exp(sharpness * (heatmaps - largest))
    return exponentials / ops.sum(exponentials, axis=(-3, -2), keepdims=True)


def soft_argmax(heatmaps: Tensor, sharpness: float = 1.0) -> tuple[Tensor, Tensor]:
    """Compute the mean place of each map under its softmax, differentiable in every pixel.

    The mean is drawn towards the middle of the map unless the sharpness is large against one over the
    map's contrast; maps trained towards Gaussians of peak 1 want tens, maps trained through this
    function find their own contrast with 1.

    Args:
        heatmaps: floating `[..., H, W, J]`.
        sharpness: factor before the softmax, above 0.

    Returns:
        `(points, score)`: `[..., J, 2]`, continuous pixels of the map; `[..., J]`, the map's maximum.

    Raises:
        ValueError: if the shape is wrong or the sharpness is not positive.

    Reference: integral regression (Sun et al. 2018, arXiv 1711.08229).
    """
    heatmaps, columns, rows = _maps(heatmaps)
    share = spatial_softmax(heatmaps, sharpness)
    x = ops.sum(share * (columns + 0.5), axis=(-3, -2))
    y = ops.sum(share * (rows + 0.5), axis=(-3, -2))
    # Phone GPUs have no operation that stacks.
    points = ops.concatenate([x[..., None], y[..., None]], axis=-1)
    return points, ops.max(heatmaps, axis=(-3, -2))


def _flat(values):
    """`[..., 1, 1, J]` to `[..., J]`."""
    return values[..., 0, 0, :]


def _points(x, y):
    """Turn numbers of pixels `[..., 1, 1, J]` into the points `[..., J, 2]` of their centres."""
    return ops.concatenate([_flat(x)[..., None], _flat(y)[..., None]], axis=-1) + 0.5
