"""Writes MediaPipe's networks as models under our contract.

    python -m keras_pose.weights.mediapipe --output=savedmodels [--wheel=<file>] [--size=lite]

Takes the wheel of mediapipe 0.10.14 from `--wheel`, an installed mediapipe, or PyPI; writes
`<output>/hand_mediapipe`, `body_mediapipe`, `find_hands` and `find_people`, each with card, licence,
NOTICE and origin. The weights are Apache-2.0 of The MediaPipe Authors; the repository holds none of them.
"""

import dataclasses
import hashlib
import os
from collections.abc import Mapping

import numpy as np

from keras_pose import export
from keras_pose.files import check_writable, json_bytes, write_file
from keras_pose.serving import describe_signatures, write_metadata, write_warmup
from keras_pose.serving.facts import signature_facts
from keras_pose.serving.found_poses import FOUND_WORDS
from keras_pose.serving.golden import compare_signatures, contract_bound, warmup_requests
from keras_pose.serving.signature_files import (
    compare_signature_files,
    signature_file,
    write_signature_files,
)
from keras_pose.train.run_folder import environment
from keras_pose.weights.imported import NETWORKS
from keras_pose.weights.mediapipe_networks import Model, golden_pictures, metadata_of, models
from keras_pose.weights.mediapipe_settings import MediapipeConfig
from keras_pose.weights.mediapipe_wheel import VERSION, Networks, fetch_networks
from keras_pose.weights.tflite_parity import compare_layers
from keras_pose.weights.tflite_reader import read_tflite

MOST_PER_LAYER = 1e-4
"""How far an operation may be from LiteRT's, see `Difference.relative`: ten times what is measured."""

# The surest anchor, the turn of a square, a layer of the finder of persons, the cell of a map. Processors
# run them; a delegate hands them back.
_DECODING_OPERATIONS = frozenset({"ARG_MAX", "ATAN2", "DEPTH_TO_SPACE", "FLOOR"})
_EXACT = ("count", "more", "pose_valid", "valid")
# Radians; a degree turns a hand's square by two pixels at its rim.
_MOST_TURN = {"saved_model": 1e-3, "float32": 1e-3, "float16": 1e-2, "int8": 1e-1}
_NOTICE = """\
This folder holds neural networks of MediaPipe ({version}), Copyright The MediaPipe Authors, licensed
under the Apache License, Version 2.0 (LICENSE in this folder): {files}.

They were changed in form, not in their weights: read from TensorFlow Lite files, widened from float16 to
float32, and joined with cropping, decoding and lifting by keras_pose. Origin: {origin};
https://github.com/google/mediapipe. SHA-256 of each file stands in origin.json.
"""
_FOUND = {
    **{name: FOUND_WORDS[name] for name in ("boxes", "rotations", "count", "more")},
    "scores": FOUND_WORDS["box_scores"],
    "points": (*FOUND_WORDS["boxes"][:2], "key points, named in metadata.json under joints"),
    "valid": ("none", "none", "1, or 0 where the picture cannot be decoded"),
}


def import_mediapipe(settings: MediapipeConfig) -> list[str]:
    """Write the models that were asked for.

    Args:
        settings: the command.

    Returns:
        The published version folders.

    Raises:
        ValueError: if the networks cannot be had, or compute something else than LiteRT does.
        OSError: if something cannot be written; no model is left half-written.
    """
    check_writable(settings.output, "--output")
    networks = fetch_networks(settings.wheel)
    chosen = models(settings.size)
    return [_publish(settings, name, chosen[name], networks) for name in settings.models.split(",")]


def _bound(kind, output):
    """Bound angles in radians, since those of upright ones are next to nothing, and counts exactly."""
    if output in _EXACT:
        return export.Bound(max_abs=0.0)
    if output == "rotations":
        return export.Bound(max_abs=_MOST_TURN[kind])
    return contract_bound(kind, output)


def _found_bound(kind, output):
    """Allow thirty times as much: rounding of a found box is a grey level in some pixels of its crop.

    Where that level makes the picture's border black or not, the border that is repeated moves by a
    pixel.
    """
    bound = _bound(kind, output)
    if bound.relative_rms is None:
        return bound
    return export.Bound(relative_rms=30.0 * bound.relative_rms)


def _settle(outputs):
    """Move `more`, which a broken artefact would match where no golden picture shows a crowd."""
    return {name: value + (name == "more") for name, value in outputs.items()}


