"""Golden vectors of TIPS for the tests of this room."""

from pathlib import Path

import numpy as np
import pytest


@pytest.fixture(scope="session")
def golden():
    path = Path(__file__).parents[1] / "golden" / "tips" / "golden_tips.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)
