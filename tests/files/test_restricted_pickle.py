"""The restricted unpickler: what NumPy writes comes back, everything with power is refused."""

import functools
import importlib
import io
import os
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keras_pose.files.restricted_pickle import loads_plain

TABLE = {
    "S1": {
        "Walking 1": np.arange(24, dtype=np.float32).reshape(2, 4, 3),
        "views": [np.arange(6).reshape(2, 3).T, np.float32(3.5), np.int64(-2), True, None, 2.5],
    },
    "words": np.array(["left", "right"]),
    "big endian": np.array([1.5, -2.0], ">f8"),
    "pair": ([1, 2], (3, "x")),
    7: np.array([{"a": np.zeros(0)}, "text", 3], object),
}


def _same(left, right):
    assert type(left) is type(right) or np.isscalar(right), (left, right)
    if isinstance(right, dict):
        assert list(left) == list(right)
        for key in right:
            _same(left[key], right[key])
    elif isinstance(right, (list, tuple)) or (
        isinstance(right, np.ndarray) and right.dtype == object
    ):
        assert len(left) == len(right)
        for a, b in zip(left, right, strict=True):
            _same(a, b)
    elif isinstance(right, np.ndarray):
        assert left.dtype == right.dtype and left.flags.owndata or left.base is not None
        np.testing.assert_array_equal(left, right)
    else:
        assert left == right


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_values_come_back_from_every_protocol(protocol):
    _same(loads_plain(pickle.dumps(TABLE, protocol=protocol), "file"), TABLE)


@pytest.mark.parametrize(("old", "new"), [(b"numpy._core", b"numpy.core"), (b"", b"")])
def test_modules_of_numpy_1_and_2_are_admitted(old, new):
    data = pickle.dumps(TABLE["S1"], protocol=2).replace(old, new) if old else pickle.dumps(TABLE["S1"])  # fmt: skip  # noqa: E501
    assert (b"numpy.core" in data) == bool(old)
    _same(loads_plain(data, "file"), TABLE["S1"])


def test_bytes_that_python_2_wrote_are_read():
    # Protocol 2 of Python 2 stores raw bytes as SHORT_BINSTRING ('U'), read as latin1.
    raw = np.array([1.0, -300.25], "<f4").tobytes()
    data = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02f4K\x00K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xff"
        b"J\xff\xff\xff\xffK\x00tb\x89U" + bytes([len(raw)]) + raw + b"tb."
    )
    np.testing.assert_array_equal(loads_plain(data, "file"), np.array([1.0, -300.25], "<f4"))


class _Calls:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _marker(tmp_path):
    return str(tmp_path / "ran")


@pytest.mark.fault(
    fault="a pickle that calls functions",
    happened="refused in one sentence; none of them is called",
)
@pytest.mark.parametrize(
    ("function", "arguments"),
    [
        (os.system, ("touch {}",)),
        (eval, ("open({!r}, 'w')",)),
        (exec, ("open({!r}, 'w')",)),
        (open, ("{}", "w")),
        (functools.partial, (print, "hello")),
        (importlib.import_module, ("antigravity",)),
        (getattr, ("text", "upper")),
        (np.load, ("{}",)),
        (np.fromfile, ("{}",)),
        (io.BytesIO, (b"x",)),
        (bytearray, (5,)),
        (bytes, (5,)),
        (complex, (1, 2)),
        (np.memmap, ("{}", "u1", "w+", 0, 4)),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_calls_are_refused_and_never_made(tmp_path, function, arguments, protocol):
    marker = _marker(tmp_path)
    arguments = [part.format(marker) if isinstance(part, str) else part for part in arguments]
    data = pickle.dumps({"S1": _Calls(function, *arguments)}, protocol=protocol)
    with pytest.raises(ValueError, match="some.npz contains .*accepted; do not use this file"):
        loads_plain(data, "some.npz")
    assert not os.path.exists(marker)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ({1, 2}, "set"),
        (b"bytes", "bytes"),
        (np.zeros(2, [("a", "f4")]), "array"),
        (np.array(["2020-01-01"], "M8[D]"), "array"),
        ({(1, 2): 3}, "keys"),
        (np.ma.masked_array([1.0]), "ma"),
        (np.float64, "float64"),
        (range(3), "range"),
    ],
)
def test_values_of_other_kinds_are_refused(value, what):
    with pytest.raises(ValueError, match=f"some.npz contains .*{what}"):
        loads_plain(pickle.dumps(value), "some.npz")


