"""What every training binary is told besides its method's config: where and how, not what."""

import dataclasses

from keras_pose.train.choices import STRATEGIES
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Flags shared by all trainers; none of them changes a result.

    Raises:
        ValueError: when a value is out of range.
    """

    mode: str = option(
        "train_and_eval",
        "train (no 3D evaluation), eval (the trained model of --model_dir) or train_and_eval.",
        choices=("train", "eval", "train_and_eval"),
    )
    model_dir: str = option("", "Run folder; the same command goes on with the run that is there.")
    data_dir: str = option("", "Folder of the data set.")
    restart: bool = option(
        False, "Begin anew in --model_dir; a run that is there is kept aside under another name."
    )
    strategy: str = option(
        "auto",
        "Distribution over devices: auto takes the workers of TF_CONFIG if it names several, else every "
        "GPU.",
        choices=STRATEGIES,
    )
    num_devices: int = option(0, "Devices of this process; 0 for all that there are.", low=0)
    worker_timeout_s: float = option(
        600.0, "Seconds to wait for the other workers of TF_CONFIG at the start.", low=1.0
    )
    steps_per_execution: int = option(
        1, "Training steps per graph call; saves time on a GPU with small networks.", low=1
    )
    checkpoint_steps: int = option(
        0, "Steps between two checkpoints inside an epoch; 0 leaves it to the clock.", low=0
    )
    checkpoint_minutes: float = option(
        10.0, "Minutes between two checkpoints inside an epoch; 0 leaves it to the steps.", low=0.0
    )
    checkpoints_to_keep: int = option(2, "How many of the latest checkpoints stay.", low=1)
    best_by: str = option(
        "",
        "Measure of epochs.jsonl by which the best epoch's checkpoint stays too, the smallest being the "
        "best; empty for none.",
    )
    num_threads: int = option(
        0, "Threads of one operation on the CPU; 0 lets TensorFlow use every core.", low=0
    )

    def __post_init__(self):
        check_ranges(self)
