"""How a run is described, driven, resumed and recorded, for every method.

Here: config <-> flags <-> JSON, strategy, checkpoints, callbacks, the run function. Not here: losses,
data or drawing; what differs between methods is passed in as a function.
"""
