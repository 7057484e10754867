"""What a run of PeCLR records of itself, and what is said where there is none or nothing to measure."""

import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.records.sets import RecordSet
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.hand_pose.training import finetune_run
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.training import pretrain_run
from keras_pose.train import run_folder, runs
from keras_pose.train.options import RunOptions

TINY = {
    "dataset": "generated",
    "num_generated": 8,
    "encoder": "resnet10_half",
    "image_size": 32,
    "batch_size": 2,
    "num_steps": 3,
    "steps_per_epoch": 2,
    "warmup_steps": 0,
}


@pytest.mark.parametrize(
    ("num_steps", "steps_per_epoch", "updates"), [(6, 3, 6), (7, 3, 9), (2, 500, 2)]
)
def test_updates_are_rounded_up_to_whole_epochs(num_steps, steps_per_epoch, updates):
    config = FinetuneConfig(num_steps=num_steps, steps_per_epoch=steps_per_epoch)
    assert runs.updates_made(config) == updates


def test_a_run_that_only_trains_has_no_results_and_nothing_held_out_is_said(tmp_path):
    options = RunOptions(model_dir=str(tmp_path), mode="train")
    run = finetune_run(FinetuneConfig(**TINY), options)
    assert run["steps"] == 4 and "results" not in run
    run_folder.update_run(str(tmp_path), config=run["config"] | {"val_share": 0.0})
    with pytest.raises(ValueError, match=r"--val_share=0.0 of --data_dir holds no hand with 2D"):
        finetune_run(FinetuneConfig(), RunOptions(model_dir=str(tmp_path), mode="eval"))


def test_pretraining_says_when_nothing_is_held_out(tmp_path):
    config = PretrainConfig(**TINY, val_share=0.0)
    run_folder.open_run(str(tmp_path), config, [])
    with pytest.raises(ValueError, match=r"--val_share=0.0 of --data_dir holds no two pictures"):
        pretrain_run(config, RunOptions(model_dir=str(tmp_path), mode="eval"))


def test_threads_are_no_stack_trace_once_tensorflow_has_computed():
    tf.constant(1.0) + 1.0
    runs.limit_threads(0)
    with pytest.raises(ValueError, match=r"--num_threads=97 comes too late"):
        runs.limit_threads(97)


def test_a_share_too_small_for_a_label_is_named():
    config = FinetuneConfig(**TINY, split="published", train_ratio=0.01)
    with pytest.raises(ValueError, match=r"no training record .*raise --train_ratio=0.01"):
        load_labelled_hands(config, "")


def test_folders_of_one_name_are_counted_apart():
    readers = [types.SimpleNamespace(folder=Path(path)) for path in ("x/a", "y/a", "z/b")]
    positions = [np.arange(n) for n in (3, 5, 7)]
    counts = RecordSet(readers, positions, positions[::-1]).counts
    # Measures by folder are named by the order of these.
    assert list(counts) == ["a", "a (2)", "b"]
    assert counts["a (2)"] == {"train": 5, "heldout": 5}


@pytest.mark.parametrize("name", ["absent", "empty"])
def test_a_folder_without_a_run_is_named_by_its_flag(tmp_path, name):
    (tmp_path / "empty").mkdir()
    config = FinetuneConfig(**TINY, init_from=str(tmp_path / name))
    with pytest.raises(ValueError, match=rf"--init_from=.*{name} is not a run folder"):
        finetune_run(config, RunOptions(model_dir=str(tmp_path / "run")))
    assert not (tmp_path / "run").exists()
