"""Recipes in `flags/wild3d` parse strictly, and their choices train: two steps on rendered bodies."""

import contextlib
import itertools
import pathlib
import re

import pytest
from absl import flags

from keras_pose.train import run_folder
from keras_pose.train.config import define_flags, differences, from_flags
from keras_pose.train.options import RunOptions
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.training import train_run
from tests.train.recipe_choices import covering, untraced

ROOT = pathlib.Path(__file__).parents[2]
OVERLAY = "flags/wild3d/quicktest.flags"
FILES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "flags/wild3d").rglob("*.flags")
)
RECIPES = [name for name in FILES if name != OVERLAY]


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    # A recipe names the recipe it builds on from the top of the checkout, as its command does.
    monkeypatch.chdir(ROOT)


def _parse(*arguments):
    flag_values = flags.FlagValues()
    define_flags(Config, RunOptions, flag_values=flag_values)
    assert flag_values(["train", *arguments]) == ["train"]
    return from_flags(Config, flag_values)


def _quick(name):
    """A recipe made small; its start belongs to a machine."""
    return _parse(f"--flagfile={name}", f"--flagfile={OVERLAY}", "--init_from=")


with contextlib.chdir(ROOT):
    QUICK = {name: _quick(name) for name in RECIPES}
# What the stages and the ablation differ in.
STAGE = ("share_3d", "depth_weight", "geometric_weight", "geometric_on")
TRAINED = covering(QUICK, STAGE)


def test_there_are_three_stages_and_four_rows():
    names = {pathlib.PurePath(name).stem for name in RECIPES}
    assert {"stage1_2d", "stage2_depth", "stage3_geometric"} <= names
    assert len([name for name in names if name.startswith("ablation_")]) == 4


@pytest.mark.parametrize("name", FILES)
def test_header_says_what_it_is_and_how_it_is_run(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))
    for word in ("Paper", "Command", "Hardware", "Expected", "Obtained"):
        assert len(re.findall(rf"^# {word}\b[^:\n]*: *\S", header, re.MULTILINE)) == 1, word
    assert f"--flagfile={name} " in header
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    settings = [re.fullmatch(r"--([a-z0-9_]+)=(\S*)", line) for line in lines]
    assert all(settings), name
    once = [setting[1] for setting in settings if setting[1] != "flagfile"]
    assert sorted(set(once)) == sorted(once)


@pytest.mark.parametrize("name", RECIPES)
def test_a_misspelt_flag_stops_the_recipe(name):
    with pytest.raises(flags.UnrecognizedFlagError, match="widht"):
        _parse(f"--flagfile={name}", "--widht=3")


def test_what_is_trained_has_every_stage_and_row():
    rows = {tuple(getattr(QUICK[name], field) for field in STAGE) for name in TRAINED}
    assert rows == {tuple(getattr(config, field) for field in STAGE) for config in QUICK.values()}


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains_two_steps_on_rendered_bodies(name, tmp_path):
    config, folder = QUICK[name], tmp_path / "run"
    assert (config.dataset, config.num_steps, config.image_size) == ("generated", 2, 64)
    # What is measured afterwards is the same code for all of them: once is enough.
    mode = "train_and_eval" if name == TRAINED[0] else "train"
    with contextlib.nullcontext() if name == TRAINED[0] else untraced():
        train_run(config, RunOptions(model_dir=str(folder), mode=mode))
    record, rows = (read(str(folder)) for read in (run_folder.read_run, run_folder.read_epochs))
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["loss"] != rows[1]["loss"]
    assert (folder / "weights" / "network.weights.h5").exists()
    assert mode == "train" or record["results"]["all"]
    again = _parse(f"--flagfile={folder / 'run.flags'}")
    assert differences(again, config) == {}
