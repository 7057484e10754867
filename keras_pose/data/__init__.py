"""Data in wings: `labels`, `pictures`, `records`, `motion`, `views`, `datasets`, `generated`, `doctor`.

Here: `prepare`, the one place that sees every wing. Not here: names of a wing's own; import
`keras_pose.data.records` and so on. `from keras_pose.data import read_mpii` goes on working: it looks
the name up in the wings.
"""

import keras_pose

WINGS = (
    *("labels", "pictures", "records", "motion", "views", "datasets", "generated"),
    "doctor",
)

__all__ = ["WINGS"]

__getattr__ = keras_pose.lazy_names(__name__, WINGS)
