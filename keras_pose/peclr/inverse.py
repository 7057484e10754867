"""Undoing each view's own transformation on its projected points, before they are compared.

`none` is SimCLR. `official` is the published step: shift by the jitter times the extent of the points,
rotate about their mean, scale left to the normalisation. `centered` subtracts the mean point instead,
which undoes any shift and any scale for every row. `affine` applies the exact inverse of the view's
2x3 matrix to points read as coordinates in the picture.
"""

from collections.abc import Callable, Mapping

import numpy as np
from keras import backend, ops

from keras_pose.geometry.shapes import Tensor, as_floating, require_choice

# What each inverse reads of a view.
PARAMETERS: dict[str, tuple[str, ...]] = {
    "none": (),
    "official": ("angle_deg", "jitter"),
    "centered": ("angle_deg",),
    "affine": ("canonical",),
}
INVERSES = tuple(PARAMETERS)
TRANSLATION_SCALES = ("extent", "unit")
# Root mean square coordinate of the points under `affine`, in half sides of the view. Smaller ones let
# the shift outweigh the shape: on drawn pointers that turn, scale and shift, a linear probe of two
# keypoints with 200 labels erred by 0.279, 0.263, 0.226, 0.210 half sides at 0.2, 0.4, 0.8, 1.6
# (`centered` 0.221, `none` 0.311; one seed). Larger ones let the shift vanish.
POINT_SPREAD = 1.0


def undo_views(
    projections: Tensor,
    inverse: str,
    parameters: Mapping[str, Tensor],
    *,
    translate: bool = True,
    rotate: bool = True,
    translation_scale: str = "extent",
    center_points: bool = False,
) -> Tensor:
    """Map projected points of views back to the frame all views of a picture share.

    `affine` keeps the mean point on purpose: subtracting it would cancel the shift and leave, for a
    view that turns and scales, nothing but `centered`. The price is that its points have a unit, half
    a side of the view, and so need a magnitude: see `spread_points`. `centered` and `affine` are
    differentiated as they stand; `official` holds extent and mean constant, as published.

    Args:
        projections: floating `[R, D]`, D even: rows of D/2 points, x and y interleaved.
        inverse: one of `INVERSES`.
        parameters: of each row's own view: `angle_deg` `[R]`, degrees, positive counter-clockwise on
            the screen (official, centered); `jitter` `[R, 2]`, (x, y) shift of the content over the
            side of the view (official); `canonical` `[R, 2, 3]`, matrix from the shared frame to the
            view's (centre (0, 0), half a side = 1) (affine). Others are ignored.
        translate: undo the shift; official alone.
        rotate: undo the rotation; official and centered.
        translation_scale: unit of the official shift: `extent` of the normalised points (published) or
            `unit`, none.
        center_points: official alone: subtract the mean point before the last normalisation.

    Returns:
        `[R, D]` rows of length 1 (a zero row stays zero), float32 (float64 if `projections` is).

    Raises:
        ValueError: if a word is unknown or D is odd.

    Reference: PeCLR, equations 3 and 4; `docs/peclr.md`, "Four inverses".
    """
    require_choice("inverse", inverse, INVERSES)
    require_choice("translation_scale", translation_scale, TRANSLATION_SCALES)
    projections = as_floating(projections)
    # Differences of half-precision coordinates would be mostly rounding.
    projections = ops.cast(projections, backend.result_type(projections.dtype, "float32"))
    if inverse == "none":
        return unit_rows(projections)
    if projections.shape[-1] % 2:
        raise ValueError(
            f"projections must have an even number of columns, x and y of each point, but have "
            f"{projections.shape[-1]}."
        )
    dtype = projections.dtype
    if inverse == "affine":
        points = apply_inverse_affine(
            as_points(projections), ops.cast(parameters["canonical"], dtype)
        )
    elif inverse == "centered":
        points = as_points(projections)
        points = points - ops.mean(points, axis=1, keepdims=True)
        if rotate:
            points = rotate_points(points, -ops.cast(parameters["angle_deg"], dtype))
    else:
        # The first normalisation leaves the result alone and changes its gradient: extent and mean,
        # both constants to it, are taken from unit rows.
        points = as_points(unit_rows(projections))
        if translate:
            shift = ops.cast(parameters["jitter"], dtype)[:, None, :]
            if translation_scale == "extent":
                shift = shift * ops.stop_gradient(extent(points))
            points = points - shift
        if rotate:
            center = ops.stop_gradient(ops.mean(points, axis=1, keepdims=True))
            angle_deg = -ops.cast(parameters["angle_deg"], dtype)
            points = rotate_points(points - center, angle_deg) + center
        if center_points:
            points = points - ops.mean(points, axis=1, keepdims=True)
    return unit_rows(ops.reshape(points, ops.shape(projections)))


