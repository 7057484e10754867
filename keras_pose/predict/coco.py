"""Found poses in COCO's keypoint layout, for annotation programs and evaluation."""

from collections.abc import Mapping, Sequence

import numpy as np

from keras_pose.predict.pose import FoundPose
from keras_pose.predict.pose_files import FRAME, UNITS, json_text


def poses_coco(
    head: dict,
    poses: Sequence[FoundPose],
    sizes: Mapping[str, tuple[int, int]],
    min_score: float,
    cameras: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Write poses as COCO's `images`, `annotations` and `categories`.

    Beside COCO's fields an annotation has `camera_m`, joints in metres before the camera, or
    `world_m`, joints about the root, as `keras_pose.data.prepare --source=keypoint_json` reads them; and
    `side` and `person`.

    Args:
        head: what `header` returned.
        poses: what was found; those that are not valid are left out.
        sizes: name of each picture to (height, width).
        min_score: joints below it get COCO's flag 1, the others 2.
        cameras: name of each picture whose camera is known to its matrix `[3, 3]` in px; it becomes the
            image's `intrinsics`.

    Returns:
        The file's text.
    """
    numbers = {name: number for number, name in enumerate(sizes, start=1)}
    categories: dict[tuple[str, str], dict] = {}
    annotations: list[dict] = []
    for pose in poses:
        if not pose.is_valid:
            continue
        key = (pose.kind, pose.side)
        if key not in categories:
            categories[key] = _category(pose, len(categories) + 1)
        sure = np.where(pose.score >= min_score, 2, 1)
        points = np.concatenate([pose.keypoints_2d.round(3), sure[:, None]], axis=1)
        low, size = pose.keypoints_2d.min(0), np.ptp(pose.keypoints_2d, axis=0)
        annotation = {
            "id": len(annotations) + 1,
            "image_id": numbers[pose.picture],
            "category_id": categories[key]["id"],
            "keypoints": points.ravel().tolist(),
            "num_keypoints": int(pose.skeleton.num_joints),
            "bbox": np.concatenate([low, size]).round(3).tolist(),
            "area": round(float(size.prod()), 3),
            "iscrowd": 0,
            "score": round(float(pose.score.mean()), 4),
            "person": pose.person,
        }
        if pose.side:
            annotation["side"] = pose.side
        if pose.keypoints_3d is not None:
            field = "world_m" if pose.is_root_relative else "camera_m"
            annotation[field] = pose.keypoints_3d.round(6).tolist()
        annotations.append(annotation)
    described = {name: value for name, value in head.items() if name not in ("units", "skeletons")}
    description = (
        f"Predicted poses. keypoints: x and y in {UNITS['keypoints_2d_px']} (COCO's own labels count "
        "the top-left pixel's centre as 0 or 0.5 without saying so), v: 2 where the score is at least "
        f"{min_score:g}, else 1. bbox: around the joints, pixels. camera_m, world_m: metres, {FRAME}; "
        "world_m is about the root."
    )
    return json_text(
        {
            "info": {"description": description, **described},
            "images": [
                {"id": numbers[name], "file_name": name, "height": height, "width": width}
                | ({"intrinsics": cameras[name].tolist()} if cameras and name in cameras else {})
                for name, (height, width) in sizes.items()
            ],
            "annotations": annotations,
            "categories": list(categories.values()),
        }
    )


def _category(pose, number):
    name = f"{pose.side} hand" if pose.side else "person"
    return {
        "id": number,
        "name": name,
        "supercategory": "person",
        "joint_order": pose.skeleton.name,
        "keypoints": list(pose.skeleton.joints),
        # COCO counts joints from 1.
        "skeleton": [[parent + 1, child + 1] for parent, child in pose.skeleton.bones],
    }
