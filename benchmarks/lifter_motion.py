"""What a lifter of films brings over single frames: `python -m benchmarks.lifter_motion`.

Every lifter gets the same films of the validation split of CMU motion capture, exact and with noise,
independent from frame to frame or following that of the frame before. Changes are set against the
first lifter on the same films; docs/tips.md says how to read the table. Without --data_dir only files
are timed; latency does not depend on the weights, so a run of two steps will do.
"""

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from keras import ops

from benchmarks import machine
from benchmarks.litert_timing import call_seconds, open_interpreter
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.lifter_motion.config import Config
from keras_pose.lifter_motion.evaluation import lift_films, measure_films
from keras_pose.lifter_motion.exporting import golden_films
from keras_pose.lifter_motion.films import Films, load_films
from keras_pose.lifter_motion.training import load_student
from keras_pose.lifter_student.teachers import open_teacher
from keras_pose.lifting.detector_noise import body_height, student_noise
from keras_pose.serving import read_metadata
from keras_pose.skeletons import H36M_17
from keras_pose.train.binary import run_binary
from keras_pose.train.config import check_ranges, listed, option
from keras_pose.train.run_folder import read_run

_JOINTS = H36M_17.num_joints
_BATCH = 4096
_FREEDOM = 4.0


@dataclasses.dataclass(frozen=True)
class Settings:
    """Settings of the benchmark; field = flag.

    Raises:
        ValueError: when a value is out of range.
    """

    single: str = option(
        "savedmodels/tips_cmu/1", "Version folder of the lifter of single frames.", exists="folder"
    )
    runs: str = option(
        "", "Run folders of keras_pose.lifter_motion, separated by commas.", exists="folders"
    )
    smoothed: str = option(
        "3,9", "The single lifter's answers are also averaged over the last so many frames."
    )
    exported: str = option(
        "", "Version folders of lifters of films, whose files are timed.", exists="folders"
    )
    data_dir: str = option("", "Folder of the CMU motion capture, with val.npz.", exists="folder")
    val_stride: int = option(1, "Use every n-th film.", low=1)
    frames_per_second: float = option(30.0, "Rate of the films.", low=1.0)
    noise_level: float = option(
        0.02, "Noise of every joint, a share of the body's height.", low=0.0, high=0.2
    )
    noise_memory: float = option(
        0.8, "Correlation of successive frames' noise where it remembers.", low=0.0, high=0.999
    )
    num_calls: int = option(1000, "Timed calls of each file.", low=1)
    seed: int = option(0, "Seed of the noise.", low=0)
    output: str = option(
        "", "JSON file to write; the table goes next to it as .txt; empty only prints."
    )

    def __post_init__(self):
        check_ranges(self)


def conditions(settings: Settings, films: Films) -> Iterator[tuple[str, np.ndarray]]:
    """Make what is seen of films.

    Args:
        settings: level and memory of the noise.
        films: the films.

    Yields:
        Name of the noise, and float32 `[N, 17, 2]` px.
    """
    random = np.random.default_rng(settings.seed)
    shape = films.points_px.shape
    unit = films.px_per_m * ops.convert_to_numpy(body_height(films.points_3d))
    unit = settings.noise_level * unit[:, None, None]
    yield "exact", films.points_px
    fresh = random.normal(size=shape).astype(np.float32)
    yield "normal noise", films.points_px + unit * fresh
    kept = remembered(fresh, films.film, settings.noise_memory)
    yield f"normal noise, memory {settings.noise_memory:g}", films.points_px + unit * kept
    uniform = random.uniform(size=(2, *shape[:2])).astype(np.float32)
    heavy = ops.convert_to_numpy(student_noise(uniform, _FREEDOM))
    yield "noise of heavy tails", films.points_px + unit * heavy


def remembered(fresh: np.ndarray, film: np.ndarray, memory: float) -> np.ndarray:
    """Let noise follow that of the frame before within a film, its scale unchanged.

    Args:
        fresh: float32 `[N, 17, 2]`, independent.
        film: int `[N]`.
        memory: correlation of successive frames.

    Returns:
        float32 `[N, 17, 2]`.
    """
    noise = fresh.copy()
    share = np.float32(np.sqrt(1.0 - memory**2))
    for row in range(1, len(noise)):
        if film[row] == film[row - 1]:
            noise[row] = memory * noise[row - 1] + share * fresh[row]
    return noise


def mean_of_last(lifted: np.ndarray, film: np.ndarray, count: int) -> np.ndarray:
    """Average every frame with those before it in its film.

    Args:
        lifted: float32 `[N, 17, 3]`.
        film: int `[N]`, ascending.
        count: most frames that are averaged.

    Returns:
        float32 `[N, 17, 3]`.
    """
    first = np.searchsorted(film, film)
    row = np.arange(len(film))
    start = np.maximum(first, row - count + 1)
    sums = np.concatenate([np.zeros((1, _JOINTS, 3)), np.cumsum(lifted, axis=0, dtype=np.float64)])
    mean = (sums[row + 1] - sums[start]) / (row + 1 - start)[:, None, None]
    return mean.astype(np.float32)


def lift_singly(lift, points_px: np.ndarray) -> np.ndarray:
    """Lift frames by themselves, float32 `[N, 17, 3]` px of `[N, 17, 2]` px."""
    parts = range(0, len(points_px), _BATCH)
    return np.concatenate([lift(points_px[start : start + _BATCH]) for start in parts])


