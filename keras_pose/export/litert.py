"""Running `.tflite` files by LiteRT on the processor, in real numbers whatever the file's own."""

import contextlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from keras_pose.train.quiet import native_lines_left_out

KERNELS = ("default", "reference")
"""XNNPACK where it can, or slow plain loops: the two differ where one has a fault."""


def tflite_runner(
    source: str | os.PathLike | bytes,
    signature: str,
    num_threads: int = 1,
    kernels: str = "default",
) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
    """Load one signature of a `.tflite` file as a function of NumPy arrays.

    Args:
        source: path, or the content itself.
        signature: signature name.
        num_threads: CPU threads, at least 1.
        kernels: `default` (XNNPACK where it can) or `reference` (slow plain loops): the two differ
            where one has a fault, as XNNPACK had in 2.1.5 for strides above the kernel size.

    Returns:
        A function from {input name: array `[B, ...]`} to {output name: array `[B, ...]`}, for any batch
        size B: a file of fixed batch size is run as often as it takes. Where the file takes or gives
        integers with a scale, the function takes floats (integers pass as they are) and gives float32.

    Raises:
        ValueError: if there is no such file or signature; the function raises it for wrong inputs.
    """
    if kernels not in KERNELS:
        raise ValueError(f"kernels={kernels!r} is unknown: choose one of {sorted(KERNELS)}.")
    resolvers = (OpResolverType.AUTO, OpResolverType.BUILTIN_REF)
    content = source if isinstance(source, bytes) else _read(source)
    name = "This TFLite file" if isinstance(source, bytes) else os.fspath(source)
    try:
        with native_lines_left_out():
            interpreter = Interpreter(
                model_content=content,
                num_threads=num_threads,
                experimental_op_resolver_type=resolvers[KERNELS.index(kernels)],
            )
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name} is not a readable TFLite file (truncated or incomplete): convert the model "
            "again."
        ) from error
    available = interpreter.get_signature_list()
    if signature not in available:
        raise ValueError(
            f"{name} has no signature {signature!r}: choose one of {sorted(available)}."
        )
    runner = interpreter.get_signature_runner(signature)
    details, results = runner.get_input_details(), runner.get_output_details()
    fixed = {int(entry["shape_signature"][0]) for entry in details.values()} - {-1}
    is_first = True

    def invoke(arrays):
        # The first call makes the delegate, which says so on the error stream.
        nonlocal is_first
        with native_lines_left_out() if is_first else contextlib.nullcontext():
            is_first = False
            return _real(runner(**arrays), results)

    def run(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
        if set(inputs) != set(details):
            raise ValueError(f"{name} takes {sorted(details)}, not {sorted(inputs)}.")
        arrays = {key: _stored(np.asarray(inputs[key]), details[key]) for key in details}
        for key, array in arrays.items():
            expected = tuple(int(size) for size in details[key]["shape_signature"][1:])
            if array.shape[1:] != expected:
                raise ValueError(
                    f"{name} takes {key!r} of shape [B, {', '.join(map(str, expected))}], not "
                    f"{list(array.shape)}."
                )
        if not fixed:
            return invoke(arrays)
        size = max(fixed)
        count = {array.shape[0] for array in arrays.values()}
        if len(count) != 1 or max(count) % size:
            raise ValueError(f"{name} takes batches of {size}, not {sorted(count)}.")
        parts = [
            invoke({key: array[start : start + size] for key, array in arrays.items()})
            for start in range(0, max(count), size)
        ]
        return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}

    return run


def run_tflite(
    path: str | os.PathLike, signature: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Load a `.tflite` file and run one signature once.

    Args:
        path: the file.
        signature: signature name.
        inputs: input name -> array `[B, ...]`.

    Returns:
        Output name -> array `[B, ...]`.

    Raises:
        ValueError: if file, signature or inputs do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_pose.export import run_tflite
        >>> points = np.random.default_rng(0).normal(size=(1, 17, 2)).astype("float32")
        >>> path = "savedmodels/tips_cmu/1/tips_cmu_float32.tflite"
        >>> run_tflite(path, "lift", {"keypoints_2d": points})["keypoints_3d"].shape
        (1, 17, 3)
    """
    return tflite_runner(path, signature)(inputs)


def _read(path: str | os.PathLike) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"Cannot read {os.fspath(path)}: {(error.strerror or str(error)).lower()}."
        ) from error


def _stored(array: np.ndarray, detail: Mapping[str, Any]) -> np.ndarray:
    """Return the number as the file stores them."""
    scale, zero = detail["quantization"]
    kind = detail["dtype"]
    if scale == 0.0 or not np.issubdtype(array.dtype, np.floating):
        return np.asarray(array, kind)
    limits = np.iinfo(kind)
    return np.clip(np.round(array / scale + zero), limits.min, limits.max).astype(kind)


def _real(
    outputs: Mapping[str, np.ndarray], details: Mapping[str, Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Return the numbers that a file's outputs stand for."""
    real = {}
    for key, value in outputs.items():
        scale, zero = details[key]["quantization"]
        # The runner's arrays may be views of memory that the next call overwrites.
        real[key] = (
            np.array(value)
            if scale == 0.0
            else (value.astype(np.float32) - np.float32(zero)) * np.float32(scale)
        )
    return real
