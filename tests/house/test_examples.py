"""The examples in the docstrings of the names that users import first, run as they stand."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMES = (
    "keras_pose.codecs.heatmap:encode_heatmaps",
    "keras_pose.codecs.normalized_2d:encode_root_relative",
    "keras_pose.data.generated.hands:generate_hands",
    "keras_pose.data.motion.humans:generate_motion",
    "keras_pose.data.motion.keypoints_2d:load_keypoints_2d",
    "keras_pose.data.records.writer:write_records",
    "keras_pose.export.litert:run_tflite",
    "keras_pose.export.saved_model:run_saved_model",
    "keras_pose.geometry.camera:project",
    "keras_pose.geometry.procrustes:similarity_align",
    "keras_pose.geometry.rotation:rotate",
    "keras_pose.layers.encoders:build_encoder",
    "keras_pose.losses.contrastive:nt_xent",
    "keras_pose.metrics.evaluation:evaluate_poses",
    "keras_pose.metrics.position:mpjpe",
    "keras_pose.metrics.position:pa_mpjpe",
    "keras_pose.metrics.threshold:pck_3d",
    "keras_pose.serving.pose_model:ServedPose",
    "keras_pose.skeletons.catalogue:by_name",
    "keras_pose.skeletons.conversion:convert",
)


def test_there_are_twenty():
    assert len(set(NAMES)) == 20


@pytest.mark.parametrize("name", NAMES)
def test_the_example_prints_what_it_says(name, monkeypatch):
    # Paths of shipped models are given as a user at the top of the checkout would.
    monkeypatch.chdir(ROOT)
    module, _, attribute = name.partition(":")
    thing = getattr(importlib.import_module(module), attribute)
    (test,) = doctest.DocTestFinder(recurse=False).find(thing, attribute, globs={})
    assert test.examples, f"{name} has no example"
    report = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    failed = runner.run(test, out=report.append).failed
    assert not failed, "".join(report)
