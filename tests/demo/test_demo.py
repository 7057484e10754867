"""`make demo`, but tiny: every part runs, and the report shows what was made."""

import json
import re

import pytest

from keras_pose.demo.course import DemoConfig, run_demo
from tests.train.command_server import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    settings = DemoConfig(
        output_dir=str(folder),
        shipped_model=str(ROOT / "savedmodels" / "tips_cmu"),
        num_steps=2,
        num_generated_frames=600,
        width=8,
    )
    return folder, run_demo(settings)


def test_the_report_is_there_with_pictures_and_every_artefact(written):
    folder, path = written
    assert path == str(folder / "report.html")
    text = (folder / "report.html").read_text(encoding="utf-8")
    assert len(re.findall(r"<(svg|img|canvas)\b", text)) >= 3
    version = folder / "savedmodels" / "demo_lifter" / "1"
    reports = json.loads((version / "parity.json").read_text())["artefacts"]
    assert len(reports) >= 3
    for report in reports:
        assert report["artefact"] in text


def test_three_runs_are_kept(written):
    runs = written[0] / "runs"
    assert sorted(path.name for path in runs.iterdir()) == [
        "solo_baseline",
        "student",
        "two_generators",
    ]
    assert all((run / "run.json").exists() for run in runs.iterdir())


def test_without_the_shipped_model_the_demo_says_where_to_stand(tmp_path):
    with pytest.raises(ValueError, match="run from the top of the repository"):
        run_demo(DemoConfig(output_dir=str(tmp_path), shipped_model=str(tmp_path / "none")))
    assert list(tmp_path.iterdir()) == []
