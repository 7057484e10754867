"""The one training command, on a network of one number: its order, what it records, what it refuses."""

import contextlib
import dataclasses
from typing import ClassVar

import keras
import pytest
import tensorflow as tf

from keras_pose.layers.precision import in_precision
from keras_pose.train import option, read_run, runs
from keras_pose.train.options import RunOptions
from keras_pose.train.outcome import print_results
from keras_pose.train.session import run_session
from keras_pose.train.teacher import check_teacher, frozen_answer, shrink_crops
from keras_pose.train.weights import read_weights, write_weights


@dataclasses.dataclass(frozen=True)
class Settings:
    method: ClassVar[str] = "toy"
    is_faster_compiled: ClassVar[bool] = False
    accumulation_steps: int = option(1, "Micro-batches.")
    batch_size: int = option(2, "Rows.")
    num_steps: int = option(3, "Steps.")
    steps_per_epoch: int = option(2, "Steps of an epoch.")
    seed: int = option(0, "Seed.")
    val_share: float = option(0.5, "Share.")
    teacher: str = option("", "Teacher.")
    unit: str = option("m", "Unit.")
    image_size: int = option(8, "Side.")


def _network():
    return keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])


class Model(keras.Model):
    """Learns to say twice what it hears."""

    def __init__(self):
        super().__init__()
        self.network = _network()
        self.built = True

    def compile(self, **kwargs):
        super().compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", **kwargs)
        self.optimizer.build(self.network.trainable_variables)

    @property
    def optimizers(self):
        return [self.optimizer]

    def call(self, inputs, training=False):
        return self.network(inputs)


@dataclasses.dataclass(frozen=True)
class Data:
    heldout: tuple | None = (1.0, 2.0)
    facts: dict = dataclasses.field(default_factory=lambda: {"numbers": 4})
    limit: int = 100

    def batches(self, first_step):
        rows = tf.data.Dataset.counter(first_step).map(lambda i: tf.fill((2, 1), tf.sin(float(i))))
        return rows.map(lambda row: (row, 2 * row))

    def skipped(self):
        return {"3": "grey"}

    @contextlib.contextmanager
    def as_sentence(self):
        try:
            yield
        except RuntimeError as error:
            raise ValueError("Too many are bad.") from error


def _path(folder):
    return f"{folder}/weights/one.weights.h5"


def _load(folder, data=None):
    network = _network()
    read_weights(network, _path(folder))
    return network


def _train(config, folder, said=None, mode="train_and_eval", data=None, **given):
    """Run the toy; `said` lists what was called, in order."""
    said = [] if said is None else said

    def told(name, function):
        def call(*arguments):
            said.append(name)
            return function(*arguments)

        return call

    functions = {
        "check": told("check", lambda: None),
        "open_data": told("open", lambda config, options: data or Data()),
        "build_model": told("build", lambda data: Model()),
        "callbacks": told("callbacks", lambda data, steps: []),
        "write_weights": told(
            "write", lambda model, path: write_weights(model.network, _path(path))
        ),
        "load": told("load", _load),
        "evaluate": told(
            "evaluate",
            lambda config, model, data: {
                "all": {"error": float(abs(model(tf.ones((1, 1)))[0, 0] - data.heldout[1]))}
            },
        ),
        "load_teacher": told("teacher", lambda config: lambda numbers: 2.25 * numbers),
        "measured_on": "number",
    }
    options = RunOptions(model_dir=str(folder), mode=mode)
    return run_session(config, options, **(functions | given))


def test_a_run_goes_through_all_steps_in_order_and_is_recorded(tmp_path):
    said = []
    run = _train(Settings(), tmp_path / "run", said)
    order = ["check", "open", "callbacks", "build", "write", "load", "evaluate"]
    assert said == order
    # Two epochs of two steps.
    assert run["steps"] == 4 and run["minutes"] > 0 and run["finished"] is True
    assert run["numbers"] == 4 and run["skipped"] == {"3": "grey"} and run["method"] == "toy"
    assert list(run["results"]["all"]) == ["error"] and "teacher_results" not in run
    assert run == read_run(str(tmp_path / "run"))


@pytest.mark.fault(
    fault="killed during the last evaluation",
    happened="the same command measures again",
)
def test_a_run_killed_while_it_is_measured_is_measured_again(tmp_path):
    def killed(config, model, data):
        raise KeyboardInterrupt

    folder = tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        _train(Settings(), folder, evaluate=killed)
    assert not runs.is_finished(str(folder)) and "results" not in read_run(str(folder))
    before = _load(str(folder)).get_weights()
    run = _train(Settings(), folder)
    assert run["results"]["all"]["error"] >= 0 and runs.is_finished(str(folder))
    assert [a.tolist() for a in _load(str(folder)).get_weights()] == [b.tolist() for b in before]


