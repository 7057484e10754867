"""MobileNetV3 of `keras.applications` with this package's batch normalisation."""

import keras

from keras_pose.layers.batch_norm import BatchNorm

_APPLICATIONS = {
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
}


def build_mobilenet(
    name: str,
    image_size: int | None = None,
    pooled: bool = True,
    synchronized: bool = False,
    momentum: float = 0.99,
    has_weights: bool = False,
) -> keras.Model:
    """Build a MobileNetV3 without its classifier.

    Args:
        name: `mobilenet_v3_small` or `mobilenet_v3_large`.
        image_size: side of the square picture in px, at least 32, or None for any size.
        pooled: whether the mean over pixels is taken.
        synchronized: batch statistics over all replicas of a strategy.
        momentum: share of the old running statistics that stays in a step. Torchvision's is the
            default; Keras' 0.999 lags thousands of steps behind.
        has_weights: start from Keras' ImageNet weights, which are fetched, instead of random ones.

    Returns:
        Model from float `[B, S, S, 3]`, RGB in [-1, 1], to features `[B, F]` in the policy's variable
        dtype, or, not pooled, `[B, S / 32, S / 32, F]`; F is 576 (small) or 960 (large).

    Raises:
        ValueError: if there is no such network or its weights cannot be fetched.

    Reference: Howard et al. 2019.
    """
    if name not in _APPLICATIONS:
        raise ValueError(f"name must be one of {tuple(_APPLICATIONS)}, got {name!r}.")
    build = getattr(keras.applications, _APPLICATIONS[name])
    try:
        model = build(
            input_shape=(image_size, image_size, 3),
            include_top=False,
            weights="imagenet" if has_weights else None,
            pooling="avg" if pooled else None,
            include_preprocessing=False,
        )
    except Exception as error:
        if not has_weights:
            raise
        raise ValueError(
            f"ImageNet weights of {name} could not be downloaded "
            f"({str(error).splitlines()[0][:120]}); connect this machine to the network once, or "
            "start from random weights."
        ) from error
    full = keras.config.dtype_policy().variable_dtype

    def ours(layer):
        """Return our batch normalisation, and all means over pixels in full precision."""
        config = layer.get_config()
        if isinstance(layer, keras.layers.BatchNormalization):
            return BatchNorm(
                momentum=momentum,
                epsilon=layer.epsilon,
                synchronized=synchronized,
                name=layer.name,
            )
        if isinstance(layer, keras.layers.GlobalAveragePooling2D):
            return layer.from_config({**config, "dtype": full})
        return layer.from_config(config)

    clone = keras.models.clone_model(model, clone_function=ours)
    clone.set_weights(model.get_weights())
    return clone
