"""Camera matrices of other pictures than they are used for."""

import numpy as np
import pytest

from keras_pose.geometry import other_picture


def _camera(x, y):
    return np.array([[1500.0, 0, x], [0, 1500, y], [0, 0, 1]])


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [(112, 112, 224, 224), (980, 520, 1920, 1080), (960.5, 540.5, 1920, 1080), (64, 60, 100, 100)],
)
def test_a_principal_point_about_in_the_middle(x, y, width, height):
    assert other_picture(_camera(x, y), height, width) == ""


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    [
        (960, 540, 224, 224),
        (960, 540, 1080, 1920),  # the picture held upright
        (640, 360, 1920, 1080),
        (112, 112, 448, 448),
        (0, 0, 640, 480),  # normalised
    ],
)
def test_a_principal_point_of_another_picture(x, y, width, height):
    assert other_picture(_camera(x, y), height, width) == (
        f"the principal point ({x}, {y}) is the centre of a picture of {2 * x} x {2 * y} px, not of "
        f"{width} x {height} px"
    )
