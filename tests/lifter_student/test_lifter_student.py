"""The lifter for detected poses: what a step disturbs, what the network is told, run and export."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.lifter_student.config import Config, ExportConfig
from keras_pose.lifter_student.exporting import export_run, golden_cameras, golden_scored
from keras_pose.lifter_student.model import LifterStudent, disturb, draw_batch
from keras_pose.lifter_student.network import PresenceLifter, WholePoseLifter, lift_present
from keras_pose.lifter_student.teachers import lift_with_teachers
from keras_pose.lifter_student.training import train_run
from keras_pose.lifting.data import load_poses
from keras_pose.lifting.facing import hostile_cameras
from keras_pose.lifting.scored_serving import hostile_scores
from keras_pose.skeletons import H36M_17
from keras_pose.train.options import RunOptions

ROOT = pathlib.Path(__file__).parents[2]
TEACHER = str(ROOT / "savedmodels/tips_cmu/1")
SMALL = {
    "dataset": "generated",
    "num_generated_frames": 100,
    "teachers": TEACHER,
    "width": 16,
    "num_blocks": 1,
    "batch_size": 32,
    # Enough to know down from up: the mean of two guesses that cancel has no direction.
    "num_steps": 120,
    "steps_per_epoch": 60,
    "val_stride": 1,
    "ema_momentum": 0.0,
}


def _poses(count=64, seed=0):
    points_3d = np.random.default_rng(seed).normal(0, 0.5, (count, 17, 3)).astype(np.float32)
    points_3d -= points_3d[:, :1]
    return points_3d[..., :2].copy(), points_3d


def _disturbed(**settings):
    config = Config(**(SMALL | settings))
    uniform = draw_batch(0, tf.constant(3), tf.constant(64))
    given = disturb(config, *map(tf.constant, _poses()), uniform)
    return {name: np.array(value) for name, value in given.items()}


def test_without_disturbance_a_pose_or_its_mirror_image_comes_out():
    given = _disturbed(other_cameras_share=0.0, missing_share=0.0, noise_share=0.0)
    points_2d, points_3d = _poses()
    order = list(H36M_17.flip_permutation)
    mirrored = (points_3d * [-1, 1, 1])[:, order]
    is_mirrored = np.isclose(given["points_3d"], mirrored).all((1, 2))
    assert 10 < is_mirrored.sum() < 54
    expected = np.where(is_mirrored[:, None, None], mirrored, points_3d)
    np.testing.assert_allclose(given["points_3d"], expected, rtol=1e-6)
    np.testing.assert_array_equal(given["seen"], given["points_2d"])
    assert given["present"].all()
    # Gravity as a camera of 12.65 degrees sees it.
    np.testing.assert_allclose(given["gravity"], [[0, 0.975726, 0.218995]] * 64, atol=1e-5)


def test_noise_and_other_cameras_touch_their_share_of_the_poses():
    given = _disturbed(other_cameras_share=0.5, noise_share=0.25, missing_share=0.5)
    is_noisy = (given["seen"] != given["points_2d"]).any((1, 2))
    assert 5 <= is_noisy.sum() <= 30
    assert 15 < (~given["present"].astype(bool)).any(1).sum() < 50
    assert 15 < (np.abs(given["gravity"][:, 0]) > 0).sum() < 50
    # Turning keeps lengths.
    lengths = np.sort(np.linalg.norm(given["points_3d"], axis=-1), axis=1)
    true = np.sort(np.linalg.norm(_poses()[1], axis=-1), axis=1)
    np.testing.assert_allclose(lengths, true, rtol=1e-4, atol=1e-5)


def test_draws_depend_on_seed_and_step_alone():
    first, again, later, other = (
        np.array(draw_batch(seed, tf.constant(step), tf.constant(8)))
        for seed, step in ((1, 5), (1, 5), (1, 6), (2, 5))
    )
    np.testing.assert_array_equal(first, again)
    assert (first != later).all() and (first != other).all()


@pytest.fixture(scope="module")
def network():
    network = PresenceLifter(Config(**SMALL))
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 0.3, variable.shape))
    return network


def test_missing_joints_are_filled_and_what_stood_there_is_not_read(network):
    points = np.random.default_rng(1).uniform(0, 300, (2, 17, 2)).astype(np.float32)
    points[1] = points[0]
    points[1, 5] = [np.nan, -1e6]
    present = np.ones((2, 17), np.float32)
    present[:, 5] = 0.0
    lifted = {
        name: np.array(value) for name, value in lift_present(network, points, present).items()
    }
    np.testing.assert_array_equal(lifted["points_3d"][0], lifted["points_3d"][1])
    rest = np.arange(17) != 5
    np.testing.assert_array_equal(lifted["points_2d"][:, rest], points[:, rest])
    assert np.isfinite(lifted["points_2d"]).all()
    assert not lifted["points_3d"][:, 0].any()
    np.testing.assert_allclose(np.linalg.norm(lifted["gravity"], axis=-1), 1.0, rtol=1e-5)


def test_lifting_moves_and_scales_with_the_pose(network):
    points = np.random.default_rng(2).uniform(0, 300, (3, 17, 2)).astype(np.float32)
    present = np.ones((3, 17), np.float32)
    present[1, 3:6] = 0.0
    plain = lift_present(network, points, present)
    moved = lift_present(network, 2.0 * points + np.float32([50, -20]), present)
    np.testing.assert_allclose(moved["points_3d"], 2.0 * np.array(plain["points_3d"]), atol=0.05)
    expected = 2.0 * np.array(plain["points_2d"]) + [50, -20]
    np.testing.assert_allclose(moved["points_2d"], expected, atol=0.05)


def test_whole_poses_are_lifted_as_other_lifters_do(network):
    points = np.random.default_rng(4).uniform(-1, 1, (5, 16, 2)).astype(np.float32)
    lifted = WholePoseLifter(network)(points)
    whole = np.pad(points, [(0, 0), (1, 0), (0, 0)])
    same = lift_present(network, whole, np.ones((5, 17), np.float32))["points_3d"]
    np.testing.assert_array_equal(lifted, np.array(same)[:, 1:])


def test_teachers_are_symmetric():
    poses = load_poses(Config(**SMALL), "", "val")
    lifted = lift_with_teachers((TEACHER,), poses)
    order = list(H36M_17.flip_permutation)
    whole = np.pad(poses.points_2d, [(0, 0), (1, 0), (0, 0)])
    mirrored = dict(vars(poses)) | {
        "points_2d": (whole * [-1, 1])[:, order][:, 1:].astype(np.float32)
    }
    again = lift_with_teachers((TEACHER,), type(poses)(**mirrored))
    np.testing.assert_allclose((again * [-1, 1, 1])[:, order], lifted, atol=1e-5)
    assert lifted.shape == (len(poses), 17, 3) and not lifted[:, 0].any()


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("run") / "run")
    train_run(Config(**SMALL), RunOptions(model_dir=folder))
    return folder


def test_a_run_learns_and_is_measured(run_dir):
    rows = [
        json.loads(line) for line in pathlib.Path(run_dir, "epochs.jsonl").read_text().splitlines()
    ]
    assert rows[1]["space_error"] < rows[0]["space_error"]
    run = json.loads(pathlib.Path(run_dir, "run.json").read_text())
    assert run["method"] == "lifter_student" and 0 <= run["chirality"] <= 1
    assert all(value > 0 for value in run["results"].values())


def test_export_has_both_signatures_and_their_files(run_dir, tmp_path):
    settings = {"export_dir": str(tmp_path), "name": "toy", "formats": "float32"}
    folder = pathlib.Path(export_run(ExportConfig(model_dir=run_dir, **settings)))
    names = {path.name for path in folder.glob("*.tflite")}
    assert names == {f"toy_{words}float32.tflite" for words in ("", "scored_", "camera_")}
    given = golden_scored()
    served = export.run_saved_model(folder, "lift_scored", given)
    on_phone = export.run_tflite(folder / "toy_scored_float32.tflite", "lift_scored", given)
    assert served["valid"].all()
    scale = served["scale"][:, None, None]
    np.testing.assert_allclose(
        on_phone["keypoints_3d"] / scale, served["keypoints_3d"] / scale, atol=1e-4
    )
    # All joints there: both signatures are one.
    points, ones = given["keypoints_2d"][-4:], np.ones((4, 17), np.float32)
    whole = export.run_saved_model(folder, "lift", {"keypoints_2d": points})
    scored = export.run_saved_model(folder, "lift_scored", {"keypoints_2d": points, "score": ones})
    np.testing.assert_array_equal(whole["keypoints_3d"], scored["keypoints_3d"])
    assert set(whole) == {"keypoints_3d", "scale", "valid"}
    # The mean over a pose and its mirror image knows no left and right.
    other = (points * [-1.0, 1.0])[:, list(H36M_17.flip_permutation)].astype(np.float32)
    mirrored = export.run_saved_model(folder, "lift", {"keypoints_2d": other})["keypoints_3d"]
    mirrored = (mirrored * [-1.0, 1.0, 1.0])[:, list(H36M_17.flip_permutation)]
    np.testing.assert_allclose(mirrored, whole["keypoints_3d"], atol=1e-3 * scale[-4:].min())
    many = export.run_saved_model(folder, "lift_many", given)
    assert many["keypoints_3d"].shape == (64, 5, 17, 3) and many["valid"].all()
    np.testing.assert_allclose(many["weight"].sum(axis=1), 1.0, rtol=1e-5)
    assert (np.diff(many["weight"], axis=1) <= 0).all()
    bad = export.run_saved_model(folder, "lift_many", hostile_scores())
    assert not any(value.any() for value in bad.values())
    bad = export.run_saved_model(folder, "lift_scored", hostile_scores())
    assert not any(value.any() for value in bad.values())
    seen = export.run_saved_model(folder, "lift_camera", golden_cameras())
    assert seen["valid"].all() and seen["keypoints_3d"].shape == (64, 17, 3)
    np.testing.assert_allclose(np.linalg.norm(seen["direction"], axis=1), 1.0, rtol=1e-5)
    bad = export.run_saved_model(folder, "lift_camera", hostile_cameras())
    assert not any(value.any() for value in bad.values())
    card = (folder / "card.md").read_text()
    assert '"teachers": "tips_cmu/1"' in card and "a joint below 0.2 is missing" in card


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"pitch": "45,-20"}, "--pitch=45,-20 is no pitch"),
        ({"pitch": "steep"}, "--pitch=steep is no pitch"),
        ({"noise_of_joints": "1,2"}, "--noise_of_joints=1,2 is not 17 numbers"),
        ({"noise_of_joints": ",".join(["-1"] * 17)}, "is not 17 numbers of at least 0"),
        (
            {"input_2d": "orthographic", "geometry": "orthographic"},
            "no cameras that could be tilted",
        ),
        ({"max_missing": 12}, "--max_missing=12 is too large"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Config(**(SMALL | settings))


def test_a_command_needs_a_teacher_that_lifts(tmp_path):
    with pytest.raises(ValueError, match="--teachers is empty"):
        Config().check_command()
    with pytest.raises(ValueError, match=f"--teachers={tmp_path}.*holds no exported model"):
        lift_with_teachers((str(tmp_path),), load_poses(Config(**SMALL), "", "val"))


def test_one_pitch_is_a_range_of_one():
    assert Config(pitch="12.5").pitch_range_deg == (12.5, 12.5)
    assert LifterStudent(Config(**SMALL)).averaged_network is None
