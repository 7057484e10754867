"""How good exact maps and flat depths are on real people: MPII's validation annotations."""

import functools
import os
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from keras_pose.codecs import decode_heatmaps, encode_heatmaps
from keras_pose.geometry import affine2d
from keras_pose.losses import bone_variance
from keras_pose.losses.body_groups import BODY_GROUPS
from keras_pose.metrics import pckh
from keras_pose.skeletons import MPII_16

SHARED = Path(os.environ.get("KERAS_POSE_SHARED", Path(__file__).parents[3] / "shared"))
FILE = SHARED / "data" / "poses2d_real" / "mpii_hg_valid.h5"
SIZE = 64
SCORED = [joint for joint in range(16) if MPII_16.joints[joint] not in ("pelvis", "thorax")]

pytestmark = pytest.mark.skipif(
    not FILE.is_file(), reason="reference data beside the checkout (../shared) is absent"
)


@functools.lru_cache(maxsize=1)
def _people():
    """Points of the map [N, 16, 2], annotated [N, 16], head sizes and sides of the map in its pixels."""
    h5py = pytest.importorskip("h5py", reason="h5py reads MPII's file and is not installed")
    with h5py.File(FILE, "r") as file:
        part, centre, scale, head = (
            file[name][:] for name in ("part", "center", "scale", "normalize")
        )
    # This file's centres and scales are adjusted for the crop already.
    side = 200.0 * scale
    matrix = affine2d.crop_matrix(centre, side, np.zeros(len(side)), np.float64(SIZE))
    # What is missing lies at (0, 0) or beyond.
    return affine2d.apply(part, matrix), part[..., 0] > 1, head * SIZE / side


def test_the_people_are_those_that_are_known():
    points, annotated, _ = _people()
    # Section 8 of the specification.
    assert points.shape == (2958, 16, 2)
    assert annotated.sum(axis=1).mean() == pytest.approx(14.95, abs=0.005)
    assert annotated.all(axis=1).mean() == pytest.approx(0.68, abs=0.005)


@pytest.mark.parametrize("subpixel", [False, True])
def test_exact_maps_decode_within_the_quantisation(subpixel):
    points, annotated, head = _people()
    decoded = []
    for start in range(0, len(points), 128):
        rows = slice(start, start + 128)
        maps = encode_heatmaps(
            points[rows].astype(np.float32), annotated[rows], SIZE, subpixel=subpixel
        )
        decoded.append(np.array(decode_heatmaps(maps)[0], np.float64))
    decoded = np.concatenate(decoded)

    error = np.abs(decoded - points)
    inside = annotated & ((points >= 0) & (points < SIZE)).all(axis=-1)
    inner = inside & ((points >= 1) & (points < SIZE - 1)).all(axis=-1)
    # A map holds the pixel of its joint, so the middle is at most half a pixel away along each axis.
    # Sub-pixel blobs lean to their own side, and the quarter rule halves what is left, but for the
    # border. The last digits are those of float32 pixels up to 64.
    bound = 0.25 if subpixel else 0.5
    assert error[inside].max() <= 0.5 + 1e-5
    assert error[inner].max() <= bound + 1e-5
    # Joints outside the crop have no map of their own.
    assert 1 - inside.sum() / annotated.sum() == pytest.approx(0.0044, abs=1e-4)

    # A joint inside the map counts for certain if the diagonal of the bound is below half a head.
    reach = np.hypot(bound + 1e-5, bound + 1e-5)
    certain = inner & (reach < 0.5 * head)[:, None]
    floor = np.mean([100 * certain[annotated[:, j], j].mean() for j in SCORED])
    table = pckh(decoded, points, annotated, head)
    print(f"subpixel={subpixel}: PCKh@0.5 {table['mean']:.2f}, certain {floor:.2f}, {table}")
    assert table["mean"] >= floor - 1e-9
    # Measured; joints outside the map are what is missing.
    assert table["mean"] == pytest.approx(99.84, abs=0.01)


def test_flat_people_cost_what_is_known_and_do_not_move():
    points, annotated, _ = _people()
    # The authors' points are cut to whole pixels.
    xy = 2.0 * np.trunc(points) / SIZE - 1.0
    depth = tf.zeros(annotated.shape, tf.float64)
    with tf.GradientTape() as tape:
        tape.watch(depth)
        values = bone_variance(tf.concat([xy, depth[..., None]], -1), annotated, BODY_GROUPS)
    np.testing.assert_array_equal(tape.gradient(values, depth), 0.0)
    # Their sum leaves out bones whose ends fall on one pixel, which is 0.0069 in section 6 of the
    # specification; the variance counts them.
    left_out = sum(_left_out(xy, annotated, group) for group in BODY_GROUPS)
    assert float(np.mean(values - left_out)) == pytest.approx(0.0069, abs=5e-5)
    assert float(np.mean(values)) == pytest.approx(0.0073, abs=5e-5)


def _left_out(xy, annotated, group):
    """Square of the group's mean length for each bone without length, over the bones that count [N]."""
    first, second = (list(ends) for ends in zip(*group.bones, strict=True))
    both = annotated[:, first] & annotated[:, second]
    lengths = group.weights * np.linalg.norm(xy[:, first] - xy[:, second], axis=-1) * both
    count = np.maximum(both.sum(axis=-1), 1)
    mean = lengths.sum(axis=-1) / count
    return (both & (lengths == 0)).sum(axis=-1) * mean**2 / count
