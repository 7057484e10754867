"""What `python -m keras_pose.equivariance.report` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class ReportConfig:
    """What is measured on what; field = flag.

    Raises:
        ValueError: if a value is out of range or two values contradict each other.
    """

    model_dir: str = option(
        "",
        "Folder of a finished run of keras_pose.peclr, hand_pose or hand_student.",
        exists="folder",
    )
    saved_model: str = option(
        "", "Instead: version folder of an exported hand network.", exists="folder"
    )
    data_dir: str = option(
        "",
        "The run's record folders, separated by commas; unused if it trained on generated hands.",
        exists="folders",
    )
    output: str = option("", "HTML file to write; the numbers are written next to it as .json.")
    num_pictures: int = option(
        64,
        "Number of held-out pictures, evenly over all folders; fewer than 32 say little about "
        "features.",
        low=4,
    )
    tensorboard_dir: str = option("", "Folder for TensorBoard's pictures; empty writes none.")
    batch_size: int = option(64, "Views given to the network at once.", low=1)
    val_share: float = option(
        0.2,
        "Share of the groups that the run held out; only for old exports, whose metadata.json has "
        "no settings.",
        low=0.0,
        high=0.9,
    )
    split_seed: int = option(5, "Seed of that split; only for old exports.", low=0)

    def __post_init__(self):
        check_ranges(self)
        if bool(self.model_dir) == bool(self.saved_model):
            raise ValueError("Give one of --model_dir and --saved_model.")
        if not self.output.endswith(".html"):
            raise ValueError(
                f"--output={self.output} must end in .html; the JSON is written next to it."
            )
