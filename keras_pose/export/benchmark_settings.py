"""What `python -m keras_pose.export.benchmark` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, listed, option

# With far more LiteRT refuses the file, as if that were damaged.
_MOST_THREADS = 256


@dataclasses.dataclass(frozen=True)
class BenchmarkConfig:
    """Settings of one measurement; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    models: str = option(
        "",
        "Version folders, or model folders (the newest version is used), separated by commas.",
        exists="folders",
    )
    peer: str = option("", "Other .tflite files to time with them, separated by commas.")
    threads: str = option("1,2", "Numbers of threads, separated by commas.")
    batch_sizes: str = option(
        "1,8,32", "Rows per request to the SavedModel, separated by commas; empty skips it."
    )
    num_rounds: int = option(10, "Number of rounds; each file has a turn in every round.", low=1)
    seconds_per_turn: float = option(0.3, "Approximate length of a turn.", low=0.0)
    output: str = option("", "JSON file to write; the tables are written next to it as .txt.")

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
                    f"--{flag}={getattr(self, flag)} must be whole numbers from 1{until}, "
                    "separated by commas."
                )
        if not listed(self.threads):
            raise ValueError("--threads is empty; give numbers of threads, such as 1,2.")
