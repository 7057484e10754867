"""Golden requests: what every signature of a network is asked before its export is published."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.geometry import affine2d
from keras_pose.serving.contract import PoseNetwork, hostile_inputs
from keras_pose.serving.export_settings import PHONE_SIGNATURES
from keras_pose.train.quiet import native_lines_left_out

# Largest difference allowed, relative to the size of the output (root mean square). SavedModel and Keras
# are both float32; int8 costs accuracy, and more than this would be a fault of the conversion.
_BOUNDS = {"saved_model": 1e-4, "float32": 1e-4, "float16": 1e-2, "int8": 1e-1}
# Solved depths divide by small numbers, so 3D is compared less strictly than what it is solved from.
_SOLVED = 5.0
_SOLVED_FOR = ("keypoints_3d", "sigma_3d")
_LIFTS = ("lift", "lift_sigma")

Settle = Callable[[Mapping[str, Any]], Mapping[str, np.ndarray]]
"""Function of outputs to what is compared of them."""


def contract_bound(kind: str, output: str) -> export.Bound:
    """Return how far an output of the contract may be from the Keras model's.

    Args:
        kind: `saved_model`, or a format of a `.tflite` file that needs no examples.
        output: its name.
    """
    if output == "valid":
        return export.Bound(max_abs=0.0)
    return export.Bound(relative_rms=_BOUNDS[kind] * (_SOLVED if output in _SOLVED_FOR else 1.0))


def golden_requests(
    network: PoseNetwork,
    pictures: Sequence[bytes],
    boxes: np.ndarray,
    cameras: np.ndarray,
    lengths: np.ndarray,
) -> dict[str, dict[str, np.ndarray]]:
    """Ask for the same hands or persons in every way that the contract knows, and as phones do.

    Args:
        network: what will answer.
        pictures: R JPEG or PNG files of one size.
        boxes: float `[R, 4]`, (x, y, width, height) px.
        cameras: float `[R, 3, 3]`, px of the pictures.
        lengths: float `[R]`, m.

    Returns:
        Signature to inputs `[N, ...]`, for all but `lift`, and for `PHONE_SIGNATURES` too;
        `serving_default` has rows at its end that must be refused, and one that must not.
    """
    images = np.stack([decode_picture(data, "a golden picture") for data in pictures])
    height, width = images.shape[1:3]
    boxes = np.asarray(boxes, np.float32)
    known = {
        "K": np.asarray(cameras, np.float32),
        "bone_length_m": np.asarray(lengths, np.float32)[:, None],
    }
    matrices = crop_matrices(tf.constant(boxes), network.image_size, network.crop_scale)
    crops = np.asarray(cut_crops(tf.constant(images), matrices, network.image_size))
    data = np.empty(len(pictures), object)
    data[:] = list(pictures)
    hostile = hostile_inputs(pictures[0], height, width)
    hostile["bone_length_m"] += known["bone_length_m"][0]
    plain = {"image_bytes": data, "bbox": boxes, **known}
    requests = {
        "serving_default": {
            name: np.concatenate([value, hostile[name]]) for name, value in plain.items()
        },
        "serve_image": {"image": images, "bbox": boxes, **known},
        "serve_bytes": {"image_bytes": data},
        "serve_box": {"image_bytes": data, "bbox": boxes},
        "serve_crop": {
            "image": crops,
            "K": np.asarray(
                affine2d.transform_intrinsics(known["K"], matrices.numpy()), np.float32
            ),
            "bone_length_m": known["bone_length_m"],
        },
    }
    if network.is_sided:
        sides = np.arange(len(pictures), dtype=np.int32)[:, None] % 2
        requests["serve_sided"] = {**plain, "is_left": sides}
    if network.embed is not None:
        requests["embed"] = {"image": crops}
    unit = crops.astype(np.float32) / np.float32(255.0)
    return requests | {name: {"image": unit} for name in PHONE_SIGNATURES}


def warmup_requests(
    requests: Mapping[str, Mapping[str, np.ndarray]], batch_sizes: Sequence[int] = (1, 8)
) -> dict[str, list[dict[str, np.ndarray]]]:
    """Choose good rows of golden requests in the batch sizes that servers make.

    Args:
        requests: of `golden_requests`, arrays `[N, ...]`.
        batch_sizes: numbers of rows.

    Returns:
        Signature to requests, for those that take pictures as bytes.
    """
    chosen: dict[str, list[dict[str, np.ndarray]]] = {}
    good = len(next(iter(requests["serve_bytes"].values())))
    for name, given in requests.items():
        if "image_bytes" not in given:
            continue
        chosen[name] = [
            {
                key: np.resize(value[:good], (count, *value.shape[1:]))
                for key, value in given.items()
            }
            for count in batch_sizes
        ]
    return chosen


def compare_signatures(
    model: export.LoadedModel,
    signatures: Mapping[str, export.Signature],
    requests: Mapping[str, Mapping[str, np.ndarray]],
    bound: Callable[[str, str], export.Bound] = contract_bound,
    settle: Settle = dict,
) -> list[dict]:
    """Compare every signature of a SavedModel with the Keras side, refused rows included.

    Args:
        model: the loaded version folder.
        signatures: the Keras side; lifts are asked what `serve_crop` answered.
        requests: of `golden_requests`, arrays `[N, ...]`, and more.
        bound: function of `saved_model` and an output's name to its bound.
        settle: what is compared of the outputs of either side.

    Returns:
        Reports of `keras_pose.export.compare_artefact`, one per signature.

    Raises:
        ValueError: if a signature has no request, so that nothing would be proved.
    """
    requests = dict(requests)
    reports = []
    # What is lifted are 2D joints that somebody answered.
    # Golden pictures are broken too, of which the decoder tells on standard error.
    with native_lines_left_out():
        for name in sorted(signatures, key=lambda name: name in _LIFTS):
            if name in _LIFTS and name not in requests:
                requests[name] = _lift_request(signatures, name, requests["serve_crop"])
            if name not in requests:
                raise ValueError(f"Signature {name!r} has no golden request: add one.")
            given = requests[name]
            reference = settle(ask(signatures[name], given))
            reports.append(
                export.compare_artefact(
                    f"saved_model.pb:{name}",
                    settled(model.runner(name), settle),
                    reference,
                    given,
                    {key: bound("saved_model", key) for key in reference},
                )
            )
    return reports


def settled(runner: Callable[[Any], Any], settle: Settle) -> Callable[[Any], dict[str, np.ndarray]]:
    """Return a runner whose outputs are what is compared.

    Args:
        runner: function of inputs to outputs, dicts of arrays `[N, ...]`.
        settle: what is compared of outputs.
    """
    return lambda given: dict(settle(runner(given)))


def ask(signature: export.Signature, given: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the Keras side of a signature answers.

    Args:
        signature: name of an input to its shape and type, and the function.
        given: name of an input to its array `[N, ...]`.

    Returns:
        Name of an output to its array `[N, ...]`.
    """
    tensors = {key: tf.constant(given[key], spec.dtype) for key, spec in signature.inputs.items()}
    return {key: np.asarray(value) for key, value in signature.function(**tensors).items()}


def _lift_request(signatures, name, crop_request):
    answer = ask(signatures["serve_crop"], crop_request)
    return {key: (answer | crop_request)[key] for key in signatures[name].inputs}
