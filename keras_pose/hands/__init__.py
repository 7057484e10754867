"""What hand networks share: records, crops, layers of the 2.5D codec, measures, served signatures.

Here: what pretraining, pose network and phone student all need. Not here: a single network, its loss
or its training command.
"""

__all__: list[str] = []
