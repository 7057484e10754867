"""Data in wings: `labels`, `pictures`, `records`, `motion`, `views`, `datasets`, `generated`, `doctor`.

Here: `prepare`, the only module that sees every wing. Not here: the names of a single wing; import
`keras_pose.data.records` and so on. `from keras_pose.data import read_mpii` still works: it looks up
the name in the wings.
"""

import keras_pose

WINGS = (
    *("labels", "pictures", "records", "motion", "views", "datasets", "generated"),
    "doctor",
)

__all__ = ["WINGS"]

__getattr__ = keras_pose.lazy_names(__name__, WINGS)
