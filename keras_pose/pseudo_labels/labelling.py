"""What a teacher says of pictures, kept only where it says the same of their variants.

A network that is unsure of a picture says something else of its mirror image, or when it sees it a
little smaller. That costs no label, so it tells good pseudo labels from bad ones.
"""

import collections
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.data.datasets.picture_folder import list_pictures
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.files import write_file
from keras_pose.pseudo_labels.settings import Settings
from keras_pose.serving.found_boxes import ServedFinder
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import Skeleton, by_name
from keras_pose.train.progress import ProgressBar

# The other variant sees so much more around the box.
_LARGER = 1.2


def mirrored_points(points: np.ndarray, width: float, skeleton: Skeleton) -> np.ndarray:
    """Bring joints that were found in a mirrored picture back into the picture.

    Args:
        points: `[N, J, 2]`, px of the mirrored picture.
        width: of the picture, px.
        skeleton: joint order; left and right change places.

    Returns:
        float64 `[N, J, 2]`, px of the picture.
    """
    back = np.asarray(points, np.float64)[:, list(skeleton.flip_permutation)]
    return np.stack([width - back[..., 0], back[..., 1]], axis=-1)


def label_picture(
    teacher: ServedPose, image: np.ndarray, boxes: np.ndarray, is_left: bool = False
) -> list[dict[str, Any]]:
    """Ask a teacher about boxes of a picture and of its variants.

    Args:
        teacher: the served network.
        image: uint8 `[H, W, 3]` RGB.
        boxes: `[N, 4]`, (x, y, width, height), px.
        is_left: whether these are left hands, for networks that are shown them mirrored.

    Returns:
        Per box that somebody is in: `bbox`; `points` float64 `[J, 2]` px, the mean over the variants;
        `score` float64 `[J]`; `agreement`, the largest mean distance of a variant over the box's side;
        `apart` float64 `[J]`, the same joint by joint.
    """
    skeleton = by_name(teacher.metadata.skeleton)
    width = image.shape[1]
    boxes = np.asarray(boxes, np.float64)
    centre, sides = boxes[:, :2] + boxes[:, 2:] / 2, boxes[:, 2:] * _LARGER
    answers = [
        teacher.predict(image, boxes, is_left=is_left),
        teacher.predict(image, np.hstack([centre - sides / 2, sides]), is_left=is_left),
    ]
    variants = [np.array([one.keypoints_2d for one in answer]) for answer in answers]
    # A network that mirrors left hands itself would see the same crop again.
    if teacher.metadata.side is None:
        turned = np.column_stack([width - boxes[:, 0] - boxes[:, 2], boxes[:, 1:]])
        answers.append(teacher.predict(np.ascontiguousarray(image[:, ::-1]), turned))
        points = np.array([one.keypoints_2d for one in answers[-1]])
        variants.append(mirrored_points(points, width, skeleton))
    labels = []
    for row, box in enumerate(boxes):
        if not all(answer[row].valid for answer in answers):
            continue
        points = np.array([variant[row] for variant in variants])
        apart = np.linalg.norm(points[1:] - points[0], axis=-1) / max(box[2:])
        labels.append(
            {
                "bbox": box,
                "points": points.mean(axis=0),
                "score": answers[0][row].score,
                "agreement": float(apart.mean(axis=1).max()),
                "apart": apart.max(axis=0),
            }
        )
    return labels


def label_folder(settings: Settings) -> tuple[dict[str, Any], collections.Counter]:
    """Label every picture of a folder.

    Args:
        settings: of the command.

    Returns:
        The file's content, and how many were kept and left out, by reason.

    Raises:
        ValueError: if teacher and finder are of different kinds or there is no picture.
    """
    teacher = ServedPose(settings.teacher)
    finder = ServedFinder(settings.finder) if settings.finder else None
    if finder and finder.metadata.kind != teacher.metadata.kind:
        raise ValueError(
            f"--finder={settings.finder} finds boxes for a {finder.metadata.kind} network, but "
            f"--teacher is a {teacher.metadata.kind} network; give a finder of its kind."
        )
    root = Path(settings.pictures)
    names = list_pictures(root)
    if not names:
        raise ValueError(f"--pictures={root} holds no picture; save them as JPEG or PNG.")
    counts: collections.Counter = collections.Counter()
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    bar = ProgressBar("pictures", len(names))
    for number, name in enumerate(names):
        bar.show(number)
        try:
            image = decode_picture((root / name).read_bytes(), name)
        except (ValueError, OSError):
            counts["pictures that cannot be read"] += 1
            continue
        size = {"height": image.shape[0], "width": image.shape[1]}
        # Pictures of one folder are often of one person, and must not be split.
        images.append({"id": number, "file_name": name, "group": str(Path(name).parent), **size})
        for label in _labels(teacher, finder, image, settings, counts):
            one = {"id": len(annotations), "image_id": number, "category_id": 1, "iscrowd": 0}
            annotations.append(one | label)
    bar.close()
    skeleton = by_name(teacher.metadata.skeleton)
    category = {"id": 1, "name": teacher.metadata.kind, "keypoints": list(skeleton.joints)}
    said = {
        "description": "Pseudo labels, not checked by a person.",
        "teacher": f"{teacher.metadata.name}, version {teacher.metadata.version}",
        "joint_order": skeleton.name,
        "agreement": settings.agreement,
        "min_score": settings.min_score,
    }
    content = {"info": said, "categories": [category], "images": images}
    return content | {"annotations": annotations}, counts


def _labels(teacher, finder, image, settings, counts) -> Iterator[dict[str, Any]]:
    if finder is None:
        boxes = [np.array([0.0, 0.0, image.shape[1], image.shape[0]])]
    else:
        boxes = [one.box for one in finder.find(image)]
    if not boxes:
        counts["pictures in which the finder saw nobody"] += 1
        return
    found = label_picture(teacher, image, np.array(boxes), settings.side == "left")
    counts["boxes in which the teacher saw nobody"] += len(boxes) - len(found)
    for label in found:
        # A joint on which the variants disagree is left out even where all joints together agree.
        sure = (label["score"] >= settings.min_score) & (label["apart"] <= 2 * settings.agreement)
        if label["agreement"] > settings.agreement:
            counts["left out: the teacher disagrees with itself"] += 1
        elif sure.sum() < settings.min_joints:
            counts["left out: too few sure joints"] += 1
        else:
            counts["kept"] += 1
            flags = np.where(sure, 2, 0)
            rows = np.column_stack([np.round(label["points"], 2), flags])
            yield {
                "bbox": np.round(label["bbox"], 2).tolist(),
                "keypoints": rows.ravel().tolist(),
                "num_keypoints": int(sure.sum()),
                "score": round(float(label["score"].mean()), 4),
                "agreement": round(label["agreement"], 4),
                "side": settings.side,
            }


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    content, counts = label_folder(settings)
    for what, count in counts.items():
        if count:
            print(f"{count:6d}  {what}")
    if not content["annotations"]:
        raise ValueError(
            f"--teacher={settings.teacher} is sure of nobody in {settings.pictures}, so nothing was "
            "written; look at its drawings with python -m keras_pose.predict."
        )
    write_file(settings.output, json.dumps(content))
    order = content["info"]["joint_order"]
    print(f"Wrote {settings.output}: {len(content['annotations'])} labels, joints {order}.")
    print(
        f"Next: python -m keras_pose.data.prepare --source=keypoint_json --input={settings.output} "
        f"--pictures={settings.pictures} --joint_order={order} --score_field=score --output=records/own"
    )
