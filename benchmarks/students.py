"""Phone students beside their teachers: accuracy on the same held-out pictures, size, latency.

    python -m benchmarks.students --hand=<run> --body=<run>,<run> --data_dir=<hand records> \
        --peer=hand_landmark_full.tflite --output=docs/results/students.json

Accuracy is read from the runs' own records; the hand's files are run over its held-out hands once more.
Files take turns on one thread, with those that --peer names, so that their ratios hold on a busy machine.
"""

import argparse
import dataclasses
import os
import tempfile

import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

from benchmarks.machine import describe, sentence
from benchmarks.results import write_result
from benchmarks.table import text_table
from keras_pose.export import GPU_OPERATIONS, Signature, convert_tflite, save_signatures
from keras_pose.export.timing import litert_call, time_in_turn
from keras_pose.hand_student import training as student
from keras_pose.hands import evaluation as pose_evaluation
from keras_pose.train import run_folder
from keras_pose.train.options import RunOptions
from keras_pose.wild3d import training as body_training

FORMATS = ("float32", "float16", "int8", "int8_full")
HAND_MEASURES = {
    "error / box side": pose_evaluation.KEYPOINT_ERROR,
    "PCK 0.1": pose_evaluation.PCK_10,
    "PA-EPE cm": pose_evaluation.PA_EPE,
    "PA-AUC": pose_evaluation.PA_AUC,
}
_BODY_STARTS = {
    "PCKh@0.5 %": "pckh@0.5[",
    "error / box side": "keypoint-error[",
    "MPJPE mm": "mpjpe[align=root,reflection=none,scale=training-bones",
    "PA-MPJPE mm": "pa-mpjpe[align=similarity,reflection=forbid",
}
_CHANGES = {"float32": set(), "float16": {"DEQUANTIZE"}}
_ROUNDS, _SECONDS = 20, 0.2


def hand_rows(run: dict) -> list[dict]:
    """Return the hand student and its teacher on every part of the held-out hands.

    Args:
        run: content of the student's `run.json`.

    Returns:
        Dicts of `part`, `measure`, `protocol`, `student`, `teacher`.
    """
    theirs = run["teacher_results"]
    return [
        {
            "part": part,
            "measure": name,
            "protocol": key,
            "student": values[key],
            "teacher": theirs[part][key],
        }
        for part, values in run["results"].items()
        for name, key in HAND_MEASURES.items()
        if key in values
    ]


def body_rows(run: dict, teacher: dict) -> list[dict]:
    """Return a body student and its teacher on all held-out bodies.

    Args:
        run: content of the student's `run.json`.
        teacher: content of the teacher's, whose held-out records must be the same.

    Returns:
        Dicts as of `hand_rows`.

    Raises:
        ValueError: if the two were measured on other records.
    """
    counts = [{name: part["heldout"] for name, part in r["bodies"].items()} for r in (run, teacher)]
    if counts[0] != counts[1]:
        raise ValueError(f"Student and teacher were held to other records: {counts}.")
    rows = []
    for name, start in _BODY_STARTS.items():
        (key,) = [key for key in run["results"]["all"] if key.startswith(start)]
        rows.append(
            {
                "part": "all",
                "measure": name,
                "protocol": key,
                "student": run["results"]["all"][key],
                "teacher": teacher["results"]["all"][key],
            }
        )
    return rows


def convert(network, examples: np.ndarray, folder: str) -> dict[str, str]:
    """Write a network's maps and depth as files.

    Args:
        network: model of crops in [0, 1] to `heatmaps` and `depth`.
        examples: float32 `[C, S, S, 3]` crops that fix the scales of integers.
        folder: where to.

    Returns:
        Format to path.
    """

    def maps(image):
        outputs = network(image, training=False)
        heatmaps = outputs["heatmaps"]
        return {
            "heatmaps": heatmaps[-1] if isinstance(heatmaps, list | tuple) else heatmaps,
            "depth": outputs["depth"],
        }

    size = network.input_shape[1]
    spec = {"image": tf.TensorSpec([None, size, size, 3], tf.float32)}
    saved = os.path.join(folder, "saved")
    save_signatures(saved, {"heatmaps": Signature(tf.function(maps, autograph=False), spec)})
    paths = {}
    for kind in FORMATS:
        content = convert_tflite(
            saved,
            "heatmaps",
            kind,
            representative_inputs={"image": examples} if kind == "int8_full" else None,
            batch_size=1,
            allowed_operations=GPU_OPERATIONS | _CHANGES.get(kind, {"DEQUANTIZE", "QUANTIZE"}),
        )
        paths[kind] = os.path.join(folder, f"{kind}.tflite")
        with open(paths[kind], "wb") as file:
            file.write(content)
    return paths


