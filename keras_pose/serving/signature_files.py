"""`.tflite` files of one signature of a served model, as it is, that know their units and joints."""

import os
from collections.abc import Sequence
from pathlib import Path

from keras_pose import export
from keras_pose.export import ModelNote, TensorNote
from keras_pose.files import write_file
from keras_pose.serving.metadata import METADATA_NAME, Metadata

JOINTS_NAME = "joints.txt"
# What has no unit; the names of further axes follow the batch.
_WORDS = {
    "image": "square RGB crop, grey levels 0 to 255",
    "score": "trust in the joint, see metadata.json",
    "valid": "1, or 0 where the input leaves the answer open, which is 0 then",
    "scale": "size of the 2D pose, pixels of the input",
}
_AXES = {
    "image": ("row", "column", "colour"),
    "keypoints_2d": ("joint", "coordinate"),
    "keypoints_3d": ("joint", "coordinate"),
    "depth": ("joint",),
    "score": ("joint",),
    "K": ("row", "column"),
    "bone_length_m": ("length",),
}


def write_signature_files(
    folder: str | os.PathLike, metadata: Metadata, signature: str, formats: Sequence[str]
) -> list[Path]:
    """Converts a signature to `<name>_<format>.tflite` files; those of maps are in `phone`.

    Args:
        folder: version folder with the SavedModel and its `metadata.json`, usually still hidden.
        metadata: what the model says of itself, its signatures included.
        signature: one of them.
        formats: of `convert_tflite` that need no examples.

    Returns:
        The files, of any number of rows.

    Raises:
        ValueError: if it cannot be converted.
        CannotWrite: if a file cannot be written.
    """
    written = []
    for kind in formats:
        content = export.convert_tflite(folder, signature, kind)
        note = ModelNote(
            metadata.name,
            f"{metadata.kind} ({metadata.skeleton}), {kind}; signature {signature}",
            str(metadata.version),
            "keras_pose",
            "see card.md beside the file",
        )
        files = {
            JOINTS_NAME: "".join(f"{joint}\n" for joint in metadata.joints),
            METADATA_NAME: (Path(folder) / METADATA_NAME).read_text(encoding="utf-8"),
        }
        content = export.write_tflite_metadata(content, note, _notes(metadata, signature), files)
        path = Path(folder) / f"{metadata.name}_{kind}.tflite"
        written.append(write_file(path, content))
    return written


def _notes(metadata, signature):
    tensors = metadata.signatures[signature]
    return {
        name: TensorNote(
            (_WORDS | metadata.units).get(name, name),
            ("batch", *_AXES.get(name, ())),
            metadata.image_size if name == "image" else 0,
            std=1.0 if name == "image" else 255.0,
            labels=JOINTS_NAME if _AXES.get(name) == ("joint",) else "",
        )
        for name in (*tensors["inputs"], *tensors["outputs"])
    }
