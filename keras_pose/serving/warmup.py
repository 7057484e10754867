"""Warm-up requests: what TensorFlow Serving replays before a version answers its first client.

Without them the first request pays for TensorFlow's lazy set-up. The file is a TFRecord of
`tensorflow.serving.PredictionLog` messages. A damaged one makes a server refuse the whole version, so
an export that writes the file also reads it back. The few messages involved are declared here again,
as far as warm-up needs them: exporting then needs no package of TensorFlow Serving.
"""

import functools
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from google.protobuf.message import DecodeError
from tensorflow.core.framework import tensor_pb2  # noqa: F401 - puts the dependency in the pool
from tensorflow.core.protobuf import saved_model_pb2

from keras_pose.files import CannotWrite, write_file

WARMUP_FILE = "assets.extra/tf_serving_warmup_requests"
# A server refuses a file with more records.
MOST_REQUESTS = 1000

# Field numbers as in tensorflow_serving/apis: prediction_log.proto, predict.proto, model.proto. The
# package is another, since one process may import theirs too.
_PROTO = """
name: "keras_pose/warmup.proto" package: "keras_pose.warmup" syntax: "proto3"
dependency: "google/protobuf/wrappers.proto" dependency: "tensorflow/core/framework/tensor.proto"
message_type { name: "PredictionLog"
  field { name: "predict_log" number: 6 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: "PredictLog" } }
message_type { name: "PredictLog"
  field { name: "request" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: "PredictRequest" } }
message_type { name: "PredictRequest"
  field { name: "model_spec" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE type_name: "ModelSpec" }
  field { name: "inputs" number: 2 label: LABEL_REPEATED type: TYPE_MESSAGE type_name: "InputsEntry" }
  nested_type { name: "InputsEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
      type_name: ".tensorflow.TensorProto" } } }
message_type { name: "ModelSpec"
  field { name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "version" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".google.protobuf.Int64Value" }
  field { name: "signature_name" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING } }
"""

Request = Mapping[str, Any]


def write_warmup(
    folder: str | os.PathLike,
    requests: Mapping[str, Request | Sequence[Request]],
    model_name: str,
    version: int | None = None,
) -> Path:
    """Write the warm-up file of a version folder and read it back.

    Give requests like those of real clients: a server's lazy work depends on signature and batch
    size, so one request per signature and per allowed batch size is a good choice. A server that
    batches refuses requests with more rows than its `max_batch_size`, and the version with them.

    Args:
        folder: version folder that already holds its `saved_model.pb`.
        requests: signature name -> {input name: array `[N, ...]`}, or a list of such requests. Bytes
            go in as an array or list of `bytes` `[N]`.
        model_name: name under which the model is served.
        version: version that the requests name, or None for the version they lie in.

    Returns:
        The file.

    Raises:
        ValueError: if there is no request, there are too many, or one does not fit its signature.
        CannotWrite: if the file cannot be written.
    """
    pairs = [
        (signature, request)
        for signature, given in requests.items()
        for request in ([given] if isinstance(given, Mapping) else given)
    ]
    if not 1 <= len(pairs) <= MOST_REQUESTS:
        raise ValueError(
            f"{len(pairs)} warm-up requests for {os.fspath(folder)}: TensorFlow Serving takes 1 to "
            f"{MOST_REQUESTS}, so give that many."
        )
    specs = _signatures(folder)
    path = Path(folder) / WARMUP_FILE
    logs = []
    for signature, request in pairs:
        tensors = {name: _tensor_proto(path, name, value) for name, value in request.items()}
        _check(path, specs, signature, tensors)
        logs.append(_prediction_log(model_name, version, signature, tensors))
    write_file(path, _records(logs))
    read_warmup(folder)
    return path


def read_warmup(folder: str | os.PathLike) -> list[tuple[str, dict[str, np.ndarray]]]:
    """Read the warm-up file of a version folder and check it against the SavedModel.

    Args:
        folder: version folder.

    Returns:
        One (signature name, {input name: array `[N, ...]`}) per record, in the file's order; bytes
        come as arrays `[N]` of `bytes`.

    Raises:
        ValueError: if the file is missing or damaged, holds no or too many records, or a record does
            not fit the signatures of the SavedModel.
    """
    path = Path(folder) / WARMUP_FILE
    if not path.is_file():
        raise ValueError(f"{path} does not exist: export the model again, or call write_warmup.")
    specs = _signatures(folder)
    requests = []
    try:
        records = [bytes(log.numpy()) for log in tf.data.TFRecordDataset(os.fspath(path))]
        for log in records:
            signature, tensors = _parsed_log(log)
            _check(path, specs, signature, tensors)
            arrays = {name: tf.make_ndarray(tensor) for name, tensor in tensors.items()}
            requests.append((signature, arrays))
    except (tf.errors.OpError, DecodeError) as error:
        raise ValueError(
            f"{path} is damaged, and a server would refuse the version: export the model again."
        ) from error
    if not 1 <= len(requests) <= MOST_REQUESTS:
        raise ValueError(
            f"{path} holds {len(requests)} records; TensorFlow Serving takes 1 to {MOST_REQUESTS}: "
            "export the model again."
        )
    return requests


