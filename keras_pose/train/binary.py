"""What every command does besides its work: strict flags, errors of one sentence, old names."""

import gc
import importlib
import sys
from collections.abc import Callable

from absl import app, flags, logging


def run_binary(main: Callable[[list[str]], None]) -> None:
    """Run a binary's main under absl; expected errors become one sentence and exit code 1.

    Args:
        main: function of the arguments that absl did not parse.
    """

    def guarded(arguments):
        try:
            main(arguments)
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
