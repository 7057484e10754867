"""Exports a hand pose network: `python -m keras_pose.peclr.export --model_dir=<run> --name=<name> ...`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `verification.json` and
`card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_pose import export
from keras_pose.data.generated_hands import generate_hands
from keras_pose.data.picture import decode_picture
from keras_pose.peclr import serving
from keras_pose.peclr.card import model_card
from keras_pose.peclr.finetune import load_hand_pose
from keras_pose.peclr.pose_encoder import feature_layer_name
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.config import check_ranges, option

SIGNATURE = "serve_image"
_FORMATS = ("float32", "float16", "int8")
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion. The solved depth
# divides by small numbers, so 3D is compared less strictly than what it is solved from.
_BOUNDS = {"saved_model": 1e-4, "float32": 1e-4, "float16": 1e-2, "int8": 1e-1}
_SOLVED = 5.0


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
    signatures = serving.signatures(model, model.get_layer(feature_layer_name(config)))
    version = settings.version or export.next_version(settings.export_dir, settings.name)
    with export.new_version(settings.export_dir, settings.name, version) as (folder, final):
        export.save_signatures(folder, signatures, serving_default=SIGNATURE)
        for kind in _FORMATS:
            content = export.convert_tflite(folder, SIGNATURE, kind)
            export.write_file(folder / f"{settings.name}_{kind}.tflite", content)
        reports = verify(folder, settings.name, signatures, config.image_size)
        export.write_verification(folder, reports)
        export.write_card(folder, model_card(settings.name, version, config, run))
    return os.fspath(final)


def golden_inputs(image_size: int, count: int = 16) -> dict[str, np.ndarray]:
    """Rendered hands with their cameras, hostile rows at the end.

    Args:
        image_size: side of the crop.
        count: number of hands C.

    Returns:
        With R = C + 5 rows: `image` uint8 `[R, S, S, 3]`, `intrinsics` float32 `[R, 3, 3]`, `bone_length`
        float32 `[R]`.
    """
    hands = list(generate_hands(count, seed=7, size=image_size))
    images = [decode_picture(hand.image, hand.name) for hand in hands]
    good = {
        "image": np.stack(images),
        "intrinsics": np.array([hand.intrinsics for hand in hands], np.float32),
        "bone_length": np.array([hand.scale for hand in hands], np.float32),
    }
    bad = serving.hostile_inputs(image_size)
    return {name: np.concatenate([good[name], bad[name]]) for name in good}


def verify(
    folder: str | os.PathLike,
    name: str,
    signatures: dict[str, export.Signature],
    image_size: int,
) -> list[dict]:
    """Compare SavedModel and TFLite files with the Keras model, hostile inputs included.

    Args:
        folder: version folder.
        name: model name, which the TFLite files carry.
        signatures: the Keras side.
        image_size: side of the crop.

    Returns:
        Reports of `keras_pose.export.compare_artefact`, one per artefact and signature.
    """
    folder = Path(folder)
    inputs = golden_inputs(image_size)
    reports = []
    for signature, entry in signatures.items():
        given = {key: inputs[key] for key in entry.inputs}
        reference = {key: np.asarray(value) for key, value in entry.function(**given).items()}
        runners = {"saved_model": export.saved_model_runner(folder, signature)}
        if signature == SIGNATURE:
            for kind in _FORMATS:
                path = folder / f"{name}_{kind}.tflite"
                runners[kind] = export.tflite_runner(path, SIGNATURE)
        for kind, runner in runners.items():
            bounds = {key: export.Bound(relative_rms=_BOUNDS[kind]) for key in reference}
            if signature == SIGNATURE:
                bounds["keypoints_3d"] = export.Bound(relative_rms=_SOLVED * _BOUNDS[kind])
                bounds["valid"] = export.Bound(max_abs=0.0)
            artefact = (
                f"saved_model.pb:{signature}" if kind == "saved_model" else f"{name}_{kind}.tflite"
            )
            reports.append(export.compare_artefact(artefact, runner, reference, given, bounds))
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
