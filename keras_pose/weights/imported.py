"""Landmark networks of others to train further: what our heads stand on, and a head like theirs.

`python -m keras_pose.weights.mediapipe` keeps the files of the networks in `networks` of its version
folders; a run that started from one keeps a copy among its weights, so that it can be loaded alone.
"""

import os
from pathlib import Path

import keras
import numpy as np

from keras_pose import codecs
from keras_pose.files import write_file
from keras_pose.train.choices import IMPORTED_BACKBONE, IMPORTED_ENCODER
from keras_pose.weights.tflite_file import StoredGraph, read_graph
from keras_pose.weights.tflite_reader import trace

HAND_LANDMARK, POSE_LANDMARK = IMPORTED_ENCODER, IMPORTED_BACKBONE
"""The kinds of networks."""

NETWORKS = "networks"
"""Folder of the files in a version folder."""

_MODELS = {HAND_LANDMARK: "hand_mediapipe", POSE_LANDMARK: "body_mediapipe"}
_SCREEN, _WORLD, _MAPS = "Identity", "Identity_3", "Identity_3"


def find_network(folder: str | os.PathLike, kind: str) -> Path | None:
    """Find the file of a network.

    Args:
        folder: a run folder, a version folder, or the folder of a model, whose highest version counts.
        kind: `HAND_LANDMARK` or `POSE_LANDMARK`.

    Returns:
        The file; None where there is none.
    """
    root = Path(folder)
    versions = [entry for entry in root.glob("*") if entry.name.isdigit()]
    for place in (root, *sorted(versions, key=lambda entry: -int(entry.name))):
        found = sorted(place.glob(f"{NETWORKS}/{kind}*.tflite"))
        found += place.glob(f"weights/{kind}.tflite")
        if found:
            return found[0]
    return None


def keep_network(folder: str | os.PathLike, kind: str, model_dir: str | os.PathLike) -> None:
    """Copy the file of a network into a run folder.

    Args:
        folder: as of `find_network`, with such a file.
        kind: as of `find_network`.
        model_dir: the run folder.

    Raises:
        CannotWrite: if it cannot be written.
    """
    source, target = find_network(folder, kind), Path(model_dir, "weights", f"{kind}.tflite")
    if source is not None and source != target:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_file(target, source.read_bytes())


def check_imported(
    kind: str, flag: str, value: str, init_from: str, image_size: int, precision: str
) -> None:
    """Refuse a run that cannot start from an imported network as it is told to.

    Args:
        kind: as of `find_network`.
        flag: name of the flag that names the network, `encoder` or `backbone`.
        value: of that flag.
        init_from: of the run.
        image_size: of the run, px.
        precision: of the run.

    Raises:
        ValueError: if there is no such network, or another flag contradicts it.
    """
    found = {name: find_network(init_from, name) if init_from else None for name in _MODELS}
    writes = f"{_MODELS[kind]}, which python -m keras_pose.weights.mediapipe writes"
    if value != kind:
        if found[kind]:
            raise ValueError(
                f"--{flag}={value} contradicts --init_from={init_from}, whose network is {kind}; give "
                f"--{flag}={kind}."
            )
        if any(found.values()):
            raise ValueError(f"--init_from={init_from} holds no {kind} network; give {writes}.")
        return
    path = found[kind]
    if path is None:
        raise ValueError(
            f"--{flag}={kind} needs --init_from, and {init_from or 'an empty one'} holds no such "
            f"network; give {writes}, or a run that started from it."
        )
    (size,) = {
        read_graph(path).tensors[number].shape[1] for number in read_graph(path).inputs.values()
    }
    if image_size != size:
        raise ValueError(
            f"--image_size={image_size} contradicts {path}, which sees {size} px; use that."
        )
    if precision != "float32":
        raise ValueError(
            f"--precision={precision} is not for --{flag}={kind}, whose weights are not scaled for it; "
            "use float32."
        )


def hand_trunk(path: str | os.PathLike) -> keras.Model:
    """Read the part of a hand's landmark network below its heads.

    Args:
        path: of `find_network`.

    Returns:
        Trainable model named `hand_landmark` from RGB in [0, 1] `[B, S, S, 3]` to features `[B, F]`.

    Raises:
        ValueError: if the file is damaged or of another network.
    """
    graph = read_graph(path)
    inputs, values = trace(graph)
    features = values[_read_by(graph, _SCREEN)]
    return keras.Model(next(iter(inputs.values())), features, name=HAND_LANDMARK)


def body_trunk(path: str | os.PathLike) -> keras.Model:
    """Read the part of a body's landmark network below its heat maps.

    Args:
        path: of `find_network`.

    Returns:
        Trainable model named `pose_landmark` from RGB in [0, 1] `[B, S, S, 3]` to maps
        `[B, S/4, S/4, C]`.

    Raises:
        ValueError: if the file is damaged or of another network.
    """
    graph = read_graph(path)
    inputs, values = trace(graph)
    maps = values[_read_by(graph, _MAPS)]
    return keras.Model(next(iter(inputs.values())), maps, name=POSE_LANDMARK)


def hand_head(
    path: str | os.PathLike, root: str, bone_m: float, coordinates: str
) -> tuple[np.ndarray, np.ndarray]:
    """Write the network's own head as the linear one of a 2.5D hand pose.

    Its pixels and the depths of its world landmarks are linear in the features, and so is a root in the
    palm. Only the length of the reference bone is not: here it is a constant.

    Args:
        path: of `find_network`.
        root: of relative depths, one of `codecs.ROOTS`.
        bone_m: length of the reference bone, m.
        coordinates: `pixels` or `normalized`, see `keras_pose.hands.layers.PoseCoordinates`.

    Returns:
        Kernel `[F, 63]` and bias `[63]`.

    Raises:
        ValueError: if the file is damaged or of another network.
    """
    graph = read_graph(path)
    inputs, values = trace(graph)
    (size,) = {value.shape[1] for value in inputs.values()}
    features = values[_read_by(graph, _SCREEN)]
    outputs = [values[graph.outputs[name]] for name in (_SCREEN, _WORLD)]
    heads = keras.Model(features, outputs)
    width = features.shape[-1]
    # The head at zero is its bias; at a one it is a row of its kernel more.
    asked = np.concatenate([np.zeros((1, width)), np.eye(width)]).astype(np.float32)
    screen, world = (
        np.asarray(value, np.float64).reshape(-1, 21, 3) for value in heads.predict_on_batch(asked)
    )
    points = np.concatenate([screen[..., :2], world[..., 2:] / bone_m], axis=-1)
    points = np.array(codecs.move_root(points, root))
    points[..., 2] -= points[:, :1, 2]
    points[1:] -= points[:1]
    if coordinates == "normalized":
        points[0, :, :2] -= size / 2.0
        points[..., :2] /= size / 2.0
    points = points.reshape(-1, 63).astype(np.float32)
    return points[1:], points[0]


def _read_by(graph: StoredGraph, output: str) -> int:
    """Return the number of the tensor that the last operation before an output reads."""
    wanted = graph.outputs.get(output)
    for operation in graph.operations:
        if wanted is not None and wanted in operation.outputs:
            return operation.inputs[0]
    raise ValueError(
        f"{graph.name} has no output {output!r}; give a network that python -m "
        "keras_pose.weights.mediapipe wrote."
    )
