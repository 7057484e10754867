"""Stands in for `tensorflow_model_server` where there is none: gRPC, REST, the same settings files.

Models are loaded and run by the C++ code that TensorFlow Serving uses too, replay their warm-up file
before they are served, and are called in batches that are filled up with copies of the first row. gRPC
goes through the generated PredictionService and ModelService; REST follows the public API guide.
"""

import argparse
import base64
import collections
import contextlib
import json
import re
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_log_pb2,
    prediction_service_pb2_grpc,
)

from tests.serving.server_messages import (
    batching_parameters,
    model_server_config,
    monitoring_config,
)
from tests.serving.session_loader import LoadedSession

WARMUP = "assets.extra/tf_serving_warmup_requests"


class Refused(Exception):
    """A request that is answered with INVALID_ARGUMENT or NOT_FOUND."""

    def __init__(self, text, code=grpc.StatusCode.INVALID_ARGUMENT):
        super().__init__(text)
        self.code = code


class Servable:
    """One loaded version."""

    def __init__(self, folder, batching=None):
        self.batching = batching
        self.session = LoadedSession(folder)
        self.signatures = self.session.signatures
        warmup = Path(folder) / WARMUP
        self.warmed_up = 0
        if warmup.is_file():
            for record in tf.data.TFRecordDataset(str(warmup)):
                request = prediction_log_pb2.PredictionLog.FromString(
                    record.numpy()
                ).predict_log.request
                inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
                self.run(request.model_spec.signature_name, inputs)
                self.warmed_up += 1

    def run(self, signature, inputs):
        """Outputs {name: array} of a signature, by one session run."""
        definition = self.definition(signature)
        if set(inputs) != set(definition.inputs):
            raise Refused(f"input size does not match signature: {sorted(inputs)}")
        count = {len(value) if value.ndim else None for value in inputs.values()}
        rows = count.pop()
        if count:
            raise Refused("Batching session: inputs have different 0-th dimensions")
        padded = rows
        if self.batching is not None:
            sizes = [size for size in self.batching.allowed_batch_sizes if size >= rows]
            if not sizes:
                raise Refused(f"Task size {rows} is larger than maximum batch size")
            padded = sizes[0]
            inputs = {
                name: np.concatenate([value, *[value[:1]] * (padded - rows)])
                for name, value in inputs.items()
            }
        feeds = {definition.inputs[name].name: value for name, value in inputs.items()}
        fetches = {name: info.name for name, info in definition.outputs.items()}
        try:
            outputs = self.session.run(fetches, feeds)
        except ValueError as error:
            raise Refused(str(error)) from error
        for name, value in outputs.items():
            if value.ndim == 0 or len(value) != padded:
                raise Refused(f"Batched output tensor {name} does not have batch size {padded}")
        return {name: value[:rows] for name, value in outputs.items()}

    def definition(self, signature):
        """The SignatureDef of a name; an empty name is serving_default."""
        name = signature or "serving_default"
        if name not in self.signatures:
            raise Refused(f'Serving signature name: "{name}" not found in signature def')
        return self.signatures[name]

    def signature_map(self):
        """All signatures in the message of the metadata call."""
        message = get_model_metadata_pb2.SignatureDefMap()
        for name, definition in self.signatures.items():
            message.signature_def[name].CopyFrom(definition)
        return message


