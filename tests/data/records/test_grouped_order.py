"""The grouped order: chunks of one group, every record once, a pure function of seed and place."""

import numpy as np
import pytest

from keras_pose.data.records.order import RecordOrder

# Three groups of 5, 9 and 2 records in chunks of 4: three whole chunks and one of leftovers.
GROUPS = np.array([0] * 5 + [1] * 9 + [2] * 2)


def _epoch(order, epoch):
    sources, places = order.locate(np.arange(16) + 16 * epoch)
    assert (sources == 0).all()
    return places


def test_every_record_once_and_whole_chunks_of_one_group():
    order = RecordOrder([16], 3, "grouped", GROUPS, chunk=4)
    assert order.epoch_length == 16
    for epoch in range(5):
        places = _epoch(order, epoch)
        assert sorted(places) == list(range(16))
        kinds = [set(GROUPS[chunk]) for chunk in places.reshape(-1, 4)]
        # One whole chunk of group 0, two of group 1, and what is left of all three.
        assert sorted(map(tuple, kinds)) == [(0,), (0, 1, 2), (1,), (1,)]


def test_epochs_differ_and_positions_do_not_depend_on_history():
    order = RecordOrder([16], 3, "grouped", GROUPS, chunk=4)
    epochs = [_epoch(order, epoch) for epoch in range(4)]
    assert len({tuple(places) for places in epochs}) == 4
    fresh = RecordOrder([16], 3, "grouped", GROUPS, chunk=4)
    assert fresh.locate(np.array([37]))[1][0] == epochs[2][5]
    leftover = {
        tuple(sorted(c)) for p in epochs for c in p.reshape(-1, 4) if len(set(GROUPS[c])) > 1
    }
    assert len(leftover) > 1


def test_an_incomplete_chunk_waits_for_another_epoch():
    order = RecordOrder([11, 4], 0, "grouped", np.array([0] * 11 + [1] * 4), chunk=4)
    assert order.epoch_length == 12
    seen = set()
    for epoch in range(40):
        sources, places = order.locate(np.arange(12) + 12 * epoch)
        seen |= set(zip(sources.tolist(), places.tolist(), strict=True))
    assert len(seen) == 15


def test_groups_belong_to_the_grouped_sampler():
    with pytest.raises(ValueError, match="grouped"):
        RecordOrder([16], 0, "shuffle", GROUPS)
    with pytest.raises(ValueError, match="grouped"):
        RecordOrder([16], 0, "grouped")
    with pytest.raises(ValueError, match="batch size"):
        RecordOrder([16], 0, "grouped", GROUPS, chunk=17)
