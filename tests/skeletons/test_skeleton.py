"""Laws that every joint order obeys, and what a wrong one is told."""

import pytest

from keras_pose.skeletons import H36M_17, SKELETONS, Skeleton, build_skeleton, by_name

EVERY = pytest.mark.parametrize("skeleton", SKELETONS.values(), ids=SKELETONS.keys())


@EVERY
def test_flip_is_an_involution_that_exchanges_left_and_right(skeleton):
    order = skeleton.flip_permutation
    assert sorted(order) == list(range(skeleton.num_joints))
    assert [order[j] for j in order] == list(range(skeleton.num_joints))
    for joint, mirrored in enumerate(order):
        name, other = skeleton.joints[joint], skeleton.joints[mirrored]
        if name.startswith("left_"):
            assert other == "right_" + name[5:]
        elif not name.startswith("right_"):
            assert other == name


@EVERY
def test_every_joint_reaches_the_root(skeleton):
    assert skeleton.parents[skeleton.root] == -1
    assert len(skeleton.bones) == skeleton.num_joints - 1
    reached = {skeleton.root}
    for _ in range(skeleton.num_joints):
        reached |= {child for parent, child in skeleton.bones if parent in reached}
    assert reached == set(range(skeleton.num_joints))


@EVERY
def test_mirroring_keeps_the_tree(skeleton):
    order = skeleton.flip_permutation
    mirrored = {(order[parent], order[child]) for parent, child in skeleton.bones}
    assert mirrored == set(skeleton.bones)


@EVERY
def test_skeleton_is_found_by_name_in_either_case(skeleton):
    assert by_name(skeleton.name) is skeleton
    assert by_name(skeleton.name.upper()) is skeleton


def test_bones_come_in_the_order_of_the_child():
    tiny = build_skeleton("tiny", (("hand", "arm"), ("arm", "body"), ("body", None)))
    assert tiny.bones == ((1, 0), (2, 1))
    assert tiny.root == 2


def test_unknown_joint_names_the_closest():
    with pytest.raises(ValueError, match="'h36m_17' has no joint 'left_writs'.*left_wrist"):
        H36M_17.index("left_writs")
    with pytest.raises(ValueError, match="no joint 'zzz'.*pelvis"):
        H36M_17.indices(("pelvis", "zzz"))


def test_unknown_skeleton_names_the_closest():
    with pytest.raises(ValueError, match="no skeleton 'h36m17'.*h36m_17"):
        by_name("h36m17")


@pytest.mark.parametrize(
    ("joints", "parents", "pairs", "complaint"),
    [
        (("a", "a"), (-1, 0), (), "names a joint twice"),
        (("a", "b"), (-1,), (), "2 joints but 1 parents"),
        (("a", "b"), (-1, -1), (), "exactly one -1"),
        (("a", "b"), (-1, 2), (), "parents between 0 and 1"),
        (("a", "b", "c"), (-1, 2, 1), (), "cycle through joint 'b'"),
        (("a", "b"), (-1, 0), ((0, 1), (1, 0)), "flip pairs that share a joint"),
        (("a", "b"), (-1, 0), ((0, 2),), "flip pairs that share a joint or name one"),
    ],
)
def test_wrong_skeleton_is_refused(joints, parents, pairs, complaint):
    with pytest.raises(ValueError, match=complaint):
        Skeleton("wrong", joints, parents, pairs)


def test_unknown_parent_is_refused():
    with pytest.raises(ValueError, match="parent 'body', which is not one of its joints"):
        build_skeleton("wrong", (("arm", "body"), ("hand", "arm")))
