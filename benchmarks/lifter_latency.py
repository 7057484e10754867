"""Latency of exported lifters by LiteRT: `python -m benchmarks.lifter_latency`.

One pose at a time on one thread, for every `.tflite` file beside a SavedModel and for lifters of random
weights at two widths, since latency does not depend on the weights. docs/benchmarks.md says how to read
the table.
"""

import dataclasses
import tempfile
from pathlib import Path

import keras
import numpy as np

from benchmarks import machine
from benchmarks.litert_timing import call_seconds, open_interpreter
from benchmarks.recipes import read_recipe
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose import export
from keras_pose.files import write_file
from keras_pose.lifting.serving import lift_signature
from keras_pose.tips.config import Config
from keras_pose.tips.exporting import golden_inputs
from keras_pose.tips.networks import PoseLifter
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

SIGNATURE = "lift"
FORMATS = ("float32", "float16", "int8")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    models: str = option(
        "savedmodels/tips_cmu", "Lifters: folder of models, of a model, or one version folder."
    )
    recipe: str = option("flags/tips/student.flags", "Recipe of the lifters of random weights.")
    widths: str = option("256,1024", "Widths of lifters of random weights; empty for none.")
    num_threads: int = option(1, "Threads of the interpreter.", low=1)
    num_calls: int = option(3000, "Timed calls of each file.", low=1)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def exported_files(folder: Path) -> list[Path]:
    """Find the files to measure.

    Args:
        folder: of served models, of one of them, or one version folder.

    Returns:
        `.tflite` files of the signature `lift` beside a SavedModel, those of one version together.
    """
    depths = ("*.pb", "*/*.pb", "*/*/*.pb")
    versions = sorted({path.parent for depth in depths for path in folder.glob(depth)})
    files = [file for version in versions for file in sorted(version.glob("*.tflite"))]
    # One pose as every lifter takes it: not with scores, nor before a camera.
    return [file for file in files if not {"scored", "camera"} & set(file.stem.split("_"))]


def export_random_lifter(config: Config, folder: Path) -> list[Path]:
    """Export a lifter of random weights.

    Args:
        config: of the lifter; it is not trained.
        folder: existing empty folder, which gets the SavedModel too.

    Returns:
        One `.tflite` file per format.
    """
    keras.utils.set_random_seed(0)
    export.save_signatures(folder, {SIGNATURE: lift_signature(PoseLifter(config))}, SIGNATURE)
    files = []
    for kind in FORMATS:
        path = folder / f"random_width_{config.width}_{kind}.tflite"
        write_file(path, export.convert_tflite(folder, SIGNATURE, kind))
        files.append(path)
    return files


def measure(path: Path, num_threads: int, num_calls: int) -> dict:
    """Measure one file.

    Args:
        path: `.tflite` file with the signature `lift`, a SavedModel beside it.
        num_threads: threads of the interpreter.
        num_calls: timed calls.

    Returns:
        JSON-ready dict: `megabytes`; `error`, root mean square distance of joints from what the
        SavedModel gives, in units of the 2D pose's size; `invoke_ms_*`, one run of the network;
        `call_ms_median`, with inputs and outputs carried through Python.
    """
    inputs = golden_inputs()
    reference = _lifted(export.saved_model_runner(path.parent, SIGNATURE), inputs)
    lifted = _lifted(export.tflite_runner(path, SIGNATURE, num_threads), inputs)
    one = inputs[:1]
    signature = open_interpreter(path, num_threads).get_signature_runner(SIGNATURE)
    calls = call_seconds(lambda: signature(keypoints_2d=one), num_calls)
    interpreter = open_interpreter(path, num_threads)
    (entry,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(entry["index"], one.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], one)
    invokes = call_seconds(interpreter.invoke, num_calls)
    return {
        "file": path.name,
        "megabytes": path.stat().st_size / 1e6,
        "error": float(np.sqrt(np.mean(np.sum((lifted - reference) ** 2, axis=-1)))),
        "invoke_ms_median": 1e3 * float(np.median(invokes)),
        "invoke_ms_min": 1e3 * float(np.min(invokes)),
        "call_ms_median": 1e3 * float(np.median(calls)),
    }


def _lifted(runner, inputs):
    """Lifted poses, each in units of its 2D size."""
    outputs = runner({"keypoints_2d": inputs})
    return outputs["keypoints_3d"] / outputs["scale"][:, None, None]


def table(rows: list[dict]) -> str:
    """Set measured files as one table.

    Args:
        rows: from `measure`.

    Returns:
        The table.
    """
    header = ("model", "MB", "error", "median ms", "min ms", "Python call ms")
    return text_table(
        header,
        [
            (
                row["file"],
                f"{row['megabytes']:.2f}",
                f"{row['error']:.1e}",
                f"{row['invoke_ms_median']:.3f}",
                f"{row['invoke_ms_min']:.3f}",
                f"{row['call_ms_median']:.3f}",
            )
            for row in rows
        ],
    )


def run(settings: Settings) -> tuple[dict, str]:
    """Measure all files and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.

    Raises:
        ValueError: if there is nothing to measure.
    """
    description = machine.describe(settings.num_threads)
    sentence = machine.sentence(description)
    print(sentence, flush=True)
    with tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_") as folder:
        files = exported_files(Path(settings.models))
        for width in filter(None, settings.widths.split(",")):
            version = Path(folder) / width
            version.mkdir()
            # A student that is not trained needs no teacher, but the config asks for one.
            config = read_recipe(settings.recipe, width=width, teacher="none")
            files += export_random_lifter(config, version)
        if not files:
            raise ValueError(
                f"--models={settings.models} holds no <name>/<version>/*.tflite and --widths is empty; "
                "export a model or give a width."
            )
        rows = [measure(file, settings.num_threads, settings.num_calls) for file in files]
    text = table(rows)
    print(text)
    result = {
        "command": "python -m benchmarks.lifter_latency",
        "machine": description,
        "batch_size": 1,
        "results": rows,
    }
    return result, f"{sentence}\n\n{text}"


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(settings.num_threads)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
