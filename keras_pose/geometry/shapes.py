"""Door checks shared by everything that takes points or matrices.

They look at static shapes and dtypes only, so they cost nothing at run time: a size that a
`tf.function` does not know yet is let through.
"""

from typing import Any

from keras import backend, ops

Tensor = Any  # a NumPy array or a tensor of the active Keras backend


def as_floating(*values: Any) -> Any:
    """Convert values to tensors of one common floating dtype.

    Args:
        *values: numbers, arrays or tensors of any shape; float64 stays float64, integers become
            `keras.config.floatx()`.

    Returns:
        One tensor, or a list of tensors when several values are given.
    """
    tensors = [ops.convert_to_tensor(value) for value in values]
    dtype = backend.result_type(*[tensor.dtype for tensor in tensors])
    if not backend.is_float_dtype(dtype):
        dtype = backend.floatx()
    tensors = [ops.cast(tensor, dtype) for tensor in tensors]
    return tensors[0] if len(tensors) == 1 else tensors


def as_precise(*values: Any) -> Any:
    """Convert values as `as_floating` does, and half precision to float32.

    Args:
        *values: numbers, arrays or tensors of any shape.

    Returns:
        One tensor, or a list of tensors of one dtype when several values are given.
    """
    tensors = as_floating(*values)
    first = tensors[0] if len(values) > 1 else tensors
    if backend.standardize_dtype(first.dtype) not in ("float16", "bfloat16"):
        return tensors
    if len(values) == 1:
        return ops.cast(tensors, "float32")
    return [ops.cast(tensor, "float32") for tensor in tensors]


def require_points(argument: str, points: Tensor, size: int | None = 3) -> None:
    """Check that a tensor looks like `[..., J, size]`.

    Args:
        argument: name that the sentence uses.
        points: tensor `[..., J, size]`.
        size: number of coordinates; None takes any.

    Raises:
        ValueError: if there are fewer than two axes, or the last one has another size.
    """
    shape = tuple(points.shape)
    if len(shape) < 2 or (size is not None and shape[-1] not in (size, None)):
        wanted = size or "coordinates"
        raise ValueError(
            f"{argument} must have the shape [..., joints, {wanted}], but it has the shape "
            f"{list(shape)}; put the joint axis second to last and the coordinates last."
        )


def require_last_axes(argument: str, tensor: Tensor, sizes: tuple[int | None, ...]) -> None:
    """Check that the last axes of a tensor have the given sizes.

    Args:
        argument: name that the sentence uses.
        tensor: tensor `[..., *sizes]`.
        sizes: expected sizes of the last axes; None takes any.

    Raises:
        ValueError: if the last axes differ.
    """
    shape = tuple(tensor.shape)
    last = shape[len(shape) - len(sizes) :]
    if len(shape) < len(sizes) or any(
        None not in (has, want) and has != want for has, want in zip(last, sizes, strict=True)
    ):
        wanted = ", ".join("?" if size is None else str(size) for size in sizes)
        raise ValueError(
            f"{argument} must have the shape [..., {wanted}], but it has the shape {list(shape)}."
        )


def require_equal_points(first_name: str, first: Tensor, second_name: str, second: Tensor) -> None:
    """Check that two point tensors have equal static shapes, so that nothing broadcasts unseen.

    Args:
        first_name: name of the first tensor.
        first: tensor `[..., J, D]`.
        second_name: name of the second tensor.
        second: tensor `[..., J, D]`.

    Raises:
        ValueError: if ranks or known sizes differ.
    """
    left, right = tuple(first.shape), tuple(second.shape)
    if len(left) != len(right) or any(
        None not in (a, b) and a != b for a, b in zip(left, right, strict=True)
    ):
        raise ValueError(
            f"{first_name} and {second_name} must have the same shape, but they have the shapes "
            f"{list(left)} and {list(right)}."
        )


def require_choice(argument: str, value: Any, choices: tuple[str, ...]) -> None:
    """Check that an option is one of a few words.

    Args:
        argument: name that the sentence uses.
        value: what the caller gave.
        choices: what is allowed.

    Raises:
        ValueError: if the value is none of the choices.
    """
    if value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{argument} must be one of {allowed}, but it is {value!r}.")


def require_joint(argument: str, joint: int, points: Tensor) -> None:
    """Check that a joint index exists in a point tensor.

    Args:
        argument: name that the sentence uses.
        joint: index counted from 0.
        points: tensor `[..., J, D]`.

    Raises:
        ValueError: if the index is negative or not below J.
    """
    joints = points.shape[-2]
    if joint < 0 or (joints is not None and joint >= joints):
        raise ValueError(
            f"{argument} is joint {joint}, but the points have the joints 0 to "
            f"{'?' if joints is None else joints - 1}."
        )
