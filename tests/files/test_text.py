import pytest

from keras_pose.files import json_bytes, read_json, sha256_of


def test_json_is_read_behind_a_byte_order_mark(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"b": [1], "a": "\xc3\xa9"}')
    assert read_json(path) == {"a": "é", "b": [1]}


def test_bytes_do_not_depend_on_the_order_of_keys():
    assert json_bytes({"b": 1, "a": "é"}) == b'{\n "a": "\xc3\xa9",\n "b": 1\n}\n'
    assert json_bytes({"a": "é", "b": 1}) == json_bytes({"b": 1, "a": "é"})


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, r"x\.json does not exist; give a table\.$"),
        (b'{"a": ', r"x\.json is not valid JSON \(.*\); give a table\.$"),
        (b'{"a": "\xff"}', r"x\.json is not valid JSON \(.*utf-8.*\); give a table\.$"),
        (b"[" * 100_000, r"x\.json is not valid JSON \(.*recursion.*\); give a table\.$"),
        (b"[1]", r"x\.json holds a list, not an object; give a table\.$"),
    ],
)
def test_what_is_no_object_is_refused_in_one_sentence(tmp_path, content, sentence):
    path = tmp_path / "x.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match=sentence):
        read_json(path, "give a table")


def test_another_kind_is_read_where_it_is_asked_for(tmp_path):
    path = tmp_path / "x.json"
    path.write_text("[1]")
    assert read_json(path, kind=list) == read_json(path, kind=object) == [1]


def test_hash_of_a_file(tmp_path):
    # FIPS 180-2, appendix B.1.
    path = tmp_path / "abc"
    path.write_bytes(b"abc")
    assert sha256_of(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
