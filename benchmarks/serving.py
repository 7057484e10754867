"""What a request costs by part, beside an export of before: `python -m benchmarks.serving`.

Networks of random weights are exported as `keras_pose` exports them today; latency does not depend on
the weights. The shipped version of the same architecture, of an earlier export, takes its turns in the
same rounds, and so do the decoding of the pictures and the network alone (`heatmaps`, whose graph holds
nothing else).
"""

import dataclasses
import tempfile

import cv2
import keras
import numpy as np
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.rounds import interleave, time_calls
from benchmarks.table import text_table
from keras_pose import export
from keras_pose.bodies import serving as bodies
from keras_pose.bodies.pose import build_pose
from keras_pose.hand_student.config import StudentConfig
from keras_pose.hand_student.network import build_student_network
from keras_pose.hand_student.pose import build_student_pose
from keras_pose.hand_student.serving import student_network_of, student_signatures
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option
from keras_pose.wild3d.network import build_network

PARTS = ("decode", "network", "serve_crop", "serving_default")


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: if a value is out of range.
    """

    network: str = option("hand", "Whose requests are timed.", choices=("hand", "body"))
    before: str = option("", "Version folder of an earlier export of the same architecture.")
    batch_sizes: str = option("1,32", "Rows of a request, separated by commas.")
    num_rounds: int = option(5, "Rounds, in each of which every contestant takes a turn.", low=1)
    seconds_per_turn: float = option(1.0, "Seconds of a turn.", low=0.01)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def export_network(kind: str, folder: str) -> str:
    """Export a network of random weights as today.

    Args:
        kind: "hand" or "body".
        folder: where to.

    Returns:
        The folder.
    """
    keras.utils.set_random_seed(0)
    if kind == "hand":
        config = StudentConfig()
        network = build_student_network(config.backbone, config.image_size)
        pose = export.fold_normalization(build_student_pose(network))
        served = student_network_of(config, pose)
        signatures = student_signatures(served, config, pose)
    else:
        network = build_network("mobilenet_v3_small", depth_head="map", image_size=128)
        pose = export.fold_normalization(build_pose(network, 128))
        served = bodies.pose_network(pose)
        signatures = bodies.signatures(served, pose, "argmax", 10.0)
    export.save_signatures(folder, signatures, "serving_default")
    return folder


def requests_of(folder: str, batch_size: int) -> dict:
    """Make a call of each part.

    Args:
        folder: version folder.
        batch_size: rows of a request.

    Returns:
        Name of a part to a function without arguments that blocks until the answer is there.
    """
    model = tf.saved_model.load(folder)
    size = model.signatures["serve_crop"].structured_input_signature[1]["image"].shape[1]
    rng = np.random.default_rng(0)
    # Smooth, as photographs are: noise would make the decoder the slowest part.
    picture = cv2.resize(rng.integers(0, 255, (30, 40, 3), np.uint8), (640, 480))
    encoded = tf.constant([cv2.imencode(".jpg", picture)[1].tobytes()] * batch_size)
    camera = np.tile(np.float32([[600, 0, 320], [0, 600, 240], [0, 0, 1]]), (batch_size, 1, 1))
    length = tf.fill((batch_size, 1), 0.03 if "embed" in model.signatures else 4.0)
    box = tf.tile(tf.constant([[200.0, 120.0, 200.0, 240.0]]), (batch_size, 1))
    crops = tf.constant(rng.integers(0, 255, (batch_size, size, size, 3), np.uint8))
    known = {"K": tf.constant(camera), "bone_length_m": length}
    decode = tf.function(
        lambda files: [
            tf.io.decode_jpeg(file, 3, dct_method="INTEGER_ACCURATE") for file in tf.unstack(files)
        ],
        autograph=False,
    )

    def wait(function, **inputs):
        def call():
            # The loaded model is held, whose variables a signature does not keep alive.
            answers = model and function(**inputs)
            return [value.numpy() for value in tf.nest.flatten(answers)]

        return call

    signatures = model.signatures
    return {
        "decode": wait(decode, files=encoded),
        "network": wait(signatures["heatmaps"], image=tf.cast(crops, tf.float32) / 255.0),
        "serve_crop": wait(signatures["serve_crop"], image=crops, **known),
        "serving_default": wait(
            signatures["serving_default"], image_bytes=encoded, bbox=box, **known
        ),
    }


def measure(settings: Settings, folders: dict[str, str], batch_size: int) -> list[dict]:
    """Time every part of every export in turn.

    Args:
        settings: what to run.
        folders: name of an export to its version folder.
        batch_size: rows of a request.

    Returns:
        JSON-ready rows, one to a part: `ms` by export, and `ratio` of before to now.
    """
    calls = {}
    for name, folder in folders.items():
        for part, call in requests_of(folder, batch_size).items():
            call()
            calls[part, name] = call
    seconds = interleave(
        {
            f"{part}/{name}": lambda count, call=call: time_calls(call, count)
            for (part, name), call in calls.items()
        },
        settings.num_rounds,
        settings.seconds_per_turn,
    )
    rows = []
    for part in PARTS:
        times = {name: seconds[f"{part}/{name}"] for name in folders}
        row = {"batch_size": batch_size, "part": part}
        row["ms"] = {name: 1e3 * float(np.median(values)) for name, values in times.items()}
        if "before" in times:
            row["ratio"] = float(np.median(np.divide(times["before"], times["now"])))
        rows.append(row)
    return rows


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    with tempfile.TemporaryDirectory(prefix="keras_pose_benchmark_") as place:
        folders = {"now": export_network(settings.network, place)}
        if settings.before:
            folders["before"] = settings.before
        rows = [
            row
            for size in settings.batch_sizes.split(",")
            for row in measure(settings, folders, int(size))
        ]
    text = text_table(
        ["rows", "part", "ms before", "ms now", "times faster"],
        [
            [
                str(row["batch_size"]),
                row["part"],
                f"{row['ms'].get('before', float('nan')):.2f}",
                f"{row['ms']['now']:.2f}",
                f"{row.get('ratio', float('nan')):.2f}",
            ]
            for row in rows
        ],
    )
    print(text)
    if settings.output:
        command = f"python -m benchmarks.serving --network={settings.network}"
        described = machine.describe(1)
        write_result(
            settings.output, {"command": command, "machine": described, "rows": rows}, text
        )


if __name__ == "__main__":
    run_binary(main, Settings)
