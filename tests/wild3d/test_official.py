"""The official hourglass becomes a run that loads; what does not fit is named and leaves no run."""

import numpy as np
import pytest

from keras_pose.layers.hourglass_weights import official_variables
from keras_pose.train.runs import is_finished
from keras_pose.weights.official_settings import NetworkFile
from keras_pose.wild3d import official
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.network import build_network
from keras_pose.wild3d.runs import load_model

_SMALL = {"num_stacks": 1, "num_modules": 1, "width": 8, "stem_width": 4, "num_depth_modules": 1}


def test_a_state_dict_becomes_a_run(tmp_path, monkeypatch, capsys):
    random, state = np.random.default_rng(4), {}
    for name, variable in official_variables(build_network(**_SMALL, image_size=64)):
        shape = tuple(variable.shape)
        order = [shape[axis] for axis in (3, 2, 0, 1)] if len(shape) == 4 else shape[::-1]
        state[name] = random.uniform(0.1, 0.2, order).astype(np.float32)
    file, config = tmp_path / "hg3d.pth", Config(**_SMALL, image_size=64)
    file.write_bytes(b"torch")
    place = NetworkFile(file=str(file), model_dir=str(tmp_path / "run"))
    broken = {name: value for name, value in state.items() if name != "reg.bias"}
    monkeypatch.setattr(official, "read_torch_file", lambda path: broken)
    with pytest.raises(ValueError, match=r"hg3d\.pth: .* 1 missing \(reg\.bias\)"):
        official.main(place, config)
    assert not (tmp_path / "run").exists()
    monkeypatch.setattr(official, "read_torch_file", lambda path: state)
    official.main(place, config)
    assert "stem_conv: kernel [7, 7, 3, 4] mean" in capsys.readouterr().out
    assert is_finished(place.model_dir)
    kernel = load_model(place.model_dir)[1].network.get_layer("stem_conv").kernel
    np.testing.assert_array_equal(kernel, state["conv1_.weight"].transpose(2, 3, 1, 0))
