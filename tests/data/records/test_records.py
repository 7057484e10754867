"""Record files: bytes and back, kill and go on, damage named; a folder counts only when finished."""

import dataclasses
import json
import os
import signal
import subprocess
import sys

import cv2
import numpy as np
import pytest
import tensorflow as tf

from keras_pose.data.records import (
    Record,
    RecordReader,
    RecordSource,
    check_values,
    from_example,
    parse_examples,
    read_index,
    to_example,
    write_records,
)


def _picture(number, size=8):
    rng = np.random.default_rng(number)
    return cv2.imencode(".png", rng.integers(0, 255, (size, size, 3), np.uint8))[1].tobytes()


def _record(number, **change):
    fields = {
        "id": 100 + number,
        "source": "made",
        "name": f"{number}.png",
        "image": _picture(number),
        "height": 8,
        "width": 8,
        "keypoints_2d": np.full((21, 2), number / 8, np.float32),
        "box": (1.0, 2.0, 3.0, 4.0),
        "side": "left",
        "group": f"g{number // 3}",
        "label": number % 5,
        "score": 0.5,
    }
    return Record(**(fields | change))


def _source(count, read=_record):
    return RecordSource("made", "ours", "hand_21_freihand", count, read)


def _bytes_of(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_record_survives_bytes():
    full = _record(
        3,
        keypoints_3d=np.arange(63, dtype=np.float32).reshape(21, 3),
        intrinsics=[[500, 0, 4], [0, 500, 4], [0, 0, 1]],
        has_absolute_depth=False,
        scale=0.03,
        visible=np.arange(21) % 2,
    )
    for record in (full, Record(1, "s", "", b"x", 1, 1)):
        back = from_example(to_example(record))
        for field in dataclasses.fields(Record):
            value, expected = getattr(back, field.name), getattr(record, field.name)
            if isinstance(expected, float):
                assert value == np.float32(expected)
            elif isinstance(expected, np.ndarray):
                np.testing.assert_array_equal(value, expected, err_msg=field.name)
                assert value.dtype == np.float32
            else:
                assert value == expected, field.name
    assert to_example(full) == to_example(dataclasses.replace(full))
    with pytest.raises(ValueError, match="not a record"):
        from_example(b"\xff\x01nonsense")


def test_batch_in_the_graph_tells_unknown_from_zero():
    zeros = np.zeros((21, 3), np.float32)
    records = [
        _record(0, keypoints_2d=np.zeros((21, 2)), keypoints_3d=zeros, side="right"),
        Record(7, "other", "b.png", b"x", 5, 6),
        _record(2, keypoints_3d=zeros, has_absolute_depth=False, intrinsics=np.eye(3)),
    ]
    examples = tf.constant([to_example(record) for record in records])
    for parse in (parse_examples, tf.function(parse_examples)):
        batch = {key: value.numpy() for key, value in parse(examples, 21).items()}
        assert batch["has_2d"].tolist() == [1, 0, 1]
        assert batch["has_depth"].tolist() == [1, 0, 1]
        assert batch["has_3d"].tolist() == [1, 0, 0]
        assert batch["has_intrinsics"].tolist() == [0, 0, 1]
        assert batch["has_box"].tolist() == [1, 0, 1]
        assert batch["side"].tolist() == [1, 0, -1] and batch["side"].dtype == np.int32
        assert batch["label"].tolist() == [0, -1, 2]
        assert batch["id"].tolist() == [100, 7, 102] and batch["id"].dtype == np.int64
        assert batch["image"].tolist() == [_picture(0), b"x", _picture(2)]
        assert batch["source"].tolist() == [b"made", b"other", b"made"]
        assert batch["group"].tolist() == [b"g0", b"", b"g0"]
        assert batch["visible"].tolist() == [[1] * 21, [0] * 21, [1] * 21]
        assert batch["box"].tolist() == [[1, 2, 3, 4], [0] * 4, [1, 2, 3, 4]]
        assert batch["keypoints_2d"][2].tolist() == [[0.25, 0.25]] * 21
        assert batch["intrinsics"].shape == (3, 3, 3) and batch["keypoints_3d"].shape == (3, 21, 3)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (
            {"keypoints_2d": np.full((21, 2), np.nan)},
            "keypoints_2d holds numbers that are not finite",
        ),
        ({"image": b""}, "picture is empty"),
        ({"intrinsics": np.zeros((3, 3))}, "focal length of 0"),
        ({"intrinsics": [[500, 0, 0], [0, 500, 0], [4, 4, 1]]}, "transposed"),
        ({"box": [8, 0, 4, 4]}, "outside the picture of 8 x 8"),
        ({"box": [-5, 0, 4, 4]}, "outside the picture"),
        ({"box": [1, 1, 0, 4]}, "no area"),
        ({"scale": -1.0}, "scale"),
        ({"score": -0.5}, "score"),
        ({"keypoints_3d": np.full((21, 3), np.inf)}, "give all 3D joints of the record or none"),
        ({"box": [np.nan, 0, 4, 4]}, "not finite; correct them, or leave the field out"),
    ],
)
def test_values_that_no_training_may_see_are_refused_by_name(change, word):
    with pytest.raises(ValueError, match=word) as caught:
        check_values(_record(4, **change))
    assert "record 104 (4.png)" in str(caught.value)