def _records(logs: Sequence[bytes]) -> bytes:
    """Return the bytes of an uncompressed TFRecord file, the only kind that servers read."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            file = os.path.join(folder, "records")
            with tf.io.TFRecordWriter(file) as writer:
                for log in logs:
                    writer.write(log)
            return Path(file).read_bytes()
    except (tf.errors.OpError, OSError) as error:
        raise CannotWrite(
            f"Cannot write warm-up records below {tempfile.gettempdir()}: make room there or set "
            "TMPDIR to another place."
        ) from error


@functools.cache
def _log_class() -> Any:
    """Return the class of `PredictionLog` messages."""
    file = text_format.Parse(_PROTO, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    name = f"{file.package}.PredictionLog"
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def _prediction_log(
    model_name: str, version: int | None, signature: str, tensors: Mapping[str, Any]
) -> bytes:
    log = _log_class()()
    request = log.predict_log.request
    request.model_spec.name, request.model_spec.signature_name = model_name, signature
    if version is not None:
        request.model_spec.version.value = version
    for name, tensor in tensors.items():
        request.inputs[name].CopyFrom(tensor)
    return log.SerializeToString(deterministic=True)


def _parsed_log(log: bytes) -> tuple[str, dict[str, Any]]:
    """Signature name and input tensors of one PredictionLog."""
    request = _log_class().FromString(log).predict_log.request
    if not request.model_spec.signature_name:
        raise DecodeError("no request, or one that names no signature")
    return request.model_spec.signature_name, dict(request.inputs)


def _tensor_proto(path: Path, name: str, value: Any) -> Any:
    try:
        return tf.make_tensor_proto(value)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Warm-up input {name!r} for {path} is not an array of one type: give numbers or bytes."
        ) from error


def _signatures(folder: str | os.PathLike) -> Mapping[str, Any]:
    """Return the SavedModel's own list of signatures: name -> SignatureDef."""
    path = Path(folder) / "saved_model.pb"
    if not path.is_file():
        raise ValueError(
            f"{path} does not exist: write the SavedModel before its warm-up requests."
        )
    saved = saved_model_pb2.SavedModel.FromString(path.read_bytes())
    for graph in saved.meta_graphs:
        if "serve" in graph.meta_info_def.tags:
            return graph.signature_def
    raise ValueError(f"{path} holds nothing tagged 'serve': export the model again.")


def _check(
    path: Path, specs: Mapping[str, Any], signature: str, tensors: Mapping[str, Any]
) -> None:
    """Say in one sentence where a request does not fit the SavedModel."""
    if signature not in specs:
        raise ValueError(
            f"{path} asks for signature {signature!r}, which the model does not have: choose one of "
            f"{sorted(name for name in specs if not name.startswith('__'))}."
        )
    inputs = specs[signature].inputs
    if set(inputs) != set(tensors):
        raise ValueError(
            f"{path} gives {sorted(tensors)} to signature {signature!r}, which takes "
            f"{sorted(inputs)}: give exactly these."
        )
    batch = {}
    for name, tensor in tensors.items():
        wanted = tf.TensorShape(inputs[name].tensor_shape)
        shape = tf.TensorShape(tensor.tensor_shape)
        if tensor.dtype != inputs[name].dtype or not wanted.is_compatible_with(shape):
            raise ValueError(
                f"{path} gives {name!r} of signature {signature!r} as "
                f"{tf.as_dtype(tensor.dtype).name} {shape}, which takes "
                f"{tf.as_dtype(inputs[name].dtype).name} {wanted}."
            )
        batch[name] = shape[0] if shape.rank else None
    if len(set(batch.values())) > 1:
        raise ValueError(f"{path} gives signature {signature!r} inputs of several sizes: {batch}.")
