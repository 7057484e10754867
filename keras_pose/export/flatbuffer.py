"""A `.tflite` file as objects and back: what reading operations and changing borders share."""

from collections.abc import Iterator

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

MARK = b"TFL3"
_ALIGNMENT = 16
_NAMES = {code: name for name, code in vars(schema.BuiltinOperator).items() if name[0] != "_"}


def unpack(content: bytes) -> schema.ModelT:
    """Read a file.

    Args:
        content: content of a `.tflite` file.

    Returns:
        The schema's own object tree.

    Raises:
        ValueError: if it is no TFLite file.
    """
    if content[4:8] != MARK:
        raise ValueError("This is not a TFLite file (mark TFL3 missing): convert the model again.")
    return schema.ModelT.InitFromPackedBuf(content, 0)


class _AlignedBuilder(flatbuffers.Builder):
    """Weights begin at multiples of 16, as the schema asks; the Python code of flatbuffers forgets it."""

    def StartVector(self, elemSize, numElems, alignment):  # noqa: N802, N803 - overrides flatbuffers
        return super().StartVector(elemSize, numElems, _ALIGNMENT if elemSize == 1 else alignment)


def pack(model: schema.ModelT) -> bytes:
    """Write the object tree of `unpack` as the content of a `.tflite` file."""
    builder = _AlignedBuilder(1 << 20)
    builder.Finish(model.Pack(builder), MARK)
    return bytes(builder.Output())


def operation_name(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """Return the name of one operation.

    Args:
        model: of `unpack`.
        operator: of one of its subgraphs.

    Returns:
        As in `schema.BuiltinOperator`; a custom one is `CUSTOM:<name>`.
    """
    code = model.operatorCodes[operator.opcodeIndex]
    # Codes below 127 stand in the older 8-bit field, the rest in the wider one.
    name = _NAMES[max(code.builtinCode, code.deprecatedBuiltinCode)]
    return f"CUSTOM:{code.customCode.decode()}" if name == "CUSTOM" else name


def operations(model: schema.ModelT) -> Iterator[tuple[str, schema.SubGraphT, schema.OperatorT]]:
    """Every operation of a model with its name and subgraph, in the order of execution."""
    for graph in model.subgraphs:
        for operator in graph.operators:
            yield operation_name(model, operator), graph, operator


def signature_tensors(model: schema.ModelT, outputs: bool) -> dict[str, int]:
    """Return the tensors of a file's one signature.

    Args:
        model: of `unpack`.
        outputs: whether outputs are wanted, or inputs.

    Returns:
        The signature's names to tensor numbers of its subgraph; empty without a signature.
    """
    if not model.signatureDefs:
        return {}
    entry = model.signatureDefs[0]
    maps = entry.outputs if outputs else entry.inputs
    return {item.name.decode(): item.tensorIndex for item in maps}
