"""TFLite files from one signature of a SavedModel, and running them by LiteRT.

Five formats, four of them with float32 inputs and outputs, so that the caller's code never changes:

* `float32`: the reference.
* `float16`: half the size; weights are widened again when the file is loaded.
* `int8`: weights in 8 bits, activations scaled afresh in each call. Needs no sample data and does
  not care in which range pixels come.
* `int8_static`: activations on scales fixed from sample data, for accelerators that only add and
  multiply integers. Only `INTEGER_OPERATIONS` are quantised: pixels have any scale, and one 8-bit
  grid over all of them leaves nothing of a small person (measured on a lifter with its
  normalisation inside: depth error 100 % when all is quantised, 2 % this way, 1 % with `int8`).
* `int8_full`: a network of pictures in integers from border to border: the grey levels of the picture
  go in as they are, int8 comes out, each output on a scale of its own. Joints that the file reads from
  heat maps are still found in float32, since finding a maximum has no 8-bit form (`converter.py`).
"""

import os
import tempfile
from collections import Counter
from collections.abc import Collection, Mapping

import numpy as np
import tensorflow as tf

from keras_pose.export.child import call_in_child
from keras_pose.export.converter import convert_signature
from keras_pose.export.flatbuffer import operations, unpack
from keras_pose.export.formats import FORMATS, SAMPLED_FORMATS
from keras_pose.export.integer_borders import INPUT_TYPES, set_integer_borders
from keras_pose.export.integer_sums import has_broken_sums
from keras_pose.export.litert import tflite_runner
from keras_pose.export.saved_model import Signature, save_signatures

INTEGER_OPERATIONS = frozenset(
    "FULLY_CONNECTED CONV_2D DEPTHWISE_CONV_2D TRANSPOSE_CONV ADD RELU RELU6 LEAKY_RELU PRELU PAD "
    "MAX_POOL_2D AVERAGE_POOL_2D RESIZE_NEAREST_NEIGHBOR RESIZE_BILINEAR".split()
)
"""What `int8_static` quantises: where the work is; all else stays float32."""

PORTABLE_OPERATIONS = INTEGER_OPERATIONS | frozenset(
    "ABS BATCH_MATMUL BROADCAST_TO CAST CONCATENATION COS DEQUANTIZE DIV EQUAL EXP EXPAND_DIMS "
    "FILL GATHER GREATER GREATER_EQUAL HARD_SWISH LESS LESS_EQUAL LOG LOGICAL_AND LOGICAL_NOT "
    "LOGICAL_OR LOGISTIC MAXIMUM MEAN MINIMUM MIRROR_PAD MUL NEG NOT_EQUAL PACK PADV2 QUANTIZE "
    "REDUCE_ALL REDUCE_ANY REDUCE_MAX REDUCE_MIN RESHAPE RSQRT SELECT SELECT_V2 SHAPE SIN SLICE "
    "SOFTMAX SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE SQUEEZE STRIDED_SLICE SUB SUM TANH TILE "
    "TRANSPOSE UNPACK ZEROS_LIKE".split()
)
"""Builtin operations a file may use: stateless, without control flow, random numbers, search or
string handling. `VAR_HANDLE` is left out on purpose: it marks a file that lost its weights."""


def convert_tflite(
    saved_model_dir: str | os.PathLike,
    signature: str,
    format: str = "float32",
    representative_inputs: Mapping[str, np.ndarray] | None = None,
    batch_size: int | None = None,
    integer_operations: Collection[str] | None = INTEGER_OPERATIONS,
    allowed_operations: Collection[str] = PORTABLE_OPERATIONS,
    input_type: str = "uint8",
    output_ranges: Mapping[str, tuple[float, float]] | None = None,
) -> bytes:
    """Convert one signature of a SavedModel to the content of a `.tflite` file.

    Args:
        saved_model_dir: version folder written by `save_signatures`.
        signature: the signature to convert; it keeps its name, inputs and outputs.
        format: one of `FORMATS`.
        representative_inputs: for `SAMPLED_FORMATS` alone: input name -> array `[R, ...]` with R typical
            examples, which fix the scales; some hundred are enough.
        batch_size: fixes the first axis of all inputs, which GPU delegates want (convention: 1);
            None keeps it free.
        integer_operations: for `int8_static` alone: what to quantise; None means everything that
            can be, which suits image networks that hold no arithmetic on coordinates.
        allowed_operations: builtin operations that the file may use.
        input_type: for `int8_full` alone: `uint8` or `int8`, the type of the inputs. A picture in
            [0, 1] becomes the grey levels 0 to 255 of a camera, or those less 128.
        output_ranges: for `int8_full` alone: output name -> (lowest, highest) value, for outputs that
            are computed in float32; those left out get a tenth more than the examples show.

    Returns:
        The file's content; store it with `write_file`.

    Raises:
        ValueError: if the signature cannot be converted or the file would use other operations.
    """
    if format not in FORMATS:
        raise ValueError(f"TFLite format {format!r} is unknown: choose one of {list(FORMATS)}.")
    if (format in SAMPLED_FORMATS) != (representative_inputs is not None):
        raise ValueError(
            f"Format {format!r} {'needs' if format in SAMPLED_FORMATS else 'takes no'} "
            f"representative_inputs, which serve to fix the scales of {' and '.join(SAMPLED_FORMATS)}."
        )
    if input_type not in INPUT_TYPES:
        raise ValueError(
            f"input_type={input_type!r} is unknown: choose one of {list(INPUT_TYPES)}."
        )
    source = f"signature {signature!r} of {os.fspath(saved_model_dir)}"
    with tempfile.TemporaryDirectory(prefix="keras_pose_tflite_") as folder:
        if batch_size is not None:
            saved_model_dir = fix_batch(saved_model_dir, signature, batch_size, folder)

        def convert(examples, integers):
            # `tf.lite` leaks memory with every conversion (tensorflow issues 102071, 122598).
            try:
                return call_in_child(
                    convert_signature,
                    os.fspath(saved_model_dir),
                    signature,
                    format,
                    examples,
                    batch_size or 1,
                    integers,
                    PORTABLE_OPERATIONS,
                    source,
                )
            except RuntimeError as error:
                raise ValueError(
                    f"The {source} cannot become a {format} TFLite file: {error}; if memory was "
                    "short, free some and export again."
                ) from error

        if format != "int8_full" or representative_inputs is None:
            content = convert(representative_inputs, integer_operations)
        else:
            examples = {key: _whole_range(value) for key, value in representative_inputs.items()}
            content = convert(examples, None)
            if has_broken_sums(content):
                content = convert(examples, PORTABLE_OPERATIONS - {"ADD"})
            ranges = _observed(content, signature, examples) | dict(output_ranges or {})
            content = set_integer_borders(content, input_type, ranges)
    refuse_operations(content, allowed_operations, f"The {format} file of {source}")
    return content


