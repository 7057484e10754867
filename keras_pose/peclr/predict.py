"""Predicts hands in pictures: `python -m keras_pose.peclr.predict --saved_model=<version folder> ...`.

    --pictures=<file or folder> --output=<folder> [--boxes=...] [--focal_px=... | --assume_fov_deg=...]

Writes `<picture>.json` (joints in the picture's pixels, metres in the camera's frame) and
`<picture>.overlay.jpg`. Metric 3D needs a camera: it is given, or assumed where the command says so;
without one there are 2D joints and relative depths, and the file says why.
"""

import dataclasses
import json
import os
import re
from pathlib import Path

import numpy as np

from keras_pose.data.picture import ENDINGS, decode_picture, encode_picture
from keras_pose.data.picture_folder import list_pictures, read_boxes
from keras_pose.export import write_file
from keras_pose.peclr.exported import SIDES, ExportedHandPose, Hand
from keras_pose.peclr.overlay import draw_picture_hands
from keras_pose.skeletons import HAND_21_FREIHAND
from keras_pose.train import config as configs
from keras_pose.train.config import check_ranges, option

_ENDS_OF_BONES = {
    "middle": "from middle knuckle (mcp) to the next joint (pip)",
    "index": "from the wrist to the index knuckle (mcp)",
}


@dataclasses.dataclass(frozen=True)
class PredictConfig:
    """What is predicted, and what is known of the camera; field = flag.

    Raises:
        ValueError: when a value is out of range or two values contradict each other.
    """

    saved_model: str = option("", "Version folder that keras_pose.peclr.export wrote.")
    pictures: str = option("", "A picture, or a folder of pictures (with all folders below).")
    output: str = option("", "Folder to write to.")
    boxes: str = option(
        "",
        "Hand boxes: a .csv of rows name,x,y,width,height or a .json, as keras_pose.data.prepare takes "
        "them, or x,y,width,height itself for all pictures; empty crops the whole picture.",
    )
    side: str = option("right", "Which hands these are.", choices=SIDES)
    focal_px: float = option(
        0.0, "Focal length in pixels of the picture; its middle is the principal point.", low=0.0
    )
    assume_fov_deg: float = option(
        0.0,
        "Instead: assume a lens with this field of view over the picture's longer side, degrees. 3D is "
        "then as wrong as the assumption.",
        low=0.0,
        high=150.0,
    )
    bone_length_m: float = option(
        0.03,
        "Length of the network's reference bone in metres; 0.03 is an average adult's from the middle "
        "knuckle to the next joint.",
        low=1e-3,
        high=1.0,
    )
    require_3d: bool = option(False, "Refuse to run without a camera.")
    crop_scale: float = option(
        0.0,
        "Side of the crop over the box's longer side; 0 takes what was trained.",
        low=0.0,
        high=10.0,
    )

    def __post_init__(self):
        check_ranges(self)
        if self.focal_px and self.assume_fov_deg:
            raise ValueError(
                "--focal_px and --assume_fov_deg contradict each other; give the one that you know."
            )
        if self.require_3d and not (self.focal_px or self.assume_fov_deg):
            raise ValueError(
                "--require_3d needs a camera: give --focal_px, or --assume_fov_deg=60 to assume a "
                "common lens."
            )


def camera_matrix(config: PredictConfig, height: int, width: int) -> np.ndarray | None:
    """Returns the camera of a picture, or None where the command names none.

    Args:
        config: `focal_px` and `assume_fov_deg` are used.
        height: of the picture in px.
        width: of the picture in px.

    Returns:
        float64 [3, 3] in px, principal point in the middle.
    """
    focal = config.focal_px
    if config.assume_fov_deg:
        focal = max(height, width) / (2.0 * np.tan(np.radians(config.assume_fov_deg) / 2.0))
    if not focal:
        return None
    return np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])


def predict_pictures(config: PredictConfig) -> dict[str, str]:
    """Predicts all pictures and writes their files.

    A picture that cannot be predicted does not stop the others.

    Args:
        config: what to predict.

    Returns:
        Picture to the sentence on why it could not be predicted; empty if all could.

    Raises:
        ValueError: if nothing can be predicted at all: model, pictures or boxes are missing.
        OSError: if something cannot be written.
    """
    for flag in ("saved_model", "pictures", "output"):
        if not getattr(config, flag):
            raise ValueError(f"--{flag} is empty; say what --{flag} is.")
    root, names = _pictures(config.pictures)
    boxes = _boxes(config.boxes, names)
    model = ExportedHandPose(config.saved_model, config.crop_scale)
    failures = {}
    for name in names:
        if boxes is not None and name not in boxes:
            failures[name] = f"{name}: --boxes has no box for this picture; add one or remove it."
            continue
        try:
            with open(root / name, "rb") as file:
                image = decode_picture(file.read(), name)
            squares = _check_boxes(boxes[name] if boxes else [], image.shape, name)
        except (ValueError, OSError) as error:
            failures[name] = str(error)
            continue
        camera = camera_matrix(config, *image.shape[:2])
        hands = model.predict(image, squares, config.side, camera, config.bone_length_m)
        if not all(np.isfinite(hand.keypoints_2d).all() for hand in hands):
            failures[name] = f"{name}: the network answers no numbers; export it again."
            continue
        content = _describe(name, image.shape, hands, squares, camera, config, model)
        target = Path(config.output) / name
        write_file(f"{target}.json", _json_text(content))
        overlay = draw_picture_hands(
            image,
            np.stack([hand.keypoints_2d for hand in hands]),
            [hand.keypoints_3d for hand in hands],
            np.stack([_corners(hand, model.image_size) for hand in hands]),
        )
        write_file(f"{target}.overlay.jpg", encode_picture(overlay))
    return failures


