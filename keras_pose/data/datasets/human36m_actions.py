"""Names and numbers of Human3.6M: subjects of each split, actions, cameras, the corrupt recording."""

import re

SPLITS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
# Actions 2 to 16 of the data set; a record's class is the position here.
ACTIONS = (
    *(
        "Directions",
        "Discussion",
        "Eating",
        "Greeting",
        "Phoning",
        "Posing",
        "Purchases",
        "Sitting",
    ),
    *("SittingDown", "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether"),
)
FIRST_ACTION = 2
_OTHER_NAMES = {
    "TakingPhoto": "Photo",
    "WalkingDog": "WalkDog",
    "WalkingTogether": "WalkTogether",
}
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
# Subject 11, action 2, subaction 2, camera 1: the video is corrupt in the release.
CORRUPT_CLIP = ("S11", 0, 2, 1)
CORRUPT_VIDEO = ("S11", "Directions", "54138969")


def action_number(name: str) -> int:
    """Find an action by the name that a file of the release has.

    Args:
        name: for example `Directions 1` or `TakingPhoto`.

    Returns:
        Position in `ACTIONS`, -1 where it is none of them (as `_ALL`).
    """
    plain = re.sub(r"[\s_]*\d*$", "", name.strip()).replace(" ", "")
    plain = _OTHER_NAMES.get(plain, plain)
    return ACTIONS.index(plain) if plain in ACTIONS else -1