def _publish(settings: MediapipeConfig, name: str, model: Model, networks: Networks) -> str:
    output, phone = settings.output, model.phone_signature
    differences = {file: largest_difference(networks.files[file], file) for file in model.files}
    read = [read_tflite(networks.files[file]) for file in model.files]
    signatures, requests, known = model.build(*read)
    version = export.next_version(output, name)
    metadata = metadata_of(name, version, known)
    is_posed = "serving_default" in signatures
    with export.new_version(output, name, version) as (folder, final):
        default = "serving_default" if is_posed else "find"
        export.save_signatures(folder, signatures, serving_default=default)
        loaded = export.LoadedModel(folder)
        metadata = dataclasses.replace(metadata, signatures=describe_signatures(loaded))
        write_metadata(folder, metadata)
        if is_posed:
            write_warmup(folder, warmup_requests(requests), name)
        else:
            requests = requests | {"serving_default": requests["find"]}
            write_warmup(
                folder, {"find": {"image_bytes": requests["find"]["image_bytes"][:1]}}, name
            )
        found = {key: signatures[key] for key in signatures if key == "serve_found"}
        others = {key: signatures[key] for key in signatures if key not in found}
        reports = compare_signatures(loaded, others, requests, _bound, _settle)
        reports += compare_signatures(loaded, found, requests, _found_bound, _settle)
        proved, unfit = _write_phone_files(
            folder, metadata, phone, signatures[phone], requests[phone], settings.chosen_formats
        )
        reports += proved
        export.write_verification(folder, reports)
        (folder / NETWORKS).mkdir()
        for file in model.files:
            write_file(folder / NETWORKS / f"{file}.tflite", networks.files[file])
        write_file(folder / "LICENSE", networks.licence)
        write_file(folder / "origin.json", json_bytes(_origin(model, networks)))
        words = {"version": VERSION, "files": ", ".join(model.files), "origin": networks.origin}
        write_file(folder / "NOTICE", _NOTICE.format(**words))
        export.write_card(folder, _card(metadata, model, networks, differences, unfit))
    for sentence in unfit:
        print(sentence)
    return os.fspath(final)


def _write_phone_files(folder, metadata, name, signature, request, formats):
    """Write and compare the files of a signature; return reports, and sentences on those left out."""
    reports, unfit = [], []
    for kind in formats:
        write_signature_files(
            *(folder, metadata, name, (kind,)),
            allowed_operations=export.PORTABLE_OPERATIONS | _DECODING_OPERATIONS,
        )
        proved = compare_signature_files(
            folder, metadata, signature, name, (kind,), request, bound=_bound, settle=_settle
        )
        wrong = [report["problem"] for report in proved if not report["passed"]]
        if kind == "int8" and wrong:
            # Not every network bears weights of 8 bits, which were not trained for it.
            file = signature_file(metadata.name, kind)
            (folder / file).unlink()
            unfit.append(f"{file} is not written, since it {wrong[0]}; use float16.")
            continue
        reports += proved
    return reports, unfit


def largest_difference(content: bytes, file: str) -> float:
    """Compare a network with LiteRT on rendered pictures.

    Args:
        content: of a `.tflite` file.
        file: its name, for messages.

    Returns:
        The largest difference of any operation, over the largest value of its output.

    Raises:
        ValueError: if it is more than `MOST_PER_LAYER`.
    """
    side = read_tflite(content).input_shape[1]
    kind = "body" if file.startswith("pose") else "hand"
    images = golden_pictures(kind)[0][:2]
    rows = [image[:side, :side].astype(np.float32) / np.float32(255.0) for image in images]
    worst = max(compare_layers(content, np.stack(rows)), key=lambda difference: difference.relative)
    if worst.relative > MOST_PER_LAYER:
        raise ValueError(
            f"{file}.tflite: {worst.operation} that makes {worst.tensor!r} differs from LiteRT's "
            f"by {worst.relative:.1e} of its largest value (rounding explains at most "
            f"{MOST_PER_LAYER:g}): report this to the project."
        )
    return worst.relative


def _origin(model: Model, networks: Networks) -> dict[str, object]:
    return {
        "origin": networks.origin,
        "project": "https://github.com/google/mediapipe",
        "version": VERSION,
        "licence": "Apache-2.0",
        "files": {
            f"{file}.tflite": {"sha256": hashlib.sha256(networks.files[file]).hexdigest()}
            for file in model.files
        },
    }


def _card(metadata, model: Model, networks: Networks, differences: Mapping[str, float], unfit):
    more = {"find": _FOUND, "find_crop": _FOUND, "serve_found": FOUND_WORDS}
    if "find" in metadata.signatures:
        more["serving_default"] = _FOUND
    return export.ModelCard(
        name=metadata.name,
        version=str(metadata.version),
        summary=f"{model.summary} Networks of MediaPipe {VERSION} ({model.paper}), read as they are.",
        signatures=signature_facts(metadata, more),
        data=(
            export.DataFact(
                name="pictures of Google, not published; MediaPipe's own model cards describe them",
                role="training, by The MediaPipe Authors",
                licence="not published; the weights are Apache-2.0",
                citation=model.paper,
            ),
        ),
        licence="Apache-2.0, Copyright The MediaPipe Authors; LICENSE and NOTICE lie beside this card.",
        configuration={"origin": networks.origin, "files": list(model.files)},
        commit=environment()["git_commit"],
        seeds=(0,),
        metrics=tuple(
            export.MetricFact(
                "largest difference of one operation from LiteRT, over the largest value of its output",
                f"{file}.tflite, rendered pictures",
                f"{value:.1e}",
            )
            for file, value in differences.items()
        ),
        limits=(
            *model.limits,
            *unfit,
            "Accuracy is not measured by this command; see docs/networks.md.",
        ),
    )


def main(settings: MediapipeConfig) -> None:
    """Do what the settings ask for."""
    folders = import_mediapipe(settings)
    for folder in folders:
        print(f"Wrote {folder}.")
    posed = [folder for folder in folders if "_mediapipe" in folder]
    if posed:
        look = "--pictures=<yours> --output=poses"
        print(f"Next: python -m keras_pose.predict --saved_model={posed[0]} {look}")
