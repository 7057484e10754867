"""Imports an encoder that others published, and says what is in it."""

import keras
import numpy as np

from keras_pose.files import check_writable
from keras_pose.files.torch_file import read_torch_file
from keras_pose.layers.encoders import build_encoder
from keras_pose.layers.torch_weights import load_torch_weights, split_state
from keras_pose.train.weights import write_weights
from keras_pose.weights.official_settings import EncoderConfig

# Any side; the weights do not depend on it.
_SIDE = 64
# Parts of the file that each kind has beside its encoder.
_LEFT_OUT = {
    "torchvision_resnet": ("fc",),
    "peclr": ("projection_head", "fc", "zroot_ref"),
}


def import_encoder(settings: EncoderConfig) -> keras.Model:
    """Read the encoder of a torch file and write it in our form.

    Args:
        settings: the command.

    Returns:
        The encoder, `[B, S, S, 3]` to `[B, F]`.

    Raises:
        ValueError: if tensors are missing, left over or misshapen, all of them named.
        OSError: if a file cannot be read or written.
    """
    check_writable(settings.output, "--output")
    encoder = build_encoder(settings.encoder, _SIDE)
    try:
        parts = split_state(read_torch_file(settings.file))
        others = sorted(set(parts) - {"encoder", *_LEFT_OUT[settings.kind]})
        if others:
            raise ValueError(
                f"{', '.join(others)} belongs to another kind than --kind={settings.kind}; give "
                "--kind=peclr."
            )
        load_torch_weights(encoder, parts["encoder"])
    except ValueError as error:
        raise ValueError(f"{settings.file}: {error}") from None
    write_weights(encoder, settings.output)
    return encoder


def layer_statistics(model: keras.Model) -> str:
    """Write a line per layer with weights: its name; shape, mean, deviation and extremes of each.

    Args:
        model: built model, nested models included.
    """
    lines = []
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            lines.append(layer_statistics(layer))
        elif layer.weights:
            arrays = {weight.path: np.asarray(weight) for weight in layer.weights}
            values = [
                f"{path.removeprefix(layer.name).strip('/')} {list(array.shape)} mean "
                f"{array.mean():.4g}, deviation {array.std():.4g}, {array.min():.4g} to "
                f"{array.max():.4g}"
                for path, array in arrays.items()
            ]
            lines.append(f"{layer.name}: {'; '.join(values)}")
    return "\n".join(lines)


def main(settings: EncoderConfig) -> None:
    """Do what the settings ask for."""
    encoder = import_encoder(settings)
    print(layer_statistics(encoder))
    print(f"Wrote {settings.output}: {encoder.count_params():,} weights of {settings.encoder}.")
    print(
        f"Next: python -m keras_pose.hand_pose.train --encoder={settings.encoder} "
        f"--init={settings.output} --data_dir=<records> --model_dir=<folder>"
    )
