"""Exports a trained lifter: `python -m keras_pose.tips.export --model_dir=<run> --name=<name> ...`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`
and `card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_pose import export
from keras_pose.data.motion import generate_motion, render_views
from keras_pose.serving import describe_signatures, write_metadata, write_warmup
from keras_pose.serving.signature_files import write_signature_files
from keras_pose.tips import runs, serving
from keras_pose.tips.card import model_card
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

SIGNATURE = "lift"
_FORMATS = ("float32", "float16", "int8")
# Largest difference allowed, relative to the size of the output (root mean square). Float formats
# round; int8 costs accuracy, and more than this would be a fault of the conversion.
_BOUNDS = {"saved_model": 1e-5, "float32": 1e-5, "float16": 5e-3, "int8": 8e-2}


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Settings of one export; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model_dir: str = option("", "Run folder of the lifter to export.")
    export_dir: str = option("savedmodels", "Folder of all served models.")
    name: str = option("", "Name of the model: <export_dir>/<name>/<version>/.")
    version: int = option(0, "Version number; 0 takes the next free one.", low=0)
    weights: str = option(
        "last", "Weights to export: last, or picked by the stop rule.", choices=runs.WEIGHTS
    )

    def __post_init__(self):
        check_ranges(self)


def export_run(settings: ExportConfig) -> str:
    """Export the lifter of a finished run and prove each artefact.

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
    config, model = runs.load_lifter(settings.model_dir, settings.weights)
    run = run_folder.read_run(settings.model_dir)
    if "depth_sign" not in run:
        raise ValueError(
            f"{settings.model_dir}/run.json: the depth sign is missing, as the run was not finished; "
            "run the training command again."
        )
    signature = serving.lift_signature(model, run["depth_sign"])
    version = settings.version or export.next_version(settings.export_dir, settings.name)
    with export.new_version(settings.export_dir, settings.name, version) as (folder, final):
        export.save_signatures(folder, {SIGNATURE: signature}, serving_default=SIGNATURE)
        loaded = export.LoadedModel(folder)
        metadata = serving.describe(settings.name, version, describe_signatures(loaded))
        write_metadata(folder, metadata)
        write_signature_files(folder, metadata, SIGNATURE, _FORMATS)
        golden = golden_inputs(8)
        requests = [{"keypoints_2d": golden[:count]} for count in (1, 8)]
        write_warmup(folder, {SIGNATURE: requests}, settings.name)
        export.write_verification(folder, verify(folder, settings.name, signature))
        card = model_card(settings.name, version, config, run, settings.weights)
        export.write_card(folder, card)
    return os.fspath(final)


def golden_inputs(count: int = 64) -> np.ndarray:
    """Generated people seen by virtual cameras, at four sizes, float32 `[C, 17, 2]` pixels, C = count."""
    views = render_views(generate_motion(max(count, 100), seed=7), seed=7)
    chosen = views.points_px[np.linspace(0, len(views) - 1, count).astype(int)]
    return (chosen * np.resize([0.01, 0.3, 1.0, 40.0], count)[:, None, None]).astype(np.float32)


def verify(folder: str | os.PathLike, name: str, signature: export.Signature) -> list[dict]:
    """Compare SavedModel and TFLite files with the Keras model, hostile inputs included.

    Args:
        folder: version folder.
        name: model name, which the TFLite files carry.
        signature: the Keras side.

    Returns:
        Reports of `keras_pose.export.compare_artefact`: one of the SavedModel, two of each file.
    """
    inputs = {"keypoints_2d": np.concatenate([golden_inputs(), serving.hostile_inputs()])}
    reference = _per_scale(signature.function(**inputs))
    folder = Path(folder)
    reports = [
        export.compare_artefact(
            "saved_model.pb",
            _per_scale_runner(export.saved_model_runner(folder)),
            reference,
            inputs,
            _bounds("saved_model"),
        )
    ]
    for kind in _FORMATS:
        reports += export.compare_tflite(
            folder / f"{name}_{kind}.tflite",
            SIGNATURE,
            reference,
            inputs,
            _bounds(kind),
            reference_rows=len(inputs["keypoints_2d"]),
            settle=lambda runner, rows: _per_scale_runner(runner),
        )
    return reports


def _bounds(kind):
    return {
        "keypoints_3d": export.Bound(relative_rms=_BOUNDS[kind]),
        "scale": export.Bound(relative_rms=1e-6),
        "valid": export.Bound(max_abs=0.0),
    }


def _per_scale(outputs):
    """Divide the poses by their size, or large people alone would decide the comparison."""
    outputs = {name: np.asarray(value) for name, value in outputs.items()}
    scale = np.where(outputs["scale"] > 0, outputs["scale"], 1.0)
    return outputs | {"keypoints_3d": outputs["keypoints_3d"] / scale[:, None, None]}


def _per_scale_runner(runner):
    return lambda inputs: _per_scale(runner(inputs))


def main(arguments: list[str]) -> None:
    """Entry point under absl."""
    if len(arguments) > 1:
        raise ValueError(f"{arguments[1]!r} is no flag; every setting is given as --name=value.")
    print(f"wrote {export_run(configs.from_flags(ExportConfig))}")


def run_main() -> None:
    """Console entry point: define the flags, export, one sentence and exit code 1 on errors."""
    configs.define_flags(ExportConfig)
    run_binary(main)


if __name__ == "__main__":
    run_main()
