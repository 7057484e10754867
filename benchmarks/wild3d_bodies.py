"""Gathers the evidence of Wild3D on rendered bodies: a JSON file, a Markdown table, a figure.

    python -m benchmarks.wild3d_bodies --runs_dir=<run folders> --output=docs/results/wild3d_bodies

Run folders are named `<recipe>_s<seed>`; recipes are `flags/wild3d/bodies_*.flags`.
"""

import argparse
import json
import os
import re
from collections.abc import Mapping

import numpy as np

from keras_pose.bodies import measures as body_measures
from keras_pose.files import write_file
from keras_pose.train import run_folder
from keras_pose.viz import Series, line_chart_svg

# The paper's four rows, and the runs that they start from.
ROWS = {
    "bodies_3d": "3D, first stages",
    "bodies_3d_plain": "3D",
    "bodies_3d_geometric": "3D + geometry",
    "bodies_3d_2d": "3D + 2D, first stages",
    "bodies_3d_2d_plain": "3D + 2D",
    "bodies_3d_2d_geometric": "3D + 2D + geometry",
}
MEASURES = {
    "MPJPE mm": body_measures.MPJPE.id,
    "PA-MPJPE mm": body_measures.PA_MPJPE.id,
    "3DPCK %": body_measures.PCK.id,
    "PCKh@0.5 %": body_measures.PCKH.id,
    "upper arm mm": body_measures.SYMMETRY["upper_arm"].id,
    "lower arm mm": body_measures.SYMMETRY["lower_arm"].id,
    "upper leg mm": body_measures.SYMMETRY["upper_leg"].id,
    "lower leg mm": body_measures.SYMMETRY["lower_leg"].id,
}
_CURVE = "mpjpe_mm"


def read_runs(runs_dir: str) -> list[dict]:
    """Read every finished run below a folder.

    Args:
        runs_dir: folder of run folders.

    Returns:
        Dicts with recipe, seed, git_commit, minutes, numbers of records, results by protocol id over all
        held-out records, and the curve as `[step, MPJPE mm]` pairs.
    """
    found = []
    for name in sorted(os.listdir(runs_dir)):
        folder = os.path.join(runs_dir, name)
        match = re.fullmatch(r"(.+)_s(\d+)", name)
        if not match or not os.path.exists(os.path.join(folder, run_folder.RUN_FILE)):
            continue
        run = run_folder.read_run(folder)
        if match[1] in ROWS and "results" in run:
            rows = run_folder.read_epochs(folder)
            found.append(
                {
                    "recipe": match[1],
                    "seed": int(match[2]),
                    "git_commit": run["environment"]["git_commit"],
                    "minutes": run["minutes"],
                    "bodies": run["bodies"],
                    "bone_sum_mm": run["bone_sum_mm"],
                    "results": run["results"]["all"],
                    "curve": [[row["step"], row[_CURVE]] for row in rows if _CURVE in row],
                }
            )
    return found


def values(runs: list[dict], recipe: str, protocol: str) -> dict[int, float]:
    """One measure of one row: seed to value."""
    return {
        run["seed"]: run["results"][protocol]
        for run in runs
        if run["recipe"] == recipe and protocol in run["results"]
    }


def table(runs: list[dict]) -> list[list[str]]:
    """Rows of the table, header first: mean over seeds, each seed in brackets."""
    rows = [["trained on", "seeds", *MEASURES]]
    for recipe, title in ROWS.items():
        seeds = sorted(run["seed"] for run in runs if run["recipe"] == recipe)
        if seeds:
            cells = [_cell(values(runs, recipe, protocol)) for protocol in MEASURES.values()]
            rows.append([title, ", ".join(map(str, seeds)), *cells])
    return rows


def figure(runs: list[dict]) -> str:
    """MPJPE over updates, first stages and what follows them, as SVG; bands go over the seeds."""
    series = []
    for recipe, title in ROWS.items():
        first = recipe.rpartition("_")[0]
        if first not in ROWS or not recipe.endswith(("_plain", "_geometric")):
            continue
        curves = []
        for run in runs:
            before = [r for r in runs if (r["recipe"], r["seed"]) == (first, run["seed"])]
            if run["recipe"] == recipe and before and run["curve"]:
                start = before[0]["curve"][-1][0]
                later = [[start + step, error] for step, error in run["curve"]]
                curves.append(before[0]["curve"] + later)
        if curves:
            errors = np.array(curves)[..., 1]
            series.append(
                Series(
                    title,
                    [step / 1000.0 for step, _ in curves[0]],
                    errors.mean(axis=0).tolist(),
                    low=errors.min(axis=0).tolist(),
                    high=errors.max(axis=0).tolist(),
                )
            )
    return line_chart_svg(series, "MPJPE on unseen persons and places", "thousand updates", "mm")


def _cell(found: Mapping[int, float]) -> str:
    if not found:
        return "-"
    each = [found[seed] for seed in sorted(found)]
    mean = f"{np.mean(each):.1f}"
    return f"{mean} ({' / '.join(f'{value:.1f}' for value in each)})" if len(each) > 1 else mean


def main() -> None:
    """Write the files and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs_dir", required=True)
    parser.add_argument("--output", default="docs/results/wild3d_bodies")
    arguments = parser.parse_args()
    runs = read_runs(arguments.runs_dir)
    if not runs:
        raise SystemExit(f"{arguments.runs_dir}: no finished run is here; train first.")
    rows = table(runs)
    lines = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    write_file(f"{arguments.output}.json", json.dumps(runs, indent=1) + "\n")
    write_file(f"{arguments.output}.md", text)
    svg = figure(runs).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    write_file(f"{arguments.output}.svg", svg + "\n")
    print(text)


if __name__ == "__main__":
    main()
