"""What body networks share: records with and without depth, crops, measures, served signatures.

Here: what any network for a person's 16 joints needs. Not here: a single network, its loss or its
training command (`wild3d`).
"""

__all__: list[str] = []
