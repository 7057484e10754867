"""Pictures with joints in one JSON file, in the manner of COCO: images, annotations, categories.

Beside COCO's own fields, an image may have `group`, a class and `intrinsics`; an annotation
`world_m`, 3D joints in metres up to a translation, or `camera_m`, absolute ones in the camera frame,
a side and a score. Which field is the class, the side, the score and the box is an option. Hands and
bodies alike: the joint order says which.
"""

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from keras_pose.data.datasets.body_joints import body_skeleton, labelled_joints
from keras_pose.data.labels.coco_categories import CategoryNames
from keras_pose.data.labels.coco_fields import (
    check_conditions,
    count_missing,
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
from keras_pose.skeletons import HAND_21_FREIHAND, Skeleton, by_name, convert, converters

_ADVICE = "docs/data.md shows the layout"
_BONE = ("middle_mcp", "middle_pip")
_JOINT_FIELDS = ("keypoints", "camera_m", "world_m")


@dataclasses.dataclass(frozen=True)
class KeypointFields:
    """Which fields of a keypoint file mean what. An empty name means there is none.

    A field is looked for in the annotation first, then in the image.

    Args:
        label: class, a whole number.
        side: "left" or "right", in any case of letters.
        side_is_mirrored: True where the side was named by a program that takes pictures for
            mirrored ones, as MediaPipe Hands does: its "Left" is a right hand.
        score: how sure a pseudo label is, 0 to 1.
        box: x, y, width, height in px.
        group: session, person or scene.
        head_size: length that PCKh measures in, px.
    """

    label: str = ""
    side: str = ""
    side_is_mirrored: bool = False
    score: str = ""
    box: str = "bbox"
    group: str = "group"
    head_size: str = "head_size"


def read_keypoint_json(
    path: str | os.PathLike[str],
    pictures: str | os.PathLike[str] | None = None,
    joint_order: str = "hand_21_freihand",
    fields: KeypointFields | None = None,
    licence: str = "",
    name: str = "",
    where: Mapping[str, Sequence[str]] | None = None,
) -> RecordSource:
    """Describe a set of pictures with joints.

    Every annotation gives a record; images without one give a record without joints, which
    pretraining can use. A joint with the flag 0 is not labelled, whatever its coordinates. Crowds
    (COCO's `iscrowd`) are left out and counted.

    Hands are kept in HAND_21_FREIHAND order with their boxes as they are. Bodies are kept in MPII_16
    order, or MPII_16_SPINE if the file has 3D joints, and their boxes become squares with a quarter
    more room; without a box it is made from the joints.

    Args:
        path: the JSON file.
        pictures: folder of the pictures; `images` beside the file, or the file's own folder, if
            None.
        joint_order: name of the order of the joints in the file.
        fields: which fields mean what.
        licence: licence of the data; the file's own if empty.
        name: short name of the set; that of the file's folder if empty.
        where: field of the annotations to the values that are admitted; pictures of other annotations
            are left out too.

    Returns:
        The records. `id` is the annotation's number in the file; images without annotation are
        numbered on from there.

    Raises:
        ValueError: if the file is missing, damaged or not of this layout, joints of that order
            cannot be kept, or a field that `fields` names is nowhere in it.
    """
    path = pathlib.Path(path)
    fields = fields or KeypointFields()
    order = by_name(joint_order)
    content = read_json(path)
    images = _table(content, "images", path)
    annotations = _table(content, "annotations", path)
    _check_fields(fields, images, annotations, path)
    where = where or {}
    check_conditions(path, annotations, where)
    target = _kept_order(order, annotations)
    root = pathlib.Path(pictures) if pictures else path.parent / "images"
    if pictures is None and not root.is_dir():
        root = path.parent
    if not root.is_dir():
        raise ValueError(f"{root} is not a folder; give the folder of the pictures.")
    by_id = _images_by_id(images, path)
    pairs: list[tuple[dict, dict]] = []
    for number, annotation in enumerate(annotations):
        key = annotation.get("image_id")
        image = by_id.get(identity(key))
        if image is None:
            raise ValueError(
                f"{path}: annotation {number} names the image {key!r}, which is not in the file; "
                f"{_ADVICE}."
            )
        pairs.append((image, annotation))
    labelled = {id(image) for image, _ in pairs}
    bare = [image for image in images if id(image) not in labelled]
    num_annotations = len(pairs)
    pairs = [pair for pair in pairs if not _is_crowd(pair[1], path)]
    notes = []
    if num_annotations > len(pairs):
        notes.append(
            f"{num_annotations - len(pairs)} of {num_annotations} annotations are crowds and were "
            "left out."
        )
    num_persons = len(pairs)
    pairs = [pair for pair in pairs if meets_conditions(pair[1], where)]
    if not pairs and num_persons:
        raise ValueError(f"{path}: no annotation meets all conditions of --where; give fewer.")
    if num_persons > len(pairs):
        notes.append(
            f"{num_persons - len(pairs)} of {num_annotations} annotations have other fields and "
            "were left out."
        )
    categories = CategoryNames(content, order, path)
    pairs = [pair for pair in pairs if not (_has_joints(pair[1]) and categories.is_other(pair[1]))]
    rows = {id(a): categories.rows_of(a) for _, a in pairs if _has_joints(a)}
    notes += categories.notes
    if without := sum(not _has_joints(annotation) for _, annotation in pairs):
        notes.append(
            f"{without} of {num_annotations} annotations have no joints and become unlabelled "
            "records."
        )
    if num_missing := count_missing(annotation for _, annotation in pairs):
        notes.append(missing_note(num_missing))
    pairs += [(image, {}) for image in bare]
    if bare:
        notes.append(
            f"{len(bare)} of {len(images)} images have no joints and become unlabelled records."
        )
    name = name or path.resolve().parent.name
    licence = licence or ", ".join(
        str(entry.get("name", ""))
        for entry in content.get("licenses") or ()
        if isinstance(entry, dict)
    )

    def read(position: int) -> Record:
        image, annotation = pairs[position]
        file = str(image["file_name"])
        data, height, width = read_picture(root / file, file)
        try:
            in_order = _in_order(annotation, rows.get(id(annotation)), order)
            labels = _labels(image, in_order, order, target, fields)
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"{path.name}: the labels of {file} cannot be read ({str(error)[:120]}); correct "
                "them or leave them out."
            ) from error
        check_picture_size(file, width, height, image, path.name)
        return Record(
            id=position, source=name, name=file, image=data, height=height, width=width, **labels
        )

    return RecordSource(name, licence or "not stated", target.name, len(pairs), read, tuple(notes))


