"""Squares of a picture that show nobody: what a network learns from that there may be nobody.

Labels need no care: joints outside a crop are outside of it, wherever it is.
"""

from collections.abc import Mapping

import numpy as np

from keras_pose.data.views.draws import uniform_draws

# A view that nothing else draws, so that other numbers stay as they are.
_VIEW = 7
_IS_EMPTY, _STRIP, _SIDE, _ALONG, _ACROSS, _PLAIN, _NUM_NUMBERS = range(7)
# Sides of squares over that of the strip beside the person.
_SMALLEST = 0.3
# How often a square is a few pixels large, which makes a crop of one colour.
_PLAIN_SHARE = 0.25
_PLAIN_SIDE = 3.0
# Room that a square must have at least, over the side of the person's square.
_LEAST_ROOM = 0.15


def empty_squares(
    records: Mapping[str, np.ndarray],
    squares: np.ndarray,
    probability: float,
    seed: int,
    epochs: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Choose squares beside the person of some pictures.

    A picture without room beside its person gives a few pixels of the corner that is farthest away.

    Args:
        records: columns of N records: `id`, `height`, `width`.
        squares: `[N, 4]`, (x, y, side, side) of the person in px.
        probability: of a square without person.
        seed: any whole number.
        epochs: `[N]`, how often the records have come before.

    Returns:
        `(empty, is_empty)`: float64 `[N, 4]`, (x, y, side, side) px, and bool `[N]`; rows that are not
        empty are those of `squares`.
    """
    squares = np.array(squares, np.float64)
    draws = uniform_draws(seed, epochs, records["id"], _VIEW, _NUM_NUMBERS)
    is_empty = draws[:, _IS_EMPTY] < probability
    for row in np.flatnonzero(is_empty):
        height, width = float(records["height"][row]), float(records["width"][row])
        squares[row] = _beside(squares[row], height, width, draws[row])
    return squares, is_empty


def _beside(square, height, width, draw):
    x, y, side = square[:3]
    # Left, right, above and below, as (x, y, width, height).
    strips = np.array(
        [
            [0.0, 0.0, x, height],
            [x + side, 0.0, width - x - side, height],
            [0.0, 0.0, width, y],
            [0.0, y + side, width, height - y - side],
        ]
    )
    room = np.minimum(strips[:, 2], strips[:, 3]).clip(0.0)
    if room.max() < _LEAST_ROOM * side or draw[_PLAIN] < _PLAIN_SHARE:
        corner_x = 0.0 if x + side / 2 > width / 2 else width - _PLAIN_SIDE
        corner_y = 0.0 if y + side / 2 > height / 2 else height - _PLAIN_SIDE
        return np.array([corner_x, corner_y, _PLAIN_SIDE, _PLAIN_SIDE])
    share = np.cumsum(room**2) / (room**2).sum()
    strip = min(int(np.searchsorted(share, draw[_STRIP], side="right")), len(strips) - 1)
    new = room[strip] * (_SMALLEST + (1.0 - _SMALLEST) * draw[_SIDE])
    left, top, across, down = strips[strip]
    return np.array(
        [
            left + (across - new) * draw[_ACROSS],
            top + (down - new) * draw[_ALONG],
            new,
            new,
        ]
    )
