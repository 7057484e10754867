"""The rule by which the golden vectors' makers filled every network (see tests/golden/peclr)."""

import zlib

import numpy as np


def rule_value(name, shape):
    """Weight of a torch parameter by its name, float64, torch layout."""
    random = np.random.RandomState(zlib.crc32(name.encode("utf-8")))
    if name.endswith("running_mean"):
        return 0.1 * random.standard_normal(shape)
    if name.endswith("running_var"):
        return random.uniform(0.5, 1.5, shape)
    if name.endswith("bias"):
        return 0.05 * random.standard_normal(shape)
    if len(shape) == 1:
        return random.uniform(0.5, 1.5, shape)
    return random.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))


def rule_state(shapes):
    """State dict of a network: torch name to float32 array."""
    return {
        name: rule_value(name, tuple(shape)).astype(np.float32) for name, shape in shapes.items()
    }


def resnet_shapes(blocks, bottleneck):
    """torchvision's names and shapes, written out here independently of the package."""
    shapes = {"conv1.weight": (64, 3, 7, 7), **_norm("bn1", 64)}
    inputs = 64
    for stage, num_blocks in enumerate(blocks):
        width = 64 * 2**stage
        outputs = width * (4 if bottleneck else 1)
        for index in range(num_blocks):
            block = f"layer{stage + 1}.{index}"
            if bottleneck:
                kernels = ((width, inputs, 1), (width, width, 3), (outputs, width, 1))
            else:
                kernels = ((width, inputs, 3), (width, width, 3))
            for number, (to, of, side) in enumerate(kernels, 1):
                shapes[f"{block}.conv{number}.weight"] = (to, of, side, side)
                shapes |= _norm(f"{block}.bn{number}", to)
            if index == 0 and (stage > 0 or inputs != outputs):
                shapes[f"{block}.downsample.0.weight"] = (outputs, inputs, 1, 1)
                shapes |= _norm(f"{block}.downsample.1", outputs)
            inputs = outputs
    return shapes


def _norm(name, width):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {f"{name}.{part}": (width,) for part in parts}