def test_a_box_partly_outside_and_a_tiny_picture_are_fine():
    check_values(_record(4, box=[-3, -3, 6, 6]))
    check_values(_record(4, height=1, width=1, box=None))


@pytest.mark.parametrize(
    "change", [{"keypoints_2d": np.zeros((20, 2))}, {"side": "both"}, {"id": 2**63}, {"box": [1]}]
)
def test_a_record_of_another_shape_is_none(change):
    with pytest.raises(ValueError, match="record"):
        _record(0, **change)


def test_files_index_and_random_access(tmp_path):
    index = write_records(_source(10), tmp_path / "set", shard_size=4)
    assert index == read_index(tmp_path / "set")
    assert index["num_records"] == 10 and index["num_bad"] == 0
    assert [shard["records"] for shard in index["shards"]] == [4, 4, 2]
    assert index["counts"]["with_2d"] == 10 and index["counts"]["with_3d"] == 0
    assert index["counts"]["left"] == 10 and index["counts"]["with_label"] == 10
    assert (index["source"], index["licence"]) == ("made", "ours")
    names = [str(tmp_path / "set" / shard["file"]) for shard in index["shards"]]
    # Any TFRecord reader reads them, with TFRecord's own checksums.
    plain = [from_example(data.numpy()).id for data in tf.data.TFRecordDataset(names)]
    assert plain == list(range(100, 110))
    reader = RecordReader(tmp_path / "set")
    assert len(reader) == 10 and reader.num_joints == 21
    assert reader.ids.tolist() == plain
    assert reader.group_names == ("g0", "g1", "g2", "g3")
    assert reader.groups.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert reader.labels.tolist() == [0, 1, 2, 3, 4] * 2 and set(reader.sides.tolist()) == {-1}
    assert reader.has("2d").all() and reader.has("box").all() and not reader.has("3d").any()
    for position in (9, 0, 4):
        assert reader.record(position).image == _picture(position)
    with pytest.raises(IndexError):
        reader.serialized(10)
    with pytest.raises(ValueError, match="kind of label"):
        reader.has("4d")


def test_an_iterable_and_a_source_give_the_same_files(tmp_path):
    write_records(_source(7), tmp_path / "a", "x", licence="l", shard_size=3)
    write_records(map(_record, range(7)), tmp_path / "b", "x", licence="l", shard_size=3)
    assert _bytes_of(tmp_path / "a") == _bytes_of(tmp_path / "b")


@pytest.mark.parametrize("as_source", [True, False])
@pytest.mark.parametrize("stop", [1, 3, 4, 8, 9])
def test_a_stopped_run_goes_on_and_ends_with_the_same_bytes(tmp_path, stop, as_source):
    def fails(number):
        if number == stop:
            raise KeyboardInterrupt
        if number == 2:
            raise ValueError("2.png is damaged")
        return _record(number)

    def whole(number):
        if number == 2:
            raise ValueError("2.png is damaged")
        return _record(number)

    def given(read):
        if as_source:
            return _source(10, read)
        return (read(number) for number in range(10) if number != 2)

    options = {"name": "x", "licence": "l", "shard_size": 3, "max_bad_fraction": 0.2}
    write_records(given(whole), tmp_path / "once", **options)
    with pytest.raises(KeyboardInterrupt):
        write_records(given(fails), tmp_path / "twice", **options)
    with pytest.raises(ValueError, match="is unfinished|prepare"):
        read_index(tmp_path / "twice")
    write_records(given(whole), tmp_path / "twice", **options)
    assert _bytes_of(tmp_path / "once") == _bytes_of(tmp_path / "twice")
    assert read_index(tmp_path / "once")["num_bad"] == int(as_source)


