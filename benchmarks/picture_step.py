"""What a training step on pictures costs, by encoder and precision: `python -m benchmarks.picture_step`.

Forwards, backwards and the optimizer, on random pictures, with nothing read or cut. Each case runs in a
process of its own on one thread; beside pictures per second there are pictures per second of processor
time, which other work on the machine disturbs less, and what bounds the step: the kinds of operations
that take most of it.
"""

import collections
import contextlib
import dataclasses
import glob
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import keras
import tensorflow as tf

from benchmarks import machine
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.layers import build_efficientnet_lite, build_mobilenet, build_resnet
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, option

ENCODERS: dict[str, Callable[[int], keras.Model]] = {
    "efficientnet_lite0": lambda size: build_efficientnet_lite(size, pooled=False),
    "mobilenet_v3_small": lambda size: build_mobilenet("mobilenet_v3_small", size, pooled=False),
    "resnet18": lambda size: build_resnet(18, size, pooled=False),
}
_NUM_BOUNDS = 4


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range or a word is unknown.
    """

    encoders: str = option(",".join(ENCODERS), "Encoders, separated by commas.")
    precisions: str = option("float32,mixed_bfloat16", "Keras dtype policies, likewise.")
    image_sizes: str = option("128,160", "Sides of the pictures in px, likewise.")
    batch_size: int = option(16, "Pictures of a step.", low=1)
    seconds: float = option(6.0, "How long each case runs.", low=0.1)
    case: str = option("", "One case, encoder:precision:size, in this very process.")
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)
        unknown = sorted(set(self.encoders.split(",")) - set(ENCODERS))
        if unknown:
            raise ValueError(f"--encoders={unknown[0]} is unknown; use {', '.join(ENCODERS)}.")


def measure(encoder: str, precision: str, image_size: int, batch_size: int, seconds: float) -> dict:
    """Train an encoder on random pictures for a while.

    Args:
        encoder: key of `ENCODERS`.
        precision: Keras dtype policy.
        image_size: side of the pictures in px.
        batch_size: pictures of a step.
        seconds: how long, after three steps that count for nothing.

    Returns:
        `pictures_per_second`, `pictures_per_cpu_second`, `bounds` (kind of operation to its share of
        the time of all) and the arguments.
    """
    keras.config.set_dtype_policy(precision)
    network = ENCODERS[encoder](image_size)
    optimizer = keras.optimizers.Adam(1e-4)
    optimizer.build(network.trainable_variables)
    pictures = tf.random.uniform((batch_size, image_size, image_size, 3))

    @tf.function(jit_compile=False)
    def step(pictures):
        with tf.GradientTape() as tape:
            features = tf.cast(network(pictures, training=True), tf.float32)
            loss = tf.reduce_mean(tf.square(features))
        variables = network.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply(gradients, variables)
        return loss

    for _ in range(3):
        step(pictures)
    begin, spent, count = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - begin < seconds:
        step(pictures).numpy()
        count += 1
    shown = count * batch_size
    return {
        "encoder": encoder,
        "precision": precision,
        "image_size": image_size,
        "batch_size": batch_size,
        "pictures_per_second": round(shown / (time.perf_counter() - begin), 2),
        "pictures_per_cpu_second": round(shown / (time.process_time() - spent), 2),
        "memory_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "bounds": _bounds(lambda: step(pictures).numpy()),
    }


def _bounds(step):
    """Shares of the most expensive kinds of operations, from a profile of three steps."""
    # TensorFlow ships the profile's schema inside one of these, version by version.
    schema = None
    with contextlib.suppress(ImportError):
        from tensorflow.tsl.profiler.protobuf import xplane_pb2 as schema
    if schema is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        for _ in range(3):
            step()
        tf.profiler.experimental.stop()
        space = schema.XSpace()
        for path in glob.glob(os.path.join(folder, "**", "*.xplane.pb"), recursive=True):
            with open(path, "rb") as file:
                space.ParseFromString(file.read())
    spent: collections.Counter[str] = collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                name = plane.event_metadata[event.metadata_id].name
                # Operations are called name:Kind.
                if ":" in name and "::" not in name and " " not in name:
                    spent[name.rsplit(":", 1)[1]] += event.duration_ps
    whole = sum(spent.values())
    return {kind: round(part / whole, 3) for kind, part in spent.most_common(_NUM_BOUNDS)}


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    if settings.case:
        tf.config.threading.set_intra_op_parallelism_threads(1)
        encoder, precision, size = settings.case.split(":")
        row = measure(encoder, precision, int(size), settings.batch_size, settings.seconds)
        print(json.dumps(row))
        return
    described = machine.describe(1)
    rows = []
    for encoder in settings.encoders.split(","):
        for size in settings.image_sizes.split(","):
            for precision in settings.precisions.split(","):
                rows.append(_in_a_process(settings, f"{encoder}:{precision}:{size}"))
    text = text_table(
        ["encoder", "px", "precision", "pictures/s", "pictures/CPU s", "bounds"],
        [
            [
                row["encoder"],
                str(row["image_size"]),
                row["precision"],
                f"{row['pictures_per_second']:.1f}",
                f"{row['pictures_per_cpu_second']:.1f}",
                ", ".join(f"{kind} {share:.0%}" for kind, share in row["bounds"].items()) or "-",
            ]
            for row in rows
        ],
    )
    print(text)
    if settings.output:
        command = "python -m benchmarks.picture_step"
        write_result(
            settings.output, {"command": command, "machine": described, "rows": rows}, text
        )


def _in_a_process(settings, case):
    """One case in an interpreter of its own: memory and threads of one do not reach the next."""
    command = [sys.executable, "-m", "benchmarks.picture_step", f"--case={case}"]
    command += [f"--batch_size={settings.batch_size}", f"--seconds={settings.seconds}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    run_binary(main, Settings)
