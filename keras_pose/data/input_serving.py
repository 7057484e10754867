"""An input worker: TensorFlow's data service on the batches of whatever method a trainer names.

Functions in NumPy can run only in the process that traced them, so the datasets are built here, from the
trainer's own config, and the dispatcher that hands them out has this process as its only worker.
"""

import dataclasses
import hashlib
import http.server
import importlib
import inspect
import json
import re
import socket
import threading
from typing import Any

import tensorflow as tf

from keras_pose.data.input_worker import InputWorkerSettings
from keras_pose.data_service.fingerprints import fingerprint
from keras_pose.data_service.messages import DISPATCHER, REQUESTS, WORKER
from keras_pose.train.config import from_dict
from keras_pose.train.options import RunOptions
from keras_pose.train.run_folder import code_version
from keras_pose.train.runs import limit_threads

_MOST_BYTES = 2**20
# Data sets kept open; trainers of more are served, but reopen theirs when they resume.
_MOST_OPEN = 4


class InputWorker:
    """Serves until it is closed.

    Args:
        settings: where and what.

    Raises:
        ValueError: if a port is in use.
    """

    def __init__(self, settings: InputWorkerSettings) -> None:
        self.settings = settings
        self.code, self.records = code_version(), fingerprint(settings.data_dir)
        self._open: dict[str, Any] = {}
        self._datasets: dict[str, tf.data.Dataset] = {}
        self._lock = threading.Lock()
        for offset in (DISPATCHER, WORKER, REQUESTS):
            _check_port(settings.port + offset)
        service = tf.data.experimental.service
        self._dispatcher = service.DispatchServer(
            service.DispatcherConfig(port=settings.port + DISPATCHER)
        )
        self._worker = service.WorkerServer(
            service.WorkerConfig(
                dispatcher_address=f"localhost:{settings.port + DISPATCHER}",
                worker_address=f"{settings.host}:{settings.port + WORKER}",
                port=settings.port + WORKER,
            )
        )
        self._requests = http.server.ThreadingHTTPServer(
            ("", settings.port + REQUESTS), _handler(self)
        )

    def serve(self) -> None:
        """Answer trainers until the process is stopped."""
        self._requests.serve_forever()

    def close(self) -> None:
        """Let go of the ports."""
        self._requests.server_close()

    def answer(self, question: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a trainer.

        Args:
            question: `meet` (may we work together), `open` (batches from a step on), `skipped` (records
                left out) or `check` (are too many of them bad).
            request: what `keras_pose.train.session` writes.

        Returns:
            JSON-ready; `refused` is the sentence of a refusal.
        """
        try:
            self._check(request)
            if question == "open":
                return {"dataset_id": self._register(request)}
            if question in ("skipped", "check"):
                data = self._open.get(_key(request))
                if data is not None and question == "check":
                    _raise_too_many(data)
                return {"skipped": data.skipped() if data is not None else {}}
            return {}
        except (ValueError, OSError, KeyError, TypeError) as error:
            return {"refused": " ".join(str(error).split())}

    def _check(self, request):
        if request["code"] != self.code:
            raise ValueError(
                f"this input worker runs {self.code}, the trainer {request['code']}; start both from one "
                "version."
            )
        if request["records"] and request["records"] != self.records:
            raise ValueError(
                f"this input worker's --data_dir={self.settings.data_dir} holds other data than the "
                "trainer's; give both the same, folders in the same order."
            )

    def _register(self, request):
        first, stride = int(request["first"]), int(request["stride"])
        name = f"{_key(request)} {first} {stride}"
        # One at a time: trainers of one run ask at once for one data set.
        with self._lock:
            data = self._open_data(request)
            if name not in self._datasets:
                numbers = tf.data.Dataset.counter(first, stride, tf.int64)
                dataset = tf.data.Dataset.zip((numbers, data.batches(first, stride)))
                # Kept, since TensorFlow forgets the NumPy functions of what Python has forgotten.
                self._datasets[name] = dataset
                tf.data.experimental.service.register_dataset(
                    f"grpc://localhost:{self.settings.port + DISPATCHER}", dataset, dataset_id=name
                )
        return name

    def _open_data(self, request):
        key = _key(request)
        if key not in self._open:
            open_data, config = _method(request)
            options = RunOptions(mode="train", data_dir=self.settings.data_dir, model_dir="unused")
            self._open[key] = open_data(config, options)
            print(f"Batches of {request['method']}, data set {len(self._open)}.", flush=True)
        while len(self._open) > _MOST_OPEN:
            oldest = next(iter(self._open))
            self._open.pop(oldest)
        return self._open[key]


def _key(request):
    """Name of the data of a run."""
    content = json.dumps([request["method"], request["config"], request["on_gpu"]], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def _method(request):
    """Return the function that opens a method's data, and the trainer's config."""
    name = request["method"]
    if not re.fullmatch("[a-z0-9_]+", name):
        raise ValueError(f"{name!r} is no method; use a trainer of keras_pose.")
    open_data = importlib.import_module(f"keras_pose.{name}.training").open_data
    config_class = inspect.signature(open_data).parameters["config"].annotation
    config = from_dict(config_class, request["config"], "the trainer's settings")
    if getattr(config, "augment_on", "") == "auto":
        # By the trainer's devices, not by those of this machine.
        place = "device" if request["on_gpu"] else "host"
        config = dataclasses.replace(config, augment_on=place)
    return open_data, config


def _raise_too_many(data):
    """Say what a stream that stopped over bad records would say."""
    try:
        with data.as_sentence():
            raise LookupError
    except LookupError:
        return


def _check_port(port):
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("", port))
        except OSError as error:
            raise ValueError(
                f"--port: port {port} is in use ({error.strerror}); an input worker needs three in a "
                "row, so end what listens there or give another."
            ) from error


def _handler(worker):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            length = int(self.headers.get("Content-Length", "0"))
            if length > _MOST_BYTES:
                self.send_error(413)
                return
            try:
                answer = worker.answer(self.path.strip("/"), json.loads(self.rfile.read(length)))
            except json.JSONDecodeError:
                self.send_error(400)
                return
            text = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format, *args):
            """Say nothing of each request."""

    return Handler


def main(settings: InputWorkerSettings) -> None:
    """Do what the settings ask for."""
    limit_threads(settings.num_threads)
    # Trainers may be on this machine, and their GPUs are theirs.
    tf.config.set_visible_devices([], "GPU")
    worker = InputWorker(settings)
    print(
        f"Input for trainers at --data_service=grpc://{settings.host}:{settings.port}; Ctrl-C ends it.",
        flush=True,
    )
    try:
        worker.serve()
    finally:
        worker.close()
