"""Numbers of a report: the official ones, exact and known errors, parts, what has no label."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.bodies import measures
from keras_pose.bodies.evaluation import MEAN_OF_ACTIONS, evaluate_bodies, overall, pose_function
from keras_pose.bodies.measures import position_measures, symmetry_measures
from keras_pose.bodies.pose import build_pose, decode_pose
from keras_pose.codecs import (
    ZHOU2017_BONE_SUM_MM,
    decode_heatmaps,
    to_length,
    weak_perspective,
)
from keras_pose.layers.unit_range import unit_range
from keras_pose.metrics import Protocol
from keras_pose.skeletons import MPII_16
from keras_pose.wild3d.network import build_network

SIDE = 64


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "evaluation.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _poses(golden):
    """Poses [5, 16, 3] as our decoding reads them from the golden maps and depths."""
    maps = np.moveaxis(golden["hm"].astype(np.float64), 1, -1)
    outputs = {"heatmaps": [maps], "depth": golden["depth"].astype(np.float64)}
    return np.array(decode_pose(outputs, 256)["points"])


def test_position_errors_equal_the_official_ones(golden):
    values = position_measures(_poses(golden), golden["gt_mm"], 4000.0)
    # Millimetres, of depths stored in single precision.
    official = golden["lua_h36m"]
    np.testing.assert_allclose(values[measures.MPJPE_ZHOU2017], official[:, 0], atol=1e-6)
    np.testing.assert_allclose(values[measures.PCK_ZHOU2017], 100 * official[:, 1], atol=1e-9)
    official = golden["lua_3dhp"]
    np.testing.assert_allclose(values[measures.PCK_ZHOU2017_3DHP], 100 * official[:, 1], atol=1e-9)
    low = measures.low_hip_poses(_poses(golden), golden["gt_mm"])
    errors = np.linalg.norm(low - (golden["gt_mm"] - golden["gt_mm"][:, 6:7]), axis=-1)
    np.testing.assert_allclose(errors, golden["err_3dhp"], atol=1e-6)
    np.testing.assert_allclose(errors.mean(axis=-1), official[:, 0], atol=1e-6)


def test_poses_in_millimetres_equal_the_official_ones(golden):
    # Row 3 has no 3D truth there: its pose stands at the origin.
    values = position_measures(_poses(golden), golden["meta_mm"], 4000.0)
    per_sample = golden["mpjpe_fixed_per_sample"]
    np.testing.assert_allclose(values[measures.MPJPE_ZHOU2017], per_sample, atol=1e-6)
    sized = np.array(to_length(_poses(golden), ZHOU2017_BONE_SUM_MM))
    expected = golden["pose_mm_fixed"] - golden["meta_mm"][:, 6:7]
    np.testing.assert_allclose(sized, expected, atol=1e-6)


def test_what_the_python_release_reported(golden):
    """It reads neighbours at the transposed pixel and counts a tie as a step to the right."""
    maps = golden["hm"].astype(np.float64)
    points = np.array(decode_heatmaps(np.moveaxis(maps, 1, -1))[0])
    cells = np.floor(points).astype(int)
    for person, joint in np.ndindex(5, 16):
        (x, y), map_ = cells[person, joint], maps[person, joint]
        assert 0 < min(x, y) and max(x, y) < 63
        right, down = map_[x + 1, y] >= map_[x - 1, y], map_[x, y + 1] >= map_[x, y - 1]
        points[person, joint] = cells[person, joint] + 0.5 + 0.25 * np.where([right, down], 1, -1)
    poses = np.concatenate([2 * points / 64 - 1, golden["depth"][..., None]], axis=-1)
    shipped = position_measures(poses, golden["meta_mm"], 4000.0)[measures.MPJPE_ZHOU2017]
    np.testing.assert_allclose(shipped, golden["mpjpe_asshipped_per_sample"], atol=1e-6)
    has_truth = golden["meta_mm"].any(axis=(1, 2))
    assert has_truth.sum() == golden["mpjpe_official_py_count"]
    np.testing.assert_allclose(shipped[has_truth].mean(), golden["mpjpe_official_py"], atol=1e-6)
    # Section 11: the right rule is better on these people.
    right = position_measures(_poses(golden), golden["meta_mm"], 4000.0)[measures.MPJPE_ZHOU2017]
    assert right[has_truth].mean() < shipped[has_truth].mean() - 1


def _people(num, seed=0):
    """Bodies in front of the camera whose 14 bones sum to 4 metres; [num, 16, 3]."""
    people = np.random.default_rng(seed).normal(0, 0.25, (num, 16, 3)) * [1, 1.5, 0.7]
    people[:, 7] = (people[:, 6] + people[:, 8]) / 2  # what evaluation takes for the spine
    length = sum(np.linalg.norm(people[:, a] - people[:, b], axis=-1) for a, b in _edges())
    return people * (4.0 / length)[:, None, None] + [0, 0, 4.0]


def _edges():
    # Section 1 of the specification, as indices of MPII's order.
    text = "01 12 26 63 34 45 ab bc c8 8d de ef 68 89"
    return [tuple(int(c, 16) for c in edge) for edge in text.split()]


def _batch(num=6, with_depth=(0, 1, 2), seed=0, **change):
    """A batch of an orthographic camera, 20 px a metre, whose pictures carry their row's number."""
    people = _people(num, seed)
    projected = 20.0 * people[..., :2] + SIDE / 2
    has_depth = np.isin(np.arange(num), with_depth).astype(np.float32)
    image = np.zeros((num, SIDE, SIDE, 3), np.uint8)
    image[:, 0, 0, 0] = np.arange(num)
    image[:, 0, -1, 0] = 100 + np.arange(num)
    batch = {
        "image": image,
        "keypoints_2d": projected.astype(np.float32),
        "projected_2d": projected.astype(np.float32),
        "visible": np.ones((num, 16), np.float32),
        "depth": np.zeros((num, 16), np.float32),
        "has_depth": has_depth,
        "keypoints_3d": (people * has_depth[:, None, None]).astype(np.float32),
        "head_size": np.full(num, 4.0, np.float32),
        "matrix": np.tile([[0.5, 0, 0], [0, 0.5, 0]], (num, 1, 1)).astype(np.float32),
        "box": np.tile([0, 0, 100.0, 80.0], (num, 1)).astype(np.float32),
        "label": np.array([0, 1, 1, 0, -1, 9])[:num],
        "folder": np.array([0, 1, 1, 0, 1, 1])[:num],
        "id": np.arange(num),
    }
    return batch | change, people


