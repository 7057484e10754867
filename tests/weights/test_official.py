"""Official encoders: written in our form, described layer by layer, refused with every fault named."""

import numpy as np
import pytest

from keras_pose.layers.encoders import build_encoder
from keras_pose.weights import official
from keras_pose.weights.official_settings import EncoderConfig, NetworkFile
from tests.hand_pose.weight_rule import resnet_shapes, rule_state

RESNET18 = ((2, 2, 2, 2), False)


@pytest.fixture
def state():
    return rule_state(resnet_shapes(*RESNET18))


def _settings(tmp_path, monkeypatch, state, **changes):
    file = tmp_path / "official.pth"
    file.write_bytes(b"torch")
    monkeypatch.setattr(official, "read_torch_file", lambda path: state)
    output = str(tmp_path / "encoder.weights.h5")
    return EncoderConfig(file=str(file), encoder="resnet18", output=output, **changes)


def test_an_encoder_is_written_and_described(tmp_path, monkeypatch, capsys, state):
    extra = {"fc.weight": np.zeros((1000, 512)), "bn1.num_batches_tracked": np.array(3)}
    settings = _settings(tmp_path, monkeypatch, state | extra)
    official.main(settings)
    printed = capsys.readouterr().out
    kernel = state["conv1.weight"]
    line = next(line for line in printed.splitlines() if line.startswith("conv1: "))
    assert f"[7, 7, 3, 64] mean {kernel.mean():.4g}, deviation {kernel.std():.4g}" in line
    again = build_encoder("resnet18", 64, weights=settings.output)
    loaded = again.get_layer("resnet18").get_layer("conv1").kernel
    np.testing.assert_array_equal(np.array(loaded), kernel.transpose(2, 3, 1, 0))


def test_all_that_does_not_fit_is_named_and_nothing_is_written(tmp_path, monkeypatch, state):
    del state["bn1.weight"], state["layer1.0.bn1.bias"]
    state["layer4.9.bn1.weight"] = np.zeros(3)
    state["layer2.0.bn1.weight"] = np.zeros(5)
    settings = _settings(tmp_path, monkeypatch, state)
    with pytest.raises(ValueError, match=r"official\.pth: .* 2 missing .* 1 left over") as caught:
        official.import_encoder(settings)
    for name in (
        "bn1.weight",
        "layer1_0_bn1.bias",
        "layer4.9.bn1.weight",
        "(5,) instead of (128,)",
    ):
        assert name in str(caught.value)
    assert not (tmp_path / "encoder.weights.h5").exists()


def test_another_kind_of_file_is_refused(tmp_path, monkeypatch, state):
    state["projection_head.0.weight"] = np.zeros((4, 4))
    with pytest.raises(ValueError, match="projection_head belongs to another kind"):
        official.import_encoder(_settings(tmp_path, monkeypatch, state))


def test_missing_places_are_said_early(tmp_path):
    with pytest.raises(ValueError, match="--file is empty"):
        EncoderConfig(output="a.weights.h5").check_command()
    file = tmp_path / "a.pth"
    file.write_bytes(b"")
    with pytest.raises(ValueError, match=r"must end in \.weights\.h5"):
        EncoderConfig(file=str(file), output="a.h5").check_command()
    with pytest.raises(ValueError, match="--model_dir is empty"):
        NetworkFile(file=str(file)).check_command()
