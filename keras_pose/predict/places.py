"""Which pictures of a folder are predicted, and sentences on what is left out."""

from collections.abc import Iterable
from pathlib import Path

from keras_pose.data.datasets.picture_folder import UNREAD, left_out_notes, list_pictures
from keras_pose.data.pictures.frames import VIDEO_ENDINGS
from keras_pose.data.pictures.picture import ENDINGS

DRAWN = ".overlay.jpg"
"""What the drawing of a picture is called: the picture's name and this."""

_DRAWN_FILM = ".overlay.mp4"
# Videos of other kinds; as pictures they would be called damaged.
_UNREAD_VIDEOS = (".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".mts")


def find_pictures(place: Path) -> tuple[Path, list[str], list[str]]:
    """List what `--pictures` names.

    Args:
        place: a picture, or a folder with all folders below.

    Returns:
        The folder, the names of the pictures in it, and sentences on what was left out.

    Raises:
        ValueError: if there is no picture.
    """
    if place.is_file():
        if place.name.lower().endswith(_UNREAD_VIDEOS):
            raise ValueError(
                f"--pictures={place} is a video of an unsupported kind; convert it to one of "
                f"{', '.join(VIDEO_ENDINGS)}."
            )
        return place.parent, [place.name], []
    if not place.is_dir():
        raise ValueError(f"--pictures={place} does not exist; give a picture, a folder or a video.")
    found = list_pictures(place)
    # Who writes into the folder of the pictures would else get drawings of drawings the second time.
    names = [name for name in found if not name.endswith(DRAWN)]
    notes = []
    if len(names) < len(found):
        notes.append(
            f"*{DRAWN} in {place}, drawings of this command, were left out: "
            f"{len(found) - len(names)} of {len(found)} pictures."
        )
    notes += left_out_notes(
        place,
        UNREAD + VIDEO_ENDINGS + _UNREAD_VIDEOS,
        "save pictures as JPEG or PNG, and give each video separately",
        (_DRAWN_FILM,),
    )
    if not names:
        raise ValueError(
            " ".join([f"--pictures={place} holds no picture ({', '.join(ENDINGS)}).", *notes])
        )
    return place, names, notes


def unused_boxes_notes(boxed: Iterable[str], names: Iterable[str], place: Path) -> list[str]:
    """Word which boxes belong to no picture of a folder.

    Args:
        boxed: names in the file of boxes.
        names: of the pictures.
        place: the folder.

    Returns:
        A sentence, or none.
    """
    unused = sorted(set(boxed) - set(names))
    if not unused:
        return []
    return [
        f"--boxes names {len(unused)} pictures that are not in {place}, the first: {unused[0]}."
    ]
