"""Picture records in one place: schema, files, access, streams and parts of sets.

The parts stand in modules of their own; the room's `__init__` has the names that most programs need,
this module all of them.
"""

from keras_pose.data.bad_records import BadRecords
from keras_pose.data.record import Record, RecordSource, check_values
from keras_pose.data.record_dataset import SOURCE_STRIDE, num_selected, records_dataset
from keras_pose.data.record_example import from_example, parse_examples, to_example
from keras_pose.data.record_files import write_records
from keras_pose.data.record_index import read_index
from keras_pose.data.record_order import SAMPLERS, RecordOrder, epoch_order
from keras_pose.data.record_reader import RecordReader
from keras_pose.data.record_selection import (
    published_split,
    select_count,
    select_groups,
    select_ids,
    split_groups,
    split_published,
    split_records,
)
from keras_pose.data.temporary_records import TemporaryRecords

__all__ = [
    "SAMPLERS",
    "SOURCE_STRIDE",
    "BadRecords",
    "Record",
    "RecordOrder",
    "RecordReader",
    "RecordSource",
    "TemporaryRecords",
    "check_values",
    "epoch_order",
    "from_example",
    "num_selected",
    "parse_examples",
    "published_split",
    "read_index",
    "records_dataset",
    "select_count",
    "select_groups",
    "select_ids",
    "split_groups",
    "split_published",
    "split_records",
    "to_example",
    "write_records",
]
