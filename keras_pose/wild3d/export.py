"""Exports a body pose network: `python -m keras_pose.wild3d.export --model_dir=<run> --name=<name> ...`.

Writes `<export_dir>/<name>/<version>/` with the SavedModel, TFLite files, `parity.json`, `metadata.json`
and `card.md`; the folder appears only after every artefact has been compared with the Keras model.
"""

import dataclasses
import os

import numpy as np
import tensorflow as tf

from keras_pose import export
from keras_pose.data.generated.bodies import generate_body
from keras_pose.data.pictures.body_boxes import PERSON_MARGIN
from keras_pose.data.views.graph_crops import crop_matrices, cut_crops
from keras_pose.serving import describe_signatures, write_metadata, write_warmup
from keras_pose.serving.accuracy import measure_accuracy
from keras_pose.serving.golden import compare_signatures, warmup_requests
from keras_pose.serving.phone import PHONE_SIGNATURES, phone_file, write_phone_files
from keras_pose.serving.phone_parity import compare_phone_files
from keras_pose.train import config as configs
from keras_pose.train import run_folder
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d import serving
from keras_pose.wild3d.card import model_card
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.data import load_bodies
from keras_pose.wild3d.golden import golden_bodies, held_out_bodies
from keras_pose.wild3d.train import load_pose

SIGNATURE = "serving_default"


@dataclasses.dataclass(frozen=True)
class ExportConfig:
    """Settings of one export; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    model_dir: str = option("", "Run folder of the network to export.")
    export_dir: str = option("savedmodels", "Folder of all served models.")
    name: str = option("", "Name of the model: <export_dir>/<name>/<version>/.")
    version: int = option(0, "Version number; 0 takes the next free one.", low=0)
    formats: str = option(
        ",".join(export.FORMATS),
        "TFLite formats, commas between them: float32, float16, int8 (8-bit weights, activations scaled "
        "afresh in each call), int8_static (activations on fixed scales too, for integer chips) and "
        "int8_full (integers go in and come out besides).",
    )
    data_dir: str = option(
        "",
        "Record folders of the run, whose training crops fix the scales of int8_static and int8_full; "
        "without them rendered bodies do.",
    )
    num_heldout: int = option(
        200, "Rendered bodies of unseen persons on which each file is measured.", low=1
    )
    num_examples: int = option(64, "Crops that fix the scales of int8_static and int8_full.", low=1)

    def __post_init__(self):
        check_ranges(self)
        unknown = sorted(set(self.chosen_formats) - set(export.FORMATS))
        if unknown:
            raise ValueError(
                f"--formats={self.formats} names {unknown[0]!r}; choose among "
                f"{', '.join(export.FORMATS)}."
            )

    @property
    def chosen_formats(self) -> tuple[str, ...]:
        """The formats, each once."""
        return tuple(dict.fromkeys(word for word in self.formats.split(",") if word))


def export_run(settings: ExportConfig) -> str:
    """Export the network of a finished run and prove each artefact.

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
    config, pose = load_pose(settings.model_dir)
    run = run_folder.read_run(settings.model_dir)
    formats = settings.chosen_formats
    examples = None
    if set(formats) & set(export.SAMPLED_FORMATS):
        examples = example_crops(config, settings.data_dir, settings.num_examples)
    # Boxes of records have room about the person already; clients send tight ones.
    crop_scale = PERSON_MARGIN * config.crop_scale
    network = serving.pose_network(pose, crop_scale, run["bone_sum_mm"] / 1000.0)
    signatures = serving.signatures(network, pose, config.coordinates, config.sharpness)
    requests = golden_bodies(network)
    version = settings.version or export.next_version(settings.export_dir, settings.name)
    metadata = serving.describe(settings.name, version, network)
    with export.new_version(settings.export_dir, settings.name, version) as (folder, final):
        export.save_signatures(folder, signatures, serving_default=SIGNATURE)
        loaded = export.LoadedModel(folder)
        metadata = dataclasses.replace(metadata, signatures=describe_signatures(loaded))
        write_metadata(folder, metadata)
        write_phone_files(folder, metadata, formats, examples)
        write_warmup(folder, warmup_requests(requests), settings.name)
        reports = compare_signatures(loaded, signatures, requests)
        crops = requests[PHONE_SIGNATURES[0]]["image"]
        reports += compare_phone_files(folder, settings.name, signatures, formats, crops)
        export.write_verification(folder, reports)
        truth = held_out_bodies(network, settings.num_heldout)
        accuracy = measure_accuracy(
            folder,
            loaded,
            truth,
            {
                phone_file(settings.name, signature, kind): signature
                for signature in PHONE_SIGNATURES
                for kind in formats
            },
        )
        export.write_card(folder, model_card(metadata, config, run, accuracy))
    return os.fspath(final)


def example_crops(config: Config, data_dir: str, count: int) -> np.ndarray:
    """Crops like those that the network will see.

    Args:
        config: of the run.
        data_dir: record folders of the run, or empty: then bodies are rendered.
        count: number of crops C.

    Returns:
        float32 `[C, S, S, 3]`, RGB in [0, 1].

    Raises:
        ValueError: if the folders cannot be used.
    """
    if data_dir and config.dataset == "records":
        batches = load_bodies(config, data_dir).batches(0)
        num_batches = -(-count // config.batch_size)
        crops = np.concatenate([batch["image"] for batch in batches.take(num_batches)])[:count]
    else:
        size, styles = config.image_size, ("lab", "wild")
        side = round(1.5 * size)
        bodies = [generate_body(n, 11, size=side, style=styles[n % 2]) for n in range(count)]
        # As servers cut them: scales that were fixed on smaller bodies lose half as much again.
        boxes = tf.constant(np.array([body.box for body in bodies], np.float32))
        matrices = crop_matrices(boxes, size, config.crop_scale)
        crops = cut_crops(tf.constant(np.stack([body.image for body in bodies])), matrices, size)
    crops = np.asarray(crops)
    return crops.astype(np.float32) / 255.0 if crops.dtype == np.uint8 else crops


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
