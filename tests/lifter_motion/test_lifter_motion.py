"""The lifter of films: what a step disturbs, what a window is, streaming, run, resumption and export."""

import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_pose import export
from keras_pose.lifter_motion import exporting
from keras_pose.lifter_motion.config import Config, ExportConfig
from keras_pose.lifter_motion.disturbance import (
    disturb,
    num_draws,
    remember,
    stretch_frames,
    windows_of,
)
from keras_pose.lifter_motion.evaluation import lift_films, measure_films
from keras_pose.lifter_motion.exporting import golden_films
from keras_pose.lifter_motion.films import Films, load_films
from keras_pose.lifter_motion.labels import film_proportions, mirrored_bone_order
from keras_pose.lifter_motion.network import (
    MotionLifter,
    cosines,
    encode_window,
    lift_window,
)
from keras_pose.lifter_motion.serving import lift_frames, lift_next
from keras_pose.lifter_motion.training import train_run
from keras_pose.lifting.draws import draw_uniform
from keras_pose.lifting.scored_serving import hostile_scores
from keras_pose.skeletons import H36M_17
from keras_pose.train.options import RunOptions

ROOT = pathlib.Path(__file__).parents[2]
SMALL = {
    "dataset": "generated",
    "num_generated_frames": 240,
    "teachers": str(ROOT / "savedmodels/tips_cmu/1"),
    "num_frames": 5,
    "width": 16,
    "num_blocks": 1,
    "batch_size": 8,
    "num_steps": 12,
    "steps_per_epoch": 6,
    "ema_momentum": 0.9,
}
QUIET = {"missing_share": 0.0, "dropped_share": 0.0, "edge_share": 0.0, "noise_share": 0.0}


def _disturbed(count=64, **settings):
    config = Config(**(SMALL | settings))
    random = np.random.default_rng(0)
    points_3d = random.normal(0, 50, (count, stretch_frames(config), 17, 3)).astype(np.float32)
    points_3d -= points_3d[:, :, :1]
    uniform = draw_uniform(num_draws(config), 0, tf.constant(3), tf.constant(count))
    given = disturb(config, tf.constant(points_3d[..., :2]), tf.constant(points_3d), uniform)
    return points_3d, {name: np.array(value) for name, value in given.items()}


def test_without_disturbance_a_stretch_or_its_mirror_image_comes_out():
    points_3d, given = _disturbed(**QUIET)
    mirrored = (points_3d * [-1, 1, 1])[:, :, list(H36M_17.flip_permutation)]
    is_mirrored = np.isclose(given["points_3d"], mirrored).all((1, 2, 3))
    assert 10 < is_mirrored.sum() < 54
    expected = np.where(is_mirrored[:, None, None, None], mirrored, points_3d)
    np.testing.assert_allclose(given["points_3d"], expected, rtol=1e-6)
    np.testing.assert_array_equal(given["seen"], given["points_2d"])
    assert given["present"].all()


@pytest.mark.parametrize("answer", ["last", "middle"])
def test_answered_frames_keep_enough_joints_whatever_goes_missing(answer):
    settings = {"missing_share": 1.0, "dropped_share": 0.5, "edge_share": 0.5, "answer": answer}
    _, given = _disturbed(256, **settings)
    count = given["present"].sum(-1)
    first = Config(**(SMALL | settings)).answered
    assert (count[:, first : first + 3] >= 6).all()
    assert (count < 17).any(axis=1).mean() > 0.9
    others = np.delete(count, np.s_[first : first + 3], axis=1)
    assert 0.4 < (others == 0).mean() < 0.8


def test_noise_remembers_and_keeps_its_scale():
    fresh = np.random.default_rng(0).normal(0, 1, (2, 40, 500, 2)).astype(np.float32)
    noise = np.array(remember(tf.constant(fresh), tf.constant([0.0, 0.8])))
    np.testing.assert_allclose(noise[0], fresh[0], atol=1e-6)
    np.testing.assert_allclose(noise[1].std(axis=(1, 2)), 1.0, atol=0.1)
    # By hand: n_1 = 0.8 e_0 + 0.6 e_1.
    np.testing.assert_allclose(noise[1, 1], 0.8 * fresh[1, 0] + 0.6 * fresh[1, 1], atol=1e-5)
    np.testing.assert_allclose((noise[1, 1:] * noise[1, :-1]).mean(), 0.8, atol=0.05)


