"""The lifter for what detectors give: missing joints, noise, tilted cameras, taught by exact lifters.

Here: the network that is told which joints are there, and its training on disturbed poses of a
teacher. Not here: the teacher (`tips`), what lifters share (`lifting`).
"""

__all__: list[str] = []
