"""What the doctor is asked to look at."""

import dataclasses

from keras_pose.train.choices import STRATEGIES
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the doctor; field = flag.

    Raises:
        ValueError: if a value is unknown.
    """

    model_dir: str = option("", "Run folder to look at; empty for none.")
    data_dir: str = option("", "Folders of data to look at, commas between them; empty for none.")
    strategy: str = option("auto", "Strategy that the run would ask for.", choices=STRATEGIES)
    json: bool = option(False, "Print one JSON document instead of lines.")

    def __post_init__(self):
        check_ranges(self)
