"""Affine maps of the picture plane as 2x3 matrices `[A | t]`, `p -> A p + t`.

Points are continuous pixels, x right and y down: the centre of the top-left pixel is (0.5, 0.5).
OpenCV and TensorFlow number pixel centres 0, 1, 2, ... when they warp; `to_integer_centres` and
`projective_rows` are the only places that know. NumPy arrays give NumPy arrays of their own dtype,
which is what readers and workers of `tf.data` need; tensors go through `keras.ops`.
"""

from typing import Any

import numpy as np
from keras import ops

from keras_pose.geometry.shapes import Tensor, require_last_axes, require_points


def _namespace(*values: Any) -> Any:
    """`numpy` for arrays and numbers, `keras.ops` as soon as one value is a tensor."""
    plain = (np.ndarray, np.generic, int, float, tuple, list)
    return np if all(isinstance(value, plain) for value in values) else ops


def _floating(*values: Any) -> list[Any]:
    """Values of one floating dtype; whole numbers and Python floats follow the arrays' dtype."""
    if _namespace(*values) is np:
        arrays = [np.asarray(value) for value in values]
        named = [v.dtype for v, w in zip(arrays, values, strict=True) if hasattr(w, "dtype")]
        dtype = np.result_type(*named) if named else np.dtype(np.float64)
        dtype = dtype if np.issubdtype(dtype, np.floating) else np.dtype(np.float64)
        return [array.astype(dtype, copy=False) for array in arrays]
    dtypes = [np.dtype(getattr(v.dtype, "name", v.dtype)) for v in values if hasattr(v, "dtype")]
    dtype = np.result_type(*dtypes)
    name = dtype.name if np.issubdtype(dtype, np.floating) else "float32"
    return [ops.cast(ops.convert_to_tensor(value), name) for value in values]


def _assemble(a: Any, b: Any, c: Any, d: Any, x: Any, y: Any) -> Any:
    """Return `[[a, b, x], [c, d, y]]` of numbers that broadcast."""
    xp = _namespace(a, b, c, d, x, y)
    parts = [a, b, x, c, d, y]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    zero = xp.zeros_like(total)
    a, b, x, c, d, y = (part + zero for part in parts)
    return xp.stack([xp.stack([a, b, x], axis=-1), xp.stack([c, d, y], axis=-1)], axis=-2)


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """Chain two maps, `p -> outer(inner(p))`.

    Args:
        outer: floating `[..., 2, 3]`, the map applied last.
        inner: floating `[..., 2, 3]`, the map applied first; leading axes broadcast.

    Returns:
        Matrices `[..., 2, 3]`.

    Raises:
        ValueError: if an argument does not end in 2 by 3.
    """
    outer, inner = _floating(outer, inner)
    require_last_axes("outer", outer, (2, 3))
    require_last_axes("inner", inner, (2, 3))
    xp = _namespace(outer, inner)
    product = xp.matmul(outer[..., :2], inner)
    shift = xp.concatenate([xp.zeros_like(outer[..., :2]), outer[..., 2:]], axis=-1)
    return product + shift


def invert(matrix: Tensor) -> Tensor:
    """Invert maps in closed form, without a matrix inverse that exports could not carry.

    Args:
        matrix: floating `[..., 2, 3]`; a map that flattens the plane gives infinities or NaN.

    Returns:
        Matrices `[..., 2, 3]`.

    Raises:
        ValueError: if the matrix does not end in 2 by 3.
    """
    (matrix,) = _floating(matrix)
    require_last_axes("matrix", matrix, (2, 3))
    a, b, x = (matrix[..., 0, i] for i in range(3))
    c, d, y = (matrix[..., 1, i] for i in range(3))
    one_over = 1.0 / (a * d - b * c)
    ia, ib, ic, id_ = d * one_over, -b * one_over, -c * one_over, a * one_over
    return _assemble(ia, ib, ic, id_, -(ia * x + ib * y), -(ic * x + id_ * y))


def apply(points: Tensor, matrix: Tensor) -> Tensor:
    """Map points.

    Args:
        points: floating `[..., J, 2]`, in the frame that the matrix starts from.
        matrix: floating `[..., 2, 3]`; leading axes broadcast against those of `points`.

    Returns:
        Points `[..., J, 2]`.

    Raises:
        ValueError: if an argument has the wrong shape.
    """
    points, matrix = _floating(points, matrix)
    require_points("points", points, 2)
    require_last_axes("matrix", matrix, (2, 3))
    xp = _namespace(points, matrix)
    turned = xp.matmul(points, xp.swapaxes(matrix[..., :2], -1, -2))
    return turned + matrix[..., None, :, 2]