def test_without_labels_there_are_no_results(tmp_path):
    run = _train(Settings(), tmp_path, evaluate=lambda config, model, data: {})
    assert "results" not in run and run["finished"] is True


def test_mode_train_measures_nothing_and_eval_trains_nothing(tmp_path):
    said = []
    run = _train(Settings(), tmp_path, said, mode="train")
    assert "results" not in run and "load" not in said and runs.is_finished(str(tmp_path))
    said.clear()
    run = _train(Settings(), tmp_path, said, mode="eval")
    assert said == ["open", "load", "evaluate"] and run["results"]["all"]["error"] >= 0
    with pytest.raises(ValueError, match=r"--val_share=0.5 of --data_dir holds no number, so"):
        _train(Settings(), tmp_path, mode="eval", data=Data(heldout=None))
    with pytest.raises(ValueError, match="--unit differs"):
        _train(Settings(unit="mm"), tmp_path, mode="eval")


def test_what_is_refused_leaves_no_run_and_bad_records_are_one_sentence(tmp_path):
    def refuse():
        raise ValueError("no")

    with pytest.raises(ValueError, match="^no$"):
        _train(Settings(), tmp_path / "run", check=refuse)
    assert not (tmp_path / "run").exists()

    class Stop(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            raise RuntimeError("graph")

    with pytest.raises(ValueError, match="^Too many are bad.$"):
        _train(Settings(), tmp_path / "run", callbacks=lambda data, steps: [Stop()])


def test_a_teacher_is_measured_beside_its_student(tmp_path, capsys):
    _train(Settings(), tmp_path / "teacher", mode="train")
    config = Settings(teacher=str(tmp_path / "teacher"))
    run = _train(config, tmp_path / "student")
    # It says 2.25 where 2 is right.
    assert run["teacher_results"] == {"all": {"error": 0.25}}
    print_results(run | {"results": {"all": {"error": 0.125, "own": 3.0}}})
    lines = capsys.readouterr().out.splitlines()[-3:]
    assert [line.split() for line in lines] == [
        ["student", "teacher"],
        ["0.1250", "0.2500", "all", "error"],
        ["3.0000", "-", "all", "own"],
    ]
    (tmp_path / "teacher").rename(tmp_path / "gone")
    run = _train(config, tmp_path / "student", mode="eval")
    assert "results" in run and "no longer exists; only the student" in capsys.readouterr().err


def test_a_teacher_must_be_a_finished_run_that_means_the_same(tmp_path, monkeypatch):
    folder = str(tmp_path / "teacher")

    def check(**changes):
        check_teacher(Settings(teacher=folder, **changes), Settings, ("unit",), _path)

    check_teacher(Settings(), Settings, ("unit",), _path)
    with pytest.raises(ValueError, match="--teacher=.* is not a run folder"):
        check()
    _train(Settings(), folder, mode="train")
    check(image_size=16)
    with pytest.raises(ValueError, match="--unit=mm contradicts the teacher .*, which has m; use"):
        check(unit="mm")
    with pytest.raises(ValueError, match="--image_size=12 is not a multiple of the 8 px"):
        check(image_size=12)
    (tmp_path / "teacher" / "weights" / "one.weights.h5").unlink()
    with pytest.raises(ValueError, match="there are no weights here yet; let that run finish"):
        check()


def test_a_frozen_answer_is_no_part_of_who_holds_it_and_has_no_gradient():
    network = _network()
    answer = frozen_answer(network)
    holder = Model()
    holder.teacher = answer
    assert {id(v) for v in holder.variables} == {id(v) for v in holder.network.variables}
    inputs = tf.ones((1, 1))
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        said = answer(inputs)
    assert tape.gradient(said, inputs) is None
    assert float(said[0, 0]) == float(network(inputs)[0, 0])
    assert network.trainable_variables == []


def test_shrunk_crops_are_means_of_their_pixels():
    crops = tf.reshape(tf.range(16.0), (1, 4, 4, 1))
    assert shrink_crops(crops, 2)[0, :, :, 0].numpy().tolist() == [[2.5, 4.5], [10.5, 12.5]]
    assert shrink_crops(crops, 1) is crops


def test_a_policy_comes_back_after_an_error():
    with pytest.raises(KeyError), in_precision("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        raise KeyError
    assert keras.config.dtype_policy().name == "float32"
