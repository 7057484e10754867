"""What the recipe for photographs adds: absent joints, units, one cycle, mean weights, a head."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.train.options import RunOptions
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel
from keras_pose.wild3d.network import build_network
from keras_pose.wild3d.runs import check_start

MODELS = Path(__file__).parents[2] / "savedmodels"
SMALL = {
    "image_size": 64,
    "width": 8,
    "backbone": "mobilenet_v3_small",
    "head": "lateral",
    "depth_head": "map",
    "num_depth_modules": 1,
    "batch_size": 4,
    "num_steps": 10,
}


def _batch(size=64, count=4):
    random = np.random.default_rng(0)
    return {
        "image": tf.constant(random.integers(0, 256, (count, size, size, 3)), tf.uint8),
        "keypoints_2d": tf.fill((count, 16, 2), size / 2.0),
        "visible": tf.ones((count, 16)),
        "annotated": tf.ones((count, 16)),
        "depth": tf.zeros((count, 16)),
        "has_depth": tf.ones((count,)),
    }


def _maps_error(batch, value=0.0, **settings):
    model = PoseModel(Config(**{**SMALL, "geometric_weight": 0.0, **settings}))
    outputs = {
        "heatmaps": [tf.fill((4, 16, 16, 16), value)],
        "depth_maps": tf.zeros((4, 16, 16, 16)),
    }
    return np.array(model.terms(outputs, batch)["loss_heatmap"])


def test_a_joint_that_is_not_found_costs_one_in_units_of_a_blob():
    settings = {"heatmap_unit": "blob", "sigma": 1.5, "radius": 7, "subpixel": True}
    # The integral of a Gaussian's square is pi sigma^2; the window cuts off less than a thousandth.
    np.testing.assert_allclose(_maps_error(_batch(), **settings), 1.0, rtol=1e-3)


def test_the_published_unit_stays_the_pixel():
    # Blob of sigma 1.75 cut at 3 pixels, by hand: (sum over -3..3 of exp(-k^2 / 1.75^2))^2 / 256.
    profile = np.exp(-(np.arange(-3, 4) ** 2) / 1.75**2)
    np.testing.assert_allclose(_maps_error(_batch()), profile.sum() ** 2 / 256, rtol=1e-5)


def test_absent_joints_are_learnt_and_unlabelled_ones_are_not():
    batch = _batch()
    visible, annotated = np.ones((4, 16), np.float32), np.ones((4, 16), np.float32)
    visible[:, 0] = visible[:, 1] = 0.0  # neither in the crop
    annotated[:, 1] = 0.0  # and of this one nobody knows where it is
    batch |= {"visible": tf.constant(visible), "annotated": tf.constant(annotated)}
    with_value = _maps_error(batch, 0.5, absent_outside=True)
    batch["visible"] = tf.constant(np.where([True, False] + [False] * 14, visible, 0.0))
    batch["annotated"] = tf.constant(np.tile(np.float32([1.0] + [0.0] * 15), (4, 1)))
    alone = _maps_error(batch, 0.5, absent_outside=True)
    # Half a peak everywhere where zero is right, in one joint of sixteen.
    np.testing.assert_allclose(alone, 0.25 / 16, rtol=1e-6)
    assert (with_value > alone).all()


def test_one_cycle_rises_and_falls():
    model = PoseModel(
        Config(**SMALL, schedule="one_cycle", warmup_steps=3, learning_rate=0.5, optimizer="adamw")
    )
    model.compile()
    rate = model.pose_optimizer._learning_rate
    np.testing.assert_allclose([rate(step) for step in (0, 1, 2, 3)], [0.0, 0.25, 0.5, 0.5])
    assert float(rate(9)) < 0.05


def test_the_run_ends_with_the_mean_of_its_weights():
    config = Config(**SMALL, ema_momentum=0.5, optimizer="adamw", learning_rate=0.1)
    model = PoseModel(config)
    model.compile()
    weight = model.trained_variables[0]
    seen = []
    for _ in range(3):
        model.train_step(_batch())
        seen.append(np.array(weight))
    model.take_mean_weights()
    # The first update is taken whole: no mean of nothing.
    wanted = 0.5 * (0.5 * seen[0] + 0.5 * seen[1]) + 0.5 * seen[2]
    np.testing.assert_allclose(np.array(weight), wanted, rtol=1e-5, atol=1e-7)


def test_without_a_mean_the_last_weights_stay():
    model = PoseModel(Config(**SMALL, optimizer="adamw"))
    model.compile()
    before = np.array(model.trained_variables[0])
    model.take_mean_weights()
    np.testing.assert_array_equal(model.trained_variables[0], before)


@pytest.mark.parametrize("backbone", ["efficientnet_lite0", "mobilenet_v3_small", "resnet50"])
def test_lateral_head_makes_maps_of_a_quarter(backbone):
    network = build_network(
        backbone=backbone, image_size=96, width=8, depth_head="map", num_depth_modules=1,
        head="lateral",
    )  # fmt: skip
    outputs = network(np.zeros((1, 96, 96, 3), np.float32))
    assert outputs["heatmaps"][0].shape == outputs["depth_maps"].shape == (1, 24, 24, 16)
    assert any(layer.name == "pyramid0_lateral" for layer in network.layers)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"encoder_weights": "imagenet"}, "only for efficientnet_lite0"),
        ({"schedule": "one_cycle", "warmup_steps": 10}, "use a shorter warm-up"),
        ({"schedule": "one_cycle", "decay_steps": 5}, "needs --schedule=steps"),
        ({"image_size": 80}, "not a multiple of 32; use 64"),
        ({"image_size": 96, "head": "deconvolution"}, "not a multiple of 64"),
    ],
)
def test_contradictions_are_one_sentence(settings, said):
    with pytest.raises(ValueError, match=said):
        Config(**{**SMALL, **settings})


def test_what_a_run_may_start_from_of_what_ships(tmp_path):
    (body,) = (MODELS / "body_student").iterdir()
    (hand,) = (MODELS / "hand_student").iterdir()
    shape = {"backbone": "efficientnet_lite0", "width": 64, "image_size": 128}
    settings = {**SMALL, **shape, "init_from": str(body)}
    check_start(Config(**settings))
    with pytest.raises(ValueError, match="--head=deconvolution contradicts .*, which has lateral"):
        check_start(Config(**{**settings, "head": "deconvolution"}))
    with pytest.raises(ValueError, match=r"metadata.json: this network is of keras_pose.hand_stud"):
        check_start(Config(**{**settings, "init_from": str(hand)}))
    (tmp_path / "saved_model.pb").write_bytes(b"")
    with pytest.raises(ValueError, match=r"metadata.json: there are no settings of a training run"):
        check_start(Config(**{**settings, "init_from": str(tmp_path)}))


def test_a_command_may_start_from_what_is_exported_or_imported_and_from_nothing_else(tmp_path):
    (tmp_path / "body_mediapipe" / "1").mkdir(parents=True)
    (tmp_path / "body_mediapipe" / "1" / "saved_model.pb").write_bytes(b"")
    options = RunOptions(model_dir=str(tmp_path / "run"), data_dir="records")
    for place in ("body_mediapipe", "body_mediapipe/1"):
        options.check_command(Config(**{**SMALL, "init_from": str(tmp_path / place)}))
    for place in (tmp_path, tmp_path / "missing"):
        with pytest.raises(ValueError, match="--init_from=.* is not a run folder"):
            options.check_command(Config(**{**SMALL, "init_from": str(place)}))
