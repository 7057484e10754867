"""The projection head: features become points of a plane, which the loss turns back and compares.

Layer names are those of the official checkpoints with `_` for the dots.
"""

import keras
from keras import layers

from keras_pose.layers import BatchNorm


def build_projection_head(
    features: int,
    width: int = 512,
    num_points: int = 64,
    synchronized: bool = False,
    name: str = "projection_head",
) -> keras.Model:
    """Build dense - batch normalisation - ReLU - dense without bias.

    Args:
        features: F, length of the encoder's output.
        width: hidden width; 512 as published.
        num_points: m, points in the plane; the output is (x, y) of each, point by point.
        synchronized: batch statistics over all replicas of a strategy.
        name: of the model.

    Returns:
        Model from float `[B, F]` to `[B, 2 m]`, not normalised, in the policy's variable dtype
        (float32 under mixed precision: what follows divides by small norms).

    Raises:
        ValueError: if a size is not positive.

    Reference: Spurr et al. 2021, equation 3, and the released configuration.
    """
    for size, what in ((features, "features"), (width, "width"), (num_points, "num_points")):
        if size < 1:
            raise ValueError(f"{what} of the projection head must be 1 or more, got {size}.")
    # Uniform within 1 / sqrt(fan in), as torch's Linear.
    uniform = keras.initializers.VarianceScaling(1.0 / 3.0, "fan_in", "uniform")
    full = keras.config.dtype_policy().variable_dtype
    inputs = keras.Input((features,), name="features")
    hidden = layers.Dense(width, kernel_initializer=uniform, name=f"{name}_0")(inputs)
    hidden = BatchNorm(synchronized=synchronized, name=f"{name}_1")(hidden)
    hidden = layers.ReLU(name=f"{name}_2")(hidden)
    outputs = layers.Dense(
        2 * num_points,
        use_bias=False,
        kernel_initializer=uniform.clone(),
        dtype=full,
        name=f"{name}_3",
    )(hidden)
    return keras.Model(inputs, outputs, name=name)
