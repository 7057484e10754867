"""Streams of records: a pure function of (seed, position); damage is counted; parts are the rule's."""

import collections
import concurrent.futures
import logging
import pathlib

import numpy as np
import pytest

from keras_pose.data.records import (
    SOURCE_STRIDE,
    BadRecords,
    Record,
    RecordOrder,
    RecordReader,
    epoch_order,
    published_split,
    records_dataset,
    select_count,
    split_groups,
    split_published,
    write_records,
)

VECTORS = pathlib.Path(__file__).parents[2] / "golden" / "peclr" / "h_maps_split.npz"


def _record(number, source="made"):
    return Record(number, source, f"{number}", b"%d" % number, 1, 1, group=f"g{number // 4}")


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("records")
    write_records(map(_record, range(23)), root / "a", shard_size=5)
    write_records((_record(number, "few") for number in range(3)), root / "b")
    return root / "a", root / "b"


def _ids(dataset, count=None):
    dataset = dataset if count is None else dataset.take(count)
    return [int(element["id"]) for element in dataset.as_numpy_iterator()]


def test_every_epoch_holds_every_record_once_in_its_own_order(folders):
    ids = _ids(records_dataset(folders[0], seed=3), 69)
    epochs = [ids[:23], ids[23:46], ids[46:]]
    assert all(sorted(epoch) == list(range(23)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert ids[:23] == epoch_order(3, 0, 23).tolist()
    assert _ids(records_dataset(folders[0], seed=4), 23) != epochs[0]


@pytest.mark.parametrize("sampler", ["shuffle", "weighted"])
@pytest.mark.parametrize("start", [0, 1, 22, 23, 40, 1_000_003])
def test_a_stream_opened_later_is_the_same_stream(folders, sampler, start):
    whole = records_dataset(folders, seed=9, sampler=sampler, start=start)
    late = records_dataset(
        folders, seed=9, sampler=sampler, start=start + 17, block=5, num_threads=1
    )
    keys = ("id", "position", "epoch", "folder", "image", "source")
    first = [[e[key] for key in keys] for e in whole.skip(17).take(30).as_numpy_iterator()]
    second = [[e[key] for key in keys] for e in late.take(30).as_numpy_iterator()]
    assert first == second
    assert second[0][1] == start + 17 and second[0][2] == (start + 17) // 26


def test_one_pass_in_order_ends(folders):
    assert _ids(records_dataset(folders[0], sampler="in_order")) == list(range(23))
    both = records_dataset(folders, sampler="in_order", block=7)
    assert _ids(both) == [*range(23), *(SOURCE_STRIDE + n for n in range(3))]
    assert _ids(records_dataset(folders[0], sampler="in_order", start=20)) == [20, 21, 22]


def test_a_folder_nothing_is_used_of_changes_nothing(folders):
    a, b = folders
    nothing = np.array([], np.int64)
    for sampler in ("in_order", "shuffle"):
        dataset = records_dataset(
            (a, b, a), seed=2, sampler=sampler, subsets=(nothing, None, nothing)
        )
        ids = _ids(dataset, 3)
        assert sorted(ids) == [SOURCE_STRIDE + n for n in range(3)]
    with pytest.raises(ValueError, match=r"has no record to use \(records by folder: 0, 3\)"):
        RecordOrder([0, 3], 0, "weighted")
    with pytest.raises(ValueError, match="leave it out"):
        RecordOrder([0, 0], 0)


def test_weighted_sources_are_equally_likely_and_every_record_comes():
    order = RecordOrder([1000, 10], 0, "weighted")
    source, place = order.locate(np.arange(40_000))
    # Four standard deviations of a fair coin: 4 * sqrt(40000) / 2 = 400.
    assert abs(int(source.sum()) - 20_000) < 400
    counts = collections.Counter(place[source == 1].tolist())
    assert sorted(counts) == list(range(10))
    # Each has 2,000 expected draws with a deviation of 44.
    assert all(abs(count - 2000) < 200 for count in counts.values())
    assert place[source == 0].max() == 999 and len(set(place[source == 0].tolist())) == 1000
    assert order.epoch_length == 1010


def test_the_order_of_an_epoch_is_fair():
    firsts = collections.Counter(int(epoch_order(0, epoch, 5)[0]) for epoch in range(1000))
    # 200 expected, deviation 12.6.
    assert all(abs(firsts[number] - 200) < 60 for number in range(5))


def test_a_million_positions_are_found_without_a_list_of_epochs():
    order = RecordOrder([10**6], 1)
    _, places = order.locate(np.arange(5 * 10**6 - 3, 5 * 10**6 + 3))
    expected = [epoch_order(1, 4, 10**6)[-3:], epoch_order(1, 5, 10**6)[:3]]
    assert places.tolist() == np.concatenate(expected).tolist()


def test_element_shapes_are_fixed(folders):
    spec = records_dataset(folders[0]).element_spec
    shapes = {key: value.shape.as_list() for key, value in spec.items()}
    assert shapes["keypoints_2d"] == [21, 2] and shapes["intrinsics"] == [3, 3]
    assert shapes["visible"] == [21] and shapes["box"] == [4] and shapes["image"] == []
    assert shapes["id"] == [] and shapes["position"] == [] and shapes["folder"] == []


def test_subsets_and_refusals(folders):
    subset = np.array([4, 7, 9])
    ids = _ids(records_dataset(folders[0], subsets=[subset], seed=1), 30)
    assert collections.Counter(ids) == {4: 10, 7: 10, 9: 10}
    with pytest.raises(ValueError, match="folders need"):
        records_dataset(folders, subsets=[None])
    with pytest.raises(ValueError, match="names others"):
        records_dataset(folders[0], subsets=[np.array([23])])
    with pytest.raises(ValueError, match="has no record"):
        records_dataset(folders[0], subsets=[np.array([], int)])
    with pytest.raises(ValueError, match="sampler"):
        records_dataset(folders[0], sampler="random")
    with pytest.raises(ValueError, match="start"):
        records_dataset(folders[0], start=-1)
    with pytest.raises(ValueError, match="at least one"):
        records_dataset([])


def test_sets_of_different_joint_orders_are_not_mixed(tmp_path, folders):
    write_records([Record(1, "s", "n", b"x", 1, 1, skeleton="h36m_17")], tmp_path)
    with pytest.raises(ValueError, match="different joint orders"):
        records_dataset([folders[0], tmp_path])


def test_bodies_with_a_thorax_and_with_a_spine_may_be_mixed(tmp_path):
    for name in ("mpii_16", "mpii_16_spine"):
        write_records([Record(7, "s", "n", b"x", 1, 1, skeleton=name)], tmp_path / name)
    both = records_dataset([tmp_path / "mpii_16", tmp_path / "mpii_16_spine"], sampler="in_order")
    elements = list(both.as_numpy_iterator())
    assert [element["folder"] for element in elements] == [0, 1]
    assert elements[0]["keypoints_2d"].shape == (16, 2)


@pytest.fixture
def damaged(tmp_path):
    write_records((Record(n, "m", f"{n}", b"bytes %04d" % n, 1, 1) for n in range(20)), tmp_path)
    path = next(tmp_path.glob("*.tfrecord"))
    data = path.read_bytes()
    path.write_bytes(
        data.replace(b"bytes 0003", b"bytes 00x3").replace(b"bytes 0011", b"bytez 0011")
    )
    return tmp_path


def test_damaged_bytes_are_counted_logged_once_and_replaced(damaged, caplog):
    account = BadRecords(20, max_bad_fraction=0.1)
    with caplog.at_level(logging.WARNING, logger="keras_pose.data"):
        ids = _ids(records_dataset(damaged, bad_records=account, seed=2), 60)
    assert sorted(account.reasons) == [3, 11]
    assert len(caplog.records) == 2 and "records-00000.tfrecord" in caplog.text
    assert len(ids) == 60 and not {3, 11} & set(ids)
    # The others stand where they stand in the sound stream.
    order = np.concatenate([epoch_order(2, epoch, 20) for epoch in range(3)]).tolist()
    assert [a for a, b in zip(ids, order, strict=True) if b not in (3, 11)] == [
        number for number in order if number not in (3, 11)
    ]
    # And the replacement is no history either.
    late = records_dataset(damaged, bad_records=BadRecords(20, 0.1), seed=2, start=31, block=3)
    assert _ids(late, 29) == ids[31:]


def test_too_many_damaged_records_stop_the_stream(damaged):
    account = BadRecords(20, max_bad_fraction=0.05)
    with pytest.raises(Exception, match="2 of 20 records are bad"):
        _ids(records_dataset(damaged, bad_records=account), 20)
    with pytest.raises(
        ValueError, match="2 of 20 records are bad, more than --max_bad_fraction=0.05"
    ):
        account.check()
    with pytest.raises(Exception, match="of 20 records are bad"):
        _ids(records_dataset(damaged), 20)
    # What a trainer does: the stack trace of the graph becomes the account's own sentence.
    account = BadRecords(20)
    with pytest.raises(ValueError, match=r"^\d of 20 records are bad") as caught:
        with account.as_sentence():
            _ids(records_dataset(damaged, bad_records=account), 20)
    assert "Traceback" not in str(caught.value)
    with pytest.raises(KeyError), BadRecords(20).as_sentence():
        raise KeyError("not ours")
    with pytest.raises(ValueError, match="between 0 and 1"):
        BadRecords(20, 1.5)


def test_published_split_is_scikit_learns():
    golden = np.load(VECTORS)
    for name, ratio in (("split_90", 0.9), ("split_full", 0.9999999999)):
        train, validation = published_split(32560, ratio)
        assert [len(train), len(validation)] == golden[f"{name}_len_train_val"].tolist()
        np.testing.assert_array_equal(validation[:50], golden[f"{name}_val_sorted_first50"])
        sums = [int(validation.sum()), int((validation.astype(np.int64) ** 2).sum())]
        assert sums == golden[f"{name}_val_checksum_sum_sumsq"].tolist()
        assert sorted([*train, *validation]) == list(range(32560))
    with pytest.raises(ValueError, match="between 0 and 1"):
        published_split(10, 1.1)


def test_smaller_shares_are_contained_in_larger_ones():
    shares = [set(published_split(1000, ratio)[0].tolist()) for ratio in (0.1, 0.4, 0.8)]
    assert shares[0] < shares[1] < shares[2] and len(shares[0]) == 100


def test_groups_stay_together(folders):
    reader = RecordReader(folders[0])  # six groups, the last of three records
    for split in (split_published, split_groups):
        train, test = split(reader, 0.5)
        assert sorted([*train, *test]) == list(range(23))
        assert not set(reader.groups[train]) & set(reader.groups[test])
        assert 8 <= len(train) <= 15
    held = [5, 2, 4]  # RandomState(5).permutation(6) is [5, 2, 4, 1, 0, 3]
    expected = sorted(n for n in range(23) if n // 4 in held)
    assert split_published(reader, 0.5)[1].tolist() == expected
    with pytest.raises(ValueError, match="only one group"):
        split_groups(RecordReader(folders[1]), 0.5)


def test_a_number_of_records_is_nested(folders):
    reader = RecordReader(folders[0])
    few, more = (select_count(reader, count, seed=4).tolist() for count in (5, 12))
    assert len(few) == 5 and set(few) < set(more)
    assert few != select_count(reader, 5, seed=5).tolist()
    assert set(select_count(reader, 3, among=[1, 2, 3, 4])) < {1, 2, 3, 4}
    assert len(select_count(reader, 100)) == 23
    with pytest.raises(ValueError, match="at least 1"):
        select_count(reader, 0)


def test_memory_does_not_grow_with_epochs_read_from_many_threads():
    def in_use():
        lines = pathlib.Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("RssAnon"))

    order = RecordOrder([100_000], 1)
    held = []
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for epoch in range(1, 21):
            border = epoch * 100_000
            list(pool.map(lambda n, b=border: order.locate(np.arange(b - n, b + n)), range(1, 9)))
            held.append(in_use())
    # Two orders of 0.8 MB are held. Sorted in the threads that ask, these grew by 16 MiB.
    assert held[-1] - held[2] < 4
