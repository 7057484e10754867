"""The config of TIPS: contradictions are refused in one sentence, the rest survives any form."""

import dataclasses
import json

import pytest
from absl import flags
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.tips.config import Config
from keras_pose.train.config import (
    define_flags,
    differences,
    flagfile_text,
    from_dict,
    from_flags,
    given_flags,
    to_dict,
)
from keras_pose.train.options import RunOptions

# Paths as people have them: spaces and signs inside, but a flagfile trims the ends of its lines.
PATHS = st.text("abcXYZ 0-9_./=#~äß'\"\\,", max_size=20).map(str.strip)


def _values(field):
    """Strategy for one field, from what the field itself declares."""
    metadata = field.metadata
    if metadata["choices"]:
        return st.sampled_from(metadata["choices"])
    if field.name == "pitch":
        degrees = st.floats(-60, 60).map(repr)
        return st.sampled_from(["none", "learnt", "12.65"]) | degrees
    if field.type in (bool, "bool"):
        return st.booleans()
    if field.type in (int, "int"):
        high = metadata["high"]
        return st.integers(metadata["low"] or 0, 10**9 if high is None else high)
    if field.type in (float, "float"):
        high = metadata["high"]
        return st.floats(metadata["low"] or 0.0, 1e12 if high is None else high)
    return PATHS


@st.composite
def _configs(draw, config_class):
    fields = dataclasses.fields(config_class)
    chosen = draw(st.lists(st.sampled_from(fields), unique_by=lambda field: field.name, max_size=8))
    values = {field.name: draw(_values(field)) for field in chosen}
    try:
        return config_class(**values)
    except ValueError:
        # A contradiction; the defaults beside one of the values are never one.
        return config_class()


def _parse(*arguments):
    flag_values = flags.FlagValues()
    define_flags(Config, RunOptions, flag_values=flag_values)
    assert flag_values(["train", *arguments]) == ["train"]
    return from_flags(Config, flag_values), from_flags(RunOptions, flag_values)


def test_no_flag_is_the_default():
    assert _parse() == (Config(), RunOptions())


@given(_configs(Config), _configs(RunOptions))
@settings(max_examples=40, deadline=None)
def test_flagfile_round_trip(tmp_path_factory, config, options):
    path = tmp_path_factory.mktemp("flags") / "run.flags"
    path.write_text(flagfile_text(config, options, header="Any\nrun"), encoding="utf-8")
    assert _parse(f"--flagfile={path}") == (config, options)


@given(_configs(Config))
@settings(max_examples=60, deadline=None)
def test_json_round_trip(config):
    again = from_dict(Config, json.loads(json.dumps(to_dict(config))))
    assert again == config
    assert differences(again, config) == {}
    for field in dataclasses.fields(Config):
        assert type(getattr(again, field.name)) is type(field.default), field.name


@given(_configs(Config))
@settings(max_examples=40, deadline=None)
def test_command_line_round_trip(config):
    arguments = [
        f"--{name}={str(value).lower() if isinstance(value, bool) else value}"
        for name, value in to_dict(config).items()
    ]
    assert _parse(*arguments)[0] == config


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"model": "student"}, ["--teacher"]),
        ({"teacher": "teacher"}, ["--teacher", "--model=adversarial"]),
        ({"model": "supervised", "teacher": "x"}, ["--teacher", "--model=supervised"]),
        ({"input_2d": "orthographic"}, ["--geometry=perspective", "--input_2d=orthographic"]),
        ({"depth_activation": "tanh"}, ["--depth_activation=tanh", "--geometry=orthographic"]),
        ({"dataset": "keypoints", "model": "supervised"}, ["--dataset=keypoints", "--model"]),
        (
            {"dataset": "keypoints", "geometry": "orthographic", "input_2d": "orthographic"},
            ["--dataset=keypoints", "--input_2d"],
        ),
        (
            {"dataset": "generated", "picture_size": "640x480"},
            ["--picture_size=640x480", "--dataset=keypoints", "--dataset=generated"],
        ),
        ({"dataset": "keypoints", "picture_size": "large"}, ["--picture_size=large", "640x480"]),
        ({"pitch": "steep"}, ["--pitch=steep"]),
        ({"pitch": "61"}, ["--pitch=61"]),
        ({"pitch": "nan"}, ["--pitch=nan"]),
        ({"pitch": ""}, ["--pitch="]),
        ({"width": 3}, ["--width=3", "4"]),
        ({"dropout": 0.95}, ["--dropout=0.95", "0.9"]),
        ({"learning_rate": float("nan")}, ["--learning_rate=nan"]),
        ({"learning_rate": float("inf")}, ["--learning_rate=inf"]),
        ({"reprojection_weight": float("inf")}, ["--reprojection_weight=inf"]),
        ({"adversary": "wasserstein"}, ["--adversary=wasserstein", "least_squares"]),
        ({"batch_size": 1}, ["--batch_size=1"]),
        ({"camera_distance": 0.0}, ["--camera_distance=0.0"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_contradictions_are_one_sentence_that_names_the_flag(values, named):
    with pytest.raises(ValueError) as caught:
        Config(**values)
    sentence = str(caught.value)
    for name in named:
        assert name in sentence
    assert sentence.endswith(".") and "\n" not in sentence
    # One sentence: no full stop followed by a new one.
    assert ". " not in sentence


def test_the_old_name_of_the_teacher_is_still_a_flag():
    values = flags.FlagValues()
    define_flags(Config, flag_values=values)
    values(["program", "--model=student", "--teacher_dir=runs/a"])
    assert from_flags(Config, values).teacher == "runs/a"
    assert given_flags(Config, values) == {"model": "student", "teacher": "runs/a"}


def test_every_option_explains_itself():
    for field in dataclasses.fields(Config) + dataclasses.fields(RunOptions):
        assert field.metadata["help"].strip().endswith("."), field.name
        default, choices = field.default, field.metadata["choices"]
        assert not choices or default in choices, field.name


def test_configs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().width = 8


def test_the_size_of_pictures_in_either_spelling():
    for text in ("640x480", "640, 480", " 640 x 480 "):
        assert Config(dataset="keypoints", picture_size=text).picture_width_height == (640, 480)
    assert Config(dataset="keypoints").picture_width_height is None
