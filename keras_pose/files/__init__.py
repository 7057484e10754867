"""Files read and written with care: whole or not at all, and never more than was asked for.

Here: atomic writing, text and JSON, arrays, MATLAB, pickles of plain data, torch checkpoints. Not here:
what a file means (a record, a run, a pose).
"""

__all__: list[str] = []