def count_operations(content: bytes) -> dict[str, int]:
    """Count the operations of a `.tflite` file.

    The flatbuffer is read itself: `tf.lite.experimental.Analyzer` calls everything GPU-compatible
    in TensorFlow 2.21, and the interpreter's list of operations is not public.

    Args:
        content: content of a `.tflite` file.

    Returns:
        Operation name -> number of uses over all subgraphs; a custom one is `CUSTOM:<name>`.

    Raises:
        ValueError: if it is no TFLite file.
    """
    return dict(sorted(Counter(name for name, _, _ in operations(unpack(content))).items()))


def refuse_operations(content: bytes, allowed: Collection[str], what: str) -> None:
    """Refuse a `.tflite` file that uses an operation outside a list.

    Args:
        content: content of a `.tflite` file.
        allowed: operation names, as in `count_operations`.
        what: how the message calls the file.

    Raises:
        ValueError: if there are any, naming the operations.
    """
    refused = sorted(set(count_operations(content)) - set(allowed))
    if not refused:
        return
    if "VAR_HANDLE" in refused:
        raise ValueError(
            f"{what} lost its weights (it reads variables that it does not contain): export the "
            "SavedModel with save_signatures, which tracks plain variables."
        )
    raise ValueError(
        f"{what} uses {', '.join(refused)}, which phones may not run: write the signature without "
        "it or pass allowed_operations."
    )


def _whole_range(examples: np.ndarray) -> np.ndarray:
    """Return the examples; pictures hold a 0 and a 1, so that a step is a grey level."""
    examples = np.array(examples)
    if examples.dtype == np.float32 and examples.min() >= 0.0 and 0.5 < examples.max() <= 1.0:
        examples.flat[:2] = 0.0, 1.0
    return examples


def _observed(
    content: bytes, signature: str, examples: Mapping[str, np.ndarray]
) -> dict[str, tuple[float, float]]:
    """Return what the outputs were on the examples, and a tenth of that range more on both sides."""
    ranges = {}
    for name, values in tflite_runner(content, signature)(examples).items():
        low, high = float(values.min()), float(values.max())
        room = 0.1 * (high - low) or 1.0
        ranges[name] = (low - room, high + room)
    return ranges


def fix_batch(
    saved_model_dir: str | os.PathLike, signature: str, batch_size: int, folder: str | os.PathLike
) -> str | os.PathLike:
    """Save one signature alone, its first axis fixed: conversions of it need not load the others.

    Args:
        saved_model_dir: version folder written by `save_signatures`.
        signature: the signature; it keeps its name, inputs and outputs.
        batch_size: size B of the first axis of all inputs `[B, ...]`.
        folder: where to write.

    Returns:
        The folder that holds it: `saved_model_dir` itself where that is so already.

    Raises:
        ValueError: if there is no such signature.
    """
    # A detour over the disk: from_concrete_functions drops weights or signature names.
    loaded = tf.saved_model.load(os.fspath(saved_model_dir))
    if signature not in loaded.signatures:
        raise ValueError(
            f"{os.fspath(saved_model_dir)} has no signature {signature!r}: choose one of "
            f"{sorted(loaded.signatures)}."
        )
    function = loaded.signatures[signature]
    known = function.structured_input_signature[1]
    specs = {
        key: tf.TensorSpec([batch_size, *spec.shape[1:]], spec.dtype) for key, spec in known.items()
    }
    if dict(specs) == {key: tf.TensorSpec(spec.shape, spec.dtype) for key, spec in known.items()}:
        return saved_model_dir
    save_signatures(folder, {signature: Signature(function, specs)})
    return folder
