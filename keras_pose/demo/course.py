"""The whole job in minutes, on generated people: `python -m keras_pose.demo --output_dir=demo`.

Trains two generators and the solo baseline without 3D labels, distils the student, exports and reloads
it, lifts people with the shipped model, and writes one self-contained report.
"""

import dataclasses
import os
import shutil
import time

import numpy as np

from keras_pose import export
from keras_pose.data.motion import generate_motion, h36m_rig, render_views
from keras_pose.demo import report
from keras_pose.demo.settings import DemoConfig
from keras_pose.lifting import evaluation
from keras_pose.metrics import evaluate_poses
from keras_pose.tips.config import Config, ExportConfig
from keras_pose.tips.exporting import SIGNATURE, export_run
from keras_pose.tips.training import train_run
from keras_pose.train.options import RunOptions
from keras_pose.train.shipped import shipped_path

# Folders below --output_dir that a new demo replaces.
_RUNS, _MODELS, _REPORT = "runs", "savedmodels", "report.html"


def run_demo(settings: DemoConfig) -> str:
    """Run every part of the demo.

    Args:
        settings: sizes and places.

    Returns:
        Path of the report.

    Raises:
        ValueError: if the shipped model is missing.
        OSError: if something cannot be written.
    """
    started = time.monotonic()
    try:
        shipped = str(export.version_folder(shipped_path(settings.shipped_model)))
    except ValueError as error:
        raise ValueError(
            f"{settings.shipped_model}: there is no model here; run from the top of the repository or "
            "give --shipped_model."
        ) from error
    for name in (_RUNS, _MODELS):
        shutil.rmtree(os.path.join(settings.output_dir, name), ignore_errors=True)
    runs = {}
    for number, (title, config) in enumerate(recipes(settings).items(), start=1):
        print(f"\n[{number}/5] {title}", flush=True)
        options = RunOptions(model_dir=run_dir(settings, title))
        runs[title] = train_run(config, options)
    print("\n[4/5] export, reload and compare with the Keras model", flush=True)
    folder = export_run(
        ExportConfig(
            model_dir=run_dir(settings, "student"),
            export_dir=os.path.join(settings.output_dir, _MODELS),
            name="demo_lifter",
        )
    )
    print_table({title: run["results"] for title, run in runs.items()})
    print("\n[5/5] lift generated people with the shipped model, write the report", flush=True)
    people = lift_people(shipped, folder)
    path = os.path.join(settings.output_dir, _REPORT)
    minutes = (time.monotonic() - started) / 60
    report.write(path, settings, runs, folder, shipped, people, minutes)
    print(f"\n{minutes:.1f} minutes; open {path}")
    return path


def recipes(settings: DemoConfig) -> dict[str, Config]:
    """Return the three runs of the demo: title to config, teacher before student."""
    teacher = Config(
        dataset="generated",
        num_generated_frames=settings.num_generated_frames,
        width=settings.width,
        batch_size=256,
        num_steps=settings.num_steps,
        steps_per_epoch=max(1, settings.num_steps // 5),
        val_stride=2,
        learning_rate=5e-4,
    )
    student = dataclasses.replace(
        teacher,
        model="student",
        split="whole",
        teacher=run_dir(settings, "two generators"),
        learning_rate=1e-3,
    )
    return {
        "two generators": teacher,
        "solo baseline": dataclasses.replace(teacher, split="whole", num_blocks=6),
        "student": student,
    }


def run_dir(settings: DemoConfig, title: str) -> str:
    """Run folder of one of the demo's runs."""
    return os.path.join(settings.output_dir, _RUNS, title.replace(" ", "_"))


def lift_people(shipped: str, demo_model: str, count: int = 90) -> dict:
    """Lift a generated walk, as one camera sees it, with the shipped model and the demo's.

    Args:
        shipped: version folder of the shipped model.
        demo_model: version folder of the demo's own student.
        count: number of frames.

    Returns:
        dict: `points_px` `[count, 17, 2]`; `points_3d`, the truth in metres, root-relative
        `[count, 17, 3]`; `shipped`, `demo`, `tflite`: lifted poses `[count, 17, 3]` in pixels;
        `results`: title to protocol id to value.
    """
    motion = generate_motion(6 * count, seed=11)
    views = render_views(motion, h36m_rig(), seed=11, per="clip")
    rows = np.flatnonzero(views.camera == 0)[:count]
    points_px = views.points_px[rows]
    truth = views.points_3d[rows] - views.points_3d[rows][:, :1]
    inputs = {"keypoints_2d": points_px}
    lifted = {
        "shipped": export.run_saved_model(shipped, SIGNATURE, inputs),
        "demo": export.run_saved_model(demo_model, SIGNATURE, inputs),
        "tflite": export.run_tflite(
            os.path.join(demo_model, "demo_lifter_float32.tflite"), SIGNATURE, inputs
        ),
    }
    poses = {name: outputs["keypoints_3d"] for name, outputs in lifted.items()}
    protocols = evaluation.protocols().values()
    results = {name: evaluate_poses(poses[name], truth, protocols) for name in poses}
    return {"points_px": points_px, "points_3d": truth, "results": results, **poses}


def print_table(results: dict) -> None:
    """Print runs side by side, one line per protocol."""
    titles = list(results)
    print("\n" + "".join(f"{title:>16}" for title in titles) + "  protocol")
    for protocol in next(iter(results.values())):
        cells = "".join(f"{results[title][protocol]:16.1f}" for title in titles)
        print(f"{cells}  {protocol}")


def main(settings: DemoConfig) -> None:
    """Do what the settings ask for."""
    run_demo(settings)
