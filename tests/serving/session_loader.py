"""A SavedModel behind TensorFlow's C interface: the C++ loader and session that servers use.

`TF_LoadSessionFromSavedModel` is a thin cover of `tensorflow::LoadSavedModel`, the function by which
TensorFlow Serving loads a version, with the tag "serve"; `TF_SessionRun` runs one signature's tensors.
No Python of TensorFlow touches the graph.
"""

import ctypes
import os

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

_STRING_BYTES = 24  # sizeof(TF_TString)


class _Buffer(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("length", ctypes.c_size_t),
        ("deallocator", ctypes.c_void_p),
    ]


class _Output(ctypes.Structure):
    _fields_ = [("operation", ctypes.c_void_p), ("index", ctypes.c_int)]


def _library():
    path = os.path.join(tf.sysconfig.get_lib(), "libtensorflow_cc.so.2")
    library = ctypes.CDLL(path)
    pointers = (
        "TF_NewStatus TF_NewGraph TF_NewSessionOptions TF_NewBuffer TF_LoadSessionFromSavedModel "
        "TF_GraphOperationByName TF_AllocateTensor TF_TensorData"
    )
    for name in pointers.split():
        getattr(library, name).restype = ctypes.c_void_p
    library.TF_Message.restype = ctypes.c_char_p
    library.TF_Dim.restype = ctypes.c_int64
    library.TF_TensorByteSize.restype = ctypes.c_size_t
    library.TF_NewBuffer.restype = ctypes.POINTER(_Buffer)
    return library


class LoadedSession:
    """One version folder, loaded in C++.

    Attributes:
        signatures: signature name -> SignatureDef, as the loader returned them.
    """

    def __init__(self, folder):
        self._c = _library()
        self._status = ctypes.c_void_p(self._c.TF_NewStatus())
        self._graph = ctypes.c_void_p(self._c.TF_NewGraph())
        options = ctypes.c_void_p(self._c.TF_NewSessionOptions())
        buffer = self._c.TF_NewBuffer()
        tags = (ctypes.c_char_p * 1)(b"serve")
        self._session = ctypes.c_void_p(
            self._c.TF_LoadSessionFromSavedModel(
                options, None, os.fsencode(folder), tags, 1, self._graph, buffer, self._status
            )
        )
        self._raise()
        content = ctypes.string_at(buffer.contents.data, buffer.contents.length)
        self.signatures = meta_graph_pb2.MetaGraphDef.FromString(content).signature_def
        self._c.TF_DeleteBuffer(buffer)
        self._c.TF_DeleteSessionOptions(options)

    def run(self, fetches, feeds):
        """Arrays {key: array} of the tensors {key: tensor name}, for {tensor name: array}.

        Raises:
            ValueError: with the session's own words.
        """
        given = [self._tensor(value) for value in feeds.values()]
        ends = [self._outputs(feeds), self._outputs(fetches.values())]
        inputs = (ctypes.c_void_p * len(given))(*given)
        results = (ctypes.c_void_p * len(fetches))()
        status = ctypes.c_void_p(self._c.TF_NewStatus())
        self._c.TF_SessionRun(
            self._session, None, ends[0], inputs, len(given), ends[1], results, len(fetches),
            None, 0, None, status,
        )  # fmt: skip
        for tensor in given:
            self._c.TF_DeleteTensor(ctypes.c_void_p(tensor))
        self._raise(status)
        self._c.TF_DeleteStatus(status)
        return {key: self._array(one) for key, one in zip(fetches, results, strict=True)}

    def close(self):
        """Gives session and graph back."""
        self._c.TF_DeleteSession(self._session, self._status)
        self._c.TF_DeleteGraph(self._graph)

    def _raise(self, status=None):
        status = status or self._status
        if self._c.TF_GetCode(status):
            raise ValueError(self._c.TF_Message(status).decode(errors="replace"))

    def _outputs(self, names):
        ends = []
        for name in names:
            operation, _, index = name.partition(":")
            found = self._c.TF_GraphOperationByName(self._graph, operation.encode())
            if not found:
                raise ValueError(f"the graph has no operation {operation}")
            ends.append(_Output(found, int(index or 0)))
        return (_Output * len(ends))(*ends)

    def _tensor(self, value):
        is_text = value.dtype.kind in "OSU"
        dtype = tf.string if is_text else tf.as_dtype(value.dtype)
        shape = (ctypes.c_int64 * value.ndim)(*value.shape)
        size = value.size * _STRING_BYTES if is_text else value.nbytes
        tensor = self._c.TF_AllocateTensor(
            dtype.as_datatype_enum, shape, value.ndim, ctypes.c_size_t(size)
        )
        data = self._c.TF_TensorData(ctypes.c_void_p(tensor))
        if not is_text:
            ctypes.memmove(data, np.ascontiguousarray(value).ctypes.data, size)
            return tensor
        for index, text in enumerate(value.ravel()):
            place = ctypes.c_void_p(data + index * _STRING_BYTES)
            self._c.TF_StringInit(place)
            self._c.TF_StringCopy(place, bytes(text), ctypes.c_size_t(len(text)))
        return tensor

    def _array(self, tensor):
        """The values of a result, which is then freed; contract outputs are numbers."""
        tensor = ctypes.c_void_p(tensor)
        shape = [self._c.TF_Dim(tensor, axis) for axis in range(self._c.TF_NumDims(tensor))]
        kind = self._c.TF_TensorType(tensor)
        dtype = tf.as_dtype(kind).as_numpy_dtype
        size = self._c.TF_TensorByteSize(tensor)
        content = ctypes.string_at(self._c.TF_TensorData(tensor), size) if size else b""
        self._c.TF_DeleteTensor(tensor)
        return np.frombuffer(content, dtype).reshape(shape)
