"""The augmentation benchmark at its smallest."""

import json

import numpy as np
import pytest

from benchmarks.augment import LAYOUTS, Settings, make_records, our_pipeline, run
from benchmarks.results import write_result
from keras_pose.data.pictures.picture import decode_picture

SMALL = Settings(num_threads=1, num_pictures=6, image_size=32, num_rounds=1, seconds_per_turn=0.0)


@pytest.mark.parametrize("layout", LAYOUTS.values())
def test_the_joints_lie_in_the_picture(layout):
    records = make_records(6, layout)
    columns, rows = layout
    for row in range(6):
        picture = decode_picture(records["image"][row], "generated")
        assert picture.shape == (224 * rows, 224 * columns, 3)
        middle = records["keypoints_2d"][row].mean(axis=0)
        # In the tile that the record is about.
        tile = (middle // 224).astype(int)
        assert tuple(tile) == (row % columns, row // columns % rows)


def test_our_pipeline_makes_pairs():
    batch = next(iter(our_pipeline(make_records(6, (1, 1)), SMALL, 1)))
    assert batch["views"].shape == (64, 2, 32, 32, 3)
    assert np.asarray(batch["ok"]).all()


def test_every_contestant_is_timed_on_every_kind(tmp_path):
    result, text = run(SMALL)
    assert len(result["results"]) == 3 * len(LAYOUTS)
    for row in result["results"]:
        assert row["crops_per_s"] > 0 and row["processor_ms_per_crop"] > 0
        assert row["pictures"] in text and row["contestant"] in text
    write_result(str(tmp_path / "augment.json"), result, text)
    assert json.loads((tmp_path / "augment.json").read_text()) == result
