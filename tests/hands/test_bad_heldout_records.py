"""Held-out records that cannot be read stop neither stage, and are listed like those of training."""

import dataclasses

import pytest

from keras_pose.data.generated.hands import hand_source
from keras_pose.data.records import RecordReader, write_records
from keras_pose.data.records.record import RecordSource
from keras_pose.hand_pose.config import FinetuneConfig
from keras_pose.hand_pose.data import load_labelled_hands
from keras_pose.peclr.config import PretrainConfig
from keras_pose.peclr.data import load_pictures

COUNT = 12


def test_bad_held_out_hands_are_listed(tmp_path):
    source = hand_source(COUNT, seed=4, size=48)

    def read(position):
        record = source.read(position)
        return dataclasses.replace(record, image=record.image[: len(record.image) // 2])

    write_records(source, tmp_path / "whole")
    every = RecordSource(source.name, source.licence, source.skeleton, COUNT, read)
    # All pictures are cut off, so whichever records are held out are bad.
    write_records(every, tmp_path / "cut")
    config = FinetuneConfig(image_size=32, batch_size=4, val_share=0.5)
    for name in ("whole", "cut"):
        hands = load_labelled_hands(config, str(tmp_path / name))
        heldout = [
            str(reader.ids[position])
            for reader, positions in zip(
                hands.record_set.readers, hands.record_set.heldout, strict=True
            )
            for position in positions
        ]
        assert 0 < len(heldout) < COUNT
        list(hands.heldout())
        assert sorted(hands.skipped()) == (sorted(heldout) if name == "cut" else [])
        assert not hands.bad_records.reasons


@pytest.mark.parametrize("augment_on", ["host", "device"])
def test_changed_bytes_and_cut_pictures_do_not_stop_pretraining(tmp_path, augment_on):
    source = hand_source(COUNT, seed=4, size=48)
    config = PretrainConfig(image_size=32, batch_size=4, val_share=0.5, augment_on=augment_on)
    write_records(source, tmp_path / "whole")
    (held,) = load_pictures(config, str(tmp_path / "whole")).record_set.heldout
    changed, cut = (int(position) for position in held[:2])

    def read(position):
        record = source.read(position)
        length = len(record.image) // 2 if position == cut else len(record.image)
        return dataclasses.replace(record, image=record.image[:length])

    every = RecordSource(source.name, source.licence, source.skeleton, COUNT, read)
    write_records(every, tmp_path / "bad")
    reader = RecordReader(tmp_path / "bad")
    (path,) = (tmp_path / "bad").glob("*.tfrecord")
    content = bytearray(path.read_bytes())
    picture = reader.record(changed).image
    content[content.index(picture) + len(picture) // 2] ^= 0x10
    path.write_bytes(content)
    pictures = load_pictures(config, str(tmp_path / "bad"))
    for _ in range(2):
        batches = list(pictures.heldout)
        assert len(batches) == max(1, len(held) // 4)
    assert sorted(pictures.skipped()) == sorted(str(reader.ids[n]) for n in (changed, cut))
    assert not pictures.bad_records.reasons
