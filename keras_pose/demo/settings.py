"""What `python -m keras_pose.demo` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class DemoConfig:
    """Settings of the demo; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    output_dir: str = option("demo", "Folder for runs, models and report.html.")
    shipped_model: str = option(
        "savedmodels/tips_cmu", "Model that lifts the people in the report."
    )
    num_steps: int = option(1500, "Training steps of each adversarial run.", low=2)
    num_generated_frames: int = option(12000, "Frames of generated motion.", low=100)
    width: int = option(128, "Width of the networks.", low=4)

    def __post_init__(self):
        check_ranges(self)
