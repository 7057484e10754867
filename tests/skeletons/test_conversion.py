"""Conversions between joint orders: known index lists, midpoints by hand, laws."""

import numpy as np
import pytest

from keras_pose import skeletons
from keras_pose.skeletons import by_name, convert, converters


def numbered(skeleton, dimensions=2):
    """Points whose coordinates are the joint's number, so that an index list can be read off."""
    return np.repeat(np.arange(skeleton.num_joints, dtype=np.float64)[:, None], dimensions, axis=1)


def order(source, target):
    points, known = convert(numbered(source), source, target)
    assert known.all()
    np.testing.assert_array_equal(points[:, 0], points[:, 1])
    return points[:, 0].tolist()


def test_h36m_32_keeps_video_pose_3d_joints():
    assert order(skeletons.H36M_32, skeletons.H36M_17) == (
        [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
    )


def test_right_arm_first_reads_ele_poses_list():
    # ElePose's selection of the 32 joints, right arm at 11-13.
    selection = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 25, 26, 27, 17, 18, 19]
    ele_pose = numbered(skeletons.H36M_32)[selection]
    points, _ = convert(ele_pose, skeletons.H36M_17_RIGHT_ARM_FIRST, skeletons.H36M_17)
    assert points[:, 0].tolist() == order(skeletons.H36M_32, skeletons.H36M_17)


def test_freihand_to_ait_is_peclrs_list():
    assert order(skeletons.HAND_21_FREIHAND, skeletons.HAND_21_AIT) == (
        [0, 1, 5, 9, 13, 17, 2, 6, 10, 14, 18, 3, 7, 11, 15, 19, 4, 8, 12, 16, 20]
    )
    assert order(skeletons.HAND_21_AIT, skeletons.HAND_21_FREIHAND) == (
        [0, 1, 6, 11, 16, 2, 7, 12, 17, 3, 8, 13, 18, 4, 9, 14, 19, 5, 10, 15, 20]
    )


def test_freihand_and_media_pipe_hold_the_same_places():
    assert order(skeletons.HAND_21_FREIHAND, skeletons.HAND_21_MEDIAPIPE) == list(range(21))
    assert order(skeletons.HAND_21_MEDIAPIPE, skeletons.HAND_21_AIT) == (
        order(skeletons.HAND_21_FREIHAND, skeletons.HAND_21_AIT)
    )


def test_mpi_inf_3dhp_28_to_17_is_the_relevant_set():
    # The data set's list, counted from 1 there.
    relevant = [8, 6, 15, 16, 17, 10, 11, 12, 24, 25, 26, 19, 20, 21, 5, 4, 7]
    expected = [joint - 1 for joint in relevant]
    assert order(skeletons.MPI_INF_3DHP_28, skeletons.MPI_INF_3DHP_17) == expected


