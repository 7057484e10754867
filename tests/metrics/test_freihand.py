"""FreiHAND's scores and PeCLR's own: the official tools' numbers, values by hand, the zero anchor."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from keras_pose.metrics import (
    FREIHAND_PROTOCOLS,
    PECLR_PROTOCOLS,
    Protocol,
    align_similarity,
    f_score,
    freihand_scores,
    keypoint_measures,
    peclr_scores,
    scores_text,
)
from keras_pose.metrics.freihand import PECLR_THRESHOLDS_M, THRESHOLDS_M

GOLDEN = Path(__file__).parents[1] / "golden" / "peclr"


def _golden(name):
    with np.load(GOLDEN / f"{name}.npz", allow_pickle=False) as arrays:
        return {key: arrays[key] for key in arrays.files}


@pytest.fixture(scope="module")
def official():
    return _golden("c_freihand_eval")


@pytest.fixture(scope="module")
def official_peclr():
    return _golden("c2_peclr_eval")


def test_alignment_equals_the_official_tool(official):
    aligned = align_similarity(official["pred"], official["gt"])
    # A mirror image (3), all zeros (4) and unrelated points (5) among them.
    np.testing.assert_allclose(aligned, official["aligned"], atol=1e-12)
    np.testing.assert_allclose(aligned[3], official["gt"][3], atol=0.02)
    assert np.linalg.det(official["R"][3]) < 0


@pytest.mark.parametrize("kind", ["raw", "al"])
def test_measures_equal_the_official_tool(official, kind):
    points = (
        official["pred"] if kind == "raw" else align_similarity(official["pred"], official["gt"])
    )
    errors = np.linalg.norm(points - official["gt"], axis=-1)
    measures = keypoint_measures(errors)
    np.testing.assert_allclose(
        [measures.mean, measures.median, measures.auc],
        official[f"{kind}_mean_median_auc"],
        rtol=1e-12,
        atol=1e-12,
    )
    np.testing.assert_allclose(measures.curve, official[f"{kind}_pck"], atol=1e-12)
    np.testing.assert_allclose(THRESHOLDS_M, official["thresholds"], atol=0)


def test_f_scores_equal_the_stored_ones(official):
    for true, predicted, expected in zip(
        official["verts_gt"], official["verts_pred"], official["f_p_r_at_5_15mm"], strict=True
    ):
        np.testing.assert_allclose(f_score(predicted, true), expected[:, 0], atol=1e-12)


def test_scores_are_the_measures_in_centimetres(official):
    vertices = official["verts_pred"], official["verts_gt"]
    scores = freihand_scores(official["pred"], official["gt"], *vertices)
    raw, aligned = official["raw_mean_median_auc"], official["al_mean_median_auc"]
    np.testing.assert_allclose(scores["xyz_mean3d"], 100 * raw[0])
    np.testing.assert_allclose(scores["xyz_auc3d"], raw[2])
    np.testing.assert_allclose(scores["xyz_al_mean3d"], 100 * aligned[0])
    np.testing.assert_allclose(scores["xyz_al_auc3d"], aligned[2])
    expected = official["f_p_r_at_5_15mm"][..., 0].mean(axis=0)
    np.testing.assert_allclose([scores["f_score_5"], scores["f_score_15"]], expected)
    assert scores["mesh_al_mean3d"] <= scores["mesh_mean3d"]
    assert scores.keys() == FREIHAND_PROTOCOLS.keys()
    assert freihand_scores(official["pred"], official["gt"]).keys() == {
        key for key in FREIHAND_PROTOCOLS if key.startswith("xyz")
    }


def test_peclr_numbers_equal_its_validation(official_peclr):
    true, predicted = official_peclr["gt"], official_peclr["pred"]
    aligned = align_similarity(predicted, true, "forbid")
    np.testing.assert_allclose(aligned, official_peclr["y_transform"], atol=2e-6)
    np.testing.assert_allclose(PECLR_THRESHOLDS_M, official_peclr["pck_thresholds"], atol=1e-15)
    scores = peclr_scores(predicted, true)
    names = ("mean_median_min_max", "auc_per_joint_0_50cm")
    for key, prefix in (("", ""), ("al_", "pa_")):
        stored = [official_peclr[prefix + name] for name in names]
        np.testing.assert_allclose(scores[f"peclr_xyz_{key}mean3d"], 100 * stored[0][0], rtol=1e-6)
        np.testing.assert_allclose(scores[f"peclr_xyz_{key}auc3d"], stored[1].mean(), rtol=1e-6)
    errors = np.linalg.norm(true - predicted, axis=-1)
    np.testing.assert_allclose(
        keypoint_measures(errors, PECLR_THRESHOLDS_M, strict=True).curve,
        official_peclr["pck"],
        atol=1e-6,
    )


def test_median_and_area_by_hand():
    # Errors of one keypoint 0, 1, 5 and of another 2, 2, 8; thresholds 0, 1, 2.
    errors = np.array([[0.0, 2.0], [1.0, 2.0], [5.0, 8.0]])
    measures = keypoint_measures(errors, np.array([0.0, 1.0, 2.0]))
    assert (measures.mean, measures.median) == (3.0, 1.5)
    np.testing.assert_allclose(measures.curve, [1 / 6, 2 / 6, 4 / 6])
    np.testing.assert_allclose(measures.auc, (0.5 / 6 + 2 / 6 + 2 / 6) / 2)
    strict = keypoint_measures(errors, np.array([0.0, 1.0, 2.0]), strict=True)
    np.testing.assert_allclose(strict.curve, [0, 1 / 6, 2 / 6])


def test_f_score_by_hand():
    true = np.array([[0.0, 0, 0], [1.0, 0, 0], [2.0, 0, 0], [3.0, 0, 0]])
    predicted = np.array([[0.0, 0.004, 0], [1.0, 0.01, 0]])
    # At 5 mm one of four is covered and one of two is right; at 15 mm two of four and both.
    expected = [2 * 0.25 * 0.5 / 0.75, 2 * 0.5 * 1.0 / 1.5]
    np.testing.assert_allclose(f_score(predicted, true), expected)
    np.testing.assert_allclose(f_score(predicted + 10, true), [0.0, 0.0])


def test_nearest_neighbours_do_not_depend_on_blocks():
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0, 0.05, (700, 3)), rng.uniform(0, 0.05, (778, 3))
    distance = np.linalg.norm(a[:, None] - b[None], axis=-1)
    near = [(distance.min(axis=axis) < 0.005).mean() for axis in (0, 1)]
    np.testing.assert_allclose(f_score(a, b)[0], 2 * near[0] * near[1] / sum(near))


def test_text_has_the_competitions_keys_in_order(official):
    scores = freihand_scores(
        official["pred"], official["gt"], official["verts_pred"], official["verts_gt"]
    )
    lines = [line.split(": ") for line in scores_text(scores).splitlines()]
    assert [key for key, _ in lines] == [
        *("xyz_mean3d", "xyz_auc3d", "xyz_al_mean3d", "xyz_al_auc3d"),
        *("mesh_mean3d", "mesh_auc3d", "mesh_al_mean3d", "mesh_al_auc3d"),
        *("f_score_5", "f_al_score_5", "f_score_15", "f_al_score_15"),
    ]
    assert dict(lines)["xyz_mean3d"] == f"{100 * official['raw_mean_median_auc'][0]:.6f}"


def test_every_score_has_a_protocol_of_its_own():
    protocols = FREIHAND_PROTOCOLS | PECLR_PROTOCOLS
    assert len(protocols) == len(FREIHAND_PROTOCOLS) + len(PECLR_PROTOCOLS)
    for protocol in protocols.values():
        assert Protocol.parse(protocol.id) == protocol
    assert FREIHAND_PROTOCOLS["xyz_al_mean3d"].reflection == "best"
    assert PECLR_PROTOCOLS["peclr_xyz_al_mean3d"].reflection == "forbid"
    assert len({p.id for p in FREIHAND_PROTOCOLS.values()}) == len(FREIHAND_PROTOCOLS)


_ONES = np.ones((21, 3))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: freihand_scores(np.zeros((2, 21, 3)), np.zeros((3, 21, 3))),
            "must have the same shape",
        ),
        (lambda: freihand_scores(np.full((2, 21, 3), np.nan), np.zeros((2, 21, 3))), "not finite"),
        (
            lambda: freihand_scores(np.zeros((2, 21, 3)), np.stack([_ONES, np.nan * _ONES])),
            r"Label 1 is not finite \(1 in total\); leave those samples out",
        ),
        (
            lambda: peclr_scores(np.zeros((2, 21, 3)), np.stack([np.inf * _ONES, _ONES])),
            "Label 0 is not finite",
        ),
        (lambda: align_similarity(np.zeros((1, 21, 3)), np.ones((1, 21, 3)), "any"), "reflection"),
        (lambda: keypoint_measures(np.zeros((0, 21))), "at least one of each"),
        (lambda: f_score(np.zeros((3, 2)), np.zeros((3, 3))), r"must be \[points, 3\]"),
    ],
)
def test_bad_input_is_named(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_zero_predictor_scores_the_published_numbers():
    root = os.environ.get("KERAS_POSE_FREIHAND", "")
    labels = Path(root) / "evaluation_xyz.json"
    if not root or not labels.is_file():
        pytest.skip("FreiHAND's labels are absent; set KERAS_POSE_FREIHAND to a FreiHAND folder")
    true = np.array(json.loads(labels.read_text()))
    scores = freihand_scores(np.zeros_like(true), true)
    np.testing.assert_allclose(scores["xyz_mean3d"], 70.79, atol=0.005)
    np.testing.assert_allclose(scores["xyz_al_mean3d"], 4.73, atol=0.005)
    meshes = Path(root) / "evaluation_verts.json"
    if meshes.is_file():
        vertices = np.array(json.loads(meshes.read_text()))
        scores = freihand_scores(np.zeros_like(true), true, np.zeros_like(vertices), vertices)
        np.testing.assert_allclose(scores["mesh_mean3d"], 70.84, atol=0.005)
        np.testing.assert_allclose(scores["mesh_al_mean3d"], 5.07, atol=0.005)
        np.testing.assert_allclose(scores["f_al_score_15"], 0.031, atol=0.0005)
