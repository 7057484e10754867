"""What litert-quantizer makes of the shipped networks, beside the files that the export wrote.

`python -m benchmarks.quantizer_trial` needs `pip install litert-quantizer`, in another environment or
with `--target` on PYTHONPATH; nothing else of this package uses it.
"""

import dataclasses
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose import export
from keras_pose.bodies.golden import held_out_bodies
from keras_pose.files import read_json
from keras_pose.hands.golden import held_out_hands
from keras_pose.serving.accuracy import depth_error, share_of_joints
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

SIGNATURE = "decoded"
SHIPPED = ("float16", "int8", "int8_full")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    models: str = option(
        "savedmodels/hand_student/3,savedmodels/body_student/3",
        "Version folders of small networks.",
    )
    num_examples: int = option(
        64, "Crops that fix the scales; rendered, not those measured.", low=1
    )
    num_heldout: int = option(200, "Crops that are measured.", low=1)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def quantized(content: bytes, examples: np.ndarray) -> dict[str, bytes]:
    """Quantize a float32 file by the two recipes that correspond to ours.

    Args:
        content: `.tflite` file of the signature `decoded`.
        examples: float32 `[R, S, S, 3]` in [0, 1].

    Returns:
        Name of the recipe to the file.
    """
    from litert_quantizer import quantizer, recipe

    batches = [{"image": crop[None]} for crop in examples]
    files = {}
    for name in ("dynamic_wi8_afp32", "static_wi8_ai8"):
        worker = quantizer.Quantizer(bytearray(content), getattr(recipe, name)())
        calibrated = worker.calibrate({SIGNATURE: batches}) if worker.need_calibration else None
        files[f"litert {name}"] = bytes(worker.quantize(calibrated).quantized_model)
    return files


def measure(folder: Path, settings: Settings) -> list[dict]:
    """Measure the shipped files of a network and those of litert-quantizer.

    Args:
        folder: version folder.
        settings: of the command line.

    Returns:
        JSON-ready rows.
    """
    metadata = read_json(folder / "metadata.json")
    is_body = "pixels" in metadata["depth_unit"]
    network = SimpleNamespace(
        image_size=metadata["image_size"],
        crop_scale=metadata["crop_scale"],
        depth_is_in_px=is_body,
    )
    held_out = held_out_bodies if is_body else held_out_hands
    drawn = held_out(network, settings.num_heldout + settings.num_examples)
    fields = {
        field.name: getattr(drawn, field.name)[: settings.num_heldout]
        for field in dataclasses.fields(drawn)
        if field.name != "name"
    }
    truth = dataclasses.replace(drawn, **fields)
    crops = truth.crops.astype(np.float32) / np.float32(255.0)
    examples = drawn.crops[settings.num_heldout :].astype(np.float32) / np.float32(255.0)
    model = folder.parent.name
    files = {
        f"shipped {kind}": (folder / f"{model}_{SIGNATURE}_{kind}.tflite").read_bytes()
        for kind in SHIPPED
    }
    with tempfile.TemporaryDirectory() as alone:
        fixed = export.fix_batch(folder, SIGNATURE, 1, alone)
        files["float32"] = export.convert_tflite(fixed, SIGNATURE, batch_size=1)
    files |= quantized(files["float32"], examples)
    rows = []
    for name, content in files.items():
        row = {"model": model, "file": name, "megabytes": len(content) / 1e6}
        row["broken_sums"] = export.has_broken_sums(content)
        if not row["broken_sums"]:  # LiteRT would end the process
            outputs = export.tflite_runner(content, SIGNATURE)({"image": crops})
            row |= {"share": share_of_joints(outputs, truth), "depth": depth_error(outputs, truth)}
        rows.append(row)
    return rows


def table(rows: list[dict]) -> str:
    """Set rows as one table.

    Args:
        rows: from `measure`.

    Returns:
        The table.
    """
    cells = [
        [
            f"{row['model']}: {row['file']}",
            f"{row['megabytes']:.2f}",
            f"{row['share']:.4f}" if "share" in row else "ends LiteRT",
            f"{row['depth']:.4f}" if "depth" in row else "-",
        ]
        for row in rows
    ]
    return text_table(("file", "MB", "2D share", "depth error"), cells)


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    folders = [Path(folder) for folder in settings.models.split(",")]
    rows = [row for folder in folders for row in measure(folder, settings)]
    text = table(rows)
    print(text)
    if settings.output:
        result = {"command": "python -m benchmarks.quantizer_trial", "results": rows}
        write_result(settings.output, result | {"machine": machine.describe(1)}, text)


if __name__ == "__main__":
    run_binary(main, Settings)
