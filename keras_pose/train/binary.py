"""What all commands share: strict flags, errors of one sentence, old names.

A command's own module names its settings and the module of its work. That one imports TensorFlow, which
takes seconds, so it is imported when flags and paths have been found right; `--help` never gets there.
"""

import gc
import importlib
import inspect
import io
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from absl import app, flags, logging

from keras_pose.train.config import check_paths, define_flags, from_flags, renamed_settings
from keras_pose.train.help import HELP_WORDS, help_text, print_all
from keras_pose.train.quiet import import_quietly
from keras_pose.train.shipped import expand_recipes

STOPPED = 130
"""Exit code after Ctrl-C, as shells count it: 128 and the signal's number."""
# Code in C++ (a compilation, a conversion) lets Python answer only when it is done.
_PATIENCE_S = 2.0


def run_binary(
    work: Callable[..., None] | str,
    *config_classes: type[Any],
    later: Mapping[type[Any], str] | None = None,
) -> None:
    """Run a command on the settings that its flags give; expected errors are one sentence, exit code 1.

    `--help` prints the flags and leaves with 0; Ctrl-C is one sentence, exit code 130.

    Args:
        work: function of one instance of each class, or the module whose `main` that is, which is
            imported only when the settings have been found right.
        *config_classes: dataclasses declared with `option`; every field is a flag. A method
            `check_command` of theirs is given the other settings and refuses what cannot be begun.
        later: further such classes that the work reads by itself, each with the name of a flag; unless
            that flag is given, the class's flags must make sense by themselves.
    """
    later = later or {}
    caller = inspect.currentframe()
    module = caller.f_back.f_globals if caller and caller.f_back else {}
    if any(word in HELP_WORDS for word in sys.argv[1:]):
        command, words = _command_of(module), module.get("__doc__") or ""
        print_all(help_text(command, words, *later, *config_classes))
        sys.exit(0)
    define_flags(*later, *config_classes)
    if isinstance(sys.stdout, io.TextIOWrapper):
        # Into a file or a pipe too, or whoever follows the log sees nothing for many minutes.
        sys.stdout.reconfigure(line_buffering=True)

    def guarded(arguments):
        try:
            settings = _settings(arguments, config_classes, later)
            _end_when_stopped()
            if isinstance(work, str):
                import_quietly()
                importlib.import_module(work).main(*settings)
            else:
                work(*settings)
            return
        except (ValueError, OSError, FloatingPointError) as error:
            print(f"ERROR: {' '.join(str(error).split())}", file=sys.stderr)
        except KeyboardInterrupt as stopped:
            _stop(str(stopped))
        # The error's frames hold iterators of tf.data whose threads call Python. Freed as late as the
        # interpreter's end, iterator and thread would wait for each other for ever.
        gc.collect()
        sys.exit(1)

    app.run(guarded, flags_parser=_parse)


def _settings(arguments, config_classes, later):
    """Return one instance of each class, its paths checked."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is not a flag; give every setting as --name=value.")
    for config_class in (*later, *config_classes):
        for old, new in renamed_settings(config_class).items():
            if flags.FLAGS[old].present:
                print(f"--{old} is now --{new}; use that name.", file=sys.stderr)
    settings = [from_flags(config_class) for config_class in config_classes]
    alone = [config_class for config_class, flag in later.items() if not flags.FLAGS[flag].value]
    known = [*settings, *map(from_flags, alone)]
    for config in known:
        if hasattr(config, "check_command"):
            config.check_command(*(other for other in known if other is not config))
        check_paths(config)
    return settings


def _command_of(module):
    """Return what is typed to run a command: `python -m keras_pose.tips.train`, or its console script."""
    if os.path.basename(sys.argv[0]).startswith("keras-pose"):
        return os.path.basename(sys.argv[0])
    spec = module.get("__spec__")
    return f"python -m {spec.name.removesuffix('.__main__')}" if spec else sys.argv[0]


def _end_when_stopped() -> None:
    """End the process some seconds after Ctrl-C where Python has had no chance to."""
    if threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # Put into the background by a shell, whose Ctrl-C is not for it.
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    # Signals are written there at once, whatever the main thread is busy with.
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)

    def wait():
        while os.read(reading, 1) != bytes([signal.SIGINT]):
            continue
        if not _answered.wait(_PATIENCE_S):
            _stop()

    threading.Thread(target=wait, daemon=True).start()


_answered = threading.Event()


def finish_after_stop() -> None:
    """Take the time that is needed to write what is there, after Ctrl-C has been caught by the work."""
    _answered.set()


def _stop(sentence: str = "") -> NoReturn:
    """Say that the command was stopped, and leave at once: threads of TensorFlow may be busy for long."""
    words = (
        sentence or "Ended by Ctrl-C; the same command goes on with what is there or begins again."
    )
    print(f"\n{words}", file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(STOPPED)


def _parse(arguments):
    """Parse strictly; absl's own parser prints the whole help for one wrong flag."""
    try:
        left = flags.FLAGS(expand_recipes(arguments))
    except (flags.Error, ValueError) as error:
        # absl puts an ERROR of its own before some messages.
        text = " ".join(str(error).split()).removeprefix("ERROR:: ")
        print(f"ERROR: {_plain(text)}", file=sys.stderr)
        sys.exit(1)
    if flags.FLAGS["verbosity"].using_default_value:
        # Left alone, absl raises it to INFO, and TensorFlow's converters spill pages of that.
        logging.set_verbosity(logging.WARNING)
    return left


# What absl says of a value that a flag cannot have, and what is said instead.
_WRONG_VALUES = (
    (r"invalid literal for int\(\).*", "is no whole number; give one."),
    (r"could not convert string to float.*", "is no number; give one."),
    (r"Non-boolean argument to boolean flag.*", "is neither true nor false; give one of them."),
    (r"value should be one of <(.*)>", None),
)


def _plain(text: str) -> str:
    """Word absl's sentence on a wrong value for people who know no Python."""
    flag = re.fullmatch(r"flag (--\w+=.*?): (.*)", text)
    for pattern, words in _WRONG_VALUES if flag else ():
        assert flag is not None
        reason = re.fullmatch(pattern, flag[2])
        if reason:
            words = words or f"is none of its values; give {', '.join(reason[1].split('|'))}."
            return f"{flag[1]} {words}"
    file = re.fullmatch(r"Unable to open flagfile: .* No such file or directory: '(.*)'", text)
    if file:
        return f"--flagfile={file[1]}: there is no such file; correct the path, or name a --recipe."
    return text if text.endswith((".", "?")) else f"{text}; --help lists what there is."


def forward(old: str, new: str) -> None:
    """Run a command under its old name and say the new one.

    Args:
        old: module that was called, below `keras_pose`.
        new: module whose `run_main` is meant.
    """
    print(f"keras_pose.{old} is now keras_pose.{new}; use that name.", file=sys.stderr)
    importlib.import_module(f"keras_pose.{new}").run_main()
