"""A child process for work that must not stay in this one, such as libraries that leak memory.

Importing TensorFlow takes the child some seconds, so one child serves many calls before a fresh one
takes its place. It is no `multiprocessing` pool, since a spawned one runs the caller's script again
where that lacks `if __name__ == "__main__"`.
"""

import atexit
import contextlib
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from typing import Any

MOST_CALLS = 32
"""Calls after which a fresh child takes over."""
# Run by its path, so that a call that needs no TensorFlow does not import this whole package.
_COMMAND = f"import runpy; runpy.run_path({__file__!r})['_serve_calls']()"
_LOCK = threading.Lock()


class _Child:
    """A child process and how often it was called."""

    def __init__(self) -> None:
        # No GPU: the parent may hold all of its memory, and conversion is work for processors.
        environment = os.environ | {
            "PYTHONPATH": os.pathsep.join(sys.path),
            "CUDA_VISIBLE_DEVICES": "-1",
        }
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment,
        )
        self.num_calls = 0

    def call(self, request: bytes) -> tuple[bool, Any]:
        assert self.process.stdin and self.process.stdout
        self.num_calls += 1
        try:
            self.process.stdin.write(request)
            self.process.stdin.flush()
            return pickle.load(self.process.stdout)
        except (OSError, EOFError, pickle.UnpicklingError) as error:
            raise RuntimeError(f"its child process {self._end()}") from error

    def close(self) -> None:
        """End the process, whatever it does."""
        self.process.kill()
        self.process.wait()
        streams = (self.process.stdin, self.process.stdout, self.errors)
        for stream in filter(None, streams):
            with contextlib.suppress(OSError):
                stream.close()

    def _end(self) -> str:
        code = self.process.wait()
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        return f"{how} ({lines[-1][:200]})" if lines else how


_children: list[_Child] = []  # one or none


def call_in_child(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function of this package in a child process without GPUs.

    Args:
        function: of a module, so that it can be pickled by its name.
        *arguments: what it takes; they can be pickled.

    Returns:
        What it returns.

    Raises:
        ValueError: if the function raises one.
        RuntimeError: if it raises anything else, or the process ends.
    """
    request = pickle.dumps((function, arguments))
    with _LOCK:
        if _children and (
            _children[0].num_calls >= MOST_CALLS or _children[0].process.poll() is not None
        ):
            close_child()
        if not _children:
            _children.append(_Child())
        try:
            is_result, value = _children[0].call(request)
        except BaseException:
            close_child()
            raise
    if is_result:
        return value
    raise value


@atexit.register
def close_child() -> None:
    """End the child, if there is one; the next call starts another."""
    while _children:
        _children.pop().close()


def _serve_calls() -> None:
    """Answer calls on standard input until it is closed; this is what the child does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # what libraries print must not stand between the answers
        while True:
            try:
                function, arguments = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            try:
                answer = (True, function(*arguments))
            except ValueError as error:
                answer = (False, ValueError(str(error)))
            except Exception as error:
                answer = (False, RuntimeError(f"{type(error).__name__}: {error}"))
            pickle.dump(answer, answers)
            answers.flush()
