"""TIPS: lifting 2D poses to 3D without 3D labels (arXiv 2205.05980), from config to served model.

Here: what is specific to this paper. Not here: anything a second method could use (the shared rooms).
"""

__all__: list[str] = []
