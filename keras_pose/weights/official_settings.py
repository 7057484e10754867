"""What the commands that import official weights can be told."""

import dataclasses
from typing import Any

from keras_pose.train.config import check_ranges, option

KINDS = ("torchvision_resnet", "peclr")
DEPTHS = (18, 34, 50, 101, 152)


@dataclasses.dataclass(frozen=True)
class EncoderConfig:
    """Settings of the import of an encoder; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    kind: str = option(
        "torchvision_resnet",
        "Whose file it is: torchvision_resnet (its classifier is left out) or peclr (the released "
        "contrastive or pose model, of which the encoder is taken).",
        choices=KINDS,
    )
    file: str = option("", "Torch file (.pth).", exists="file")
    encoder: str = option(
        "resnet50",
        "Architecture of the encoder.",
        choices=tuple(f"resnet{depth}" for depth in DEPTHS),
    )
    output: str = option("", "File to write, ending in .weights.h5.")

    def __post_init__(self):
        check_ranges(self)

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which there are none.

        Raises:
            ValueError: if a place is missing.
        """
        if not self.file:
            raise ValueError("--file is empty; give the torch file of the encoder.")
        if not self.output.endswith(".weights.h5"):
            raise ValueError(f"--output={self.output} must end in .weights.h5.")


@dataclasses.dataclass(frozen=True)
class NetworkFile:
    """Where the official hourglass lies and where its run goes; field = flag."""

    file: str = option(
        "", "Torch file (.pth) with the state dict of the official network.", exists="file"
    )
    model_dir: str = option("", "Run folder to write, for --init_from and export.")

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which none matters here.

        Raises:
            ValueError: if a place is missing.
        """
        for flag in ("file", "model_dir"):
            if not getattr(self, flag):
                raise ValueError(f"--{flag} is empty; give it.")
