"""What `python -m keras_pose.export.benchmark` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, listed, option

# With far more LiteRT refuses the file, as if that were damaged.
_MOST_THREADS = 256


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Settings of one measurement; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    models: str = option(
        "",
        "Version folders, or folders of a model (the newest version counts), commas between.",
        exists="folders",
    )
    peer: str = option("", "Other .tflite files that are timed beside them, commas between.")
    threads: str = option("1,2", "Numbers of threads, commas between.")
    batch_sizes: str = option(
        "1,8,32", "Rows of a request to the SavedModel, commas between; empty leaves it out."
    )
    num_rounds: int = option(10, "Rounds in which each file has its turn.", low=1)
    seconds_per_turn: float = option(0.3, "About how long a turn is.", low=0.0)
    output: str = option("", "JSON file to write, with the tables beside it as .txt.")

    def __post_init__(self):
        check_ranges(self)
        if not listed(self.models) and not listed(self.peer):
            raise ValueError("--models is empty; give version folders of exported models.")
        for flag in ("threads", "batch_sizes"):
            words = [word for word in getattr(self, flag).split(",") if word]
            most = _MOST_THREADS if flag == "threads" else float("inf")
            if not all(word.isdecimal() and 0 < int(word) <= most for word in words):
                until = f" to {most}" if flag == "threads" else ""
                raise ValueError(
                    f"--{flag}={getattr(self, flag)} must be whole numbers from 1{until}, commas "
                    "between."
                )
        if not listed(self.threads):
            raise ValueError("--threads is empty; give numbers of threads, such as 1,2.")
