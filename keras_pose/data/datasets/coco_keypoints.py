"""COCO's person keypoints: person_keypoints_train2017.json and the pictures' folder.

COCO annotates 17 joints, of which MPII's rows take twelve; pelvis and thorax are the middles of hips
and of shoulders where both are labelled, upper neck and top of the head are not labelled.
"""

import os
import pathlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from keras_pose.data.datasets.body_joints import labelled_joints
from keras_pose.data.labels.coco_categories import CategoryNames
from keras_pose.data.labels.coco_fields import (
    check_conditions,
    identity,
    is_crowd,
    keypoint_table,
    meets_conditions,
)
from keras_pose.data.labels.missing_joints import missing_joints, missing_note
from keras_pose.data.pictures.body_boxes import BODY_JOINT_MARGIN, PERSON_MARGIN
from keras_pose.data.pictures.boxes import joints_box, square_box
from keras_pose.data.pictures.picture import read_picture
from keras_pose.data.pictures.picture_size import check_picture_size
from keras_pose.data.records.record import Record, RecordSource
from keras_pose.files import read_json
from keras_pose.skeletons import COCO_17, MPII_16

LICENCE = "COCO annotations: CC BY 4.0; pictures: each under its own Flickr licence"
_ADVICE = "give person_keypoints_train2017.json or one of the same layout (docs/data.md)"


def read_coco_keypoints(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    min_joints: int = 6,
    min_side: float = 48.0,
    where: Mapping[str, Sequence[str]] | None = None,
    group_field: str = "group",
) -> RecordSource:
    """Describe the annotated persons of COCO.

    Args:
        path: the annotation file.
        pictures: folder of the pictures; if None `train2017` or `val2017`, as the file's name says,
            or `images`, beside the file or above it.
        min_joints: persons with fewer labelled joints of COCO's 17 are left out and counted.
        min_side: persons whose box is smaller on its longer side, px, are left out and counted.
        where: field of the annotations to the values that are admitted, for example
            `{"licence": ["Apache-2.0", "MIT"]}`; others are left out and counted.
        group_field: field of the annotations that says what belongs together (person, session);
            where it is missing each picture is a group, as in COCO itself.

    Returns:
        The records, joints in MPII_16 order; `id` is the annotation's. `box` is
        a square about the person's box, or about the joints where that has no area.

    Raises:
        ValueError: if the file is missing, damaged, of another layout or without such persons.
    """
    path = pathlib.Path(path)
    content = read_json(path)
    images, annotations = content.get("images"), content.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise ValueError(f"{path} has no lists 'images' and 'annotations'; {_ADVICE}.")
    try:
        files = {identity(image["id"]): image for image in images if str(image["file_name"])}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: an image lacks 'id' or 'file_name'; {_ADVICE}.") from error
    where = where or {}
    check_conditions(path, annotations, where)
    categories = CategoryNames(content, COCO_17, path)
    persons: list[tuple[int, dict, str, np.ndarray, np.ndarray]] = []
    counts = {
        "crowds": 0,
        "without keypoints": 0,
        "with too few joints": 0,
        "too small": 0,
        "of other fields": 0,
    }
    num_flat = num_missing = 0
    for number, annotation in enumerate(annotations):
        try:
            if is_crowd(annotation.get("iscrowd")):
                counts["crowds"] += 1
                continue
            if not meets_conditions(annotation, where):
                counts["of other fields"] += 1
                continue
            table = keypoint_table(annotation.get("keypoints"))
            if table is None:
                counts["without keypoints"] += 1
                continue
            if categories.is_other(annotation):
                continue
            image = files[identity(annotation["image_id"])]
            given = annotation.get("id")
            identifier = number if given is None else int(str(identity(given)))
            group = str(annotation.get(group_field, image["file_name"]))
            box = np.array(annotation.get("bbox") or (0, 0, 0, 0), np.float64).reshape(4)
            rows = categories.rows_of(annotation)
            table = table.reshape(17, 3)[rows or slice(None)]
            table[~np.isfinite(table).all(1), 2] = 0
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            if str(error).startswith(str(path)):
                raise
            raise ValueError(
                f"{path}: annotation {number} cannot be read ({str(error)[:80]}); {_ADVICE}."
            ) from error
        missing = missing_joints(table[:, :2]) & (table[:, 2] > 0)
        num_missing += int(missing.sum())
        table[missing, 2] = 0
        if (table[:, 2] > 0).sum() < min_joints:
            counts["with too few joints"] += 1
            continue
        square = joints_box(table[:, :2], table[:, 2], BODY_JOINT_MARGIN)
        if min(box[2:]) > 0:
            square = square_box(box, PERSON_MARGIN)
        if square is None or (min(box[2:]) > 0 and max(box[2:]) < min_side):
            counts["too small"] += 1
            continue
        num_flat += int(min(box[2:]) <= 0)
        persons.append((identifier, image, group, table, square))
    notes = [f"{count} persons {what} were left out." for what, count in counts.items() if count]
    notes += categories.notes
    if num_missing:
        notes.append(missing_note(num_missing))
    if num_flat:
        notes.append(f"{num_flat} boxes had no area and were computed from the joints.")
    if not persons and 0 < counts["too small"] == len(annotations) - counts["crowds"]:
        raise ValueError(
            f"{path}: every person is smaller than {min_side:g} px; if joints and boxes are "
            "fractions of the picture, between 0 and 1, multiply them by its width and height."
        )
    if not persons:
        raise ValueError(f"{path} has no person with {min_joints} labelled joints; {_ADVICE}.")
    root = _pictures(path, pictures)

    def read(position: int) -> Record:
        identifier, image, group, table, square = persons[position]
        file = str(image["file_name"])
        data, height, width = read_picture(root / file, file)
        check_picture_size(file, width, height, image, path.name)
        points, visible = labelled_joints(table[:, :2], table[:, 2], COCO_17, MPII_16)
        return Record(
            id=identifier,
            source="coco",
            name=file,
            image=data,
            height=height,
            width=width,
            skeleton=MPII_16.name,
            keypoints_2d=points,
            visible=visible,
            box=square,
            group=group,
        )

    return RecordSource("coco", LICENCE, MPII_16.name, len(persons), read, tuple(notes))


def _pictures(path: pathlib.Path, pictures: str | os.PathLike[str] | None) -> pathlib.Path:
    part = re.search(r"(train|val)20\d\d", path.name)
    names = ([part.group(0)] if part else []) + ["images"]
    beside = [folder / name for folder in (path.parent, path.parent.parent) for name in names]
    candidates = [pathlib.Path(pictures)] if pictures else beside
    for folder in candidates:
        if folder.is_dir():
            return folder
    raise ValueError(
        f"{candidates[0]} is not a folder; give the folder of the pictures (--pictures)."
    )
