"""How well a network's features follow rotations and shifts of its picture, and ignore its colours.

A report for any hand run or exported hand network. Not here: training for that goal (`peclr`).
"""

__all__: list[str] = []
