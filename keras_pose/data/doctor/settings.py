"""What `python -m keras_pose.data.doctor.check` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class CheckConfig:
    """What to check and how strictly.

    Raises:
        ValueError: if a value is out of range or --input is missing.
    """

    input: str = option("", "Folder of records.", exists="folder")
    max_records: int = option(
        0, "Check only this many evenly spaced records; 0 checks all of them.", low=0
    )
    strict: bool = option(False, "Fail on warnings too.")

    def __post_init__(self):
        check_ranges(self)
        if not self.input:
            raise ValueError("--input is missing; name the folder of records.")
