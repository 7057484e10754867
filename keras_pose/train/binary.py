"""What all commands share: strict flags, errors of one sentence, old names."""

import gc
import importlib
import sys
from collections.abc import Callable
from typing import Any

from absl import app, flags, logging

from keras_pose.train.config import define_flags, from_flags, renamed_settings


def run_binary(main: Callable[..., None], *config_classes: type[Any]) -> None:
    """Run a command on the settings that its flags give; expected errors are one sentence, exit code 1.

    Args:
        main: function of one instance of each class.
        *config_classes: dataclasses declared with `option`; every field is a flag.
    """
    define_flags(*config_classes)

    def guarded(arguments):
        try:
            if len(arguments) > 1:
                raise ValueError(
                    f"{arguments[1]!r} is not a flag; give every setting as --name=value."
                )
            for config_class in config_classes:
                for old, new in renamed_settings(config_class).items():
                    if flags.FLAGS[old].present:
                        print(f"--{old} is now --{new}; use that name.", file=sys.stderr)
            main(*(from_flags(config_class) for config_class in config_classes))
            return
        except (ValueError, OSError, FloatingPointError) as error:
            print(f"ERROR: {' '.join(str(error).split())}", file=sys.stderr)
        # The error's frames hold iterators of tf.data whose threads call Python. Freed as late as the
        # interpreter's end, iterator and thread would wait for each other for ever.
        gc.collect()
        sys.exit(1)

    app.run(guarded, flags_parser=_parse)


def _parse(arguments):
    """Parse strictly; absl's own parser prints the whole help for one wrong flag."""
    try:
        left = flags.FLAGS(arguments)
    except flags.Error as error:
        # absl puts an ERROR of its own before some messages.
        text = " ".join(str(error).split()).removeprefix("ERROR:: ")
        print(f"ERROR: {text}", file=sys.stderr)
        sys.exit(1)
    if flags.FLAGS["verbosity"].using_default_value:
        # Left alone, absl raises it to INFO, and TensorFlow's converters spill pages of that.
        logging.set_verbosity(logging.WARNING)
    return left


def forward(old: str, new: str) -> None:
    """Run a command under its old name and say the new one.

    Args:
        old: module that was called, below `keras_pose`.
        new: module whose `run_main` is meant.
    """
    print(f"keras_pose.{old} is now keras_pose.{new}; use that name.", file=sys.stderr)
    importlib.import_module(f"keras_pose.{new}").run_main()