def test_mpi_inf_3dhp_17_to_h36m():
    assert order(skeletons.MPI_INF_3DHP_17, skeletons.H36M_17) == (
        [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
    )


def test_3dhp_goes_to_h36m_directly_or_through_17():
    points = np.random.default_rng(0).normal(size=(4, 28, 3))
    direct, known = convert(points, skeletons.MPI_INF_3DHP_28, skeletons.H36M_17)
    short, _ = convert(points, skeletons.MPI_INF_3DHP_28, skeletons.MPI_INF_3DHP_17)
    twice, _ = convert(short, skeletons.MPI_INF_3DHP_17, skeletons.H36M_17)
    np.testing.assert_array_equal(direct, twice)
    assert known.all()


def test_coco_midpoints_by_hand():
    coco = skeletons.COCO_17
    points = np.full((17, 2), 99.0)
    points[list(coco.indices(("left_shoulder", "right_shoulder")))] = [[3, 2], [1, 2]]
    points[list(coco.indices(("left_hip", "right_hip")))] = [[2.5, 6], [1.5, 8]]
    points[list(coco.indices(("left_ear", "right_ear")))] = [[2.5, 1], [1.5, 1]]
    points[coco.index("nose")] = [2, 1.25]
    got, known = convert(points, coco, skeletons.H36M_17)
    place = {name: got[j].tolist() for j, name in enumerate(skeletons.H36M_17.joints)}
    assert place["pelvis"] == [2, 7]
    assert place["thorax"] == [2, 2]
    assert place["spine"] == [2, 4.5]
    assert place["nose"] == [2, 1.25]
    assert place["left_shoulder"] == [3, 2]
    # 0.6 beyond the ears, y down: 1 - 0.6 * (2 - 1).
    np.testing.assert_allclose(place["head"], [2, 0.4], atol=1e-12)
    assert _unknown(known) == {"head"}


def test_mpii_midpoints_by_hand():
    mpii = skeletons.MPII_16
    points = np.full((16, 2), 99.0)
    points[mpii.index("pelvis")] = [0, 8]
    points[mpii.index("upper_neck")] = [0, 2]
    points[mpii.index("head_top")] = [1, 0]
    got, known = convert(points, mpii, skeletons.H36M_17)
    place = {name: got[j].tolist() for j, name in enumerate(skeletons.H36M_17.joints)}
    assert place["spine"] == [0, 5]
    assert place["thorax"] == [0, 2]
    assert place["nose"] == [0.5, 1]
    assert place["head"] == [1, 0]
    assert _unknown(known) == {"nose"}


def test_h36m_to_mpii_takes_wild3ds_list_but_for_the_thorax():
    points, known = convert(numbered(skeletons.H36M_17), skeletons.H36M_17, skeletons.MPII_16)
    expected = [3, 2, 1, 4, 5, 6, 0, (11 + 14) / 2, 8, 10, 16, 15, 14, 11, 12, 13]
    assert points[:, 0].tolist() == expected
    assert known.all()


def test_3d_data_sets_fill_mpiis_rows_by_wild3ds_lists():
    # The paper's program: row 7 is Human3.6M's spine, row 8 its thorax, row 9 its head.
    spine = skeletons.MPII_16_SPINE
    assert order(skeletons.H36M_17, spine) == [
        *(3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 16, 15, 14, 11, 12, 13),
    ]
    assert order(skeletons.MPI_INF_3DHP_17, spine) == [
        *(10, 9, 8, 11, 12, 13, 14, 15, 1, 0, 4, 3, 2, 5, 6, 7),
    ]
    assert order(skeletons.H36M_17_RIGHT_ARM_FIRST, spine) == [
        *(3, 2, 1, 4, 5, 6, 0, 7, 8, 10, 13, 12, 11, 14, 15, 16),
    ]


def test_the_spine_and_the_thorax_of_mpiis_rows_are_two_places():
    mpii, spine = skeletons.MPII_16, skeletons.MPII_16_SPINE
    assert [a == b for a, b in zip(mpii.joints, spine.joints, strict=True)].count(False) == 1
    assert (mpii.joints[7], spine.joints[7]) == ("thorax", "spine")
    points, known = convert(numbered(spine), spine, mpii)
    assert points[7, 0] == 12.5 and known.all()  # between the shoulders, rows 12 and 13
    points, known = convert(numbered(mpii), mpii, spine)
    assert points[7, 0] == 7 and not known[7] and known.sum() == 15  # between 6 and 8


def test_lsp_midpoints():
    points, known = convert(numbered(skeletons.LSP_14), skeletons.LSP_14, skeletons.MPII_16)
    assert points[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 2.5, 8.5, 12, 13, 6, 7, 8, 9, 10, 11]
    assert known.all()


def test_coco_knows_neither_neck_nor_top_of_the_head():
    points, known = convert(numbered(skeletons.COCO_17), skeletons.COCO_17, skeletons.MPII_16)
    names = skeletons.MPII_16.joints
    assert {names[j] for j in np.flatnonzero(~known)} == {"upper_neck", "head_top"}
    # Rows of COCO: hips 11, 12, shoulders 5, 6.
    assert points[:9, 0].tolist() == [16, 14, 12, 11, 13, 15, 11.5, 5.5, 5.5]
    assert points[10:, 0].tolist() == [10, 8, 6, 5, 7, 9]


@pytest.mark.parametrize(("first", "second"), converters())
def test_there_and_back_returns_the_joints_both_orders_hold(first, second):
    source, target = by_name(first), by_name(second)
    if (second, first) not in converters():
        with pytest.raises(ValueError, match="no conversion"):
            convert(np.zeros((target.num_joints, 3)), target, source)
        return
    points = np.random.default_rng(1).normal(size=(5, source.num_joints, 3))
    there, _ = convert(points, source, target)
    back, _ = convert(there, target, source)
    # MPII's thorax is not H36M's, and neither H36M's nose nor its spine is in MPII.
    lost = {
        ("h36m_17", "mpii_16"): ("spine", "nose"),
        ("h36m_17", "mpii_16_spine"): ("nose",),
        ("mpii_16", "h36m_17"): ("thorax",),
        ("mpii_16", "mpii_16_spine"): ("thorax",),
        ("mpii_16_spine", "mpii_16"): ("spine",),
    }
    kept = [j for j, name in enumerate(source.joints) if name not in lost.get((first, second), ())]
    np.testing.assert_array_equal(back[:, kept], points[:, kept])


@pytest.mark.parametrize(("first", "second"), converters())
def test_conversion_commutes_with_mirroring(first, second):
    source, target = by_name(first), by_name(second)
    points = np.random.default_rng(2).normal(size=(3, source.num_joints, 2))
    mirrored = (points * [-1, 1])[:, list(source.flip_permutation)]
    direct, _ = convert(points, source, target)
    expected = (direct * [-1, 1])[:, list(target.flip_permutation)]
    np.testing.assert_allclose(convert(mirrored, source, target)[0], expected, atol=1e-12)


@pytest.mark.parametrize(("first", "second"), converters())
def test_conversion_moves_with_the_person(first, second):
    source, target = by_name(first), by_name(second)
    points = np.random.default_rng(3).normal(size=(source.num_joints, 3))
    moved, _ = convert(2 * points + [5, -1, 3], source, target)
    np.testing.assert_allclose(
        moved, 2 * convert(points, source, target)[0] + [5, -1, 3], atol=1e-12
    )


def test_missing_joint_spoils_only_what_is_built_from_it():
    points = numbered(skeletons.COCO_17)
    points[skeletons.COCO_17.index("left_hip")] = np.nan
    got, _ = convert(points, skeletons.COCO_17, skeletons.H36M_17)
    spoilt = {skeletons.H36M_17.joints[j] for j in np.flatnonzero(np.isnan(got[:, 0]))}
    assert spoilt == {"left_hip", "pelvis", "spine"}


def test_dtype_is_kept_and_integers_become_floating():
    order_ = (skeletons.COCO_17, skeletons.H36M_17)
    assert convert(np.zeros((17, 2), np.float32), *order_)[0].dtype == np.float32
    assert convert(np.zeros((17, 2), np.float64), *order_)[0].dtype == np.float64
    whole = np.zeros((17, 2), np.int16)
    whole[skeletons.COCO_17.index("left_hip")] = 1
    assert convert(whole, *order_)[0][0].tolist() == [0.5, 0.5]


def test_same_order_is_a_copy():
    points = numbered(skeletons.H36M_17)
    same, known = convert(points, skeletons.H36M_17, skeletons.H36M_17)
    same[0] = 5
    assert points[0, 0] == 0
    assert known.shape == (17,) and known.all()


def test_wrong_joint_count_is_refused():
    with pytest.raises(ValueError, match=r"\[\.\.\., 17, coordinates\] for 'coco_17'.*\[16, 2\]"):
        convert(np.zeros((16, 2)), skeletons.COCO_17, skeletons.H36M_17)


def test_missing_conversion_names_the_ones_there_are():
    with pytest.raises(ValueError, match="from 'coco_17' to 'lsp_14'; .* there are: h36m_17"):
        convert(np.zeros((17, 2)), skeletons.COCO_17, skeletons.LSP_14)


def _unknown(known):
    return {skeletons.H36M_17.joints[j] for j in np.flatnonzero(~known)}