def _pictures(path):
    """The folder of the pictures and their names in it."""
    place = Path(path)
    if place.is_file():
        return place.parent, [place.name]
    if not place.is_dir():
        raise ValueError(f"--pictures={path} does not exist; give a picture or a folder.")
    names = list_pictures(place)
    if not names:
        raise ValueError(f"--pictures={path} holds no picture ({', '.join(ENDINGS)}).")
    return place, names


def _boxes(text, names):
    """Name to boxes, or None for whole pictures."""
    if not text:
        return None
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        return read_boxes(text)
    if len(numbers) != 4:
        raise ValueError(f"--boxes={text} has {len(numbers)} numbers; give x,y,width,height.")
    return dict.fromkeys(names, [tuple(numbers)])


def _check_boxes(boxes, shape, name):
    """Boxes float64 [N, 4] that show something of the picture; the whole picture for none."""
    height, width = shape[:2]
    if not boxes:
        return np.array([[0.0, 0.0, width, height]])
    for box in boxes:
        x, y, box_width, box_height = box
        words = "{:g},{:g},{:g},{:g}".format(*box)
        if not (np.isfinite(box).all() and box_width > 0 and box_height > 0):
            raise ValueError(
                f"{name}: the box {words} has no area; give x,y,width,height in pixels."
            )
        if x >= width or y >= height or x + box_width <= 0 or y + box_height <= 0:
            raise ValueError(
                f"{name}: the box {words} lies outside the picture of {width} x {height} px; give "
                "x,y,width,height in pixels of the upright picture."
            )
    return np.array(boxes, np.float64)


def _corners(hand: Hand, size: int) -> np.ndarray:
    """Corners of the crop in the picture, [4, 2]."""
    corners = np.array([[0.0, 0.0], [size, 0.0], [size, size], [0.0, size]])
    back = np.linalg.inv(np.vstack([hand.matrix, [0.0, 0.0, 1.0]]))[:2]
    return corners @ back[:, :2].T + back[:, 2]


def _describe(name, shape, hands, boxes, camera, config, model):
    """Content of a picture's JSON file."""
    trained = model.settings
    content = {
        "picture": name,
        "height": shape[0],
        "width": shape[1],
        "saved_model": config.saved_model,
        "skeleton": HAND_21_FREIHAND.name,
        "joints": list(HAND_21_FREIHAND.joints),
        "camera": _camera_words(camera, config),
        "crop": {
            "source": "box" if config.boxes else "picture",
            "trained_on": trained.crop_source if trained else None,
            "scale": model.crop_scale,
            "size": model.image_size,
        },
    }
    if camera is not None:
        bone = trained.reference_bone if trained else ""
        content["bone_length_m"] = config.bone_length_m
        content["bone"] = _ENDS_OF_BONES.get(bone, bone or "the network's reference bone")
    content["hands"] = []
    for hand, box in zip(hands, boxes, strict=True):
        entry = {
            "side": hand.side,
            "box": box.tolist(),
            "picture_to_crop": hand.matrix.tolist(),
            "keypoints_2d_px": hand.keypoints_2d.round(3).tolist(),
            "depth_bones": hand.depth.round(4).tolist(),
            "keypoints_3d_m": None,
            "valid": hand.valid,
        }
        if hand.keypoints_3d is not None:
            entry["keypoints_3d_m"] = hand.keypoints_3d.round(6).tolist()
        content["hands"].append(entry)
    return content


def _json_text(content):
    """JSON with a point per line, not a number per line."""
    text = json.dumps(content, indent=1, allow_nan=False)
    numbers = re.compile(r"\[\s+([-+.\deE,\s]*?)\s+\]")
    return numbers.sub(lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


def _camera_words(camera, config):
    if camera is None:
        return {
            "intrinsics": None,
            "note": "No camera was given, so there are 2D joints and relative depths alone; give "
            "--focal_px, or --assume_fov_deg to assume a lens.",
        }
    words = (
        f"assumed: a lens of {config.assume_fov_deg:g} degrees over the longer side; 3D is as wrong as "
        "this is"
        if config.assume_fov_deg
        else f"given: a focal length of {config.focal_px:g} px, principal point in the middle"
    )
    return {"intrinsics": camera.tolist(), "note": words}


def main(arguments: list[str]) -> None:
    """Entry point under absl: flags to config, config to files."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    config = configs.from_flags(PredictConfig)
    failures = predict_pictures(config)
    print(f"Written to {os.path.abspath(config.output)}.")
    if not (config.focal_px or config.assume_fov_deg):
        print("No camera was given: 2D joints and relative depths alone, no metric 3D.")
    for sentence in failures.values():
        print(f"not predicted: {sentence}")
    if len(failures) == 1:
        raise ValueError(next(iter(failures.values())))
    if failures:
        raise ValueError(
            f"{len(failures)} pictures could not be predicted, the first: "
            f"{next(iter(failures.values()))}"
        )


def run_main() -> None:
    """Console entry point: define the flags, run, and turn errors into one sentence and exit code 1."""
    configs.define_flags(PredictConfig)
    configs.run_binary(main)


if __name__ == "__main__":
    run_main()
