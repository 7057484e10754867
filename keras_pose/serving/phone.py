"""What networks of heat maps have for phones: two signatures, and files of them.

`decoded` answers joints, `heatmaps` the maps for decoding of one's own. Both take RGB crops; grey levels
are scaled inside, and every operation is one that the GPU delegates of phones run, except that files of
fewer bits widen or quantise besides. `docs/mobile.md` says which file to take.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.codecs import Uncertainty
from keras_pose.codecs.heatmap import decode_heatmaps_by_products
from keras_pose.export import ConstantWeights, ModelNote, Signature, TensorNote
from keras_pose.files import write_file
from keras_pose.geometry.shapes import Tensor
from keras_pose.serving.export_settings import PHONE_SIGNATURES
from keras_pose.serving.metadata import JOINTS_NAME, METADATA_NAME, Metadata

# Numbers of fewer bits are widened where they are used; delegates take that in.
_CHANGES = {"float32": set(), "float16": {"DEQUANTIZE"}}
_INTEGER_CHANGES = {"DEQUANTIZE", "QUANTIZE"}

Maps = Callable[[Tensor], Mapping[str, Tensor]]


def decode_maps(outputs: Mapping[str, Tensor], image_size: int) -> dict[str, Tensor]:
    """Read joints from maps, in operations that phone GPUs have.

    Args:
        outputs: `heatmaps` `[N, H, W, J]` and `depth` `[N, J]`.
        image_size: side S of the crop in px.

    Returns:
        `keypoints_2d` `[N, J, 2]` px of the crop, `score` `[N, J]`, the maps' peaks; `depth` as it was.
    """
    heatmaps = outputs["heatmaps"]
    points, score = decode_heatmaps_by_products(heatmaps)
    keypoints_2d = points * (image_size / heatmaps.shape[2])
    return {"keypoints_2d": keypoints_2d, "score": score, "depth": outputs["depth"]}


def phone_signatures(
    maps: Maps,
    image_size: int,
    depth_scale: float = 1.0,
    decode: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] | None = None,
    weights: ConstantWeights | None = None,
    uncertainty: Uncertainty | None = None,
) -> dict[str, Signature]:
    """Build the signatures for phones.

    Args:
        maps: function of RGB crops in [0, 1] float32 `[N, S, S, 3]` to a dict: `heatmaps`
            `[N, H, W, J]`, and `depth` `[N, J]` or whatever `decode` reads depth from.
        image_size: side S of the crop in px.
        depth_scale: what `z` is in over what `depth` is in.
        decode: function of what `maps` gives to `keypoints_2d` `[N, J, 2]` px of the crop, `depth` and
            `score` `[N, J]`; `decode_maps` if None.
        weights: those that become constants of the graph; None leaves them variables.
        uncertainty: how far off joints may be, its depth in the unit of `z`; None where nobody measured
            it.

    Returns:
        Of `image` float32 `[N, S, S, 3]` in [0, 1]: `decoded` to `x`, `y`, `z` and `score`, each
        `[N, J]`, since tensors of different ranges must not share the scale of one 8-bit output;
        `heatmaps` to what `maps` gives. With `uncertainty`, `decoded` answers `sigma_2d` px and
        `sigma_depth` too.
    """
    spec = {"image": tf.TensorSpec((None, image_size, image_size, 3), tf.float32)}
    read = decode or (lambda outputs: decode_maps(outputs, image_size))
    # One graph that both signatures call.
    maps = tf.function(weights.inside(maps) if weights else maps, autograph=False)

    def decoded(image):
        outputs = read(maps(image))
        points = outputs["keypoints_2d"]
        sigmas = uncertainty.sigmas(points, outputs["score"], image_size) if uncertainty else {}
        return sigmas | {
            "x": points[..., 0],
            "y": points[..., 1],
            "z": outputs["depth"] * depth_scale,
            "score": outputs["score"],
        }

    return {
        "decoded": Signature(decoded, spec),
        "heatmaps": Signature(lambda image: dict(maps(image)), spec),
    }


def phone_file(name: str, signature: str, format: str) -> str:  # noqa: A002 - as in convert_tflite
    """Return the name of a model's file for phones.

    Args:
        name: of the model.
        signature: one of `PHONE_SIGNATURES`.
        format: one of the formats of `convert_tflite`.
    """
    return f"{name}_{signature}_{format}.tflite"


def write_phone_files(
    folder: str | os.PathLike,
    metadata: Metadata,
    formats: Sequence[str],
    examples: np.ndarray | None,
    signatures: Sequence[str] = PHONE_SIGNATURES,
) -> list[Path]:
    """Convert the signatures of a saved model to files that know their joints.

    Args:
        folder: version folder with the SavedModel, usually still hidden.
        metadata: what the model says of itself.
        formats: of `convert_tflite`.
        examples: float32 `[C, S, S, 3]` in [0, 1], real crops, which fix the scales of integers; None
            where no format needs them.
        signatures: which to convert, of `PHONE_SIGNATURES`.

    Returns:
        The files.

    Raises:
        ValueError: if a file would use operations that phone GPUs have not.
        CannotWrite: if it cannot be written.
    """
    written = []
    for signature in signatures:
        contents = _convert_all(folder, signature, formats, examples, metadata.image_size)
        for kind, content in contents.items():
            note, tensors, files = phone_notes(folder, metadata, signature, kind)
            content = export.write_tflite_metadata(content, note, tensors, files)
            path = Path(folder) / phone_file(metadata.name, signature, kind)
            written.append(write_file(path, content))
    return written


def _convert_all(folder, signature, formats, examples, image_size):
    """Format to content; the other signatures are loaded once, not for each format."""
    with tempfile.TemporaryDirectory(prefix="keras_pose_phone_") as alone:
        fixed = export.fix_batch(folder, signature, 1, alone)
        try:
            return {
                kind: _convert(fixed, signature, kind, examples, image_size) for kind in formats
            }
        except ValueError as error:
            raise ValueError(str(error).replace(alone, os.fspath(folder))) from error


def _convert(folder, signature, kind, examples, image_size):
    # The batch is fixed already; asked again, every conversion would load the model once more.
    allowed = export.GPU_OPERATIONS | _CHANGES.get(kind, _INTEGER_CHANGES)
    sampled = kind in export.SAMPLED_FORMATS
    settings: dict[str, Any] = {
        "representative_inputs": {"image": examples} if sampled and examples is not None else None,
        "allowed_operations": allowed,
    }
    if kind == "int8_full":
        side = (0.0, float(image_size))
        ranges = {"x": side, "y": side} if signature == "decoded" else {}
        return export.convert_tflite(folder, signature, kind, output_ranges=ranges, **settings)
    # Coordinates are sums too, and 8 bits over the width of a map leave a quarter of its pixel.
    without_sums = export.INTEGER_OPERATIONS - {"ADD"}
    integers = without_sums if signature == "decoded" else export.INTEGER_OPERATIONS
    content = export.convert_tflite(
        folder, signature, kind, integer_operations=integers, **settings
    )
    if export.has_broken_sums(content):
        return export.convert_tflite(
            folder, signature, kind, integer_operations=without_sums, **settings
        )
    return content


def phone_notes(
    folder: str | os.PathLike,
    metadata: Metadata,
    signature: str,
    format: str,  # noqa: A002
) -> tuple[ModelNote, dict[str, TensorNote], dict[str, str]]:
    """Word what a file says of itself.

    Args:
        folder: version folder; its `metadata.json`, where it is there already, goes into the file.
        metadata: what the model says of itself.
        signature: one of `PHONE_SIGNATURES`.
        format: of `convert_tflite`.

    Returns:
        What `write_tflite_metadata` takes: the model, its tensors of any shape, its files.
    """
    size = metadata.image_size
    is_integer = format == "int8_full"
    joints = ("batch", "joint")
    is_in_px = "pixels" in metadata.depth_unit
    unit = "px of the crop" if is_in_px else "lengths of the reference bone"
    # What the network itself says, before `depth_scale`.
    raw_unit = "half sides of the crop" if is_in_px else unit
    origin = f"away from the camera, from any origin: subtract that of the {metadata.root}"
    words = "grey levels 0 to 255" if is_integer else "grey levels divided by 255"
    subject = f"square RGB crop of one {metadata.kind}, {metadata.crop_scale:g} times its box"
    score = "peak of the joint's heat map, 0 to about 1"
    tensors = {
        "image": TensorNote(
            f"{subject}, {words}",
            ("batch", "row", "column", "colour"),
            size,
            0.0,
            1.0 if is_integer else 255.0,
            0.0,
            255.0 if is_integer else 1.0,
        ),
        "x": TensorNote("px of the crop, to the right", joints, low=0.0, high=size),
        "y": TensorNote("px of the crop, downwards", joints, low=0.0, high=size),
        "z": TensorNote(f"{unit}, {origin}", joints),
        "score": TensorNote(score, joints),
        "sigma_2d": TensorNote("px of the crop, standard deviation of x and of y, Laplace", joints),
        "sigma_depth": TensorNote(f"{unit}, standard deviation of z, Gaussian", joints),
        "heatmaps": TensorNote(f"{score}, over the crop", ("batch", "row", "column", "joint")),
        "depth": TensorNote(f"{raw_unit}, {origin}", joints),
        "depth_maps": TensorNote(
            f"{raw_unit}, to be read at the joint, {origin}", ("batch", "row", "column", "joint")
        ),
    }
    labelled = {
        name: TensorNote(**{**vars(note), "labels": JOINTS_NAME}) if name != "image" else note
        for name, note in tensors.items()
    }
    files = {JOINTS_NAME: "".join(f"{joint}\n" for joint in metadata.joints)}
    path = Path(folder) / METADATA_NAME
    if path.is_file():
        files[METADATA_NAME] = path.read_text(encoding="utf-8")
    what = "joints" if signature == "decoded" else "heat maps"
    note = ModelNote(
        metadata.name,
        f"{what} of a {metadata.kind} ({metadata.skeleton}) in a crop of {size} px, {format}; "
        f"signature {signature}",
        str(metadata.version),
        "keras_pose",
        "see card.md beside the file",
    )
    return note, labelled, files
