"""What a `.tflite` file says of itself: names, units and joints inside the file, read by phones' tools.

The convention is TensorFlow's: a flatbuffer of its metadata schema (identifier M001) lies in a buffer
named TFLITE_METADATA, and the files that it speaks of are a zip archive behind the model, so any unzip
finds them. LiteRT runs the file as before. The package that usually writes this, tflite-support, ended
with Python 3.11.
"""

import io
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_pose.export.flat_tables import read_table, write_table
from keras_pose.export.flatbuffer import pack, signature_tensors, unpack

IDENTIFIER = b"M001"
BUFFER_NAME = b"TFLITE_METADATA"
# All that is written here was there in the schema's first version.
MIN_PARSER_VERSION = "1.0.0"

_RGB = 1
# Labels of one axis of a tensor, one a line.
_AXIS_LABELS = 2

_SCHEMA = {
    "ModelMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("version", "string"),
        ("subgraph_metadata", "[SubGraphMetadata]"),
        ("author", "string"),
        ("license", "string"),
        ("associated_files", "[AssociatedFile]"),
        ("min_parser_version", "string"),
    ),
    "SubGraphMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("input_tensor_metadata", "[TensorMetadata]"),
        ("output_tensor_metadata", "[TensorMetadata]"),
        ("associated_files", "[AssociatedFile]"),
    ),
    "TensorMetadata": (
        ("name", "string"),
        ("description", "string"),
        ("dimension_names", "strings"),
        ("content", "Content"),
        ("process_units", "[ProcessUnit]"),
        ("stats", "Stats"),
        ("associated_files", "[AssociatedFile]"),
    ),
    "AssociatedFile": (
        ("name", "string"),
        ("description", "string"),
        ("type", "byte"),
        ("locale", "string"),
        ("version", "string"),
    ),
    "Content": (("content_properties", "union:FeatureProperties,ImageProperties"),),
    "FeatureProperties": (),
    "ImageProperties": (("color_space", "byte"), ("default_size", "ImageSize")),
    "ImageSize": (("width", "uint"), ("height", "uint")),
    "ProcessUnit": (("options", "union:NormalizationOptions"),),
    "NormalizationOptions": (("mean", "floats"), ("std", "floats")),
    "Stats": (("max", "floats"), ("min", "floats")),
}


@dataclass(frozen=True)
class ModelNote:
    """What a file says of itself as a whole.

    Attributes:
        name: of the model.
        description: some sentences.
        version: of the model, as text.
        author: who trained it.
        license: of the weights.
    """

    name: str
    description: str
    version: str = ""
    author: str = ""
    license: str = ""


@dataclass(frozen=True)
class TensorNote:
    """What a file says of one input or output.

    Attributes:
        description: what the numbers are: unit, frame, range.
        dimension_names: one name per axis, or none.
        image_size: side of the square RGB picture that the tensor holds; 0 for other tensors.
        mean: grey levels are `(level - mean) / std` in the tensor; 0 and 255 bring them to [0, 1]. For
            pictures alone; a tensor of whole numbers has 0 and 1.
        std: see `mean`.
        low: smallest value that occurs; with `high`, where both are known.
        high: largest value that occurs.
        labels: name of the file inside the archive that labels the last axis, one line each; empty
            without.
    """

    description: str
    dimension_names: tuple[str, ...] = ()
    image_size: int = 0
    mean: float = 0.0
    std: float = 255.0
    low: float | None = None
    high: float | None = None
    labels: str = ""


def write_tflite_metadata(
    content: bytes,
    model: ModelNote,
    tensors: Mapping[str, TensorNote],
    files: Mapping[str, str] | None = None,
) -> bytes:
    """Put metadata and files into a `.tflite` file; what was there of both before is replaced.

    Args:
        content: the file, of one signature.
        model: what it says as a whole.
        tensors: note of every input and output, of any shape, by its name in the signature; others
            are ignored.
        files: name -> text of the files behind the model, such as joint names, one a line.

    Returns:
        The file: it computes the same and ends in a zip archive.

    Raises:
        ValueError: if a tensor has no note, or its labels name no file.
    """
    files = dict(files or {})
    parsed = unpack(content)
    found = _metadata(parsed, model, tensors, files)
    buffer = schema.BufferT()
    buffer.data = np.frombuffer(write_table(_SCHEMA, "ModelMetadata", found, IDENTIFIER), np.uint8)
    _replace_buffer(parsed, buffer)
    written = io.BytesIO(pack(parsed))
    if files:
        with zipfile.ZipFile(written, "a") as archive:
            for name, text in sorted(files.items()):
                # A fixed date, so that equal exports are equal files.
                archive.writestr(zipfile.ZipInfo(name), text.encode())
    return written.getvalue()