def _model(poses, mirrored=None):
    """Says the pose [16, 3] (half crops) whose number the first pixel holds; 100 up if mirrored."""
    rows = np.asarray(poses, np.float64)
    if mirrored is not None:
        rows = np.concatenate([rows, np.zeros((100 - len(rows), 16, 3)), mirrored])

    def model(pictures, training):
        assert training is False and pictures.dtype == tf.float32
        number = tf.cast(tf.round(255.0 * pictures[:, 0, 0, 0]), tf.int32)
        points = tf.gather(tf.constant(rows), number)
        return {
            "keypoints_2d": (points[..., :2] + 1.0) * (SIDE / 2),
            "score": tf.ones_like(points[..., 0]),
            "depth": points[..., 2],
            "points": points,
        }

    return model


def _exact(people):
    """What a perfect network says: orthographic pixels and the depth in their unit."""
    xy = 2 * (20.0 * people[..., :2] + SIDE / 2) / SIDE - 1
    depth = 2 * 20.0 * (people[..., 2:] - people[:, 7:8, 2:]) / SIDE
    return np.concatenate([xy, depth], axis=-1)


def _evaluate(model, *batches, **options):
    dataset = tf.data.Dataset.from_generator(
        lambda: iter(batches),
        output_signature={
            name: tf.TensorSpec([None, *value.shape[1:]], tf.as_dtype(np.asarray(value).dtype))
            for name, value in batches[0].items()
        },
    )
    options.setdefault("bone_sum_mm", 4000.0)
    return evaluate_bodies(model, dataset, **options)


def test_a_perfect_network_has_no_error():
    batch, people = _batch(3)
    values = _evaluate(_model(_exact(people)), batch)["all"]
    for protocol in (measures.MPJPE, measures.PA_MPJPE, measures.PA_MPJPE_BEST, measures.N_MPJPE):
        assert values[protocol.id] == pytest.approx(0.0, abs=1e-2)  # float32 labels, mm
    assert values[measures.PCK.id] == values[measures.PCK_ZHOU2017.id] == 100.0
    # Strictly below each of 31 thresholds, the first of which is 0.
    assert values[measures.AUC.id] == pytest.approx(100 * 30 / 31)
    assert values[measures.MPJPE_ZHOU2017.id] > 5.0
    assert values[measures.KEYPOINT_ERROR.id] == pytest.approx(0.0, abs=1e-6)
    for protocol in (measures.PCK_5, measures.PCK_10, measures.ACCURACY):
        assert values[protocol.id] == 1.0
    assert all(values[row.id] == 100.0 for row in measures.PCKH_ROWS.values())
    assert all(Protocol.parse(name).id == name for name in values)


