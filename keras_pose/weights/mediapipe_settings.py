"""What `python -m keras_pose.weights.mediapipe` can be told."""

import dataclasses

from keras_pose.train.config import check_ranges, option
from keras_pose.weights.mediapipe_wheel import VERSION

MODELS = ("hand_mediapipe", "body_mediapipe", "find_hands", "find_people")
PHONE_FORMATS = ("float32", "float16", "int8")
"""Those that need no examples to fix scales."""


@dataclasses.dataclass(frozen=True)
class MediapipeConfig:
    """Settings of the import; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    output: str = option("savedmodels", "Folder of all served models.")
    wheel: str = option(
        "",
        f"Wheel of mediapipe {VERSION}; empty uses an installed one of this version, or downloads "
        "it.",
    )
    size: str = option("full", "Of the networks of hands.", choices=("full", "lite"))
    formats: str = option(
        "float16,int8",
        "Of the files for phones, separated by commas: float32, float16, int8; empty writes none.",
    )
    models: str = option(
        ",".join(MODELS),
        "Which models to write, separated by commas.",
    )

    def __post_init__(self):
        check_ranges(self)
        for kind in self.chosen_formats:
            if kind not in PHONE_FORMATS:
                raise ValueError(
                    f"--formats={self.formats} names {kind!r}; choose among {', '.join(PHONE_FORMATS)}."
                )
        unknown = [name for name in self.models.split(",") if name not in MODELS]
        if unknown:
            raise ValueError(
                f"--models={self.models} names {unknown[0]!r}; choose from {', '.join(MODELS)}."
            )

    @property
    def chosen_formats(self) -> tuple[str, ...]:
        """Return the formats of the files for phones, each once."""
        return tuple(dict.fromkeys(word for word in self.formats.split(",") if word))
