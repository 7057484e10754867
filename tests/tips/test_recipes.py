"""Recipes in `flags/tips` parse strictly, and their choices train: two steps on generated people."""

import contextlib
import dataclasses
import itertools
import pathlib
import re

import pytest
from absl import flags

from keras_pose.tips.config import Config
from keras_pose.tips.training import train_run
from keras_pose.train import run_folder
from keras_pose.train.config import define_flags, differences, from_flags
from keras_pose.train.options import RunOptions
from tests.train.recipe_choices import covering

ROOT = pathlib.Path(__file__).parents[2]
OVERLAY = "flags/quicktest.flags"
FILES = ["flags/quicktest.flags"]
FILES += sorted(p.relative_to(ROOT).as_posix() for p in (ROOT / "flags/tips").rglob("*.flags"))
RECIPES = [name for name in FILES if name != OVERLAY]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    # A recipe names the recipe it builds on from the top of the checkout, as its command does.
    monkeypatch.chdir(ROOT)


def _parse(*arguments):
    """Parse as the binary does, on flags of our own; returns the flags, nothing may be left over."""
    flag_values = flags.FlagValues()
    define_flags(Config, RunOptions, flag_values=flag_values)
    left_over = flag_values(["train", *arguments])
    assert left_over == ["train"]
    return flag_values


def _quick(name):
    """A recipe made small; the teacher of a student is trained later."""
    arguments = [f"--flagfile={name}", f"--flagfile={OVERLAY}"]
    flag_values = _parse(*arguments)
    if flag_values["model"].value == "student":
        flag_values = _parse(*arguments, "--teacher=later")
    return from_flags(Config, flag_values)


with contextlib.chdir(ROOT):
    QUICK = {name: _quick(name) for name in RECIPES}
TRAINED = covering(QUICK)


def _settings(text):
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def test_there_are_recipes():
    assert OVERLAY in FILES
    assert len(RECIPES) >= 2


@pytest.mark.parametrize("name", RECIPES)
def test_header_gives_paper_command_hardware_expected_and_obtained(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))
    entries = {}
    for word in ("Paper", "Command", "Hardware", "Expected", "Obtained"):
        said = re.findall(rf"^# {word}\b[^:\n]*: *(\S.*)$", header, re.MULTILINE)
        assert len(said) == 1, f"{name}: the header needs one line '# {word}: ...'"
        entries[word] = said[0]
    # Who copies the command runs this recipe, not the one it was copied from.
    assert entries["Command"].startswith("python -m keras_pose.tips.")
    assert f"--flagfile={name} " in entries["Command"]


@pytest.mark.parametrize("name", FILES)
def test_file_holds_values_only_and_each_once(name):
    names = []
    for line in _settings((ROOT / name).read_text(encoding="utf-8")):
        setting = re.fullmatch(r"--([a-z0-9_]+)(=\S.*)?", line)
        assert setting, f"{name}: {line!r} is no --name=value"
        names.append(setting[1].removeprefix("no") if setting[2] is None else setting[1])
    once = [setting for setting in names if setting != "flagfile"]
    assert sorted(set(once)) == sorted(once)


@pytest.mark.parametrize("name", FILES)
def test_a_misspelt_flag_stops_the_recipe(name):
    with pytest.raises(flags.UnrecognizedFlagError, match="widht"):
        _parse(f"--flagfile={name}", "--widht=3")


def test_a_flag_after_the_recipe_wins_over_it():
    assert _parse(f"--flagfile={RECIPES[0]}", "--width=12")["width"].value == 12
    assert _parse("--width=12", f"--flagfile={RECIPES[0]}")["width"].value != 12


@pytest.fixture(scope="module")
def train_once(tmp_path_factory):
    """Function that trains a config and returns its run folder; equal configs train once."""
    folders = {}

    def train(config, mode="train"):
        if config not in folders:
            folders[config] = tmp_path_factory.mktemp("recipe") / "run"
            train_run(config, RunOptions(model_dir=str(folders[config]), mode=mode))
        return folders[config]

    return train


def _config(name, train_once):
    """Config of a recipe with the overlay; a student gets a teacher trained for two steps."""
    config = QUICK[name]
    if config.model != "student":
        return config
    teacher = dataclasses.replace(config, model="adversarial", teacher="")
    return dataclasses.replace(config, teacher=str(train_once(teacher)))


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains_two_steps_on_generated_people(name, train_once):
    config = _config(name, train_once)
    # The overlay makes the run small; the method stays the recipe's.
    assert (config.dataset, config.num_steps, config.width) == ("generated", 2, 8)
    # What is measured afterwards is the same code for all of a model: once is enough.
    first = next(other for other in TRAINED if QUICK[other].model == config.model)
    is_measured = name == first
    folder = train_once(config, "train_and_eval" if is_measured else "train")
    run, rows = (read(str(folder)) for read in (run_folder.read_run, run_folder.read_epochs))
    assert [row["step"] for row in rows] == [1, 2]
    assert run["steps"] == 2
    loss = "reprojection" if config.model == "adversarial" else "depth_error"
    assert rows[0][loss] != rows[1][loss]
    results = run["results"] if is_measured else {}
    assert bool(results) == is_measured and all(value >= 0 for value in results.values())
    # The run folder's own flagfile is the recipe with the overlay, whole.
    again = from_flags(Config, _parse(f"--flagfile={folder / run_folder.FLAG_FILE}"))
    assert differences(again, config) == {}
