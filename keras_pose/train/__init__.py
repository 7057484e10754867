"""How a run is configured, driven, resumed and recorded, for every method.

Here: config <-> flags <-> JSON, strategy, checkpoints, callbacks, the run function. Not here: losses,
data or drawing; what differs between methods is passed in as a function.
"""

# Names of modules that import TensorFlow are fetched from those modules, so that this stays cheap.
from keras_pose.train.binary import run_binary
from keras_pose.train.config import (
    check_ranges,
    define_flags,
    differences,
    flagfile_text,
    from_dict,
    from_flags,
    option,
    to_dict,
)
from keras_pose.train.run_folder import open_run, read_epochs, read_run, update_run, write_epochs

__all__ = [
    "check_ranges",
    "define_flags",
    "differences",
    "flagfile_text",
    "from_dict",
    "from_flags",
    "open_run",
    "option",
    "read_epochs",
    "read_run",
    "run_binary",
    "to_dict",
    "update_run",
    "write_epochs",
]
