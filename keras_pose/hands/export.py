"""What every export of a hand network does: artefacts, their proof, measures and card.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`
and `card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from keras_pose import export
from keras_pose.hands import serving
from keras_pose.hands.golden import example_hands, golden_hands, held_out_hands, mean_bone_length
from keras_pose.serving import PoseNetwork, describe_signatures, write_metadata, write_warmup
from keras_pose.serving.accuracy import measure_accuracy
from keras_pose.serving.golden import compare_signatures, warmup_requests
from keras_pose.serving.phone import PHONE_SIGNATURES, phone_file, write_phone_files
from keras_pose.serving.phone_parity import compare_phone_files
from keras_pose.serving.signature_files import write_signature_files
from keras_pose.train import run_folder
from keras_pose.train.config import check_ranges, option

SIGNATURE = "serving_default"
# What a phone runs of a network without maps: a crop, its camera and a length to joints in metres.
CROP_SIGNATURE = "serve_crop"
_FORMATS = ("float32", "float16", "int8")
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion. The solved depth
# divides by small numbers, so 3D is compared less strictly than what it is solved from.
_BOUNDS = {"float32": 1e-4, "float16": 1e-2, "int8": 1e-1}
_SOLVED = 5.0


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Settings of one export; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model_dir: str = option("", "Run folder of the fine-tuned network or student to export.")
    export_dir: str = option("savedmodels", "Folder of all served models.")
    name: str = option("", "Name of the model: <export_dir>/<name>/<version>/.")
    version: int = option(0, "Version number; 0 takes the next free one.", low=0)
    data_dir: str = option(
        "",
        "Record folders of the run, which say how long the reference bone typically is, and whose crops "
        "fix the scales of a student's integers; without them rendered hands do.",
    )
    num_examples: int = option(64, "Crops that fix the scales.", low=1)
    formats: str = option(
        ",".join(export.FORMATS), "Formats of a student's files for phones, commas between them."
    )
    num_heldout: int = option(
        200, "Rendered hands of unseen persons on which each file is measured.", low=1
    )

    def __post_init__(self):
        check_ranges(self)
        for kind in self.formats.split(","):
            if kind not in export.FORMATS:
                raise ValueError(
                    f"--formats={self.formats} names {kind!r}; choose among {', '.join(export.FORMATS)}."
                )


@dataclasses.dataclass(frozen=True)
class Exported:
    """A finished run, as it will be served."""

    config: Any
    network: PoseNetwork
    signatures: dict[str, export.Signature]
    score: str
    has_maps: bool


def export_hand(
    settings: ExportConfig,
    load: Callable[[str, str], Exported],
    model_card: Callable[..., export.ModelCard],
) -> str:
    """Export the network of a finished run and prove each artefact.

    Args:
        settings: what to export and where to.
        load: function of model_dir and data_dir to what is served.
        model_card: function of metadata, config, run and accuracy to the card.

    Returns:
        The published version folder.

    Raises:
        ValueError: if the run is unfinished, the version exists or an artefact differs.
        OSError: if something cannot be written; nothing is left behind then.
    """
    for flag in ("model_dir", "name"):
        if not getattr(settings, flag):
            raise ValueError(f"--{flag} is empty; give the {flag.replace('_', ' ')} of the export.")
    exported = load(settings.model_dir, settings.data_dir)
    run = run_folder.read_run(settings.model_dir)
    network, signatures = exported.network, exported.signatures
    formats = settings.formats.split(",")
    requests = golden_hands(network, exported.config.reference_bone)
    version = settings.version or export.next_version(settings.export_dir, settings.name)
    metadata = serving.describe(
        settings.name, version, network, exported.config.reference_bone, exported.score
    )
    with export.new_version(settings.export_dir, settings.name, version) as (folder, final):
        export.save_signatures(folder, signatures, serving_default=SIGNATURE)
        loaded = export.LoadedModel(folder)
        metadata = dataclasses.replace(metadata, signatures=describe_signatures(loaded))
        write_metadata(folder, metadata)
        if exported.has_maps:
            examples = example_hands(network, settings.data_dir, settings.num_examples)
            write_phone_files(folder, metadata, formats, examples)
            unit = requests[CROP_SIGNATURE]["image"].astype(np.float32) / np.float32(255.0)
            requests |= {name: {"image": unit} for name in PHONE_SIGNATURES}
            reports = compare_phone_files(folder, settings.name, signatures, formats, unit)
            files = {
                phone_file(settings.name, signature, kind): signature
                for signature in PHONE_SIGNATURES
                for kind in formats
            }
        else:
            write_signature_files(folder, metadata, CROP_SIGNATURE, _FORMATS)
            reports = verify(folder, settings.name, signatures, requests)
            files = {f"{settings.name}_{kind}.tflite": CROP_SIGNATURE for kind in _FORMATS}
        write_warmup(folder, warmup_requests(requests), settings.name)
        reports = [*compare_signatures(loaded, signatures, requests), *reports]
        export.write_verification(folder, reports)
        truth = held_out_hands(network, settings.num_heldout, exported.config.reference_bone)
        accuracy = measure_accuracy(folder, loaded, truth, files)
        export.write_card(folder, model_card(metadata, exported.config, run, accuracy))
    return os.fspath(final)


def with_typical_length(network: PoseNetwork, config: Any, data_dir: str) -> PoseNetwork:
    """Return the network, its typical bone length that of the records if there are any."""
    typical = mean_bone_length(data_dir, config.reference_bone) if data_dir else 0.0
    if not typical:
        return network
    return dataclasses.replace(network, typical_bone_length_m=typical)


def verify(
    folder: str | os.PathLike,
    name: str,
    signatures: dict[str, export.Signature],
    requests: dict[str, dict[str, np.ndarray]],
) -> list[dict]:
    """Compare the TFLite files with the Keras model.

    Args:
        folder: version folder.
        name: model name, which the TFLite files carry.
        signatures: the Keras side.
        requests: of `golden_hands`, arrays `[N, ...]`.

    Returns:
        Reports of `keras_pose.export.compare_tflite`, two per file.
    """
    reports = []
    given = requests[CROP_SIGNATURE]
    outputs = signatures[CROP_SIGNATURE].function(**given)
    reference = {key: np.asarray(value) for key, value in outputs.items()}
    for kind in _FORMATS:
        bounds = {key: export.Bound(relative_rms=_BOUNDS[kind]) for key in reference}
        bounds["keypoints_3d"] = export.Bound(relative_rms=_SOLVED * _BOUNDS[kind])
        bounds["valid"] = export.Bound(max_abs=0.0)
        path = Path(folder) / f"{name}_{kind}.tflite"
        reports += export.compare_tflite(path, CROP_SIGNATURE, reference, given, bounds)
    return reports
