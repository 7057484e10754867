"""Runs binaries as processes of their own for the price of one import of TensorFlow.

A server process imports the libraries; each command is a fork of it that becomes `python -m MODULE`.
The fork can be killed and limited, leaves by the interpreter's own way out, and has an exit code.
"""

import atexit
import dataclasses
import functools
import gc
import importlib
import json
import os
import pathlib
import resource
import runpy
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[2]
# Everything the binaries import, but no binary itself: runpy must meet that one for the first time.
PRELOADED = (
    "tensorflow",
    "keras",
    "keras_pose.data",
    "keras_pose.train.loop",
    "keras_pose.tips.adversarial",
    "keras_pose.lifting.evaluation",
    "keras_pose.lifting.pictures",
    "keras_pose.tips.regression",
    "keras_pose.hands.evaluation",
    "keras_pose.wild3d.model",
    "keras_pose.serving.publish",
)


def leave_graphs_as_traced():
    """Let TensorFlow run graphs without rewriting them first.

    Rewriting pays for itself in a thousand steps; for the few of a test it is half of the time of a
    first call. Runs that are compared byte by byte must agree about it, and a fork inherits it.
    """
    tensorflow = importlib.import_module("tensorflow")
    tensorflow.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def environment(**more):
    """Environment of a child: one thread, no GPU, quiet, and this process's import path."""
    path = os.pathsep.join([str(ROOT), *(entry for entry in sys.path if entry)])
    return {
        **os.environ,
        "PYTHONPATH": path,
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "TF_NUM_INTRAOP_THREADS": "1",
        "TF_NUM_INTEROP_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        **more,
    }


@dataclasses.dataclass
class Command:
    """A running or finished command.

    Attributes:
        pid: its process.
        folder: where its output goes.
        server: who waits for it.
    """

    pid: int
    folder: pathlib.Path
    server: "CommandServer"

    @property
    def stdout(self):
        return (self.folder / "stdout").read_text(encoding="utf-8")

    @property
    def stderr(self):
        return (self.folder / "stderr").read_text(encoding="utf-8")

    @property
    def sentences(self):
        """What it says on stderr, without what TensorFlow's C++ log adds."""
        lines = [line for line in self.stderr.splitlines() if line.strip()]
        return [line for line in lines if not _is_native_log(line)]

    def wait(self, timeout=900):
        """Exit code; minus the signal's number if one ended it."""
        return self.server.ask({"wait": self.pid, "timeout": timeout})["code"]


class CommandServer:
    """Context manager: `start` runs a binary beside the test, `run` waits for it.

    Args:
        folder: where output goes, one folder per command.
        preloaded: more modules that its commands import, no commands themselves.
    """

    def __init__(self, folder, preloaded=()):
        self.folder = pathlib.Path(folder)
        self.preloaded = preloaded
        self.count = 0

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        with open(self.folder / "server", "wb") as said:
            self.process = subprocess.Popen(
                [sys.executable, __file__, *self.preloaded],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                env=environment(),
                text=True,
            )
        return self

    def __exit__(self, *exception):
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait(timeout=60)

    def ask(self, request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        reply = self.process.stdout.readline()
        if not reply:
            said = (self.folder / "server").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"the server ended with {self.process.wait(60)}: {said[-2000:]}")
        return json.loads(reply)

    def start(self, module, *arguments, largest_file=None, environment=None):
        """Start `python -m module arguments`.

        Args:
            module: dotted name.
            *arguments: command line.
            largest_file: bytes after which writing to a file fails, as on a full disk.
            environment: more environment variables.
        """
        self.count += 1
        folder = self.folder / f"command-{self.count}"
        folder.mkdir(parents=True)
        request = {
            "module": module,
            "arguments": [str(argument) for argument in arguments],
            "folder": str(folder),
            "current": os.getcwd(),
            "largest_file": largest_file,
            "environment": environment or {},
        }
        return Command(self.ask(request)["pid"], folder, self)

    def run(self, module, *arguments, **limits):
        """Start a command and wait for it: `(exit code, command)`."""
        command = self.start(module, *arguments, **limits)
        return command.wait(), command


@functools.cache
def shared_server():
    """The server of all test files of this process, which ends with it."""
    folder = tempfile.TemporaryDirectory(prefix="commands-")
    server = CommandServer(folder.name).__enter__()
    atexit.register(folder.cleanup)
    # The last registered is the first called.
    atexit.register(server.__exit__)
    return server


def _is_native_log(line):
    """True for lines of absl's C++ log (`I0000 00:00:...`) and what TensorFlow writes around it."""
    head = line.split(" ", 1)[0]
    logged = len(head) == 5 and head[0] in "IWE" and head[1:].isdigit()
    around = (
        "WARNING: All log messages before absl",
        "To enable the follow",
        "WARNING:tensorflow:",
    )
    return logged or line.startswith(around)


def _serve():
    """Answer requests until stdin closes; in a fork, return the request it should become."""
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            reply = {"code": _wait(request["wait"], request["timeout"])}
        else:
            pid = os.fork()
            if pid == 0:
                return request
            reply = {"pid": pid}
        print(json.dumps(reply), flush=True)
    return None


def _wait(pid, timeout):
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return "timeout"


def _become(request):
    """Turn this fork into `python -m module`."""
    folder = pathlib.Path(request["folder"])
    for number, name in ((0, os.devnull), (1, folder / "stdout"), (2, folder / "stderr")):
        handle = os.open(name, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT, 0o644)
        os.dup2(handle, number)
    os.chdir(request["current"])
    os.environ.update(request["environment"])
    if request["largest_file"] is not None:
        # Python ignores SIGXFSZ, so that writing beyond the limit is an error like a full disk.
        limit = request["largest_file"]
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    for preloaded in (*PRELOADED, *sys.argv[1:]):
        importlib.import_module(preloaded)
    leave_graphs_as_traced()
    gc.freeze()
    task = _serve()
    if task is not None:
        _become(task)
