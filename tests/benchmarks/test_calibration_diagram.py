"""The reliability diagram has a line per source and the one that is meant."""

import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from benchmarks.calibration import DRAWN, reliability_diagram


def test_a_source_whose_discs_hold_half_lies_at_half_the_height():
    held = {"hands": 0.5 * np.array(DRAWN)}
    root = ElementTree.fromstring(reliability_diagram(held, "of a toy"))
    paths = [re.findall(r"[\d.]+", line.get("d")) for line in root.iter() if line.tag == "path"]
    # Those of the legend have two numbers.
    lines = [np.array(path, float).reshape(-1, 2) for path in paths if len(path) > 4]
    meant, half = lines
    np.testing.assert_allclose(meant[:, 0], half[:, 0])
    # Pixels grow downwards; both lines begin near the same corner.
    rise = meant[0, 1] - meant[-1, 1]
    assert half[0, 1] - half[-1, 1] == pytest.approx(0.5 * rise, rel=0.02)
    text = "".join(root.itertext())
    assert "of a toy" in text and "as meant" in text and "hands" in text
