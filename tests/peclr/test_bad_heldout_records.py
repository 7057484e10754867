"""Held-out records that cannot be read do not stop fine-tuning, and are listed like those of training."""

import dataclasses

from keras_pose.data.generated_hands import hand_source
from keras_pose.data.record import RecordSource
from keras_pose.data.records import write_records
from keras_pose.peclr.finetune_config import FinetuneConfig
from keras_pose.peclr.finetuning_data import load_hands

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
        hands = load_hands(config, str(tmp_path / name))
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
