"""A contact sheet of lifted people on photographs: `python -m benchmarks.lifted_people`.

A body network finds the joints, a lifter lifts them; each person is shown in the picture's box and in
space from two sides. There are no 3D labels of such pictures, so this is for eyes. The sheet shows
persons who can be recognised: keep it to yourself.
"""

import dataclasses

import cv2
import numpy as np

from benchmarks.detector_noise import people
from keras_pose.data.views.host_pixels import warp
from keras_pose.files import write_file
from keras_pose.geometry import affine2d
from keras_pose.predict.lifter import Lifter
from keras_pose.serving.pose_model import ServedPose
from keras_pose.skeletons import H36M_17, by_name, convert
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.viz import pose_panel, tile

# A person's crop is wider than the box, so that a limb outside shows.
_ROOM = 1.25


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the contact sheet; field = flag.

    Raises:
        ValueError: when a value is out of range or no file is named.
    """

    saved_model: str = option("", "Version folder of a body network.", exists="folder")
    lift: str = option("", "Version folder of a lifter.", exists="folder")
    data_dir: str = option("", "Folder with images and annotations.json (COCO).", exists="folder")
    num_pictures: int = option(24, "Pictures, taken evenly.", low=1)
    columns: int = option(3, "People beside each other.", low=1)
    height: int = option(200, "Height of each row, px.", low=64)
    output: str = option("", "PNG file to write.")

    def __post_init__(self):
        check_ranges(self)
        if not self.output:
            raise ValueError("--output is empty; name the PNG file to write.")


def draw_person(
    image: np.ndarray, box: np.ndarray, model: ServedPose, lifter: Lifter, height: int, title: str
) -> np.ndarray | None:
    """Draw one person as found and as lifted.

    Args:
        image: uint8 `[H, W, 3]` RGB.
        box: float `[4]`, x, y, width, height, px.
        model: finds the joints.
        lifter: lifts them.
        height: of the drawing, px.
        title: what is written on it, before the least score of a joint.

    Returns:
        uint8 `[height, W, 3]` RGB; None where the network or the lifter finds nobody.
    """
    found = model.predict(image, boxes=box[None])[0]
    skeleton = by_name(model.metadata.skeleton)
    points, score = found.keypoints_2d, np.clip(found.score, 0.0, 1.0)
    if skeleton != H36M_17:
        made_of = np.asarray(convert(np.eye(skeleton.num_joints), skeleton, H36M_17)[0]) != 0
        # A joint made of others is as sure as the least sure of them.
        score = np.where(made_of, score, np.inf).min(axis=-1)
        points = np.asarray(convert(points, skeleton, H36M_17)[0])
    if not np.all(np.isfinite(points)):
        return None
    lifted = lifter.lift(points[None].astype(np.float32), score[None].astype(np.float32))
    if not lifted["valid"][0]:
        return None
    matrix = affine2d.crop_matrix(box[:2] + box[2:] / 2, _ROOM * max(box[2:]), 0.0, height)
    crop = warp(image, matrix, height)
    inside = affine2d.apply(lifted["filled_2d"][0].astype(np.float64), matrix)
    return pose_panel(
        inside,
        lifted["keypoints_3d"][0],
        H36M_17,
        crop,
        height=height,
        title=f"{title} {score.min():.2f}",
    )


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    model, lifter = ServedPose(settings.saved_model), Lifter(settings.lift)
    drawn = [
        draw_person(image, box, model, lifter, settings.height, f"#{number}")
        for number, (image, box) in enumerate(people(settings.data_dir, settings.num_pictures))
    ]
    panels = [panel for panel in drawn if panel is not None]
    if not panels:
        raise ValueError(f"{settings.data_dir}: nobody was lifted; give another --saved_model.")
    step = settings.columns
    sheet = tile([panels[start : start + step] for start in range(0, len(panels), step)])
    done, png = cv2.imencode(".png", sheet[..., ::-1])
    if not done:
        raise ValueError(f"{settings.output}: the sheet cannot be written as PNG.")
    write_file(settings.output, png.tobytes())
    print(f"{len(panels)} of {len(drawn)} people lifted; written to {settings.output}.")


if __name__ == "__main__":
    run_binary(main, Settings)
