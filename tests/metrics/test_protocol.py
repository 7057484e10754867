"""Protocol ids: one fixed spelling, exact round trips, contradictions refused."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_pose.metrics import Protocol, joint_set, standard_protocols
from keras_pose.skeletons import H36M_17, HAND_21_FREIHAND

WORD = st.from_regex(r"[A-Za-z0-9_.@/+-]+", fullmatch=True)
ALIGNED = st.one_of(
    st.fixed_dictionaries({}),
    st.fixed_dictionaries(
        {
            "alignment": st.just("root"),
            "root": WORD.filter(lambda word: word != "none"),
            "scale_rule": st.sampled_from(["none", "least-squares", "norm-ratio"]),
        }
    ),
    st.fixed_dictionaries(
        {
            "alignment": st.just("similarity"),
            "scale_rule": st.just("per-pose"),
            "reflection": st.sampled_from(["forbid", "best"]),
        }
    ),
)


def test_id_is_spelt_for_ever():
    protocol = Protocol("pa-mpjpe", "similarity", "forbid", "per-pose")
    assert protocol.id == (
        "pa-mpjpe[align=similarity,reflection=forbid,scale=per-pose,root=none,joints=h36m_17,unit=mm]"
    )
    rooted = Protocol(
        "3dauc@0-150mm/31", "root", "none", "norm-ratio", "pelvis", "h36m_17-pelvis", "percent"
    )
    assert rooted.id == (
        "3dauc@0-150mm/31[align=root,reflection=none,scale=norm-ratio,root=pelvis,"
        "joints=h36m_17-pelvis,unit=percent]"
    )


@given(measure=WORD, aligned=ALIGNED, joints=WORD, unit=WORD)
def test_parsing_undoes_the_id(measure, aligned, joints, unit):
    protocol = Protocol(measure, **aligned, joint_set=joints, unit=unit)
    assert Protocol.parse(protocol.id) == protocol


@given(st.lists(ALIGNED, min_size=2, max_size=2))
def test_different_protocols_have_different_ids(pair):
    first, second = (Protocol("mpjpe", **aligned) for aligned in pair)
    assert (first.id == second.id) == (first == second)


def test_protocol_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Protocol("mpjpe").unit = "m"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "mpjpe",
        "mpjpe[]",
        "mpjpe[align=none,reflection=none,scale=none,root=none,joints=h36m_17]",
        "mpjpe[reflection=none,align=none,scale=none,root=none,joints=h36m_17,unit=mm]",
        "mpjpe[align=none,reflection=none,scale=none,root=none,joints=h36m_17,unit=mm] ",
    ],
)
def test_text_that_is_no_id_is_refused(text):
    with pytest.raises(ValueError, match=r"is not a protocol id; one looks like 'mpjpe\["):
        Protocol.parse(text)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"alignment": "procrustes"}, "alignment must be one of"),
        ({"reflection": "best"}, "alignment similarity, and no other"),
        ({"alignment": "similarity", "scale_rule": "per-pose"}, "alignment similarity"),
        ({"alignment": "similarity", "reflection": "best"}, "scale rule per-pose"),
        ({"alignment": "root"}, "names a root joint"),
        ({"root": "pelvis"}, "names a root joint"),
        ({"scale_rule": "norm-ratio"}, "needs alignment root"),
        ({"unit": "milli metres"}, "field unit must be one word"),
        ({"joint_set": "a,b"}, "field joint_set must be one word"),
        ({"root": None}, "field root must be one word"),
    ],
)
def test_contradictions_are_refused(fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        Protocol("mpjpe", **fields)


def test_joint_sets_name_what_is_left_out():
    assert joint_set(H36M_17) == "h36m_17"
    assert joint_set(H36M_17, ("head", "pelvis", "head")) == "h36m_17-pelvis-head"
    protocol = Protocol("mpjpe", joint_set="h36m_17-pelvis-head")
    assert protocol.skeleton is H36M_17
    assert protocol.kept_joints == (*range(1, 10), *range(11, 17))
    with pytest.raises(ValueError, match="no joint 'pelvs'; did you mean pelvis"):
        joint_set(H36M_17, ("pelvs",))


def test_standard_protocols_have_ids_of_their_own():
    protocols = standard_protocols()
    assert len({protocol.id for protocol in protocols.values()}) == len(protocols) == 12
    # Every id of the house in one place: a change here breaks old result files.
    assert [protocols[name].id.split("[")[0] for name in protocols] == [
        *("mpjpe", "pa-mpjpe", "pa-mpjpe", "n-mpjpe", "n-mpjpe"),
        *("3dpck@150mm", "3dauc@0-150mm/31", "3dpck@150mm", "3dauc@0-150mm/31"),
        *("3dauc@0-150mm/150", "chirality", "bone-symmetry"),
    ]


def test_a_hand_has_no_front_and_no_sides():
    protocols = standard_protocols(HAND_21_FREIHAND, root="wrist")
    assert "chirality" not in protocols and "bone_symmetry" not in protocols
    assert protocols["mpjpe"].joint_set == "hand_21_freihand"
