"""The lifter of films: one 3D pose from T frames of 2D, taught by single frames and their consistency.

Here: the network over a window of frames, its training on disturbed films, its state for streaming. Not
here: the lifters of single frames that teach it (`tips`, `lifter_student`), what lifters share
(`lifting`).
"""

__all__: list[str] = []
