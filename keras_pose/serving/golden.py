"""Golden requests: what every signature of a network is asked before its export is published."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.data.pictures.picture import decode_picture
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.geometry import affine2d
from keras_pose.serving.contract import PoseNetwork, hostile_inputs

# Largest difference allowed between SavedModel and Keras, relative to the size of the output (root mean
# square). Both are float32; solved depths divide by small numbers and are compared less strictly.
_ROUNDING, _SOLVED = 1e-4, 5e-4


def golden_requests(
    network: PoseNetwork,
    pictures: Sequence[bytes],
    boxes: np.ndarray,
    cameras: np.ndarray,
    lengths: np.ndarray,
) -> dict[str, dict[str, np.ndarray]]:
    """Asks for the same hands or persons in every way that the contract knows.

    Args:
        network: what will answer.
        pictures: R JPEG or PNG files of one size.
        boxes: float `[R, 4]`, (x, y, width, height) px.
        cameras: float `[R, 3, 3]`, px of the pictures.
        lengths: float `[R]`, m.

    Returns:
        Signature to inputs, for all but `lift`; `serving_default` has rows at its end that must be
        refused, and one that must not.
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
    return requests


def warmup_requests(
    requests: Mapping[str, Mapping[str, np.ndarray]], batch_sizes: Sequence[int] = (1, 8)
) -> dict[str, list[dict[str, np.ndarray]]]:
    """Good rows of golden requests in the batch sizes that servers make.

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
) -> list[dict]:
    """Compares every signature of a SavedModel with the Keras side, refused rows included.

    Args:
        model: the loaded version folder.
        signatures: the Keras side; `lift` is asked what `serve_crop` answered.
        requests: of `golden_requests`, arrays `[N, ...]`, and more.

    Returns:
        Reports of `keras_pose.export.compare_artefact`, one per signature.

    Raises:
        ValueError: if a signature has no request, so that nothing would be proved.
    """
    requests = dict(requests)
    reports = []
    # What is lifted are 2D joints that somebody answered.
    for name in sorted(signatures, key=lambda name: name == "lift"):
        if name == "lift" and name not in requests:
            requests[name] = _lift_request(signatures, requests["serve_crop"])
        if name not in requests:
            raise ValueError(f"Signature {name!r} has no golden request: add one.")
        given = requests[name]
        reference = _call(signatures[name], given)
        bounds = {
            key: export.Bound(max_abs=0.0)
            if key == "valid"
            else export.Bound(relative_rms=_SOLVED if key == "keypoints_3d" else _ROUNDING)
            for key in reference
        }
        artefact = f"saved_model.pb:{name}"
        reports.append(
            export.compare_artefact(artefact, model.runner(name), reference, given, bounds)
        )
    return reports


def _call(signature, given):
    tensors = {key: tf.constant(given[key], spec.dtype) for key, spec in signature.inputs.items()}
    outputs = signature.function(**tensors)
    return {key: np.asarray(value) for key, value in outputs.items()}


def _lift_request(signatures, crop_request):
    answer = _call(signatures["serve_crop"], crop_request)
    known = {key: crop_request[key] for key in ("K", "bone_length_m")}
    return {"keypoints_2d": answer["keypoints_2d"], "depth": answer["depth"], **known}
