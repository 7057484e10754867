import errno
import os

import pytest

from keras_pose.files import atomic


def _full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_file_holds_what_was_given(tmp_path):
    path = atomic.write_file(tmp_path / "new" / "card.md", "é\n")
    assert path.read_bytes() == b"\xc3\xa9\n"
    atomic.write_file(path, b"\x00\x01")
    assert path.read_bytes() == b"\x00\x01"
    assert os.listdir(path.parent) == ["card.md"]


@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_file_survives_a_full_disk(tmp_path, monkeypatch, name):
    path = atomic.write_file(tmp_path / "card.md", "old")
    monkeypatch.setattr(os, name, _full_disk)
    with pytest.raises(ValueError, match=r"card\.md: no space left on device") as caught:
        atomic.write_file(path, "new")
    assert isinstance(caught.value, OSError)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["card.md"]


def test_staged_file_has_the_ending_and_appears_only_when_complete(tmp_path):
    final = tmp_path / "new" / "last.weights.h5"
    with atomic.staged_file(final) as partial:
        partial.write_text("weights")
        assert not final.exists() and partial.parent == final.parent
        assert partial.name.startswith(".") and partial.name.endswith(".weights.h5")
    assert final.read_text() == "weights" and os.listdir(final.parent) == ["last.weights.h5"]
    with pytest.raises(KeyboardInterrupt):
        with atomic.staged_file(final) as partial:
            partial.write_text("torn")
            raise KeyboardInterrupt
    assert final.read_text() == "weights" and os.listdir(final.parent) == ["last.weights.h5"]


def test_folder_appears_only_when_complete(tmp_path):
    final = tmp_path / "toy" / "1"
    with atomic.staged_folder(final) as folder:
        (folder / "a").write_text("a")
        assert not final.exists()
        assert folder.parent == final.parent and folder.name.startswith(".1.partial-")
    assert (final / "a").read_text() == "a"
    assert os.listdir(final.parent) == ["1"]


def test_failing_body_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with atomic.staged_folder(tmp_path / "toy" / "1") as folder:
            (folder / "a").write_text("a")
            raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_full_disk_leaves_nothing_and_names_the_destination(tmp_path):
    with pytest.raises(atomic.CannotWrite, match=r"toy.1: no space left on device; make room"):
        with atomic.staged_folder(tmp_path / "toy" / "1") as folder:
            (folder / "a").write_text("a")
            _full_disk()
    assert os.listdir(tmp_path) == []


def test_sentence_about_a_hidden_file_names_the_destination(tmp_path, monkeypatch):
    with pytest.raises(atomic.CannotWrite) as caught:
        with atomic.staged_folder(tmp_path / "toy" / "1") as folder:
            monkeypatch.setattr(os, "fsync", _full_disk)
            atomic.write_file(folder / "card.md", "text")
    assert str(tmp_path / "toy" / "1" / "card.md") in str(caught.value)
    assert "partial" not in str(caught.value)


def test_existing_folder_is_never_overwritten(tmp_path):
    final = tmp_path / "1"
    final.mkdir()
    (final / "a").write_text("old")
    with pytest.raises(ValueError, match="exists and is never overwritten"):
        with atomic.staged_folder(final):
            pytest.fail("the body must not run")
    assert (final / "a").read_text() == "old"


def test_the_slower_of_two_writers_loses(tmp_path):
    final = tmp_path / "1"
    with pytest.raises(atomic.CannotWrite, match=str(final)):
        with atomic.staged_folder(final) as folder:
            (folder / "a").write_text("late")
            final.mkdir()
            (final / "a").write_text("early")
    assert (final / "a").read_text() == "early"
    assert os.listdir(tmp_path) == ["1"]


def test_rest_of_a_killed_process_is_cleared(tmp_path):
    rest = tmp_path / f".1.partial-{os.getpid()}"
    rest.mkdir()
    (rest / "torn").write_text("half")
    with atomic.staged_folder(tmp_path / "1") as folder:
        (folder / "a").write_text("a")
    assert os.listdir(tmp_path / "1") == ["a"]


def test_a_folder_that_can_be_made_is_not_made_by_looking(tmp_path, monkeypatch):
    atomic.check_writable(tmp_path / "a" / "b", "--output")
    assert os.listdir(tmp_path) == []
    # A test may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.raises(OSError, match=r"^--output=.*b: \S+ is not writable; name another"):
        atomic.check_writable(tmp_path / "a" / "b", "--output")
