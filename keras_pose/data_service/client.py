"""The trainer's side: batches that input workers make, the same as it would make itself.

Worker i of N makes micro-batches i, N + i, 2 N + i ... of those that are asked for, each by its position
alone, and they are put together in order. TensorFlow's service promises no order among several workers
of one dispatcher, so every input worker has a dispatcher of its own; every batch bears its number, and
one that came out of turn would stop the run.
"""

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.data_service.messages import ask, read_addresses

Batches = Callable[..., tf.data.Dataset]
_ANSWER_S = 10.0
# How long a trainer goes without a batch before it asks whether the workers are still there.
_STARVED_S = 1.0
_READ_AHEAD = 2
_OUT_OF_TURN = "A batch of the data service came out of turn"


class DataService:
    """Input workers of a run.

    Args:
        addresses: as `read_addresses` takes them.
        request: what every worker must agree with and needs to open the data, JSON-ready.
        timeout_s: seconds to wait for a worker that is not there yet.

    Raises:
        ValueError: if an address is none, or a worker does not come, has other code or other records.
    """

    def __init__(self, addresses: str, request: dict[str, Any], timeout_s: float) -> None:
        self.addresses, self.timeout_s = read_addresses(addresses), timeout_s
        self._request = request
        self._ended = threading.Event()
        for address in self.addresses:
            try:
                ask(address, "meet", request, _ANSWER_S, timeout_s)
            except OSError as error:
                raise ValueError(
                    f"--data_service=grpc://{address}: no input worker has answered there for "
                    f"{timeout_s:.0f} s ({error}); start it with python -m keras_pose.data.input_worker "
                    "or correct the address."
                ) from error

    def batches(self, local: Batches) -> Callable[[int], tf.data.Dataset]:
        """Return the function of the first micro-batch that asks the workers for all from there on.

        Args:
            local: makes the same on this machine; the first batch of both is compared.
        """

        def remote(first: int) -> tf.data.Dataset:
            parts = [self._part(index, first) for index in range(len(self.addresses))]
            turns = tf.data.Dataset.range(len(parts)).repeat()
            batches = tf.data.Dataset.choose_from_datasets(parts, turns).enumerate(first)
            batches = batches.map(_in_turn, num_parallel_calls=1, deterministic=True)
            batches = self._beside(batches).prefetch(_READ_AHEAD)
            with self._failures():
                self._compare(next(iter(batches)), next(iter(local(first))))
            return batches

        return remote

    def skipped(self) -> dict[str, str]:
        """Return the records that the workers left out so far: id as text to reason."""
        found: dict[str, str] = {}
        for address in self.addresses:
            with contextlib.suppress(OSError, ValueError):
                found |= ask(address, "skipped", self._request, _ANSWER_S)["skipped"]
        return found

    @contextlib.contextmanager
    def as_sentence(self) -> Iterator[None]:
        """Turn the failure of a stream from a worker into one sentence.

        Yields:
            Nothing; wrap training in it. No batch is fetched after it.

        Raises:
            ValueError: if a worker met too many bad records.
            OSError: if a worker is gone.
        """
        try:
            with self._failures():
                yield
        finally:
            self._ended.set()

    @contextlib.contextmanager
    def _failures(self):
        try:
            yield
        except tf.errors.OpError as error:
            if _OUT_OF_TURN in str(error):
                raise OSError(f"{_OUT_OF_TURN}; {_AGAIN}") from error
            try:
                self._check()
            except (OSError, ValueError) as cause:
                raise cause from error
            raise

    def _check(self):
        """Say in one sentence that a worker is gone, or what stopped its stream."""
        for address in self.addresses:
            try:
                ask(address, "check", self._request, _ANSWER_S)
            except OSError as gone:
                raise OSError(
                    f"--data_service=grpc://{address}: this input worker has stopped ({gone}); {_AGAIN}"
                ) from gone

    def _beside(self, dataset):
        """Return the same, fetched by a thread: TensorFlow waits for a dead worker for ever."""

        def fetch(fetched):
            try:
                for element in dataset:
                    self._put(fetched, element)
                    if self._ended.is_set():
                        return
            except tf.errors.OpError as error:
                self._put(fetched, error)

        def pull():
            fetched: queue.Queue = queue.Queue(_READ_AHEAD)
            threading.Thread(target=fetch, args=(fetched,), daemon=True).start()
            while not self._ended.is_set():
                try:
                    found = fetched.get(timeout=_STARVED_S)
                except queue.Empty:
                    self._check()
                    continue
                if isinstance(found, tf.errors.OpError):
                    raise found
                yield found

        return tf.data.Dataset.from_generator(pull, output_signature=dataset.element_spec)

    def _put(self, fetched, item):
        while not self._ended.is_set():
            with contextlib.suppress(queue.Full):
                return fetched.put(item, timeout=_STARVED_S)

    def _part(self, index, first):
        address = self.addresses[index]
        place = {"first": first + index, "stride": len(self.addresses)}
        answer = ask(address, "open", self._request | place, self.timeout_s)
        return tf.data.experimental.service.from_dataset_id(
            processing_mode=tf.data.experimental.service.ShardingPolicy.OFF,
            service=f"grpc://{address}",
            dataset_id=answer["dataset_id"],
        )

    def _compare(self, theirs, mine):
        pairs = zip(tf.nest.flatten(theirs), tf.nest.flatten(mine), strict=False)
        if not _is_alike(theirs, mine) or not all(np.array_equal(a, b) for a, b in pairs):
            raise ValueError(
                f"--data_service: the first batch of {', '.join(self.addresses)} differs from the one "
                "that is made here; give trainers and input workers the same files and libraries."
            )


_AGAIN = "start it again, then the same command, which goes on from the newest checkpoint."


def _is_alike(one, other):
    try:
        tf.nest.assert_same_structure(one, other)
    except (ValueError, TypeError):
        return False
    return True


def _in_turn(expected, numbered):
    number, batch = numbered
    check = tf.debugging.assert_equal(number, expected, message=_OUT_OF_TURN)
    with tf.control_dependencies([check]):
        return tf.nest.map_structure(tf.identity, batch)
