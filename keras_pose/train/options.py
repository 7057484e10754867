"""What every training binary is told besides its method's config: where and how, not what."""

import dataclasses

from keras_pose.train.choices import STRATEGIES
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Flags shared by all trainers; none of them changes a result.

    Raises:
        ValueError: if a value is out of range.
    """

    mode: str = option(
        "train_and_eval",
        "train (no 3D evaluation), eval (the trained model of --model_dir) or train_and_eval.",
        choices=("train", "eval", "train_and_eval"),
    )
    model_dir: str = option("", "Run folder; the same command resumes an existing run.")
    data_dir: str = option("", "Folder of the data set.")
    strategy: str = option(
        "auto", "Distribution strategy: auto uses every GPU.", choices=STRATEGIES
    )
    steps_per_execution: int = option(
        1, "Training steps per graph call; more save time on a GPU with small networks.", low=1
    )
    checkpoints_to_keep: int = option(2, "Number of latest checkpoints to keep.", low=1)
    num_threads: int = option(
        0, "CPU threads per operation; 0 lets TensorFlow use every core.", low=0
    )

    def __post_init__(self):
        check_ranges(self)
