"""What `--help` prints: the flags of one command by group, each with its default."""

import dataclasses
import os
import sys
import textwrap
from typing import Any

from keras_pose.train.config import renamed_settings

HELP_WORDS = ("--help", "-help", "-h", "--h", "--helpshort", "-helpshort", "--helpfull")
_WIDTH = 100
_UNGROUPED = "Settings"


def print_all(text: str) -> None:
    """Print a text; that nobody reads to its end (`| head`) is no error.

    Args:
        text: with a line break at its end.
    """
    try:
        print(text, end="", flush=True)
    except BrokenPipeError:
        # Or Python would fail once more when it closes the stream at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def help_text(command: str, what: str, *config_classes: type[Any]) -> str:
    """Return the help of a command.

    Args:
        command: what is typed to run it.
        what: its description; the first paragraph is taken.
        *config_classes: dataclasses declared with `option`. A class may have `groups`, title to the
            name of the group's first field; fields that follow belong to the same group.

    Returns:
        Lines of at most 100 characters.
    """
    lines = [f"Usage: {command} --name=value ...", ""]
    lines += textwrap.wrap(" ".join(what.strip().split("\n\n")[0].split()), _WIDTH)
    groups: dict[str, list[str]] = {}
    for config_class in config_classes:
        starts, title = _group_starts(config_class), _UNGROUPED
        for field in dataclasses.fields(config_class):
            title = starts.get(field.name, title)
            groups.setdefault(title, []).extend(_field_lines(field))
        for old, new in renamed_settings(config_class).items():
            groups[title] += _wrapped(f"--{old}", f"The old name of --{new}.")
    for title, entries in groups.items():
        lines += ["", f"{title}:", *entries]
    lines += ["", "Of every command:"]
    lines += _wrapped("--flagfile=<file>", "read flags from a file, one per line, # for remarks.")
    lines += _wrapped("--recipe=<name>", "read the flags of a recipe, such as tips/two_generators.")
    return "\n".join(lines) + "\n"


def _group_starts(config_class: type[Any]) -> dict[str, str]:
    """Return the first field of each group to the group's title, those of base classes too."""
    starts: dict[str, str] = {}
    for parent in reversed(config_class.__mro__):
        starts |= {field: title for title, field in vars(parent).get("groups", {}).items()}
    return starts


def _field_lines(field: Any) -> list[str]:
    default = field.default
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    text = field.metadata["help"]
    if choices := field.metadata["choices"]:
        # "" is a choice too where a flag may stay empty.
        text += f" One of {', '.join(choice or '(empty)' for choice in choices)}."
    low, high = field.metadata["low"], field.metadata["high"]
    if low is not None and high is not None:
        text += f" From {low} to {high}."
    elif low is not None or high is not None:
        text += f" At least {low}." if low is not None else f" At most {high}."
    return _wrapped(f"--{field.name}={shown}", text)


def _wrapped(flag: str, text: str) -> list[str]:
    return [
        f"  {flag}",
        *textwrap.wrap(text, _WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6),
    ]
