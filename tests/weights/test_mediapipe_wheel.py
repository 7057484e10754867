"""Wheels that are none, of another version or damaged, and a network that is not there."""

import zipfile

import pytest

from keras_pose.weights import mediapipe_models as mediapipe
from keras_pose.weights.mediapipe_wheel import FILES, VERSION, fetch_networks


def _wheel(path, version=VERSION, content=b"another network", leave_out=()):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"mediapipe-{version}.dist-info/LICENSE", "Apache License")
        for name, (folder, _) in FILES.items():
            if name not in leave_out:
                archive.writestr(f"mediapipe/modules/{folder}/{name}.tflite", content * 100)
    return path


def _refused(wheel, *words):
    with pytest.raises(ValueError) as error:
        fetch_networks(wheel)
    text = str(error.value)
    assert text.endswith(".") and "\n" not in text and all(word in text for word in words), text


def test_wheels_of_others_are_refused(tmp_path):
    _refused(_wheel(tmp_path / "new.whl", "0.10.33"), "new.whl", f"mediapipe {VERSION}")
    _refused(_wheel(tmp_path / "changed.whl"), "a different hand_landmark_full.tflite")
    _refused(_wheel(tmp_path / "less.whl", leave_out=FILES), "holds no mediapipe/modules")


def test_damaged_wheels_are_refused(tmp_path):
    content = _wheel(tmp_path / "whole.whl").read_bytes()
    cut = tmp_path / "cut.whl"
    cut.write_bytes(content[: len(content) // 2])
    _refused(cut, "cut.whl", "damaged")
    _refused(tmp_path / "missing.whl", "missing.whl", "no such file")
    _refused(tmp_path, str(tmp_path), "cannot be read")


def test_without_a_network_it_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr("keras_pose.weights.mediapipe_wheel._installed", lambda: None)
    _refused("", "pip could not download", "--wheel")


def test_nothing_is_written_where_nothing_is_read(tmp_path):
    settings = mediapipe.MediapipeConfig(
        output=str(tmp_path / "models"), wheel=str(tmp_path / "missing.whl")
    )
    with pytest.raises(ValueError, match="missing.whl"):
        mediapipe.import_mediapipe(settings)
    assert not (tmp_path / "models").exists()
    with pytest.raises(ValueError, match="choose from hand_mediapipe"):
        mediapipe.MediapipeConfig(models="feet_mediapipe")
