"""A damaged list of checkpoints says what to do, whether checkpoints are beside it or not."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from keras_pose.train.checkpoints import Checkpoints


def _checkpoints(folder):
    model = SimpleNamespace(variables=[SimpleNamespace(value=tf.Variable(1.0))], optimizers=[])
    return Checkpoints(model, str(folder))


@pytest.mark.parametrize("content", [b"", b"garbage \xff", bytes(20), b"all: 3"])
def test_a_damaged_list_beside_checkpoints_is_explained(tmp_path, content):
    _checkpoints(tmp_path).save(3)
    (tmp_path / "checkpoint").write_bytes(content)
    sentence = r"list of checkpoints .* is damaged or missing, but there are step-3.*path: .step-3."
    with pytest.raises(ValueError, match=sentence):
        _checkpoints(tmp_path).restore()


@pytest.mark.parametrize("content", [b"", b"garbage \xff"])
def test_a_damaged_list_alone_may_be_removed(tmp_path, content):
    (tmp_path / "checkpoint").write_bytes(content)
    with pytest.raises(
        ValueError, match="checkpoint is not a list of checkpoints .* remove the file"
    ):
        _checkpoints(tmp_path)
    (tmp_path / "checkpoint").unlink()
    assert _checkpoints(tmp_path).restore() == 0
