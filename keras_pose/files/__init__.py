"""Careful reading and writing of files: completely or not at all, and only what was asked for.

Here: atomic writing, text and JSON, arrays, MATLAB, pickles of plain data, torch checkpoints. Not here:
what a file means (a record, a run, a pose).
"""

from keras_pose.files.atomic import (
    CannotWrite,
    check_writable,
    flush_folder,
    staged_file,
    staged_folder,
    write_file,
)
from keras_pose.files.text import json_bytes, read_json, sha256_of

__all__ = [
    "CannotWrite",
    "check_writable",
    "flush_folder",
    "json_bytes",
    "read_json",
    "sha256_of",
    "staged_file",
    "staged_folder",
    "write_file",
]