def measure_lifters(settings: Settings) -> tuple[list[dict], Films]:
    """Measure every lifter under every noise.

    Args:
        settings: what to run.

    Returns:
        Rows of `noise`, `lifter` and protocol id to mm; the films.
    """
    config = Config(frames_per_second=settings.frames_per_second, val_stride=settings.val_stride)
    films = load_films(config, settings.data_dir, "val")
    single = open_teacher(settings.single)
    networks = {place: load_student(place)[1] for place in listed(settings.runs)}
    name = "/".join(settings.single.rstrip("/").split("/")[-2:])
    rows = []
    for noise, points_px in conditions(settings, films):
        lifted = {name: lift_singly(single, points_px)}
        for count in listed(settings.smoothed):
            words = f"{name}, mean of last {count}"
            lifted[words] = mean_of_last(lifted[name], films.film, int(count))
        for place, network in networks.items():
            lifted[os.path.basename(place.rstrip("/"))] = lift_films(network, films, points_px)
        for lifter, points_3d in lifted.items():
            rows.append(
                {"noise": noise, "lifter": lifter, "errors": measure_films(points_3d, films)}
            )
    return rows, films


def measure_latency(settings: Settings) -> list[dict]:
    """Time one call of every file of exported lifters, one frame of one person on one thread.

    Args:
        settings: `exported`, `num_calls`.

    Returns:
        Rows of `file`, `frames`, `megabytes`, `invoke_ms_median`, `invoke_ms_min`.
    """
    rows = []
    for place in listed(settings.exported):
        metadata = read_metadata(place)
        shape = metadata.signatures["lift_next"]["inputs"]["state"]["shape"]
        given = golden_films(shape[1] + 1, 0.0, is_hostile=False)["lift_next"]
        for path in sorted(Path(place).glob("*.tflite")):
            if "_frames_" in path.name:
                continue
            interpreter = open_interpreter(path, 1)
            details = interpreter.get_input_details()
            for entry in details:
                key = next(key for key in given if entry["name"].split(":")[0].endswith(key))
                interpreter.resize_tensor_input(entry["index"], given[key][:1].shape)
            interpreter.allocate_tensors()
            for entry in details:
                key = next(key for key in given if entry["name"].split(":")[0].endswith(key))
                interpreter.set_tensor(entry["index"], given[key][:1])
            seconds = call_seconds(interpreter.invoke, settings.num_calls)
            rows.append(
                {
                    "file": path.name,
                    "frames": shape[1] + 1,
                    "megabytes": path.stat().st_size / 1e6,
                    "invoke_ms_median": 1e3 * float(np.median(seconds)),
                    "invoke_ms_min": 1e3 * float(np.min(seconds)),
                }
            )
    return rows


def tables(rows: list[dict], latency: list[dict]) -> str:
    """Set what was measured as tables.

    Args:
        rows: of `measure_lifters`; may be empty.
        latency: of `measure_latency`; may be empty.

    Returns:
        The tables.
    """
    parts = ([_errors(rows)] if rows else []) + ([_latencies(latency)] if latency else [])
    return "\n\n".join(parts)


def _errors(rows):
    names = list(rows[0]["errors"])
    header = ["noise", "lifter"]
    for name in names:
        header += [name.split("[")[0], "change"]
    cells = []
    for row in rows:
        base = next(other for other in rows if other["noise"] == row["noise"])
        line = [row["noise"], row["lifter"]]
        for name in names:
            value = row["errors"][name]
            line += [f"{value:.1f}", f"{100 * (value / base['errors'][name] - 1):+.0f} %"]
        cells.append(line)
    return text_table(header, cells)


def _latencies(latency):
    title = ("file", "frames", "MB", "median ms", "min ms")
    lines = [
        (
            row["file"],
            str(row["frames"]),
            f"{row['megabytes']:.2f}",
            f"{row['invoke_ms_median']:.3f}",
            f"{row['invoke_ms_min']:.3f}",
        )
        for row in latency
    ]
    return text_table(title, lines)


def run(settings: Settings) -> tuple[dict, str]:
    """Measure, and print.

    Args:
        settings: what to run.

    Returns:
        The JSON-ready result, and what was printed.
    """
    description = machine.describe(1)
    rows, films = measure_lifters(settings) if settings.data_dir else ([], None)
    latency = measure_latency(settings)
    if not rows and not latency:
        raise ValueError("--data_dir and --exported are both empty; name data, models or both.")
    text = f"{machine.sentence(description)}\n\n{tables(rows, latency)}"
    print(text)
    known = ("config", "minutes", "steps")
    result = {
        "command": "python -m benchmarks.lifter_motion",
        "machine": description,
        "settings": {
            name: getattr(settings, name)
            for name in ("val_stride", "frames_per_second", "noise_level", "noise_memory", "seed")
        },
        "source": films.source if films else "",
        "frames": len(films) if films else 0,
        "runs": {
            os.path.basename(place.rstrip("/")): {name: read_run(place).get(name) for name in known}
            for place in listed(settings.runs)
        },
        "results": rows,
        "latency": latency,
    }
    return result, text


def main(settings: Settings) -> None:
    """Do what the settings ask for."""
    machine.use_cores(1)
    result, text = run(settings)
    if settings.output:
        write_result(settings.output, result, text)


if __name__ == "__main__":
    run_binary(main, Settings)
