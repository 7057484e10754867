"""Latency of Wild3D's networks by LiteRT: `python -m benchmarks.wild3d_latency`.

One crop at a time, for networks of random weights, since latency does not depend on the weights, as
`keras_pose.wild3d.export` converts them. docs/benchmarks.md says how to read the table.
"""

import dataclasses
import tempfile
from pathlib import Path

import keras
import numpy as np

from benchmarks import machine
from benchmarks.litert_timing import call_seconds, open_interpreter
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose import export
from keras_pose.bodies import serving
from keras_pose.bodies.pose import build_pose
from keras_pose.files import write_file
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d.network import build_network

FORMATS = ("float32", "float16", "int8")
# Name to settings of `build_network`.
NETWORKS: dict[str, dict] = {
    "hourglass 2x2x256, 256 px": {"image_size": 256},
    "hourglass 1x1x128, 256 px": {
        "image_size": 256,
        "num_stacks": 1,
        "num_modules": 1,
        "width": 128,
        "num_depth_modules": 1,
    },
    "hourglass 1x1x64, 128 px": {
        "image_size": 128,
        "num_stacks": 1,
        "num_modules": 1,
        "width": 64,
        "stem_width": 32,
        "num_depth_modules": 1,
    },
    "resnet50 map, 256 px": {"backbone": "resnet50", "depth_head": "map", "image_size": 256},
    "mobilenet_v3_small map, 256 px": {
        "backbone": "mobilenet_v3_small",
        "depth_head": "map",
        "image_size": 256,
    },
    "mobilenet_v3_small map, 128 px": {
        "backbone": "mobilenet_v3_small",
        "depth_head": "map",
        "image_size": 128,
    },
}


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    networks: str = option("", "Part of the names of the networks to measure; empty for all.")
    signature: str = option("decoded", "What is converted.", choices=("decoded", "heatmaps"))
    num_threads: int = option(1, "Threads of the interpreter.", low=1)
    num_calls: int = option(50, "Timed calls of each file.", low=1)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def measure(name: str, settings: Settings) -> list[dict]:
    """Convert and time one network in every format.

    Args:
        name: of `NETWORKS`.
        settings: what to run.

    Returns:
        JSON-ready dicts, one per format: `megabytes`, `invoke_ms_median`, `invoke_ms_90`.
    """
    keras.utils.set_random_seed(0)
    chosen = NETWORKS[name]
    network = build_network(**chosen)
    pose = build_pose(network, chosen["image_size"])
    served = serving.pose_network(pose)
    signature = serving.signatures(served, pose, "argmax", 10.0)[settings.signature]
    rows = []
    with tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_") as folder:
        export.save_signatures(folder, {settings.signature: signature}, settings.signature)
        for kind in FORMATS:
            path = Path(folder) / f"{kind}.tflite"
            content = export.convert_tflite(folder, settings.signature, kind, batch_size=1)
            write_file(path, content)
            interpreter = open_interpreter(path, settings.num_threads)
            interpreter.allocate_tensors()
            (entry,) = interpreter.get_input_details()
            picture = np.random.default_rng(0).random(entry["shape"], np.float32)
            interpreter.set_tensor(entry["index"], picture)
            seconds = call_seconds(interpreter.invoke, settings.num_calls)
            rows.append(
                {
                    "network": name,
                    "parameters": int(network.count_params()),
                    "format": kind,
                    "megabytes": path.stat().st_size / 1e6,
                    "invoke_ms_median": 1e3 * float(np.median(seconds)),
                    "invoke_ms_90": 1e3 * float(np.quantile(seconds, 0.9)),
                }
            )
    return rows


def table(rows: list[dict]) -> str:
    """Set measured files as one table.

    Args:
        rows: from `measure`.

    Returns:
        The table.
    """
    header = ("network", "parameters", "format", "MB", "median ms", "90 % ms")
    return text_table(
        header,
        [
            (
                row["network"],
                f"{row['parameters']:,}",
                row["format"],
                f"{row['megabytes']:.2f}",
                f"{row['invoke_ms_median']:.1f}",
                f"{row['invoke_ms_90']:.1f}",
            )
            for row in rows
        ],
    )


def run(settings: Settings) -> tuple[dict, str]:
    """Measure all networks and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.

    Raises:
        ValueError: if no network has such a name.
    """
    chosen = [name for name in NETWORKS if settings.networks in name]
    if not chosen:
        raise ValueError(
            f"--networks={settings.networks} is part of no name; choose from {', '.join(NETWORKS)}."
        )
    description = machine.describe(settings.num_threads)
    sentence = (
        f"{machine.sentence(description)}; signature {settings.signature}, one crop, "
        f"{settings.num_threads} threads"
    )
    print(sentence, flush=True)
    rows = [row for name in chosen for row in measure(name, settings)]
    text = table(rows)
    print(text)
    result = {
        "command": "python -m benchmarks.wild3d_latency",
        "machine": description,
        "signature": settings.signature,
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
