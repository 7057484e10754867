"""What an export can be told, whatever the network."""

import dataclasses
from typing import Any

from keras_pose.export.formats import FORMATS
from keras_pose.train.config import check_ranges, option
from keras_pose.train.runs import require_run

PHONE_SIGNATURES = ("decoded", "heatmaps")
"""What networks of heat maps have for phones, see `keras_pose.serving.phone`."""


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Settings of one export; field = flag.

    Raises:
        ValueError: if a value is out of range or no format.
    """

    model_dir: str = option("", "Run folder of the network to export.")
    export_dir: str = option("savedmodels", "Folder of all served models.")
    name: str = option("", "Name of the model: <export_dir>/<name>/<version>/.")
    version: int = option(0, "Version number; 0 uses the next free one.", low=0)
    formats: str = option(
        ",".join(FORMATS),
        "TFLite formats, separated by commas: float32, float16, int8 (8-bit weights, activations "
        "scaled in each call) and, only for heat-map networks, int8_static (activations on fixed "
        "scales too, for integer chips) and int8_full (inputs and outputs are integers too).",
    )

    def __post_init__(self):
        check_ranges(self)
        for kind in self.chosen_formats:
            if kind not in FORMATS:
                raise ValueError(
                    f"--formats={self.formats} names {kind!r}; choose among {', '.join(FORMATS)}."
                )

    def check_command(self, *others: Any) -> None:
        """Refuse a command that cannot be begun, before TensorFlow is imported.

        Args:
            *others: further settings of the command, of which there are none.

        Raises:
            ValueError: if run or name are missing, or there is no such run.
        """
        for flag in ("model_dir", "name"):
            if not getattr(self, flag):
                raise ValueError(
                    f"--{flag} is empty; give the {flag.replace('_', ' ')} of the export."
                )
        require_run("model_dir", self.model_dir)

    @property
    def chosen_formats(self) -> tuple[str, ...]:
        """The formats, each once."""
        return tuple(dict.fromkeys(word for word in self.formats.split(",") if word))

    @property
    def chosen_phone_signatures(self) -> tuple[str, ...]:
        """The signatures whose files are kept: all."""
        return PHONE_SIGNATURES


@dataclasses.dataclass(frozen=True)
class PictureExportConfig(ExportConfig):
    """Settings of one export of a network that sees pictures; field = flag.

    Raises:
        ValueError: if a value is out of range or no format.
    """

    data_dir: str = option(
        "",
        "Record folders of the run: their crops set the scales of int8_static and int8_full, and "
        "their hands the typical length of the reference bone. Without them rendered pictures are "
        "used.",
        exists="folders",
    )
    num_examples: int = option(
        64, "Number of crops that set the scales of int8_static and int8_full.", low=1
    )
    num_heldout: int = option(
        200, "Number of rendered pictures of unseen people on which each file is measured.", low=1
    )
    phone_signatures: str = option(
        ",".join(PHONE_SIGNATURES),
        "Which files for phones are kept, of networks of heat maps, separated by commas: decoded "
        "(joints) and heatmaps (maps, for decoding of one's own).",
    )

    def __post_init__(self):
        super().__post_init__()
        for name in self.chosen_phone_signatures:
            if name not in PHONE_SIGNATURES:
                raise ValueError(
                    f"--phone_signatures={self.phone_signatures} names {name!r}; choose among "
                    f"{', '.join(PHONE_SIGNATURES)}."
                )

    @property
    def chosen_phone_signatures(self) -> tuple[str, ...]:
        """The signatures whose files are kept, each once."""
        return tuple(dict.fromkeys(word for word in self.phone_signatures.split(",") if word))
