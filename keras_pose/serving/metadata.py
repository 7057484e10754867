"""`metadata.json` of a version folder: joints, units, frames and signatures, for programs to read."""

import dataclasses
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose.codecs import PowerLaw, Uncertainty
from keras_pose.export import LoadedModel
from keras_pose.files import write_file
from keras_pose.skeletons import Skeleton

METADATA_NAME = "metadata.json"
JOINTS_NAME = "joints.txt"
"""Names of the joints in a `.tflite` file, one a line."""
SCHEMA = 1
KINDS = ("hand", "body")
SCORES = ("heatmap_peak", "presence", "none")

FRAME = (
    "camera: x right, y down, z forward; pixels are continuous, x right, y down, the centre of "
    "the top-left pixel at (0.5, 0.5)"
)


@dataclass(frozen=True)
class BoneLength:
    """What `bone_length_m` measures.

    Attributes:
        bones: pairs of joint names; the length is the sum over them.
        typical_m: in metres, taken where a client knows none.
        words: the same in words.
    """

    bones: tuple[tuple[str, str], ...]
    typical_m: float
    words: str


@dataclass(frozen=True)
class Metadata:
    """What a served network says of itself.

    Attributes:
        name: model name.
        version: version number.
        method: `peclr`, `wild3d`, `tips` or `mediapipe`.
        kind: one of `KINDS`.
        skeleton: name of the joint order.
        joints: names of the J joints, in order.
        bones: pairs of rows that are joined in drawings.
        root: name of the joint that is the origin where there is no camera.
        image_size: side S of the crop in px; 0 where there are no pictures.
        crop_scale: side of the square that is seen over the longer side of the box.
        side: `right` where left ones must be shown mirrored, else None.
        bone_length: what gives the pose its size, or None.
        depth_unit: unit of `depth`.
        score: one of `SCORES`.
        keypoints_3d_unit: unit of `keypoints_3d`.
        found_threshold: mean score of the joints below which nobody is there, and joints and `valid` are
            0; None where scores cannot tell, and in exports of before it was chosen.
        uncertainty: by which `sigma_2d` and `sigma_depth` follow from joints and scores; None where
            nobody measured it.
        signatures: signature name to `inputs` and `outputs`: name to `dtype` and `shape`.
        settings: what it was trained with, of `keras_pose.serving.publish.training_settings`; empty in
            exports of before they were kept.
    """

    name: str
    version: int
    method: str
    kind: str
    skeleton: str
    joints: tuple[str, ...]
    bones: tuple[tuple[int, int], ...]
    root: str
    image_size: int
    crop_scale: float
    side: str | None
    bone_length: BoneLength | None
    depth_unit: str
    score: str
    keypoints_3d_unit: str = "metres"
    found_threshold: float | None = None
    uncertainty: Uncertainty | None = None
    signatures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for field, choices in (("kind", KINDS), ("score", SCORES)):
            if getattr(self, field) not in choices:
                raise ValueError(
                    f"{field} of {self.name!r} is {getattr(self, field)!r}; use one of "
                    f"{', '.join(choices)}."
                )

    @property
    def units(self) -> dict[str, str]:
        """Unit of every input and output that has one."""
        if not self.image_size:
            return {
                "keypoints_2d": "pixels of any scale",
                "keypoints_3d": self.keypoints_3d_unit,
            }
        return {
            "bbox": "x, y, width, height in pixels of the picture",
            "K": "camera matrix in pixels of the picture",
            "bone_length_m": "metres",
            "keypoints_2d": "pixels of the picture (of the crop in serve_crop)",
            "keypoints_3d": self.keypoints_3d_unit,
            "depth": self.depth_unit,
            "sigma_2d": "as keypoints_2d: standard deviation along x and y, Laplace",
            "sigma_depth": "as depth: standard deviation, Gaussian",
        }


def describe_skeleton(skeleton: Skeleton) -> dict[str, Any]:
    """Return the fields of `Metadata` that a joint order settles.

    Args:
        skeleton: the joint order.
    """
    bones = tuple((parent, row) for row, parent in enumerate(skeleton.parents) if parent >= 0)
    return {
        "skeleton": skeleton.name,
        "joints": skeleton.joints,
        "bones": bones,
        "root": skeleton.joints[skeleton.root],
    }


def describe_signatures(model: LoadedModel) -> dict[str, Any]:
    """List what goes in and out of a SavedModel.

    Args:
        model: the loaded version folder.

    Returns:
        Signature name to `inputs` and `outputs`, each name to `dtype` and `shape`, None for free axes.
    """
    return {
        name: {
            "inputs": {key: _tensor(spec) for key, spec in sorted(inputs.items())},
            "outputs": {key: _tensor(spec) for key, spec in sorted(outputs.items())},
        }
        for name, (inputs, outputs) in sorted(model.signatures.items())
    }


def write_metadata(folder: str | os.PathLike, metadata: Metadata) -> Path:
    """Write `metadata.json` into a version folder.

    Args:
        folder: the folder, usually still hidden.
        metadata: the facts.

    Returns:
        The file.

    Raises:
        CannotWrite: if it cannot be written.
    """
    content = {"schema": SCHEMA, **dataclasses.asdict(metadata)}
    content |= {"units": metadata.units, "frame": FRAME}
    text = json.dumps(content, indent=1, allow_nan=False)
    return write_file(Path(folder) / METADATA_NAME, text + "\n")


def read_metadata(folder: str | os.PathLike) -> Metadata:
    """Read `metadata.json` of a version folder.

    Args:
        folder: version folder of an exported model.

    Returns:
        The facts.

    Raises:
        ValueError: if the file is missing or damaged, naming it.
    """
    path = Path(folder) / METADATA_NAME
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(
            f"{path} cannot be read ({reason}): give the version folder of an exported model."
        ) from error
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: export the model again.") from error
    try:
        if content["schema"] != SCHEMA:
            raise ValueError(
                f"{path} has schema {content['schema']}, but this version reads {SCHEMA}: export "
                "the model again."
            )
        content = {"settings": {}, "found_threshold": None, "uncertainty": None} | content
        known = {field.name: content[field.name] for field in dataclasses.fields(Metadata)}
        length = known["bone_length"]
        if length is not None:
            bones = tuple((first, second) for first, second in length["bones"])
            known["bone_length"] = BoneLength(bones, length["typical_m"], length["words"])
        if known["uncertainty"] is not None:
            laws = {
                name: PowerLaw(tuple(law["scales"]), tuple(law["exponents"]))
                for name, law in known["uncertainty"].items()
            }
            known["uncertainty"] = Uncertainty(**laws)
        known["joints"] = tuple(known["joints"])
        known["bones"] = tuple((int(a), int(b)) for a, b in known["bones"])
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path} lacks {error}: export the model again.") from error
    return Metadata(**known)


def _tensor(spec) -> dict[str, Any]:
    kind = "string" if spec.dtype.name == "string" else np.dtype(spec.dtype.as_numpy_dtype).name
    return {"dtype": kind, "shape": spec.shape.as_list()}
