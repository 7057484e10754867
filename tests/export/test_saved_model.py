import os

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.export import Signature
from keras_pose.files import CannotWrite
from tests.export.toy_lifter import SPEC, ToyLifter, sample_points


@pytest.fixture(scope="module")
def lifter():
    keras.utils.set_random_seed(1)
    return ToyLifter()


@pytest.fixture(scope="module")
def published(lifter, tmp_path_factory):
    root = tmp_path_factory.mktemp("models")
    return export.write_saved_model(root, "toy", lifter.signatures(), serving_default="lift")


@pytest.mark.parametrize("signature", ["lift", "serving_default"])
@pytest.mark.parametrize("count", [1, 7])
def test_saved_model_equals_python_call(lifter, published, signature, count):
    points = sample_points(count, seed=3)
    expected = lifter.lift(tf.constant(points))
    outputs = export.run_saved_model(published, signature, {"keypoints_2d": points})
    assert sorted(outputs) == ["depth", "scale"]
    assert outputs["depth"].shape == (count, 5) and outputs["depth"].dtype == np.float32
    for name in outputs:
        np.testing.assert_allclose(outputs[name], expected[name], rtol=1e-6, atol=1e-4)


def test_runner_answers_after_many_calls(published):
    # A signature whose model was collected fails at the second call.
    run = export.saved_model_runner(published, "lift")
    points = sample_points(2, seed=4)
    first = run({"keypoints_2d": points})["depth"]
    np.testing.assert_array_equal(run({"keypoints_2d": points})["depth"], first)


def test_versions_count_up_and_leave_no_other_name(published, lifter):
    root = published.parents[1]
    assert published.name == "1"
    (root / "toy" / "card.md").write_text("a file beside the versions")
    assert export.next_version(root, "toy") == 2
    second = export.write_saved_model(root, "toy", lifter.signatures(), version=7)
    assert second == root / "toy" / "7"
    assert export.next_version(root, "toy") == 8
    assert sorted(os.listdir(root / "toy")) == ["1", "7", "card.md"]
    assert export.next_version(root, "nobody") == 1


def test_existing_version_is_refused_untouched(published, lifter):
    before = {path: path.stat().st_mtime_ns for path in published.rglob("*")}
    with pytest.raises(ValueError, match=r"toy.1 exists and is never overwritten"):
        export.write_saved_model(published.parents[1], "toy", lifter.signatures(), version=1)
    assert {path: path.stat().st_mtime_ns for path in published.rglob("*")} == before


def test_finish_sees_the_hidden_folder_and_may_stop(lifter, tmp_path):
    seen = []

    def finish(folder):
        seen.append((folder.name, sorted(os.listdir(folder)), os.listdir(tmp_path / "toy")))
        raise export.ExportMismatch("wrong")

    with pytest.raises(export.ExportMismatch):
        export.write_saved_model(tmp_path, "toy", lifter.signatures(), finish=finish)
    ((name, content, siblings),) = seen
    assert name.startswith(".1.partial-") and siblings == [name]
    assert {"saved_model.pb", "variables"} <= set(content)
    assert os.listdir(tmp_path) == []


def test_new_version_appears_whole_or_not_at_all(tmp_path):
    with export.new_version(tmp_path, "toy") as (folder, final):
        (folder / "card.md").write_text("card")
        assert final == tmp_path / "toy" / "1" and not final.exists()
    assert (final / "card.md").read_text() == "card" and not folder.exists()
    with pytest.raises(KeyError), export.new_version(tmp_path, "toy") as (folder, final):
        (folder / "card.md").write_text("half")
        raise KeyError
    assert final.name == "2" and os.listdir(tmp_path / "toy") == ["1"]


def test_full_disk_under_tensorflow_leaves_nothing(lifter, tmp_path, monkeypatch):
    def save(_, folder, **__):
        os.makedirs(os.path.join(folder, "variables"))
        message = f"{{{{function_node x}}}} {folder}/variables/part; No space left on device [Op:S]"
        raise tf.errors.ResourceExhaustedError(None, None, message)

    monkeypatch.setattr(tf.saved_model, "save", save)
    with pytest.raises(CannotWrite) as caught:
        export.write_saved_model(tmp_path, "toy", lifter.signatures())
    assert str(caught.value).startswith(f"Cannot write {tmp_path}/toy/1: no space left on device;")
    assert os.listdir(tmp_path) == []


def test_unusable_requests_are_refused(lifter, tmp_path):
    signatures = lifter.signatures()
    with pytest.raises(ValueError, match=r"'a/b' must be letters"):
        export.write_saved_model(tmp_path, "a/b", signatures)
    with pytest.raises(ValueError, match="Version 0 of toy"):
        export.write_saved_model(tmp_path, "toy", signatures, version=0)
    with pytest.raises(ValueError, match="No signature was given"):
        export.write_saved_model(tmp_path, "toy", {})
    with pytest.raises(ValueError, match=r"serving_default='x' .* choose one of \['lift'\]"):
        export.write_saved_model(tmp_path, "toy", signatures, serving_default="x")
    bare = {"lift": Signature(lambda keypoints_2d: keypoints_2d, SPEC)}
    with pytest.raises(ValueError, match="'lift' returns SymbolicTensor: it must return one dict"):
        export.write_saved_model(tmp_path, "toy", bare)
    assert os.listdir(tmp_path) == []


def test_wrong_use_is_told_in_a_sentence(published, tmp_path):
    points = sample_points(1, seed=0)
    with pytest.raises(ValueError, match="holds no saved_model.pb"):
        export.run_saved_model(tmp_path, "lift", {"keypoints_2d": points})
    with pytest.raises(ValueError, match=r"no signature 'up': choose one of \['lift', 'serving_"):
        export.run_saved_model(published, "up", {"keypoints_2d": points})
    with pytest.raises(ValueError, match=r"takes \['keypoints_2d'\], not \['points'\]"):
        export.run_saved_model(published, "lift", {"points": points})


@pytest.mark.parametrize("part", ["saved_model.pb", "variables/variables.data-00000-of-00001"])
def test_truncated_model_is_told_in_a_sentence(lifter, tmp_path, part):
    folder = export.write_saved_model(tmp_path, "toy", lifter.signatures())
    os.truncate(folder / part, 100)
    with pytest.raises(ValueError, match=r"toy.1 is not a readable SavedModel \(truncated"):
        export.saved_model_runner(folder, "lift")
