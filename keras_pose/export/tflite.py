"""TFLite files from one signature of a SavedModel, and running them by LiteRT.

Four formats, all with float32 inputs and outputs, so that the caller's code never changes:

* `float32`: the reference.
* `float16`: half the size; weights are widened again when the file is loaded.
* `int8`: weights in 8 bits, activations scaled afresh in each call. Needs no sample data and does
  not care in which range pixels come.
* `int8_static`: activations on scales fixed from sample data, for accelerators that only add and
  multiply integers. Only `INTEGER_OPERATIONS` are quantised: pixels have any scale, and one 8-bit
  grid over all of them leaves nothing of a small person (measured on a lifter with its
  normalisation inside: depth error 100 % when all is quantised, 2 % this way, 1 % with `int8`).
"""

import os
import re
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_pose.export.saved_model import Signature, save_signatures

FORMATS = ("float32", "float16", "int8", "int8_static")

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
) -> bytes:
    """Converts one signature of a SavedModel to the content of a `.tflite` file.

    Args:
        saved_model_dir: version folder written by `save_signatures`.
        signature: the signature to convert; it keeps its name, inputs and outputs.
        format: one of `FORMATS`.
        representative_inputs: for `int8_static` alone: input name -> array [R, ...] with R typical
            examples, which fix the scales; some hundred are enough.
        batch_size: fixes the first axis of all inputs, which GPU delegates want (convention: 1);
            None keeps it free.
        integer_operations: for `int8_static` alone: what to quantise; None means everything that
            can be, which suits image networks that hold no arithmetic on coordinates.
        allowed_operations: builtin operations that the file may use.

    Returns:
        The file's content; store it with `write_file`.

    Raises:
        ValueError: if the signature cannot be converted or the file would use other operations.
    """
    if format not in FORMATS:
        raise ValueError(f"TFLite format {format!r} is unknown: choose one of {list(FORMATS)}.")
    if (format == "int8_static") != (representative_inputs is not None):
        raise ValueError(
            f"Format {format!r} {'needs' if format == 'int8_static' else 'takes no'} "
            "representative_inputs, which serve to fix the scales of int8_static."
        )
    source = f"signature {signature!r} of {os.fspath(saved_model_dir)}"
    with tempfile.TemporaryDirectory(prefix="keras_pose_tflite_") as folder:
        if batch_size is not None:
            _save_fixed_batch(saved_model_dir, signature, batch_size, folder)
            saved_model_dir = folder
        converter = _converter(saved_model_dir, signature)
        try:
            with warnings.catch_warnings():
                # The calibration inside TensorFlow uses an interpreter that warns of its own end.
                warnings.filterwarnings("ignore", message=r"\s*Warning: tf.lite.Interpreter is dep")
                content = _convert(
                    converter,
                    signature,
                    format,
                    representative_inputs,
                    batch_size or 1,
                    integer_operations,
                )
        except Exception as error:
            raise ValueError(_conversion_sentence(source, format, error)) from error
    refuse_operations(content, allowed_operations, f"The {format} file of {source}")
    return content


def count_operations(content: bytes) -> dict[str, int]:
    """Counts the operations of a `.tflite` file.

    The flatbuffer is read itself: `tf.lite.experimental.Analyzer` calls everything GPU-compatible
    in TensorFlow 2.21, and the interpreter's list of operations is not public.

    Args:
        content: content of a `.tflite` file.

    Returns:
        Operation name -> number of uses over all subgraphs; a custom one is `CUSTOM:<name>`.

    Raises:
        ValueError: if it is no TFLite file.
    """
    if content[4:8] != b"TFL3":
        raise ValueError("This is no TFLite file (mark TFL3 missing): convert the model again.")
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    counts: Counter[str] = Counter()
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            # Codes below 127 stand in the older 8-bit field, the rest in the wider one.
            name = names[max(code.builtinCode, code.deprecatedBuiltinCode)]
            counts[f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name] += 1
    return dict(sorted(counts.items()))


def refuse_operations(content: bytes, allowed: Collection[str], what: str) -> None:
    """Refuses a `.tflite` file that uses an operation outside a list.

    Args:
        content: content of a `.tflite` file.
        allowed: operation names, as in `count_operations`.
        what: how the message calls the file.

    Raises:
        ValueError: naming the operations.
    """
    refused = sorted(set(count_operations(content)) - set(allowed))
    if not refused:
        return
    if "VAR_HANDLE" in refused:
        raise ValueError(
            f"{what} lost its weights (it reads variables that it does not hold): export the "
            "SavedModel with save_signatures, which tracks plain variables."
        )
    raise ValueError(
        f"{what} uses {', '.join(refused)}, which phones may not run: write the signature without "
        "it or pass allowed_operations."
    )


