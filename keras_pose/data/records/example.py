"""A record as bytes and back: `tf.train.Example`, one feature per field, absent where unknown.

`to_example` and `from_example` work on one record in Python; `parse_examples` on a batch inside a
TensorFlow graph, where every key has a fixed shape and `has_*` says whether its value is known.
"""

import numpy as np
import tensorflow as tf

from keras_pose.data.records.record import Record

_SIDE_NUMBERS = {"right": 1, "left": -1, "unknown": 0}
_SIDE_NAMES = {number: name for name, number in _SIDE_NUMBERS.items()}
_BYTES = ("source", "name", "image", "group", "skeleton")
_INTEGERS = ("id", "height", "width", "label")
_NUMBERS = ("scale", "score")
# Written where known alone, so that records without it keep their bytes; 0 in older folders.
_LATER_NUMBERS = ("head_size",)
_ARRAYS = ("keypoints_2d", "visible", "keypoints_3d", "intrinsics", "box")


def to_example(record: Record) -> bytes:
    """Serialize a record; the same record always gives the same bytes.

    Args:
        record: any record.

    Returns:
        A serialized `tf.train.Example`.
    """
    features = {}
    for field in _BYTES:
        value = getattr(record, field)
        value = value if isinstance(value, bytes) else value.encode()
        features[field] = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    integers = {field: getattr(record, field) for field in _INTEGERS}
    integers["side"] = _SIDE_NUMBERS[record.side]
    integers["has_absolute_depth"] = int(record.has_absolute_depth)
    for field, value in integers.items():
        features[field] = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
    numbers = {field: [getattr(record, field)] for field in _NUMBERS}
    numbers |= {
        field: [getattr(record, field)] for field in _LATER_NUMBERS if getattr(record, field)
    }
    for field in _ARRAYS:
        if getattr(record, field) is not None:
            numbers[field] = getattr(record, field).ravel().tolist()
    for field, value in numbers.items():
        features[field] = tf.train.Feature(float_list=tf.train.FloatList(value=value))
    example = tf.train.Example(features=tf.train.Features(feature=features))
    # Features are a map; without this its order, and so the checksums, would be chance.
    return example.SerializeToString(deterministic=True)


def from_example(data: bytes) -> Record:
    """Read one record.

    Args:
        data: what `to_example` returned.

    Returns:
        The record.

    Raises:
        ValueError: if the bytes are not a record.
    """
    example = tf.train.Example()
    try:
        example.ParseFromString(data)
        features = example.features.feature
        fields = {field: features[field].bytes_list.value[0] for field in _BYTES}
        fields |= {
            field: value if field == "image" else value.decode() for field, value in fields.items()
        }
        fields |= {field: features[field].int64_list.value[0] for field in _INTEGERS}
        fields |= {field: features[field].float_list.value[0] for field in _NUMBERS}
        present = [field for field in _LATER_NUMBERS if field in features]
        fields |= {field: features[field].float_list.value[0] for field in present}
        fields["side"] = _SIDE_NAMES[features["side"].int64_list.value[0]]
        fields["has_absolute_depth"] = bool(features["has_absolute_depth"].int64_list.value[0])
        for field in _ARRAYS:
            if field in features:
                value = np.array(features[field].float_list.value, np.float32)
                shape = {"keypoints_2d": (-1, 2), "keypoints_3d": (-1, 3), "intrinsics": (3, 3)}
                fields[field] = value.reshape(shape.get(field, (-1,)))
        return Record(**fields)
    except Exception as error:  # protobuf's errors are of several kinds, none of them public
        raise ValueError(
            f"These {len(data)} bytes are not a record ({str(error)[:80]}); prepare the set again."
        ) from error


def parse_examples(examples: tf.Tensor, num_joints: int) -> dict[str, tf.Tensor]:
    """Read a batch of records inside a graph.

    Args:
        examples: string `[B]`, serialized records.
        num_joints: joints of the set's skeleton.

    Returns:
        `image`, `source`, `name`, `group` string `[B]`; `id`, `label` (-1: none) int64 `[B]`; `height`,
        `width`, `side` (1 right, -1 left, 0 unknown) int32 `[B]`; `scale` (m), `score`,
        `head_size` (px, 0: unknown) float32 `[B]`; `keypoints_2d` `[B, J, 2]` px, `visible` `[B, J]`,
        `keypoints_3d` `[B, J, 3]` m camera frame,
        `intrinsics` `[B, 3, 3]`, `box` `[B, 4]` px x y width height, float32 and zeros where unknown;
        `has_2d`, `has_depth` (3D known up to a translation), `has_3d` (absolute), `has_intrinsics`,
        `has_box` float32 `[B]`, 0 or 1.
    """
    shapes = {
        "keypoints_2d": (num_joints, 2),
        "visible": (num_joints,),
        "keypoints_3d": (num_joints, 3),
        "intrinsics": (3, 3),
        "box": (4,),
    }
    spec: dict = {
        field: tf.io.FixedLenFeature([], tf.string) for field in _BYTES if field != "skeleton"
    }
    for field in (*_INTEGERS, "side", "has_absolute_depth"):
        spec[field] = tf.io.FixedLenFeature([], tf.int64)
    for field in _NUMBERS:
        spec[field] = tf.io.FixedLenFeature([], tf.float32)
    for field in _LATER_NUMBERS:
        spec[field] = tf.io.FixedLenFeature([], tf.float32, default_value=0.0)
    for field, shape in shapes.items():
        zeros = np.zeros(shape, np.float32)
        spec[field] = tf.io.FixedLenFeature(shape, tf.float32, default_value=zeros)
    # A fixed feature with a default cannot tell an absent one from zeros; a ragged one's length can.
    parsed = tf.io.parse_example(examples, spec)
    ragged = tf.io.parse_example(
        examples, {field: tf.io.RaggedFeature(tf.float32) for field in shapes}
    )

    def known(field):
        return tf.cast(ragged[field].row_lengths() > 0, tf.float32)

    absolute = tf.cast(parsed.pop("has_absolute_depth"), tf.float32)
    for field in ("height", "width", "side"):
        parsed[field] = tf.cast(parsed[field], tf.int32)
    return parsed | {
        "has_2d": known("keypoints_2d"),
        "has_depth": known("keypoints_3d"),
        "has_3d": known("keypoints_3d") * absolute,
        "has_intrinsics": known("intrinsics"),
        "has_box": known("box"),
    }
