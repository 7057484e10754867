"""The records of a hand run: open folders or rendered hands, cut into training and held-out parts."""

import contextlib
import dataclasses

from keras_pose.data import records
from keras_pose.data.generated.hands import generate_hands
from keras_pose.data.records.sets import RecordSet, open_folders
from keras_pose.skeletons import HAND_21_FREIHAND


@dataclasses.dataclass(frozen=True)
class RunRecords:
    """The records of a run and the accounts of those that cannot be read.

    Attributes:
        record_set: the records.
        bad_records: account of unreadable training records.
        bad_heldout: the same of the held-out ones, which stop no run.
    """

    record_set: RecordSet
    bad_records: records.BadRecords
    bad_heldout: records.BadRecords

    @property
    def counts(self) -> dict[str, dict[str, int]]:
        """Numbers of training and held-out records per folder."""
        return self.record_set.counts

    def skipped(self) -> dict[str, str]:
        """Return the records left out so far, held-out ones too: id as text to reason."""
        reasons = self.bad_records.reasons | self.bad_heldout.reasons
        return {str(key): reason for key, reason in reasons.items()}

    def as_sentence(self) -> contextlib.AbstractContextManager:
        """Turn the failure of a stream over too many bad records into one sentence."""
        return self.bad_records.as_sentence()


def open_records(
    dataset: str,
    data_dir: str,
    num_generated: int,
    heldout_share: float,
    split_seed: int,
    image_size: int,
    seed: int,
) -> RecordSet:
    """Open the records of a run and split them by group.

    A folder whose records are all of one group is split by number instead.

    Args:
        dataset: `records` or `generated`.
        data_dir: record folders, separated by commas; unused for `generated`.
        num_generated: hands to render for `generated`.
        heldout_share: share of the records that is held out, 0 to 1 (excluded).
        split_seed: of the split.
        image_size: side of the network's input in pixels; hands are rendered half as large again.
        seed: of the rendered hands.

    Returns:
        The record set.

    Raises:
        ValueError: if no folder is named, one is unfinished, or no record is left.
    """
    temporary = None
    if dataset == "generated":
        temporary = records.TemporaryRecords()
        side = max(64, round(1.5 * image_size))
        hands = generate_hands(num_generated, seed, size=side)
        records.write_records(hands, temporary.path, "generated_hands")
        readers = [records.RecordReader(temporary.path)]
    else:
        readers = open_folders(data_dir, (HAND_21_FREIHAND.name,))
    parts = [records.split_records(reader, heldout_share, split_seed) for reader in readers]
    train, heldout = ([part[side] for part in parts] for side in (0, 1))
    record_set = RecordSet(readers, train, heldout, temporary)
    if not record_set.num_train:
        raise ValueError(f"--data_dir={data_dir} leaves no training records; hold out fewer.")
    return record_set