def tflite_runner(
    source: str | os.PathLike | bytes,
    signature: str,
    num_threads: int = 1,
    kernels: str = "default",
) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
    """Loads one signature of a `.tflite` file as a function of NumPy arrays.

    Args:
        source: path, or the content itself.
        signature: signature name.
        num_threads: CPU threads, at least 1.
        kernels: `default` (XNNPACK where it can) or `reference` (slow plain loops): the two differ
            where one has a fault, as XNNPACK had in 2.1.5 for strides above the kernel size.

    Returns:
        A function from {input name: array [B, ...]} to {output name: array [B, ...]}, for any batch
        size B: a file of fixed batch size is run as often as it takes.

    Raises:
        ValueError: if there is no such file or signature; the function raises it for wrong inputs.
    """
    resolvers = {"default": OpResolverType.AUTO, "reference": OpResolverType.BUILTIN_REF}
    if kernels not in resolvers:
        raise ValueError(f"kernels={kernels!r} is unknown: choose one of {sorted(resolvers)}.")
    content = source if isinstance(source, bytes) else _read(source)
    name = "This TFLite file" if isinstance(source, bytes) else os.fspath(source)
    try:
        interpreter = Interpreter(
            model_content=content,
            num_threads=num_threads,
            experimental_op_resolver_type=resolvers[kernels],
        )
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} is no readable TFLite file (truncated or incomplete): convert the model again."
        ) from error
    available = interpreter.get_signature_list()
    if signature not in available:
        raise ValueError(
            f"{name} has no signature {signature!r}: choose one of {sorted(available)}."
        )
    runner = interpreter.get_signature_runner(signature)
    details = runner.get_input_details()
    fixed = {int(entry["shape_signature"][0]) for entry in details.values()} - {-1}

    def run(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        if set(inputs) != set(details):
            raise ValueError(f"{name} takes {sorted(details)}, not {sorted(inputs)}.")
        arrays = {key: np.asarray(inputs[key], details[key]["dtype"]) for key in details}
        for key, array in arrays.items():
            expected = tuple(int(size) for size in details[key]["shape_signature"][1:])
            if array.shape[1:] != expected:
                raise ValueError(
                    f"{name} takes {key!r} of shape [B, {', '.join(map(str, expected))}], not "
                    f"{list(array.shape)}."
                )
        if not fixed:
            return _copies(runner(**arrays))
        size = max(fixed)
        count = {array.shape[0] for array in arrays.values()}
        if len(count) != 1 or max(count) % size:
            raise ValueError(f"{name} takes batches of {size}, not {sorted(count)}.")
        parts = [
            _copies(runner(**{key: array[start : start + size] for key, array in arrays.items()}))
            for start in range(0, max(count), size)
        ]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return run


def run_tflite(
    path: str | os.PathLike, signature: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Loads a `.tflite` file and runs one signature once.

    Args:
        path: the file.
        signature: signature name.
        inputs: input name -> array [B, ...].

    Returns:
        Output name -> array [B, ...].

    Raises:
        ValueError: if file, signature or inputs do not fit.
    """
    return tflite_runner(path, signature)(inputs)


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


def _convert(
    converter: Any,
    signature: str,
    format: str,
    representative_inputs: Mapping[str, np.ndarray] | None,
    batch_size: int,
    integer_operations: Collection[str] | None,
) -> bytes:
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
    if format != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if format == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if representative_inputs is None:
        return converter.convert()
    arrays = {key: np.asarray(value) for key, value in representative_inputs.items()}
    count = min(len(array) for array in arrays.values()) // batch_size * batch_size

    def examples() -> Any:
        for start in range(0, count, batch_size):
            yield signature, {key: a[start : start + batch_size] for key, a in arrays.items()}

    converter.representative_dataset = examples
    if integer_operations is None:
        return converter.convert()
    # The debugger is TensorFlow's only public door to quantising some operations and not others.
    options = tf.lite.experimental.QuantizationDebugOptions(
        denylisted_ops=sorted(PORTABLE_OPERATIONS - set(integer_operations))
    )
    debugger = tf.lite.experimental.QuantizationDebugger(
        converter=converter, debug_dataset=examples, debug_options=options
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


def _save_fixed_batch(
    saved_model_dir: str | os.PathLike, signature: str, batch_size: int, folder: str
) -> None:
    # A detour over the disk: from_concrete_functions drops weights or signature names.
    loaded = tf.saved_model.load(os.fspath(saved_model_dir))
    if signature not in loaded.signatures:
        raise ValueError(
            f"{os.fspath(saved_model_dir)} has no signature {signature!r}: choose one of "
            f"{sorted(loaded.signatures)}."
        )
    function = loaded.signatures[signature]
    specs = {
        key: tf.TensorSpec([batch_size, *spec.shape[1:]], spec.dtype)
        for key, spec in function.structured_input_signature[1].items()
    }
    save_signatures(folder, {signature: Signature(function, specs)})


def _read(path: str | os.PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"Cannot read {os.fspath(path)}: {(error.strerror or str(error)).lower()}."
        ) from error


def _copies(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    # The runner's arrays may be views of memory that the next call overwrites.
    return {key: np.array(value) for key, value in outputs.items()}
