"""Checks that find what is wrong with a record folder before training time is spent on it.

Here: checks of pictures, labels and bodies, each reporting findings with a remedy. Not here: readers
of data sets, which refuse what they cannot read.
"""

__all__ = []
