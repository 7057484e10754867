"""Which record stands at a position of an endless stream: a pure function, no history.

`shuffle` gives every record once per epoch in an order keyed by (seed, epoch); `weighted` draws
with replacement, every source equally likely (the official sampler of PeCLR);
`in_order` is for evaluation. `grouped` is `shuffle` with records of one group side by side, so that a
batch is from one place: what tells pictures of it apart is not the place.
"""

import concurrent.futures
import threading
from collections.abc import Sequence

import numpy as np

from keras_pose.train.keyed_random import keyed_uniform

SAMPLERS = ("shuffle", "weighted", "in_order", "grouped")
# Numbers that no other draw of the same seed uses: 'ordr', 'draw' and 'chnk' in ASCII.
_ORDER, _DRAW, _CHUNK = 0x6F726472 << 32, 0x64726177 << 32, 0x63686E6B << 32


def epoch_order(seed: int, epoch: int, count: int) -> np.ndarray:
    """Return the order of one epoch.

    Args:
        seed: any whole number.
        epoch: counted from 0.
        count: number N of records.

    Returns:
        int64 `[N]`, every number from 0 to N - 1 once.
    """
    return np.argsort(keyed_uniform(seed, np.arange(count), _ORDER + epoch), kind="stable")


class RecordOrder:
    """Positions of an endless stream -> (source, record in the source).

    Args:
        lengths: number of records of each source.
        seed: any whole number.
        sampler: "shuffle", "weighted", "in_order" or "grouped".
        groups: for "grouped" alone, int `[N]`, group of every record, sources in turn.
        chunk: for "grouped" alone, how many records of one group stand side by side. What is left of
            the groups is mixed; what is left of that waits for another epoch.

    Raises:
        ValueError: if all sources are empty, or with "weighted" one is, the sampler is unknown, or there
            are fewer records than a chunk.
    """

    def __init__(
        self,
        lengths: Sequence[int],
        seed: int,
        sampler: str = "shuffle",
        groups: np.ndarray | None = None,
        chunk: int = 1,
    ) -> None:
        if sampler not in SAMPLERS:
            raise ValueError(
                f"sampler={sampler!r} is unknown; choose one of {', '.join(SAMPLERS)}."
            )
        if sum(lengths) < 1 or (sampler == "weighted" and min(lengths) < 1):
            # Drawing sources equally often, there is nothing to draw from it.
            raise ValueError(
                "A folder has no record to use (records by folder: "
                f"{', '.join(map(str, lengths))}); leave it out."
            )
        self._lengths = np.asarray(lengths, np.int64)
        self._ends = np.cumsum(self._lengths)
        self.seed, self.sampler = seed, sampler
        self._groups, self._chunk = groups, chunk
        if (sampler == "grouped") != (groups is not None):
            raise ValueError("sampler='grouped' and no other needs the groups of all records.")
        if not 1 <= chunk <= self._ends[-1]:
            raise ValueError(
                f"Groups cannot be read in chunks of {chunk} from {self._ends[-1]} records; lower the "
                "batch size."
            )
        self._orders: dict[int, np.ndarray] = {}
        self._lock = threading.Lock()
        # Sorting frees arrays as long as an epoch. The C library keeps freed memory per thread, and
        # tf.data calls from many: without a thread for this alone, memory grows epoch after epoch.
        self._worker = concurrent.futures.ThreadPoolExecutor(1)

    @property
    def epoch_length(self) -> int:
        """Positions of one epoch: the sum of the sources' lengths, whole chunks of it if grouped."""
        return int(self._ends[-1]) // self._chunk * self._chunk

    def locate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find what stands at some positions.

        Args:
            positions: int64 `[B]`, each at least 0.

        Returns:
            Source and record in that source, int64 `[B]` each.
        """
        positions = np.asarray(positions, np.int64)
        if self.sampler == "weighted":
            first = keyed_uniform(self.seed, positions, _DRAW)
            second = keyed_uniform(self.seed, positions, _DRAW + 1)
            source = (first * len(self._lengths)).astype(np.int64)
            return source, (second * self._lengths[source]).astype(np.int64)
        epochs, places = np.divmod(positions, self.epoch_length)
        if self.sampler in ("shuffle", "grouped"):
            places = places.copy()
            for epoch in np.unique(epochs):
                chosen = epochs == epoch
                places[chosen] = self._order(int(epoch))[places[chosen]]
        source = np.searchsorted(self._ends, places, side="right")
        return source, places - (self._ends - self._lengths)[source]

    def _order(self, epoch: int) -> np.ndarray:
        # Two are kept, since a stream may stand across the border of two epochs.
        with self._lock:
            if epoch not in self._orders:
                order = self._worker.submit(self._new_order, epoch).result()
                self._orders = {k: v for k, v in self._orders.items() if abs(k - epoch) == 1}
                self._orders[epoch] = order
            return self._orders[epoch]

    def _new_order(self, epoch: int) -> np.ndarray:
        order = epoch_order(self.seed, epoch, int(self._ends[-1]))
        return order if self._groups is None else self._by_group(order, epoch)

    def _by_group(self, order, epoch):
        """Return the same records in chunks of one group, the chunks shuffled."""
        assert self._groups is not None
        in_groups = order[np.argsort(self._groups[order], kind="stable")]
        sizes = np.unique(self._groups, return_counts=True)[1]
        whole, left = [], []
        for group in np.split(in_groups, np.cumsum(sizes)[:-1]):
            full = len(group) // self._chunk * self._chunk
            whole.append(group[:full])
            left.append(group[full:])
        # Leftovers in the epoch's order, or each would always lack the same groups.
        rest = np.concatenate(left)
        rest = rest[np.argsort(keyed_uniform(self.seed, rest, _ORDER + epoch), kind="stable")]
        chunks = np.concatenate([*whole, rest])[: self.epoch_length].reshape(-1, self._chunk)
        shuffled = keyed_uniform(self.seed, np.arange(len(chunks)), _CHUNK + epoch)
        return chunks[np.argsort(shuffled, kind="stable")].ravel()
