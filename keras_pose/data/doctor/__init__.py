"""What is wrong with a record folder, said before a training run is spent on it.

Here: checks of pictures, labels and bodies, each ending in a finding with its remedy. Not here: readers
of data sets, which refuse what they cannot read.
"""

__all__ = []
