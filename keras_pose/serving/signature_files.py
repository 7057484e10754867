"""`.tflite` files of one signature of a served model, as it is, that know their units and joints."""

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import numpy as np

from keras_pose import export
from keras_pose.export import ModelNote, TensorNote
from keras_pose.files import write_file
from keras_pose.serving.golden import Settle, ask, contract_bound, settled
from keras_pose.serving.metadata import JOINTS_NAME, METADATA_NAME, Metadata

# What has no unit; the names of further axes follow the batch.
_WORDS = {
    "image": "square RGB crop, grey levels 0 to 255",
    "score": "trust in the joint, see metadata.json",
    "valid": "1, or 0 where the input leaves the answer open, which is 0 then",
    "scale": "size of the 2D pose, pixels of the input",
    "filled_2d": "pixels of the input",
    "gravity": "unit vector",
    "boxes": "x, y, width, height, pixels of the input",
    "scores": "probability of the box, falling from row to row",
    "rotations": "radians, clockwise on screen; 0 is upright",
    "points": "key points, pixels of the input",
    "count": "number of rows that are filled",
    "more": "1 where there are more than there are rows",
    "state": "earlier frames, as the last answer gave them; 0 at first",
}
_AXES = {
    "image": ("row", "column", "colour"),
    "keypoints_2d": ("joint", "coordinate"),
    "keypoints_3d": ("joint", "coordinate"),
    "filled_2d": ("joint", "coordinate"),
    "gravity": ("coordinate",),
    "state": ("joint", "x, y and presence"),
    "depth": ("joint",),
    "boxes": ("row", "coordinate"),
    "scores": ("row",),
    "rotations": ("row",),
    "points": ("row", "point", "coordinate"),
    "score": ("joint",),
    "sigma_2d": ("joint",),
    "sigma_depth": ("joint",),
    "K": ("row", "column"),
    "bone_length_m": ("length",),
}


def write_signature_files(
    folder: str | os.PathLike,
    metadata: Metadata,
    signature: str,
    formats: Sequence[str],
    word: str = "",
    allowed_operations: Collection[str] = export.PORTABLE_OPERATIONS,
) -> list[Path]:
    """Convert a signature to `<name>[_<word>]_<format>.tflite` files; those of maps are in `phone`.

    Args:
        folder: version folder with the SavedModel and its `metadata.json`, usually still hidden.
        metadata: what the model says of itself, its signatures included.
        signature: one of them.
        formats: of `convert_tflite` that need no examples.
        word: what files' names have after the model's.
        allowed_operations: builtin operations that the files may use.

    Returns:
        The files, of any number of rows.

    Raises:
        ValueError: if it cannot be converted.
        CannotWrite: if a file cannot be written.
    """
    written = []
    for kind in formats:
        content = export.convert_tflite(
            folder, signature, kind, allowed_operations=allowed_operations
        )
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
        path = Path(folder) / signature_file(metadata.name, kind, word)
        written.append(write_file(path, content))
    return written


def compare_signature_files(
    folder: str | os.PathLike,
    metadata: Metadata,
    signature: export.Signature,
    name: str,
    formats: Sequence[str],
    given: Mapping[str, np.ndarray],
    bound: Callable[[str, str], export.Bound] = contract_bound,
    settle: Settle = dict,
    word: str = "",
) -> list[dict]:
    """Compare the files of `write_signature_files` with the Keras model.

    Args:
        folder: version folder.
        metadata: what the model says of itself.
        signature: the Keras side.
        name: of the signature.
        formats: of the files.
        given: name of an input to its array `[N, ...]`.
        bound: function of a format and an output's name to its bound.
        settle: what is compared of the outputs of either side.
        word: as in `write_signature_files`.

    Returns:
        Reports of `keras_pose.export.compare_tflite`, two per file.
    """
    reference = settle(ask(signature, given))
    reports = []
    for kind in formats:
        reports += export.compare_tflite(
            Path(folder) / signature_file(metadata.name, kind, word),
            name,
            reference,
            given,
            {key: bound(kind, key) for key in reference},
            # Pictures take the reference kernels long.
            reference_rows=2 if metadata.image_size else len(next(iter(given.values()))),
            settle=lambda runner, rows: settled(runner, settle),
        )
    return reports


def signature_file(name: str, format: str, word: str = "") -> str:  # noqa: A002 - as in convert_tflite
    """Return the name of a model's file of one signature.

    Args:
        name: of the model.
        format: one of the formats of `convert_tflite`.
        word: which signature, where a model has files of several.
    """
    return "_".join(part for part in (name, word, format) if part) + ".tflite"


def _notes(metadata, signature):
    tensors = metadata.signatures[signature]
    return {
        name: TensorNote(
            (_WORDS | metadata.units).get(name, name),
            ("batch", *_axes(name, shape)),
            shape[1] if name == "image" else 0,
            std=1.0 if name == "image" else 255.0,
            labels=JOINTS_NAME if _AXES.get(name) == ("joint",) else "",
        )
        for name, shape in _shapes(tensors)
    }


def _shapes(tensors):
    """Name and shape of everything that goes in or out."""
    for side in ("inputs", "outputs"):
        yield from ((name, entry["shape"]) for name, entry in tensors[side].items())


def _axes(name, shape):
    """Names of the axes behind the batch; whatever comes as a film has its frames first."""
    axes = _AXES.get(name, ())
    return ("frame", *axes) if axes and len(shape) == len(axes) + 2 else axes
