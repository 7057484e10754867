"""Gathers finished TIPS runs into one JSON file, a Markdown table and a report with figures.

    python -m benchmarks.tips_table --runs_dir=<folder of run folders> --output=docs/results/tips_runs

writes `<output>.json`, `.md`, `.html` and one `.svg` per measure.
A run folder is named `<recipe>_s<seed>`.
"""

import argparse
import json
import os
import re

import numpy as np

from keras_pose.files import write_file
from keras_pose.lifting import stop_rule
from keras_pose.train import run_folder
from keras_pose.viz import Chart, Paragraph, Section, Series, Table, line_chart_svg, write_report

MEASURES = ("pa_mpjpe", "pa_mpjpe_best", "n_mpjpe")


def read_runs(runs_dir: str) -> list[dict]:
    """Read every finished run below a folder; folders are named `<recipe>_s<seed>`."""
    runs = []
    for name in sorted(os.listdir(runs_dir)):
        match = re.fullmatch(r"(.+)_s(\d+)", name)
        folder = os.path.join(runs_dir, name)
        if not match or not os.path.exists(os.path.join(folder, run_folder.RUN_FILE)):
            continue
        run, rows = run_folder.read_run(folder), run_folder.read_epochs(folder)
        if "results" in run and rows:
            runs.append(summary(match[1], int(match[2]), run, rows))
    return runs


def summary(recipe: str, seed: int, run: dict, rows: list[dict]) -> dict:
    """Best, last and late mean of each measure, for averaged weights and the last iterate.

    Args:
        recipe: name of the recipe.
        seed: seed of the run.
        run: content of `run.json`.
        rows: rows of `epochs.jsonl`.

    Returns:
        JSON-ready dict.
    """
    entry = {
        "recipe": recipe,
        "seed": seed,
        "git_commit": run["environment"]["git_commit"],
        "steps": rows[-1]["step"],
        "minutes": run.get("minutes"),
        "chirality": rows[-1]["chirality"],
        "results": run["results"],
        "curve_steps": [row["step"] for row in rows],
        "stop_rule": [stop_rule.judge_pick(rows, name) for name in ("pa_mpjpe", "n_mpjpe")],
    }
    for name in [prefix + measure for prefix in ("", "raw_") for measure in MEASURES]:
        if name in rows[0]:
            values = [row[name] for row in rows]
            near = np.array(values) <= 1.05 * min(values)
            entry[name] = {
                "last": values[-1],
                "best": min(values),
                "best_step": rows[int(np.argmin(values))]["step"],
                "mean_last_4": float(np.mean(values[-4:])),
                "end_over_best": values[-1] / min(values) - 1.0,
                "share_within_5_percent_of_best": float(np.mean(near)),
                "curve": [round(value, 2) for value in values],
            }
    return entry


# Column title, name in the summary of a run, field of it.
COLUMNS = (
    ("PA, last iterate", "raw_pa_mpjpe", "last"),
    ("N, last iterate", "raw_n_mpjpe", "last"),
    ("PA, averaged", "pa_mpjpe", "last"),
    ("PA-best, averaged", "pa_mpjpe_best", "last"),
    ("N, averaged", "n_mpjpe", "last"),
    ("PA, best epoch", "pa_mpjpe", "best"),
    ("N, best epoch", "n_mpjpe", "best"),
)


def header() -> list[str]:
    """Column names of `table_rows`."""
    extra = ["steps within 5 % of best PA", "stop rule's regret, PA", "nose in front, as lifted"]
    return ["recipe", "seeds", *(title for title, _, _ in COLUMNS), *extra]


def table_rows(runs: list[dict]) -> list[list[str]]:
    """One row per recipe: mean over seeds, and each seed in brackets."""
    rows = []
    for recipe in sorted({run["recipe"] for run in runs}):
        group = [run for run in runs if run["recipe"] == recipe]
        row = [recipe, ", ".join(str(run["seed"]) for run in group)]
        row += [_cell([run[name][kind] for run in group]) for _, name, kind in COLUMNS]
        near = [100 * run["pa_mpjpe"]["share_within_5_percent_of_best"] for run in group]
        row.append(f"{np.mean(near):.0f} %")
        row.append(_cell([run["stop_rule"][0]["regret"] for run in group]))
        row.append(", ".join(f"{run['chirality']:.2f}" for run in group))
        rows.append(row)
    return rows


def markdown(runs: list[dict]) -> str:
    """Return the table as Markdown."""
    lines = [header(), ["---"] * len(header()), *table_rows(runs)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def figure(runs: list[dict], measure: str, title: str) -> str:
    """Error over steps as SVG: mean and range over seeds, one line per recipe."""
    series = []
    for recipe in sorted({run["recipe"] for run in runs if measure in run}):
        group = [run for run in runs if run["recipe"] == recipe]
        curves = np.array([run[measure]["curve"] for run in group])
        steps = group[0]["curve_steps"]
        series.append(Series(recipe, steps, curves.mean(0), low=curves.min(0), high=curves.max(0)))
    return line_chart_svg(series, title, "step", "mm")


def main() -> None:
    """Write the three files."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs_dir", required=True)
    parser.add_argument("--output", default="docs/results/tips_runs")
    arguments = parser.parse_args()
    runs = read_runs(arguments.runs_dir)
    if not runs:
        raise SystemExit(f"{arguments.runs_dir}: no finished run is here; train first.")
    os.makedirs(os.path.dirname(arguments.output) or ".", exist_ok=True)
    write_file(f"{arguments.output}.json", json.dumps(runs, indent=1) + "\n")
    write_file(f"{arguments.output}.md", markdown(runs))
    titles = {
        "pa_mpjpe": "PA-MPJPE (no reflection, sign chosen without labels)",
        "n_mpjpe": "N-MPJPE (least squares)",
    }
    charts = []
    for measure, title in titles.items():
        charts.append(Chart(figure(runs, measure, title)))
        write_file(f"{arguments.output}_{measure}.svg", _standalone(charts[-1].svg))
    note = "Lines: mean over seeds of the averaged weights; bands: lowest and highest seed."
    table = Table(header(), table_rows(runs))
    sections = [Section("Curves", [Paragraph(note), *charts]), Section("Table", [table])]
    write_report(f"{arguments.output}.html", "TIPS on CMU motion capture", sections)
    print(markdown(runs))


def _standalone(svg):
    """Return the figure as a file of its own, which needs a name space."""
    return svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1) + "\n"


def _cell(values):
    if not values:
        return "-"
    each = " / ".join(f"{value:.1f}" for value in values)
    return f"{np.mean(values):.1f} ({each})" if len(values) > 1 else each


if __name__ == "__main__":
    main()
