"""Which pictures of a folder are predicted, and sentences on what is left out."""

import collections
import os
from collections.abc import Iterable
from pathlib import Path

from keras_pose.data.picture import ENDINGS
from keras_pose.data.picture_folder import list_pictures
from keras_pose.data.video_frames import VIDEO_ENDINGS

DRAWN = ".overlay.jpg"
"""What the drawing of a picture is called: the picture's name and this."""

_DRAWN_FILM = ".overlay.mp4"
# What people keep beside JPEG files and believe to be predicted with them.
_UNREAD = (".gif", ".heic", ".heif", ".avif", ".jp2", ".jxl", ".jfif", ".dng", ".cr2", ".nef")
# Videos of other kinds; as pictures they would be called damaged.
_UNREAD_VIDEOS = (".webm", ".mpg", ".mpeg", ".wmv", ".flv", ".3gp", ".mts")


def find_pictures(place: Path) -> tuple[Path, list[str], list[str]]:
    """Lists what `--pictures` names.

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
                f"--pictures={place} is a video of a kind that is not read; convert it to one of "
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
    notes += _unread_notes(place)
    if not names:
        raise ValueError(
            " ".join([f"--pictures={place} holds no picture ({', '.join(ENDINGS)}).", *notes])
        )
    return place, names, notes


def unused_boxes_notes(boxed: Iterable[str], names: Iterable[str], place: Path) -> list[str]:
    """Words which boxes belong to no picture of a folder.

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
        f"--boxes names {len(unused)} pictures that {place} does not hold, the first: {unused[0]}."
    ]


def _unread_notes(root):
    others: collections.Counter[str] = collections.Counter()
    num_links = 0
    for place, folders, files in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        num_links += sum(os.path.islink(os.path.join(place, name)) for name in folders)
        seen = [name.lower() for name in files if name[0] != "." and not name.endswith(_DRAWN_FILM)]
        others.update(
            Path(name).suffix
            for name in seen
            if name.endswith(_UNREAD + VIDEO_ENDINGS + _UNREAD_VIDEOS)
        )
    notes = []
    if others:
        kinds = ", ".join(sorted(others))
        notes.append(
            f"{others.total()} files in {root} of kinds that a folder is not searched for ({kinds}) were "
            "left out; save pictures as JPEG or PNG, and give each video by itself."
        )
    if num_links:
        notes.append(
            f"{num_links} links to folders in {root} were not followed; give those folders themselves."
        )
    return notes
