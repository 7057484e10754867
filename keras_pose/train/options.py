"""What every training binary is told besides its method's config: where and how, not what."""

import dataclasses
import os
from typing import Any, ClassVar

from keras_pose.data_service.messages import read_addresses
from keras_pose.train.choices import STRATEGIES
from keras_pose.train.config import check_ranges, option
from keras_pose.train.runs import holds_exported, require_run


@dataclasses.dataclass(frozen=True)
class RunOptions:
    """Flags shared by all trainers; none of them changes a result but by rounding.

    Raises:
        ValueError: if a value is out of range.
    """

    groups: ClassVar[dict[str, str]] = {"Where and how": "mode"}

    mode: str = option(
        "train_and_eval",
        "train (no 3D evaluation), eval (the trained model of --model_dir) or train_and_eval.",
        choices=("train", "eval", "train_and_eval"),
    )
    model_dir: str = option("", "Run folder; the same command resumes an existing run.")
    data_dir: str = option("", "Folder of the data set.", exists="folders")
    restart: bool = option(
        False, "Begin anew in --model_dir; a run that is there is kept aside under another name."
    )
    strategy: str = option(
        "auto",
        "Distribution strategy: auto uses the workers of TF_CONFIG if it names several, else every GPU.",
        choices=STRATEGIES,
    )
    num_devices: int = option(0, "Devices of this process; 0 for all that there are.", low=0)
    worker_timeout_s: float = option(
        600.0,
        "Seconds to wait at the start for the other workers of TF_CONFIG and those of --data_service.",
        low=1.0,
    )
    data_service: str = option(
        "",
        "Input workers that make the batches, grpc://host:port of each with commas between; see python "
        "-m keras_pose.data.input_worker. Batches are the same as without. Empty makes them here.",
    )
    steps_per_execution: int = option(
        1, "Training steps per graph call; more save time on a GPU with small networks.", low=1
    )
    jit_compile: str = option(
        "auto",
        "Whether XLA compiles the training step: auto where that was measured to be faster for this "
        "trainer (docs/benchmarks.md), true or false; it changes results by rounding, and what dropout "
        "draws. Never on several replicas.",
        choices=("auto", "true", "false"),
    )
    checkpoint_steps: int = option(
        0, "Steps between two checkpoints inside an epoch; 0 leaves it to the clock.", low=0
    )
    checkpoint_minutes: float = option(
        10.0, "Minutes between two checkpoints inside an epoch; 0 leaves it to the steps.", low=0.0
    )
    checkpoints_to_keep: int = option(2, "Number of latest checkpoints to keep.", low=1)
    best_by: str = option(
        "",
        "Measure of epochs.jsonl, smaller being better, whose best epoch's checkpoint is kept too; empty "
        "for none.",
    )
    num_threads: int = option(
        0, "CPU threads per operation; 0 lets TensorFlow use every core.", low=0
    )

    def __post_init__(self):
        check_ranges(self)
        read_addresses(self.data_service)

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: the command's other settings, that of the method among them.

        Raises:
            ValueError: if a folder is missing that the command needs.
        """
        if not self.model_dir:
            raise ValueError("--model_dir is empty; name a folder for the run.")
        if os.path.lexists(self.model_dir) and not os.path.isdir(self.model_dir):
            raise ValueError(
                f"--model_dir={self.model_dir} is not a folder; name one, or one that can be made."
            )
        if self.mode == "eval":
            require_run("model_dir", self.model_dir)
            return
        for config in others:
            for flag in ("teacher", "init_from"):
                place = getattr(config, flag, "")
                if os.path.isfile(place) or (os.path.isdir(place) and holds_exported(place)):
                    continue
                if place:
                    require_run(flag, place)
            dataset = getattr(config, "dataset", "generated")
            if dataset != "generated" and not self.data_dir:
                what = f"the folder of --dataset={dataset}"
                if dataset == "records":
                    what = (
                        "the record folders that keras_pose.data.prepare wrote, separated by commas"
                    )
                raise ValueError(
                    f"--data_dir is empty; name {what}, or use --dataset=generated, which needs none."
                )
