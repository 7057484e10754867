"""Sums of 8-bit numbers that no kernel can compute: LiteRT ends the process at them, without a word.

Both summands are brought to twice the coarser scale, then to the result's. Its factor must be below 1
over 2 ** 20 of the result's scale; a layer that gives nothing but zeros on all examples, as those of
hardly trained networks do, gets a scale of nearly 0 and breaks that.
"""

from ai_edge_litert import schema_py_generated as schema

_LEFT_SHIFT = 20


def has_broken_sums(content: bytes) -> bool:
    """Tell whether running a file would end the process.

    Args:
        content: content of a `.tflite` file.

    Returns:
        Whether an 8-bit sum has a result of too fine a scale.
    """
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    add = schema.BuiltinOperator.ADD
    for graph in model.subgraphs:
        for operator in graph.operators:
            code = model.operatorCodes[operator.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) != add:
                continue
            scales = [
                _scale(graph.tensors[number]) for number in (*operator.inputs, *operator.outputs)
            ]
            if all(scales) and 2.0 * max(scales[:2]) >= 2**_LEFT_SHIFT * scales[2]:
                return True
    return False


def _scale(tensor):
    """Return the scale of an 8-bit tensor; 0 for others."""
    known = tensor.quantization
    if tensor.type != schema.TensorType.INT8 or known is None or known.scale is None:
        return 0.0
    return float(known.scale[0])
