"""One writer per run folder: a file in it names the process that trains there.

On one machine the process tells whether the file still holds: it lives or it does not. Across machines
that share a file system only the file's beat can tell, a number that its owner raises; whoever wants the
folder watches it by a clock of its own, so clocks that differ or jump do no harm.
"""

import contextlib
import json
import os
import secrets
import socket
import sys
import threading
import time
from typing import Any

from keras_pose.files import write_file

LEASE_FILE = "writer.json"
BEAT_S = 5.0
"""Seconds between two beats."""
_PATIENCE = 4  # beats that a writer may miss


class Lease:
    """Context manager that holds a run folder for this process once `acquire` was called.

    Args:
        folder: run folder.
        beat_s: seconds between two beats.
    """

    def __init__(self, folder: str, beat_s: float = BEAT_S):
        self._path = os.path.join(folder, LEASE_FILE)
        self._beat_s = beat_s
        self._mine = {"token": secrets.token_hex(8)} | _this_process()
        self._done = threading.Event()
        self._thread: threading.Thread | None = None
        self._lost = ""

    def __enter__(self) -> "Lease":
        return self

    def __exit__(self, *exception: object) -> None:
        if self._thread is None:
            return
        self._done.set()
        self._thread.join()
        if not self._lost:
            with contextlib.suppress(OSError):
                os.remove(self._path)

    def acquire(self) -> None:
        """Take the folder, which is made if need be; nothing happens if it is held already.

        Raises:
            ValueError: if another process writes there.
            OSError: if nothing can be written there.
        """
        if self._thread is not None:
            return
        try:
            os.makedirs(os.path.dirname(self._path) or ".", exist_ok=True)
            while not self._create():
                self._remove_if_dead()
        except OSError as error:
            raise OSError(
                f"--model_dir={os.path.dirname(self._path)}: nothing can be written there "
                f"({error.strerror or error}); name a writable folder or free some disk space."
            ) from error
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Refuse to write once another process has taken the folder.

        Raises:
            ValueError: if it has; this process must have stood still for a while.
        """
        if self._lost:
            raise ValueError(self._lost)

    def _create(self):
        """Make the file unless it is there; another process would see it whole or not at all."""
        aside = f"{self._path}.{self._mine['token']}"
        try:
            with open(aside, "w", encoding="utf-8") as file:
                json.dump(self._mine | {"beat": 0}, file)
            try:
                os.link(aside, self._path)
            except FileExistsError:
                return False
            except OSError:
                # A file system without links; half a file belongs to nobody until it is watched.
                with open(self._path, "x", encoding="utf-8") as file:
                    json.dump(self._mine | {"beat": 0}, file)
            return True
        except FileExistsError:
            return False
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(aside)

    def _remove_if_dead(self):
        """Remove the file of a process that is gone, or refuse."""
        owner = _read(self._path)
        if owner is None:
            return
        is_local = all(owner.get(name) == self._mine[name] for name in ("host", "boot", "space"))
        if is_local:
            is_alive = _started(owner.get("pid", 0)) == owner.get("started")
        else:
            is_alive = self._beats(owner)
        if is_alive:
            raise ValueError(
                f"--model_dir={os.path.dirname(self._path)} is in use by process {owner.get('pid')} on "
                f"{owner.get('host')}; wait for it, end it, or use another --model_dir."
            )
        # Of several processes that see a dead one, the one that renames its file goes on.
        gone = f"{self._path}.{self._mine['token']}"
        with contextlib.suppress(FileNotFoundError):
            os.rename(self._path, gone)
            taken = _read(gone)
            if taken is not None and taken.get("token") != owner.get("token"):
                # Somebody was faster and lives: it gets its file back.
                with contextlib.suppress(FileExistsError):
                    os.link(gone, self._path)
            os.remove(gone)

    def _beats(self, owner):
        """Whether the beat of a process elsewhere goes on."""
        print(
            f"{os.path.dirname(self._path)} was in use by process {owner.get('pid')} on "
            f"{owner.get('host')}; watching for {_PATIENCE * self._beat_s:.0f} s whether it still is.",
            file=sys.stderr,
        )
        end = time.monotonic() + _PATIENCE * self._beat_s
        while time.monotonic() < end:
            time.sleep(min(self._beat_s, 1.0))
            now = _read(self._path)
            if now is None:
                return False
            if (now.get("token"), now.get("beat")) != (owner.get("token"), owner.get("beat")):
                return True
        return False

    def _beat(self):
        """Raise the number until done; a file of another process means that the folder is lost."""
        beat = 0
        while not self._done.wait(self._beat_s):
            beat += 1
            try:
                owner = _read(self._path) or {}
                if owner.get("token") != self._mine["token"]:
                    self._lost = (
                        f"--model_dir={os.path.dirname(self._path)} was taken over by process "
                        f"{owner.get('pid')} on {owner.get('host')} while this one stood still; "
                        "nothing more is written, end one of both."
                    )
                    return
                write_file(self._path, json.dumps(self._mine | {"beat": beat}))
            except OSError:
                continue  # a full disk; the checkpoint will say so


def _read(path) -> dict[str, Any] | None:
    """Return what the file says; None if there is none. An unreadable one belongs to nobody."""
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
    except FileNotFoundError:
        return None
    except (ValueError, OSError):
        return {}
    return content if isinstance(content, dict) else {}


def _this_process():
    """Return what tells this process from every other one, on this machine and elsewhere."""
    return {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "started": _started(os.getpid()),
        "boot": _text("/proc/sys/kernel/random/boot_id"),
        # Two containers may have one host's name and number their processes from 1 each.
        "space": _link("/proc/self/ns/pid"),
    }


def _started(pid) -> str | None:
    """When a process of this machine began, in the kernel's ticks; None if it is gone."""
    if not isinstance(pid, int):
        return None
    text = _text(f"/proc/{pid}/stat")
    if text:
        # The name in brackets may hold anything; the 22nd field is the 20th after it.
        fields = text.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "unknown"


def _text(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""
