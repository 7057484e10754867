"""Pictures cut around persons, by carrying marks along, and the joint orders that sets are kept in."""

import numpy as np
import pytest

from keras_pose.data.datasets.body_joints import body_skeleton, labelled_joints
from keras_pose.data.pictures.body_boxes import cut_picture
from keras_pose.skeletons import COCO_17, H36M_17, HAND_21_AIT, MPII_16, MPII_16_SPINE


@pytest.mark.parametrize(
    ("box", "size"), [((30, 20, 40, 40), 80), ((30, 20, 60, 60), 20), ((-30, 60, 64, 64), 32)]
)
def test_a_mark_stays_on_its_place(box, size):
    # A white square of 4 px about (58, 62) on black.
    image = np.zeros((100, 120, 3), np.uint8)
    image[60:64, 56:60] = 255
    if box[0] < 0:
        image = np.roll(image, (20, -40), (0, 1))
    place = np.array([58.0, 62.0]) if box[0] >= 0 else np.array([18.0, 82.0])
    picture, matrix = cut_picture(image, box, size)
    assert picture.shape == (round(1.25 * size),) * 2 + (3,)
    weights = picture[..., 0].astype(float)
    grid = np.arange(len(picture)) + 0.5
    centre = [
        (weights * grid).sum() / weights.sum(),
        (weights * grid[:, None]).sum() / weights.sum(),
    ]
    # Averaging over new pixels moves the middle of a small mark by a part of one.
    atol = 0.02 if len(picture) > 75 else 0.2
    np.testing.assert_allclose(centre, matrix @ [*place, 1.0], atol=atol)
    # The box has its size afterwards, but for the pixel grid.
    np.testing.assert_allclose(matrix[0, 0] * box[2], size, rtol=0.02)


def test_what_lies_beyond_the_edge_is_black():
    image = np.full((50, 50, 3), 200, np.uint8)
    picture, _ = cut_picture(image, (-20, -20, 40, 40), 40, context=1.0)
    assert (picture[:20] == 0).all() and (picture[:, :20] == 0).all()
    assert (picture[20:, 20:] == 200).all()


@pytest.mark.parametrize(
    ("box", "word"), [((5, 5, 0, 9), "no area"), ((60, 5, 9, 9), "outside the picture of 50 x 40")]
)
def test_impossible_boxes_are_named(box, word):
    with pytest.raises(ValueError, match=word):
        cut_picture(np.zeros((40, 50, 3), np.uint8), box, 32)


def test_a_joint_made_of_two_needs_both():
    table = np.arange(34.0).reshape(17, 2)
    labelled = np.ones(17)
    labelled[COCO_17.index("left_hip")] = 0
    points, visible = labelled_joints(table, labelled, COCO_17, MPII_16)
    unknown = {MPII_16.joints[j] for j in np.flatnonzero(visible == 0)}
    assert unknown == {"left_hip", "pelvis", "upper_neck", "head_top"}
    assert (points[visible == 0] == 0).all()
    left, right = (table[COCO_17.index(f"{side}_shoulder")] for side in ("left", "right"))
    np.testing.assert_array_equal(points[MPII_16.index("thorax")], (left + right) / 2)


def test_the_order_that_a_set_is_kept_in():
    assert body_skeleton(COCO_17) == MPII_16 and body_skeleton(MPII_16) == MPII_16
    assert body_skeleton(H36M_17, True) == MPII_16_SPINE
    with pytest.raises(ValueError, match="with 3D joints cannot be converted from .* 'coco_17'"):
        body_skeleton(COCO_17, True)
    with pytest.raises(ValueError, match="'hand_21_ait'"):
        body_skeleton(HAND_21_AIT)
