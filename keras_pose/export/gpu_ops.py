"""Operations that the GPU delegates of phones run, as data.

A delegate hands what it does not know back to the processor, with a copy each way: one such operation in
the middle of a network can cost more than the GPU saves. Pass the list as `allowed_operations` to
`convert_tflite`, with `batch_size=1`.
"""

GPU_OPERATIONS = frozenset(
    "ABS ADD AVERAGE_POOL_2D CONCATENATION CONV_2D COS DEPTHWISE_CONV_2D DIV ELU EXP FLOOR "
    "FLOOR_DIV FLOOR_MOD FULLY_CONNECTED HARD_SWISH LEAKY_RELU LOG LOGISTIC "
    "MAXIMUM MAX_POOL_2D MEAN MINIMUM MIRROR_PAD MUL NEG PAD POW PRELU REDUCE_MAX REDUCE_MIN RELU "
    "RELU6 RELU_N1_TO_1 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SIN SLICE SOFTMAX "
    "SPACE_TO_DEPTH SPLIT SPLIT_V SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE SUB SUM TANH "
    "TRANSPOSE TRANSPOSE_CONV".split()
)
"""Builtin operations on float tensors that LiteRT's GPU delegate takes over, with a fixed batch of 1.

Comparisons, selections, casts, gathers and arg-max are left out on purpose: not every back end and
version of the delegate has them."""
