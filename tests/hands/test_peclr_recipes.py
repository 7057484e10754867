"""Recipes in `flags/peclr` parse strictly, and their choices train: two steps on rendered hands."""

import contextlib
import itertools
import pathlib
import re

import pytest
from absl import flags

from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.training import finetune_run
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.training import student_run
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.training import pretrain_run
from keras_pose.train import run_folder
from keras_pose.train.config import define_flags, differences, from_flags
from keras_pose.train.options import RunOptions
from tests.train.recipe_choices import covering, untraced

ROOT = pathlib.Path(__file__).parents[2]
OVERLAY = "flags/peclr/quicktest.flags"
# A student knows no --encoder.
STUDENT_OVERLAY = "flags/peclr/student_quicktest.flags"
FILES = sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "flags/peclr").rglob("*.flags")
)
RECIPES = [name for name in FILES if name not in (OVERLAY, STUDENT_OVERLAY)]
STAGES = {
    "peclr": (PretrainConfig, pretrain_run),
    "hand_pose": (FinetuneConfig, finetune_run),
    "hand_student": (StudentConfig, student_run),
}


@pytest.fixture(autouse=True)
def _in_the_checkout(monkeypatch):
    # A recipe names the recipe it builds on from the top of the checkout, as its command does.
    monkeypatch.chdir(ROOT)


def _header(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    header = "\n".join(itertools.takewhile(lambda line: line.startswith("#"), text.splitlines()))
    entries = {}
    for word in ("Paper", "Command", "Hardware", "Expected", "Obtained"):
        said = re.findall(rf"^# {word}\b[^:\n]*: *(\S.*)$", header, re.MULTILINE)
        assert len(said) == 1, f"{name}: the header needs one line '# {word}: ...'"
        entries[word] = said[0]
    return entries


def _stage(name):
    return re.match(r"python -m keras_pose\.(\w+)\.train ", _header(name)["Command"])[1]


def _parse(config_class, *arguments):
    """Parse as the binary does, on flags of our own; returns the flags, nothing may be left over."""
    flag_values = flags.FlagValues()
    define_flags(config_class, RunOptions, flag_values=flag_values)
    assert flag_values(["train", *arguments]) == ["train"]
    return flag_values


def _quick(name):
    """A recipe made small; a run to start from belongs to the machine, not to the recipe."""
    config_class = STAGES[_stage(name)][0]
    overlay = STUDENT_OVERLAY if config_class is StudentConfig else OVERLAY
    extra = {
        PretrainConfig: ["--accumulation_steps=2"],
        FinetuneConfig: ["--init_from="],
        StudentConfig: [],
    }[config_class]
    arguments = [f"--flagfile={name}", f"--flagfile={overlay}", *extra]
    return from_flags(config_class, _parse(config_class, *arguments))


with contextlib.chdir(ROOT):
    QUICK = {name: _quick(name) for name in RECIPES}
TRAINED = [
    name
    for config_class, _ in STAGES.values()
    for name in covering({n: c for n, c in QUICK.items() if isinstance(c, config_class)})
]


def test_there_are_recipes_of_every_stage():
    assert {_stage(name) for name in RECIPES} == set(STAGES)


@pytest.mark.parametrize("name", RECIPES)
def test_the_header_names_its_own_recipe(name):
    assert f"--flagfile={name} " in _header(name)["Command"]


@pytest.mark.parametrize("name", FILES)
def test_file_holds_values_only_and_each_once(name):
    names = []
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            setting = re.fullmatch(r"--([a-z0-9_]+)=(\S*)", line)
            assert setting, f"{name}: {line!r} is no --name=value"
            names.append(setting[1])
    once = [setting for setting in names if setting != "flagfile"]
    assert sorted(set(once)) == sorted(once)


@pytest.mark.parametrize("name", RECIPES)
def test_a_misspelt_flag_stops_the_recipe(name):
    with pytest.raises(flags.UnrecognizedFlagError, match="inverze"):
        _parse(STAGES[_stage(name)][0], f"--flagfile={name}", "--inverze=none")


@pytest.mark.slow
@pytest.mark.parametrize("name", TRAINED)
def test_recipe_trains_two_steps_on_rendered_hands(name, tmp_path):
    config_class, run = STAGES[_stage(name)]
    config, folder = QUICK[name], tmp_path / "run"
    assert (config.dataset, config.num_steps, config.image_size) == ("generated", 2, 32)
    # What is measured afterwards is the same code for all of a stage: once is enough.
    first = next(other for other in TRAINED if _stage(other) == _stage(name))
    mode = "train_and_eval" if name == first else "train"
    with contextlib.nullcontext() if name == first else untraced():
        run(config, RunOptions(model_dir=str(folder), mode=mode))
    record, rows = (read(str(folder)) for read in (run_folder.read_run, run_folder.read_epochs))
    assert [row["step"] for row in rows] == [1, 2]
    assert rows[0]["loss"] != rows[1]["loss"]
    weights = {path.name for path in (folder / "weights").iterdir()}
    if config_class is not PretrainConfig:
        file = "student" if config_class is StudentConfig else "hand_pose"
        assert weights == {f"{file}.weights.h5"}
        values = record["results"]["all"] if mode != "train" else {}
        assert bool(values) == (name == first) and all(value >= 0 for value in values.values())
    else:
        assert weights == {"encoder.weights.h5", "projection_head.weights.h5"}
    # The run folder's own flagfile is the recipe with the overlay, whole.
    again = from_flags(config_class, _parse(config_class, f"--flagfile={folder / 'run.flags'}"))
    assert differences(again, config) == {}
