"""The converter of `tf.lite`: signatures to flatbuffers, and which operations become integers."""

import os
import re
import warnings
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.export.flatbuffer import operations, unpack

NETWORK_OPERATIONS = frozenset(
    "ABS ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED "
    "HARD_SWISH LEAKY_RELU LOGISTIC MAX_POOL_2D MEAN MIRROR_PAD MUL PACK PAD PADV2 PRELU RELU "
    "RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR SLICE SPLIT SPLIT_V "
    "SQUEEZE STRIDED_SLICE SUB TANH TRANSPOSE TRANSPOSE_CONV".split()
)
"""What networks are made of. The first other operation (a maximum over a map, a soft-max) begins the
arithmetic on their answers, which `int8_full` leaves in float32 as far as it goes."""


def convert_signature(
    saved_model_dir: str,
    signature: str,
    format: str,
    examples: Mapping[str, np.ndarray] | None,
    batch_size: int,
    integer_operations: Collection[str] | None,
    all_operations: Collection[str],
    source: str,
) -> bytes:
    """Convert one signature of a SavedModel; all of this package's use of `tf.lite` is below here.

    Args:
        saved_model_dir: version folder.
        signature: the signature.
        format: one of `tflite.FORMATS`.
        examples: input name -> array `[R, ...]` that fixes the scales; None where none are fixed.
        batch_size: examples per call.
        integer_operations: what is quantised; None for everything that can be.
        all_operations: every operation that may occur.
        source: how the message calls the signature.

    Returns:
        Content of a `.tflite` file.

    Raises:
        ValueError: if the signature cannot be converted.
    """
    converter = _converter(saved_model_dir, signature)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if format == "float16":
        converter.target_spec.supported_types = [tf.float16]
    try:
        with warnings.catch_warnings():
            # The calibration inside TensorFlow uses an interpreter that warns of its own end.
            warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is dep")
            if examples is None:
                return converter.convert()
            return _convert_with_scales(
                converter,
                signature,
                examples,
                batch_size,
                integer_operations,
                all_operations,
                keeps_decoding=format == "int8_full",
            )
    except Exception as error:
        raise ValueError(_conversion_sentence(source, format, error)) from error


def _converter(saved_model_dir: str | os.PathLike, signature: str) -> Any:
    try:
        return tf.lite.TFLiteConverter.from_saved_model(
            os.fspath(saved_model_dir), signature_keys=[signature]
        )
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{os.fspath(saved_model_dir)} has no readable SavedModel with signature "
            f"{signature!r}: export it again or choose another signature."
        ) from error


def _convert_with_scales(
    converter: Any,
    signature: str,
    examples: Mapping[str, np.ndarray],
    batch_size: int,
    integer_operations: Collection[str] | None,
    all_operations: Collection[str],
    keeps_decoding: bool = False,
) -> bytes:
    """Convert with activations on scales fixed from examples; inputs and outputs stay float32.

    Args:
        converter: `tf.lite.TFLiteConverter` of one signature, its options set.
        signature: that signature.
        examples: input name -> array `[R, ...]`.
        batch_size: examples per call, as many as the signature's first axis if that is fixed.
        integer_operations: what is quantised; None for everything that can be.
        all_operations: every operation that may occur.
        keeps_decoding: leave in float32 whatever depends on an operation that is not in
            `NETWORK_OPERATIONS`.

    Returns:
        Content of a `.tflite` file.
    """
    arrays = {key: np.asarray(value) for key, value in examples.items()}
    count = min(len(array) for array in arrays.values()) // batch_size * batch_size

    def batches() -> Iterable:
        for start in range(0, count, batch_size):
            yield signature, {key: a[start : start + batch_size] for key, a in arrays.items()}

    converter.representative_dataset = batches
    if integer_operations is None and not keeps_decoding:
        return converter.convert()
    refused = set() if integer_operations is None else set(all_operations) - set(integer_operations)
    # The debugger is TensorFlow's only public door to quantising some operations and not others.
    options = tf.lite.experimental.QuantizationDebugOptions(denylisted_ops=sorted(refused))
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=batches, debug_options=options
    )
    if keeps_decoding:
        debugger.options = tf.lite.experimental.QuantizationDebugOptions(
            denylisted_ops=sorted(refused),
            denylisted_nodes=decoding_tensors(debugger.calibrated_model),
        )
    return debugger.get_nondebug_quantized_model()


def _conversion_sentence(source: str, format: str, error: Exception) -> str:
    operations = sorted(set(re.findall(r"'tf\.(\w+)' op is neither", str(error))))
    if operations:
        return (
            f"The {source} cannot become a {format} TFLite file, since {', '.join(operations)} has "
            "no TFLite counterpart in this form: express it otherwise, and export from a float32 "
            "twin if the model was trained in mixed precision."
        )
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return f"The {source} cannot become a {format} TFLite file: {reason}"


def decoding_tensors(content: bytes) -> list[str]:
    """Name the tensors behind a network: what depends on an operation that networks have not.

    An arg-max made of products multiplies gaps by 2 ** 42, which no 8-bit scale survives; the same
    MUL inside the network is harmless. So the place in the graph counts, not the kind.

    Args:
        content: content of a `.tflite` file.

    Returns:
        Tensor names, in the order of execution.
    """
    names: list[str] = []
    behind: set[tuple[int, int]] = set()
    for name, graph, operator in operations(unpack(content)):
        reads = {(id(graph), int(number)) for number in operator.inputs}
        if name in NETWORK_OPERATIONS and not reads & behind:
            continue
        behind |= {(id(graph), int(number)) for number in operator.outputs}
        names += [graph.tensors[number].name.decode() for number in operator.outputs]
    return names
