"""Exports a hand pose network: `python -m keras_pose.peclr.export --model_dir=<run> --name=<name> ...`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`
and `card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_pose import codecs, export
from keras_pose.data.generated_hands import generate_hand
from keras_pose.data.picture import encode_picture
from keras_pose.peclr import serving
from keras_pose.peclr.card import model_card
from keras_pose.peclr.finetune import load_hand_pose
from keras_pose.serving import PoseNetwork, describe_signatures, write_metadata, write_warmup
from keras_pose.serving.accuracy import HeldOut, held_out_crops, measure_accuracy
from keras_pose.serving.golden import compare_signatures, golden_requests, warmup_requests
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.config import check_ranges, option

SIGNATURE = "serving_default"
# What a phone runs: a crop, its camera and a length to joints in metres.
PHONE_SIGNATURE = "serve_crop"
_FORMATS = ("float32", "float16", "int8")
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion. The solved depth
# divides by small numbers, so 3D is compared less strictly than what it is solved from.
_BOUNDS = {"float32": 1e-4, "float16": 1e-2, "int8": 1e-1}
_SOLVED = 5.0
_HELD_OUT_SEED = 977_531


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Settings of one export; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model_dir: str = option("", "Run folder of the fine-tuned network to export.")
    export_dir: str = option("savedmodels", "Folder of all served models.")
    name: str = option("", "Name of the model: <export_dir>/<name>/<version>/.")
    version: int = option(0, "Version number; 0 takes the next free one.", low=0)
    num_heldout: int = option(
        200, "Rendered hands of unseen persons on which each file is measured.", low=1
    )

    def __post_init__(self):
        check_ranges(self)


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished fine-tuning run and prove each artefact.

    Args:
        settings: what to export and where to.

    Returns:
        The published version folder.

    Raises:
        ValueError: if the run is unfinished, the version exists or an artefact differs.
        OSError: if something cannot be written; nothing is left behind then.
    """
    for flag in ("model_dir", "name"):
        if not getattr(settings, flag):
            raise ValueError(f"--{flag} is empty; give the {flag.replace('_', ' ')} of the export.")
    config, model = load_hand_pose(settings.model_dir)
    run = run_folder.read_run(settings.model_dir)
    network = serving.network_of(config, model)
    signatures = serving.signatures(network)
    requests = golden_hands(network, config.reference_bone)
    version = settings.version or export.next_version(settings.export_dir, settings.name)
    metadata = serving.describe(settings.name, version, network, config.reference_bone)
    with export.new_version(settings.export_dir, settings.name, version) as (folder, final):
        export.save_signatures(folder, signatures, serving_default=SIGNATURE)
        for kind in _FORMATS:
            content = export.convert_tflite(folder, PHONE_SIGNATURE, kind)
            export.write_file(folder / f"{settings.name}_{kind}.tflite", content)
        loaded = export.LoadedModel(folder)
        metadata = dataclasses.replace(metadata, signatures=describe_signatures(loaded))
        write_metadata(folder, metadata)
        write_warmup(folder, warmup_requests(requests), settings.name)
        reports = compare_signatures(loaded, signatures, requests)
        reports += verify(folder, settings.name, signatures, requests)
        export.write_verification(folder, reports)
        files = {f"{settings.name}_{kind}.tflite": PHONE_SIGNATURE for kind in _FORMATS}
        truth = held_out_hands(network, settings.num_heldout)
        accuracy = measure_accuracy(folder, loaded, truth, files)
        export.write_card(folder, model_card(metadata, config, run, accuracy))
    return os.fspath(final)


def held_out_hands(network: PoseNetwork, count: int) -> HeldOut:
    """Rendered hands of persons that no record folder holds.

    Args:
        network: whose crops they are to be.
        count: number of hands.

    Returns:
        Crops and their joints; hidden ones count, since a hand hides some in every picture.
    """
    side = max(64, round(1.5 * network.image_size))
    # A seed of their own makes other persons than any command would.
    hands = [generate_hand(number, _HELD_OUT_SEED, size=side) for number in range(count)]
    points = np.stack([hand.keypoints_2d for hand in hands])
    return held_out_crops(
        network,
        f"{count} rendered hands of unseen persons",
        [hand.image for hand in hands],
        np.array([hand.box for hand in hands]),
        points,
        np.ones(points.shape[:2]),
    )


def golden_hands(
    network: PoseNetwork, reference_bone: str = "middle", count: int = 8
) -> dict[str, dict[str, np.ndarray]]:
    """Rendered hands with their cameras, asked for in every way; rows to refuse at the end.

    Args:
        network: what will answer.
        reference_bone: key of `codecs.REFERENCE_BONES`.
        count: number of hands.

    Returns:
        Signature to inputs `[N, ...]`, see `keras_pose.serving.golden.golden_requests`.
    """
    side = max(64, round(1.5 * network.image_size))
    hands = [generate_hand(number, 7, size=side) for number in range(count)]
    bone = codecs.REFERENCE_BONES[reference_bone]
    requests = golden_requests(
        network,
        [encode_picture(hand.image) for hand in hands],
        np.array([hand.box for hand in hands]),
        np.array([hand.intrinsics for hand in hands]),
        np.array([float(codecs.bone_length(hand.keypoints_3d, bone=bone)) for hand in hands]),
    )
    requests["keypoints"] = {"image": requests["serve_crop"]["image"]}
    return requests


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
    given = requests[PHONE_SIGNATURE]
    outputs = signatures[PHONE_SIGNATURE].function(**given)
    reference = {key: np.asarray(value) for key, value in outputs.items()}
    for kind in _FORMATS:
        bounds = {key: export.Bound(relative_rms=_BOUNDS[kind]) for key in reference}
        bounds["keypoints_3d"] = export.Bound(relative_rms=_SOLVED * _BOUNDS[kind])
        bounds["valid"] = export.Bound(max_abs=0.0)
        path = Path(folder) / f"{name}_{kind}.tflite"
        reports += export.compare_tflite(path, PHONE_SIGNATURE, reference, given, bounds)
    return reports


def main(arguments: list[str]) -> None:
    """Entry point under absl."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    print(f"wrote {export_run(configs.from_flags(ExportConfig))}")


def run_main() -> None:
    """Console entry point: define the flags, export, one sentence and exit code 1 on errors."""
    configs.define_flags(ExportConfig)
    configs.run_binary(main)


if __name__ == "__main__":
    run_main()