def _is_crowd(annotation: dict, path: pathlib.Path) -> bool:
    try:
        return is_crowd(annotation.get("iscrowd"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}.") from error


def _has_joints(annotation: dict) -> bool:
    return any(_is_given(annotation.get(key)) for key in _JOINT_FIELDS)


def _is_given(joints: Any) -> bool:
    return joints is not None and joints != []


def _in_order(annotation: dict, rows: list[int] | None, order: Skeleton) -> dict:
    """Return the annotation with its joints in the order, where its category has another."""
    changed = {}
    for key in _JOINT_FIELDS if rows else ():
        if not _is_given(annotation.get(key)):
            continue
        table = np.array(annotation[key], np.float64).reshape(-1, 3)
        if len(table) != order.num_joints:
            raise ValueError(
                f"{len(table)} joints instead of {order.num_joints} of {order.name} (--joint_order)"
            )
        changed[key] = table[rows].tolist()
    return annotation | changed


def _kept_order(order: Skeleton, annotations: list[dict]) -> Skeleton:
    hand = HAND_21_FREIHAND
    if order == hand or (order.name, hand.name) in converters():
        return hand
    depth = any(_is_given(a.get(key)) for a in annotations for key in ("camera_m", "world_m"))
    return body_skeleton(order, depth)


def _labels(
    image: dict, annotation: dict, order: Skeleton, target: Skeleton, fields: KeypointFields
) -> dict[str, Any]:
    """Fields of the record that come from the JSON file."""
    is_hand = target == HAND_21_FREIHAND

    def value(field):
        found = annotation.get(field) if field else None
        return image.get(field) if field and found is None else found

    labels: dict[str, Any] = {"skeleton": target.name}
    group = value(fields.group)
    labels["group"] = "" if group is None else str(group)
    table = keypoint_table(annotation.get("keypoints"))
    if table is not None:
        if len(table) != order.num_joints:
            raise ValueError(
                f"{len(table)} joints instead of {order.num_joints} of {order.name} (--joint_order)"
            )
        # What a joint that is not labelled has for coordinates means nothing: often null.
        if not np.isfinite(table[:, 2]).all():
            raise ValueError("a joint's flag is not finite")
        hidden = table[:, 2] <= 0
        table[hidden] = np.nan_to_num(table[hidden], posinf=0, neginf=0)
        table[missing_joints(table[:, :2]), 2] = 0
        if is_hand:
            points, _ = convert(table[:, :2], order, target)
            flags, _ = convert(table[:, 2:], order, target)
            visible = (flags[:, 0] > 0).astype(np.float32)
        else:
            points, visible = labelled_joints(table[:, :2], table[:, 2], order, target)
        if visible.any():
            labels |= {"keypoints_2d": points, "visible": visible}
    for field in ("camera_m", "world_m"):
        if _is_given(annotation.get(field)):
            points, _ = convert(np.array(annotation[field], np.float64), order, target)
            labels["keypoints_3d"] = points
            labels["has_absolute_depth"] = field == "camera_m"
            if is_hand:
                first, second = target.indices(_BONE)
                labels["scale"] = float(np.linalg.norm(points[first] - points[second]))
            break
    if value("intrinsics") is not None:
        labels["intrinsics"] = np.array(value("intrinsics"), np.float64)
    if value(fields.box) is not None:
        box = np.array(value(fields.box), np.float64)
        labels["box"] = box if is_hand else square_box(box, PERSON_MARGIN)
    elif not is_hand and "keypoints_2d" in labels:
        labels["box"] = joints_box(labels["keypoints_2d"], labels["visible"], BODY_JOINT_MARGIN)
    if value(fields.label) is not None:
        labels["label"] = _class_number(value(fields.label))
    if value(fields.score) is not None:
        labels["score"] = float(value(fields.score))
    if value(fields.head_size) is not None:
        labels["head_size"] = float(value(fields.head_size))
    if value(fields.side) is not None:
        side = str(value(fields.side)).lower()
        if fields.side_is_mirrored:
            side = {"left": "right", "right": "left"}.get(side, side)
        labels["side"] = side
    return labels


def _class_number(value: Any) -> int:
    number = float(value)
    # The table of records has 32 bits for it.
    if not number.is_integer() or not -1 <= number < 2**31:
        raise ValueError(f"the class is {value!r}; give a whole number from 0, or -1 for none")
    return int(number)


def _check_fields(
    fields: KeypointFields, images: list[dict], annotations: list[dict], path: pathlib.Path
) -> None:
    """Refuse a field that was asked for and is nowhere; the usual names may be absent."""
    present = {key for entry in (*images, *annotations) for key in entry}
    for entry in dataclasses.fields(fields):
        name = getattr(fields, entry.name)
        if isinstance(name, str) and name != entry.default and name not in present:
            raise ValueError(
                f"{path}: no image and no annotation has the field {name!r}, which was given for "
                f"the {entry.name.replace('_', ' ')}; correct the name or omit it."
            )


def _table(content: dict, key: str, path: pathlib.Path) -> list[dict]:
    table = content.get(key)
    if not isinstance(table, list) or not all(isinstance(entry, dict) for entry in table):
        raise ValueError(f"{path} has no list of objects {key!r}; {_ADVICE}.")
    return table


def _images_by_id(images: list[dict], path: pathlib.Path) -> dict[Any, dict]:
    for number, image in enumerate(images):
        if "id" not in image or "file_name" not in image:
            raise ValueError(f"{path}: image {number} lacks 'id' or 'file_name'; {_ADVICE}.")
        if identity(image["id"]) is None or not isinstance(image["file_name"], str):
            raise ValueError(
                f"{path}: image {number} has the id {image['id']!r} and the file_name "
                f"{image['file_name']!r}; give a number or text as the id, and text as the "
                "file_name."
            )
    by_id = {identity(image["id"]): image for image in images}
    if len(by_id) != len(images):
        raise ValueError(f"{path}: two images have the same id; give each its own.")
    if not images:
        raise ValueError(f"{path} names no image; {_ADVICE}.")
    return by_id
