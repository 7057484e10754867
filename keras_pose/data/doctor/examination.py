"""The data doctor: `python -m keras_pose.data.doctor.check --input=<folder of records>`.

Reads every file and record, prints what is wrong and what to do, and exits with 1 if there is an
error. `check_records` is the library form.
"""

import hashlib
import os
import pathlib
import sys
import time
from collections.abc import Callable

import numpy as np

from keras_pose.data.doctor.findings import Finding, Findings, findings_table
from keras_pose.data.doctor.labels import label_faults
from keras_pose.data.doctor.sets import SetEvidence
from keras_pose.data.doctor.settings import CheckConfig
from keras_pose.data.pictures.picture import decode_picture, plain_picture
from keras_pose.data.records.index import INDEX_FILE, read_index, shard_name
from keras_pose.data.records.reader import RecordReader
from keras_pose.data.records.record import Record
from keras_pose.files import sha256_of


def check_records(
    folder: str | os.PathLike[str],
    max_records: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Finding], int]:
    """Examine a folder of records.

    Args:
        folder: as given to `write_records`.
        max_records: look at this many records, evenly spread; 0 looks at all.
        on_progress: called with (records done, records to do) now and then.

    Returns:
        The findings, errors first, and the number of records examined.
    """
    findings = Findings()
    reader = _check_files(pathlib.Path(folder), findings)
    if reader is None:
        return findings.result(0), 0
    ids, first = np.unique(reader.ids, return_index=True)
    for position in np.setdiff1d(np.arange(len(reader)), first):
        findings.add("duplicate_id", f"record {reader.ids[position]} at position {position}")
    positions = np.arange(len(reader))
    if max_records and max_records < len(reader):
        positions = np.linspace(0, len(reader) - 1, max_records).astype(np.int64)
    seen: dict[bytes, int] = {}
    evidence = SetEvidence()
    for number, position in enumerate(positions):
        if on_progress and number % 64 == 0:
            on_progress(number, len(positions))
        try:
            record = reader.record(int(position))
        except ValueError as error:
            findings.add("damaged_record", f"record {reader.ids[position]}: {error}")
            continue
        findings.extend(label_faults(record), record.title)
        findings.extend(_picture_faults(record), record.title)
        evidence.add(record)
        # Some hundred bytes per record: what grows with their number.
        box = b"" if record.box is None else record.box.tobytes()
        digest = hashlib.sha256(record.image + box).digest()[:16]
        if digest in seen:
            findings.add("same_picture", f"{record.title} and record {seen[digest]}")
        seen.setdefault(digest, record.id)
    for kind, detail in evidence.faults():
        findings.add(kind, detail)
    return findings.result(len(positions)), len(positions)


def _check_files(folder: pathlib.Path, findings: Findings) -> RecordReader | None:
    """Compare the files with the index; the reader, if it can be read at all."""
    try:
        index = read_index(folder)
        shards = [(folder / shard["file"], shard) for shard in index["shards"]]
        total = sum(shard["records"] for _, shard in shards)
    except (ValueError, KeyError, TypeError) as error:
        findings.add("index", str(error))
        return None
    if total != index["num_records"]:
        findings.add(
            "count", f"{INDEX_FILE} says {index['num_records']}, but its files hold {total}"
        )
    is_readable = True
    for path, shard in shards:
        for file, checksum in ((path, "sha256"), (path.with_suffix(".npy"), "table_sha256")):
            if not file.is_file():
                findings.add("missing_file", str(file))
                is_readable = False
            elif file == path and os.path.getsize(file) != shard["bytes"]:
                size = os.path.getsize(file)
                findings.add("file_size", f"{file} has {size} bytes instead of {shard['bytes']}")
                is_readable = False
            elif sha256_of(file) != shard[checksum]:
                findings.add("checksum", str(file))
        if not path.with_suffix(".json").is_file():
            findings.add("missing_file", str(path.with_suffix(".json")))
            is_readable = False
    endings = (".tfrecord", ".npy", ".json")
    known = {f"{shard_name(n)}{ending}" for n in range(len(shards)) for ending in endings}
    for file in sorted([*folder.glob("records-*"), *folder.glob(".*partial*")]):
        if file.name not in known:
            findings.add("stray_file", str(file))
    if not is_readable:
        return None
    try:
        return RecordReader(folder)
    except (ValueError, KeyError, IndexError) as error:
        findings.add("count", str(error))
        return None


def _picture_faults(record: Record):
    try:
        image = decode_picture(record.image, record.name)
        plain, _, _ = plain_picture(record.image, record.name)
    except ValueError as error:
        yield "damaged_picture", str(error)
        return
    if plain != record.image:
        yield "picture_kind", ""
    height, width = image.shape[:2]
    if (height, width) != (record.height, record.width):
        said = f"the record says {record.width} x {record.height}"
        yield "picture_size", f"the picture is {width} x {height} px, {said}"
        return
    if _is_blank(image):
        yield "blank_picture", f"colour {image[0, 0].tolist()}"
    elif record.box is not None and np.isfinite(record.box).all():
        left, top = np.floor(np.maximum(record.box[:2], 0)).astype(int)
        right, bottom = np.ceil(record.box[:2] + record.box[2:]).astype(int)
        crop = image[top : max(bottom, 0), left : max(right, 0)]
        if crop.size > 3 and _is_blank(crop):
            yield "blank_crop", f"colour {crop[0, 0].tolist()}"


def _is_blank(image):
    # One pixel is no picture to judge; JPEG makes a flat colour vary by a step or two.
    return image.shape[0] * image.shape[1] > 1 and int(np.ptp(image, axis=(0, 1)).max()) <= 2


def main(config: CheckConfig) -> None:
    """Do what the settings ask for."""
    last = [time.monotonic()]

    def progress(done: int, total: int) -> None:
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            print(f"{done} of {total} records", file=sys.stderr)

    findings, examined = check_records(config.input, config.max_records, progress)
    print(f"{config.input}: {examined} records examined")
    print(findings_table(findings))
    num_errors = sum(finding.is_error for finding in findings)
    num_warnings = sum(not finding.is_error and not finding.is_note for finding in findings)
    if num_errors or (config.strict and num_warnings):
        raise ValueError(
            f"{config.input} has {num_errors} kinds of errors and {num_warnings} of warnings; the "
            "table above says what to do."
        )
    print(f"Next: train on it with --data_dir={config.input}")
