"""Records behind Wild3D's batches: splits, bad records, what is refused, views on host or device."""

import dataclasses
import shutil

import numpy as np
import pytest

from keras_pose.bodies.data import example_batch
from keras_pose.bodies.record_sets import open_bodies
from keras_pose.data.generated.hands import hand_source
from keras_pose.data.records import SOURCE_STRIDE, RecordReader, split_records, write_records
from keras_pose.wild3d.config import Config
from keras_pose.wild3d.model import PoseModel
from tests.bodies import small_bodies
from tests.bodies.small_bodies import COMMON, COUNT, SIZE


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folder of the record folders `lab` (3D labels) and `wild` (2D labels alone)."""
    top = tmp_path_factory.mktemp("bodies")
    small_bodies.write_both(top)
    return top


def test_training_and_held_out_records_share_no_group(folder):
    bodies = small_bodies.load(
        Config(**COMMON | {"val_share": 0.3}), folder / "lab", folder / "wild"
    )
    train = {int(i) for batch in small_bodies.batches(bodies, 12) for i in batch["id"]}
    heldout = [
        row for batch in bodies.heldout().as_numpy_iterator() for row in small_bodies.rows([batch])
    ]
    held_ids = [int(row["id"]) for row in heldout]
    assert len(set(held_ids)) == len(held_ids) and not train & set(held_ids)
    # Depth labels first, then 2D alone, each in the folder's order.
    assert held_ids == sorted(held_ids)
    groups = {}
    for number, name in enumerate(("lab", "wild")):
        reader = RecordReader(folder / name)
        for row in range(COUNT):
            groups[int(reader.ids[row]) + number * SOURCE_STRIDE] = (name, reader.record(row).group)
    assert set(groups) == train | set(held_ids)
    assert not {groups[i] for i in train} & {groups[i] for i in held_ids}


def test_val_folders_serve_for_validation_alone(folder):
    config = Config(**COMMON, val_folders="wild", share_3d=1.0, geometric_weight=0.0)
    bodies = small_bodies.load(config, folder / "lab", folder / "wild")
    assert bodies.counts == {
        "lab": {"train_3d": COUNT, "train_2d": 0, "heldout": 0},
        "wild": {"train_3d": 0, "train_2d": 0, "heldout": COUNT},
    }
    (batch,) = bodies.heldout().as_numpy_iterator()
    np.testing.assert_array_equal(batch["folder"], 1)


def _cut_off(position, record):
    """Pictures whose last half is missing, in records that are whole."""
    if position in (2, 5):
        return dataclasses.replace(record, image=record.image[: len(record.image) // 2])
    return record


@pytest.mark.parametrize("place", ["host", "device"])
def test_truncated_pictures_are_counted_and_batches_stay_full(folder, tmp_path, place):
    write_records(small_bodies.source("wild", _cut_off, labels_3d=False), tmp_path / "cut")
    settings = COMMON | {"augment_on": place, "max_bad_fraction": 0.2}
    bodies = small_bodies.load(Config(**settings), folder / "lab", tmp_path / "cut")
    batches = small_bodies.batches(bodies, 6)
    ids = {str(SOURCE_STRIDE + position) for position in (2, 5)}
    for batch in batches:
        assert len(batch["id"]) == 4 and batch["has_depth"].sum() == 2
        assert not ids & {str(i) for i in batch["id"]}
        pictures = batch["square" if place == "device" else "image"]
        assert (pictures.reshape(4, -1).max(axis=1) > 0).all()
    skipped = bodies.skipped()
    assert set(skipped) == ids
    for position, reason in ((2, "body 2 "), (5, "body 5 ")):
        assert reason in skipped[str(SOURCE_STRIDE + position)]


def test_truncated_held_out_pictures_are_listed_and_counted_nowhere(folder, tmp_path):
    write_records(small_bodies.source("wild", _cut_off, labels_3d=False), tmp_path / "cut")
    config = Config(**COMMON, val_folders="cut", share_3d=1.0, geometric_weight=0.0)
    bodies = small_bodies.load(config, folder / "lab", tmp_path / "cut")
    for _ in range(2):
        (batch,) = bodies.heldout().as_numpy_iterator()
        own = batch["id"] - SOURCE_STRIDE
        assert list(own) == [i for i in range(COUNT) if i not in (2, 5)]
    assert set(bodies.skipped()) == {str(SOURCE_STRIDE + 2), str(SOURCE_STRIDE + 5)}


def test_held_out_records_of_damaged_bytes_are_listed_and_nothing_stands_in(folder, tmp_path):
    shutil.copytree(folder / "wild", tmp_path / "wild")
    (path,) = (tmp_path / "wild").glob("*.tfrecord")
    content = bytearray(path.read_bytes())
    picture = RecordReader(tmp_path / "wild").record(4).image
    content[content.index(picture) + len(picture) // 2] ^= 0x10
    path.write_bytes(content)
    config = Config(**COMMON, val_folders="wild", share_3d=1.0, geometric_weight=0.0)
    bodies = small_bodies.load(config, folder / "lab", tmp_path / "wild")
    (batch,) = bodies.heldout().as_numpy_iterator()
    assert list(batch["id"] - SOURCE_STRIDE) == [i for i in range(COUNT) if i != 4]
    assert set(bodies.skipped()) == {str(SOURCE_STRIDE + 4)}


def test_too_many_truncated_pictures_stop_training(tmp_path):
    write_records(small_bodies.source("wild", _cut_off, labels_3d=False), tmp_path / "cut")
    bodies = small_bodies.load(
        Config(**COMMON, share_3d=0.0, max_bad_fraction=0.1), tmp_path / "cut"
    )
    (account,) = bodies.bad_records
    with (
        pytest.raises(
            ValueError, match="2 of 10 records are bad, more than --max_bad_fraction=0.1"
        ),
        account.as_sentence(),
    ):
        small_bodies.batches(bodies, 5)


@pytest.mark.parametrize(
    ("names", "settings", "sentence"),
    [
        ((), {}, "--data_dir is empty"),
        (("lab",), {}, "--share_3d=0.5 asks for pictures with only 2D labels, but --data_dir="),
        (("wild",), {}, "--share_3d=0.5 asks for pictures with depth labels, but no training"),
        (("lab", "wild"), {"val_folders": "wlid"}, "--val_folders=wlid names wlid, which is not"),
        (("nowhere",), {}, "nowhere"),
    ],
)
def test_what_is_missing_is_said_in_one_sentence(folder, names, settings, sentence):
    config = Config(**COMMON | settings)
    with pytest.raises((ValueError, OSError), match=sentence) as raised:
        open_bodies(config, ",".join(str(folder / name) for name in names))
    assert "\n" not in str(raised.value)


def test_hands_are_refused(folder, tmp_path):
    write_records(hand_source(4, seed=4, size=48), tmp_path / "hands")
    with pytest.raises(ValueError, match="hands holds hand_21_freihand joints; prepare it with"):
        open_bodies(Config(**COMMON), f"{folder / 'lab'},{tmp_path / 'hands'}")


def test_bodies_of_the_device_are_those_of_the_host(folder):
    """Labels bit for bit; where views of depth records are plain, both kinds still share batches."""
    for augment_3d in (True, False):
        host, device = (
            small_bodies.load(
                Config(**COMMON | {"augment_on": place, "augment_3d": augment_3d}),
                folder / "lab",
                folder / "wild",
            )
            for place in ("host", "device")
        )
        for one, other in zip(
            small_bodies.batches(host, 2), small_bodies.batches(device, 2), strict=True
        ):
            draws = {"square", "transforms", "level", "colour", "cutout"}
            assert set(one) - {"image"} == set(other) - draws
            for key in set(one) - {"image"}:
                np.testing.assert_array_equal(one[key], other[key], err_msg=key)
            assert other["square"].dtype == np.uint8
        # Measuring needs pictures, wherever training makes its own.
        assert device.heldout is None


def test_the_step_sees_the_same_whoever_made_the_views(folder):
    small = {"width": 8, "num_stacks": 1, "num_modules": 1, "num_depth_modules": 1}
    host, device = (
        Config(**COMMON | small | {"augment_on": place}) for place in ("host", "device")
    )
    model = PoseModel(device)
    model.compile()
    errors = []
    for config in (host, device):
        model.reset_metrics()
        batch = next(iter(small_bodies.load(config, folder / "lab", folder / "wild").batches(0)))
        errors.append({name: float(value) for name, value in model.test_step(batch).items()})
    assert errors[0]["loss_depth"] > 0
    for name, value in errors[0].items():
        assert errors[1][name] == pytest.approx(value, rel=1e-2), name


def test_what_is_drawn_are_pictures_wherever_views_are_made(folder):
    config = Config(**COMMON | {"augment_on": "device"})
    bodies = small_bodies.load(config, folder / "lab", folder / "wild")
    image = example_batch(config, bodies)["image"].numpy()
    assert image.dtype == np.uint8 and image.shape == (4, SIZE, SIZE, 3)
    expected = next(
        iter(small_bodies.load(Config(**COMMON), folder / "lab", folder / "wild").batches(0))
    )
    assert np.abs(image.astype(int) - expected["image"].numpy()).max() <= 3


def test_the_split_is_the_one_of_the_data_room(folder):
    config = Config(**COMMON | {"val_share": 0.3, "split_seed": 8})
    bodies = open_bodies(config, f"{folder / 'lab'},{folder / 'wild'}")
    for name, part in (("lab", bodies.train_3d), ("wild", bodies.train_2d)):
        train, _ = split_records(RecordReader(folder / name), 0.3, 8)
        np.testing.assert_array_equal(part.positions[0], train)