def test_known_errors_by_hand():
    batch, people = _batch()
    poses = _exact(people)
    wrist = MPII_16.index("right_wrist")
    # 1.5 px to the right in all pictures: in head sizes of 4 px 0.375, in sides of 50 px 0.03. The wrist
    # 8 px: 2 heads, 0.16 sides, an eighth of the crop.
    poses[..., 0] += 2 * 1.5 / SIDE
    poses[:, wrist, 0] += 2 * 6.5 / SIDE
    values = _evaluate(_model(poses), batch)["all"]
    assert values[measures.PCKH_ROWS["wrist"].id] == 50.0
    assert values[measures.PCKH.id] == pytest.approx(100 * 13 / 14)
    assert values[measures.KEYPOINT_ERROR.id] == pytest.approx((13 * 0.03 + 0.16) / 14, rel=1e-5)
    assert values[measures.PCK_5.id] == values[measures.PCK_10.id] == pytest.approx(13 / 14)
    assert values[measures.ACCURACY.id] == pytest.approx(0.9)


def test_errors_in_millimetres_are_those_of_the_sized_pose():
    batch, people = _batch()
    rng = np.random.default_rng(1)
    poses = _exact(people) + rng.normal(0, 0.05, people.shape)
    values = _evaluate(_model(poses), batch, bone_sum_mm=4100.0)["all"]
    # By hand, in plain NumPy, for the three people with 3D labels.
    errors, limbs = [], []
    for row, pose in enumerate(poses):
        length = sum(np.linalg.norm(pose[a] - pose[b]) for a, b in _edges())
        sized = (pose - pose[6]) * 4100.0 / length
        limbs.append(abs(np.linalg.norm(sized[1] - sized[0]) - np.linalg.norm(sized[4] - sized[5])))
        sized[7] = (sized[6] + sized[8]) / 2
        true = 1000 * batch["keypoints_3d"][row].astype(float)
        if row < 3:
            errors.append(np.linalg.norm(sized - (true - true[6]), axis=-1))
    errors = np.array(errors)
    assert values[measures.MPJPE.id] == pytest.approx(errors.mean(), rel=1e-9)
    scored = np.delete(errors, [6, 7], axis=1)
    assert values[measures.PCK.id] == pytest.approx(100 * (scored < 150).mean())
    auc = np.mean([(scored < limit).mean() for limit in range(0, 151, 5)])
    assert values[measures.AUC.id] == pytest.approx(100 * auc)
    # Symmetry needs no label: all six people count.
    assert values[measures.SYMMETRY["lower_leg"].id] == pytest.approx(np.mean(limbs), rel=1e-9)
    assert values[measures.PA_MPJPE_BEST.id] <= values[measures.PA_MPJPE.id] + 1e-9
    assert values[measures.PA_MPJPE.id] < values[measures.MPJPE.id]


def test_parts_are_measured_by_themselves_and_actions_count_alike():
    batch, people = _batch()
    poses = _exact(people)
    poses[2:, :, 0] += 2 * 1.0 / SIDE
    results = _evaluate(
        _model(poses), batch, folder_names=("lab", "wild"), action_names=("walking", "sitting")
    )
    assert list(results) == [
        "all",
        "lab",
        "wild",
        "action walking",
        "action sitting",
        MEAN_OF_ACTIONS,
    ]
    error = measures.KEYPOINT_ERROR.id  # 1 px of 50
    found = {part: round(values[error] / 0.02, 4) for part, values in results.items()}
    # Rows 0, 3 / 1, 2, 4, 5 by folder; 0, 3 / 1, 2 by class; -1 and 9 have no name.
    assert found == {
        "all": 0.6667,
        "lab": 0.5,
        "wild": 0.75,
        "action walking": 0.5,
        "action sitting": 0.5,
        MEAN_OF_ACTIONS: 0.5,
    }
    alone = _evaluate(_model(poses), batch, folder_names=("lab",))
    assert list(alone) == ["all"]
    assert set(overall(results)) == {
        "mpjpe_mm",
        "pa_mpjpe_mm",
        "pck_3d",
        "pckh",
        "pck_10",
        "accuracy",
    }


def test_batches_of_any_size_give_the_same_numbers():
    batch, people = _batch()
    poses = _exact(people) + np.random.default_rng(2).normal(0, 0.05, people.shape)
    whole = _evaluate(_model(poses), batch)["all"]
    pieces = [
        {name: value[rows] for name, value in batch.items()} for rows in ([0, 1, 2, 3, 4], [5])
    ]
    split = _evaluate(_model(poses), *pieces)["all"]
    assert split.keys() == whole.keys()
    np.testing.assert_allclose(list(split.values()), list(whole.values()), rtol=1e-12)


def test_measures_without_labels_are_left_out():
    batch, people = _batch(4, with_depth=())
    batch["head_size"][:] = 0
    batch["visible"][:, MPII_16.index("left_wrist")] = 0
    batch["projected_2d"][:, MPII_16.index("left_wrist")] = np.nan
    values = _evaluate(_model(_exact(people)), batch)["all"]
    limbs = {protocol.id for protocol in measures.SYMMETRY.values()}
    rest = {p.id for p in (measures.KEYPOINT_ERROR, measures.PCK_5, measures.PCK_10)}
    assert set(values) == limbs | rest | {measures.ACCURACY.id}
    assert all(np.isfinite(value) for value in values.values())
    assert values[measures.ACCURACY.id] == 1.0