def spread_points(
    projections: Tensor, mean_over_replicas: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """Give the points of a batch a magnitude in half sides, before `affine` undoes the views.

    A network's numbers have no unit, but the exact inverse subtracts a shift in half sides of the
    picture. Were the magnitude free, points far outside the picture would make every shift
    negligible, an easy way out of learning where the hand is. All points are therefore divided by
    their root mean square over the batch and multiplied by `POINT_SPREAD`. It is one number for all
    rows, so a network that moves its points with the picture still gives equal rows for
    equal pictures, where a division of each row by its own would take scale and shift away. The
    division is differentiated: the loss then has no slope along the overall magnitude, which would
    otherwise drift.

    Args:
        projections: floating `[R, D]`.
        mean_over_replicas: None, or a function from a scalar of this replica to its mean over all,
            with gradient.

    Returns:
        `[R, D]` with root mean square `POINT_SPREAD`, in half sides of the view; float32 (float64 if
        `projections` is).
    """
    projections = as_floating(projections)
    projections = ops.cast(projections, backend.result_type(projections.dtype, "float32"))
    square = ops.mean(ops.square(projections))
    if mean_over_replicas is not None:
        square = mean_over_replicas(square)
    return projections * (POINT_SPREAD * ops.rsqrt(ops.maximum(square, 1e-24)))


def as_points(projections: Tensor) -> Tensor:
    """Read rows as points: `[R, 2P]` -> `[R, P, 2]`.

    Args:
        projections: `[R, 2P]`, x and y interleaved.

    Returns:
        `[R, P, 2]`.
    """
    return ops.reshape(projections, (-1, projections.shape[-1] // 2, 2))


def unit_rows(rows: Tensor) -> Tensor:
    """Scale rows to length 1; a row shorter than 1e-12 becomes 0, and so does its gradient.

    The published `y / max(||y||, 1e-12)` hands such a row 1e12 times the gradient instead.

    Args:
        rows: floating `[R, D]`.

    Returns:
        `[R, D]`, same dtype.
    """
    square = ops.sum(ops.square(rows), axis=-1, keepdims=True)
    is_zero = square < 1e-24
    inverse_length = ops.rsqrt(ops.where(is_zero, ops.ones_like(square), square))
    return rows * ops.where(is_zero, ops.zeros_like(square), inverse_length)


def extent(points: Tensor) -> Tensor:
    """Return the width and height of each row's points.

    Args:
        points: `[R, P, 2]`.

    Returns:
        `[R, 1, 2]` >= 0.
    """
    return ops.max(points, axis=1, keepdims=True) - ops.min(points, axis=1, keepdims=True)


def rotate_points(points: Tensor, angle_deg: Tensor) -> Tensor:
    """Turn each row's points about the origin.

    Args:
        points: `[R, P, 2]`, x right, y down.
        angle_deg: `[R]`, degrees, positive counter-clockwise on the screen, as in OpenCV's
            `getRotationMatrix2D`.

    Returns:
        `[R, P, 2]`.
    """
    angle = (angle_deg * (np.pi / 180.0))[:, None]
    cosine, sine = ops.cos(angle), ops.sin(angle)
    x, y = points[..., 0], points[..., 1]
    return ops.stack([cosine * x + sine * y, cosine * y - sine * x], axis=-1)


def apply_inverse_affine(points: Tensor, matrix: Tensor) -> Tensor:
    """Apply the inverse of each row's 2x3 matrix in closed form.

    Args:
        points: `[R, P, 2]`.
        matrix: `[R, 2, 3]` with an invertible left block.

    Returns:
        `[R, P, 2]`: p with `matrix (p, 1) = points`.
    """
    x = points[..., 0] - matrix[:, 0, 2:]
    y = points[..., 1] - matrix[:, 1, 2:]
    a, b = matrix[:, 0, 0, None], matrix[:, 0, 1, None]
    c, d = matrix[:, 1, 0, None], matrix[:, 1, 1, None]
    determinant = a * d - b * c
    return ops.stack([(d * x - b * y) / determinant, (a * y - c * x) / determinant], axis=-1)
