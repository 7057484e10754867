"""What `python -m keras_pose.hand_pose.evaluate` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class EvaluateConfig:
    """What is evaluated on what; field = flag.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    model_dir: str = option("", "Folder of a finished fine-tuning run.", exists="folder")
    released_weights: str = option(
        "",
        "Instead: the official fine-tuned weights (.pth), evaluated as by their authors.",
        exists="file",
    )
    encoder: str = option(
        "resnet50", "Encoder of --released_weights.", choices=("resnet50", "resnet152")
    )
    data_dir: str = option(
        "", "FreiHAND's folder, with evaluation/ and evaluation_K.json.", exists="folder"
    )
    output_dir: str = option("", "Where to write; empty writes to <model_dir>/freihand.")
    num_passes: int = option(2, "Crops per picture; 2 in the published results.", low=1, high=10)
    batch_size: int = option(32, "Pictures predicted together.", low=1)

    def __post_init__(self):
        check_ranges(self)
        if bool(self.model_dir) == bool(self.released_weights):
            raise ValueError("Give one of --model_dir and --released_weights.")
        if not self.data_dir:
            raise ValueError("--data_dir is empty; give FreiHAND's folder (docs/data.md).")
        if self.released_weights and not self.output_dir:
            raise ValueError(
                "--output_dir is empty; name a folder for the results of --released_weights."
            )
