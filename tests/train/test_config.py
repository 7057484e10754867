"""One dataclass describes a run: flags, flagfile and JSON lead back to it, and errors name the flag."""

import dataclasses
import json
import subprocess
import sys

import pytest
from absl import flags

from keras_pose import train
from keras_pose.train import option
from tests.train.command_server import ROOT, environment


@dataclasses.dataclass(frozen=True)
class Settings:
    kind: str = option("plain", "Kind.", choices=("plain", "fancy"))
    rate: float = option(0.1, "Rate.", low=0.0, high=1.0)
    count: int = option(3, "Count.", low=1)
    is_loud: bool = option(False, "Loud.")
    place: str = option("", "Place.")

    def __post_init__(self):
        train.check_ranges(self)


CHANGED = Settings("fancy", 1e-7, 12, True, "a folder/with = and, signs")


def _parse(*arguments):
    values = flags.FlagValues()
    train.define_flags(Settings, flag_values=values)
    left = values(["program", *arguments])
    return train.from_flags(Settings, values), left[1:]


def test_no_flag_gives_the_defaults():
    assert _parse() == (Settings("plain", 0.1, 3, False, ""), [])


def test_flags_carry_name_type_and_help():
    arguments = ["--kind=fancy", "--rate=0.5", "--count=7", "--is_loud", "--place=x", "rest"]
    assert _parse(*arguments) == (Settings("fancy", 0.5, 7, True, "x"), ["rest"])
    values = flags.FlagValues()
    train.define_flags(Settings, flag_values=values)
    assert values["rate"].help == "Rate." and values["rate"].default == 0.1
    with pytest.raises(flags.IllegalFlagValueError, match="kind"):
        _parse("--kind=odd")
    with pytest.raises(flags.IllegalFlagValueError, match="count"):
        _parse("--count=2.5")
    with pytest.raises(flags.UnrecognizedFlagError, match="cuont"):
        _parse("--cuont=2")


@pytest.mark.parametrize("settings", [Settings(), CHANGED])
def test_flagfile_repeats_the_settings(settings, tmp_path):
    path = tmp_path / "run.flags"
    path.write_text(train.flagfile_text(settings, header="Why this run\n\nand how"))
    assert path.read_text().startswith("# Why this run\n#\n# and how\n--kind=")
    assert _parse(f"--flagfile={path}") == (settings, [])
    # What stands later on the command line wins.
    assert _parse(f"--flagfile={path}", "--count=99")[0].count == 99


@pytest.mark.parametrize("settings", [Settings(), CHANGED])
def test_json_repeats_the_settings(settings):
    text = json.dumps(train.to_dict(settings))
    assert train.from_dict(Settings, json.loads(text)) == settings


def test_dict_may_leave_names_out_but_not_invent_them():
    assert train.from_dict(Settings, {"rate": 1}) == Settings(rate=1.0)
    assert isinstance(train.from_dict(Settings, {"rate": 1}).rate, float)
    with pytest.raises(
        ValueError, match=r"old.json: unknown setting 'cuont'; did you mean 'count'"
    ):
        train.from_dict(Settings, {"cuont": 2}, "old.json")
    with pytest.raises(ValueError, match="unknown setting 'zzz'; known names: kind, rate, count"):
        train.from_dict(Settings, {"zzz": 2})


def test_differences_are_told_with_both_values():
    assert train.differences(Settings(), Settings()) == {}
    other = Settings(rate=0.25, place="x")
    assert train.differences(Settings(), other) == {"rate": (0.1, 0.25), "place": ("", "x")}


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("kind", "odd", r"--kind=odd is unknown; choose one of plain, fancy\."),
        ("rate", -0.5, r"--rate=-0.5 is too small; give at least 0.0\."),
        ("rate", 1.5, r"--rate=1.5 is too large; give at most 1.0\."),
        ("rate", float("nan"), r"--rate=nan is too small"),
        ("count", 0, r"--count=0 is too small; give at least 1\."),
    ],
)
def test_out_of_range_names_the_flag(field, value, sentence):
    with pytest.raises(ValueError, match=sentence):
        Settings(**{field: value})


def test_ends_of_the_range_belong_to_it():
    assert (Settings(rate=0.0, count=1).rate, Settings(rate=1.0).rate) == (0.0, 1.0)


_BINARY = """
import dataclasses
from absl import logging
from keras_pose.train import option, run_binary

@dataclasses.dataclass(frozen=True)
class Settings:
    fail: bool = option(False, "Whether to fail.")

def main(settings):
    logging.info("an aside")
    logging.warning("a warning")
    if settings.fail:
        raise {error}("the file x\\n  is broken")
    print("done")

run_binary(main, Settings)
"""


def _run(*arguments, error="ValueError"):
    return subprocess.run(
        [sys.executable, "-c", _BINARY.format(error=error), *arguments],
        capture_output=True, text=True, cwd=ROOT, env=environment(), timeout=120,
    )  # fmt: skip


def test_binary_warns_but_does_not_chatter():
    done = _run()
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert "a warning" in done.stderr and "an aside" not in done.stderr
    assert "an aside" in _run("--verbosity=0").stderr


@pytest.mark.parametrize("error", ["ValueError", "OSError", "FloatingPointError"])
def test_expected_error_is_one_sentence(error):
    done = _run("--fail", error=error)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[-1] == "ERROR: the file x is broken"
    assert "Traceback" not in done.stderr


def test_programming_error_keeps_its_traceback():
    done = _run("--fail", error="TypeError")
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_word_that_is_no_flag_is_one_sentence():
    done = _run("rest")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "ERROR: 'rest' is not a flag; give every setting as --name=value.\n"


def test_wrong_flag_is_one_sentence():
    done = _run("--nonsense=1")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "ERROR: Unknown command line flag 'nonsense'; --help lists what there is.\n"
    )
