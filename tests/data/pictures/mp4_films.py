"""Small MP4 films with edit lists and frame times as phones and editors write them."""

import struct

import cv2
import numpy as np

_INSIDE = (b"moov", b"trak", b"edts", b"mdia", b"minf", b"stbl")


def write_film(path, frames, rate=30.0):
    """Write uint8 [H, W, 3] RGB frames by OpenCV, which puts moov behind the pictures."""
    shape = np.shape(frames[0])
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), rate, shape[1::-1])
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path


def trim(path, first_s, last_s):
    """Let the edit list show the frames from `first_s` to `last_s` only."""

    def change(kind, body, scales):
        if kind != b"elst":
            return body
        duration = round((last_s - first_s) * scales[b"mvhd"])
        start = round(first_s * scales[b"mdhd"])
        return struct.pack(">IIIiI", 0, 1, duration, start, 65536)

    _rewrite(path, change)


def set_times(path, times_s):
    """Give every frame its own time; the last one lasts as long as the one before."""

    def change(kind, body, scales):
        if kind == b"elst":
            total = 2 * times_s[-1] - times_s[-2]
            return struct.pack(">IIIiI", 0, 1, round(total * scales[b"mvhd"]), 0, 65536)
        if kind != b"stts":
            return body
        steps = np.diff([round(time * scales[b"mdhd"]) for time in times_s]).tolist()
        runs = [(1, step) for step in [*steps, steps[-1]]]
        return struct.pack(">II", 0, len(runs)) + b"".join(struct.pack(">II", *r) for r in runs)

    _rewrite(path, change)


def _rewrite(path, change):
    data = path.read_bytes()
    scales = {}
    for kind in (b"mvhd", b"mdhd"):
        (scales[kind],) = struct.unpack_from(">I", data, data.index(kind) + 4 + 12)
    path.write_bytes(_changed(data, change, scales))


def _changed(data, change, scales):
    out, place = b"", 0
    while place < len(data):
        size, kind = struct.unpack_from(">I4s", data, place)
        body = data[place + 8 : place + size]
        body = _changed(body, change, scales) if kind in _INSIDE else change(kind, body, scales)
        out += struct.pack(">I4s", len(body) + 8, kind) + body
        place += size
    return out
