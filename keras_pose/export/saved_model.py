"""SavedModel folders in the layout that TensorFlow Serving polls: `<root>/<name>/<version>/`.

A version appears complete or not at all, and none is ever overwritten. What a signature computes is
the method's business; this module only stores it under names and reads it back.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose.export.versions import next_version
from keras_pose.files import CannotWrite, staged_folder

SERVING_DEFAULT = "serving_default"


@dataclass(frozen=True)
class Signature:
    """One entry point of an exported model.

    Attributes:
        function: called with one tensor per input, by keyword; returns a dict of tensors, whose
            keys become the output names. It must be traceable without AutoGraph and run in inference
            mode by itself.
        inputs: input name -> shape and dtype; `None` in a shape is a free axis, usually the batch.
    """

    function: Callable[..., Mapping[str, tf.Tensor]]
    inputs: Mapping[str, tf.TensorSpec]


@contextmanager
def new_version(
    root: str | os.PathLike, name: str, version: int | None = None
) -> Iterator[tuple[Path, Path]]:
    """Stage one version folder of a model; it is published when the body is through.

    Put everything that belongs to the version inside: SavedModel, `.tflite` files, card and
    verification report. If the body raises, for example `ExportMismatch`, nothing appears.

    Args:
        root: folder of all served models.
        name: model name: letters, digits, `_`, `-` and `.`, as TensorFlow Serving accepts.
        version: positive integer, or None for the next free one.

    Yields:
        (hidden folder to write into, folder it will be renamed to).

    Raises:
        ValueError: if the name or the version is unusable, or the version exists.
        CannotWrite: if something cannot be written.
    """
    if not re.fullmatch(r"\w[\w.-]*", name, flags=re.ASCII):
        raise ValueError(
            f"Model name {name!r} must be letters, digits, '_', '-' and '.', since it becomes a "
            "folder and a part of a URL: choose another name."
        )
    version = next_version(root, name) if version is None else version
    if version < 1:
        raise ValueError(f"Version {version} of {name} must be a whole number of at least 1.")
    final = Path(root) / name / str(version)
    with staged_folder(final) as folder:
        yield folder, final


def save_signatures(
    folder: str | os.PathLike,
    signatures: Mapping[str, Signature],
    serving_default: str | None = None,
) -> None:
    """Write `saved_model.pb` and its variables into an existing or new folder.

    Args:
        folder: where to write; use `new_version` to make the result appear at once.
        signatures: signature name -> entry point.
        serving_default: name of the signature that is also stored as `serving_default`.

    Raises:
        ValueError: if a function does not return a dict of tensors, or names do not fit.
        CannotWrite: if it cannot be written.
    """
    if not signatures:
        raise ValueError(f"No signature was given for {os.fspath(folder)}: name at least one.")
    if serving_default is not None and serving_default not in signatures:
        raise ValueError(
            f"serving_default={serving_default!r} is not a signature of this model: choose one of "
            f"{sorted(signatures)}."
        )
    traced = {name: _trace(name, signature) for name, signature in signatures.items()}
    holder = tf.Module()
    # Trap: a Keras model that hangs on the saved object itself gives a SavedModel which serves
    # correctly, but whose variables TFLiteConverter does not freeze: a file without weights that
    # answers NaN. So only the plain variables that the functions use are tracked.
    holder.variables_used = list(
        {id(v): v for function in traced.values() for v in function.variables}.values()
    )
    if serving_default is not None:
        traced[SERVING_DEFAULT] = traced[serving_default]
    try:
        tf.saved_model.save(holder, os.fspath(folder), signatures=traced)
    except tf.errors.OpError as error:
        # TensorFlow's file system raises its own errors: a full disk is ResourceExhaustedError.
        reason = error.message.splitlines()[0].rsplit("; ", 1)[-1].rsplit(" [Op", 1)[0].lower()
        raise CannotWrite(
            f"Cannot write {os.fspath(folder)}: {reason}; nothing was kept; make room or choose "
            "another place and run the same command again."
        ) from error


def write_saved_model(
    root: str | os.PathLike,
    name: str,
    signatures: Mapping[str, Signature],
    serving_default: str | None = None,
    version: int | None = None,
    finish: Callable[[Path], None] | None = None,
) -> Path:
    """Write `<root>/<name>/<version>/`: aside first, renamed last, never over an older one.

    Args:
        root: folder of all served models.
        name: model name.
        signatures: signature name -> entry point.
        serving_default: name of the signature that is also stored as `serving_default`.
        version: positive integer, or None for the next free one.
        finish: called with the still hidden folder before it is published; it may add files
            (TFLite, card, verification report) and stops the export by raising.

    Returns:
        The published folder.

    Raises:
        ValueError: if a name is unusable or the version exists.
        CannotWrite: if it cannot be written, for example on a full disk; nothing is left then.
    """
    with new_version(root, name, version) as (folder, final):
        save_signatures(folder, signatures, serving_default)
        if finish is not None:
            finish(folder)
    return final


class LoadedModel:
    """A SavedModel whose signatures are functions of NumPy arrays.

    Args:
        path: version folder.

    Attributes:
        signatures: signature name to (inputs, outputs), each name to `tf.TensorSpec`.

    Raises:
        ValueError: if there is no such model.
    """

    def __init__(self, path: str | os.PathLike) -> None:
        self._path = Path(path)
        if not (self._path / "saved_model.pb").is_file():
            raise ValueError(
                f"{path} holds no saved_model.pb: give the version folder of an exported model."
            )
        try:
            # Trap: a signature does not keep its model's variables alive, so the model is held here.
            self._loaded = tf.saved_model.load(os.fspath(path))
        except (
            Exception
        ) as error:  # IndexError, OSError, OpError, DecodeError: all mean a damaged file.
            raise ValueError(
                f"{path} is not a readable SavedModel (truncated or incomplete): export it again."
            ) from error
        self.signatures: dict[str, tuple[dict, dict]] = {
            name: (function.structured_input_signature[1], function.structured_outputs)
            for name, function in self._loaded.signatures.items()
        }

    def runner(
        self, signature: str = SERVING_DEFAULT
    ) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
        """Return one signature as a function.

        Args:
            signature: signature name.

        Returns:
            A function from {input name: array `[B, ...]`} to {output name: array `[B, ...]`}, of the
            shapes that the signature declares.

        Raises:
            ValueError: if there is no such signature; the function raises it for wrong inputs.
        """
        if signature not in self.signatures:
            raise ValueError(
                f"{self._path} has no signature {signature!r}: choose one of "
                f"{sorted(self.signatures)}."
            )
        specs, _ = self.signatures[signature]

        def run(inputs: Mapping[str, Any]) -> dict[str, np.ndarray]:
            if set(inputs) != set(specs):
                raise ValueError(
                    f"Signature {signature!r} of {self._path} takes {sorted(specs)}, not "
                    f"{sorted(inputs)}."
                )
            for name, spec in specs.items():
                shape = np.shape(inputs[name])
                if not spec.shape.is_compatible_with(shape):
                    wanted = ["any" if size is None else size for size in spec.shape]
                    raise ValueError(
                        f"{name} has the shape {list(shape)}, but signature {signature!r} of "
                        f"{self._path} takes {wanted}; convert joints to its order first "
                        "(keras_pose.skeletons.convert), without confidences."
                        if name == "keypoints_2d"
                        else f"{name} has the shape {list(shape)}, but signature {signature!r} of "
                        f"{self._path} takes {wanted}; give that."
                    )
            tensors = {name: tf.constant(inputs[name], spec.dtype) for name, spec in specs.items()}
            outputs = self._loaded.signatures[signature](**tensors)
            return {name: value.numpy() for name, value in outputs.items()}

        return run


def saved_model_runner(
    path: str | os.PathLike, signature: str = SERVING_DEFAULT
) -> Callable[[Mapping[str, Any]], dict[str, np.ndarray]]:
    """Load one signature of a SavedModel as a function of NumPy arrays.

    Args:
        path: version folder.
        signature: signature name.

    Returns:
        Function of input name -> array `[N, ...]` to output name -> array, see `LoadedModel.runner`;
        it holds the loaded model.

    Raises:
        ValueError: if there is no such model or signature.
    """
    return LoadedModel(path).runner(signature)


def run_saved_model(
    path: str | os.PathLike, signature: str, inputs: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Load a SavedModel and run one signature once.

    Args:
        path: version folder.
        signature: signature name.
        inputs: input name -> array `[B, ...]` of the shape that the signature declares.

    Returns:
        Output name -> array `[B, ...]`.

    Raises:
        ValueError: if model, signature or input names do not fit.

    Example:
        >>> import numpy as np
        >>> from keras_pose.export import run_saved_model
        >>> points = np.random.default_rng(0).normal(size=(1, 17, 2)).astype("float32")
        >>> lifted = run_saved_model("savedmodels/tips_cmu/1", "lift", {"keypoints_2d": points})
        >>> lifted["keypoints_3d"].shape, lifted["valid"].tolist()
        ((1, 17, 3), [1.0])
    """
    return saved_model_runner(path, signature)(inputs)


def _trace(name: str, signature: Signature) -> Any:
    """Return the concrete function of a signature, its inputs named as in the mapping."""
    specs = {
        key: tf.TensorSpec(spec.shape, spec.dtype, name=key)
        for key, spec in signature.inputs.items()
    }
    function = signature.function
    # AutoGraph would read and rewrite the source of all that is called, a quarter of the time of saving.
    traced = tf.function(lambda **tensors: function(**tensors), autograph=False)
    concrete = traced.get_concrete_function(**specs)
    outputs = concrete.structured_outputs
    if not isinstance(outputs, Mapping) or not all(
        isinstance(key, str) and isinstance(value, tf.Tensor | tf.TensorSpec)
        for key, value in outputs.items()
    ):
        raise ValueError(
            f"Signature {name!r} returns {type(outputs).__name__}: it must return one dict from "
            "output name to tensor."
        )
    return concrete
