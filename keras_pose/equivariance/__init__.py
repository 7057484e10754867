"""How far a network's features follow turns and shifts of its picture, and ignore its colours.

A report on any run or exported network of hands. Not here: training with that aim (`peclr`).
"""

__all__: list[str] = []