class FilePose:
    """A `.tflite` file of maps in the place of the network of a hand pose model.

    Args:
        path: the file, of `convert`.
        pose: of `keras_pose.hand_student.pose.build_student_pose`, whose decoding and lifting are used.
    """

    def __init__(self, path, pose):
        # Kept, since a runner does not keep it alive.
        self.interpreter = Interpreter(model_path=path)
        self.run = self.interpreter.get_signature_runner("heatmaps")
        self.pose = pose

    def __call__(self, inputs, training=False):
        size = inputs["image"].shape[1]
        dtype = self.run.get_input_details()["image"]["dtype"]
        details = self.run.get_output_details()

        def maps(images):
            if dtype == np.uint8:
                images = np.round(255.0 * images)
            rows = [self.run(image=image[None].astype(dtype)) for image in images]
            found = []
            for name in ("heatmaps", "depth"):
                values = np.concatenate([row[name] for row in rows]).astype(np.float32)
                scale, zero = details[name]["quantization"]
                found.append(np.float32(scale) * (values - zero) if scale else values)
            return found

        heatmaps, depth = tf.numpy_function(maps, [inputs["image"]], [tf.float32, tf.float32])
        heatmaps.set_shape([None, size // 4, size // 4, 21])
        depth.set_shape([None, 21])
        points, score = self.pose.get_layer("decode")({"heatmaps": heatmaps, "depth": depth})
        camera = inputs["intrinsics"]
        root, valid = self.pose.get_layer("root_solver")(points, camera)
        flat, relative, lifted, _ = self.pose.get_layer("lifting")(points, root, camera)
        return {
            "keypoints_2d": flat,
            "score": score,
            "depth": relative,
            "keypoints_3d": lifted,
            "valid": valid,
        }


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hand", required=True)
    parser.add_argument("--body", default="")
    parser.add_argument("--data_dir", required=True)
    parser.add_argument("--peer", default="")
    parser.add_argument("--output", default="")
    given = parser.parse_args()
    machine = describe(1)
    result: dict = {"machine": machine, "accuracy": {}, "files": {}, "latency_ms": {}}
    table = []

    def add(name, run, rows):
        result["accuracy"][name] = {key: run[key] for key in ("minutes", "steps")} | {
            "git_commit": run["environment"]["git_commit"],
            "rows": rows,
        }
        for row in rows:
            words = [f"{row[who]:.4g}" for who in ("teacher", "student")]
            table.append([name, row["part"], row["measure"], *words])

    run = run_folder.read_run(given.hand)
    add("hand", run, hand_rows(run))
    bodies = [folder for folder in given.body.split(",") if folder]
    for folder in bodies:
        run = run_folder.read_run(folder)
        teacher = run_folder.read_run(run["config"]["teacher"])
        add(os.path.basename(folder), run, body_rows(run, teacher))

    config, pose = student.load_student(given.hand)
    network = pose.get_layer("hand_student")
    options = RunOptions(model_dir=given.hand, data_dir=given.data_dir)
    hands = student.open_data(config, options)
    if hands.heldout is None:
        raise SystemExit(f"--hand={given.hand} holds out no hands; there is nothing to measure.")
    plain = dataclasses.replace(config, angle_range_deg=0.0, color_strength=0.0, teacher="")
    examples = next(iter(student.open_data(plain, options).batches(0).unbatch().batch(128)))
    with tempfile.TemporaryDirectory() as folder:
        paths = convert(network, examples["image"].numpy().astype(np.float32) / 255.0, folder)
        calls = {f"hand {kind}": litert_call(path, 1) for kind, path in paths.items()}
        for kind, path in paths.items():
            values = pose_evaluation.evaluate_hands(
                FilePose(path, pose), hands.heldout(), list(hands.counts)
            )
            result["files"][f"hand {kind}"] = {"bytes": os.path.getsize(path), "results": values}
        if bodies:
            body = body_training.load_pose(bodies[-1])[1]
            network = next(layer for layer in body.layers if layer.name == "mobilenet_v3_small")
            noise = np.random.default_rng(0).random((8, 128, 128, 3)).astype(np.float32)
            below = os.path.join(folder, "body")
            os.makedirs(below)
            # Sizes and times alone: random crops fix the scales of no file that anybody uses.
            for kind, path in convert(network, noise, below).items():
                calls[f"body {kind}"] = litert_call(path, 1)
                result["files"][f"body {kind}"] = {"bytes": os.path.getsize(path)}
        for path in [path for path in given.peer.split(",") if path]:
            name = os.path.basename(path)
            calls[name] = litert_call(path, 1)
            result["files"][name] = {"bytes": os.path.getsize(path)}
        for name, seconds in time_in_turn(calls, _ROUNDS, _SECONDS).items():
            result["latency_ms"][name] = {
                "median": 1e3 * float(np.median(seconds)),
                "p90": 1e3 * float(np.percentile(seconds, 90)),
                "fastest": 1e3 * float(np.min(seconds)),
            }
    files = []
    for name, times in result["latency_ms"].items():
        entry = result["files"][name]
        values = entry.get("results", {})
        errors = [
            f"{values[part][pose_evaluation.KEYPOINT_ERROR]:.4f}" if part in values else "-"
            for part in ("generated", "fingercount", "sign_digits")
        ]
        words = [f"{times[key]:.2f}" for key in ("median", "p90", "fastest")]
        files.append([name, f"{entry['bytes'] / 1e6:.2f}", *words, *errors])
    text = "\n\n".join(
        (
            sentence(machine),
            text_table(("student", "part", "measure", "teacher's", "student's"), table),
            text_table(
                ("file, 1 thread", "MB", "median ms", "p90 ms", "fastest ms")
                + ("error generated", "fingercount", "sign_digits"),
                files,
            ),
        )
    )
    print(text)
    if given.output:
        write_result(given.output, result, text)


if __name__ == "__main__":
    main()
