"""The account of bad records met while reading: each is logged once with its id, none silently.

Bytes can go bad after a set was prepared. A run goes on without such records up to a share of the
set, then stops with one sentence.
"""

import contextlib
import logging
import math
import threading
from collections.abc import Iterator

_LOG = logging.getLogger("keras_pose.data")


class BadRecords:
    """Counts bad records by id and stops when there are too many.

    Args:
        num_records: number of records of the stream's sources together.
        max_bad_fraction: share of them that may be bad; 0 stops at the first.

    Raises:
        ValueError: if the share is not between 0 and 1.
    """

    def __init__(self, num_records: int, max_bad_fraction: float = 0.0) -> None:
        if not 0 <= max_bad_fraction <= 1:
            raise ValueError(f"--max_bad_fraction={max_bad_fraction} must lie between 0 and 1.")
        self.num_records, self.max_bad_fraction = num_records, max_bad_fraction
        self._reasons: dict[int, str] = {}
        self._lock = threading.Lock()

    @property
    def reasons(self) -> dict[int, str]:
        """Id of each bad record met so far -> what is wrong with it."""
        with self._lock:
            return dict(self._reasons)

    def note(self, record_id: int, reason: str) -> None:
        """Count a record as bad; the same id counts once.

        Args:
            record_id: its id.
            reason: one sentence.

        Raises:
            ValueError: if more are bad than allowed.
        """
        with self._lock:
            is_new = record_id not in self._reasons
            self._reasons.setdefault(record_id, reason)
        if is_new:
            _LOG.warning("Bad record %d left out: %s", record_id, reason)
        self.check()

    def check(self) -> None:
        """Stop if too many records are bad.

        Raises:
            ValueError: if more are bad than allowed, in one sentence.
        """
        with self._lock:
            reasons = dict(self._reasons)
        if len(reasons) > math.floor(self.max_bad_fraction * self.num_records + 1e-9):
            last = next(reversed(reasons))
            raise ValueError(
                f"{len(reasons)} of {self.num_records} records are bad, more than "
                f"--max_bad_fraction={self.max_bad_fraction} allows; the last is {last}: "
                f"{reasons[last]}"
            )

    @contextlib.contextmanager
    def as_sentence(self) -> Iterator[None]:
        """Turn the stack trace with which a TensorFlow graph reports `note`'s error into its sentence.

        Wrap `fit` in it. An error that has nothing to do with bad records passes unchanged.

        Yields:
            Nothing.

        Raises:
            ValueError: if the body failed and too many records are bad; the sentence is that of `check`.
        """
        try:
            yield
        except Exception:
            self.check()
            raise
