"""Timing of exported artefacts in turn, so that a noisy machine is noisy for all of them."""

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from keras_pose.export.saved_model import SERVING_DEFAULT
from keras_pose.train.quiet import native_lines_left_out

Call = Callable[[], object]

_PICTURE_HEIGHT, _PICTURE_WIDTH = 480, 640
# Of a hand or a person in the middle of the picture; the numbers need be usable, no more.
_BOX_SHARE, _FOCAL_PX, _LENGTH_M = 0.6, 600.0, 0.1


def litert_call(path: str | os.PathLike, num_threads: int) -> Call:
    """Load a `.tflite` file, with or without signatures, as a call on fixed random inputs.

    Args:
        path: the file.
        num_threads: threads of LiteRT's interpreter, at least 1; XNNPACK takes what it can.

    Returns:
        A function that runs the file once, inputs in place.

    Raises:
        ValueError: if it cannot be read or an input has a free axis besides the batch.
    """
    if not Path(path).is_file():
        raise ValueError(f"{os.fspath(path)}: there is no such file; correct the path.")
    try:
        interpreter = Interpreter(model_path=os.fspath(path), num_threads=num_threads)
        with native_lines_left_out():
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ValueError(
            f"{os.fspath(path)} is not a readable TFLite file: export it again."
        ) from error
    rows = np.random.default_rng(0)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], _random(rows, detail["shape"], detail["dtype"]))
    return interpreter.invoke


def saved_model_call(folder: str | os.PathLike, batch_size: int) -> Call:
    """Load `serving_default` of a SavedModel as a call on one request.

    Args:
        folder: version folder.
        batch_size: rows of the request, at least 1.

    Returns:
        A function that answers the request once, outputs brought to the host.

    Raises:
        ValueError: if there is no such signature, or an input that nothing is known of.
    """
    try:
        loaded = tf.saved_model.load(os.fspath(folder))
    except Exception as error:  # As in saved_model.py: all mean a damaged file.
        raise ValueError(
            f"{os.fspath(folder)} is not a readable SavedModel: export it again."
        ) from error
    if SERVING_DEFAULT not in loaded.signatures:
        raise ValueError(f"{os.fspath(folder)} has no {SERVING_DEFAULT}: export it again.")
    signature = loaded.signatures[SERVING_DEFAULT]
    request = {
        name: tf.constant(_request_input(name, spec, batch_size), spec.dtype)
        for name, spec in signature.structured_input_signature[1].items()
    }

    def call() -> Any:
        # A signature does not keep its model's variables alive, so `loaded` is held here.
        return [value.numpy() for value in loaded.signatures[SERVING_DEFAULT](**request).values()]

    return call


def time_in_turn(
    calls: Mapping[str, Call],
    num_rounds: int,
    seconds_per_turn: float,
    show: Callable[[int, int], object] = lambda done, total: None,
) -> dict[str, np.ndarray]:
    """Let every call have a turn in every round, beginning with another one each time.

    Args:
        calls: name to call; each is run three times before, untimed.
        num_rounds: rounds, at least 1.
        seconds_per_turn: about how long a turn is; a turn is one call at least.
        show: told how many of all turns are through.

    Returns:
        Name to float64 `[M]`, seconds of each call.
    """
    lasted = {}
    for name, call in calls.items():
        for _ in range(3):
            begin = time.perf_counter()
            call()
            lasted[name] = time.perf_counter() - begin
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    names, done = list(calls), 0
    for _ in range(num_rounds):
        for name in names:
            for _ in range(max(1, round(seconds_per_turn / max(lasted[name], 1e-6)))):
                begin = time.perf_counter()
                calls[name]()
                seconds[name].append(time.perf_counter() - begin)
            done += 1
            show(done, num_rounds * len(names))
        names = names[1:] + names[:1]
    return {name: np.array(values) for name, values in seconds.items()}


def _random(rows, shape, dtype):
    # A free batch is 1 in the shape that LiteRT allocates.
    if np.issubdtype(dtype, np.floating):
        return rows.random(shape).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return rows.integers(max(limits.min, -128), min(limits.max, 255), shape).astype(dtype)
    raise ValueError(
        f"An input of type {np.dtype(dtype).name} cannot be filled: give another file."
    )


def _request_input(name, spec, batch_size):
    """One input of a request: those of the contract by their names, others random."""
    if name == "image_bytes":
        return [_jpeg()] * batch_size
    height, width = _PICTURE_HEIGHT, _PICTURE_WIDTH
    if name == "bbox":
        side = _BOX_SHARE * height
        box = [(width - side) / 2.0, (height - side) / 2.0, side, side]
        return np.tile(np.array(box, np.float32), (batch_size, 1))
    if name == "K":
        camera = np.array([[_FOCAL_PX, 0, width / 2], [0, _FOCAL_PX, height / 2], [0, 0, 1]])
        return np.tile(camera.astype(np.float32), (batch_size, 1, 1))
    if name == "bone_length_m":
        return np.full((batch_size, 1), _LENGTH_M, np.float32)
    shape = [batch_size, *spec.shape[1:]]
    if None in shape or spec.dtype == tf.string:
        raise ValueError(
            f"Input {name!r} of {SERVING_DEFAULT} is unknown and has no fixed shape: it cannot be "
            "timed."
        )
    return _random(np.random.default_rng(0), shape, spec.dtype.as_numpy_dtype)


def _jpeg():
    """Return a picture as cameras send them: smooth, with some noise, so that its bytes are as many."""
    rows = np.random.default_rng(0)
    smooth = tf.image.resize(rows.uniform(0, 255, (12, 16, 3)), (_PICTURE_HEIGHT, _PICTURE_WIDTH))
    noisy = np.clip(smooth.numpy() + rows.normal(0, 4, smooth.shape), 0, 255)
    return tf.io.encode_jpeg(noisy.astype(np.uint8), quality=90).numpy()