_KILLED = """
import sys, time
sys.path.insert(0, {here!r})
import test_records as t
def read(number):
    if number == 7:
        print("seven", flush=True)
        time.sleep(60)
    return t._record(number)
t.write_records(t._source(10, read), {folder!r}, shard_size=3, num_threads=1)
"""


def test_kill_9_leaves_nothing_half_written_that_counts(tmp_path):
    write_records(_source(10), tmp_path / "once", shard_size=3)
    script = _KILLED.format(here=os.path.dirname(__file__), folder=str(tmp_path / "twice"))
    root = os.path.dirname(os.path.dirname(os.path.dirname(__file__)))
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=root, text=True
    ) as process:
        assert process.stdout.readline() == "seven\n"
        while not (tmp_path / "twice" / "records-00000.json").exists():
            pass
        process.send_signal(signal.SIGKILL)
    (tmp_path / "twice" / ".records-00001.tfrecord.partial").write_bytes(b"half")
    read = []
    write_records(
        _source(10, lambda n: read.append(n) or _record(n)), tmp_path / "twice", shard_size=3
    )
    assert _bytes_of(tmp_path / "once") == _bytes_of(tmp_path / "twice")
    assert min(read) >= 3  # what was finished is not read again


def test_files_of_others_stay(tmp_path):
    others = ("records-summer.jpg", "records-00001.jpg", ".mine.partial")
    for name in others:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / "records-00007.npy").write_bytes(b"left over")
    write_records(_source(3), tmp_path)
    assert all((tmp_path / name).read_bytes() == b"mine" for name in others)
    assert not (tmp_path / "records-00007.npy").exists()


def test_a_finished_folder_is_left_alone_and_other_settings_are_refused(tmp_path):
    first = write_records(_source(5), tmp_path, settings={"size": (1, 2)})
    before = {path: os.stat(path).st_mtime_ns for path in tmp_path.iterdir()}
    assert write_records(_source(5), tmp_path, settings={"size": (1, 2)}) == first
    assert before == {path: os.stat(path).st_mtime_ns for path in tmp_path.iterdir()}
    with pytest.raises(ValueError, match="started with settings"):
        write_records(_source(5), tmp_path, settings={"size": (2, 2)})
    again = write_records(_source(4), tmp_path, resume=False)
    assert again["num_records"] == 4 and len(RecordReader(tmp_path)) == 4


def test_an_iterable_that_changed_is_refused(tmp_path):
    def stopping():
        yield from map(_record, range(5))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_records(stopping(), tmp_path, shard_size=4)
    with pytest.raises(ValueError, match="started with different records"):
        write_records(map(_record, range(20, 30)), tmp_path, shard_size=4)


def test_bad_records_are_counted_listed_and_limited(tmp_path):
    def read(number):
        if number in (4, 11):
            raise ValueError(f"{number}.png is cut off")
        return _record(number)

    seen = []
    index = write_records(
        _source(20, read), tmp_path / "a", max_bad_fraction=0.1, on_bad=lambda *a: seen.append(a)
    )
    assert index["num_records"] == 18 and index["num_bad"] == 2
    assert index["bad"] == [["4", "4.png is cut off"], ["11", "11.png is cut off"]]
    assert seen == [tuple(entry) for entry in index["bad"]]
    with pytest.raises(ValueError, match=r"2 of 20 records are bad, more than --max_bad_fraction"):
        write_records(_source(20, read), tmp_path / "b", max_bad_fraction=0.09)
    with pytest.raises(ValueError, match=r"1 of 20 .*4.png is cut off"):
        write_records(_source(20, read), tmp_path / "c")


