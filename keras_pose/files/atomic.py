"""Writing a file or a folder so that a reader sees all of it or nothing.

Everything is written under a hidden name beside its destination, flushed to the disk and renamed
last: a rename inside one folder is atomic on POSIX file systems, and TensorFlow Serving, which
polls for folders with integer names, never sees the hidden one.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path


class CannotWrite(OSError, ValueError):
    """A file or folder could not be written; the message is one sentence that names it.

    It is an `OSError` by nature and a `ValueError` by house rule, so that a program which prints
    `ValueError`s as sentences prints this one too.
    """


@contextlib.contextmanager
def named_write_errors(path: str | os.PathLike) -> Iterator[None]:
    """Turn an `OSError` raised while `path` is written into one sentence that names it.

    Args:
        path: the destination as the user knows it.

    Yields:
        Nothing; wrap the writing in it.

    Raises:
        CannotWrite: if the body raises an `OSError`, for example on a full disk.
    """
    try:
        yield
    except CannotWrite:
        raise
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise CannotWrite(
            f"Cannot write {os.fspath(path)}: {reason}; make room or choose another place "
            "and run the same command again."
        ) from error


def check_writable(folder: str | os.PathLike, name: str) -> None:
    """Say before long work, not after it, that nothing can be written in a folder; creates nothing.

    Args:
        folder: the folder, which need not be there yet.
        name: the flag or argument that named it, for the sentence.

    Raises:
        CannotWrite: if it, or what it would be made in, is a file or may not be written in.
    """
    place = Path(folder).absolute()
    nearest = next(above for above in (place, *place.parents) if above.exists())
    if not nearest.is_dir():
        raise CannotWrite(f"{name}={folder}: {nearest} is a file; name a folder that can be made.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise CannotWrite(f"{name}={folder}: {nearest} is not writable; name another folder.")


@contextlib.contextmanager
def staged_file(path: str | os.PathLike) -> Iterator[Path]:
    """Give a hidden name to write under, and rename the file to `path` once the body is through.

    Args:
        path: destination; missing folders above it are created.

    Yields:
        The name to write under, with the ending of `path`. The file disappears if the body raises,
        whatever it raises.

    Raises:
        CannotWrite: if it cannot be written; an older file, if any, is then untouched.
    """
    path = Path(path)
    # The ending stays the last part, since Keras, NumPy and others choose the format by it.
    partial = path.with_name(f".partial-{os.getpid()}-{path.name}")
    with named_write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield partial
            _flush(partial)
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        flush_folder(path.parent)


def write_file(path: str | os.PathLike, content: bytes | str) -> Path:
    """Write one file in full or not at all, replacing an older one of that name.

    Args:
        path: destination; missing folders above it are created.
        content: bytes, or text that is stored as UTF-8.

    Returns:
        The destination.

    Raises:
        CannotWrite: if it cannot be written; the older file, if any, is then untouched.
    """
    with staged_file(path) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)
    return Path(path)


@contextlib.contextmanager
def staged_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Give a hidden folder to fill, and renames it to `path` once the body is through.

    Args:
        path: destination folder, which must not exist yet.

    Yields:
        The folder to write into. It disappears if the body raises, whatever it raises.

    Raises:
        ValueError: if `path` exists.
        CannotWrite: if something cannot be written, for example on a full disk.
    """
    path = Path(path)
    if path.exists():
        raise ValueError(
            f"{path} exists and is never overwritten: choose another version or remove it first."
        )
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    parent_is_new = not path.parent.exists()
    with named_write_errors(path):
        # The process id comes round again; what lies under it is from a process that was killed.
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            for folder, _, names in os.walk(partial):
                for name in names:
                    _flush(os.path.join(folder, name))
                flush_folder(folder)
            # rename(2) refuses a folder that holds something, so of two exporters one loses.
            os.rename(partial, path)
        except BaseException as error:
            shutil.rmtree(partial, ignore_errors=True)
            if parent_is_new:
                with contextlib.suppress(OSError):
                    path.parent.rmdir()
            if isinstance(error, CannotWrite):
                # The hidden folder is gone; the user knows the destination.
                raise CannotWrite(str(error).replace(str(partial), str(path))) from error
            raise
        flush_folder(path.parent)


def flush_folder(path: str | os.PathLike) -> None:
    """Flush a folder's list of names, or a file, to the disk, so that a rename survives a power cut.

    Args:
        path: what exists already.
    """
    _flush(path)


def _flush(path: str | os.PathLike) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
