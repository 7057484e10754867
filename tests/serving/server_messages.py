"""Two settings messages of TensorFlow Serving that its package on PyPI leaves out.

Fields and numbers follow `session_bundle_config.proto` and `monitoring_config.proto` of
github.com/tensorflow/serving; the text parser of protocol buffers then refuses an unknown field, a
wrong type and bad grammar just as the server does.
"""

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
    wrappers_pb2,
)
from tensorflow_serving.config import model_server_config_pb2

_FIELD = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _FIELD.LABEL_OPTIONAL, _FIELD.LABEL_REPEATED
_INT64 = f".{wrappers_pb2.Int64Value.DESCRIPTOR.full_name}"
_STRING = f".{wrappers_pb2.StringValue.DESCRIPTOR.full_name}"


def _classes():
    file = descriptor_pb2.FileDescriptorProto(
        name="toy/serving_settings.proto",
        package="settings",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )

    def add(message, number, name, kind, label=_ONE, of=None):
        message.field.add(number=number, name=name, type=kind, label=label, type_name=of)

    batching = file.message_type.add(name="BatchingParameters")
    for number, name in enumerate(
        ("max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads"), 1
    ):
        add(batching, number, name, _FIELD.TYPE_MESSAGE, of=_INT64)
    add(batching, 5, "thread_pool_name", _FIELD.TYPE_MESSAGE, of=_STRING)
    add(batching, 6, "allowed_batch_sizes", _FIELD.TYPE_INT64, _MANY)
    add(batching, 7, "pad_variable_length_inputs", _FIELD.TYPE_BOOL)
    prometheus = file.message_type.add(name="PrometheusConfig")
    add(prometheus, 1, "enable", _FIELD.TYPE_BOOL)
    add(prometheus, 2, "path", _FIELD.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    of = ".settings.PrometheusConfig"
    add(monitoring, 1, "prometheus_config", _FIELD.TYPE_MESSAGE, of=of)
    pool = descriptor_pool.DescriptorPool()
    for known in (wrappers_pb2.DESCRIPTOR, file):
        pool.AddSerializedFile(
            known.serialized_pb if known is not file else file.SerializeToString()
        )
    names = ("BatchingParameters", "MonitoringConfig")
    return [
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"settings.{name}"))
        for name in names
    ]


_BATCHING, _MONITORING = _classes()


def batching_parameters(text):
    """The text of a batching parameters file as a message."""
    return text_format.Parse(text, _BATCHING())


def monitoring_config(text):
    """The text of a monitoring file as a message."""
    return text_format.Parse(text, _MONITORING())


def model_server_config(text):
    """The text of a models.config as TensorFlow Serving's own message."""
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