def test_ids_are_unique_joint_orders_one_and_there_is_a_record(tmp_path):
    with pytest.raises(ValueError, match="used twice"):
        write_records([_record(1), _record(1)], tmp_path / "a")
    body = Record(1, "s", "n", b"x", 1, 1, skeleton="h36m_17")
    with pytest.raises(ValueError, match="two sets"):
        write_records([_record(1), body], tmp_path / "b")
    with pytest.raises(ValueError, match="no record"):
        write_records([], tmp_path / "c")
    with pytest.raises(ValueError, match="shard_size"):
        write_records([_record(1)], tmp_path / "d", shard_size=0)


def test_large_records_close_a_shard_early(tmp_path):
    index = write_records(_source(6), tmp_path, shard_bytes=1000)
    assert [shard["records"] for shard in index["shards"]] == [2, 2, 2]


def test_damage_is_named(tmp_path):
    write_records(_source(6), tmp_path / "set", shard_size=3)
    path = tmp_path / "set" / "records-00001.tfrecord"
    good = path.read_bytes()
    place = good.find(_picture(4))
    path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
    reader = RecordReader(tmp_path / "set")
    assert reader.record(3).id == 103
    with pytest.raises(ValueError, match=r"records-00001.tfrecord: the bytes of record 104"):
        reader.serialized(4)
    path.write_bytes(good[:-5])
    with pytest.raises(ValueError, match="copy the folder again"):
        RecordReader(tmp_path / "set")
    path.write_bytes(good)
    table = path.with_suffix(".npy")
    table.write_bytes(table.read_bytes()[:-40])
    with pytest.raises(ValueError, match="records-00001.npy"):
        RecordReader(tmp_path / "set")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("{", "not valid JSON"),
        ("[]", "not an object"),
        (json.dumps({"schema_version": 9}), "schema version 9"),
        (json.dumps({"schema_version": 1, "name": "x"}), "lacks"),
    ],
)
def test_an_index_that_is_none_is_refused(tmp_path, text, word):
    (tmp_path / "index.json").write_text(text)
    with pytest.raises(ValueError, match=word):
        read_index(tmp_path)
    with pytest.raises(ValueError, match="keras_pose.data.prepare"):
        read_index(tmp_path / "nowhere")


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="Cannot make the folder"):
        write_records(_source(2), tmp_path / "file" / "set")


def test_head_sizes_are_kept_and_older_records_have_none(tmp_path):
    known, unknown = _record(1, head_size=12.5), _record(2)
    assert from_example(to_example(known)).head_size == 12.5
    # A record without one has the bytes of records from before there was such a field.
    assert b"head_size" in to_example(known) and b"head_size" not in to_example(unknown)
    batch = parse_examples(tf.constant([to_example(known), to_example(unknown)]), 21)
    assert batch["head_size"].numpy().tolist() == [12.5, 0]
    index = write_records([known, unknown], tmp_path / "set")
    assert index["counts"]["with_head_size"] == 1
    assert RecordReader(tmp_path / "set").has("head_size").tolist() == [True, False]
    with pytest.raises(ValueError, match="head_size is -1"):
        check_values(_record(1, head_size=-1.0))


def _body(number, **change):
    fields = {
        "skeleton": "mpii_16_spine",
        "keypoints_2d": np.full((16, 2), number / 8, np.float32),
        "keypoints_3d": np.full((16, 3), number, np.float32),
        "side": "unknown",
    }
    return _record(number, **(fields | change))


def test_bodies_with_and_without_3d_labels_lie_in_one_folder(tmp_path):
    bodies = [_body(0), _body(1, keypoints_3d=None), _body(2, keypoints_2d=None), _body(3)]
    names = ("Walking", "Sitting")
    source = RecordSource(
        "bodies", "ours", "mpii_16_spine", 4, lambda p: bodies[p], label_names=names
    )
    index = write_records(source, tmp_path / "set")
    assert index["label_names"] == list(names)
    assert "label_names" not in write_records(bodies, tmp_path / "plain")
    reader = RecordReader(tmp_path / "set")
    assert reader.num_joints == 16
    assert reader.has("3d").tolist() == reader.has("depth").tolist() == [True, False, True, True]
    assert reader.has("2d").tolist() == [True, True, False, True]
    batch = parse_examples(tf.constant([reader.serialized(p) for p in range(4)]), 16)
    assert batch["has_depth"].numpy().tolist() == [1, 0, 1, 1]
    assert batch["keypoints_3d"].shape == (4, 16, 3)
