"""The crop of a person: the official matrices, points, maps and pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from keras_pose.codecs import encode_heatmaps
from keras_pose.geometry import affine2d
from keras_pose.skeletons import MPII_16


@pytest.fixture(scope="module")
def golden():
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "heatmap_decode_transform.npz"
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def _matrix(centre, side, angle_deg, size):
    """Ours, with the official code's numbers: both turn counter-clockwise on screen."""
    numbers = (np.float64(side), np.radians(np.float64(angle_deg)), np.float64(size))
    return affine2d.crop_matrix(np.asarray(centre, np.float64), *numbers)


def test_crop_matrices_equal_the_official_ones(golden):
    for row in range(len(golden["tr_rot"])):
        matrix = _matrix(*(golden[f"tr_{name}"][row] for name in ("center", "size", "rot", "res")))
        np.testing.assert_allclose(matrix, golden["tr_matrix"][row][:2], atol=1e-9)
        point = golden["tr_pt"][row].astype(np.float64)
        moved = affine2d.apply(point[None], matrix)[0]
        np.testing.assert_allclose(moved, golden["tr_pt_float"][row], atol=1e-8)
        np.testing.assert_array_equal(np.trunc(moved), golden["tr_pt_official_int"][row])
        # The Torch7 code counts pixels from 1 on both sides.
        shifted = affine2d.apply(point[None] - 1, matrix)[0]
        np.testing.assert_array_equal(np.trunc(shifted) + 1, golden["tr_pt_lua_1based"][row])
        # The later release computes its matrix in single precision from three points.
        np.testing.assert_allclose(matrix, golden["tr_msra"][row], atol=2e-4)
        inverse = affine2d.invert(matrix)
        back = affine2d.apply(moved[None], inverse)[0]
        np.testing.assert_array_equal(np.trunc(back + 1e-9), golden["tr_inv_official_int"][row])
        np.testing.assert_allclose(back, point, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "centre", "side", "angle_deg"),
    [
        ("zoom", (200, 150), 180, 0),
        ("pad", (40, 260), 300, 0),
        ("down", (200, 150), 600, 0),
        ("rot", (210, 140), 220, 25),
    ],
)
def test_one_warp_gives_the_official_picture(golden, name, centre, side, angle_deg):
    rows, columns = np.mgrid[:300, :400].astype(np.float64)
    wave = 127 + 120 * np.sin(columns / 23) * np.cos(rows / 31)
    picture = np.stack([wave, 255 * columns / 399, 255 * rows / 299], -1).astype(np.uint8)
    matrix = affine2d.to_integer_centres(_matrix(centre, side, angle_deg, 256))
    warped = cv2.warpAffine(picture, matrix, (256, 256), flags=cv2.INTER_LINEAR)
    official = np.moveaxis(golden[f"crop_{name}"], 0, -1).astype(float)
    # The official way is shrink, cut at whole pixels, turn, resize: measured 0.1, 0.03, 2.00 and 1.2
    # grey levels on average; the third is shrunk first, so its border is cut up to a pixel off.
    assert np.abs(warped[::4, ::4] - official).mean() < 2.1


@pytest.mark.parametrize("split", ["val", "train"])
def test_points_and_maps_of_people_equal_the_official_ones(split):
    path = Path(__file__).parents[1] / "golden" / "wild3d" / "data_targets.npz"
    with np.load(path, allow_pickle=False) as arrays:
        people = dict(arrays)
    swap = list(MPII_16.flip_permutation)
    mirrored = []
    for row in range(4):
        side, angle = (people[f"mpii_{split}_{name}"][row] for name in ("size_px", "rot"))
        matrix = _matrix(people["mpii_center"][row], side, angle, 64)
        if split == "val":
            # The scale counts 200 px and is adjusted already.
            assert side == pytest.approx(200 * people["mpii_scale"][row], abs=1e-9)
        part = people["mpii_part"][row]
        annotated = part[:, 0] > 1
        points = np.trunc(affine2d.apply(part, matrix)) * annotated[:, None]
        official = people[f"mpii_{split}_reg_xyv"][row]
        # The Python release writes a mirrored person by negating y, which keeps distances (section 11).
        is_mirrored = not np.array_equal(official[:, :2], points)
        mirrored.append(is_mirrored)
        expected = points[swap] * [1, -1] if is_mirrored else points
        np.testing.assert_array_equal(official[:, :2], expected)
        np.testing.assert_array_equal(
            official[:, 2] > 0, annotated[swap] if is_mirrored else annotated
        )
        if split == "val":
            continue
        maps = np.array(encode_heatmaps(points, annotated, 64))
        maps = maps[:, ::-1, swap] if is_mirrored else maps
        flat = maps.reshape(-1, 16)
        np.testing.assert_allclose(flat.max(axis=0), people["mpii_train_hm_max"][row], atol=6e-5)
        index = flat.argmax(axis=0)
        places = np.stack([index % 64, index // 64], axis=-1)
        np.testing.assert_array_equal(places, people["mpii_train_hm_argmax"][row])
    assert any(mirrored) == (split == "train")
