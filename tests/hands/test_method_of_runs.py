"""Runs of all methods on disk, those too that were made before `run.json` named its method."""

import json

import pytest

from keras_pose import train
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_student.config import StudentConfig
from keras_pose.peclr.config import PretrainConfig
from keras_pose.tips.config import Config as LifterConfig
from keras_pose.train import runs
from keras_pose.wild3d.config import Config as BodyConfig

CONFIGS = {
    "peclr": PretrainConfig(seed=7),
    "hand_pose": FinetuneConfig(seed=7),
    "hand_student": StudentConfig(seed=7, teacher="there"),
    "wild3d": BodyConfig(seed=7, teacher="there"),
    "tips": LifterConfig(seed=7, model="student", teacher="there"),
}


def _write(folder, **content):
    folder.mkdir()
    (folder / "run.json").write_text(json.dumps(content))
    return str(folder)


@pytest.mark.parametrize("method", CONFIGS)
def test_a_run_is_read_by_its_own_method_alone_with_its_name_and_without(tmp_path, method):
    config = CONFIGS[method]
    settings = train.to_dict(config)
    if method == "tips":
        # As runs called it until the three methods had one word for it.
        settings["teacher_dir"] = settings.pop("teacher")
    named = _write(tmp_path / "named", method=method, config=settings)
    old = _write(tmp_path / "old", config=settings)
    for folder in (named, old):
        assert runs.method_of(folder) == method
        assert runs.read_config(folder, type(config)) == config
        # The same command goes on with it.
        assert train.run_folder.check_run(folder, config)
        for other in CONFIGS.keys() - {method}:
            with pytest.raises(ValueError, match=rf"this is a run of keras_pose\.{method}; give"):
                runs.read_config(folder, type(CONFIGS[other]))


def test_a_run_of_no_method_is_named(tmp_path):
    folder = _write(tmp_path / "run", config={"rate": 1})
    with pytest.raises(ValueError, match=r"run\.json: this run's method is unknown; restore"):
        runs.method_of(folder)
