"""One frozen dataclass is the only place of names, types, defaults and help.

`option` declares a field; `define_flags` turns the fields into absl flags of the same names;
`from_flags`, `to_dict`, `from_dict` and `flagfile_text` go back and forth without a second list.
This module and `binary` are the only ones of the library that touch absl.
"""

import dataclasses
import difflib
import math
import os
import typing

from absl import flags


class _Settings(typing.Protocol):
    """Any instance of a dataclass."""

    __dataclass_fields__: typing.ClassVar[dict[str, typing.Any]]


class MethodConfig(_Settings, typing.Protocol):
    """Any config of a method, which bears the name of its room."""

    method: typing.ClassVar[str]

    @property
    def seed(self) -> int:
        """Seed of weights, views and order."""

    @property
    def num_steps(self) -> int:
        """Updates in all."""

    @property
    def steps_per_epoch(self) -> int:
        """Updates between two evaluations."""


_S = typing.TypeVar("_S", bound=_Settings)


def option(
    default: bool | int | float | str,
    help: str,  # noqa: A002 - absl's own word
    *,
    choices: tuple[str, ...] | None = None,
    low: float | None = None,
    high: float | None = None,
    exists: str = "",
) -> typing.Any:
    """Declare a config field.

    Args:
        default: default value; its type is the dataclass annotation's: bool, int, float or str.
        help: one or two sentences, with the paper's section where the value comes from one.
        choices: allowed values of a str field, or None.
        low: smallest allowed number, or None.
        high: largest allowed number, or None.
        exists: what must stand where a path leads that is given: "file", "folder", "folders" (commas
            between) or "either"; nothing if empty. Only commands check it, see `check_paths`.

    Returns:
        A `dataclasses.field` carrying the metadata.
    """
    metadata = {"help": help, "choices": choices, "low": low, "high": high, "exists": exists}
    return dataclasses.field(default=default, metadata=metadata)


