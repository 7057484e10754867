"""Laws of Wild3D's batches, on a few generated bodies: labels under any view, mixture, order."""

import dataclasses

import numpy as np
import pytest

from keras_pose.data.records import SOURCE_STRIDE, RecordReader, write_records
from keras_pose.wild3d.config import Config
from tests.bodies import small_bodies
from tests.bodies.small_bodies import COMMON, COUNT, SIZE

# Rows of MPII_16 by the table of the specification, section 1.
SWAPPED = [5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10]
EDGES = [(0, 1), (1, 2), (2, 6), (6, 3), (3, 4), (4, 5), (10, 11), (11, 12), (12, 8), (8, 13)]
EDGES += [(13, 14), (14, 15), (6, 8), (8, 9)]
# All ways of changing a view, much more often than in training.
STRONG = {"turn_probability": 0.5, "mirror_probability": 0.5, "angle_range_deg": 60.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the record folders `lab` (3D labels) and `wild` (2D labels alone)."""
    top = tmp_path_factory.mktemp("bodies")
    small_bodies.write_both(top)
    return top


@pytest.fixture(scope="module")
def lab_records(folder):
    reader = RecordReader(folder / "lab")
    return {int(reader.ids[row]): reader.record(row) for row in range(COUNT)}


def _weak_labels(record):
    """Points, depths in pixels of the picture by section 5, steps 1 to 4, from the camera alone."""
    points = record.keypoints_3d.astype(np.float64)
    homogeneous = points @ record.intrinsics.astype(np.float64).T
    pixels = homogeneous[:, :2] / homogeneous[:, 2:]

    def total(rows):
        return sum(np.linalg.norm(rows[a, :2] - rows[b, :2]) for a, b in EDGES)

    centred = points - points[7]
    scaled = centred * total(pixels) / total(centred)
    scaled[:, :2] += pixels[7]
    scaled[7] = 0.5 * (scaled[12] + scaled[13])
    return scaled[:, :2], scaled[:, 2], pixels


def _moved(points, matrix):
    return points @ matrix[:, :2].T + matrix[:, 2]


@pytest.fixture(scope="module")
def strong_rows(folder):
    config = Config(share_3d=1.0, geometric_weight=0.0, **COMMON, **STRONG)
    return small_bodies.rows(small_bodies.batches(small_bodies.load(config, folder / "lab"), 6))


def test_labels_follow_the_specification_under_any_view(strong_rows, lab_records):
    kinds = set()
    for row in strong_rows:
        weak, depth_px, pixels = _weak_labels(lab_records[int(row["id"])])
        pixels[7] = 0.5 * (pixels[12] + pixels[13])
        matrix = row["matrix"].astype(np.float64)
        # By the columns' length, which is how much larger the crop shows the picture.
        zoom = np.linalg.norm(matrix[:, 0])
        if row["mirrored"]:
            weak, depth_px, pixels = weak[SWAPPED], depth_px[SWAPPED], pixels[SWAPPED]
            assert np.linalg.det(matrix[:, :2]) < 0
        np.testing.assert_allclose(row["keypoints_2d"], _moved(weak, matrix), atol=2e-3)
        np.testing.assert_allclose(row["projected_2d"], _moved(pixels, matrix), atol=2e-3)
        np.testing.assert_allclose(row["depth"], 2 * zoom * depth_px / SIZE, atol=1e-4)
        assert row["has_depth"] == 1 and np.ptp(row["depth"]) > 0.05
        kinds.add((bool(row["mirrored"]), abs(matrix[0, 1]) > 1e-3))
    assert len(kinds) == 4, "a way of changing the view never came"


def test_depth_is_in_the_unit_of_x_and_y(strong_rows):
    """Weak perspective is a similarity: in crop units the body has the camera's own proportions."""
    for row in strong_rows:
        unit = np.column_stack([2 * row["keypoints_2d"] / SIZE - 1, row["depth"]]).astype(float)
        camera = row["keypoints_3d"].astype(float)
        lengths = [[np.linalg.norm(body[a] - body[b]) for a, b in EDGES] for body in (unit, camera)]
        ratios = np.array(lengths[0]) / np.array(lengths[1])
        np.testing.assert_allclose(ratios, ratios[0], rtol=1e-3)


def test_depth_does_not_turn_and_grows_with_the_zoom(folder):
    settings = COMMON | {"share_3d": 1.0, "geometric_weight": 0.0, "mirror_probability": 0.0}

    def rows(**more):
        config = Config(**settings, **more)
        return small_bodies.rows(small_bodies.batches(small_bodies.load(config, folder / "lab"), 2))

    plain = rows(scale_range=0.0, turn_probability=0.0)
    turned = rows(scale_range=0.0, turn_probability=1.0)
    small = rows(scale_range=0.0, turn_probability=0.0, crop_scale=2.0)
    for one, other, half in zip(plain, turned, small, strict=True):
        assert one["id"] == other["id"] == half["id"]
        np.testing.assert_allclose(other["depth"], one["depth"], atol=1e-6)
        assert np.abs(other["keypoints_2d"] - one["keypoints_2d"]).max() > 0.1
        np.testing.assert_allclose(half["depth"], one["depth"] / 2, atol=1e-6)
        np.testing.assert_allclose(half["head_size"], one["head_size"] / 2, rtol=1e-5)


def test_a_mirrored_view_has_its_rows_exchanged(folder):
    settings = COMMON | {"share_3d": 1.0, "geometric_weight": 0.0, "scale_range": 0.0}
    settings |= {"turn_probability": 0.0, "channel_gain": 0.0}
    plain, mirrored = (
        small_bodies.rows(
            small_bodies.batches(
                small_bodies.load(Config(**settings, mirror_probability=p), folder / "lab"), 2
            )
        )
        for p in (0.0, 1.0)
    )
    for one, other in zip(plain, mirrored, strict=True):
        np.testing.assert_allclose(other["depth"], one["depth"][SWAPPED], atol=1e-6)
        for key in ("keypoints_2d", "projected_2d"):
            expected = one[key][SWAPPED] * [-1, 1] + [SIZE, 0]
            np.testing.assert_allclose(other[key], expected, atol=2e-3)
        expected = one["keypoints_3d"][SWAPPED] * [-1, 1, 1]
        np.testing.assert_allclose(other["keypoints_3d"], expected, atol=1e-6)
        np.testing.assert_array_equal(other["visible"], one["visible"][SWAPPED])
        difference = other["image"].astype(int) - one["image"][:, ::-1]
        assert np.abs(difference).mean() < 1.0


def test_projected_labels_are_the_projection_through_the_views_camera(folder):
    config = Config(share_3d=1.0, geometric_weight=0.0, labels_2d="projected", **COMMON, **STRONG)
    for row in small_bodies.rows(
        small_bodies.batches(small_bodies.load(config, folder / "lab"), 4)
    ):
        homogeneous = row["keypoints_3d"].astype(float) @ row["intrinsics"].astype(float).T
        expected = homogeneous[:, :2] / homogeneous[:, 2:]
        # Row 7 of the label is the middle of the shoulders, of the 3D joints the spine.
        expected[7] = 0.5 * (expected[12] + expected[13])
        np.testing.assert_allclose(row["keypoints_2d"], expected, atol=5e-3)
        np.testing.assert_allclose(row["keypoints_2d"], row["projected_2d"], atol=1e-4)


@pytest.mark.parametrize(("batch_size", "share"), [(4, 0.5), (5, 0.4), (6, 1 / 3), (4, 0.25)])
def test_every_batch_has_its_share_of_depth_spread_over_its_rows(folder, batch_size, share):
    config = Config(**COMMON | {"batch_size": batch_size}, share_3d=share)
    bodies = small_bodies.load(config, folder / "lab", folder / "wild")
    for batch in small_bodies.batches(bodies, 5):
        has_depth = batch["has_depth"]
        assert has_depth.sum() == round(batch_size * share)
        # Any run of rows, such as a replica's, has its share to within one picture.
        for start in range(batch_size):
            for end in range(start + 1, batch_size + 1):
                expected = share * (end - start)
                assert abs(has_depth[start:end].sum() - expected) <= 1.0
        np.testing.assert_array_equal(batch["folder"], 1 - has_depth)
        np.testing.assert_array_equal(batch["id"] // SOURCE_STRIDE, batch["folder"])
        without = has_depth == 0
        for key in ("depth", "keypoints_3d", "has_3d", "intrinsics"):
            np.testing.assert_array_equal(batch[key][without], 0)


def test_both_kinds_have_orders_and_views_of_their_own(folder):
    config = Config(**COMMON)
    batches = small_bodies.batches(small_bodies.load(config, folder / "lab", folder / "wild"), 5)
    has_depth = np.concatenate([batch["has_depth"] for batch in batches]) > 0
    own = np.concatenate([batch["id"] % SOURCE_STRIDE for batch in batches])
    # An epoch of either kind shows every record once.
    assert sorted(own[has_depth]) == sorted(own[~has_depth]) == list(range(COUNT))
    assert list(own[has_depth]) != list(own[~has_depth])
    angle = np.concatenate(
        [np.arctan2(b["matrix"][:, 1, 0], b["matrix"][:, 0, 0]) for b in batches]
    )
    zoom = np.concatenate([np.linalg.norm(b["matrix"][:, :, 0], axis=1) for b in batches])
    assert len(set(np.round(zoom, 5))) == len(zoom) and len(set(np.round(angle, 5))) > 3


def test_a_stream_opened_at_a_step_is_the_stream_skipped_to_it(folder):
    bodies = small_bodies.load(Config(**COMMON, **STRONG), folder / "lab", folder / "wild")
    whole = small_bodies.batches(bodies, 7)
    for first_step in (1, 4):
        later = small_bodies.batches(bodies, 7 - first_step, first_step)
        for one, other in zip(whole[first_step:], later, strict=True):
            assert one.keys() == other.keys()
            for key in one:
                np.testing.assert_array_equal(one[key], other[key], err_msg=key)


def test_another_seed_is_another_stream(folder):
    one, other = (
        small_bodies.batches(
            small_bodies.load(Config(**COMMON, seed=seed), folder / "lab", folder / "wild"), 3
        )
        for seed in (0, 1)
    )
    assert any((a["id"] != b["id"]).any() for a, b in zip(one, other, strict=True))


def _odd(position, record):
    """Bodies over the edge of the crop or picture, and with joints that nobody labelled."""
    points, visible = record.keypoints_2d.copy(), np.ones(16, np.float32)
    box = record.box.copy()
    if position % 2:
        # The box about the upper body alone: legs lie outside the crop.
        box[2:] *= 0.4
    else:
        # A box half outside the picture.
        box[0] -= 0.5 * box[2]
    if position % 3 == 0:
        points[[0, 12]], visible[[0, 12]] = 0.0, 0.0
    return dataclasses.replace(record, keypoints_2d=points, visible=visible, box=box)


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    folder = tmp_path_factory.mktemp("odd") / "odd"
    write_records(small_bodies.source("wild", _odd, labels_3d=False), folder)
    return folder


def test_joints_outside_the_crop_or_without_label_are_not_visible(odd):
    config = Config(**COMMON, **STRONG, share_3d=0.0)
    bodies = small_bodies.load(config, odd)
    num_outside = num_missing = 0
    for row in small_bodies.rows(small_bodies.batches(bodies, 5)):
        inside = np.all((row["keypoints_2d"] >= 0) & (row["keypoints_2d"] < SIZE), axis=-1)
        known = np.ones(16)
        if int(row["id"]) % 3 == 0:
            # Row 7 is the middle of the shoulders, one of which is missing.
            known[[0, 12, 7]] = 0
        if row["mirrored"]:
            known = known[SWAPPED]
        np.testing.assert_array_equal(row["visible"], inside * known)
        num_outside += (~inside).sum()
        num_missing += (known == 0).sum()
    assert num_outside > 20 and num_missing > 5


def test_a_person_partly_outside_the_picture_keeps_its_labels(odd):
    reader = RecordReader(odd)
    heldout = small_bodies.load(Config(**COMMON | {"val_share": 0.5}, share_3d=0.0), odd).heldout()
    num_black = 0
    for row in small_bodies.rows(list(heldout.as_numpy_iterator())):
        (position,) = np.flatnonzero(reader.ids == row["id"])
        record = reader.record(int(position))
        x, y, width, height = record.box.astype(float)
        side = max(width, height)
        corner = np.array([x + width / 2, y + height / 2]) - side / 2
        matrix = np.array([[SIZE / side, 0], [0, SIZE / side]])
        expected = (record.keypoints_2d - corner) @ matrix
        expected[7] = 0.5 * (expected[12] + expected[13])
        np.testing.assert_allclose(row["keypoints_2d"], expected, atol=2e-3)
        np.testing.assert_allclose(row["head_size"], record.head_size * SIZE / side, rtol=1e-5)
        beyond = int(np.clip(np.floor(-corner[0] * SIZE / side) - 1, 0, SIZE))
        np.testing.assert_array_equal(row["image"][:, :beyond], 0)
        num_black += beyond > 0
    assert num_black
