"""Data in wings: `pictures`, `records`, `motion`, `views`, `datasets`, `generated` and `doctor`.

Here: `prepare`, the only module that sees every wing. Not here: the names of a single wing; import
`keras_pose.data.records` and so on. `from keras_pose.data import read_mpii` still works: it looks up
the name in the wings.
"""

import importlib

WINGS = ("pictures", "records", "motion", "views", "datasets", "generated", "doctor")

__all__ = ["WINGS"]


def __getattr__(name: str) -> object:
    """Return a public name of one of the wings, which are imported only when asked."""
    for wing in WINGS:
        module = importlib.import_module(f"{__name__}.{wing}")
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"keras_pose.data has no name {name!r}; look in {', '.join(WINGS)}.")