def test_values_that_contain_themselves_end():
    loop = []
    loop.append(loop)
    deep = []
    for _ in range(2000):
        deep = [deep]
    # A pickle of 40 levels whose lists hold the level below twice would unfold to 2^40 values.
    wide = [1]
    for _ in range(25):
        wide = [wide, wide]
    box = np.empty(1, object)
    box[0] = box
    for value in (loop, box):
        with pytest.raises(ValueError, match="containing themselves"):
            loads_plain(pickle.dumps(value), "some.npz")
    data = b"\x80\x02" + b"]" * 2001 + b"a" * 2000 + b"."
    with pytest.raises(ValueError, match="some.npz"):
        loads_plain(data, "some.npz")
    assert len(loads_plain(pickle.dumps(wide), "some.npz")) == 2


def test_a_forged_dtype_cannot_pass_bytes_off_as_objects():
    """NumPy's own dtype state would let raw bytes become pointers; here the state is not believed."""
    data = pickle.dumps(np.array([1, 2], np.int64), protocol=2).replace(b"i8", b"O8")
    with pytest.raises(ValueError, match="some.npz contains a damaged object array"):
        loads_plain(data, "some.npz")
    short = pickle.dumps(np.arange(4, dtype=np.int16), protocol=2).replace(b"i2", b"i8")
    with pytest.raises(ValueError, match="content does not fit its shape"):
        loads_plain(short, "some.npz")


def test_library_functions_cannot_be_changed_by_a_pickle():
    data = b"\x80\x02cnumpy\ndtype\n}X\x01\x00\x00\x00aK\x01sb."
    with pytest.raises(ValueError, match="a change of a library function"):
        loads_plain(data, "some.npz")
    np.testing.assert_array_equal(loads_plain(pickle.dumps(np.ones(2)), "x"), np.ones(2))


@pytest.mark.parametrize(
    "data",
    [
        b"\x80\x04\x82\x01.",  # extension code
        b"\x80\x02cnumpy\nndarray\n)\x81.",  # object without __init__
        b"P1\n.",  # persistent id
        b"(icollections\nOrderedDict\n.",  # old instance
        b"\x80\x02]r\xff\xff\xff\xff.",  # memo number of four thousand millions
        b"\x80\x05\x97.",  # buffer from outside
    ],
)
def test_operations_that_plain_values_never_need_are_refused(data):
    with pytest.raises(ValueError, match="some.npz contains "):
        loads_plain(data, "some.npz")


@settings(max_examples=400, deadline=None)
@given(st.binary(max_size=80))
def test_any_bytes_give_a_value_or_one_sentence(data):
    try:
        value = loads_plain(data, "some.npz")
    except ValueError as error:
        assert str(error).startswith("some.npz")
    else:
        assert isinstance(value, (type(None), bool, int, float, str, list, tuple, dict, np.ndarray))


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_any_damage_to_a_real_pickle_gives_a_value_or_one_sentence(data):
    good = pickle.dumps(TABLE, protocol=data.draw(st.sampled_from([2, 4, 5])))
    at = data.draw(st.integers(0, len(good) - 1))
    damaged = good[:at] + data.draw(st.binary(max_size=4)) + good[at + data.draw(st.integers(0, 4)) :]  # fmt: skip  # noqa: E501
    try:
        loads_plain(damaged, "some.npz")
    except ValueError as error:
        assert str(error).startswith("some.npz")
