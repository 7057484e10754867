"""Two-view crops per second on the host: `python -m benchmarks.augment`.

This package's pipeline against the published chain of OpenCV calls, both from encoded pictures in
memory to pairs of 128 px crops, in alternating rounds. docs/benchmarks.md says how to read the table.
"""

import collections
import concurrent.futures
import dataclasses
import random
import time
from collections.abc import Callable

import cv2
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import interleave, median_ratio
from benchmarks.table import text_table
from keras_pose.data.generated.hands import generate_hand
from keras_pose.data.pictures.picture import encode_picture
from keras_pose.data.views.draws import ViewRanges
from keras_pose.data.views.host_datasets import two_views_dataset
from keras_pose.peclr.official_views import OfficialDraw, official_view
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

OURS, PLAIN, THREADS = "keras_pose", "official_plain", "official_threads"
# Pictures of one hand, and of six hands side by side of which one is looked at, as in a video frame.
LAYOUTS = {"hand 224x224": (1, 1), "frame 672x448": (3, 2)}
_TILE_PX = 224
# Records in one step of a contestant; each gives two crops.
_STEP = 64


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    num_threads: int = option(2, "Cores that each contestant may use.", low=1)
    num_pictures: int = option(128, "Different pictures of each kind.", low=6)
    image_size: int = option(128, "Side of a crop in pixels.", low=16)
    num_rounds: int = option(7, "Rounds in which every contestant runs.", low=1)
    seconds_per_turn: float = option(3.0, "Time of each turn in seconds.", low=0.0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def make_records(num: int, layout: tuple[int, int]) -> dict[str, np.ndarray]:
    """Make records of generated hands.

    Args:
        num: number of records N.
        layout: columns and rows of hands in a picture; the first to the last are looked at in turn.

    Returns:
        Columns of records as `records_dataset` yields them, [N, ...].
    """
    hands = [generate_hand(index, 0, size=_TILE_PX) for index in range(num)]
    columns, rows = layout
    pictures, joints = [], []
    for index, hand in enumerate(hands):
        place = index % (columns * rows)
        around = [hands[(index - place + tile) % num].image for tile in range(columns * rows)]
        lines = [np.hstack(around[row * columns : (row + 1) * columns]) for row in range(rows)]
        pictures.append(encode_picture(np.vstack(lines)))
        joints.append(hand.keypoints_2d + _TILE_PX * np.array([place % columns, place // columns]))
    return {
        "image": np.array(pictures, object),
        "name": np.array([b"generated"] * num, object),
        "id": np.arange(num),
        "side": np.ones(num, np.int32),
        "height": np.full(num, rows * _TILE_PX, np.int32),
        "width": np.full(num, columns * _TILE_PX, np.int32),
        "box": np.zeros((num, 4), np.float32),
        "has_box": np.zeros(num, np.float32),
        "keypoints_2d": np.array(joints, np.float32),
        "visible": np.ones((num, 21), np.float32),
        "has_2d": np.ones(num, np.float32),
    }


def our_pipeline(records: dict[str, np.ndarray], settings: Settings, steps: int) -> tf.data.Dataset:
    """Return the pipeline that training uses, in batches of one step.

    It is finite from its source on, so that nothing is made beyond the steps that are timed and nothing
    goes on working in the others' turns.

    Args:
        records: from `make_records`.
        settings: threads and size.
        steps: number of batches.

    Returns:
        Dataset of batches.
    """
    dataset = tf.data.Dataset.from_tensor_slices(records).repeat().take(steps * _STEP)
    views = two_views_dataset(
        dataset,
        ViewRanges(),
        seed=0,
        epoch=lambda number: number,
        size=settings.image_size,
        crop_source="joints",
        parallel_calls=settings.num_threads,
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = settings.num_threads
    return views.batch(_STEP).with_options(options)


def official_pair(data: bytes, joints: np.ndarray, size: int) -> list[np.ndarray]:
    """Make two crops as the release does: from a file's bytes, one sample at a time.

    Args:
        data: encoded picture.
        joints: [J, 2], pixels.
        size: side S of a crop.

    Returns:
        Two uint8 [S, S, 3].
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    pair = []
    for _ in range(2):
        uniform = random.uniform
        draw = OfficialDraw(
            float(np.floor(uniform(45, -45))),
            uniform(0.9, 1.5),
            (int(uniform(0, 15)), int(uniform(0, 15))),
            (uniform(0.01, 1), uniform(0.01, 1), uniform(0.5, 1), uniform(5, 20)),
        )
        pair.append(official_view(image, joints, draw, size).picture)
    return pair


class Contestant:
    """A way to make crops, timed by the wall clock and by the processor time of all its threads.

    The processor time hardly notices other programs on the machine; the wall clock decides.

    Args:
        prepare: from a number of steps of 64 records to the function that makes their crops.
    """

    def __init__(self, prepare: Callable[[int], Callable[[], None]]) -> None:
        self._prepare = prepare
        self.processor_s: list[float] = []

    def __call__(self, steps: int) -> float:
        """Time some steps.

        Args:
            steps: how many.

        Returns:
            Seconds by the wall clock for all of them.
        """
        work = self._prepare(steps)
        wall, processor = time.perf_counter(), time.process_time()
        work()
        self.processor_s.append((time.process_time() - processor) / steps)
        return time.perf_counter() - wall


def contestants(records: dict[str, np.ndarray], settings: Settings) -> dict[str, Contestant]:
    """Make the contestants.

    Args:
        records: from `make_records`.
        settings: threads and size.

    Returns:
        Name to contestant.
    """
    pictures, joints = records["image"], records["keypoints_2d"]

    def ours(steps):
        pipeline = our_pipeline(records, settings, steps)
        return lambda: collections.deque(pipeline, maxlen=0)

    def official(first, count):
        for number in range(first, first + count):
            row = number % len(pictures)
            official_pair(pictures[row], joints[row], settings.image_size)

    def plain(steps):
        # OpenCV as it comes: its own threads inside each call.
        cv2.setNumThreads(settings.num_threads)
        official(0, steps * _STEP)
        cv2.setNumThreads(0)

    def threads(steps):
        with concurrent.futures.ThreadPoolExecutor(settings.num_threads) as pool:
            parts = [pool.submit(official, 16 * part, 16) for part in range(steps * _STEP // 16)]
            for part in parts:
                part.result()

    return {
        OURS: Contestant(ours),
        PLAIN: Contestant(lambda steps: lambda: plain(steps)),
        THREADS: Contestant(lambda steps: lambda: threads(steps)),
    }


def measure(settings: Settings) -> list[dict]:
    """Time all contestants on all kinds of pictures.

    Args:
        settings: what to run.

    Returns:
        JSON-ready rows, one per kind of picture and contestant.
    """
    rows = []
    for kind, layout in LAYOUTS.items():
        records = make_records(settings.num_pictures, layout)
        timers = contestants(records, settings)
        seconds = interleave(
            timers, settings.num_rounds, settings.seconds_per_turn, warm_up=list(timers)
        )
        # The warm-up is no round.
        processor = {name: timer.processor_s[1:] for name, timer in timers.items()}
        for name, times in seconds.items():
            rows.append(
                {
                    "pictures": kind,
                    "kilobytes": float(np.mean([len(data) for data in records["image"]])) / 1e3,
                    "contestant": name,
                    "crops_per_s": 2 * _STEP / float(np.median(times)),
                    "spread": max(times) / min(times),
                    "times_plain": median_ratio(seconds[PLAIN], times),
                    "times_threads": median_ratio(seconds[THREADS], times),
                    "processor_ms_per_crop": 500 * float(np.median(processor[name])) / _STEP,
                    "times_threads_processor": median_ratio(processor[THREADS], processor[name]),
                }
            )
    return rows


def table(rows: list[dict]) -> str:
    """Set the rows as one table.

    Args:
        rows: from `measure`.

    Returns:
        The table.
    """
    header = ("pictures", "contestant", "crops/s", "spread", "x plain", "x threads")
    return text_table(
        (*header, "CPU ms/crop", "x threads, CPU"),
        [
            (
                row["pictures"],
                row["contestant"],
                f"{row['crops_per_s']:.0f}",
                f"{row['spread']:.2f}",
                f"{row['times_plain']:.2f}",
                f"{row['times_threads']:.2f}",
                f"{row['processor_ms_per_crop']:.3f}",
                f"{row['times_threads_processor']:.2f}",
            )
            for row in rows
        ],
    )


def run(settings: Settings) -> tuple[dict, str]:
    """Measure and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.
    """
    description = machine.describe(settings.num_threads) | {"opencv": cv2.__version__}
    sentence = f"{machine.sentence(description)}; OpenCV {cv2.__version__}"
    print(sentence, flush=True)
    rows = measure(settings)
    text = table(rows)
    print(text)
    result = {
        "command": "python -m benchmarks.augment",
        "machine": description,
        "image_size": settings.image_size,
        "results": rows,
    }
    return result, f"{sentence}\n\n{text}"


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