def test_records_without_a_box_take_the_square_of_their_joints():
    batch, people = _batch(2, with_depth=())
    poses = _exact(people)
    poses[..., 0] += 2 * 1.0 / SIDE
    batch["has_box"] = np.array([1.0, 0.0], np.float32)
    values = _evaluate(_model(poses), batch)["all"]
    extent = np.ptp(batch["projected_2d"][1], axis=0).max() * 1.2
    expected = (1 / 50 + 1 / extent) / 2
    assert values[measures.KEYPOINT_ERROR.id] == pytest.approx(expected, rel=1e-5)


def test_a_broken_network_shows():
    batch, people = _batch()
    poses = _exact(people)
    poses[1] = np.nan
    values = _evaluate(_model(poses), batch)["all"]
    assert np.isnan(values[measures.MPJPE.id]) and np.isnan(values[measures.KEYPOINT_ERROR.id])
    assert values[measures.PCK.id] < 100.0 and values[measures.PCKH.id] < 100.0


def test_the_flip_test_averages_a_picture_and_its_mirror_image():
    batch, people = _batch()
    poses = _exact(people)
    swap = list(MPII_16.flip_permutation)
    offset = 2 * 1.0 / SIDE
    # Both views err by a pixel to their own right: the mean is exact.
    mirrored = poses[:, swap] * [-1, 1, 1]
    poses[..., 0] += offset
    mirrored[..., 0] += offset
    plain = _evaluate(_model(poses, mirrored), batch)["all"][measures.KEYPOINT_ERROR.id]
    flipped = _evaluate(_model(poses, mirrored), batch, flip=True)["all"]
    assert plain == pytest.approx(0.02, rel=1e-5)
    assert flipped[measures.KEYPOINT_ERROR.id] == pytest.approx(0.0, abs=1e-6)


def test_labels_give_what_weak_perspective_costs():
    """A network that says its labels: only perspective and the person's size are left as error."""
    people = _people(20, seed=3)
    pixels = 100.0 * people[..., :2] / people[..., 2:] + SIDE / 2
    places, depth, _ = (np.array(v) for v in weak_perspective(pixels, people))
    labels = np.concatenate([2 * places / SIDE - 1, 2 * depth[..., None] / SIDE], axis=-1)
    values = position_measures(labels, 1000 * people, 4200.0)
    # A similarity of the truth, whatever the camera.
    assert values[measures.N_MPJPE].max() < 1e-6 and values[measures.PA_MPJPE].max() < 1e-6
    spread = 1000 * np.linalg.norm(people - people[:, 6:7], axis=-1).mean(axis=-1)
    np.testing.assert_allclose(values[measures.MPJPE], 0.05 * spread, rtol=1e-9)


def test_symmetry_grows_with_the_size():
    poses = np.random.default_rng(4).normal(0, 1, (3, 16, 3))
    one, two = (symmetry_measures(poses, size) for size in (2000.0, 4000.0))
    for limb in measures.SYMMETRY.values():
        np.testing.assert_allclose(two[limb], 2 * one[limb])


def test_pictures_become_numbers_from_zero_to_one():
    np.testing.assert_allclose(unit_range(tf.constant([0, 255], tf.uint8)), [0.0, 1.0])
    assert unit_range(tf.constant([0.25])).numpy() == 0.25


def test_wrong_arguments_are_named():
    batch, people = _batch()
    with pytest.raises(ValueError, match="bone_sum_mm=0.0 must be above 0"):
        _evaluate(_model(_exact(people)), batch, bone_sum_mm=0.0)
    empty = tf.data.Dataset.from_tensor_slices(batch).take(0).batch(2)
    with pytest.raises(ValueError, match="no held-out picture"):
        evaluate_bodies(_model(_exact(people)), empty, bone_sum_mm=4000.0)


def test_a_pose_function_gives_what_its_model_gives():
    """With other weights the same function gives other numbers: none are frozen into its graph."""
    network = build_network(
        image_size=64, num_stacks=1, num_modules=1, width=8, num_depth_modules=1
    )
    model = build_pose(network, 64)
    find = pose_function(model)
    pictures = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3)).astype(np.uint8)
    for factor in (1.0, 0.5):
        network.set_weights([factor * weight for weight in network.get_weights()])
        expected = model(pictures / np.float32(255), training=False)
        found = find(tf.constant(pictures))
        np.testing.assert_allclose(found["depth"], expected["depth"], atol=1e-5)
        np.testing.assert_allclose(found["score"], expected["score"], atol=1e-5)
