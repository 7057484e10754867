"""What a version folder of a hand network says of itself is read, or its absence is."""

import pytest

from keras_pose.equivariance.exported import trained_settings
from keras_pose.hand_pose.config import FinetuneConfig


def test_settings_come_from_the_card(tmp_path):
    assert trained_settings(tmp_path) is None
    card = tmp_path / "card.md"
    card.write_text('# A\n\n```json\n{"crop_scale": 1.5, "pretraining": {"any": 1}}\n```\n')
    assert trained_settings(tmp_path) == FinetuneConfig(crop_scale=1.5)


def test_a_card_without_settings_is_named(tmp_path):
    for text in ("no settings", "```json\n{broken\n```"):
        (tmp_path / "card.md").write_text(text)
        with pytest.raises(ValueError, match=r"card.md holds no settings"):
            trained_settings(tmp_path)