def crop_matrix(
    centre: Any, side: Any, angle_rad: Any, size: Any, shift: Any = (0.0, 0.0), mirror: Any = 0.0
) -> Tensor:
    """Build the map from a picture to a turned square crop of it.

    The order is: bring `centre` to the origin, mirror left and right, turn, scale `side` to `size`,
    put the origin in the middle of the crop, displaced by `shift`.

    Args:
        centre: floating `[..., 2]`, source pixels.
        side: floating `[...]`, side of the square in source pixels, above 0.
        angle_rad: floating `[...]`, turn of the content, positive counter-clockwise on screen.
        size: side of the crop in its own pixels.
        shift: floating `[..., 2]`, where `centre` lands away from the crop's middle, as a fraction
            of the crop's side (x, y).
        mirror: floating `[...]`, 1 exchanges left and right about `centre`, 0 does not.

    Returns:
        Matrices `[..., 2, 3]`, source pixels to crop pixels.
    """
    centre, side, angle_rad, size, shift, mirror = _floating(
        centre, side, angle_rad, size, shift, mirror
    )
    require_last_axes("centre", centre, (2,))
    require_last_axes("shift", shift, (2,))
    xp = _namespace(centre, side, angle_rad, size, shift, mirror)
    zoom = size / side
    cosine, sine = zoom * xp.cos(angle_rad), zoom * xp.sin(angle_rad)
    flip = 1.0 - 2.0 * mirror
    a, b, c, d = cosine * flip, sine, -sine * flip, cosine
    x, y = centre[..., 0], centre[..., 1]
    middle_x, middle_y = (0.5 + shift[..., 0]) * size, (0.5 + shift[..., 1]) * size
    return _assemble(a, b, c, d, middle_x - a * x - b * y, middle_y - c * x - d * y)


def normalized(matrix: Tensor, source_box: Any, size: Any) -> Tensor:
    """Write a crop's map between frames whose middle is (0, 0) and whose half side is 1.

    Args:
        matrix: floating `[..., 2, 3]`, source pixels to crop pixels.
        source_box: floating `[..., 4]`, (x, y, width, height) in source pixels; a box that is not
            square stands for the square about its middle with the longer side.
        size: side of the crop in pixels.

    Returns:
        Matrices `[..., 2, 3]` from the box's frame (x right, y down) to the crop's.
    """
    matrix, source_box, size = _floating(matrix, source_box, size)
    require_last_axes("matrix", matrix, (2, 3))
    require_last_axes("source_box", source_box, (4,))
    xp = _namespace(matrix, source_box, size)
    half = xp.maximum(source_box[..., 2], source_box[..., 3]) / 2.0
    middle = source_box[..., :2] + source_box[..., 2:] / 2.0
    zero = xp.zeros_like(half)
    out = 2.0 / size
    outer = _assemble(out + zero, zero, zero, out + zero, zero - 1.0, zero - 1.0)
    inner = _assemble(half, zero, zero, half, middle[..., 0], middle[..., 1])
    return compose(outer, compose(matrix, inner))


def transform_intrinsics(intrinsics: Tensor, matrix: Tensor) -> Tensor:
    """Give the camera matrix of a warped picture, `[M; 0 0 1] K`.

    3D points stay in the camera frame as they are; only their pixels move.

    Args:
        intrinsics: floating `[..., 3, 3]`, last row (0, 0, 1), pixels of the source.
        matrix: floating `[..., 2, 3]`, source pixels to crop pixels.

    Returns:
        Matrices `[..., 3, 3]`, pixels of the crop; no longer upper triangular if the crop is turned.

    Raises:
        ValueError: if an argument has the wrong shape.
    """
    intrinsics, matrix = _floating(intrinsics, matrix)
    require_last_axes("intrinsics", intrinsics, (3, 3))
    require_last_axes("matrix", matrix, (2, 3))
    xp = _namespace(intrinsics, matrix)
    rows = xp.matmul(matrix, intrinsics)
    last = intrinsics[..., 2:, :] + xp.zeros_like(rows[..., :1, :])
    return xp.concatenate([rows, last], axis=-2)


def to_integer_centres(matrix: Tensor) -> Tensor:
    """Rewrite a map for pixels numbered by their centres 0, 1, 2, ..., as `cv2.warpAffine` does.

    Args:
        matrix: floating `[..., 2, 3]` between continuous pixels.

    Returns:
        Matrices `[..., 2, 3]`: `S(-0.5) M S(+0.5)`, S(h) the shift by h along both axes.
    """
    return _recentre(matrix, 0.5)


def from_integer_centres(matrix: Tensor) -> Tensor:
    """Undo `to_integer_centres`.

    Args:
        matrix: floating `[..., 2, 3]` between pixels numbered by their centres.

    Returns:
        Matrices `[..., 2, 3]` between continuous pixels.
    """
    return _recentre(matrix, -0.5)


def _recentre(matrix: Tensor, half: float) -> Tensor:
    (matrix,) = _floating(matrix)
    require_last_axes("matrix", matrix, (2, 3))
    xp = _namespace(matrix)
    shift = half * (matrix[..., 0] + matrix[..., 1]) - half + matrix[..., 2]
    return xp.concatenate([matrix[..., :2], shift[..., None]], axis=-1)


def projective_rows(matrix: Tensor) -> Tensor:
    """Write maps as TensorFlow's `ImageProjectiveTransformV3` wants them.

    That op asks where each output pixel comes from, so the map is inverted, and it numbers pixels by
    their centres. `keras.ops.image.affine_transform` takes the same eight numbers.

    Args:
        matrix: floating `[..., 2, 3]`, source pixels to output pixels, continuous.

    Returns:
        `[..., 8]`: both rows of the inverse, then two zeros.
    """
    inverse = to_integer_centres(invert(matrix))
    xp = _namespace(inverse)
    zeros = xp.zeros_like(inverse[..., 0, :2])
    return xp.concatenate([inverse[..., 0, :], inverse[..., 1, :], zeros], axis=-1)
