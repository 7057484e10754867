"""Picture records: schema, files, access, streams and subsets.

Here: how a labelled picture is stored, found and streamed in a repeatable order. Not here: how pixels
are decoded or how views are made from them (`data.pictures`, `data.views`).
"""

from keras_pose.data.records.bad_records import BadRecords
from keras_pose.data.records.example import from_example, parse_examples, to_example
from keras_pose.data.records.index import read_index
from keras_pose.data.records.order import SAMPLERS, RecordOrder, epoch_order
from keras_pose.data.records.reader import RecordReader
from keras_pose.data.records.record import Record, RecordSource, check_values
from keras_pose.data.records.selection import (
    published_split,
    select_count,
    split_groups,
    split_published,
    split_records,
)
from keras_pose.data.records.stream import SOURCE_STRIDE, records_dataset
from keras_pose.data.records.temporary import TemporaryRecords
from keras_pose.data.records.writer import write_records

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
    "parse_examples",
    "published_split",
    "read_index",
    "records_dataset",
    "select_count",
    "split_groups",
    "split_published",
    "split_records",
    "to_example",
    "write_records",
]
