"""A folder for records that are made for one run and go with it."""

import shutil
import tempfile
import weakref


class TemporaryRecords:
    """A folder that goes when nobody holds this object, silently, unlike `TemporaryDirectory`.

    Attributes:
        path: the folder.
    """

    def __init__(self) -> None:
        self.path = tempfile.mkdtemp(prefix="keras_pose_records_")
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
