"""Gathers the evidence of PeCLR on hands, real or rendered, as one JSON file, a table and a figure.

    python -m benchmarks.peclr_hands --runs_dir=<folder of run folders> --output=docs/results/peclr_hands

Run folders are named `<start>_<labels>_s<seed>` (labels: 30, 100 or all) for fine-tuning and
`pretrain_<start>_s<seed>` for pretraining; recipes are `flags/peclr/hands_*.flags`.
"""

import argparse
import json
import os
import re

import numpy as np

from keras_pose.files import write_file
from keras_pose.hands import evaluation as pose_evaluation
from keras_pose.train import run_folder
from keras_pose.viz import Series, line_chart_svg

STARTS = ("none", "simclr", "official", "centered", "affine", "mixed", "generated")
LABELS = ("30", "100", "all")
MEASURES = {
    "error": pose_evaluation.KEYPOINT_ERROR,
    "pck": pose_evaluation.PCK_10,
    "pa_epe": pose_evaluation.PA_EPE,
    "auc": pose_evaluation.PA_AUC,
}


def read_runs(runs_dir: str) -> dict:
    """Read every finished run below a folder.

    Args:
        runs_dir: folder of run folders.

    Returns:
        `finetuning`: list of dicts with start, labels, seed, git_commit, minutes and results by part and
        protocol id; `pretraining`: list of dicts with start, seed, minutes, pictures and heldout.
    """
    found = {"finetuning": [], "pretraining": []}
    for name in sorted(os.listdir(runs_dir)):
        folder = os.path.join(runs_dir, name)
        match = re.fullmatch(r"(.+)_s(\d+)", name)
        if not match or not os.path.exists(os.path.join(folder, run_folder.RUN_FILE)):
            continue
        run, start, seed = run_folder.read_run(folder), match[1], int(match[2])
        entry = {
            "seed": seed,
            "git_commit": run["environment"]["git_commit"],
            "minutes": run.get("minutes"),
            "steps": run["config"]["num_steps"],
        }
        if start.startswith("pretrain_") and "heldout" in run:
            entry |= {"start": start.removeprefix("pretrain_"), "heldout": run["heldout"]}
            found["pretraining"].append(entry | {"pictures": run["pictures"]})
        elif "results" in run:
            start, _, labels = start.rpartition("_") if "_" in start else (start, "", "rendered")
            entry |= {"start": start, "labels": labels, "results": _by_part(run)}
            found["finetuning"].append(entry | {"hands": run["hands"]})
    return found


def values(runs: list[dict], start: str, labels: str, part: str, measure: str) -> dict[int, float]:
    """One measure of one row: seed to value."""
    return {
        run["seed"]: run["results"][part][MEASURES[measure]]
        for run in runs
        if (run["start"], run["labels"]) == (start, labels) and part in run["results"]
    }


def gap_closed(runs: list[dict], start: str, part: str, labels: str = "100") -> float | None:
    """Share of the gap between few labels and all that a start closes, over the seeds both have.

    Args:
        runs: `read_runs(...)["finetuning"]`.
        start: row.
        part: record folder.
        labels: few labels.

    Returns:
        1 where few labels do as well as all, 0 where the start does not help; None without runs.
    """
    few, best = (values(runs, "none", count, part, "error") for count in (labels, "all"))
    mine = values(runs, start, labels, part, "error")
    seeds = sorted(set(few) & set(mine))
    if not seeds or not best:
        return None
    base = np.mean([few[seed] for seed in seeds])
    return float((base - np.mean([mine[s] for s in seeds])) / (base - np.mean(list(best.values()))))


def table(runs: list[dict], parts: list[str]) -> list[list[str]]:
    """Rows of the table, header first: mean over seeds, each seed in brackets."""
    header = ["start", "labels", "seeds"]
    for part in parts:
        header += [f"{part}: error / box side", "PCK 0.1", "PA-EPE cm", "AUC", "gap closed"]
    rows = [header]
    for labels in LABELS:
        for start in STARTS:
            seeds = values(runs, start, labels, parts[0], "error")
            if not seeds:
                continue
            row = [start, labels, ", ".join(map(str, sorted(seeds)))]
            for part in parts:
                for measure, digits in (("error", 4), ("pck", 3), ("pa_epe", 3), ("auc", 3)):
                    row.append(_cell(values(runs, start, labels, part, measure), digits))
                closed = gap_closed(runs, start, part, labels) if labels != "all" else None
                row.append("-" if closed is None or start == "none" else f"{100 * closed:.0f} %")
            rows.append(row)
    return rows


def figure(runs: list[dict], part: str) -> str:
    """Error over the number of labels as SVG; bands are the lowest and the highest seed."""
    counts = {}
    for run in runs:
        if run["labels"] in LABELS:
            counts[run["labels"]] = sum(hand["train"] for hand in run["hands"].values())
    series = []
    for start in STARTS:
        points = [(counts[n], values(runs, start, n, part, "error")) for n in LABELS if n in counts]
        points = [(count, list(found.values())) for count, found in points if found]
        if points:
            x = [float(np.log10(count)) for count, _ in points]
            series.append(
                Series(
                    start,
                    x,
                    [float(np.mean(v)) for _, v in points],
                    low=[min(v) for _, v in points],
                    high=[max(v) for _, v in points],
                )
            )
    return line_chart_svg(series, f"2D error, {part}", "log10 of the number of labels", "box side")


def _by_part(run):
    """Return the results; where one folder of records was all there was, under its name."""
    results, folders = run["results"], list(run["hands"])
    return results if len(folders) > 1 else {folders[0]: results["all"]}


def _cell(found, digits):
    if not found:
        return "-"
    each = [found[seed] for seed in sorted(found)]
    mean = f"{np.mean(each):.{digits}f}"
    return f"{mean} ({' / '.join(f'{v:.{digits}f}' for v in each)})" if len(each) > 1 else mean


def main() -> None:
    """Write the files and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs_dir", required=True)
    parser.add_argument("--output", default="docs/results/peclr_hands")
    arguments = parser.parse_args()
    found = read_runs(arguments.runs_dir)
    runs = found["finetuning"]
    # A run of another kind only starts others.
    rows = [run for run in runs if run["labels"] in LABELS]
    parts = sorted({part for run in rows for part in run["results"]} - {"all"})
    if not parts:
        raise SystemExit(f"{arguments.runs_dir}: no finished run is here; train first.")
    header, *body = table(runs, parts)
    lines = [header, ["---"] * len(header), *body]
    text = "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"
    write_file(f"{arguments.output}.json", json.dumps(found, indent=1) + "\n")
    write_file(f"{arguments.output}.md", text)
    for part in parts:
        svg = figure(runs, part).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        write_file(f"{arguments.output}_{part}.svg", svg + "\n")
    print(text)


if __name__ == "__main__":
    main()
