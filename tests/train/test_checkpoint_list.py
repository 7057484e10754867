"""TensorFlow's own list of checkpoints is for its tools: a damaged or missing one loses nothing."""

from types import SimpleNamespace

import pytest
import tensorflow as tf

from keras_pose.train.checkpoints import Checkpoints


def _checkpoints(folder):
    model = SimpleNamespace(variables=[SimpleNamespace(value=tf.Variable(1.0))], optimizers=[])
    return Checkpoints(model, str(folder))


@pytest.mark.fault(
    fault="TensorFlow's list of checkpoints is damaged or gone",
    happened="it is not needed, and written again",
)
@pytest.mark.parametrize("content", [b"", b"garbage \xff", bytes(20), b"all: 3", None])
def test_a_damaged_list_beside_checkpoints_is_not_needed(tmp_path, content):
    _checkpoints(tmp_path).save(3)
    (tmp_path / "checkpoint").write_bytes(content or b"")
    if content is None:
        (tmp_path / "checkpoint").unlink()
    again = _checkpoints(tmp_path)
    assert again.restore() == 3
    again.save(4)
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "step-4")


def test_a_list_without_checkpoints_is_no_checkpoint(tmp_path):
    (tmp_path / "checkpoint").write_bytes(b"garbage \xff")
    assert _checkpoints(tmp_path).restore() == 0


def test_a_checkpoint_of_tensorflow_itself_is_gone_on_from(tmp_path):
    state = [tf.Variable(2.5)]
    written = tf.train.Checkpoint(state=state, step=tf.Variable(7, dtype=tf.int64))
    manager = tf.train.CheckpointManager(written, tmp_path, 2, checkpoint_name="step")
    manager.save(checkpoint_number=7)
    again = _checkpoints(tmp_path)
    assert again.restore() == 7 and again.begun.metrics == []
    assert float(again._state[0]) == 2.5
