"""Few recipes are trained for all, and none that chooses anything of its own is left out."""

import dataclasses

from tests.train.recipe_choices import choices, covering


@dataclasses.dataclass(frozen=True)
class _Config:
    kind: str = "a"
    weight: float = 0.5
    share: float = 1.0
    is_on: bool = False


def test_numbers_choose_by_being_0_or_1():
    assert choices(_Config()) == choices(_Config(weight=0.7))
    assert choices(_Config()) != choices(_Config(weight=0.0))
    assert choices(_Config()) != choices(_Config(share=0.3))
    assert choices(_Config()) != choices(_Config(is_on=True))


def test_whatever_is_chosen_is_trained(monkeypatch):
    monkeypatch.delenv("KERAS_POSE_ALL_RECIPES", raising=False)
    configs = {
        "first": _Config(),
        "slower": _Config(weight=0.1),
        "both": _Config(kind="b", is_on=True),
        "kind": _Config(kind="b"),
        "share": _Config(share=0.2),
    }
    assert covering(configs) == ["first", "both", "share"]
    assert "kind" in covering(configs, ("kind", "is_on"))
    monkeypatch.setenv("KERAS_POSE_ALL_RECIPES", "1")
    assert covering(configs) == list(configs)