class StandInServer:
    """The models of a ModelServerConfig behind both ports; a context manager.

    `folder_of(base_path)` says where a base path of the configuration lies on this machine.
    """

    def __init__(self, config, folder_of, batching=None, monitoring=None, rest_port=0, grpc_port=0):
        self._ports = rest_port, grpc_port
        self.models = collections.defaultdict(dict)
        self.labels = {}
        for entry in config.model_config_list.config:
            folder = Path(folder_of(entry.base_path))
            wanted = list(entry.model_version_policy.specific.versions)
            for version in wanted or [max(int(path.name) for path in folder.glob("[0-9]*"))]:
                self.models[entry.name][version] = Servable(folder / str(version), batching)
            self.labels[entry.name] = dict(entry.version_labels)
        self.metrics_path = monitoring.prometheus_config.path if monitoring else None
        self.delay_s = 0.0

    def find(self, name, version=None, label=None):
        """(version, servable) of a model."""
        versions = self.models.get(name, {})
        version = (
            self.labels.get(name, {}).get(label) if label else version or max(versions, default=0)
        )
        if version not in versions:
            text = f"Servable not found for request: {'Specific' if version else 'Latest'}({name})"
            raise Refused(text, grpc.StatusCode.NOT_FOUND)
        return version, versions[version]

    def status(self, name, version=None, label=None):
        """The answer of GetModelStatus."""
        one, _ = self.find(name, version, label)
        answer = get_model_status_pb2.GetModelStatusResponse()
        for number in [one] if version or label else sorted(self.models[name]):
            answer.model_version_status.add(version=number, state="AVAILABLE").status.error_code = 0
        return answer

    def __enter__(self):
        no_limit = [("grpc.max_receive_message_length", -1)]
        self._grpc = grpc.server(futures.ThreadPoolExecutor(4), options=no_limit)
        service = _GrpcServices(self)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(service, self._grpc)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(service, self._grpc)
        self.grpc = f"127.0.0.1:{self._grpc.add_insecure_port(f'127.0.0.1:{self._ports[1]}')}"
        self._grpc.start()
        # Last, as in the real server: whoever finds this port open finds the other one open too.
        handler = type("Handler", (_RestHandler,), {"core": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", self._ports[0]), handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()
        self.rest = f"127.0.0.1:{self._http.server_port}"
        return self

    def __exit__(self, *_):
        self._grpc.stop(None).wait()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _GrpcServices:
    """The generated services' methods: PredictionService and ModelService."""

    def __init__(self, core):
        self._core = core

    def __getattr__(self, method):
        # The methods that this server does not offer: Classify, Regress, ...
        def refuse(request, context):
            context.abort(grpc.StatusCode.UNIMPLEMENTED, f"{method} is not served here")

        return refuse

    def _servable(self, spec):
        version = spec.version.value if spec.WhichOneof("version_choice") == "version" else None
        return self._core.find(spec.name, version, spec.version_label)

    def Predict(self, request, context):  # noqa: N802 - the service's own name
        try:
            version, servable = self._servable(request.model_spec)
            inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
            outputs = servable.run(request.model_spec.signature_name, inputs)
        except Refused as error:
            context.abort(error.code, str(error))
        answer = predict_pb2.PredictResponse(model_spec=request.model_spec)
        answer.model_spec.version.value = version
        for name, value in outputs.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer

    def GetModelMetadata(self, request, context):  # noqa: N802
        try:
            version, servable = self._servable(request.model_spec)
        except Refused as error:
            context.abort(error.code, str(error))
        answer = get_model_metadata_pb2.GetModelMetadataResponse(model_spec=request.model_spec)
        answer.model_spec.version.value = version
        answer.metadata["signature_def"].Pack(servable.signature_map())
        return answer

    def GetModelStatus(self, request, context):  # noqa: N802
        spec = request.model_spec
        try:
            return self._core.status(spec.name, spec.version.value, spec.version_label)
        except Refused as error:
            context.abort(error.code, str(error))


class _RestHandler(BaseHTTPRequestHandler):
    core: StandInServer
    _PATH = re.compile(
        r"/v1/models/([^/:]+)(?:/versions/(\d+)|/labels/(\w+))?(/metadata|:predict)?$"
    )

    def log_message(self, *_):
        pass

    def do_GET(self):  # noqa: N802
        if self.path == self.core.metrics_path:
            return self._send(200, "# TYPE stand_in counter\nstand_in 1\n", "text/plain")
        self._answer(self._get)

    def do_POST(self):  # noqa: N802
        self._answer(self._predict)

    def _answer(self, work):
        found = self._PATH.match(self.path)
        try:
            if not found:
                raise Refused(f"Malformed request: {self.command} {self.path}")
            name, version, label, rest = found.groups()
            self._send(200, work(name, int(version or 0) or None, label, rest))
        except Refused as error:
            code = 404 if error.code == grpc.StatusCode.NOT_FOUND else 400
            self._send(code, json.dumps({"error": str(error)}))

    def _send(self, code, text, kind="application/json"):
        if self.core.delay_s:
            threading.Event().wait(self.core.delay_s)
        content = text.encode()
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        # A client that waited no longer has gone.
        with contextlib.suppress(BrokenPipeError):
            self.end_headers()
            self.wfile.write(content)

    def _get(self, name, version, label, rest):
        if rest == ":predict":
            raise Refused("Malformed request: GET of :predict")
        if rest is None:
            options = {
                "preserving_proto_field_name": True,
                "always_print_fields_with_no_presence": True,
            }
            return json_format.MessageToJson(self.core.status(name, version, label), **options)
        version, servable = self.core.find(name, version, label)
        message = json_format.MessageToDict(
            servable.signature_map(), preserving_proto_field_name=True
        )
        spec = {"name": name, "signature_name": "", "version": str(version)}
        return json.dumps({"model_spec": spec, "metadata": {"signature_def": message}})

    def _predict(self, name, version, label, rest):
        if rest != ":predict":
            raise Refused("Malformed request: POST of something else than :predict")
        length = int(self.headers["Content-Length"])
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise Refused(f"JSON Parse error: {error}") from error
        if ("instances" in body) == ("inputs" in body):
            raise Refused("Request body must have either 'instances' or 'inputs'")
        _, servable = self.core.find(name, version, label)
        signature = body.get("signature_name", "")
        known = servable.definition(signature).inputs
        columns = _columns(body, known)
        inputs = {name: _array(name, value, known) for name, value in columns.items()}
        outputs = {k: v.tolist() for k, v in servable.run(signature, inputs).items()}
        if "inputs" in body:
            answer = {"outputs": outputs if len(outputs) > 1 else next(iter(outputs.values()))}
        else:
            rows = zip(*outputs.values(), strict=True)
            rows = [dict(zip(outputs, row, strict=True)) for row in rows]
            if len(outputs) == 1:
                rows = next(iter(outputs.values()))
            answer = {"predictions": rows}
        # Like the server, this writes NaN and Infinity as bare tokens.
        return json.dumps(answer)


def _columns(body, known):
    """{input name: list} of either form of a request."""
    if "inputs" in body:
        columns = body["inputs"]
        return (
            columns
            if isinstance(columns, dict) and "b64" not in columns
            else {next(iter(known)): columns}
        )
    rows = body["instances"]
    if not isinstance(rows, list) or not rows:
        raise Refused("'instances' must be a list of values")
    if not isinstance(rows[0], dict) or "b64" in rows[0]:
        return {next(iter(known)): rows}
    if any(set(row) != set(rows[0]) for row in rows):
        raise Refused("Failed to process element: instances do not have the same inputs")
    return {name: [row[name] for row in rows] for name in rows[0]}


def _array(name, value, known):
    """JSON values as an array of the type that the signature takes."""
    if name not in known:
        raise Refused(f"JSON object has unknown input {name}")
    dtype = tf.as_dtype(known[name].dtype)
    try:
        if dtype == tf.string:
            return np.array([_bytes(one) for one in value], object)
        array = np.array(value, dtype.as_numpy_dtype)
    except (TypeError, ValueError) as error:
        raise Refused(f"Failed to process input {name}: {error}") from error
    if dtype.is_integer and any(isinstance(one, float) for one in np.array(value, object).ravel()):
        raise Refused(f"JSON value of {name} is not of type {dtype.name}")
    return array


def _bytes(value):
    if isinstance(value, dict) and set(value) == {"b64"}:
        return base64.b64decode(value["b64"], validate=True)
    if isinstance(value, str):
        return value.encode()
    raise ValueError(f"{value!r} is neither text nor a b64 object")


def main(arguments=None):
    """Serves with the flags of `tensorflow_model_server` until it is killed."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--port", type=int, default=8500)
    flags.add_argument("--rest_api_port", type=int, default=8501)
    flags.add_argument("--model_config_file", required=True)
    flags.add_argument("--batching_parameters_file")
    flags.add_argument("--monitoring_config_file")
    flags.add_argument("--enable_batching", default="false")
    flags.add_argument("--allow_version_labels_for_unavailable_models", default="false")
    args = flags.parse_args(arguments)
    config = model_server_config(Path(args.model_config_file).read_text())
    batching = monitoring = None
    if args.enable_batching == "true":
        batching = batching_parameters(Path(args.batching_parameters_file).read_text())
    if args.monitoring_config_file:
        monitoring = monitoring_config(Path(args.monitoring_config_file).read_text())
    with StandInServer(config, str, batching, monitoring, args.rest_api_port, args.port):
        threading.Event().wait()


if __name__ == "__main__":
    main()
