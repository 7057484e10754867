"""Makes batches for trainers elsewhere: `python -m keras_pose.data.input_worker --data_dir=...`.

Trainers are given its address as `--data_service=grpc://host:port`; they say themselves what they train.
"""

import dataclasses

from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class InputWorkerSettings:
    """Where an input worker listens and what it reads.

    Raises:
        ValueError: if a value is out of range.
    """

    data_dir: str = option(
        "",
        "Data as the trainers' --data_dir names them; empty for generated ones.",
        exists="folders",
    )
    host: str = option("localhost", "Name or address by which trainers reach this machine.")
    port: int = option(
        5050,
        "First of three ports in a row: TensorFlow's dispatcher, its worker, and trainers' requests.",
        low=1,
        high=65533,
    )
    num_threads: int = option(
        0, "CPU threads per operation; 0 lets TensorFlow use every core.", low=0
    )

    def __post_init__(self):
        check_ranges(self)


def run_main() -> None:
    """Run the command; an error is one sentence and exit code 1."""
    run_binary("keras_pose.data.input_serving", InputWorkerSettings)


if __name__ == "__main__":
    run_main()
