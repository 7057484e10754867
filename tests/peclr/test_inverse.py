"""Undoing views: the official stages and gradients, exactness of our own, a perfect network."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.losses import nt_xent
from keras_pose.peclr import inverse
from keras_pose.peclr.inverse import undo_views

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "peclr"
GOLDEN = np.load(FOLDER / "a1_equivariant.npz")
PRIMITIVES = np.load(FOLDER / "a2_primitives.npz")
CASES = json.loads(str(GOLDEN["meta_json"]))
RANDOM = np.random.default_rng(4)


def _parameters(case):
    """What the batch holds for the rows of both views: angles in degrees, jitter over the side."""
    key = f"c{case['case']}"
    x1, y1, x2, y2 = GOLDEN[f"{key}_jitter_x1y1x2y2"] / case["image_side"]
    jitter = np.stack([np.concatenate([x1, x2]), np.concatenate([y1, y2])], axis=-1)
    return {"jitter": jitter, "angle_deg": np.concatenate(GOLDEN[f"{key}_angle_12"])}


def _flags(case):
    names = case["augmentation"]
    return {"translate": "crop" in names, "rotate": "rotate" in names}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_official_projections_losses_and_gradients(case):
    key, num = f"c{case['case']}", case["n"]
    raw = tf.constant(GOLDEN[f"{key}_raw"], tf.float64)
    losses = {}
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(raw)
        rows = undo_views(raw, "official", _parameters(case), **_flags(case))
        for temperature in (0.5, 0.1, 1.0):
            losses[temperature] = tf.reduce_mean(nt_xent(rows[:num], rows[num:], temperature))
    expected = np.concatenate([GOLDEN[f"{key}_p1_f64"], GOLDEN[f"{key}_p2_f64"]])
    np.testing.assert_allclose(rows, expected, atol=2e-7)  # stored as float32
    np.testing.assert_allclose(losses[0.5], GOLDEN[f"{key}_loss_f64"], rtol=1e-6)
    np.testing.assert_allclose(losses[0.1], GOLDEN[f"{key}_loss_tau0.1_f64"], rtol=1e-6)
    np.testing.assert_allclose(losses[1.0], GOLDEN[f"{key}_loss_tau1.0_f64"], rtol=1e-6)
    gradient = tape.gradient(losses[0.5], raw)
    expected = GOLDEN[f"{key}_draw"]
    np.testing.assert_allclose(gradient, expected, atol=1e-5 * np.max(np.abs(expected)))
    single = undo_views(tf.cast(raw, tf.float32), "official", _parameters(case), **_flags(case))
    assert single.dtype == tf.float32
    np.testing.assert_allclose(single, rows, atol=1e-6)


def test_nothing_to_undo_is_simclr():
    raw, case = GOLDEN["c4_raw"], CASES[4]
    assert _flags(case) == {"translate": False, "rotate": False}
    rows = undo_views(raw.astype(np.float64), "none", {})
    expected = np.concatenate([GOLDEN["c4_p1_f64"], GOLDEN["c4_p2_f64"]])
    np.testing.assert_allclose(rows, expected, atol=2e-7)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_stages_of_the_official_inverse(case):
    key, parameters = f"c{case['case']}", _parameters(case)
    points = inverse.as_points(inverse.unit_rows(tf.constant(GOLDEN[f"{key}_raw"], tf.float64)))
    np.testing.assert_allclose(points, GOLDEN[f"{key}_stage0_normalised"], atol=1e-7)
    if _flags(case)["translate"]:
        points = points - parameters["jitter"][:, None] * inverse.extent(points)
        np.testing.assert_allclose(points, GOLDEN[f"{key}_stage1_translated"], atol=1e-7)
    if _flags(case)["rotate"]:
        center = tf.reduce_mean(points, axis=1, keepdims=True)
        points = inverse.rotate_points(points - center, -parameters["angle_deg"]) + center
        np.testing.assert_allclose(points, GOLDEN[f"{key}_stage2_rotated"], atol=1e-7)


def test_primitives_equal_the_official_ones():
    points = PRIMITIVES["enc"].astype(np.float64)
    shift = np.stack([PRIMITIVES["tx"], PRIMITIVES["ty"]], axis=-1)[:, None]
    got = points + shift * inverse.extent(points).numpy()
    np.testing.assert_allclose(got, PRIMITIVES["translate"], atol=1e-6)
    center = np.mean(points, axis=1, keepdims=True)
    got = inverse.rotate_points(points - center, PRIMITIVES["angle_deg"]) + center
    np.testing.assert_allclose(got, PRIMITIVES["rotate"], atol=1e-5)
    ends = inverse.rotate_points(np.tile(np.eye(2), (8, 1, 1)), PRIMITIVES["angle_deg"])
    columns = PRIMITIVES["cv2_getRotationMatrix2D"][:, :, :2].swapaxes(1, 2)
    np.testing.assert_allclose(ends, columns, atol=1e-7)


def test_the_unit_shift_by_hand():
    raw = np.array([[3.0, 0.0, 0.0, 4.0]])  # unit row: points (.6, 0) and (0, .8)
    parameters = {"jitter": np.array([[0.5, -0.25]])}
    rows = undo_views(raw, "official", parameters, rotate=False, translation_scale="unit")
    expected = np.array([[0.1, 0.25, -0.5, 1.05]])
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected), rtol=1e-12)
    rows = undo_views(raw, "official", parameters, rotate=False, center_points=True)
    expected = np.array([[3.0, -4.0, -3.0, 4.0]])
    np.testing.assert_allclose(rows, expected / np.linalg.norm(expected), rtol=1e-12)


# 400 hands, and a network that is perfect: its points are the joints in the view.

FINGERS = np.deg2rad([-50.0, -20.0, 0.0, 18.0, 38.0])


def _hands(number):
    """Flat hands `[number, 21, 2]` in a box with centre (0, 0) and half a side of 1."""
    spread = FINGERS + RANDOM.normal(0, 0.12, (number, 5))
    base = RANDOM.uniform(0.35, 0.55, (number, 5))
    steps = RANDOM.uniform(0.02, 0.28, (number, 5, 3))
    reach = np.concatenate([base[..., None], base[..., None] + np.cumsum(steps, axis=-1)], axis=-1)
    bend = spread[..., None] + RANDOM.normal(0, 0.15, (number, 5, 1)) * np.arange(4)
    joints = np.stack([reach * np.sin(bend), -reach * np.cos(bend)], axis=-1)
    joints = np.concatenate([np.zeros((number, 1, 2)), joints.reshape(number, 20, 2)], axis=1)
    turn = RANDOM.uniform(-np.pi, np.pi, number)
    rotation = np.stack([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    joints = np.einsum("abn,njb->nja", rotation, joints)
    low, high = joints.min(axis=1), joints.max(axis=1)
    side = 1.25 * np.max(high - low, axis=-1)
    return (joints - ((low + high) / 2)[:, None]) / (side / 2)[:, None, None]


def _view(joints, *, rotates=False, shifts=False, scales=False):
    """Joints seen by one random view and what the batch says about it."""
    number = len(joints)
    angle_deg = RANDOM.uniform(-45, 45, number) * rotates
    jitter = RANDOM.uniform(-0.12, 0.12, (number, 2)) * shifts
    scale = RANDOM.uniform(0.75, 1.3, number) if scales else np.ones(number)
    cosine, sine = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    # x right and y down: counter-clockwise on the screen is (cos, sin; -sin, cos).
    turn = np.stack([np.stack([cosine, sine], -1), np.stack([-sine, cosine], -1)], axis=1)
    linear = scale[:, None, None] * turn
    matrix = np.concatenate([linear, 2.0 * jitter[..., None]], axis=-1)
    seen = np.einsum("nab,njb->nja", linear, joints) + 2.0 * jitter[:, None]
    return seen, {"angle_deg": angle_deg, "jitter": jitter, "canonical": matrix}


def _distance(inverse_name, joints, offset=0.0, **changes):
    """Mean distance between the unit rows of two views; `offset` moves the origin of the points."""
    rows = []
    for _ in range(2):
        seen, parameters = _view(joints, **changes)
        rows.append(undo_views(seen.reshape(len(joints), -1) + offset, inverse_name, parameters))
    return np.mean(np.linalg.norm(rows[0] - rows[1], axis=-1))


CHANGES = {
    "rotation": {"rotates": True},
    "shift": {"shifts": True},
    "both": {"rotates": True, "shifts": True},
    "all": {"rotates": True, "shifts": True, "scales": True},
}


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_exact_inverses_bring_the_views_of_a_perfect_network_together(changes):
    hands = _hands(400)
    assert _distance("none", hands, **changes) > 0.1
    assert _distance("centered", hands, **changes) < 1e-12
    assert _distance("affine", hands, **changes) < 1e-12


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES)
def test_the_published_inverse_is_an_approximation(changes):
    # In the frame of pixels every coordinate is positive, as the specification's table has it.
    distance = {
        name: _distance(name, _hands(400), offset=1.0, **changes)
        for name in ("none", "official", "centered")
    }
    assert distance["centered"] < 1e-12 < distance["official"] < 0.5 * distance["none"]


def test_official_is_left_with_rotation_about_another_point_and_with_scale():
    hands = _hands(400)
    distances = [
        _distance("official", hands, offset=1.0, **changes) for changes in CHANGES.values()
    ]
    rotation, shift, both, everything = distances
    assert rotation < shift < everything and rotation < both < everything


def test_affine_tells_places_apart_and_centered_does_not():
    joints = _hands(1)
    identity = {"angle_deg": np.zeros(1), "canonical": np.eye(2, 3)[None]}
    moved = (joints + [0.3, 0.0]).reshape(1, -1)
    for name, is_equal in (("centered", True), ("affine", False)):
        rows = undo_views(joints.reshape(1, -1), name, identity)
        assert np.allclose(rows, undo_views(moved, name, identity)) == is_equal


def test_affine_by_hand():
    # x' = 2 y + 1, y' = -x - 3: undone, (5, -4) is x = 1, y = 2 and (1, -3) is the origin.
    matrix = np.array([[[0.0, 2.0, 1.0], [-1.0, 0.0, -3.0]]])
    rows = undo_views(np.array([[5.0, -4.0, 1.0, -3.0]]), "affine", {"canonical": matrix})
    np.testing.assert_allclose(rows, np.array([[1.0, 2.0, 0.0, 0.0]]) / np.sqrt(5.0), atol=1e-15)


def test_spreading_keeps_a_perfect_network_perfect_and_the_magnitude_out_of_the_loss():
    joints = _hands(400)
    rows, units = [], 7.0  # a network that thinks in sevenths of half a side
    for _ in range(2):
        seen, parameters = _view(joints, rotates=True, scales=True)
        raw = tf.constant(units * seen.reshape(400, -1))
        with tf.GradientTape() as tape:
            tape.watch(raw)
            spread = inverse.spread_points(raw)
            undone = undo_views(spread, "affine", parameters)
            values = tf.reduce_sum(undone * RANDOM.normal(size=undone.shape))
        np.testing.assert_allclose(np.sqrt(np.mean(spread**2)), inverse.POINT_SPREAD, rtol=1e-12)
        slope = np.sum(tape.gradient(values, raw) * raw)
        assert abs(slope) < 1e-9
        rows.append(undone)
    assert np.mean(np.linalg.norm(rows[0] - rows[1], axis=-1)) < 1e-12


@pytest.mark.parametrize("name", ["none", "centered", "affine"])
def test_our_inverses_are_differentiated_as_they_stand(name):
    _, parameters = _view(_hands(3), rotates=True, shifts=True, scales=True)
    weights = RANDOM.normal(size=(3, 42))
    rows = tf.constant(RANDOM.normal(size=(3, 42)))
    theory, numeric = tf.test.compute_gradient(
        lambda raw: tf.reduce_sum(weights * undo_views(raw, name, parameters), axis=-1),
        [rows],
        delta=1e-5,
    )
    np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


@pytest.mark.parametrize("name", inverse.INVERSES)
def test_zero_rows_and_half_precision_are_finite(name):
    _, parameters = _view(_hands(2), rotates=True)
    raw = tf.constant(np.stack([np.zeros(42), np.geomspace(1, 300, 42)]), tf.float16)
    with tf.GradientTape() as tape:
        tape.watch(raw)
        rows = undo_views(raw, name, parameters)
    assert rows.dtype == tf.float32 and np.all(np.isfinite(rows))
    gradient = tape.gradient(rows, raw)
    assert np.all(np.isfinite(gradient))
    if name != "affine":  # the shift makes a row of zeros another row
        assert not np.any(gradient[0])


def test_unknown_words_and_odd_rows_are_refused():
    with pytest.raises(ValueError, match="inverse must be one of 'none', 'official'"):
        undo_views(np.ones((1, 4)), "exact", {})
    with pytest.raises(ValueError, match="even number of columns"):
        undo_views(np.ones((1, 5)), "centered", {"angle_deg": np.zeros(1)})
    with pytest.raises(ValueError, match="translation_scale must be one of 'extent', 'unit'"):
        undo_views(np.ones((1, 4)), "official", {}, translation_scale="pixels")
