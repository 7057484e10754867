"""Integer inputs and outputs for a `.tflite` file whose inside is on 8-bit scales already.

The converter sets integer borders only where it may quantise everything, and its way to leave some
operations in float32 gives float borders only. Here each border tensor gets a type and a scale of its
own: what the file does between its borders does not change.
"""

import copy
from collections.abc import Mapping

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from keras_pose.export.flatbuffer import operation_name, pack, signature_tensors, unpack

INPUT_TYPES = ("uint8", "int8")
_CODES = {"uint8": schema.TensorType.UINT8, "int8": schema.TensorType.INT8}
_STEPS = 255


def set_integer_borders(
    content: bytes, input_type: str, output_ranges: Mapping[str, tuple[float, float]]
) -> bytes:
    """Make float32 inputs and outputs integers.

    Args:
        content: `.tflite` file of one signature and one subgraph; each input is quantised first of all.
        input_type: one of `INPUT_TYPES`. Inputs keep the scale that they were calibrated with.
        output_ranges: output name -> (lowest, highest) value that an output can take, for outputs that
            are computed in float32; those that come from 8-bit numbers keep their scale.

    Returns:
        The file, each input `input_type` and each output int8, with one scale per tensor.

    Raises:
        ValueError: if an input is also read as float32, or a range is missing or empty.
    """
    model = unpack(content)
    (graph,) = model.subgraphs
    for name, number in signature_tensors(model, outputs=False).items():
        _set_input(model, graph, name, number, input_type)
    moved = {
        number: _set_output(model, graph, name, number, output_ranges)
        for name, number in signature_tensors(model, outputs=True).items()
    }
    graph.outputs = [moved[int(number)] for number in graph.outputs]
    for item in model.signatureDefs[0].outputs:
        item.tensorIndex = moved[int(item.tensorIndex)]
    return pack(model)


def _set_input(model, graph, name, number, input_type):
    tensor = graph.tensors[number]
    if tensor.type != schema.TensorType.FLOAT32:
        return
    readers = [entry for entry in graph.operators if number in list(entry.inputs)]
    if not readers or any(operation_name(model, entry) != "QUANTIZE" for entry in readers):
        raise ValueError(
            f"Input {name!r} is used in float32 computations, so it cannot become {input_type}: "
            "int8_full suits networks that read pictures; choose int8_static."
        )
    scaled = graph.tensors[readers[0].outputs[0]]
    tensor.type = _CODES[input_type]
    tensor.quantization = copy.deepcopy(scaled.quantization)
    if input_type == "uint8":
        # QUANTIZE now turns uint8 into int8 of the same scale: the same numbers less 128.
        tensor.quantization.zeroPoint = [int(scaled.quantization.zeroPoint[0]) + 128]
        return
    for entry in readers:
        graph.operators.remove(entry)
        _rename(graph, entry.outputs[0], number)


def _set_output(model, graph, name, number, output_ranges):
    """Return the number of the int8 tensor that an output becomes."""
    tensor = graph.tensors[number]
    if tensor.type != schema.TensorType.FLOAT32:
        return number
    writer = next(entry for entry in graph.operators if number in list(entry.outputs))
    is_read = any(number in list(entry.inputs) for entry in graph.operators)
    if operation_name(model, writer) == "DEQUANTIZE" and not is_read:
        source = int(writer.inputs[0])
        if graph.tensors[source].type == schema.TensorType.INT8:
            graph.operators.remove(writer)
            return source
    if name not in output_ranges:
        raise ValueError(f"Output {name!r} needs a range: give its lowest and highest value.")
    low, high = (float(value) for value in output_ranges[name])
    if not (np.isfinite([low, high]).all() and low < high):
        raise ValueError(
            f"The range of output {name!r} is {low:g} to {high:g}; give two finite numbers, the "
            "lower one first."
        )
    result = copy.deepcopy(tensor)
    result.name = tensor.name + b"_int8"
    result.type = schema.TensorType.INT8
    result.quantization = _scale(low, high)
    result.buffer = 0
    graph.tensors.append(result)
    graph.operators.append(_quantize(model, number, len(graph.tensors) - 1))
    return len(graph.tensors) - 1


def _scale(low, high):
    known = schema.QuantizationParametersT()
    # A grid must hold 0 itself.
    low, high = min(low, 0.0), max(high, 0.0)
    step = (high - low) / _STEPS
    known.scale = [np.float32(step)]
    known.zeroPoint = [int(np.clip(np.round(-128 - low / step), -128, 127))]
    return known


def _quantize(model, source, target):
    code = schema.BuiltinOperator.QUANTIZE
    numbers = [
        number
        for number, entry in enumerate(model.operatorCodes)
        if max(entry.builtinCode, entry.deprecatedBuiltinCode) == code
    ]
    if not numbers:
        entry = schema.OperatorCodeT()
        entry.builtinCode = entry.deprecatedBuiltinCode = code
        entry.version = 1
        model.operatorCodes.append(entry)
        numbers = [len(model.operatorCodes) - 1]
    operator = schema.OperatorT()
    operator.opcodeIndex = numbers[0]
    operator.inputs, operator.outputs = [source], [target]
    operator.builtinOptionsType = schema.BuiltinOptions.QuantizeOptions
    operator.builtinOptions = schema.QuantizeOptionsT()
    return operator


def _rename(graph, old, new):
    """Lets every operation read and write `new` where it had `old`."""
    for entry in graph.operators:
        entry.inputs = [new if int(number) == old else int(number) for number in entry.inputs]
    graph.outputs = [new if int(number) == old else int(number) for number in graph.outputs]