def read_tflite_metadata(content: bytes) -> dict[str, Any]:
    """Read the metadata of a `.tflite` file.

    Args:
        content: the file.

    Returns:
        The table ModelMetadata as nested dicts under the schema's field names.

    Raises:
        ValueError: if the file holds none.
    """
    parsed = unpack(content)
    for entry in parsed.metadata or []:
        data = parsed.buffers[entry.buffer].data
        if entry.name == BUFFER_NAME and data is not None:
            table = bytes(bytearray(data))
            if table[4:8] == IDENTIFIER:
                return read_table(_SCHEMA, "ModelMetadata", table)
    raise ValueError("This TFLite file holds no metadata: write it with write_tflite_metadata.")


def read_files(content: bytes) -> dict[str, str]:
    """Read the files behind a model.

    Args:
        content: a `.tflite` file.

    Returns:
        Name -> text; empty where there is no archive.
    """
    stream = io.BytesIO(content)
    if not zipfile.is_zipfile(stream):
        return {}
    with zipfile.ZipFile(stream) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def _metadata(parsed, model, tensors, files):
    graph = parsed.subgraphs[0]
    described = {}
    for side in ("input", "output"):
        names = signature_tensors(parsed, outputs=side == "output")
        order = [int(n) for n in (graph.outputs if side == "output" else graph.inputs)]
        missing = sorted(set(names) - set(tensors))
        if missing:
            raise ValueError(
                f"The {side} {missing[0]!r} has no note: describe its numbers in tensors."
            )
        # The schema knows tensors by their place in the subgraph, not by the signature's names.
        described[f"{side}_tensor_metadata"] = [
            _tensor(name, tensors[name], files)
            for name in sorted(names, key=lambda name: order.index(names[name]))
        ]
    return {
        "name": model.name,
        "description": model.description,
        "version": model.version or None,
        "author": model.author or None,
        "license": model.license or None,
        "subgraph_metadata": [described],
        "associated_files": [{"name": name} for name in sorted(files)] or None,
        "min_parser_version": MIN_PARSER_VERSION,
    }


def _tensor(name, note, files):
    if note.labels and note.labels not in files:
        raise ValueError(
            f"The labels of {name!r} are said to be in {note.labels!r}, which is not among the "
            f"files {sorted(files)}: add it."
        )
    entry: dict[str, Any] = {"name": name, "description": note.description}
    entry["dimension_names"] = list(note.dimension_names) or None
    entry["content"] = {"content_properties": ("FeatureProperties", {})}
    if note.image_size:
        size = {"width": note.image_size, "height": note.image_size}
        picture = {"color_space": _RGB, "default_size": size}
        entry["content"] = {"content_properties": ("ImageProperties", picture)}
        normal = {"mean": [note.mean], "std": [note.std]}
        entry["process_units"] = [{"options": ("NormalizationOptions", normal)}]
    if note.low is not None and note.high is not None:
        entry["stats"] = {"max": [note.high], "min": [note.low]}
    if note.labels:
        entry["associated_files"] = [{"name": note.labels, "type": _AXIS_LABELS}]
    return entry


def _replace_buffer(parsed, buffer):
    for entry in parsed.metadata or []:
        if entry.name == BUFFER_NAME:
            parsed.buffers[entry.buffer] = buffer
            return
    entry = schema.MetadataT()
    entry.name = BUFFER_NAME
    entry.buffer = len(parsed.buffers)
    parsed.buffers.append(buffer)
    parsed.metadata = [*(parsed.metadata or []), entry]