def test_windows_follow_each_other():
    frames = tf.reshape(tf.range(2 * 7), (2, 7))
    expected = [[0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [2, 3, 4, 5, 6]]
    np.testing.assert_array_equal(windows_of(frames, 5)[:3], expected)
    np.testing.assert_array_equal(windows_of(frames, 5)[3], [7, 8, 9, 10, 11])


def _films(film, step):
    count = len(film)
    numbers = np.arange(count, dtype=np.float32)
    points = np.broadcast_to(numbers[:, None, None], (count, 17, 3)).copy()
    return Films(points[..., :2], np.array(film), step, points, numbers + 1, 30.0, "test")


def test_windows_end_where_films_end():
    films = _films([0, 0, 0, 1, 1, 1, 1], 1)
    rows, is_there = films.window_rows(3, 2)
    np.testing.assert_array_equal(rows[2], [0, 1, 2])
    np.testing.assert_array_equal(is_there[0], [False, False, True])
    np.testing.assert_array_equal(is_there[4], [False, True, True])
    np.testing.assert_array_equal(films.window_rows(3, 1)[1][2], [True, True, False])
    np.testing.assert_array_equal(films.whole_rows(3), [0, 3, 4])
    thick = _films([0] * 5 + [1] * 4, 2)
    np.testing.assert_array_equal(thick.whole_rows(2), [0, 1, 2, 5, 6])
    np.testing.assert_array_equal(thick.thinned(1).points_px[:, 0, 0], [0, 2, 4, 5, 7])
    np.testing.assert_array_equal(thick.thinned(2).points_px[:, 0, 0], [0, 2, 4])


def test_a_film_of_one_person_has_one_set_of_proportions():
    random = np.random.default_rng(0)
    poses = random.normal(0, 1, (9, 17, 3)).astype(np.float32)
    found = film_proportions(poses, np.array([0] * 5 + [1] * 4))
    assert found.shape == (9, 16)
    np.testing.assert_array_equal(found[0], found[4])
    assert (found[0] != found[5]).any()
    np.testing.assert_allclose(found.mean(axis=1), 1.0, rtol=1e-5)
    np.testing.assert_array_equal(found, found[:, list(mirrored_bone_order())])
    names = [f"{H36M_17.joints[a]}>{H36M_17.joints[b]}" for a, b in H36M_17.bones]
    left = names.index("left_hip>left_knee")
    assert names[mirrored_bone_order()[left]] == "right_hip>right_knee"


@pytest.fixture(scope="module")
def network():
    network = MotionLifter(Config(**SMALL))
    random = np.random.default_rng(0)
    for variable in network.trainable_variables:
        variable.assign(random.normal(0, 0.1, variable.shape))
    return network


def test_a_window_is_seen_without_its_place_and_size():
    random = np.random.default_rng(1)
    points = random.uniform(0, 300, (2, 5, 17, 2)).astype(np.float32)
    present = (random.uniform(size=(2, 5, 17)) < 0.7).astype(np.float32)
    present[1, 0] = 0.0
    window = encode_window(points, present)
    told = np.array(window["told"])
    flat = told[..., :34].reshape(2, 5, 17, 2)
    assert not flat[present == 0].any() and not told[1, 0].any()
    np.testing.assert_allclose(np.sqrt((flat[present > 0] ** 2).mean()), 1.0, rtol=0.02)
    np.testing.assert_allclose(flat.sum(axis=2), 0.0, atol=1e-4)
    moved = encode_window(3.0 * points + np.float32([500, -80]), present)
    np.testing.assert_allclose(moved["told"], told, atol=2e-4)
    np.testing.assert_allclose(moved["unit"], 3.0 * np.array(window["unit"]), rtol=1e-5)
    points[present == 0] = np.nan
    np.testing.assert_array_equal(encode_window(points, present)["told"], told)


def test_cosines_keep_what_is_slow():
    waves = cosines(27, 8)
    assert waves.shape == (8, 27) and cosines(3, 8).shape == (3, 3)
    np.testing.assert_allclose(27 * waves @ waves.T, np.eye(8), atol=1e-5)
    frame = np.arange(27)
    np.testing.assert_allclose(waves[0] @ np.full(27, 5.0), 5.0, rtol=1e-6)
    slow = np.cos(np.pi * 3 * (frame + 0.5) / 27)
    np.testing.assert_allclose(27 * waves.T @ (waves @ slow), slow, atol=1e-5)
    trembling = np.array([1.0, -1.0] * 13 + [1.0])
    assert np.abs(27 * waves.T @ (waves @ trembling)).max() < 0.3


def test_missing_joints_are_filled(network):
    points = np.random.default_rng(1).uniform(0, 300, (2, 5, 17, 2)).astype(np.float32)
    present = np.ones((2, 5, 17), np.float32)
    present[:, 4, 5] = 0.0
    lifted = {
        name: np.array(value) for name, value in lift_window(network, points, present).items()
    }
    rest = np.arange(17) != 5
    np.testing.assert_array_equal(lifted["filled_2d"][:, rest], points[:, 4, rest])
    assert (lifted["filled_2d"][:, 5] != points[:, 4, 5]).all()
    assert not lifted["points_3d"][:, 0].any()


@pytest.mark.parametrize("answer", ["last", "middle"])
def test_streaming_equals_the_window_exactly(network, answer):
    other = MotionLifter(Config(**(SMALL | {"answer": answer})))
    other.set_weights(network.get_weights())
    random = np.random.default_rng(2)
    points = random.uniform(0, 300, (12, 17, 2)).astype(np.float32)
    score = random.uniform(0, 1, (12, 17)).astype(np.float32)
    score[:, :8] = 0.9
    bad = hostile_scores()
    points[5], score[5] = bad["keypoints_2d"][6], bad["score"][6]  # an infinite joint that is there
    score[6, 2] = np.nan
    before = np.zeros((4, 17), np.float32)
    whole = tf.function(lift_frames(other, 0.2))
    next_frame = tf.function(lift_next(other, 0.2))
    state = np.zeros((1, 4, 17, 3), np.float32)
    valid = []
    padded = np.concatenate([np.zeros((4, 17, 2), np.float32), points])
    scores = np.concatenate([before, score])
    for number in range(12):
        window = slice(number, number + 5)
        expected = whole(padded[None, window], scores[None, window])
        got = dict(next_frame(points[None, number], score[None, number], state))
        state = np.array(got.pop("state"))
        assert set(got) == set(expected)
        for name, value in got.items():
            np.testing.assert_array_equal(value, expected[name])
        valid.append(float(got["valid"][0]))
    late = 2 if answer == "middle" else 0
    assert valid == ([0.0] * late + [1, 1, 1, 1, 1, 0, 0, 1, 1, 1, 1, 1])[:12]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same run, once through and once ended in the middle and resumed."""
    root = tmp_path_factory.mktemp("runs")
    train_run(Config(**SMALL), RunOptions(model_dir=str(root / "whole")))

    class End(Exception):
        pass

    class Ends(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise End

    options = RunOptions(model_dir=str(root / "halves"))
    with pytest.raises(End):
        train_run(Config(**SMALL), options, [Ends()])
    train_run(Config(**SMALL), options)
    return root


def test_a_run_learns_is_measured_and_resumes_to_the_byte(runs):
    rows = [json.loads(line) for line in (runs / "whole/epochs.jsonl").read_text().splitlines()]
    assert rows[1]["space_error"] < rows[0]["space_error"] and rows[1]["n_mpjpe"] > 0
    run = json.loads((runs / "whole/run.json").read_text())
    assert run["method"] == "lifter_motion" and 0 <= run["chirality"] <= 1
    assert any("acceleration-error@30fps[" in name for name in run["results"])
    one, other = (runs / name / "weights/last.weights.h5" for name in ("whole", "halves"))
    assert one.read_bytes() == other.read_bytes()
    again = json.loads((runs / "halves/run.json").read_text())
    assert again["results"] == run["results"]


@pytest.mark.slow
def test_export_has_both_signatures_and_their_files(runs, tmp_path):
    settings = {"export_dir": str(tmp_path), "name": "toy", "formats": "float32"}
    folder = pathlib.Path(
        exporting.export_run(ExportConfig(model_dir=str(runs / "whole"), **settings))
    )
    names = {path.name for path in folder.glob("*.tflite")}
    assert names == {"toy_float32.tflite", "toy_frames_float32.tflite"}
    given = golden_films(5, 0.2, is_hostile=False)
    window = export.run_saved_model(folder, "lift_frames", given["lift_frames"])
    newest = export.run_saved_model(folder, "lift_next", given["lift_next"])
    on_phone = export.run_tflite(folder / "toy_float32.tflite", "lift_next", given["lift_next"])
    assert window["valid"].all()
    scale = window["scale"][:, None, None]
    for name, value in window.items():
        np.testing.assert_array_equal(newest[name], value)
    np.testing.assert_allclose(
        on_phone["keypoints_3d"] / scale, newest["keypoints_3d"] / scale, atol=1e-4
    )
    np.testing.assert_array_equal(on_phone["state"], newest["state"])
    np.testing.assert_array_equal(
        newest["state"][:, -1, :, :2],
        given["lift_next"]["keypoints_2d"] * (newest["state"][:, -1, :, 2:]),
    )
    bad = {name: value[-16:] for name, value in golden_films(5, 0.2)["lift_frames"].items()}
    refused = export.run_saved_model(folder, "lift_frames", bad)
    assert not refused["valid"][:8].any() and refused["valid"][8:].all()
    assert np.isfinite(refused["keypoints_3d"]).all()
    assert "a cut begins a new film" in (folder / "card.md").read_text()


def test_a_lifter_of_one_frame_is_not_exported(monkeypatch):
    config = Config(**(SMALL | {"num_frames": 1}))
    monkeypatch.setattr(exporting, "load_student", lambda folder: (config, None))
    monkeypatch.setattr(exporting.publish, "publish", lambda settings, describe: describe(settings))
    monkeypatch.setattr(exporting.run_folder, "read_run", lambda folder: {"chirality": 1.0})
    with pytest.raises(ValueError, match="--num_frames=1 and sees no film"):
        exporting.export_run(ExportConfig(model_dir="run", export_dir="models", name="toy"))


def test_the_truth_has_no_error():
    films = load_films(Config(**SMALL), "", "val")
    exact = films.points_3d * films.px_per_m[:, None, None]
    assert max(measure_films(exact, films).values()) < 1e-3
    jumping = exact.copy()
    jumping[::2] *= 1.1
    found = measure_films(jumping, films)
    assert [value > 1.0 for name, value in found.items() if "acceleration" in name] == [True]
    assert max(value for name, value in found.items() if "pa-mpjpe" in name) < 1e-3


def test_lifting_films_uses_the_frames_of_their_own(network):
    films = load_films(Config(**SMALL), "", "val")
    lifted = lift_films(network, films)
    rows = np.flatnonzero(films.film == films.film[-1])
    alone = Films(
        films.points_px[rows],
        films.film[rows],
        1,
        films.points_3d[rows],
        films.px_per_m[rows],
        30.0,
        "one",
    )
    np.testing.assert_allclose(lift_films(network, alone), lifted[rows], rtol=1e-4, atol=0.05)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"num_frames": 4, "answer": "middle"}, "--num_frames=4 has no middle frame"),
        ({"noise_of_joints": "1,2"}, "--noise_of_joints=1,2 is not 17 numbers"),
        ({"input_2d": "orthographic", "geometry": "orthographic"}, "is no film of a camera"),
        ({"dataset": "keypoints"}, "--dataset=keypoints"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        Config(**(SMALL | settings))


def test_data_that_make_no_film_are_refused(tmp_path):
    with pytest.raises(ValueError, match="--teachers is empty"):
        Config().check_command()
    with pytest.raises(ValueError, match="too few for --frames_per_second=90"):
        load_films(Config(**(SMALL | {"frames_per_second": 90.0})), "", "val")
    with pytest.raises(ValueError, match="no film has the 123 frames"):
        train_run(
            Config(**(SMALL | {"num_frames": 121})), RunOptions(model_dir=str(tmp_path / "run"))
        )