def listed(text: str) -> tuple[str, ...]:
    """Return the words of a flag that takes several, separated by commas; each once, in order."""
    return tuple(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


def check_ranges(config: _Settings) -> None:
    """Check every field of a config against its declared choices and range.

    Args:
        config: dataclass instance whose fields were declared with `option`.

    Raises:
        ValueError: if one sentence that names the flag, the value and what is allowed.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        choices = field.metadata["choices"]
        low, high = field.metadata["low"], field.metadata["high"]
        if choices and value not in choices:
            raise ValueError(
                f"--{field.name}={value} is unknown; choose one of {', '.join(choices)}."
            )
        if low is not None and not value >= low:
            raise ValueError(f"--{field.name}={value} is too small; give at least {low}.")
        if high is not None and not value <= high:
            raise ValueError(f"--{field.name}={value} is too large; give at most {high}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"--{field.name}={value} is not finite; give a number.")


def check_paths(config: _Settings) -> None:
    """Check that what a config's flags name is there, before anything slow begins.

    Args:
        config: dataclass instance whose fields were declared with `option`.

    Raises:
        ValueError: if a file or folder is not there, or the one is given for the other.
    """
    for field in dataclasses.fields(config):
        kind, value = field.metadata.get("exists"), getattr(config, field.name)
        if not kind:
            continue
        several = kind == "folders" and not os.path.exists(value)
        for path in map(os.path.expanduser, listed(value) if several else filter(None, [value])):
            if not os.path.exists(path):
                word = {"file": "file", "either": "file or folder"}.get(kind, "folder")
                raise ValueError(
                    f"--{field.name}={path}: there is no such {word}; correct the path."
                )
            if kind.startswith("folder") and not os.path.isdir(path):
                raise ValueError(f"--{field.name}={path} is a file; give the folder that is meant.")
            if kind == "file" and os.path.isdir(path):
                raise ValueError(f"--{field.name}={path} is a folder; give the file that is meant.")


def define_flags(
    *config_classes: type[_Settings], flag_values: flags.FlagValues = flags.FLAGS
) -> None:
    """Define one absl flag per field, under the field's name.

    Args:
        *config_classes: dataclasses declared with `option`.
        flag_values: where to define them; tests pass a fresh `absl.flags.FlagValues()`.
    """
    for config_class in config_classes:
        hints = typing.get_type_hints(config_class)
        for field in dataclasses.fields(config_class):
            text, choices = field.metadata["help"], field.metadata["choices"]
            kind = hints[field.name]
            if choices:
                flags.DEFINE_enum(
                    field.name, field.default, list(choices), text, flag_values=flag_values
                )
                continue
            define = {
                bool: flags.DEFINE_bool,
                int: flags.DEFINE_integer,
                float: flags.DEFINE_float,
                str: flags.DEFINE_string,
            }[kind]
            define(field.name, field.default, text, flag_values=flag_values)
        for old, new in renamed_settings(config_class).items():
            flags.DEFINE_alias(old, new, flag_values=flag_values)


def renamed_settings(config_class: type[_Settings]) -> dict[str, str]:
    """Return the old names that a config still takes, each with the name of today."""
    return getattr(config_class, "renamed", {})


def from_flags(config_class: type[_S], flag_values: flags.FlagValues = flags.FLAGS) -> _S:
    """Read a config from parsed flags.

    Args:
        config_class: a dataclass given to `define_flags` before.
        flag_values: where the flags were defined.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: if the class's own checks refuse a value.
    """
    names = [field.name for field in dataclasses.fields(config_class)]
    return config_class(**{name: flag_values[name].value for name in names})


def to_dict(config: _Settings) -> dict:
    """Return the config as a JSON-ready dict of field name to value."""
    return dataclasses.asdict(config)


def from_dict(config_class: type[_S], values: dict, source: str = "config") -> _S:
    """Build a config from a dict, refusing unknown names.

    Args:
        config_class: a dataclass declared with `option`.
        values: field name to value; missing names take their default.
        source: file name for the error.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: if a name is unknown, naming the closest known one, or a value is of another type.
    """
    known = [field.name for field in dataclasses.fields(config_class)]
    renamed = renamed_settings(config_class)
    values = {renamed.get(name, name): value for name, value in values.items()}
    for name in values:
        if name not in known:
            close = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known names: {', '.join(known)}."
            raise ValueError(f"{source}: unknown setting {name!r}; {hint}")
    hints = typing.get_type_hints(config_class)
    return config_class(
        **{name: _typed(hints[name], name, value, source) for name, value in values.items()}
    )


def _typed(kind, name, value, source):
    """Return a JSON value as its field's type; an int is a float, nothing else is anything else."""
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ValueError(f"{source}: {name!r} is {value!r}; give a value of type {kind.__name__}.")
    return value


def differences(config: _Settings, other: _Settings) -> dict:
    """Fields in which two configs of one class differ.

    Args:
        config: a dataclass instance.
        other: another instance of the same class.

    Returns:
        Field name to `(value in config, value in other)`.
    """
    mine, theirs = to_dict(config), to_dict(other)
    return {name: (mine[name], theirs[name]) for name in mine if mine[name] != theirs[name]}


def flagfile_text(*configs: _Settings, header: str = "") -> str:
    """Write configs as an absl flagfile that reproduces them.

    Args:
        *configs: dataclass instances.
        header: comment put on top, one `#` line per line.

    Returns:
        The text of the flagfile, one `--name=value` per line.
    """
    lines = [f"# {line}".rstrip() for line in header.splitlines()]
    for config in configs:
        lines += [f"--{name}={_flag_value(value)}" for name, value in to_dict(config).items()]
    return "\n".join(lines) + "\n"


def _flag_value(value):
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def given_flags(config_class: type[_Settings], flag_values: flags.FlagValues = flags.FLAGS) -> dict:
    """Return the settings that the command line names, itself or through a flagfile.

    Args:
        config_class: a dataclass given to `define_flags` before.
        flag_values: where the flags were defined and parsed.

    Returns:
        Field name to value.
    """
    names = (field.name for field in dataclasses.fields(config_class))
    return {name: flag_values[name].value for name in names if flag_values[name].present}


def flagfile_values(
    path: str, config_class: type[_Settings], *others: type[_Settings]
) -> dict[str, typing.Any]:
    """Return the settings that a flagfile names, read strictly.

    Args:
        path: absl flagfile.
        config_class: the dataclass whose settings are wanted.
        *others: further dataclasses whose flags may stand in the file.

    Returns:
        Field name to value of `config_class`.

    Raises:
        ValueError: if the file is missing or one of its lines is wrong.
    """
    if not os.path.isfile(path):
        raise ValueError(f"{path}: there is no such flagfile; correct the path.")
    values = flags.FlagValues()
    flags.DEFINE_string("flagfile", "", "", flag_values=values)
    define_flags(config_class, *others, flag_values=values)
    try:
        values(["", f"--flagfile={path}"])
    except flags.Error as error:
        raise ValueError(f"{path}: {' '.join(str(error).split())}; correct the recipe.") from error
    return given_flags(config_class, values)
