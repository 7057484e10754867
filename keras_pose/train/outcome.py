"""What a training command says at its end: measures, what was written, and what to do next."""

from collections.abc import Mapping

from keras_pose.train.options import RunOptions
from keras_pose.train.progress import duration


def print_results(run: dict) -> None:
    """Print what a run measured, beside what its teacher reaches on the same pictures.

    Args:
        run: content of `run.json`: `heldout` and `results`, of one part or by part.
    """
    theirs = _rows(run.get("teacher_results", {}))
    if theirs:
        print(f"{'student':>10}{'teacher':>10}")
    heldout = {f"held-out {name}": value for name, value in run.get("heldout", {}).items()}
    for name, value in (heldout | _rows(run.get("results", {}))).items():
        beside = f"{theirs[name]:10.4f}" if name in theirs else "         -"
        print(f"{value:10.4f}{beside if theirs else ''}  {name}")


def _rows(results):
    rows: dict[str, float] = {}
    for part, values in results.items():
        if isinstance(values, dict):
            rows |= {f"{part}  {name}": value for name, value in values.items()}
        else:
            rows[part] = values
    return rows


def print_headline(run: dict, headline: Mapping[str, str]) -> None:
    """Print the measures that matter as a table, a row per part, beside the teacher's.

    Args:
        run: content of `run.json`; `results` by part.
        headline: id of a measure to its short name, in the table's order.
    """
    results, theirs = run.get("results", {}), run.get("teacher_results", {})
    known = [id for id in headline if any(id in values for values in results.values())]
    if not known:
        return
    rows = [("", [headline[id] for id in known])]
    for part, values in results.items():
        rows.append((part, [_cell(values.get(id)) for id in known]))
        if part in theirs:
            rows.append(("  its teacher", [_cell(theirs[part].get(id)) for id in known]))
    wide = max(len(name) for name, _ in rows)
    widths = [max(len(cells[n]) for _, cells in rows) for n in range(len(known))]
    for name, cells in rows:
        shown = "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
        print(f"{name:<{wide}}  {shown}")
    total = len({id for values in results.values() for id in values})
    print(f"run.json has all {total} measures under the ids of their protocols.")


def _cell(value):
    return "-" if value is None else f"{value:.4g}"


def print_end(run: dict, options: RunOptions, next_command: str) -> None:
    """Print what is missing, what was written and how to go on.

    Args:
        run: content of `run.json`.
        options: of the run.
        next_command: what to type next, the run folder's place as `{folder}`.
    """
    if options.mode == "train":
        print("Nothing was measured, as --mode=train asks; --mode=eval does it later.")
    elif not run.get("results") and not run.get("heldout"):
        print("Nothing was measured: nothing is held out, or what is held out has no labels.")
    if options.mode != "eval" and "minutes" in run:
        print(f"{run['steps']} steps took {duration(60 * run['minutes'])}.")
    print(f"Written to {options.model_dir}: weights, run.json, epochs.jsonl.")
    print(f"Next: {next_command.format(folder=options.model_dir)}")
