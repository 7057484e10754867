"""The table of the evidence on real hands: means over seeds, and the gap that a start closes."""

import json

import pytest

from benchmarks import peclr_hands


def _run(start, labels, seed, error):
    values = {protocol: 0.5 for protocol in peclr_hands.MEASURES.values()}
    values[peclr_hands.MEASURES["error"]] = error
    return {
        "start": start,
        "labels": labels,
        "seed": seed,
        "results": {"all": values, "digits": values},
        "hands": {"digits": {"train": 100 if labels == "100" else 900, "heldout": 50}},
    }


RUNS = [
    _run("none", "100", 0, 0.12),
    _run("none", "100", 1, 0.10),
    _run("none", "all", 0, 0.06),
    _run("affine", "100", 0, 0.08),
    _run("affine", "100", 1, 0.09),
    _run("simclr", "100", 1, 0.11),
]


def test_the_gap_is_taken_over_seeds_that_both_rows_have():
    # 0.11 without, 0.085 with, 0.06 with all labels: half of the way.
    assert peclr_hands.gap_closed(RUNS, "affine", "digits") == pytest.approx(0.5)
    # Seed 1 alone: 0.10 without, 0.11 with: worse by a quarter of the way.
    assert peclr_hands.gap_closed(RUNS, "simclr", "digits") == pytest.approx(-0.25)
    assert peclr_hands.gap_closed(RUNS, "none", "digits") == pytest.approx(0.0)
    assert peclr_hands.gap_closed(RUNS, "official", "digits") is None


def test_rows_give_the_mean_and_every_seed():
    header, *rows = peclr_hands.table(RUNS, ["digits"])
    assert header[3] == "digits: error / box side"
    cells = {(row[0], row[1]): row for row in rows}
    assert list(cells) == [("none", "100"), ("simclr", "100"), ("affine", "100"), ("none", "all")]
    assert cells["affine", "100"][2:4] == ["0, 1", "0.0850 (0.0800 / 0.0900)"]
    assert cells["affine", "100"][-1] == "50 %"
    assert cells["none", "100"][-1] == "-"


def test_the_figure_has_a_line_for_every_start():
    svg = peclr_hands.figure(RUNS, "digits")
    for start in ("none", "affine", "simclr"):
        assert start in svg


def test_runs_on_one_folder_have_its_name(tmp_path):
    values = {protocol: 0.5 for protocol in peclr_hands.MEASURES.values()}
    run = {
        "config": {"num_steps": 3},
        "environment": {"git_commit": "abc"},
        "hands": {"rendered": {"train": 100, "heldout": 50}},
        "results": {"all": values},
    }
    folder = tmp_path / "none_100_s0"
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(run))
    (found,) = peclr_hands.read_runs(str(tmp_path))["finetuning"]
    assert found["results"] == {"rendered": values}
    run |= {"hands": run["hands"] | {"real": run["hands"]["rendered"]}}
    run["results"] |= {"rendered": values, "real": values}
    (folder / "run.json").write_text(json.dumps(run))
    (found,) = peclr_hands.read_runs(str(tmp_path))["finetuning"]
    assert set(found["results"]) == {"all", "rendered", "real"}
