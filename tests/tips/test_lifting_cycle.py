"""The lifting cycle with a lifter that knows the truth: what is right costs nothing."""

import math

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.tips.adversarial import AdversarialLifter
from keras_pose.tips.config import Config

TINY = {
    "width": 4,
    "num_blocks": 0,
    "discriminator_blocks": 0,
    "precision": "float64",
    "bone_ratio_weight": 0.0,
    "three_d_weight": 1.0,
    "deformation_weight": 1.0,
}
ORTHOGRAPHIC = {"geometry": "orthographic", "input_2d": "orthographic"}
TERMS = ("reprojection", "ninety_degree", "three_d", "deformation")


def _about_x(angle):
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_y(angle):
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _turn(azimuth, elevation, pitch):
    return _about_x(pitch + elevation) @ _about_y(azimuth) @ _about_x(-pitch)


class Oracle:
    """Knows every body from every side that the cycle turns it to: depth by looking up its picture."""

    def __init__(self, bodies, picture):
        self.depth = bodies[..., 2].reshape(-1, 16)
        pictures = picture(bodies).reshape(-1, 16, 2)
        self.size = np.abs(pictures).max(axis=(1, 2))
        self.shape = pictures / self.size[:, None, None]

    def __call__(self, points_2d, training=False):
        seen = np.array(points_2d)
        size = np.abs(seen).max(axis=(1, 2))
        shape = seen / size[:, None, None]
        apart = np.abs(self.shape[None] - shape[:, None]).max(axis=(2, 3))
        found = apart.argmin(axis=1)
        assert apart.min(axis=1).max() < 1e-9, "a view that nobody ever had"
        return tf.constant(self.depth[found] * (size / self.size[found])[:, None])


def _scene(settings, pitch):
    """Model, bodies [B, 16, 3], views [B, 3, 3] and an oracle on the set closed under the cycle."""
    model = AdversarialLifter(Config(**{**TINY, **settings}))
    random = np.random.default_rng(4)
    bodies = random.normal(0, 0.4, (6, 16, 3))
    views = np.stack(
        [_turn(a, e, pitch) for a, e in zip(
            random.uniform(-2.8, 2.8, 6), random.uniform(-0.2, 0.2, 6), strict=True)]
    )  # fmt: skip
    quarters = np.stack(
        [_turn(angle, 0.0, pitch) for angle in (math.pi / 2, -math.pi / 2, math.pi)]
    )
    turned = np.stack(
        [
            bodies,
            np.einsum("bij,bpj->bpi", views, bodies),
            *np.einsum("qij,bpj->qbpi", quarters, bodies),
        ]
    )

    def picture(points_3d):
        if settings.get("geometry") == "orthographic":
            return points_3d[..., :2]
        distance = model.config.camera_distance
        return points_3d[..., :2] * distance / (points_3d[..., 2:] + distance)

    return model, bodies, views, picture(bodies), Oracle(turned, picture)


def _cycle(model, lifter, points_2d, views):
    lifted = model.geometry.lift(tf.constant(points_2d), lifter(points_2d))
    return model.cycle(
        lifter, tf.constant(points_2d), lifted, tf.constant(views), model.pitch_rad(), False
    )


@pytest.mark.parametrize(
    ("settings", "pitch_deg"),
    [
        ({**ORTHOGRAPHIC, "pitch": "none", "renormalize_views": False}, 0.0),
        ({**ORTHOGRAPHIC, "pitch": "12.65", "renormalize_views": True}, 12.65),
        ({"pitch": "12.65", "renormalize_views": False}, 12.65),
        ({"pitch": "-8", "renormalize_views": False, "split": "five"}, -8.0),
    ],
    ids=["paper", "pitch and scale", "perspective", "looking up"],
)
def test_the_truth_costs_nothing_on_a_set_closed_under_rotation(settings, pitch_deg):
    model, bodies, views, points_2d, oracle = _scene(settings, math.radians(pitch_deg))
    terms = _cycle(model, oracle, points_2d, views)
    np.testing.assert_allclose(
        model.geometry.lift(points_2d, oracle(points_2d)), bodies, atol=1e-12
    )
    for name in TERMS:
        np.testing.assert_allclose(terms[name], np.zeros(6), atol=1e-12, err_msg=name)
    # A lifter that knows nothing pays in every term.
    flat = _cycle(model, lambda x, training=False: 0.0 * x[..., 0], points_2d, views)
    for name in TERMS:
        assert np.all(np.array(flat[name]) > 1e-4), name


