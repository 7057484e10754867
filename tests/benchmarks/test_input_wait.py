"""The benchmark of waiting for input, at its smallest and on sources whose delay is known."""

import json
import time

import pytest

from benchmarks.input_wait import Settings, Turn, run
from benchmarks.results import write_result


def test_a_slow_source_is_seen_and_its_first_batch_is_not_counted():
    delays = iter([0.5, 0.03, 0.03])
    trained = []

    def next_batch():
        time.sleep(next(delays))
        return len(trained)

    def step(batch):
        time.sleep(0.01)
        trained.append(batch)

    turn = Turn(step, next_batch)
    seconds = turn(2)
    assert trained == [0, 1, 2]
    assert 0.08 <= seconds < 0.4
    assert 0.03 <= turn.blocked_s[0] < 0.2
    # Sleeping takes no processor.
    assert turn.processor_s[0] < 0.03


def test_a_row_per_encoder(tmp_path):
    settings = Settings(
        encoders="resnet10_half",
        num_threads=1,
        num_records=8,
        image_size=32,
        batch_size=4,
        num_rounds=2,
        seconds_per_turn=0.0,
    )
    result, text = run(settings)
    (row,) = result["results"]
    assert row["encoder"] == "resnet10_half" and "resnet10_half" in text
    assert row["live_ms"] > 0 and row["repeated_ms"] > 0
    assert 0 <= row["blocked"] <= 1 and len(row["longer_by_round"]) == 2
    assert row["longer"] < 1 and row["processor"] < 1
    write_result(str(tmp_path / "wait.json"), result, text)
    assert json.loads((tmp_path / "wait.json").read_text()) == result


def test_unknown_encoders_are_refused():
    with pytest.raises(ValueError, match="--encoders names 'vgg'"):
        Settings(encoders="resnet18,vgg")
