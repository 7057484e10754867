"""What MediaPipe's own chain finds on labelled photographs: `python -m benchmarks.mediapipe_reference`.

Runs where `mediapipe==0.10.14` is installed (with absl-py and opencv-python), which does not go together
with the package's own requirements; `benchmarks.networks` reads what it writes. Each picture is looked
at for itself, at model complexity 1.
"""

import dataclasses
import json
import random
from pathlib import Path

import cv2
import numpy as np

from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: if a value is out of range or a folder is not given.
    """

    pictures: str = option("", "Folder with annotations.json, in COCO's format, and images.")
    kind: str = option("body", "What is looked for.", choices=("body", "hand"))
    num: int = option(200, "Labels whose pictures are drawn.", low=1)
    seed: int = option(3, "Seed of the draw.", low=0)
    output: str = option("", "JSON file to write.")

    def __post_init__(self):
        check_ranges(self)
        if not self.pictures or not self.output:
            raise ValueError("Give --pictures, a labelled folder, and --output, the file to write.")


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    # Elsewhere the module can be imported, and its settings read, without it.
    from mediapipe import solutions  # type: ignore[import-not-found]

    content = json.loads((Path(settings.pictures) / "annotations.json").read_text())
    names = {image["id"]: image["file_name"] for image in content["images"]}
    rows = list(content["annotations"])
    random.Random(settings.seed).shuffle(rows)
    chosen = {"static_image_mode": True, "model_complexity": 1, "min_detection_confidence": 0.5}
    if settings.kind == "hand":
        chain = solutions.hands.Hands(max_num_hands=1, **chosen)
    else:
        chain = solutions.pose.Pose(**chosen)
    joints = {}
    for row in rows[: settings.num]:
        name = names[row["image_id"]]
        image = cv2.imread(str(Path(settings.pictures) / "images" / name), cv2.IMREAD_COLOR)
        found = chain.process(np.ascontiguousarray(image[:, :, ::-1]))
        if settings.kind == "hand":
            marks = found.multi_hand_landmarks[0] if found.multi_hand_landmarks else None
        else:
            marks = found.pose_landmarks
        height, width = image.shape[:2]
        joints[name] = marks and [[mark.x * width, mark.y * height] for mark in marks.landmark]
    Path(settings.output).write_text(json.dumps({"joints": joints}))
    print(f"{settings.output}: {sum(map(bool, joints.values()))} of {len(joints)} pictures.")


if __name__ == "__main__":
    run_binary(main, Settings)