def test_a_wrong_pitch_costs():
    settings = {**ORTHOGRAPHIC, "pitch": "12.65", "renormalize_views": False}
    model, _, views, points_2d, oracle = _scene(settings, math.radians(12.65))
    model.pitch_rad = lambda: tf.constant(0.0, tf.float64)
    with pytest.raises(AssertionError, match="a view that nobody ever had"):
        _cycle(model, oracle, points_2d, views)


def test_depth_signs_are_level_without_perspective_and_pitch():
    # Necker reversal: a lifter and its mirror image in depth cost the same (specs of TIPS, 11.3).
    settings = {**ORTHOGRAPHIC, "pitch": "none", "renormalize_views": False}
    model, _, _, points_2d, _ = _scene(settings, 0.0)
    lifter = model.lifter
    views = np.stack([_turn(a, e, 0.0) for a, e in ((1.0, 0.1), (-2.0, 0.0), (0.3, -0.1))] * 2)
    mirrored = np.stack([_turn(a, e, 0.0) for a, e in ((-1.0, -0.1), (2.0, 0.0), (-0.3, 0.1))] * 2)
    one = _cycle(model, lifter, points_2d, views)
    other = _cycle(model, lambda x, training=False: -lifter(x), points_2d, mirrored)
    for name in ("reprojection", "three_d", "deformation"):
        np.testing.assert_allclose(one[name], other[name], rtol=1e-10)


def test_terms_of_a_flat_lifter_by_hand():
    # Depth 0 everywhere, no pitch, half a turn: the view is (-x, y), which comes home exactly.
    # Quarter turns make depths of -x, x and 0 out of x; a flat lifter misses the first two.
    settings = {**ORTHOGRAPHIC, "pitch": "none", "renormalize_views": False}
    model, _, _, points_2d, _ = _scene(settings, 0.0)
    views = np.repeat(_about_y(math.pi)[None], 6, axis=0)
    terms = _cycle(model, lambda x, training=False: 0.0 * x[..., 0], points_2d, views)
    np.testing.assert_allclose(terms["reprojection"], np.zeros(6), atol=1e-28)
    squares = points_2d[..., 0] ** 2
    expected = 2 * (squares[:, :6].mean(axis=1) + squares[:, 6:].mean(axis=1))
    np.testing.assert_allclose(terms["ninety_degree"], expected, rtol=1e-12)
    view = points_2d * [-1.0, 1.0]
    np.testing.assert_allclose(np.array(terms["view"])[:6], view, atol=1e-14)


def test_views_are_scaled_like_poses_when_asked():
    settings = {**ORTHOGRAPHIC, "pitch": "none", "renormalize_views": True}
    model, _, views, points_2d, oracle = _scene(settings, 0.0)
    view = np.array(_cycle(model, oracle, points_2d, views)["view"])
    np.testing.assert_allclose(np.abs(view).max(axis=(1, 2)), np.ones(len(view)))


def test_only_weighted_terms_are_computed():
    model = AdversarialLifter(
        Config(**{**TINY, "three_d_weight": 0.0, "deformation_weight": 0.0,
                  "ninety_degree_weight": 0.0})
    )  # fmt: skip
    points_2d = np.random.default_rng(0).uniform(-1, 1, (3, 16, 2))
    terms = _cycle(model, model.lifter, points_2d, np.stack([np.eye(3)] * 3))
    assert set(terms) == {"view", "reprojection"}
