"""Keeps what libraries say to themselves off the error stream, so that every line there is ours.

TensorFlow and LiteRT are C++ and write to file descriptor 2 by three ways: by levels, which an
environment variable sets; before their log is set up, while they are imported, which nothing sets; and
a line about the delegate of each LiteRT interpreter.
"""

import contextlib
import glob
import os
import re
import sys
import tempfile
from collections.abc import Iterator

# `I0000 00:00:1796056030.805033   23739 port.cc:153] ...` of absl, `2026-11-30 16:23:50.1: I ...` of
# TensorFlow's older log, and the lines around them.
_NATIVE_LINE = re.compile(
    r"[IWEF]\d{4} \d\d:\d\d:|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: [IWEF] |"
    r"WARNING: All log messages before absl|To enable the following instructions|"
    r"INFO: Created TensorFlow Lite|INFO: Initialized TensorFlow Lite|VERBOSE: |W0000 "
)


def quiet_environment() -> None:
    """Set the level of C++ logs where none is set; works only before TensorFlow is imported.

    Without a GPU even errors are left out: they are that there is no GPU (`failed call to cuInit`) and
    remarks of the graph optimiser (`layout failed`), after which it goes on without that step. What
    stops a computation is raised in Python besides. With a GPU, errors of its driver are shown.
    """
    has_gpu = bool(glob.glob("/dev/nvidia[0-9]*") or glob.glob("/dev/kfd"))
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2" if has_gpu else "3")


@contextlib.contextmanager
def native_lines_left_out() -> Iterator[None]:
    """Hold back file descriptor 2 for the time of an import, then write what is no line of a C++ log."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        try:
            before = os.dup(2)
        except OSError:
            # Closed by the caller: there is nobody to disturb.
            yield
            return
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            held.seek(0)
            for line in held.read().decode(errors="replace").splitlines():
                if not _NATIVE_LINE.match(line):
                    print(line, file=sys.stderr)


def import_quietly() -> None:
    """Import TensorFlow and Keras without what they print meanwhile, and warnings of TensorFlow's log."""
    quiet_environment()
    with native_lines_left_out():
        import keras  # noqa: F401
        import tensorflow as tf
    # Its Python log warns of functions that are traced for several sizes, as every export does.
    tf.get_logger().setLevel("ERROR")
